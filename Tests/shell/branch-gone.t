#!/usr/bin/env bash
# A branch that is removed under a worktree comes back with what was on it, whichever verb meets it first.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
echo 'exec sleep 1000' | t_program idler
tree() { field "$1" worktree; }
as() { # NAME COMMAND...
  local name=$1
  shift
  (cd "$(tree "$name")" && CADRE_AGENT=$name CADRE_SESSION=$(sed -n 's/^Token: //p' "$bus/agents/$name/session") "$@")
}
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus)
# An agent with a task, a commit and a change on it, whose branch is gone; ids count up.
id=0
fallen() { # NAME
  cadre spawn -q "$1" --agent idler "work of $1" && id=$((id + 1))
  echo "$1" >"$(tree "$1")/$1"
  git -C "$(tree "$1")" add "$1" && git -C "$(tree "$1")" commit -qm "$1"
  tip=$(git -C "$(tree "$1")" rev-parse HEAD)
  branch=$(git -C "$(tree "$1")" symbolic-ref HEAD)
  [ "${2-}" = clean ] || echo more >>"$(tree "$1")/$1"
  git update-ref -d "$branch"
}
back() { is "$(git rev-parse -q --verify "$branch")" "$tip" "$1: the branch holds what it did"; }

fallen a clean
code 0 "task done" as a cadre task done
back "task done"
cadre merge approve -q 1
cadre merge run -q
is "$(git show main:a)" a "and it lands"
fallen b
code 0 "task done --commit" as b cadre task done --commit
is "$(git rev-list --count "main..$branch" 2>/dev/null)" 2 "commits on top of it"
fallen c
code 0 "merge update" as c cadre merge update
back "merge update"
is "$(cat "$(tree c)/c")" "c
more" "and the change is still there"
fallen d
code 1 "retire" cadre retire d
like "$(cat "$t_dir/err")" "*uncommitted changes*: d;*" "names the change only"
back retire
fallen e
code 0 "pause" cadre pause e
is "$(git log -2 --format=%s "$branch" | xargs)" "Work in progress of e e" "keeps both"
code 0 "and resume" cadre resume e
is "$(cat "$(tree e)/e")" "e
more" "brings them back"
fallen f
code 0 "claim --release" as f cadre claim --release
is "$(git rev-parse "refs/cadre/work/task-$id")" "$tip" "claim --release: its commit is kept"
code 0 "the next claim" as f cadre claim "$id"
back "the next claim"
fallen g clean
code 0 "another claims it, once it is given back" as g cadre claim --release
git update-ref -d "$branch"
cadre spawn -q h --agent idler
code 0 "likewise" as h cadre claim "$id"
back "another's claim"
fallen i
kill -9 "$(field i pid)"
started() { git rev-parse -q --verify "$branch"; }
wait_for 10 started
back "the next start"
fallen j clean
git pack-refs --all
code 0 "packed references" as j cadre task done
back "packed"
git config core.logAllRefUpdates false
fallen k clean
rm -f "$bus"/../worktrees/*/logs/HEAD
as k cadre claim --release -q
code 0 "without a log of HEAD" as k cadre claim "$id"
like "$(git rev-parse -q --verify "$branch")" "????*" "it begins anew"
git config --unset core.logAllRefUpdates

# What its maker has not committed to yet is no loss.
cadre spawn -q orphan --agent idler 'begins anew' && id=$((id + 1))
git -C "$(tree orphan)" switch -q --orphan new
code 1 "a branch without a commit" as orphan cadre task done "$id"
is "$(git rev-parse -q --verify refs/heads/new)" "" "is left as it is"
code 1 "it can't be paused" cadre pause orphan
like "$(cat "$t_dir/err")" "*branch 'new' of '*/orphan' has no commit: commit there first*" "which says why"
t_end
