#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Claude Code as an agent, the real program against a model on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
cadre init -q

count_conversation() { pgrep -f "claude .*--(resume|session-id) $1" | wc -l; }
a_asking='%run touch "$HOME/asked"'
a_question='Do you want to proceed'
a_story claude

# What no hook is told, and what begins a conversation anew.
keys() { tmux -L "$t_server" send-keys -t "$(field four pane)" "$@"; }
cadre spawn -q four --agent claude --no-worktree --no-pull
wait_for 10 is_state four idle
cadre send -q four '%wait 20
%say never'
wait_for 10 is_state four working
wait_for 10 a_shows four 'esc to interrupt'
since=$(date +%s%N)
keys Escape
wait_for 10 is_state four idle
ok "a turn that is broken off ends in idle"
a_since "idle after Esc" "$since"
keys C-u
cadre send -q four '%run touch "$HOME/denied"'
wait_for 20 a_shows four "$a_question"
wait_for 5 is_state four waiting
since=$(date +%s%N)
keys Escape
wait_for 10 is_state four idle
ok "a permission denied ends in idle"
a_since "idle after a denial" "$since"
[ ! -e "$HOME/denied" ]
ok "and nothing was run"
before=$(a_conversation four)
cadre send -q four '%fail 400'
wait_for 20 eval '[[ $(field four note) == "the turn failed"* ]]'
ok "a turn that fails ends in idle, with why"
is_state four idle
ok "as its state says"
keys -l /clear
wait_for 5 a_shows four /clear
keys Enter
wait_for 10 eval '[ "$(a_conversation four)" != "$before" ]'
ok "a conversation cleared is another one"
wait_for 10 is_state four idle
cadre send -q four '%say cleared'
wait_for 10 a_shows four cleared
is "$(jq -c '.body | select(tojson | contains("%say cleared"))' "$t_dir/model.log" | tail -n 1 | grep -o "You are 'four'" | wc -l)" 1 "and is told once what it must know"
cadre retire -q four
t_end
