#!/usr/bin/env bash
# mpirun.sh RANKS VERB CONFIG.yaml [key.sub=value …]
#
# Runs a verb on this machine without Slurm, e.g. mpirun.sh 4 train train.yaml --resume. SIGTERM and SIGUSR1 to this
# script let a training or rollout save and end with 75; the same command with --resume goes on.
set -euo pipefail

got= # no signal yet
# shellcheck source=workflows/slurm/launch.sh
. "$(dirname "$0")/launch.sh"
[[ ${1:-} =~ ^[1-9][0-9]*$ && $# -ge 2 ]] || fail "say ranks and verb: mpirun.sh 2 train train.yaml --resume"
ranks=$1
shift
launch -np "$ranks" --bind-to none --oversubscribe -- "$@"
