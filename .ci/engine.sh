# shellcheck shell=bash
# The Docker Engine: use the one that answers, else run one for as long as .ci/run lives.
# Sourced by .ci/run.

ENGINE_START_SECONDS_MAX=60
ENGINE_STOP_SECONDS_MAX=60 # it stops what containers are left first
ENGINE_ANSWER_SECONDS_MAX=10
ENGINE_PID_FILE=/run/docker.pid
CONTAINERD_PID_FILE=/run/docker/containerd/containerd.pid
engine_pid='' # set only when the engine is ours to stop

engine_answers() {
  timeout "$ENGINE_ANSWER_SECONDS_MAX" docker info >/dev/null 2>&1 </dev/null
}

ensure_engine() {
  engine_answers && return
  if engine_is_starting; then
    # Never a second one on the same network: it would delete the first one's bridge.
    wait_for_engine || fail "a dockerd runs (pid $(<"$ENGINE_PID_FILE")) but does not answer"
    return
  fi
  start_engine
}

start_engine() {
  local log
  remove_stale_pid_files
  log=$(mktemp -t flowkeep-dockerd.XXXXXX.log)
  # In a session of its own, so that a Ctrl-C here reaches the tests, not the engine under them.
  setsid dockerd >"$log" 2>&1 </dev/null &
  engine_pid=$!
  wait_for_engine && return
  tail -n 40 "$log" >&2
  fail "dockerd ended, or did not answer within $ENGINE_START_SECONDS_MAX s (its whole log: $log)"
}

wait_for_engine() {
  local deadline=$((SECONDS + ENGINE_START_SECONDS_MAX))
  until engine_answers; do
    ((SECONDS < deadline)) || return 1
    [[ -z $engine_pid ]] || is_running "$engine_pid" || return 1
    sleep 0.2
  done
}

engine_is_starting() {
  names_process "$ENGINE_PID_FILE" dockerd
}

# Where /run outlives a reboot, an old number may be another process's now, and dockerd would
# take it for a running engine of its own.
remove_stale_pid_files() {
  names_process "$ENGINE_PID_FILE" dockerd || rm -f "$ENGINE_PID_FILE"
  names_process "$CONTAINERD_PID_FILE" containerd || rm -f "$CONTAINERD_PID_FILE"
}

names_process() {
  local file=$1 name=$2 pid
  pid=$(cat "$file" 2>/dev/null) && [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$name" ]]
}

# Silent: the tests' closing line stays the last one. An engine that was there before stays up.
stop_engine() {
  [[ -n $engine_pid ]] && is_running "$engine_pid" || return 0
  kill "$engine_pid" || return 0
  local deadline=$((SECONDS + ENGINE_STOP_SECONDS_MAX))
  while is_running "$engine_pid" && ((SECONDS < deadline)); do sleep 0.2; done
} >/dev/null 2>&1

is_running() {
  kill -0 "$1" 2>/dev/null
}
