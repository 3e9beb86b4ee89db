# shellcheck shell=bash
# shellcheck disable=SC2154 # what lib.sh sets
# For tests with a terminal: a client of a tmux server of ours in a pane of another one, whose keys and screen are ours.

inner="$t_server-inner"
export inner

# Starts both; the client has so many columns and lines, and begins in the directory. What is on PATH by then is on the server's.
t_client() { # DIRECTORY COLUMNS LINES
  # tmux expands what follows -c.
  tmux -L "$inner" -f /dev/null new-session -d -s mine -c "${1//\#/##}" -x "$2" -y "$3"
  # shellcheck disable=SC2016 # for then
  t_finally 'tmux -L "$inner" kill-server 2>/dev/null'
  # Keys that come fast are keys, not pasted text; what is said stays until the next key, however slow the machine.
  tmux -L "$inner" set -s escape-time 0 \; set -g assume-paste-time 0 \; set -g display-time 0
  tmux -L "$t_server" -f /dev/null new-session -d -x "$2" -y "$3" "env -u TMUX tmux -L '$inner' attach -t mine"
  tmux -L "$t_server" set -g status off \; set -s escape-time 0
  wait_for 10 shows '\[mine\]'
}

press() {
  local key
  for key; do tmux -L "$t_server" send-keys "$key"; done
}
type_text() { tmux -L "$t_server" send-keys -l -- "$1"; }
shown() { tmux -L "$t_server" capture-pane -p; }
shows() { shown | grep -q -- "$1"; }
hides() { ! shows "$1"; }
# What the client looks at.
at() { tmux -L "$inner" list-clients -F '#{window_name}' | head -n 1; }
is_at() { [ "$(at)" = "$1" ]; }
see() { # PATTERN NAME: it is on the screen in time
  wait_for 10 shows "$1"
  ok "$2" || true
  [ "$t_failed" = "${t_seen:=0}" ] || shown | sed 's/^/# /'
  t_seen=$t_failed
}
