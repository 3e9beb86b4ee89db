#!/usr/bin/env bash
# Landing beside a person at work: what is in the way is never overwritten, and holds up nobody else. Gates that misbehave.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
printf '%s\n' ignored >.gitignore
seq 20 >other
git add -A
git commit -qm more
cadre init -q
git config cadre.gate true
agent bob
agent eve

# Changes of the person's.
echo mine >other
echo staged >staged
git add staged
work bob file one
is "$(cadre merge run | cut -f2)" landed "with unrelated changes it lands"
is "$(cat file other)" "one
mine" "they stay"
is "$(git status --porcelain)" " M other
A  staged" "unstaged and staged"
echo dirty >file
work bob file two
blocked=$id
work eve new two
code 1 "an overlapping change is no" cadre merge run
is "$(cut -f1,2 "$t_dir/out")" "$blocked	waiting
$id	landed" "the entry waits, others land"
like "$(cat "$t_dir/err")" "*checked out in*overwrite file*commit, stash or move*" "with a line that says what to do"
is "$(cat file)" dirty "the change is untouched"
like "$(cadre ask list)" "*merge-$blocked*" "an ask is open"
git checkout -q file
is "$(cadre merge run | cut -f1,2)" "$blocked	landed" "put right it lands"
is "$(cadre ask list)" "" "and the ask is closed"
echo untracked >way
work bob way agent
code 1 "an untracked file in the way is no" cadre merge run
is "$(cat way)" untracked "and is not overwritten"
mv way "$t_dir/way"
cadre merge run -q
is "$(cat way)" agent "moved away it lands"
echo precious >ignored
begin bob ignored
echo agent >"$t_dir/bob/ignored"
as bob git add -f ignored
as bob git commit -qm ignored
as bob cadre task done -q
code 1 "an ignored file in the way is no" cadre merge run
is "$(cat ignored)" precious "and is not overwritten"
work eve new besides
is "$(cadre merge run 2>/dev/null | cut -f1,2)" "$((id - 1))	waiting
$id	landed" "in one batch with it others land"
rm ignored
cadre merge run -q
is "$(cat ignored)" agent "removed it lands"
git reset -q --hard

# What the user and the gate get is as their umask says, the bus is for its owner alone.
git config cadre.gate "umask >'$t_dir/umask'"
begin bob permissions
write bob script x
(umask 0 && as bob cadre task done -q && umask 026 && cadre merge run -q)
is "$(cat "$t_dir/umask") $(stat -c %a script)" "0026 640" "files and gates have the user's umask"
bus=$(cadre path bus)
is "$(stat -c %a "$bus") $(find "$bus" -path "$bus/agents" -prune -o -path "$bus/merge/worktree" -prune -o ! -type l -perm /077 -print)" "700 " "the bus is closed to others"
git config cadre.gate true

# The target in other places.
git checkout -q --detach
work bob file three
is "$(cadre merge run | cut -f2)" landed "not checked out it lands"
is "$(git show main:file)" three "in the ref"
is "$(cat file)" two "and no worktree moves"
git worktree add -q "$t_dir/elsewhere" main
work bob file four
cadre merge run -q
is "$(cat "$t_dir/elsewhere/file")" four "checked out in another worktree that one moves"
git -C "$t_dir/elsewhere" checkout -q -b side HEAD~1
echo conflict >"$t_dir/elsewhere/file"
git -C "$t_dir/elsewhere" commit -qam side
git -C "$t_dir/elsewhere" checkout -q main
git -C "$t_dir/elsewhere" rebase -q side 2>/dev/null
work bob new three
code 1 "a target that is being rebased is no" cadre merge run
like "$(cat "$t_dir/err")" "*being rebased in*" "and is named"
git -C "$t_dir/elsewhere" rebase --abort
cadre merge run -q
is "$(git show main:new)" three "afterwards it lands"
git worktree remove -f "$t_dir/elsewhere"
git checkout -q main
touch .git/index.lock
work bob file five
code 1 "a locked index is no" cadre merge run
rm .git/index.lock
is "$(cadre merge run | cut -f2)" landed "and lands later"

# The target moves while the gate runs.
git config cadre.gate "test -e '$t_dir/moved' || { touch '$t_dir/moved'; cd '$repo' && git commit -q --allow-empty -m meanwhile; }"
work bob file six
is "$(cadre merge run | cut -f2)" landed "a target that moves meanwhile is stacked on again"
is "$(git log -2 --format=%s)" "bob writes file
meanwhile" "on top of what came"

# While the target is being moved nothing is taken back: a git that waits in the middle.
mkdir "$t_dir/slow"
mkfifo "$t_dir/begun" "$t_dir/go"
cat >"$t_dir/slow/git" <<END
#!/bin/sh
case " \$* " in
*" read-tree -m -u "*) echo >"$t_dir/begun" && read -r _ <"$t_dir/go" ;;
esac
exec "$(command -v git)" "\$@"
END
chmod +x "$t_dir/slow/git"
work bob new slow
PATH="$t_dir/slow:$PATH" cadre merge run >"$t_dir/landed" &
read -r _ <"$t_dir/begun"
code 75 "cancel waits for a landing" cadre task cancel "$id"
code 75 "and so does merge cancel" cadre merge cancel "$id"
write bob new later
code 75 "and another tip" cadre merge submit bob
cadre recover -q
is "$(cadre merge list | cut -f2)" landing "recover leaves it to its runner"
cadre merge run >"$t_dir/second" &
echo >"$t_dir/go"
wait
is "$(cut -f1,2 "$t_dir/landed")$(cat "$t_dir/second")" "$id	landed" "it lands, once"

# Damage.
work bob file damaged
work eve new whole
damaged=$((id - 1))
cp "$(cadre path bus)/merge/queue/$damaged" "$t_dir/entry"
echo rubbish >"$(cadre path bus)/merge/queue/$damaged"
code 75 "a damaged entry is told" cadre merge run
like "$(cat "$t_dir/err")" "*merge/queue/$damaged*" "by its file"
is "$(state "$id") $(state "$damaged")" "done review" "and the others land"
code 75 "the list is not told as if it were whole" cadre merge list
cp "$t_dir/entry" "$(cadre path bus)/merge/queue/$damaged"
is "$(cadre merge run | cut -f1,2)" "$damaged	landed" "put back it lands"

# Gates.
git config cadre.gate 'grep -vq seven file || { yes x | head -c 10000000; echo end; false; }'
work bob file seven
cadre merge run -q
like "$(as bob cadre inbox next | tail -1)" "end" "of 10 MB of output the end is shown"
[ "$(as bob cadre task show "$id" | wc -c)" -lt 100000 ]
ok "and no more than that"
as bob cadre claim -q
git config cadre.gate "setsid sleep 300 & sleep 301 & echo \$! >'$t_dir/pid'; env >'$t_dir/env'; pwd >'$t_dir/pwd'"
as bob cadre task done -q
CADRE_X=1 TMUX=x GIT_X=1 cadre merge run -q
is "$(pgrep -f '^sleep 30[01]$' | while read -r pid; do tr '\0' '\n' <"/proc/$pid/environ" | grep -x "GATE_OF=$(cadre path bus)"; done)" "" "what a gate leaves running is ended"
is "$(grep -E '^(CADRE_|TMUX|GIT_)' "$t_dir/env")" "" "its environment is clean"
is "$(cat "$t_dir/pwd")" "$(cadre path bus)/merge/worktree" "it runs in the runner's worktree"
git config cadre.gate 'grep -vq eight file || sleep 302'
git config cadre.gateTimeout 1s
work bob file eight
like "$(cadre merge run)" "*returned*longer than 1 s*" "a gate that hangs is ended"
git config --unset cadre.gateTimeout
cadre task cancel -q "$id"
git config cadre.gate "echo run >>'$t_dir/runs'; test -z \"\$(git status --porcelain --ignored)\" && test ! -e left && touch left ignored && echo x >file"
work bob file nine
work eve new nine
is "$(cadre merge run | cut -f2)" "landed
landed" "each gate gets its exact tree"
is "$(git status --porcelain)" "" "and nothing of what it changes"
git config cadre.gate "echo run >>'$t_dir/runs'; test ! -e broken"
echo >broken
git add broken
git commit -qm broken
work bob file ten
work eve new ten
rm -f "$t_dir/runs"
code 1 "a red target is no" cadre merge run
is "$(cadre merge list | cut -f2)" "waiting
waiting" "and nobody is blamed"
is "$(cadre ask list | cut -f1)" target-red "one ask is open"
is "$(wc -l <"$t_dir/runs")" 6 "no tree is run in vain"
code 1 "run again" cadre merge run
is "$(wc -l <"$t_dir/runs")" 6 "and none again"
red=$(cadre merge list | head -1 | cut -f1)
cadre merge retry -q "$red"
code 1 "but with retry" cadre merge run
is "$(wc -l <"$t_dir/runs")" 9 "with the target"
agent joe
begin joe 'repair'
as joe git rm -q broken
as joe git commit -qm 'repair'
as joe cadre task done -q
like "$(cadre merge run)" "*$id	landed*" "what turns it green lands"
cadre merge run -q
is "$(cadre merge list)$(cadre ask list)" "" "then the others, and the ask is closed"
# shellcheck disable=SC2016
git config cadre.sandbox 'env SANDBOX="a b"'
# shellcheck disable=SC2016
git config cadre.gate 'test "$SANDBOX" = "a b"'
work bob file box
is "$(cadre merge run | cut -f2)" landed "behind the sandbox"
git config --unset cadre.sandbox
git config cadre.gate 'grep -vq eleven file || cadre merge run'
work bob file eleven
cadre merge run -q
like "$(cadre task show "$id")" "*runs within the merge queue*" "a gate does not run the queue"
cadre task cancel -q "$id"

# Review, protected paths, .cadre.
git config --unset cadre.gate
work bob file twelve
like "$(cadre merge run)" "$id	held	a person reviews it" "without a gate a person looks"
like "$(cadre ask show "review-$id" --json | jq -r .text)" "*file*1 *" "an ask tells the change"
code 1 "nothing moves meanwhile" test -n "$(cadre merge run)"
cadre ask approve -q "review-$id"
is "$(cadre merge run | cut -f2)" landed "the ask's answer counts"
work bob file thirteen
cadre merge run -q
write bob file fourteen
cadre merge submit -q bob
cadre merge approve -q "$id"
write bob file fifteen
cadre merge submit -q bob
is "$(cadre merge run | cut -f2)" held "another tip needs another approval"
cadre merge reject -q --why 'not so' "$id"
like "$(as bob cadre inbox search 'not so')" "*rejected by 'human': not so*" "a rejection is told"
cadre task cancel -q "$id"
git config cadre.gate true
git config cadre.review agent
work bob file sixteen
cadre merge run -q
code 1 "its author can't approve" as bob cadre merge approve "$id"
code 0 "another agent can" as eve cadre merge approve "$id"
is "$(cadre merge run | cut -f2)" landed "and it lands"
work bob file asked
cadre merge run -q
code 1 "its author can't answer the ask" as bob cadre ask approve "review-$id"
code 0 "another agent can" as eve cadre ask approve "review-$id"
is "$(cadre merge run | cut -f2)" landed "which counts"
git config cadre.review human
git config cadre.gate "cadre merge approve \$(cadre merge list | cut -f1); cadre init; env -i PATH='$PATH' cadre merge approve \$(cadre merge list | cut -f1); true"
work bob file itself
is "$(cadre merge run | cut -f2)" held "work that approves itself in the gate is held"
code 0 "a person rejects it" cadre merge reject "$id"
cadre task cancel -q "$id"
git config cadre.gate true
git config cadre.review reviewer
sed -i '1i Role: reviewer' "$(cadre path bus)/agents/eve/card"
work bob file seventeen
cadre merge run -q
code 1 "one without the role can't" as joe cadre merge approve "$id"
like "$(as eve cadre inbox search "review task $id")" "*review task $id*" "who has it gets mail"
like "$(as eve cadre merge reject --why no "$id")" "$id" "and may reject"
cadre task cancel -q "$id"
git config cadre.review none
git config cadre.protected 'infra/**'
begin bob protected
mkdir "$t_dir/bob/infra"
write bob infra/x 1
as bob cadre task done -q
like "$(cadre merge run)" "$id	held	changes infra/x*" "a protected path waits for a person"
code 1 "an agent is none" as eve cadre merge approve "$id"
cadre merge approve -q "$id"
is "$(cadre merge run | cut -f2)" landed "approved it lands"
work bob .cadre '[cadre]
gate = false'
like "$(cadre merge run)" "*held	changes .cadre*" ".cadre is protected"
cadre merge approve -q "$id"
cadre merge run -q
work bob file seventeen
code 1 "commands that nobody has seen stop the queue" cadre merge run
like "$(cat "$t_dir/err")" "*cadre init*" "until they are"
is "$(cadre ask list | cut -f1)" merge "with one ask"
cadre init -q
like "$(cadre merge run)" "*waiting	the gate fails on 'main' itself" "seen they count"
cadre task cancel -q "$id"
git rm -q .cadre
git commit -qm 'no .cadre'
cadre init -q

# No target, a bare repository.
git checkout -q --detach
work bob file eighteen
git config cadre.target nowhere
code 1 "a target without a commit is no" cadre merge run
like "$(cat "$t_dir/err")" "*the target 'nowhere' is gone*" "and says so"
git config --unset cadre.target
cadre merge run -q
is "$(git show main:file)" eighteen "with one it lands"
git clone -q --bare . "$t_dir/bare.git"
cd "$t_dir/bare.git" || exit 1
git symbolic-ref HEAD refs/heads/main
git config cadre.gate 'test -e file'
git branch topic main
git worktree add -q "$t_dir/topic" topic
echo bare >"$t_dir/topic/file"
git -C "$t_dir/topic" commit -qam bare
cadre init -q
id=$(cadre merge submit topic)
is "$(cadre merge run | cut -f1,2)" "$id	landed" "in a bare repository"
is "$(git show main:file)" bare "too"
code 0 "doctor finds nothing" cadre doctor
cd "$repo" || exit 1
code 0 "in either" cadre doctor
t_end
