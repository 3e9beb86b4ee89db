#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# What is handed to a turn, and to whom: the real Claude Code against a model on loopback, with turns that are taken back, that
# end in a kill, and with sub-agents that work beside the main conversation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
export CLAUDE_CODE_MAX_RETRIES=1
cadre init -q
keys() { tmux -L "$t_server" send-keys -t "$(field one pane)" "$@"; }
asks() { cadre ask list | grep -c permission; }
begins() { cadre spawn -q one --agent claude --no-pull "$@" && wait_for 20 is_state one idle; }

# Taken back before the model has said anything.
begins --auto
cadre send -q one '%say warm'
wait_for 20 a_shows one '● warm'
wait_for 20 is_state one idle
id=$(cadre send one '%wait 20
%say first' | cut -f 1)
wait_for 10 is_state one working
wait_for 10 a_shows one 'esc to interrupt'
is "$(cadre inbox --as one | cut -f 1)" "$id" "mail in a turn that has said nothing is unread"
keys Escape
wait_for 10 is_state one idle
# As if it had been in nobody's hands.
second=$(cadre send one '%wait 0
%run echo both >>"$HOME/both"
%say second' | cut -f 1)
wait_for 40 grep -q both "$HOME/both"
ok "taken back by Esc: with the next mail it is heard, our own line in its box notwithstanding"
wait_for 20 is_state one idle
[ "$(jq -c --arg one "$id" --arg two "$second" '.body | tojson | select(contains($one) and contains($two))' "$t_dir/model.log" | wc -l)" -gt 0 ]
ok "both are in what the model was told"
wait_for 10 eval '[ -z "$(cadre inbox --as one)" ]'
ok "and read"

# Broken off after it has said something: it stood.
id=$(cadre send one '%run timeout 30 tail -f /dev/null
%say third' | cut -f 1)
wait_for 10 eval '[ -n "$(t_pgrep -f "tail -f /dev/null")" ]'
keys Escape
wait_for 10 is_state one idle
wait_for 20 a_read one "$id"
ok "broken off in a tool: it stood, and is read"
keys C-u

# Killed with its supervisor while it has mail in hand.
id=$(cadre send one '%run test -e "$HOME/begun" || { touch "$HOME/begun"; timeout 30 tail -f /dev/null; }
%run echo fourth >>"$HOME/fourth"
%say fourth' | cut -f 1)
wait_for 20 test -e "$HOME/begun"
kill -9 "$(field one pid)" "$(a_program one)"
wait_for 20 eval '[ "$(field one state)" = dead ]'
cadre up -q one
wait_for 40 grep -q fourth "$HOME/fourth"
ok "killed with its supervisor in the middle of a turn: it is told, and goes on with that"
a_requests 'ended in the middle of a turn' | grep -qv '^0$'
ok "in these words"
wait_for 20 is_state one idle
wait_for 10 a_read one "$id"
ok "and its mail is read"
id=$(cadre send one '%wait 5
%run echo fifth >>"$HOME/fifth"
%say fifth' | cut -f 1)
handed="$(cadre path agent one)/handed"
wait_for 10 test -s "$handed"
kill -9 "$(field one pid)" "$(a_program one)"
wait_for 20 eval '[ "$(field one state)" = dead ]'
cadre up -q one
wait_for 40 grep -q fifth "$HOME/fifth"
ok "killed as it was handed mail: it has it afterwards"
wait_for 20 is_state one idle
wait_for 10 a_read one "$id"
ok "and that is read"
cadre retire -q --discard one

# Sub-agents work beside it.
begins
sub() { printf '%%call Agent {"description": "%s", "prompt": "%s"}\n%%say begun\n' "$1" "$2"; }
cadre send -q one "$(sub beside '%run touch beside\n%say done beside')"
wait_for 30 eval '[ "$(asks)" = 1 ]'
id=$(cadre ask list | grep permission | cut -f 1)
wait_for 20 a_shows one 'Do you want to proceed'
# The main turn ends, and a prompt of the person's begins another while the sub-agent waits.
wait_for 10 is_state one waiting
sleep 3
is "$(asks),$(field one state)" "1,waiting" "a sub-agent in the background asks: its ask stands as long as the dialog"
cadre ask approve -q "$id"
wait_for 10 test -e "$(field one worktree)/beside"
ok "answered on the bus it is done"
wait_for 20 is_state one idle
cadre send -q one "$(sub beside '%run touch again\n%say done again')"
wait_for 30 eval '[ "$(asks)" = 1 ]'
wait_for 20 a_shows one 'Do you want to proceed'
keys Enter
wait_for 20 eval '[ "$(asks)" = 0 ]'
ok "answered in the pane its ask is closed"
wait_for 10 test -e "$(field one worktree)/again"
wait_for 20 is_state one idle
git config cadre.allow 'Bash(timeout 15 tail -f /dev/null)'
cadre send -q one "$(sub long '%run timeout 15 tail -f /dev/null\n%say done long')"
wait_for 30 eval '[ -n "$(t_pgrep -f "timeout 15 tail")" ]'
id=$(cadre send one --urgent '%say heard meanwhile' | cut -f 1)
wait_for 10 a_shows one '● heard meanwhile'
[ -n "$(t_pgrep -f "timeout 15 tail")" ]
ok "mail is heard at the end of the main turn, while a sub-agent works"
wait_for 10 a_read one "$id"
[ "$(jq -c --arg id "$id" '.body | select(tojson | contains($id)) | select(tojson | contains("done long") | not) | select(.tools | tostring | contains("\"Agent\""))' "$t_dir/model.log" | wc -l)" -gt 0 ]
ok "by the main conversation"
wait_for 40 is_state one idle
cadre retire -q --discard one
is "$(cat "$(cadre path bus)"/agents/*/log 2>/dev/null)" "" "no hook went wrong"
code 0 "the bus is sound" cadre doctor
t_end
