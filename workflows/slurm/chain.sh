#!/usr/bin/env bash
# chain.sh [OPTIONS OF sbatch] TRAIN.yaml [key=value …] ROLLOUT.yaml [key=value …] [EVALUATE.yaml [key=value …]]
#
# Submits a training, a rollout that starts when the training has ended well, and an evaluation after that. A training
# that saves and is queued again keeps the others waiting; where one fails, those after it are taken from the queue.
# Options of sbatch (--time=04:00:00 --ntasks=8 …) are every job's, each one word. Prints the jobs' numbers.
set -euo pipefail

# shellcheck source=workflows/slurm/launch.sh
. "$(dirname "$0")/launch.sh"
options=()
while [[ ${1:-} == -* ]]; do
  options+=("$1")
  shift
done
[ $# -gt 0 ] || fail "name configurations: chain.sh TRAIN.yaml ROLLOUT.yaml [EVALUATE.yaml]"

configurations=0 # all are looked at before any is submitted
for word in "$@"; do
  [[ $word != *=* || $configurations = 0 ]] || continue
  ((++configurations <= 3)) ||
    fail "'$word' is a fourth configuration; a chain has a training, a rollout and an evaluation"
  [ -f "$word" ] || fail "there is no configuration '$word'; an option of sbatch is one word: --ntasks=8 or -n8"
done

after=()
for verb in train rollout evaluate; do
  [ $# -gt 0 ] || break
  words=("$1")
  shift
  while [[ ${1:-} == *=* ]]; do
    words+=("$1")
    shift
  done
  job=$(sbatch --parsable "${options[@]}" "${after[@]}" "$slurm_folder/$verb.slurm" "${words[@]}")
  echo "$verb: job ${job%%;*}"
  after=(--dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes)
done
