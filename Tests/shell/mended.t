#!/usr/bin/env bash
# Worktrees that were removed, moved, or left half-way by a git that was killed, what an ended task has left in them, and
# a target that was renamed: all is mended by who uses them next, or named with what to do.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
t_program idler <<'END'
trap 'sleep 1; exit 0' TERM
while :; do sleep 0.2; done
END
tree() { field "$1" worktree; }
said() { tr -d '\n' <"$t_dir/err"; }
# As the agent's program calls it.
as() { # NAME COMMAND...
  local name=$1
  shift
  (cd / && CADRE_DIR=$repository/.git/cadre CADRE_AGENT=$name CADRE_SESSION=$(sed -n 's/^Token: //p' "$repository/.git/cadre/agents/$name/session") "$@")
}
claims() { as "$1" cadre claim "${@:2}"; }

# Inside of the repository, which is said and excluded.
cd "$(t_repository inside)" || exit 1
repository=$PWD
git config cadre.worktrees .worktrees
cadre init -q
cadre spawn i --agent idler >"$t_dir/out" 2>"$t_dir/err"
like "$(said)" "*'/.worktrees/' was added to .git/info/exclude*" "worktrees inside of the repository: said"
is "$(git status --porcelain --untracked-files=all)" "" "and git overlooks them"
cadre spawn -q j --agent idler
is "$(grep -c worktrees .git/info/exclude)" 1 "once"
mv "$repository" "$t_dir/inside-moved" && cd "$t_dir/inside-moved" || exit 1
repository=$PWD
code 75 "the repository was moved, and they with it" cadre doctor
like "$(cat "$t_dir/out")" "*was moved: 'cadre up' mends*" "doctor says so"
code 0 "up" cadre up
wait_for 30 is_state i idle && wait_for 30 is_state j idle
is "$(cadre agents -o name,state,worktree)" "i	idle	$repository/.worktrees/i
j	idle	$repository/.worktrees/j" "all run where they are now"
is "$(git worktree list | grep -c prunable)" 0 "and git knows them there"
code 0 "the bus is sound" cadre doctor
cadre stop -q i j
mv "$repository" "$t_dir/inside-again" && cd "$t_dir/inside-again" || exit 1
repository=$PWD
code 75 "moved while all are stopped" cadre doctor
code 0 "up" cadre up
is "$(cadre agents -o name,state,worktree)" "i	resting	$repository/.worktrees/i
j	resting	$repository/.worktrees/j" "starts nobody, and mends what the move has left"
code 0 "as doctor has promised" cadre doctor
cadre retire -q i j

# Beside it.
cd "$(t_repository)" || exit 1
repository=$PWD
cadre init -q
cadre spawn -q a --agent idler 'do it'
echo own >"$(tree a)/own"
before=$(tree a)
mv "$repository" "$t_dir/moved" && cd "$t_dir/moved" || exit 1
repository=$PWD
code 75 "the repository alone was moved" cadre doctor
code 0 "up" cadre up
is "$(field a worktree) $(cat "$before/own")" "$before own" "the worktree stays where it is, and what is in it"
is "$(git -C "$before" rev-parse --git-common-dir)" "$repository/.git" "and is one of the repository"
wait_for 30 is_state a working
is "$(field a state) $(field a task)" "working 1" "its agent goes on with its task"
code 0 "the bus is sound" cadre doctor
# A copy has the same cards.
pid=$(field a pid)
cp -a "$repository" "$t_dir/copy"
cadre -C "$t_dir/copy" up -q
is "$(field a pid) $(cat "$before/own")" "$pid own" "agents of a copied repository leave those of the first alone"
is "$(cadre -C "$t_dir/copy" agents -o name,worktree)" "a	$t_dir/copy.cadre/a" "and have worktrees of their own"
cadre -C "$t_dir/copy" retire -q --discard a
is "$(field a pid) $(cat "$before/own")" "$pid own" "to the end"

# Moved, and the worktree of one that is stopped was removed.
cadre spawn -q gone --agent idler --no-pull
cadre stop -q gone
rm -rf "$(tree gone)"
mv "$repository" "$t_dir/again" && cd "$t_dir/again" || exit 1
repository=$PWD
code 0 "up after both" cadre up
code 75 "doctor" cadre doctor
like "$(cat "$t_dir/out")" "*was removed: 'cadre up gone' makes it again*" "says what helps"
code 0 "which does" cadre up gone
code 0 "the bus is sound again" cadre doctor
is "$(cat "$(tree gone)/file")" "$(cat file)" "the worktree is there"
cadre retire -q gone

# The target is renamed.
git branch -m main trunk
code 0 "a target that was renamed" cadre spawn b --agent idler
is "$(cat .git/cadre/target)" refs/heads/trunk "is followed"
git config cadre.target gone
code 75 "one that is gone" cadre spawn c --agent idler
like "$(said)" "*the target 'gone' is gone: 'git config cadre.target trunk' chooses this*" "is asked about"
code 75 "by doctor too" cadre doctor
git config --unset cadre.target

# All at once.
tmux -L "$t_server" kill-server
code 0 "kill-server, and up at once" cadre up
is "$(cat "$t_dir/out")" "a
b" "starts all that were hanging up"
wait_for 30 is_state a working && wait_for 30 is_state b idle
ok "and they run"
cadre retire -q --discard a

# Locks that a killed git has left.
touch -d '1 minute ago' "$(git -C "$(tree b)" rev-parse --git-dir)/index.lock"
code 75 "index.lock in a worktree" cadre doctor
like "$(cat "$t_dir/out")" "*worktrees/b/index.lock*left by a git that was killed: remove it*" "doctor names it"
for n in 1 2 3 4 5 6; do cadre task add -q "task $n"; done
first=$(cadre task list --state ready | cut -f1 | sort -n | head -n 1)
code 0 "a claim goes on" claims b "$first"
code 0 "the bus is sound" cadre doctor

# What an ended task has left.
echo left >"$(tree b)/left" && echo changed >"$(tree b)/file"
cadre task cancel -q "$first"
code 0 "what a cancelled task has left keeps nobody from the next" claims b "$((first + 1))"
is "$(git -C "$(tree b)" status --porcelain)$(cat "$(tree b)/file")" first "the worktree is clean"
is "$(git show "refs/cadre/work/task-$first:left" "refs/cadre/work/task-$first:file" | xargs)" "left changed" "what was left is kept"
like "$(cadre task show "$first")" "*are kept: git show *" "as its note says"
echo half >"$(tree b)/half"
cadre stop -q b
code 0 "stopped at work, and up" cadre up -q b
code 0 "it begins the same again" claims b "$((first + 1))"
is "$(cat "$(tree b)/half")" half "with what it had"
cadre stop -q b && cadre up -q b
code 0 "or another" claims b "$((first + 2))"
is "$(git show "$(git for-each-ref --format='%(refname)' "refs/heads/cadre/$((first + 1))-*"):half")" half "and what it had is on the task's branch"
as b cadre task done -q --result x
git -C "$(tree b)" checkout -q --detach && echo mine >"$(tree b)/mine"
code 1 "changes that are no task's are refused" claims b "$((first + 3))"
like "$(said)" "*uncommitted changes*mine*" "and named"
rm "$(tree b)/mine"

# Removed while it was idle.
rm -rf "$(tree b)"
code 0 "a worktree that was removed is made again at the next claim" claims b "$((first + 3))"
is "$(git -C "$(tree b)" status --porcelain) $(cat "$(tree b)/file")" " first" "whole"
as b cadre task done -q --result x

# A checkout that is killed half-way, and the claim with it.
printf '*.k filter=kill\n' >.gitattributes
for f in a.txt k.k z.txt; do echo "new $f" >$f; done
echo second >file
git add . && git commit -qm 'more files'
# shellcheck disable=SC2016 # the filter's
git config filter.kill.smudge 'kill -9 $(cut -d " " -f 4 /proc/$PPID/stat) $PPID; cat'
code 137 "a claim is killed while git checks out" claims b "$((first + 4))"
git config --unset filter.kill.smudge
test -e "$(tree b)/a.txt" -a ! -e "$(tree b)/z.txt"
ok "half of it is there"
cp "$(tree b)/a.txt" "$t_dir/a.txt" && echo mine >"$(tree b)/a.txt"
cadre recover -q
cadre claim -q --release "$((first + 4))" 2>/dev/null
code 1 "somebody has changed a file since" claims b "$((first + 4))"
like "$(said)" "*was cut short, and a.txt changed since*" "which is named"
cp "$t_dir/a.txt" "$(tree b)/a.txt"
code 0 "nobody has: it is taken back, and done again" claims b "$((first + 4))"
is "$(git -C "$(tree b)" status --porcelain)" "" "the worktree is clean"
is "$(cat "$(tree b)/a.txt" "$(tree b)/k.k" "$(tree b)/z.txt" | xargs)" "new a.txt new k.k new z.txt" "and whole"
cadre retire -q --discard b
code 0 "the bus is sound" cadre doctor
t_end
