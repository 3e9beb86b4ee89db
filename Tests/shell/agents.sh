# shellcheck shell=bash
# shellcheck disable=SC2154 # what lib.sh sets
# For tests of agents: small programs, and what is asked of them again and again.

# A program of /bin/sh on PATH, its text from standard input.
t_program() { # NAME
  { printf '#!/bin/sh\nt_dir=%s\nexport t_dir\n' "$t_dir" && cat; } >"$t_dir/bin/$1"
  chmod +x "$t_dir/bin/$1"
}

field() { # NAME FIELD
  cadre agents -o "name,$2" | awk -F '\t' -v name="$1" '$1 == name && $2 != "-" { print $2 }'
}

is_state() { [ "$(field "$1" state)" = "$2" ]; }
is_ready() { cadre task list --state ready | cut -f1 | grep -qx "$1"; }
panes() { tmux -L "$t_server" list-panes -a -F '#{pane_id}' 2>/dev/null | wc -l; }

# Processes of this test's agent, by their environment, whose command line is this.
pids_of() { # COMMAND AGENT
  local pid
  for pid in $(pgrep -fx "$1"); do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "CADRE_AGENT=$2" && grep -qzsxF "HOME=$HOME" "/proc/$pid/environ" && echo "$pid"
  done
}
count_of() { pids_of "$@" | wc -l; }

# The server, gone when it returns.
kill_server() {
  local pid
  pid=$(tmux -L "$t_server" display-message -p '#{pid}')
  tmux -L "$t_server" kill-server
  wait_for 10 t_gone "$pid"
  wait_for 10 t_all_free
}
# No such process, or only a zombie.
t_gone() { ! grep -q '^State:	[^Z]' "/proc/$1/status" 2>/dev/null; }
t_all_free() { ! cadre agents -o pid | grep -q '[0-9]'; }

# Verbs on agents, killed before each of their file operations

# A repository with equipment, a program `idler`, and an agent that keeps the server and watches.
t_crash_world() {
  t_world
  repository=$(t_repository)
  cd "$repository" || exit 1
  printf '.env\n' >.gitignore
  printf '.env\n' >.worktreeinclude
  git add . && git commit -qm ignore
  echo secret >.env
  cadre init -q
  echo 'exec sleep 1000' | t_program idler
  cadre spawn -q other --agent idler --no-worktree
}

runs() { [ -n "$(field "$1" pid)" ]; }
# Nothing of an agent x: no card, no directory of any kind, no slot, no task bound to it.
trace() {
  cadre agents -o name | grep -x x
  ls -d "$repository.cadre" "$repository/.git/cadre/agents/x" 2>/dev/null
  git worktree list | grep x$
  grep -l '^x ' "$repository"/.git/cadre/slots/* | while read -r slot; do
    [ "$(cut -d' ' -f2 "$slot")" != 0 ] && kill -0 "$(cut -d' ' -f2 "$slot")" 2>/dev/null && echo "$slot"
  done
  find "$repository"/.git/cadre/state/ready/*=x -name '[0-9]*' -type f 2>/dev/null
}
whole() { # TASK
  wait_for 10 is_state x working && [ "$(field x task)" = "$1" ] && [ "$(cat "$(field x worktree)/.env")" = secret ] &&
    [ -n "$(git -C "$(field x worktree)" branch --show-current)" ]
}

# enumerate NAME: calls prepare_NAME, then NAME with the fault at 1, 2, …, and check_NAME after each, until it is not reached.
enumerate() {
  local n=0 bad='' code
  while [ "$n" -lt 300 ]; do
    n=$((n + 1))
    "prepare_$1" >/dev/null 2>&1
    (export CADRE_FAULT=kill:$n && "do_$1") >"$t_dir/out" 2>"$t_dir/err"
    code=$?
    cadre recover >/dev/null 2>"$t_dir/recover" || bad="$bad $n(recover: $(cat "$t_dir/recover"))"
    cadre up >/dev/null 2>&1
    "check_$1" >"$t_dir/why" 2>&1 || bad="$bad $n($(xargs <"$t_dir/why"))"
    [ "$code" = 137 ] || break
  done
  is "$code$bad" 0 "$1: a whole agent or none, killed at each of $((n - 1)) operations"
}
clear_x() {
  cadre retire --discard x
  cadre task list --json | jq -r 'select(.state == "ready" or .state == "claimed") | .id' | cadre task cancel -
}
