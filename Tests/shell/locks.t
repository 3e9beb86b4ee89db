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

# Of a worktree's, one is waited for while a git is at work there.
begin bob 'the lock of the worktree'
echo 2 >"$t_dir/bob/two"
lock=$(as bob git rev-parse --absolute-git-dir)/index.lock
touch -d '-1 minute' "$lock"
mkfifo "$t_dir/fifo"
as bob git cat-file --batch <"$t_dir/fifo" &
exec 5>"$t_dir/fifo"
code 75 "one that may be held is to be tried again" as bob cadre task done --commit
like "$(cat "$t_dir/err")" "*'$lock' is held, perhaps by process *" "and is named"
is "$(state "$id")" claimed "the task stays claimed"
exec 5>&-
wait
code 0 "left by a git that is no more it is no hindrance" as bob cadre task done --commit
is "$(cadre merge run | cut -f1,2)" "$id	landed" "it lands"

begin bob 'the lock of the branch'
echo 3 >"$t_dir/bob/three"
touch -d '-1 minute' ".git/$(as bob git symbolic-ref HEAD).lock"
code 0 "one of the branch is no hindrance" as bob cadre task done --commit
is "$(cadre merge run | cut -f1,2)" "$id	landed" "it lands"

# A git that is killed has not refused.
begin bob 'a git that is killed'
echo 4 >"$t_dir/bob/four"
# shellcheck disable=SC2016 # for the hook's shell
printf '#!/bin/sh\nkill -9 $PPID\n' >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
code 75 "a commit that was killed is to be tried again" as bob cadre task done --commit
rm .git/hooks/pre-commit
is "$(state "$id")" claimed "the task stays claimed"
code 0 "and then it is handed in" as bob cadre task done --commit
is "$(cadre merge run | cut -f1,2)" "$id	landed" "it lands"
cadre retire -q --discard bob

# The built-in agent.
body() { # FILE STATUS
  echo "echo run >>'$t_dir/runs-$1'; echo 3 >$1; touch \"\$(git rev-parse --git-path index.lock)\"; exit $2"
}
for end in 0 3; do
  id=$(cadre task add "a lock left behind by one that ends with $end" "$(body "file$end" "$end")")
  [ "$end" != 0 ] || cadre spawn -q one
  ended() { case $(state "$id") in done | failed) ;; *) false ;; esac }
  wait_for 60 ended
  is "$(state "$id")" "$([ "$end" = 0 ] && echo done || echo failed)" "a body that ends with $end and has left a lock: the task ends as the body did"
  is "$(wc -l <"$t_dir/runs-file$end")" 1 "after one run"
done
t_end
