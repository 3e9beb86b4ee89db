#!/usr/bin/env bash
# What becomes of branches: ours go when their work has landed, the user's stay.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
git config cadre.gate true

git checkout -q -b mine && echo mine >mine && git add mine && git commit -qm mine && git checkout -q main
cadre merge submit -q mine && cadre merge run -q
like "$(git log --oneline -1 --format=%s)" "*mine*" "a person's branch landed"
is "$(git branch --list mine | tr -d ' ')" mine "and stays"

cadre spawn -q one
a=$(cadre task add 'begin' 'echo 1 >one')
b=$(cadre task add -d "$a" 'second' 'echo 2 >two')
code 0 "two tasks of an agent" cadre task wait --timeout 30s "$a" "$b"
is "$(git branch --list "cadre/$a-*")" "" "the branch of the first is gone, the agent has moved on"
like "$(git branch --list "cadre/$b-*")" "*cadre/$b-second" "the agent stands on that of the second"
cadre task reopen "$a" >/dev/null
code 0 "opened again, it is begun on the target" cadre task wait --timeout 30s "$a"
is "$(git log --format=%s | grep -c begin)" 1 "and lands nothing twice"

# Work that is no commits.
d=$(cadre task add 'words only' 'echo said')
e=$(cadre task add -d "$d" 'then this' 'echo 5 >five')
code 0 "a task without commits" cadre task wait --timeout 30s "$d" "$e"
is "$(git branch --list "cadre/$d-*")" "" "its empty branch is gone"

# Something was added after it was handed in.
c=$(cadre task add 'third' 'echo 3 >three')
code 0 "a third" cadre task wait --timeout 30s "$c"
worktree=$(cadre path worktree one)
git -C "$worktree" checkout -q "cadre/$c-third" && git -C "$worktree" commit -q --allow-empty -m 'more of it'
cadre retire one >/dev/null
like "$(git log --format=%s -1 "cadre/$c-third")" "more of it" "what was added since stays on its branch"

# A person acts for an agent that runs: the same as if it did it itself.
cadre spawn -q two --no-pull --agent 'exec sleep 1000'
f=$(cadre task add --to two fourth)
code 0 "a person claims for an agent" cadre claim -q --as two "$f"
is "$(git -C "$(cadre path worktree two)" branch --show-current)" "cadre/$f-fourth" "whose worktree moves to the branch"
echo 4 >"$(cadre path worktree two)/four"
code 1 "and whose uncommitted changes count" cadre task done -q --as two
code 0 "hands it in" cadre task done -q --as two --commit
code 0 "it lands" cadre task wait --timeout 30s "$f"
cadre spawn -q three
g=$(cadre task add --to two fifth)
code 1 "an agent does not" cadre task wait --timeout 30s "$(cadre task add --to three 'for another' "cadre claim -q --as two $g")"
is "$(cadre task list --state claimed)" "" "what it would claim for another stays"
is "$(git branch --list 'cadre/*-fifth')" "" "and moves no worktree"

# Nobody moves on from the last branch of an agent that is put aside.
h=$(cadre task add --to three sixth 'echo 6 >six')
code 0 "its last task" cadre task wait --timeout 30s "$h"
cadre pause -q three
like "$(git branch --list "cadre/$h-*")" "*cadre/$h-sixth" "the branch on which an agent was put aside stays"
cadre recover -q
is "$(git branch --list "cadre/$h-*")" "" "until somebody recovers"
cadre resume -q three
is "$(cat "$(cadre path worktree three)/six")" 6 "its worktree comes back all the same"
code 0 "doctor finds nothing" cadre doctor

# The next task is ready a moment before the entry of the one that landed leaves the queue: here it is still there.
i=$(cadre task add --to two seventh)
j=$(cadre task add --to two -d "$i" eighth)
cadre claim -q --as two "$i"
echo 7 >"$(cadre path worktree two)/seven"
cadre task done -q --as two --commit
wait_for 30 cadre task wait -q --timeout 1s "$i"
wait_for 10 eval "! test -e '.git/cadre/merge/queue/$i'"
exec 9<.git/cadre/merge/lock
flock 9
mv ".git/cadre/merge/done/$i" ".git/cadre/merge/queue/$i"
cadre claim -q --as two "$j"
is "$(git branch --list "cadre/$i-*")" "" "the branch of one that is just landing goes, too"
exec 9<&-
cadre merge run -q
is "$(cadre merge list),$(cadre merge show "$i" | grep -c landed)" ",1" "and its entry leaves the queue"
t_end
