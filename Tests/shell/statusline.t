#!/usr/bin/env bash
# tmux/status.conf alone: the segment by its option, in a real status line, as a client draws it.
. "$(dirname "$0")/lib.sh"
t_world
. "$(dirname "$0")/segments.sh"
repository=$(t_repository "with 'quotes' \$(touch x) #(touch y)")
cd "$repository" || exit 1
cadre init -q
cadre task add -q -- '#(touch z)'

t_session me "$repository" '#{E:@cadre_status}'
t_client me 80
inner source-file "$t_plugin_dir/status.conf"
sees 15 me "1 ready" "the line shows the team"
cadre spawn -q --no-worktree --agent 'sleep 1000'
sees 15 me "1 idle | 1 ready" "and its agents"
cadre --as bob claim -q
sees 15 me "1 idle | 1 claimed" "and what changes"
[ ! -e x ] && [ ! -e y ] && [ ! -e z ]
ok "neither the path nor a title is run"
inner set -g @cadre_status 'my own'
inner source-file "$t_plugin_dir/status.conf"
is "$(inner show -gv @cadre_status)" "my own" "a value of the user's stays"
t_end
