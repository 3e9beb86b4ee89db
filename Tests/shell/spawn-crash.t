#!/usr/bin/env bash
# spawn, killed before each of its file operations: afterwards recover and up leave a whole agent or none.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_crash_world

prepare_spawn() { clear_x; }
do_spawn() { cadre spawn x --agent idler 'do it'; }
check_spawn() {
  local task
  if cadre agents -o name | grep -qx x; then
    wait_for 10 is_state x working
    task=$(cadre task list --state claimed --json | jq -r 'select(.owner == "x") | .id')
    whole "$task"
  else
    trace
    [ -z "$(trace)" ] && [ -z "$(cadre task list --state ready)" ]
  fi
}
enumerate spawn

prepare_spawn_task() {
  clear_x
  task=$(cadre task add 'given')
}
do_spawn_task() { cadre spawn x --agent idler --task "$task"; }
check_spawn_task() {
  if cadre agents -o name | grep -qx x; then whole "$task"; else
    trace
    [ -z "$(trace)" ] && cadre --as anybody claim "$task"
  fi
}
enumerate spawn_task
cadre task cancel "$task" >/dev/null 2>&1
code 0 "the bus is sound" cadre doctor
t_end
