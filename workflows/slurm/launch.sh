# shellcheck shell=bash
# Sourced by the job scripts of this folder: starts the program's ranks so that they can save before they end, and
# queues a job again that has saved. Read from the environment:
#   EDDYLINE               the program; default: that of this checkout or installation, else the one on PATH
#   EDDYLINE_SAVE_SECONDS  time [s] that ranks have to save once mpirun itself has got SIGTERM; default 5 (mpirun's
#                          own: 1). mpirun waits it out twice whenever ranks end with an error, also with exit code 75.

slurm_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

find_program() {
  local place
  if [ -n "${EDDYLINE:-}" ]; then
    [ -x "$EDDYLINE" ] || fail "EDDYLINE is '$EDDYLINE', which is no program; name the built eddyline"
    printf '%s\n' "$EDDYLINE"
    return
  fi
  for place in "$slurm_folder/../../build/release/eddyline" "$slurm_folder/../../../bin/eddyline"; do
    if [ -x "$place" ]; then
      printf '%s\n' "$place"
      return
    fi
  done
  command -v eddyline || fail "no program eddyline: build it, put it on PATH or set EDDYLINE to it"
}

# Options of mpirun that put the ranks of this Slurm job on cores, one a line. GPUs need none: the ranks of a node take
# its GPUs in turn. Ranks are bound only where the job has the cores it sees for itself; where Slurm does not confine
# jobs, mpirun would bind those of every job to the same first cores, and ranks would take all cores for theirs.
placement() {
  if [ "$(env -u OMP_NUM_THREADS nproc)" = "$SLURM_CPUS_ON_NODE" ]; then
    printf '%s\n' --use-hwthread-cpus --map-by "slot:PE=${SLURM_CPUS_PER_TASK:-1}" --bind-to hwthread
  else
    printf '%s\n' --bind-to none -x "OMP_NUM_THREADS=${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
  fi
}

# Runs the program on all ranks and returns its exit code. mpirun hands SIGUSR1 on to the ranks, which save and end
# with 75; SIGTERM would make it kill them, so it becomes SIGUSR1 here.
launch() { # options of mpirun -- words of the program
  local options=() program code signalled asked=
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  program=$(find_program) || exit 2
  mpirun --mca odls_base_sigkill_timeout "${EDDYLINE_SAVE_SECONDS:-5}" "${options[@]}" "$program" "$@" &
  local mpirun=$!
  trap 'signalled=yes asked=yes; kill -USR1 "$mpirun" 2> /dev/null || true' TERM USR1
  while
    signalled=
    code=0
    wait "$mpirun" || code=$?
    [ -n "$signalled" ] # wait was interrupted: mpirun still runs
  do :; done
  trap - TERM USR1
  if [ -n "$asked" ] && [ "$code" = 138 ]; then
    code=75 # ended by SIGUSR1 itself: it came before the ranks were ready for it, and nothing is lost
  fi
  return "$code"
}

# Runs the program in this Slurm job. After exit code 75 (saved before the end) the job goes back into the queue.
run_job() { # words of the program
  local options code=0
  mapfile -t options < <(placement)
  echo "job $SLURM_JOB_ID, start $((${SLURM_RESTART_COUNT:-0} + 1)): $SLURM_NTASKS ranks on $SLURM_JOB_NODELIST"
  launch "${options[@]}" -- "$@" || code=$?
  if [ "$code" != 75 ]; then
    [ "$code" = 0 ] || echo "job $SLURM_JOB_ID ended with $code; what it saved is whole, submitted again it goes on"
  elif scontrol requeue "$SLURM_JOB_ID"; then
    echo "job $SLURM_JOB_ID has saved and waits in the queue to go on"
  else
    echo "job $SLURM_JOB_ID has saved, but Slurm does not requeue it; submitted again it goes on"
  fi
  exit "$code"
}
