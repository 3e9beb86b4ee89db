#!/usr/bin/env bash
# How many git processes the verbs start that every task goes through. Each costs as much as all that the verb itself does;
# what a verb needs of git it asks once, and reads where the repository's files tell it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world

mkdir "$t_dir/counted"
cat >"$t_dir/counted/git" <<END
#!/bin/sh
echo "\$*" >>"$t_dir/calls"
exec "$(command -v git)" "\$@"
END
chmod +x "$t_dir/counted/git"
# at_most LIMIT NAME COMMAND...: it starts no more; those that it starts are shown where it does.
at_most() {
  local limit=$1 name=$2 count
  shift 2
  : >"$t_dir/calls"
  PATH="$t_dir/counted:$PATH" "$@" >"$t_dir/out" 2>"$t_dir/err" || sed 's/^/# /' "$t_dir/err"
  count=$(wc -l <"$t_dir/calls")
  echo "# shown: $name starts $count"
  [ "$count" -le "$limit" ] || sed 's/^/# /' "$t_dir/calls"
  [ "$count" -le "$limit" ]
  ok "$name starts $count git processes, at most $limit"
}
# What was written in the last moments is asked for again; see KeptConfiguration.swift.
settle() {
  sleep 0.1
  as a cadre prime >/dev/null
}

cd "$(t_repository)" || exit 1
git config cadre.gate true
cadre init -q
agent a
agent b
cadre task add -q 'the first' && cadre task add -q 'the second' && cadre task add -q 'the third'
settle
at_most 3 "claim" as a cadre claim
is "$(git -C "$t_dir/a" symbolic-ref --short HEAD)" cadre/1-the-first "and is on the branch"
echo one >"$t_dir/a/one" && as a git add one && as a git commit -qm one
at_most 4 "merge submit" as a cadre merge submit
at_most 3 "the next claim" as a cadre claim
is "$(git -C "$t_dir/a" symbolic-ref --short HEAD)" cadre/2-the-second "and is on its branch"
echo two >"$t_dir/a/two"
at_most 7 "task done -m" as a cadre task done -m two
is "$(git show cadre/2-the-second:two)" two "and has committed"

cadre merge run -q
is "$(cat one two)" "one
two" "both land"
at_most 5 "a claim after what has landed" as b cadre claim
git pack-refs --all
as b cadre claim -q --release
settle
at_most 3 "a claim where references are packed" as b cadre claim

for n in 1 2 3 4 5; do work a "file$n" "$n"; done
git config cadre.mergeBatch 5
cadre init -q
settle
at_most 45 "landing of 5 in a batch" cadre merge run -q
is "$(cat file1 file2 file3 file4 file5 | xargs)" "1 2 3 4 5" "which has them all"
t_end
