#!/usr/bin/env bash
# Lock files that a git has left are no end: what meets one says so, and is tried again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
cadre init -q
git config cadre.gate true
agent bob

begin bob 'our own lock'
write bob one 1
mkdir -p .git/refs/cadre/work
touch -d '-1 minute' ".git/refs/cadre/work/task-$id.lock"
code 0 "one of ours that was left is no hindrance" as bob cadre task done
is "$(cadre merge run | cut -f1,2)" "$id	landed" "it lands"

begin bob 'the lock of the worktree'
echo 2 >"$t_dir/bob/two"
lock=$(as bob git rev-parse --absolute-git-dir)/index.lock
touch "$lock"
code 75 "one that may be held is to be tried again" as bob cadre task done --commit
like "$(cat "$t_dir/err")" "*'$lock' exists*" "and is named"
is "$(state "$id")" claimed "the task stays claimed"
rm "$lock"
code 0 "without it the work is handed in" as bob cadre task done --commit
cadre merge run -q
cadre retire -q --discard bob

# The built-in agent.
id=$(cadre task add 'a lock left behind' "echo run >>'$t_dir/runs'; echo 3 >three; touch \"\$(git rev-parse --git-dir)/index.lock\"")
cadre spawn -q one
tries() { cadre agents -o name,note | grep -q "one	try [2-9] in .*index.lock"; }
wait_for 20 tries
ok "it is seen to try again"
is "$(state "$id")" claimed "the task has not failed"
lock=$(git -C "$(cadre path worktree one)" rev-parse --absolute-git-dir)/index.lock
rm "$lock"
code 0 "without the lock the work lands" cadre task wait --timeout 60s "$id"
is "$(wc -l <"$t_dir/runs")" 1 "the body ran once"
id=$(cadre task add 'a body that fails' "echo run >>'$t_dir/failing'; echo 4 >four; touch \"\$(git rev-parse --git-dir)/index.lock\"; exit 3")
wait_for 20 tries
ok "so it does after a body that failed"
rm "$lock"
failed() { [ "$(state "$id")" = failed ]; }
wait_for 60 failed
ok "then the task has failed"
is "$(wc -l <"$t_dir/failing")" 1 "after one run"
t_end
