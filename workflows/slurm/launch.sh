# shellcheck shell=bash
# Sourced by the job scripts of this folder: starts the program's ranks so that they can save before they end, and
# queues a job again that has saved. Read from the environment:
#   EDDYLINE               the program; default: that of this checkout or installation, else the one on PATH
#   EDDYLINE_UNDER         what each rank runs under, as words of a shell: 'xvfb-run -a', 'numactl --localalloc'
#   EDDYLINE_SAVE_SECONDS  time [s] that ranks have to save once mpirun itself has got SIGTERM; default 5 (mpirun's
#                          own: 1). mpirun waits it out twice whenever ranks end with an error, also with exit code 75.

slurm_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

got=${got:-} # the signal that has come, USR1 or TERM; job scripts take it even before they source this
saves=       # whether the program saves at a signal
stop=        # what is handed on for `got`
mpirun=      # the process that it is handed on to
interrupted=
unready=

# mpirun hands SIGUSR1 on to the ranks, which save and end with 75; SIGTERM would make it kill them, so it becomes
# SIGUSR1. A program that does not save goes on at SIGUSR1, which says that the time limit is near, and ends at SIGTERM.
hand_on() {
  if [ -n "$saves" ]; then
    stop=USR1
  elif [ "$got" = TERM ]; then
    stop=TERM
  fi
  [ -z "$stop" ] || [ -z "$mpirun" ] || kill "-$stop" "$mpirun" 2> /dev/null || true
}

take_signal() { # USR1 or TERM
  got=$1 interrupted=yes
  hand_on
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

# Runs the program on all ranks and returns its exit code.
launch() { # options of mpirun -- verb and other words of the program
  local options=() under program code
  trap 'take_signal USR1' USR1
  trap 'take_signal TERM' TERM
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  program=$(find_program) || exit 2
  eval "under=(${EDDYLINE_UNDER:-})"
  case $1 in train | rollout) saves=yes ;; esac
  [ -z "$got" ] || hand_on
  if [ -n "$stop" ]; then
    code=$((128 + $(kill -l "$stop"))) # as if the ranks had ended by it
  else
    mpirun --mca odls_base_sigkill_timeout "${EDDYLINE_SAVE_SECONDS:-5}" "${options[@]}" "${under[@]}" "$program" "$@" &
    mpirun=$!
    [ -z "$got" ] || hand_on
    while
      interrupted=
      code=0
      wait "$mpirun" || code=$?
      [ -n "$interrupted" ] # mpirun may still run
    do :; done
  fi
  trap '' TERM USR1
  if [ "$code" = 138 ] && [ "$stop" = USR1 ]; then
    code=75 unready=yes # ended by SIGUSR1 itself: it came before the ranks were ready for it, and nothing is lost
  fi
  return "$code"
}

# How many ranks mpirun starts in this job: a sum of Slurm's "2(x3),1".
count_ranks() {
  local sum=0 tasks
  for tasks in ${SLURM_TASKS_PER_NODE//,/ }; do
    [[ $tasks =~ ^([0-9]+)(\(x([0-9]+)\))?$ ]]
    ((sum += BASH_REMATCH[1] * ${BASH_REMATCH[3]:-1}))
  done
  [ "$sum" = 1 ] && echo "1 rank" || echo "$sum ranks"
}

# Whether this start and the one before it got their signal before they were ready, as each would where the time limit
# is within the signal's lead. A file keeps the first of them in mind.
gets_nowhere() {
  local first=$SLURM_SUBMIT_DIR/.eddyline-job-$SLURM_JOB_ID-unready
  if [ -z "$unready" ] || [ "${SLURM_RESTART_COUNT:-0}" = 0 ]; then
    rm -f "$first"
  fi
  [ -n "$unready" ] || return 1
  if [ -e "$first" ]; then
    rm -f "$first"
  else
    ! : > "$first" # where it cannot be written nothing would end them
  fi
}

# One that was cancelled ends too, but requeued it would come back.
is_running() { [[ $(scontrol show job "$SLURM_JOB_ID") == *"JobState=RUNNING "* ]]; }

# Runs the program in this Slurm job. After exit code 75 (saved before the end) the job goes back into the queue.
run_job() { # verb and other words of the program
  local options code=0 job="job $SLURM_JOB_ID"
  mapfile -t options < <(placement)
  echo "$job, start $((${SLURM_RESTART_COUNT:-0} + 1)): $(count_ranks) on $SLURM_JOB_NODELIST"
  launch "${options[@]}" -- "$@" || code=$?
  if gets_nowhere; then
    echo "$job was told to stop before it was ready, and is not queued again: ask for a --time that is minutes longer" \
      "than the lead of --signal; nothing is lost"
  elif [ "$code" != 75 ]; then
    [ "$code" = 0 ] || echo "$job ended with $code; what it saved is whole, submitted again it goes on"
  elif is_running && scontrol requeue "$SLURM_JOB_ID"; then
    echo "$job has saved and waits in the queue to go on"
  else
    echo "$job has saved, but Slurm does not requeue it; submitted again it goes on"
  fi
  exit "$code"
}
