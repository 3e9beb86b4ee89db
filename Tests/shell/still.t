#!/usr/bin/env bash
# Nothing stands still in silence: whatever single thing goes wrong for an agent, it goes on, or it is said what waits,
# why, and when it is tried next, or somebody is asked.
# shellcheck disable=SC2016 # bodies are for another shell
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
repository=$(t_repository)
cd "$repository" || exit 1
cadre init -q
git config cadre.gate true
git config cadre.program sh
state() { cadre task show --json "$1" | jq -r .state; }
is_in() { [ "$(state "$1")" = "$2" ]; }
why() { cadre task show --json "$1" | jq -r .error; }
asked() { cadre ask list | cut -f1 | grep -qxF "$1"; }
asks() { cadre ask list | cut -f1 | xargs; }
done_soon() { # TASK NAME
  code 0 "$2" cadre task wait --timeout 90s "$1"
}
running() { pgrep -f "^$1\$" | while read -r pid; do grep -qzsxF "HOME=$HOME" "/proc/$pid/environ" && echo "$pid"; done; }
has_running() { [ -n "$(running "$1")" ]; }
cadre spawn -q a

# A task is taken away from who works on it: its body ends, with all that it had started, and the next one is done.
body='(setsid sleep 301 &); sleep 300 & sleep 302; echo never >never'
id=$(cadre task add cancelled "$body")
wait_for 60 has_running 'sleep 302'
next=$(cadre task add next 'echo next >next')
cadre task cancel -q "$id"
done_soon "$next" "a task at work is cancelled: the next one is done"
is "$(running 'sleep 30[012]')" "" "its body has ended, and all that it had started"
is "$(grep -rl 'was cancelled' "$(cadre path inbox a)" | wc -l)" 1 "its holder was told"
id=$(cadre task add -p 3 revoked "$body")
wait_for 60 has_running 'sleep 302'
next=$(cadre task add -p 1 next 'echo second >next')
cadre claim -q --release "$id"
done_soon "$next" "one that a person gives back: the next one is done"
wait_for 60 is_in "$id" claimed
next=$(cadre task add next 'echo third >next')
cadre --as a task fail -q --why 'not this' "$id"
done_soon "$next" "one that a person fails: the next one is done"
is "$(asks)" "" "and nobody is asked about what they have done themselves"
cadre task cancel -q "$id"

# What a body leaves running ends with it.
id=$(cadre task add background 'sleep 300 & echo background >background')
done_soon "$id" "a body with something in the background is done when it ends"
is "$(running 'sleep 300')" "" "which ends with it"
id=$(cadre task add own 'echo own >own; cadre task done -q --commit; echo after >"$HOME/after"')
done_soon "$id" "a body that hands its task in itself"
wait_for 60 test -s "$HOME/after"
ok "goes on to its end"

# A failure is counted and asked about once, until it is tried again or given up.
id=$(cadre task add bad 'echo half >half; echo the reason; [ -e "$HOME/fixed" ]')
later=$(cadre task add -d "$id" after 'echo after >after')
wait_for 60 asked "failed-$id"
is "$(why "$id")" "exit status 1: the reason" "a body that fails says why"
is "$(asks)" "failed-$id" "one ask is opened"
like "$(cadre ask list)" "*; $later depend on it:*" "about what depends on it as well"
like "$(cadre status)" "*1 failed*
$id	failed: exit status 1: the reason: *" "status counts it and says why"
is "$(cadre status --json | jq -r '.failed, .attention[0].subject' | xargs)" "1 $id" "in JSON too"
code 0 "doctor knows of it" cadre doctor
like "$(cat "$t_dir/out")" "note	$id	failed: *" "and tells it as a note"
touch "$HOME/fixed"
cadre task reopen -q "$id"
done_soon "$later" "reopened, both are done"
is "$(asks)" "" "and the ask is closed"
is "$(git show main:half)" half "what it had left went on"
id=$(cadre task add bad 'exit 4')
wait_for 60 is_in "$id" failed
cadre task cancel -q "$id"
is "$(asks) $(state "$id")" " cancelled" "cancelled, there is nothing left to ask"
# Who holds the epic hears of it.
cadre spawn -q boss --agent 'exec sleep 1000' --role manager --no-worktree
epic=$(cadre task add --to boss epic)
hold=$(cadre task add --parent "$epic" --defer 1d held)
cadre --as boss claim -q "$epic"
id=$(cadre task add --parent "$epic" child 'exit 5')
wait_for 60 asked "failed-$id"
is "$(cadre ask show --json "failed-$id" | jq -r .to) $(cadre --as boss inbox list | grep -c "task $id failed")" "boss 1" "the holder of the epic is asked and told"
cadre task cancel -q "$id" "$hold" "$epic" 2>/dev/null
cadre retire -q boss

# What the user's git refuses.
hook() { printf '#!/bin/sh\nprintf "%s" >&2\nexit 1\n' "$2" >.git/hooks/"$1" && chmod +x .git/hooks/"$1"; }
refused() { # WORDS NAME
  local id
  id=$(cadre task add "refused" "echo $RANDOM >refused")
  wait_for 60 is_in "$id" failed
  like "$(why "$id")" "*$1*" "$2: the reason is in its words"
  wait_for 60 is_state a idle
  is "$(git -C "$(field a worktree)" status --porcelain) $(git show "refs/cadre/work/task-$id:refused" | wc -l)" " 1" "the worktree is clean, the work is kept"
  cadre task cancel -q "$id"
}
hook pre-commit 'no tabs allowed\\n\\nsee the guide\\n'
refused 'no tabs allowed; see the guide' "a hook before the commit that fails"
rm .git/hooks/pre-commit
hook commit-msg 'no ticket in the message\\n'
refused 'no ticket in the message' "one on the message"
rm .git/hooks/commit-msg
git config commit.gpgsign true
git config gpg.program false
refused 'gpg failed to sign the data; fatal: failed to write commit object' "a commit that can't be signed"
git config --unset commit.gpgsign
git config --global --unset user.email
git config --global user.useConfigOnly true
refused 'no email was given' "no identity"
git config --global user.email tester@example.invalid
id=$(cadre task add after 'echo after >>after')
done_soon "$id" "the agent has gone on after each"

# A hook or a check that never ends does so with the claim.
printf '#!/bin/sh\n[ ! -e "$HOME/hang" ] || { (setsid sleep 303 &); sleep 304; }\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
touch "$HOME/hang"
id=$(cadre task add hooked 'echo hooked >hooked')
wait_for 60 has_running 'sleep 304'
next=$(cadre task add next 'echo after a hook >next')
rm "$HOME/hang"
cadre task cancel -q "$id"
done_soon "$next" "a task is cancelled whose commit a hook holds up: the next one is done"
is "$(running 'sleep 30[34]')" "" "the hook has ended"
rm .git/hooks/pre-commit
id=$(cadre task add --verify 'sleep 305 & sleep 306' checked 'echo checked >checked')
wait_for 60 has_running 'sleep 306'
next=$(cadre task add next 'echo after a check >next')
cadre --as a task fail -q --why 'not this' "$id"
done_soon "$next" "one is failed by a person whose check never ends: the next one is done"
cadre task cancel -q "$id"
wait_for 60 is_state a idle
is "$(running 'sleep 30[56]')" "" "the check has ended"

# What may pass is tried again after pauses that grow, and never becomes final.
id=$(cadre task add unreachable 'echo x >>"$HOME/tries"; echo no network; [ -e "$HOME/network" ] || exit 75')
tried() { [ "$(cadre task show --json "$1" | jq -r .why)" = "$2" ]; }
shown() { cadre status | grep -q "$1	.*tried [0-9]* times\?.*, again at 20"; }
wait_for 60 shown "$id"
ok "a body that ends with 75: status says why, how often it was tried, and when it is tried next"
like "$(cadre task list --state deferred)" "$id	deferred until *: exit status 75: no network*" "so does the list"
touch "$HOME/network"
cadre task wait --timeout 120s "$id"
[ "$(wc -l <"$HOME/tries")" -lt 8 ]
ok "the pauses grow"
is "$(state "$id") $(asks)" "done " "it is done when it can be"
lock=.git/refs/cadre/work/task-
id=$(cadre task add locked 'sleep 1; echo locked >locked')
wait_for 60 is_in "$id" claimed
mkdir -p "${lock%/*}" "$t_dir/held" && touch "$lock$id.lock"
mkfifo "$t_dir/held/fifo"
git --git-dir="$repository/.git" update-ref --stdin <"$t_dir/held/fifo" &
exec 5>"$t_dir/held/fifo"
again() { cadre agents -o name,note | grep -q "^$1	.*again at 20"; }
wait_for 60 again a
ok "a lock in the way of 'task done': the agent shows when it is tried next"
like "$(cadre status)" "*
a	can't go on: *again at 20*" "so does status"
is "$(state "$id")" claimed "and the task is not failed"
exec 5>&-
cadre task wait --timeout 120s "$id"
is "$(state "$id") $(cadre agents -o note | grep -c again)" "done 0" "it is done when nobody holds the lock"
index=$(git -C "$(field a worktree)" rev-parse --absolute-git-dir)/index.lock
cadre stop -q a
id=$(cadre task add bad 'echo x >>"$HOME/ran"; echo dirt >dirt; exit 3')
mkdir -p "$HOME/elsewhere"
touch "$index"
cadre up -q a
wait_for 60 is_in "$id" failed
ok "a lock that a killed git left in the worktree is broken by the next start"
cadre task cancel -q "$id"
id=$(cadre task add bad 'echo x >>"$HOME/ran"; touch "$(git rev-parse --git-path index.lock)"; echo dirt >dirt; exit 3')
wait_for 60 is_in "$id" failed
is "$(wc -l <"$HOME/ran")" 2 "also where a body has left it, which is run once"
cadre task cancel -q "$id"

# An agent whose verb fails, or that ends, is started again.
cadre stop -q a
id=$(cadre task add stopped 'echo dirt >dirt; sleep 300')
cadre up -q a
wait_for 60 has_running 'sleep 300'
cadre stop -q --now a
wait_for 60 is_ready "$id"
next=$(cadre task add -p 0 next 'echo fourth >next')
cadre task cancel -q "$id"
cadre up -q a
done_soon "$next" "stopped in mid-task with changes, another task is done after it is up again"
kill -9 "$(pgrep -f 'cadre claim --wait$' | while read -r pid; do grep -qzsxF "HOME=$HOME" "/proc/$pid/environ" && echo "$pid"; done)"
id=$(cadre task add killed 'echo killed >killed')
done_soon "$id" "its waiting 'claim' killed"
rm -rf "$(field a worktree)"
id=$(cadre task add gone 'echo gone >gone')
done_soon "$id" "its worktree removed while it was idle"
git switch -q -c elsewhere
git branch -q -D main
id=$(cadre task add target 'echo target >target')
gone() { cadre status | grep -q "^a	can't go on: the target 'main' is gone: .*, tried .*, again at 20"; }
wait_for 30 gone
ok "the target deleted: status says so, how often it was tried, and when it is next"
git switch -q -c main
done_soon "$id" "and it goes on when there is one"

# Ends without a word.
cadre stop -q a
is "$(cadre status | grep -c 'nobody who runs')" 0 "no task, nothing waits for a stopped agent"
id=$(cadre task add --role ends for)
cadre spawn -q ends --agent 'cadre heartbeat -q; echo x >>"$HOME/ends"; exit 0' --no-worktree --role ends
wait_for 60 is_state ends resting
is "$(wc -l <"$HOME/ends") $(asks)" "2 rests-ends" "one that ends well while work fits it is started once more, then the person is asked"
like "$(cadre status)" "*
$id	is ready, and nobody who runs takes it: 'ends' rests*" "and status says what waits for whom"
code 75 "so does doctor" cadre doctor
cadre up -q >/dev/null
wait_for 60 is_state ends resting
[ "$(wc -l <"$HOME/ends")" -gt 2 ]
ok "'up' starts it again"
cadre retire -q ends
is "$(asks)" "" "retired, nobody asks any more"
cadre spawn -q keys --agent 'echo x >>"$HOME/keys"; exec sleep 1000' --no-worktree --role ends
cadre --as keys claim -q "$id"
tmux -L "$t_server" send-keys -t "$(field keys pane)" C-c
wait_for 60 is_state keys resting
like "$(field keys note)" "ended by keys in its pane*" "one that is ended by Ctrl-C rests and says so"
wait_for 60 is_ready "$id"
is "$(wc -l <"$HOME/keys") $(asks)" "1 " "what it held is offered again"
cadre task add -q --role ends more
is "$(field keys state) $(wc -l <"$HOME/keys")" "resting 1" "and work that comes later does not start it"
cadre retire -q keys
cadre task cancel -q "$id" "$((id + 1))"

# Work that comes later, for one that had nothing to do and has ended.
cadre retire -q --discard a
later() { # NAME OPTION...: one that takes a task if there is one, and ends
  cadre spawn -q "$1" --agent 'echo x >>"$HOME/$CADRE_AGENT"; cadre heartbeat -q; id=$(cadre claim | cut -f1); [ -z "$id" ] || cadre task done -q --no-merge "$id"' --no-worktree "${@:2}"
  wait_for 60 is_state "$1" resting
}
later late --role night
is "$(wc -l <"$HOME/late")" 1 "one that ends with nothing to do rests"
id=$(cadre task add --role night work)
done_soon "$id" "work that comes later, while no agent runs, is done"
wait_for 60 is_state late resting
is "$(wc -l <"$HOME/late") $(asks)" "2 " "it was started once for it"
cadre spawn -q other --agent 'exec sleep 1000' --no-worktree --role other
id=$(cadre task add --role night work)
done_soon "$id" "and while another runs, which would not take it"
wait_for 60 is_state late resting
id=$(cadre task add -d "$(cadre task add --to human first)" --role night work)
is "$(wc -l <"$HOME/late")" 3 "not for what is blocked"
cadre claim -q "$((id - 1))" && cadre task done -q --result fine "$((id - 1))"
done_soon "$id" "but when it is ready"
wait_for 60 is_state late resting
cadre retire -q late other
cadre spawn -q lazy --agent 'cadre heartbeat -q; echo x >>"$HOME/lazy"' --no-worktree --role night
wait_for 60 is_state lazy resting
id=$(cadre task add --role night work)
wait_for 60 asked rests-lazy
wait_for 60 is_state lazy resting
is "$(wc -l <"$HOME/lazy")" 3 "one that ends without taking it is started once more, then the person is asked"
cadre task note -q "$id" note
cadre task edit -q -p 1 "$id"
other=$(cadre task add --to lazy other)
is "$(field lazy state) $(wc -l <"$HOME/lazy")" "resting 3" "and it rests, whatever comes"
cadre task cancel -q "$other"
cadre retire -q lazy
cadre spawn -q nowhere --headless --agent 'cadre heartbeat -q; echo x >>"$HOME/nowhere"' --no-worktree --role day
wait_for 60 is_state nowhere resting
other=$(cadre task add --role day work)
is "$(asks)" rests-nowhere "of one without a terminal the person is asked"
cadre task cancel -q "$id" "$other"
cadre retire -q nowhere
is "$(asks)" "" "until it is let go"
code 0 "doctor finds nothing" cadre doctor
t_end
