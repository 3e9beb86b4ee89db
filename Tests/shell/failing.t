#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell, and for eval
# Turns that fail: what they had begun with is told again after a pause, and where that can't help a person is asked. The
# real programs against a model on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
git config cadre.retryPause 1s
git config cadre.silence 1s
cadre init -q
cadre spawn -q one --agent claude --auto
cadre spawn -q two --agent codex --auto
wait_for 20 is_state one idle && wait_for 20 is_state two idle
bus=$(cadre path bus)
told() { cadre inbox --all --as "$1" --json | jq -r .subject | grep -cx 'what to go on with'; }
fails() { [[ $(cadre status) == *"$1	idle: "*"told to fail with $2"* ]]; }

# It may pass.
cadre task add -q --to two 'a turn that fails' '%fail 529'
wait_for 30 eval '[[ $(cadre status) == *"two	idle: "*"told to fail with 529"*", again at "* ]]'
ok "status says what went wrong, and when it is told again"
wait_for 40 eval '[ "$(told two)" -ge 2 ]'
ok "it is told to go on, again and again"
is "$(cadre ask list | wc -l)" 0 "nobody is asked yet"
is "$(cadre inbox --all --as two --json | jq -r .subject | grep -c 'are you at work')" 0 "nor is it asked whether it is at work"
cadre send -q two '%fail 0
%run cadre task done -q --result fine'
wait_for 30 eval '! grep -q "^Failed:" "$bus/agents/two/conversation"'
ok "once it passes it goes on"
is "$(grep -cE '^(Tries|Retry-At):' "$bus/agents/two/conversation")" 0 "nothing of it is left"
wait_for 20 cadre task wait -q --timeout 1s 1
wait_for 20 is_state two idle

# It won't.
for name in one two; do
  before=$(told $name)
  cadre send -q $name '%fail 400'
  wait_for 30 fails $name 400
  wait_for 10 eval '[ "$(cadre ask list | cut -f 1 | grep -cx "failing-$name")" = 1 ]'
  like "$(cadre ask show failing-$name)" "*'$name' can't go on, its turns fail: *told to fail with 400*cadre attach $name*" "$name: a person is asked"
  is "$(told $name)" "$before" "$name: it is not told again"
  like "$(cadre send "$name" 'are you there?' 2>&1 >/dev/null)" "*'$name' can't go on (*" "$name: who writes is told"
  wait_for 20 fails $name 400
  cadre ask answer -q failing-$name '%fail 0'
  wait_for 20 eval '! grep -q "^Failed:" "$bus/agents/$name/conversation"'
  wait_for 10 is_state $name idle
  is "$(field $name note)" "" "$name: the answer has it go on"
done
is "$(cadre ask list | wc -l)" 0 "no ask is left"
cadre send -q one '%fail 400'
wait_for 30 eval '[ "$(cadre ask list | cut -f 1)" = failing-one ]'
cadre retire -q one
is "$(cadre ask list | wc -l)" 0 "nor of one that is retired"
cadre stop -q two
code 0 "the bus is sound" cadre doctor
t_end
