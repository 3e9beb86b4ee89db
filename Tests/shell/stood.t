#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# What is handed to a turn that is broken off: the real Claude Code against a model on loopback.
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

# Killed with its supervisor as soon as it was handed over: it is done, and once.
session=$(field one session)
processes=("$(field one pid)" "$(a_program one)")
id=$(cadre send one '%wait 5
%run echo fourth >>"$HOME/fourth"
%say fourth' | cut -f 1)
wait_for 20 test -e "$(cadre path agent one)/handed"
kill -9 "${processes[@]}"
# Whoever has brought it up again by now has seen that its conversation holds it.
[ "$(cadre inbox --as one | cut -f 1)" = "$id" ] || [ "$(field one session)" != "$session" ]
ok "killed with its supervisor at that moment: it is unread"
cadre up -q one
wait_for 30 grep -q fourth "$HOME/fourth"
wait_for 20 is_state one idle
wait_for 20 a_read one "$id"
is "$(cat "$HOME/fourth")" fourth "started again it acts on it, once"

cadre retire -q --discard one
is "$(cat "$(cadre path bus)"/agents/*/log 2>/dev/null)" "" "no hook went wrong"
code 0 "the bus is sound" cadre doctor
t_end
