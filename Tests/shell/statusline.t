#!/usr/bin/env bash
# tmux/status.conf: a segment in a real status line, as a client draws it.
. "$(dirname "$0")/lib.sh"
t_world
conf=$(cd ../.. && pwd)/tmux/status.conf
repository=$(t_repository "with 'quotes' \$(touch x) #(touch y)")
cd "$repository" || exit 1
cadre init -q
cadre task add -q -- '#(touch z)'

# tmux expands what follows -c.
inner="$t_server-inner"
tmux -L "$inner" -f /dev/null new-session -d -c "${repository//\#/##}" -x 80 -y 10
trap 'tmux -L "$inner" kill-server 2>/dev/null; t_cleanup' EXIT
tmux -L "$inner" set -g status-interval 1
tmux -L "$inner" source-file "$conf"
tmux -L "$inner" set -g status-right-length 60
tmux -L "$inner" set -g status-right '[#{E:@cadre_status}]'
# A client in a pane of another server: what it draws can be read there.
tmux -L "$t_server" -f /dev/null new-session -d -x 80 -y 12 "env -u TMUX tmux -L '$inner' attach"
shows() { tmux -L "$t_server" capture-pane -p | grep -qF "[$1]"; }
wait_for 15 shows "1 ready"
ok "the line shows the team"
cadre --as bob claim -q
wait_for 15 shows "1 claimed"
ok "and what changes"
[ ! -e x ] && [ ! -e y ] && [ ! -e z ]
ok "neither the path nor a title is run"
tmux -L "$inner" set -g @cadre_status 'my own'
tmux -L "$inner" source-file "$conf"
is "$(tmux -L "$inner" show -gv @cadre_status)" "my own" "a value of the user's stays"
t_end
