#!/usr/bin/env bash
# The merge queue, with real git: submit, gate, land, and all that may stand in the way.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository "re 'po' \$(touch x)")
cd "$repo" || exit 1
cadre init -q
git config cadre.gate 'test ! -e bad'

agent bob
agent eve

# The way it should go.
begin bob 'add a file'
code 1 "done without commits is no" as bob cadre task done
like "$(cat "$t_dir/err")" "*no commits*--result*" "and says what to do"
echo x >"$t_dir/bob/new"
code 1 "done with uncommitted changes is no" as bob cadre task done
like "$(cat "$t_dir/err")" "*new*" "and names them"
later=$(cadre task add -d "$id" later)
is "$(as bob cadre task done --commit --result 'a file')" "$id" "done --commit prints the id"
is "$(state "$id")" review "it is in review"
is "$(as bob git log -1 --format=%s)" 'add a file' "committed under the task's title"
code 1 "done again is no" as bob cadre task done "$id"
is "$(cadre merge list | cut -f1-3)" "$id	queued	bob" "the entry is listed"
like "$(cadre merge show "$id")" "*Tip: *+x*" "and shown with its change"
is "$(state "$later")" blocked "a dependent waits"
like "$(cadre merge run)" "$id	landed	*" "it lands"
is "$(state "$id")" "done" "and is done"
is "$(state "$later")" ready "and its dependent is ready"
is "$(cat new)" x "the checked-out target moved with its files"
is "$(git status --porcelain)" "" "and is clean"
is "$(git log -1 --format='%s|%(trailers:key=Cadre-Task,valueonly,separator=%x2C)|%(trailers:key=Co-authored-by,valueonly,separator=%x2C)')" \
  "add a file|$id|bob <bob@localhost>" "the message tells the task and the agent"
is "$(git log -1 --format='%(trailers:key=Cadre-Tip,valueonly,separator=)')" "$(git rev-parse "$(branch "$id")")" "and the tip"
is "$(git for-each-ref --format='%(objectname)' refs/cadre)" "$(git rev-parse "$(branch "$id")")" "which stays reachable"
like "$(cadre task show "$later")" "*Result of $id:*a file*" "the result is shown to the dependent"
code 0 "an empty queue is run" cadre merge run
code 1 "show of a task that was never there is no" cadre merge show 99
code 64 "a bad id" cadre merge show x

# Who may.
begin bob 'fenced'
write bob fenced 1
code 1 "an earlier session's done is refused" env CADRE_AGENT=bob CADRE_SESSION=0123456789 cadre -C "$t_dir/bob" task done
cadre claim -q --release "$id"
like "$(as bob cadre inbox next)" "*task $id was taken from you*" "whose claim is taken away is told"
code 1 "a claim that was taken away can't be submitted" as bob cadre task done "$id"
code 1 "nor by merge submit" as bob cadre merge submit
as bob cadre claim -q "$id"
is "$(as bob cadre merge submit)" "$id" "merge submit does it too"
is "$(as bob cadre merge submit)" "$id" "and again"
write bob fenced 2
is "$(cadre merge submit bob)" "$id" "a person submits an agent's new tip"
is "$(cadre merge list --json | jq -r .tip)" "$(git rev-parse "$(branch "$id")")" "which replaces the entry"
code 1 "an agent does not run the queue" as bob cadre merge run
code 1 "its author does not approve it" as bob cadre merge approve "$id"
code 1 "another agent does not take it out" as eve cadre merge cancel "$id"
is "$(as bob cadre merge cancel "$id")" "$id" "its author takes it out"
is "$(state "$id")" ready "and the task is ready"
code 1 "for him alone" as eve cadre claim "$id"
as bob cadre claim -q "$id"
as bob cadre task done -q
cadre task cancel -q "$id"
is "$(cadre merge list)" "" "a cancelled task leaves the queue"
cadre merge run -q
[ ! -e fenced ]
ok "and does not land"

# A failing gate, three times.
begin bob 'bad work'
write bob bad 1
as bob cadre task done -q
like "$(cadre merge run)" "$id	returned	*test ! -e bad*" "a failed gate returns it"
is "$(state "$id")" ready "it is ready"
like "$(as bob cadre inbox next)" "*task $id came back*gate*" "its author has mail"
like "$(cadre task show "$id")" "*Returned:*" "the task tells it"
[ -n "$(git for-each-ref "refs/cadre/work/task-$id")" ]
ok "the tip is kept"
for _ in 2 3; do
  as bob cadre claim -q "$id"
  as bob cadre task done -q
  cadre merge run -q
done
is "$(cadre merge list | cut -f1,2)" "$id	stuck" "after three attempts it stays"
like "$(cadre ask list)" "*merge-$id*3 attempts*" "and an ask is open"
cadre merge reject -q --why 'give up' "$id"
is "$(state "$id")" ready "rejected it is its author's again"
as bob cadre claim -q "$id"
as bob git rm -q bad
write bob good 1
as bob cadre task done -q
like "$(cadre merge run)" "$id	landed*" "put right it lands"
is "$(cadre ask list)" "" "and no ask is left"

# A conflict, solved by its author.
begin bob 'one side'
first=$id
begin eve 'other side'
second=$id
write bob file bob
write eve file eve
as bob cadre task done -q
as eve cadre task done -q
is "$(cadre merge run | cut -f1,2)" "$first	landed
$second	returned" "a conflict returns the second"
like "$(as eve cadre inbox next)" "*conflict in file*merge update*" "with the paths"
as eve cadre claim -q "$second"
code 1 "merge update says the conflict" as eve cadre merge update
is "$(cat "$t_dir/out")" file "by its paths"
code 1 "done --commit does not commit it" as eve cadre task done --commit
like "$(cat "$t_dir/err")" "*conflict in file*" "and says so"
echo both >"$t_dir/eve/file"
as eve git commit -qam solved
code 0 "merge update again is nothing" as eve cadre merge update
as eve cadre task done -q
is "$(cadre merge run | cut -f1,2)" "$second	landed" "solved it lands"
is "$(cat file)" both "as it was solved"
write eve more 1
cadre task reopen -q "$second"
as eve cadre claim -q "$second"
as eve cadre task done -q
is "$(cadre merge run | cut -f1,2)" "$second	landed" "reopened only what is new lands"
is "$(git show --name-only --format= HEAD)" more "just that"

# The task's own check; what is rewritten stays until its task has landed.
begin bob checked --verify 'echo looking; test -e checked'
write bob unchecked 1
code 1 "a check that fails is no" as bob cadre task done
like "$(cat "$t_dir/err")" "*fails with 1*looking*" "with its last lines"
write bob checked 1
first=$(as bob git rev-parse HEAD)
as bob cadre task done -q
cadre merge cancel -q "$id"
as bob cadre claim -q "$id"
as bob git commit -q --amend -m rewritten
as bob cadre task done -q
[ -n "$(git for-each-ref --contains "$first")" ]
ok "a commit that was rewritten is kept"
is "$(cadre merge run | cut -f1,2)" "$id	landed" "its task lands"
[ -n "$(git for-each-ref --contains "$first")" ]
ok "and what was rewritten is kept for a time"
ago() { # DURATION: the last task landed then, and what had landed was last looked at a day ago
  sed -i "s/^Time: .*/Time: $(date -d "-$1" +%s)/" "$(cadre path bus)/tasks/$id/end"
  touch -d '-25 hours' "$(cadre path bus)/merge/swept"
  cadre merge run
}
ago '29 days'
[ -n "$(git for-each-ref --contains "$first")" ]
ok "after 29 days as well"
ago '31 days'
is "$(git for-each-ref --contains "$first")" "" "after 31 days no more"
is "$(
  cadre claim >/dev/null
  cadre task done --verify >/dev/null
  state "$later"
)" "done" "who has no worktree is done at once"

# Signatures.
if ssh-keygen -q -t ed25519 -N '' -f "$t_dir/key" 2>/dev/null; then
  git config gpg.format ssh
  git config user.signingkey "$t_dir/key"
  git config commit.gpgSign true
  begin bob signed
  write bob signed 1
  as bob cadre task done -q
  cadre merge run -q
  like "$(git cat-file commit HEAD)" "*gpgsig*signed*" "the landing commit is signed"
  git config user.signingkey /nowhere
  begin bob unsigned
  as bob git commit -q --no-gpg-sign --allow-empty -m unsigned
  echo 1 >"$t_dir/bob/unsigned"
  as bob git add -A
  as bob git commit -q --no-gpg-sign -m unsigned
  as bob cadre task done -q
  code 1 "without a key nothing lands unsigned" cadre merge run
  git config --unset commit.gpgSign
  cadre merge run -q
else
  echo "# no ssh-keygen: signatures are not tried"
fi

# Branches of the person's, priorities, names from standard input.
git branch mine main
git worktree add -q "$t_dir/mine" mine
echo 1 >"$t_dir/mine/mine"
git -C "$t_dir/mine" add -A
git -C "$t_dir/mine" commit -qm mine
m=$(cadre merge submit mine)
is "$(cadre -C "$t_dir/mine" merge submit)" "$m" "a branch is submitted once"
code 1 "an unknown branch is no" cadre merge submit nowhere
code 1 "and so is a revision of one" cadre merge submit mine~0
code 1 "also for merge check" cadre merge check mine~0
code 1 "the target is no" cadre merge submit main
begin bob urgent -p 0
as bob git checkout -q --detach
code 1 "a worktree on no branch is no" as bob cadre task done --commit
like "$(cat "$t_dir/err")" "*on no branch*" "and says so"
as bob git checkout -q "$(branch "$id")"
write bob urgent 1
as bob cadre task done -q
is "$(cadre merge list | cut -f1)" "$id
$m" "priority ranks"
is "$(cadre merge run --once | cut -f1)" "$id" "--once lands one"
is "$(cadre merge list | cadre merge approve - | cut -f1)" "$m" "names come from standard input"
is "$(cadre merge run | cut -f1,2)" "$m	landed" "the branch lands"

# Text is data; hooks and merge drivers are not run.
for hook in pre-commit commit-msg post-commit post-merge post-checkout post-index-change reference-transaction pre-merge-commit post-rewrite; do
  # shellcheck disable=SC2016
  printf '#!/bin/sh\necho "$0" >>"%s/hooks"\n' "$t_dir" >.git/hooks/$hook
  chmod +x .git/hooks/$hook
done
git config merge.mine.driver "touch '$t_dir/driver'; false"
echo 'file merge=mine' >.git/info/attributes
# shellcheck disable=SC2016
for title in '$(touch x)' '#(touch x)' '-F/etc/passwd' '`touch x`' "'; touch x"; do
  begin bob "$title"
  write bob file "$title"
  rm -f "$t_dir/hooks"
  as bob cadre task done -q
  cadre merge run -q
  is "$(git log -1 --format=%s)" "$title" "title $title"
  [ ! -e x ] && [ ! -e "$t_dir/hooks" ]
  ok "runs nothing, and no hook"
done
begin bob 'a driver'
write bob file 'from bob'
begin eve 'meanwhile'
write eve file 'from eve'
as bob cadre task done -q
as eve cadre task done -q
cadre merge run -q
[ ! -e "$t_dir/driver" ]
ok "no merge driver is run"
as eve cadre claim -q
cadre task cancel -q "$id"
rm -f .git/hooks/* .git/info/attributes "$t_dir/hooks"
echo 'echo hooked >>"'"$t_dir"'/hooks"' >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
begin bob 'own hooks'
echo 1 >"$t_dir/bob/own"
as bob cadre task done -q --commit -m '# own'
is "$(cat "$t_dir/hooks")" hooked "an agent's own commit runs the user's hooks"
is "$(as bob git log -1 --format=%s)" '# own' "and has its message"
rm .git/hooks/pre-commit
cadre merge run -q

code 0 "doctor finds nothing" cadre doctor
t_end
