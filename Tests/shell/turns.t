#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Run alone: its programs take most of the inotify instances that a user may have.
# Agents without a terminal whose program does one turn and ends: Claude Code and Codex, the real programs against a model
# on loopback, and one that can't call verbs, as aider can't, imitated.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
a_fetch claude codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
# What sandboxed agents do is in sandbox.t.
sed -i '1i sandbox_mode = "danger-full-access"' "$HOME/.codex/config.toml"
git config cadre.gate true
cadre init -q
t_finally 'cadre agents -o name | cadre retire -q --discard - 2>/dev/null; kill "$a_model_pid" 2>/dev/null'
# The merge queue is run by a window of a server that is no agent's child.
tmux -L "$t_server" -f /dev/null new-session -d 'exec sleep 1000'
conversation() { sed -n "s/^$2: //p" "$(cadre path agent "$1")/conversation"; }
program() { # NAME: the process of its program, if one runs
  local supervisor
  supervisor=$(field "$1" pid)
  tr ' ' '\n' <"/proc/$supervisor/task/$supervisor/children" | head -n 1
}
# What it has kept of its conversation; it does a moment after it says it.
kept() { [ -s "$(conversation "$1" Transcript)" ]; }
rests() { [ -z "$(program "$1")" ] && is_state "$1" idle; }

# Once, also where the model of the tests says it again in a turn that goes on.
work='%run test -e FILE || { echo "$CADRE_AGENT" >FILE && cadre task done -m FILE; }
%say it is done'
for agent in claude codex; do
  since=$(date +%s%N)
  is "$(cadre spawn --headless --agent "$agent" --auto "$agent" 2>/dev/null)" "$agent" "$agent without a terminal"
  wait_for 5 rests "$agent"
  ok "it waits, and no program runs"
  id=$(cadre task add --to "$agent" "make $agent-1" "${work//FILE/$agent-1}")
  code 0 "it does a task" cadre task wait --timeout 60s "$id"
  echo "# shown $agent had its first task landed $((($(date +%s%N) - since) / 1000000)) ms after the spawn"
  is "$(git show "main:$agent-1")" "$agent" "which has landed"
  wait_for 10 rests "$agent"
  first=$(conversation "$agent" Id)
  cadre send -q "$agent" '%run echo mail >"$HOME/$CADRE_AGENT"
%say thank you'
  wait_for 20 grep -q mail "$HOME/$agent"
  ok "it acts on mail"
  wait_for 10 rests "$agent"
  is "$(cadre inbox --as "$agent" | wc -l),$(conversation "$agent" Id)" "0,$first" "which is read, in the same conversation"

  # Killed in the middle.
  id=$(cadre task add --to "$agent" "make $agent-2" "%run test -e \"\$HOME/$agent-begun\" || { touch \"\$HOME/$agent-begun\"; timeout 30 tail -f /dev/null; }
${work//FILE/$agent-2}")
  wait_for 20 test -e "$HOME/$agent-begun"
  wait_for 20 kept "$agent"
  second=$(conversation "$agent" Id)
  [ "$second" != "$first" ]
  ok "another task is another conversation"
  kill -9 "$(program "$agent")"
  code 0 "killed in the middle it goes on" cadre task wait --timeout 60s "$id"
  wait_for 10 rests "$agent"
  is "$(conversation "$agent" Id)" "$second" "in the same conversation"
  is "$(git show "main:$agent-2")" "$agent" "and does it once"
  supervisor=$(field "$agent" pid)
  rm "$HOME/$agent-begun"
  id=$(cadre task add --to "$agent" "make $agent-3" "%run test -e \"\$HOME/$agent-begun\" || { touch \"\$HOME/$agent-begun\"; timeout 30 tail -f /dev/null; }
${work//FILE/$agent-3}")
  wait_for 20 test -e "$HOME/$agent-begun"
  wait_for 20 kept "$agent"
  third=$(conversation "$agent" Id)
  # A turn that TERM breaks off is forgotten by the model of the tests.
  kill -9 "$(program "$agent")" "$supervisor"
  wait_for 10 eval '[ "$(field $agent state)" = dead ]'
  is "$(cadre up)" "$agent" "its supervisor and it killed: up starts it"
  code 0 "and it goes on" cadre task wait --timeout 60s "$id"
  wait_for 10 rests "$agent"
  is "$(conversation "$agent" Id)" "$third" "in the same conversation"
  is "$(git show "main:$agent-3")" "$agent" "and does it once"
  is "$(cat "$(cadre path agent "$agent")/log" 2>/dev/null)" "" "no hook went wrong"
done
like "$(cadre peek claude)" '*"type":"result"*' "peek shows what it printed"

# What it cost. A turn that was killed has not told.
like "$(cadre cost --by task | awk '$1 == 1 { print $2, $3, $5 }')" "0.00[0-9]* [1-9]000 [1-9]0" "Claude Code's money and tokens, by task"
like "$(cadre cost --by task | awk '$1 == 2 { print $2 }')" "*+" "and that a part is not known"
like "$(cadre cost --by agent | awk '$1 == "codex" { print $2, $3 }')" "- [0-9]*000" "Codex's tokens, and no money"

# A turn that ends without the task's end.
git config cadre.maxAttempts 1
id=$(cadre task add --to claude 'nothing' '%say I do not feel like it')
code 1 "a task that no turn ends is not done" cadre task wait --timeout 60s "$id"
is "$(cadre task show --json "$id" | jq -r .state)" failed "but failed, after as many attempts as it has"
is "$(cadre task show "$id" | grep -c 'its turn ended, and the task is not done')" 3 "and notes say why"
is "$(jq -r 'select(.path | endswith("/messages")) | select(.body | tostring | contains("is still yours. Finish it")) | .path' "$t_dir/model.log" | wc -l)" 2 "its program was told so"
is "$(cadre ask list | cut -f1)" "failed-$id" "and the person is"
git config --unset cadre.maxAttempts
cadre retire -q --discard claude codex

# One that can't call verbs, and has no hooks.
t_program mute <<'END'
cp "$CADRE_MESSAGE" "$t_dir/message"
! grep -q break "$CADRE_MESSAGE" || [ -e "$t_dir/broken" ] || { touch "$t_dir/broken"; exit 3; }
! grep -q 'nest' "$CADRE_MESSAGE" || [ -e inner ] || { git init -q inner && git -C inner commit -q --allow-empty -m inner; }
! grep -q 'make' "$CADRE_MESSAGE" || { echo "$CADRE_AGENT" >>mute && git add mute && git commit -qm mute; }
END
git config cadre.program.mute.command 'exec mute'
git config cadre.program.mute.headless 'exec mute'
git config cadre.program.mute.headlessPrompt file
git config cadre.program.mute.verbs no
cadre spawn -q --headless --agent mute mute 2>/dev/null
wait_for 5 rests mute
cadre send -q mute 'some words'
wait_for 5 grep -q 'some words' "$t_dir/message"
ok "mail is among the words of a program without hooks"
wait_for 5 rests mute
is "$(cadre inbox --as mute | wc -l)" 0 "and is read"
id=$(cadre task add 'make it')
code 0 "its commits are handed in for it" cadre task wait --timeout 20s "$id"
is "$(git show main:mute)" mute "and have landed"
id=$(cadre task add 'break and make it again')
code 0 "one that fails is started again" cadre task wait --timeout 20s "$id"
git config cadre.maxAttempts 1
id=$(cadre task add 'do nothing')
code 1 "without commits it is not done" cadre task wait --timeout 20s "$id"
is "$(cadre task show --json "$id" | jq -r .state) $(cadre task show "$id" | grep -c "has no commits beyond")" "failed 3" "but has failed, after so many turns"
id=$(cadre task add 'nest')
code 1 "what no commit can hold is not done" cadre task wait --timeout 20s "$id"
like "$(cadre task show "$id")" "*State: failed*'inner' is a git repository of its own*" "but has failed, and says why"
wait_for 5 rests mute
ok "and its agent goes on"
cadre retire -q --discard mute
is "$(grep -l "CADRE_DIR=$PWD/.git/cadre" /proc/[0-9]*/environ 2>/dev/null)" "" "nothing of them is left"
code 0 "the bus is sound" cadre doctor
t_end
