#!/usr/bin/env bash
# Where agents stand: windows, panes, sessions of their own; and where they stand again when the server has died.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
. "$(dirname "$0")/segments.sh"
cd "$(t_repository)" || exit 1
cadre init -q
t_program idler <<'END_OF_PROGRAM'
exec sleep 1000
END_OF_PROGRAM

# A person looks at a session of their own, and at the project's.
t_session me "$PWD" x
t_client me 200 50
focus() { inner list-sessions -F '#{session_name} #{session_attached} #{window_id} #{pane_id}' -f "#{==:#{session_name},$1}"; }
mine=$(focus me)

is "$(cadre spawn --count 20 --agent idler --no-worktree --pane tile | wc -l)" 20 "twenty agents in panes"
is "$(focus me)" "$mine" "the person's window stays"
windows() { inner list-windows -t "=cadre-repository:" -F '#{window_name} #{window_panes}' | xargs; }
is "$(windows)" "team 9 team 9 team 2" "nine to a window"
is "$(inner list-panes -s -t =cadre-repository: -f '#{@cadre_agent}' -F '#{@cadre_agent}' | xargs)" \
  "$(for n in {1..20}; do echo "tile$n"; done | xargs)" "in the order of their making"
# Tiled: of nine panes none is twice as wide or as high as another.
is "$(inner list-panes -s -t =cadre-repository: -f '#{==:#{window_panes},9}' -F '#{pane_width} #{pane_height}' |
  awk 'NR == 1 { w = W = $1; h = H = $2 } { if ($1 < w) w = $1; if ($1 > W) W = $1; if ($2 < h) h = $2; if ($2 > H) H = $2 } END { print (W < 2 * w && H < 2 * h) }')" 1 "tiled"
cadre retire -q tile3
# It has the slot of the one that went.
cadre spawn -q --agent idler --no-worktree --pane again
is "$(windows)" "team 8 team 9 team 3" "the last window is filled first"
cadre spawn -q --agent idler --no-worktree window
is "$(windows)" "team 8 team 9 team 3 window 1" "a window beside them"
cadre spawn -q --agent idler --no-worktree --session apart
is "$(inner list-sessions -F '#{session_name}' | xargs)" "cadre-repository cadre-repository-apart me" "and a session"
is "$(focus me)" "$mine" "the person's window stays still"

# The server dies.
kill_server
is "$(cadre up | wc -l)" 22 "all come back"
is "$(windows)" "team 9 team 9 team 2 window 1" "where they were"
is "$(inner list-panes -s -t =cadre-repository: -f '#{==:#{window_name},team}' -F '#{@cadre_agent}' | xargs)" \
  "$(for n in {1..20}; do echo "tile$n"; done | grep -vx tile3 | xargs) again" "in their order"
is "$(inner list-sessions -F '#{session_name}' | xargs)" "cadre-repository cadre-repository-apart" "each session once"

# What restores a pane with its command line, as tmux-resurrect does, starts nobody twice, before and after.
before=$(cadre agents -o name,pid,session)
second=$(inner new-window -d -P -F '#{pane_id}' -t =cadre-repository: -n window -c "$PWD" "$t_dir/bin/cadre supervise window; echo ended with \$?; sleep 1000")
says() { inner capture-pane -p -t "$second" | grep -q 'ended with 1'; }
wait_for 15 says
ok "a second supervisor of an agent that runs ends, with 1"
is "$(cadre agents -o name,pid,session)" "$before" "and all are as they were"
is "$(count_of 'sleep 1000' window)" 1 "one program runs"
kill_server
inner -f /dev/null new-session -d -s cadre-repository -n window -c "$PWD" "$t_dir/bin/cadre supervise window"
wait_for 10 is_state window idle
ok "restored before 'up' it runs"
is "$(cadre up | grep -cx window)" 0 "and 'up' does not start it again"
is "$(count_of 'sleep 1000' window)" 1 "one program runs"
is "$(inner list-panes -a -f '#{==:#{@cadre_agent},window}' -F x | wc -l)" 1 "in one pane"
code 0 "the bus is sound" cadre doctor

# A small screen has room for fewer.
cadre agents -o name | cadre retire -q -
inner kill-server
wait_for 10 eval '! inner list-sessions'
t_session me "$PWD" x
t_client me 80 25
cadre spawn -q --count 8 --agent idler --no-worktree --pane small
is "$(windows)" "team 6 team 2" "of 80 by 24 it takes six"
t_end
