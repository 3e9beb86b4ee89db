#!/usr/bin/env bash
# Done means landed: work that came back, was taken out, or whose branch is gone is done by landing, or by a person who
# gives it up and says so.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
echo shared >shared
git add shared
git commit -qm shared
cadre init -q
git config cadre.gate true
agent bob
agent eve

conflicts() { # TITLE: work of bob's comes back, since the person has changed the same
  begin bob "$1"
  echo "$1" >"$t_dir/bob/shared"
  as bob git commit -qam "$1"
  tip=$(as bob git rev-parse HEAD)
  as bob cadre task done -q
  echo "against $1" >shared
  git commit -qam "against $1"
}
takes_up() { # AGENT: solves the conflict, and it lands
  as "$1" cadre merge update -q 2>"$t_dir/err"
  echo "solved $id" >"$t_dir/$1/shared"
  as "$1" git commit -qam solved
  as "$1" cadre task done -q
  is "$(cadre merge run | cut -f1,2)" "$id	landed" "taken up it lands"
}

conflicts 'set back'
cadre merge run -q
as bob cadre claim -q "$id"
as bob git reset -q --hard main
for words in '' '--result x' --no-merge --commit; do
  # shellcheck disable=SC2086 # words
  code 1 "a branch without what came back is not done by 'task done $words'" as bob cadre task done $words
done
like "$(cat "$t_dir/err")" "*task $id has work that came back and has not landed, ${tip:0:12}*--no-merge*" "which names the commit and what to do"
is "$(state "$id")" claimed "and it stays claimed"
cadre claim -q --release "$id"
cadre task edit -q --to '' "$id"
as eve cadre claim -q "$id"
is "$(as eve git rev-parse HEAD)" "$tip" "who begins with it next has what there is"
takes_up eve

conflicts 'given up'
cadre merge run -q
cadre task edit -q --to '' "$id"
cadre claim -q "$id"
code 1 "nor by a person's 'task done'" cadre task done "$id"
code 1 "nor with --result" cadre task done --result x "$id"
code 0 "but with --no-merge" cadre task done --no-merge "$id"
code 0 "and doctor finds nothing" cadre doctor

conflicts 'branch gone'
as bob git checkout -q --detach main
git branch -qD "$(branch "$id")"
cadre merge run -q
as bob cadre claim -q "$id"
is "$(as bob git rev-parse HEAD)" "$tip" "a branch that was removed while it was queued is made again at the commit"
takes_up bob

begin bob 'failed'
write bob failed 1
tip=$(as bob git rev-parse HEAD)
as bob cadre task fail -q --why 'not today'
as bob git checkout -q --detach main
git branch -qD "$(branch "$id")"
cadre task reopen -q "$id"
as eve cadre claim -q "$id"
is "$(as eve git rev-parse HEAD)" "$tip" "so is that of a task that failed"
as eve cadre task done -q
is "$(cadre merge run | cut -f1,2)" "$id	landed" "and it lands"

begin bob 'taken out'
write bob taken 1
as bob cadre task done -q
cadre merge cancel -q "$id"
as bob cadre claim -q "$id"
as bob git reset -q --hard main
code 1 "what was taken out is not done with a result" as bob cadre task done --result x
git merge -q --squash "refs/cadre/work/task-$id"
git commit -qm 'squashed by hand'
code 0 "squashed by a person it has landed" as bob cadre task done --result x

begin bob 'rewritten'
write bob rewritten 1
as bob cadre task done -q
cadre merge cancel -q "$id"
as bob cadre claim -q "$id"
as bob git commit -q --amend -m 'said better'
as bob cadre task done -q
cadre merge run -q
code 0 "what was rewritten before it landed is not missed" cadre doctor

# The person sets the target back.
begin bob 'undone'
write bob undone 1
as bob cadre task done -q
cadre merge run -q
as bob git checkout -q --detach
git reset -q --hard HEAD~1
code 0 "a person may take a landing back" cadre doctor
cadre task reopen -q "$id"
as bob cadre claim -q "$id"
is "$(cat "$t_dir/bob/undone")" 1 "opened again, the work is there"
as bob cadre task done -q
is "$(cadre merge run | cut -f1,2)" "$id	landed" "done again, it lands again"
is "$(cat undone)" 1 "all of it"
git reset -q --hard HEAD~1
cadre task reopen -q "$id"
as bob cadre claim -q "$id"
write bob more 1
as bob cadre task done -q
cadre merge run -q
is "$(cat undone more)" "1
1" "with what was added to it"
code 0 "doctor finds nothing" cadre doctor

# The person takes the landing back by a commit, and the agent still stands on the branch.
begin bob 'reverted'
write bob reverted 1
as bob cadre task done -q
cadre merge run -q
git revert --no-edit HEAD >/dev/null
cadre task reopen -q "$id"
as bob cadre claim -q "$id"
is "$(as bob git rev-parse HEAD)" "$(git rev-parse main)" "opened again, it begins at the target as it is now"
write bob reverted 1
as bob cadre task done -q
is "$(cadre merge run | cut -f1,2)" "$id	landed" "the same work lands once more"
is "$(cat reverted)" 1 "all of it"
cadre task reopen -q "$id"
as bob cadre claim -q "$id"
code 0 "where nothing is left to do it is done at once" as bob cadre task done -q --result nothing
git revert --no-edit HEAD >/dev/null
cadre task reopen -q "$id"
as bob cadre claim -q "$id"
is "$(as bob git rev-parse HEAD)" "$(git rev-parse main)" "taken back after that it begins at the target, too"
as bob cadre task fail -q --why 'to go on'

# A bus from before.
begin bob 'lost'
write bob lost 1
as bob cadre claim -q
as bob cadre claim -q --release "$id"
lost=$(git rev-parse "refs/cadre/work/task-$id")
is "$lost" "$(as bob git rev-parse HEAD)" "what is released is kept"
cadre claim -q "$id"
cadre task done -q --no-merge "$id"
sed -i '/^Discarded: /d' "$(cadre path task "$id")/end"
code 75 "doctor finds a done task whose work never landed" cadre doctor
like "$(cat "$t_dir/out")" "I8	*task $id is done and its work $lost never landed: 'cadre task reopen $id'*" "and says what to do"
cadre task reopen -q "$id"
as eve cadre claim -q "$id"
as eve cadre task done -q
cadre merge run -q
code 0 "landed it is well" cadre doctor

begun() { [ "$(state "$id")" = claimed ] && git branch --list "cadre/$id-*" | grep -q .; }
# The built-in agent, cut short while it does again what came back.
cat >"$t_dir/body" <<END
until [ -e '$t_dir/theirs' ]; do sleep 0.05; done
echo run >>'$t_dir/runs'
case \$(wc -l <'$t_dir/runs') in 2 | 3) touch '$t_dir/again'; sleep 100 ;; esac
echo mine >shared
END
id=$(cadre task add mine - <"$t_dir/body")
cadre spawn -q one
wait_for 10 begun
echo theirs >shared
git commit -qam theirs
touch "$t_dir/theirs"
wait_for 30 test -e "$t_dir/again"
ok "what conflicts is done again"
rm "$t_dir/again"
kill -9 "$(sed -n 's/^Pid: //p' "$(cadre path agent one)/session" | head -1 | xargs -I{} pgrep -P {} sh)"
wait_for 30 test -e "$t_dir/again"
ok "and again where it was killed"
cadre stop -q one
cadre up -q one
code 0 "in the end it is done" cadre task wait --timeout 60s "$id"
is "$(git show main:shared)" mine "and has landed"
wait_for 10 cadre doctor -q
ok "doctor finds nothing"

# Done again, nothing is left to change.
id=$(cadre task add same "grep -q same shared || { until [ -e '$t_dir/go' ]; do sleep 0.05; done; echo same from me >shared; }")
wait_for 10 begun
echo same >shared
git commit -qam same
touch "$t_dir/go"
code 0 "a body that then changes nothing" cadre task wait --timeout 60s "$id"
is "$(git show main:shared)" same "has its work in the target"
t_end
