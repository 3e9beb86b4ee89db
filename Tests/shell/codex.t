#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Codex as an agent, the real program against a model on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
cadre init -q

count_conversation() { pgrep -f "codex resume .*$1" | wc -l; }
a_asking='%call exec_command {"cmd": "touch \"$HOME/asked\"", "sandbox_permissions": "require_escalated", "justification": "a test"}'
a_question='Would you like to run'
a_story codex
like "$(cadre cost --by agent --json | jq -c 'select(.agent == "one") | [.money, .input >= 5000, .output >= 50, .models]')" '[null,true,true,["test"]]' "its tokens are known, its money is not"
t_end
