#!/usr/bin/env bash
# Repositories within the work: git takes of one only a commit's id, which is no good to anybody without the commit.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
git config --global protocol.file.allow always
library=$(t_repository library)
repo=$(t_repository)
cd "$repo" || exit 1
git submodule --quiet add "$library" lib
git commit -qm 'a submodule'
cadre init -q
git config cadre.gate true
agent bob

begin bob 'a repository of its own'
git init -q "$t_dir/bob/inner"
echo x >"$t_dir/bob/inner/x"
git -C "$t_dir/bob/inner" add x
git -C "$t_dir/bob/inner" commit -qm x
as bob git add -A 2>/dev/null
as bob git commit -qm inner
code 1 "a repository within the work is no" as bob cadre task done
like "$(cat "$t_dir/err")" "*'inner' is a git repository of its own*" "and is named"
is "$(state "$id")" claimed "the task stays claimed"
rm -rf "$t_dir/bob/inner/.git"
as bob git rm -q --cached inner
as bob git add inner
as bob git commit -qm 'as files'
code 0 "its files alone are work" as bob cadre task done
cadre merge run -q
is "$(git show main:inner/x)" x "and land"

begin bob 'within a submodule'
as bob git submodule --quiet update --init
echo y >"$t_dir/bob/lib/y"
git -C "$t_dir/bob/lib" add y
git -C "$t_dir/bob/lib" commit -qm y
as bob git commit -qam 'lib: y'
code 1 "a commit in nobody else's copy is no" as bob cadre task done
like "$(cat "$t_dir/err")" "*'lib' points to commit * is in no repository but that of the worktree: push it*" "and its path is named"
git -C "$t_dir/bob/lib" push -q origin HEAD:refs/heads/topic
code 0 "pushed it is work" as bob cadre task done
cadre merge run -q
is "$(git rev-parse main:lib)" "$(git -C "$t_dir/bob/lib" rev-parse HEAD)" "and lands"

begin bob 'within the own copy'
echo z >"$t_dir/bob/lib/z"
git -C "$t_dir/bob/lib" add z
git -C "$t_dir/bob/lib" commit -qm z
as bob git commit -qam 'lib: z'
git -C lib fetch -q "$t_dir/bob/lib" HEAD:refs/heads/kept
code 0 "what the superproject's own copy has is work" as bob cadre task done

begin bob 'from elsewhere'
as bob git submodule --quiet deinit -f lib
as bob git update-index --cacheinfo "160000,$(printf '%040d' 7),lib"
as bob git commit -qm 'lib: another'
code 0 "a commit that no copy here has was not made here" as bob cadre task done

# One that is left in a worktree is no work of the tasks that come after.
agent eve
begin eve 'uncommitted'
own() { # REPOSITORY
  git init -q "$1"
  echo x >"$1/x"
  git -C "$1" add x
  git -C "$1" commit -qm x
}
own "$t_dir/eve/own"
tip=$(as eve git rev-parse HEAD)
code 1 "a repository that is not committed is no work" as eve cadre task done --commit
like "$(cat "$t_dir/err")" "*'own' is a git repository of its own*" "and is named"
is "$(as eve git rev-parse HEAD) $(as eve git status --porcelain)" "$tip ?? own/" "nothing of it is committed"
as eve cadre task fail -q --why 'it stays'
next=$(cadre task add next)
code 1 "its worktree goes to no other task" as eve cadre claim "$next"
like "$(cat "$t_dir/err")" "*own/*" "and it is named"
is "$(state "$next")" ready "which is offered to others"
mv "$t_dir/eve/own" "$t_dir/moved"
code 0 "moved away it is" as eve cadre claim "$next"
own "$t_dir/eve/own"
as eve git add own 2>/dev/null
as eve git commit -qm own
as eve cadre task fail -q --why 'it stays, committed'
next=$(cadre task add 'one more')
code 1 "nor does one whose repository was committed" as eve cadre claim "$next"
like "$(cat "$t_dir/err")" "*own/*" "and is named"
is "$(state "$next")" ready "and that is offered to others"
rm -rf "$t_dir/eve/own"
code 0 "removed it is" as eve cadre claim "$next"

# A submodule that one task adds is not there for the next.
agent una
begin una 'adds a submodule'
as una git submodule --quiet add "$library" added
as una git commit -qm added
code 0 "a task that adds a submodule" as una cadre task done
next=$(cadre task add 'after it')
code 0 "the next one is claimed" as una cadre claim "$next"
is "$(as una git status --porcelain)$(ls -d "$t_dir/una/added" 2>/dev/null)" "" "and finds nothing of it"
as una cadre task fail -q --why 'to go on'
begin una 'adds another'
as una git submodule --quiet add "$library" other
as una git commit -qm other
echo mine >"$t_dir/una/other/mine"
as una cadre task fail -q --why 'with a file in it'
next=$(cadre task add 'after that')
code 1 "where a file of it is in no commit" as una cadre claim "$next"
is "$(cat "$t_dir/una/other/mine")" mine "nothing of it is removed"
t_end
