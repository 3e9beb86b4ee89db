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

# Turns that fail, of which no hook is told, and no model at all, which it waits for in the turn.
cadre spawn -q four --agent codex --no-worktree --no-pull '%say begun'
wait_for 20 a_shows four '^• begun'
wait_for 10 is_state four idle
for status in 400 529; do
  cadre send -q four "%fail $status"
  wait_for 20 a_shows four "told to fail with $status\|$status"
  since=$(date +%s%N)
  wait_for 10 is_state four idle
  ok "a turn that fails with $status ends in idle"
  a_since "idle after $status" "$since"
  wait_for 10 eval '[[ $(field four note) == *"told to fail with $status"* ]]' && cadre status | grep -q "^four	idle: .*told to fail with $status"
  ok "with what the program says of it, for who looks at status as well"
done
a_model_down
cadre send -q four '%run echo back >"$HOME/back"'
wait_for 20 a_shows four 'Connection failed'
wait_for 15 eval '[[ "$(field four state),$(field four note)" == "working,Reconnecting"* ]]'
ok "without a model it is at work still, as the program is, and is said to wait for that"
cadre spawn -q late --agent codex --no-worktree --no-pull '%say not heard'
wait_for 20 a_shows late 'Connection failed'
is_state late working
ok "one that is started without a model as well"
# It never gives up by itself. Nor does what makes it a title, half a minute long, until when the title shows work.
tmux -L "$t_server" send-keys -t "$(field late pane)" Escape
wait_for 10 a_shows late 'interrupted'
since=$(date +%s%N)
a_model_up
wait_for 60 is_state late idle
ok "until a person breaks the turn off"
a_since "idle after Esc" "$since"
wait_for 60 test -e "$HOME/back"
ok "once there is one it goes on"
wait_for 10 is_state four idle
cadre send -q late '%run echo woken >"$HOME/woken"'
wait_for 20 test -e "$HOME/woken"
ok "and mail wakes the one whose turn was broken off"
wait_for 10 is_state late idle
cadre retire -q four late
t_end
