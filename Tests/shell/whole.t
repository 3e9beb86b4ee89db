#!/usr/bin/env bash
# A landing moves the person's checkout whole, or not at all: locks, places that can't be written, and no room.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
mkdir open shut
seq 100 >open/one
seq 100 >shut/two
echo old >zeta
git add -A
git commit -qm more
echo mine >mine
git add mine
git commit -qm mine
cadre init -q
git config cadre.gate true
agent bob
echo changed >mine

changes() { # TEXT: work that changes files in both directories, adds and removes some
  begin bob "changes to $1"
  seq 200 | sed "s/^/$1 /" >"$t_dir/bob/open/one"
  seq 200 | sed "s/^/$1 /" >"$t_dir/bob/shut/two"
  mkdir -p "$t_dir/bob/new/deep"
  echo "$1" >"$t_dir/bob/new/deep/$1"
  as bob git rm -q --ignore-unmatch zeta
  as bob git add -A
  as bob git commit -qm "$1"
  as bob cadre task done -q
}
untouched() { # NAME
  is "$(git rev-parse HEAD) $(git status --porcelain)" "$before  M mine" "$1"
}
before=$(git rev-parse HEAD)

# Locks that a git has left.
changes locked
for lock in refs/heads/main.lock HEAD.lock index.lock; do
  touch ".git/$lock"
  code 1 "with $lock nothing lands" cadre merge run
  like "$(cat "$t_dir/err")" "*'$repo/.git/$lock' exists*" "the lock is named"
  untouched "nothing in the checkout has moved"
  is "$(cadre ask list)" "" "nobody is asked: it may pass"
  grep -qx "Index: $repo/.git/$lock" "$(cadre path merge)/queue/$id"
  ok "and its end is what the entry waits for"
  rm ".git/$lock"
done
touch .git/index.lock
for _ in 4 5; do cadre merge run -q 2>/dev/null; done
is "$(cadre ask list | cut -f1)" "merge-$id" "one ask is open when it is there again and again"
rm .git/index.lock
is "$(cadre merge run | cut -f1,2)" "$id	landed" "without them it lands"
is "$(git status --porcelain) $(cat new/deep/locked)" " M mine locked" "whole"
is "$(git reflog -1 --format=%gs)" "cadre: land task $id" "HEAD's log tells it"
before=$(git rev-parse HEAD)

# What the person stages in the last moment.
changes staged
mkdir "$t_dir/staging"
cat >"$t_dir/staging/git" <<END
#!/bin/bash
case " \$* " in
*" read-tree -m -u "*)
  echo staged >shut/two
  "$(command -v git)" add shut/two
  echo beside >shut/two
  ;;
esac
exec "$(command -v git)" "\$@"
END
chmod +x "$t_dir/staging/git"
code 1 "a change that came meanwhile is no" env PATH="$t_dir/staging:$PATH" cadre merge run
like "$(cat "$t_dir/err")" "*would overwrite shut/two:*" "and is named"
is "$(git rev-parse HEAD) $(git show :shut/two) $(cat shut/two) $(git status --porcelain -- open new)" "$before staged beside " "what is staged and what is beside it stay"
git reset -q --hard
echo changed >mine
is "$(cadre merge run | cut -f1,2)" "$id	landed" "without it it lands"
before=$(git rev-parse HEAD)

# A directory that can't be written.
within() { # COMMAND...: where the directory shut is another file system's, read only
  unshare -m bash -c 'mount --bind shut shut && mount -o remount,bind,ro shut && "$@"' bash "$@"
}
in_both() { # COMMAND...: so is the other
  within bash -c 'mount --bind open open && mount -o remount,bind,ro open && "$@"' bash "$@"
}
if within true 2>/dev/null; then
  changes barred
  code 1 "a directory that can't be written is no" within cadre merge run
  like "$(cat "$t_dir/err")" "*can't be moved there: *shut/two*" "and is named"
  untouched "what was written elsewhere is taken back"
  is "$(ls new/deep)" "locked
staged" "what was added is gone"
  code 0 "nothing is amiss" cadre doctor
  is "$(cadre merge run | cut -f1,2)" "$id	landed" "once it can be it lands"
  is "$(git status --porcelain) $(cat new/deep/barred)" " M mine barred" "whole"
  before=$(git rev-parse HEAD)

  # Nor back: by then the other one can't be written either.
  changes between
  mkdir "$t_dir/shutting"
  cat >"$t_dir/shutting/git" <<END
#!/bin/bash
case " \$* " in
*" read-tree -m -u "*)
  "$(command -v git)" "\$@"
  code=\$?
  mount --bind open open && mount -o remount,bind,ro open
  exit \$code
  ;;
esac
exec "$(command -v git)" "\$@"
END
  chmod +x "$t_dir/shutting/git"
  code 1 "what can't be taken back is no" within env PATH="$t_dir/shutting:$PATH" cadre merge run
  like "$(cat "$t_dir/err")" "*$id: landing in '$repo' went half the way (*shut/two*) and can't be taken back (*): *open/one*" "its paths are named"
  is "$(git rev-parse HEAD) $(cadre merge list | cut -f2)" "$before landing" "it has not landed"
  is "$(cadre ask list | cut -f1)" "merge-$id" "one ask is open"
  code 75 "doctor finds it" cadre doctor
  like "$(cat "$t_dir/out")" "*I8	$repo	is between $before and *" "by the checkout"
  between=$id
  begin bob other
  write bob other 1
  as bob cadre task done -q
  code 1 "nothing else lands meanwhile" in_both cadre merge run
  is "$(git rev-parse HEAD) $(state "$id")" "$before review" "since the checkout is in between"
  like "$(cadre merge list 2>&1 >/dev/null)" "*stands still*half the way*" "which is said"
  is "$(cadre merge run | cut -f1,2)" "$between	landed
$id	landed" "once it can be written it is finished, and the others land"
  is "$(git status --porcelain) $(cat new/deep/between)" " M mine between" "whole"
  is "$(cadre ask list)$(cadre merge list 2>&1)" "" "and nothing is asked any more"
  before=$(git rev-parse HEAD)

  # No room: what is there already must come back.
  full() {
    # shellcheck disable=SC2016
    unshare -m bash -c 'cp -a shut "$0/copy" && mount -t tmpfs -o size=64k none shut && cp -a "$0/copy/." shut && rm -r "$0/copy" && "$@"' "$t_dir" "$@"
  }
  begin bob large
  seq 40000 >"$t_dir/bob/shut/two"
  echo large >"$t_dir/bob/open/one"
  as bob git commit -qam large
  as bob cadre task done -q
  # shellcheck disable=SC2016
  is "$(full bash -c 'cadre merge run 2>&1; git update-index -q --refresh; git status --porcelain' | sed 's/ at 20.*//')" \
    "$(full bash -c 'cadre merge run 2>&1; git update-index -q --refresh; git status --porcelain' | sed 's/ at 20.*//')" "without room it is the same again"
  like "$(full bash -c 'cadre merge run 2>&1; git update-index -q --refresh; git status --porcelain')" "*can't be moved there*shut/two*
 M mine" "and all is as it was"
  is "$(git status --porcelain)" " M mine" "nothing is left of it"
  is "$(cadre merge run | cut -f1,2)" "$id	landed" "with room it lands"
else
  echo "# no mounts: places that can't be written are not tried"
fi

# What git ignores is the person's too.
printf '%s\n' hidden 'hidden/' >>.git/info/exclude
begin bob hidden
mkdir "$t_dir/bob/hidden"
echo agent >"$t_dir/bob/hidden/file"
as bob git add -f hidden
as bob git commit -qm hidden
as bob cadre task done -q
echo precious >hidden
code 1 "an ignored file where a directory is to be is no" cadre merge run
like "$(cat "$t_dir/err")" "*would overwrite hidden:*" "and is named"
is "$(cat hidden)" precious "and stays"
rm hidden
mkdir hidden
echo other >hidden/other
is "$(cadre merge run | cut -f1,2)" "$id	landed" "a directory with others lands"
is "$(cat hidden/file hidden/other)" "agent
other" "beside them"
begin bob 'a file instead'
as bob git rm -rq hidden
echo flat >"$t_dir/bob/hidden"
as bob git add -f hidden
as bob git commit -qm flat
as bob cadre task done -q
code 1 "ignored files in a directory that is to be a file are no" cadre merge run
is "$(cat hidden/other)" other "and stay"
rm hidden/other
is "$(cadre merge run | cut -f1,2)" "$id	landed" "without them it lands"
is "$(cat hidden)" flat "as a file"
is "$(git status --porcelain)" " M mine" "and the checkout is as it should be"
code 0 "doctor finds nothing" cadre doctor

# A supervisor sees that the lock is gone.
changes watched
touch .git/refs/heads/main.lock
cadre spawn -q one --no-pull --agent 'exec sleep 1000'
waits() { grep -q '^State: waiting' "$(cadre path merge)/queue/$id"; }
wait_for 20 waits
ok "found by a supervisor it waits"
rm .git/refs/heads/main.lock
code 0 "without the lock it lands by itself" cadre task wait --timeout 60s "$id"
t_end
