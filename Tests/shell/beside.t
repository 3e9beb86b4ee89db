#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Sub-agents of Claude Code, beside their main conversation: whom urgent mail reaches, and that what they use counts. The
# real program against a model on loopback.
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
# Requests of the main conversation, or of a sub-agent, that have this text: a sub-agent has fewer tools.
requests() { # main|sub TEXT
  jq -r --arg text "$2" --arg who "$1" '.body | select((.tools // []) | length > 0) |
    select((([.tools[].name] | index("Agent")) != null) == ($who == "main")) | select(tojson | contains($text)) | 1' "$t_dir/model.log" | wc -l
}

# In the foreground: this version has them in the background unless it may not.
git config cadre.program.claude.environment CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1
cadre spawn -q front --agent claude --no-pull --auto
git config --unset cadre.program.claude.environment
wait_for 20 is_state front idle
# Urgent mail while a sub-agent uses a tool, in the foreground.
cadre send -q front '%call Agent {"description": "sub", "prompt": "%run touch $HOME/held; until [ -e $HOME/go ]; do sleep 0.1; done\n%run touch $HOME/went\n%say sub done", "subagent_type": "general-purpose", "run_in_background": false}
%say main over'
wait_for 20 test -e "$HOME/held"
ok "a sub-agent uses a tool"
id=$(cadre send front --urgent '%run touch "$HOME/urgent"
%say urgent heard' | cut -f 1)
touch "$HOME/go"
wait_for 20 test -e "$HOME/went"
wait_for 30 test -e "$HOME/urgent"
ok "urgent mail meanwhile is acted on"
wait_for 20 is_state front idle
is "$(requests sub "$id")" 0 "no sub-agent was told it"
[ "$(requests main "$id")" -gt 0 ] && [ "$(requests main "It is from 'human', your user: your user's word.")" -gt 0 ]
ok "but the agent itself, as its user's word"
is "$(cadre inbox --as front | wc -l)" 0 "and it is read"
cadre retire -q --discard front
base=$(jq -r '.body | select((.tools // []) | length > 0) | 1' "$t_dir/model.log" | wc -l)

cadre spawn -q one --agent claude --no-pull --auto
wait_for 20 is_state one idle
# In the background, in two conversations.
of() { cadre cost --by agent --json | jq -c "select(.agent == \"one\") | .$1"; }
cadre send -q one '%call Agent {"description": "second", "prompt": "%run true\n%run touch $HOME/background\n%say sub done", "subagent_type": "general-purpose", "run_in_background": true}
%say main over'
wait_for 20 test -e "$HOME/background"
# Its end is one more turn of the main conversation.
wait_for 20 eval '[ "$(requests main "second\\\" finished")" -gt 0 ]'
wait_for 20 is_state one idle
# The program tells what a conversation has cost a moment after it has: one that is left sooner is told of no more.
answers() { echo "$(($(jq -r '.body | select((.tools // []) | length > 0) | 1' "$t_dir/model.log" | wc -l) - base))"; }
wait_for 20 eval '[ "$(of money)" = "$(jq -n "$(answers) * 42 / 10000")" ]'
tmux -L "$t_server" send-keys -t "$(field one pane)" -l /clear
wait_for 5 a_shows one /clear
before=$(a_conversation one)
tmux -L "$t_server" send-keys -t "$(field one pane)" Enter
wait_for 10 eval '[ "$(a_conversation one)" != "$before" ]'
cadre send -q one '%say in another conversation'
wait_for 20 a_shows one '● in another conversation'
wait_for 20 is_state one idle
# Each answer of the model is as long as any, and costs the same.
answers=$(answers)
wait_for 20 eval '[ "$(of input),$(of output)" = "$((answers * 1000)),$((answers * 10))" ]'
is "$(of input),$(of output)" "$((answers * 1000)),$((answers * 10))" "tokens of sub-agents count"
wait_for 20 eval '[ "$(of money)" = "$(jq -n "$answers * 42 / 10000")" ]'
is "$(of money)" "$(jq -n "$answers * 42 / 10000")" "and their money"
is "$(field one cost)" "$(cadre cost --by agent | awk '$1 == "one" { print $2 }')" "agents and cost show one sum"
sum=$(printf '[$]%.2f' "$(of money)")
wait_for 10 a_shows one "one .*$sum"
ok "and so does its status line, other conversations of the agent counted"

# Killed when only sub-agents are at work.
cadre send -q one '%call Agent {"description": "third", "prompt": "%run touch $HOME/third; until [ -e $HOME/never ]; do sleep 0.1; done\n%say sub done", "subagent_type": "general-purpose", "run_in_background": true}
%say main over again'
wait_for 20 test -e "$HOME/third"
wait_for 20 eval '[ "$(field one state),$(field one note)" = "working,its sub-agents work" ]'
kill -9 "$(a_program one)"
wait_for 20 eval '[ "$(requests main "You were ended while your sub-agents worked")" -gt 0 ]'
ok "killed when only its sub-agents were at work: it is told to go on"
wait_for 20 is_state one idle
before=$(requests main "You were ended while")
kill -9 "$(a_program one)"
wait_for 20 eval '[ "$(cadre agents --json | jq -r "select(.name == \"one\").session")" = 3 ]'
wait_for 20 is_state one idle
is "$(requests main "You were ended while")" "$before" "killed when idle: of nothing"

cadre retire -q --discard one
is "$(cat "$(cadre path bus)"/agents/*/log 2>/dev/null)" "" "no hook went wrong"
code 0 "the bus is sound" cadre doctor
t_end
