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

# Processes of the agent, by their environment, whose command line is this.
count_of() { # COMMAND AGENT
  local pid n=0
  for pid in $(pgrep -fx "$1"); do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "CADRE_AGENT=$2" && n=$((n + 1))
  done
  echo "$n"
}

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
