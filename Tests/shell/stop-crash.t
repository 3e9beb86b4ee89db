#!/usr/bin/env bash
# stop, pause, resume and retire, killed before each of their file operations: the agent is whole, or gone when it was to go.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_crash_world

# It has committed, and changed something since.
ready_x() {
  if ! cadre agents -o name | grep -qx x; then
    clear_x
    cadre spawn x --agent idler 'do it'
    git -C "$(field x worktree)" commit -q --allow-empty -m precious
    echo own >"$(field x worktree)/work"
  fi
  cadre up x
  wait_for 10 runs x
  task=$(field x task)
  [ -n "$task" ] || task=$(cadre --as x task list --state ready --json | jq -r .id)
}
intact() { # Its work is there: in its worktree, or on the branch.
  local tree
  tree=$(field x worktree)
  [ -e "$tree/work" ] || git show "refs/heads/cadre/$task-do-it:work"
}

prepare_stop() {
  clear_x
  ready_x
}
do_stop() { cadre stop x; }
check_stop() {
  intact || return 1
  case $(field x state) in
    resting) is_ready "$task" ;;
    *) runs x && [ "$(field x task)" = "$task" ] ;;
  esac
}
enumerate stop

prepare_pause() {
  clear_x
  ready_x
}
do_pause() { cadre pause x; }
check_pause() {
  intact >/dev/null || return 1
  runs x || cadre resume x || return 1
  whole "$task" && [ "$(cat "$(field x worktree)/work")" = own ]
}
enumerate pause

prepare_resume() {
  ready_x
  cadre pause x
}
do_resume() { cadre resume x; }
check_resume() { check_pause; }
enumerate resume

prepare_retire() {
  clear_x
  ready_x
  rm -f "$(field x worktree)/work"
  tip=$(git -C "$(field x worktree)" rev-parse HEAD)
}
do_retire() { cadre retire x; }
check_retire() {
  if cadre agents -o name | grep -qx x; then cadre retire x || return 1; fi
  trace
  [ -z "$(trace)" ] && [ -n "$(git for-each-ref --contains "$tip")" ] && ! tmux -L "$t_server" list-windows -F '#W' | grep -qx x
}
enumerate retire

# As it is while git makes it, or after rm -rf.
prepare_stop >/dev/null 2>&1
cadre stop x
tip=$(git -C "$(field x worktree)" rev-parse HEAD)
rm -r "$repository.cadre/x"
code 0 "recover, where a worktree is registered but not there" cadre recover
is "$(git for-each-ref --contains "$tip" "refs/cadre/work/task-$task" | wc -l)" 1 "what was committed in it is kept"
code 75 "doctor names the worktree" cadre doctor
cadre resume -q x
code 0 "made again, the bus is sound" cadre doctor
t_end
