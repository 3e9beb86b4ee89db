#!/usr/bin/env bash
# tmux/cadre.tmux: loaded in each of its ways, with options before and after, and taken back without a trace.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
. "$(dirname "$0")/segments.sh"
cd "$(t_repository)" || exit 1
repository=$PWD
cadre init -q

# All that a server knows: options, hooks, keys, environment, of all scopes.
everything() {
  inner show-options -s
  inner show-options -g
  inner show-options -gw
  inner show-hooks -g
  inner list-keys
  inner show-environment -g
  inner show-environment -gh
  for session in $(inner list-sessions -F '#{session_id}'); do
    inner show-environment -t "$session"
    inner show-environment -h -t "$session"
    inner show-options -t "$session"
    inner show-hooks -t "$session"
  done
  for pane in $(inner list-panes -a -F '#{pane_id}'); do
    inner show-options -p -t "$pane"
    inner show-options -w -t "$pane"
  done
}
filled() { [ -n "$(inner show-environment -gh cadre_status 2>/dev/null)" ]; }

t_session me "$repository" '#{cadre_status}'
t_client me 80
inner set-hook -g client-attached 'set-environment -gh users_own yes'
inner set -g @cadre_icons ascii
inner set -g @mine '#{cadre_status}'
everything >"$t_dir/before"
servers=$(inner show-options -s)

# From a directory of an awkward name.
awkward="$t_dir/it's #(touch a) \"b\" [c] \$(touch d);"
cp -r "$t_plugin_dir" "$awkward"
path="'${awkward//\'/\'\\\'\'}/cadre.tmux'"
PATH="$t_dir/bin:$PATH" inner run-shell "${path//\#/##}"
wait_for 10 filled
ok "run-shell from an awkward directory"
is "$(inner show-environment -gh cadre_plugin)" "cadre_plugin=$awkward" "which formats can find"
[ ! -e a ] && [ ! -e d ] && [ ! -e "$HOME/a" ] && [ ! -e "$HOME/d" ]
ok "nothing of its name is run"
is "$(inner show-options -s)" "$servers" "no server option is set"
is "$(diff <(inner show-options -g) <(inner show-options -g | grep -v '^@cadre_status ') | grep -c '^[<>]')" 1 "one session option"
sees 10 me "nothing to do" "the line is shown"

# Twice, and by a link as TPM runs it.
hooks=$(inner show-hooks -g)
inner run-shell "'${t_plugin//\#/##}'"
is "$(inner show-hooks -g)" "$hooks" "loaded a second time the hooks are the same"
env TMUX="$(inner display-message -p '#{socket_path},#{pid},0')" "$t_plugin"
is "$(inner show-hooks -g)" "$hooks" "and by its link"
is "$(inner show-environment -gh cadre_plugin)" "cadre_plugin=$t_plugin_dir" "whose directory is the real one"
like "$(inner show-hooks -g)" "*client-attached\\[0\\] set-environment -gh users_own yes*" "the user's own hook stays"

# Options before and after.
cadre spawn -q --no-worktree --agent 'sleep 1000' bob
sees 10 me "1i" "an option that was set before counts"
inner set -g @cadre_icons none \; set -g @cadre_border on \; set -g @cadre_agent_colors on \; set -g @cadre_window_names on
cadre status --tmux
sees 10 me "1 idle" "and one that is set after"
pane=$(field bob pane)
is "$(inner display-message -p -t "$pane" '#{@cadre_label}|#{window_name}|#{pane-border-status}')" "bob · idle|bob idle|top" "borders and names of windows"
like "$(inner display-message -p -t "$pane" '#{@cadre_agent_color}')" "colour[0-9]*" "a colour"
inner set -gu @cadre_border \; set -gu @cadre_agent_colors \; set -gu @cadre_window_names
told() { env CADRE_AGENT=bob CADRE_SESSION="$(sed -n 's/^Token: //p' "$(cadre path agent bob)/session")" cadre heartbeat --state "$1"; }
told working
without() { [ "$(inner display-message -p -t "$pane" '#{@cadre_state}|#{@cadre_label}|#{window_name}|#{pane-border-status}')" = "working||bob|off" ]; }
wait_for 5 without
ok "what is no longer wanted goes with the next change"

# Bells and messages.
is_told() { [ "$(inner display-message -p -t "$pane" '#{@cadre_state}')" = "$1" ]; }
inner set -g @cadre_alert bell
told idle && wait_for 5 is_told idle
[ "$(inner display-message -p -t "$pane" '#{window_bell_flag}')" = 0 ]
ok "no bell yet"
told waiting
rang() { [ "$(inner display-message -p -t "$pane" '#{window_bell_flag}')" = 1 ]; }
wait_for 5 rang
ok "a bell when it waits"
inner set -g @cadre_alert message \; set -g display-time 10000
told idle && wait_for 5 is_told idle
told waiting
says() { screen me | grep -q "bob waits for you"; }
wait_for 5 says
ok "a message"
is "$(inner display-message -p -t =me: '#{session_name}:#{window_index}')" "me:0" "nobody's focus has moved"

# Hooks: who is dead comes back when somebody attaches.
[ "$(inner show-environment -gh users_own)" = users_own=yes ] || inner detach-client -s =me
inner set-hook -gu 'pane-died[1042]'
tmux -L "$t_outer" kill-session -t me
kill -9 "$(field bob pid)"
wait_for 5 is_state bob dead
sleep 0.3
is "$(field bob state)" dead "without the hook of the pane it stays dead"
(sleep 1 | inner -C attach -t =me) >/dev/null
is "$(field bob state)" dead "a control client is nobody"
t_client me 80
wait_for 10 is_state bob idle
ok "when a person attaches it runs again"
is "$(inner show-environment -gh users_own)" users_own=yes "the user's own hook ran as well"

# All back.
cadre retire -q bob
inner set-environment -ghu users_own
tmux -L "$t_outer" kill-session -t me
# A server that is about to end would turn the client away.
no_outer() { ! tmux -L "$t_outer" list-sessions 2>/dev/null; }
wait_for 5 no_outer
t_client me 80
sleep 0.3
inner set-environment -ghu users_own
inner set -gu @cadre_alert \; set -gu display-time
inner set -g @cadre_icons ascii
inner run-shell "'${t_plugin//\#/##}' uninstall"
everything >"$t_dir/after"
is "$(diff "$t_dir/before" "$t_dir/after")" "" "uninstall leaves nothing behind, and what was the user's"
cadre task add -q later
cadre status --tmux 2>/dev/null
is "$(everything)" "$(cat "$t_dir/before")" "nor does anything come back"
inner set -g @cadre_status 'my own'
inner run-shell "'${t_plugin//\#/##}'"
inner run-shell "'${t_plugin//\#/##}' uninstall"
is "$(inner show-options -gv @cadre_status)" "my own" "an option of the user's stays"
inner set -gu @cadre_status

# Without cadre: who is attached is told where it is had from, else the first who comes.
inner set -g display-time 0
mkdir "$awkward/../shell"
cp "${t_plugin%/*}/shell/install" "$awkward/../shell/"
load_alone() { inner run-shell "PATH=/usr/bin:/bin HOME=/nonexistent ${path//\#/##} || true"; }
says_where() { screen me | grep -qF "cadre.tmux: cadre is not installed: run ${awkward%/*}/shell/install"; }
load_alone
wait_for 10 says_where
ok "without cadre the client is told where it is had from"
inner detach-client -s me
t_nobody() { [ -z "$(inner list-clients)" ]; }
wait_for 10 t_nobody
load_alone
t_client me 120
wait_for 10 says_where
ok "where nobody is attached, the first who comes"
is "$(inner show-hooks -g | grep 1042)" "" "once"
t_end
