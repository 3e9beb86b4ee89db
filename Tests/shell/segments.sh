# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # what lib.sh sets, what tests use
# For tests of what tmux shows: a server with the plugin, and clients of it in the panes of another, whose screens can be read.

t_plugin_dir=$(cd ../../tmux && pwd) t_plugin=$(cd ../.. && pwd)/cadre.tmux
t_outer=$t_server-outer
# shellcheck disable=SC2016 # for then
t_finally 'tmux -L "$t_outer" kill-server 2>/dev/null'

inner() { tmux -L "$t_server" "$@"; }

# A session in a directory, with nothing in its status line but what is said.
t_session() { # NAME DIRECTORY FORMAT
  # tmux expands what follows -c.
  inner -f /dev/null new-session -d -s "$1" -c "${2//\#/##}" -x 100 -y 10 -e TERM=screen "sleep 1000"
  inner set -t "=$1:" status-interval 0 \; set -t "=$1:" status-left '' \; set -t "=$1:" status-right-length 200 \; \
    set -t "=$1:" status-right "[$3]" \; set -wt "=$1:" window-status-current-format ''
}

# A client of a session, so many columns wide (and lines high, 10); `screen NAME` is what it shows.
t_client() { # SESSION WIDTH [HEIGHT]
  tmux -L "$t_outer" -f /dev/null new-session -d -s "$1" -x "$2" -y "${3:-10}" "env -u TMUX tmux -L '$t_server' attach -t '=$1'"
  tmux -L "$t_outer" set -t "=$1:" status off
  wait_for 10 t_attached "$1"
}
t_attached() { [ "$(inner display-message -p -t "=$1:" '#{session_attached}')" = 1 ]; }
screen() { tmux -L "$t_outer" capture-pane -p -t "=$1:" "${@:2}"; }
line() { screen "$@" | grep -v '^$' | tail -n 1 | sed 's/^ *//; s/ *$//'; }
shows() { # SESSION TEXT: whether that is shown; t_line is what is
  t_line=$(line "$1")
  [ "$t_line" = "[$2]" ]
}
# sees SECONDS SESSION TEXT NAME: what comes after that is no matter.
sees() {
  wait_for "$1" shows "$2" "$3"
  is "$t_line" "[$3]" "$4"
}
