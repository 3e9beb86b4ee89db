#!/usr/bin/env bash
# What programs read at their start, CLAUDE.md and such: whoever lives is told once that a landing has changed it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
cd "$(t_repository)" || exit 1
git config cadre.gate true
cadre init -q
for name in live frontend author gone; do agent "$name"; done
# They live as long as somebody has their locks.
python3 -c '
import fcntl, sys, time
files = [open(path, "w") for path in sys.argv[2:]]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX)
open(sys.argv[1], "w").close()
time.sleep(1000)
' "$t_dir/locked" "$(cadre path bus)"/agents/{live,frontend,author}/alive &
t_finally "kill $!"
wait_for 10 test -e "$t_dir/locked"

changes() { # FILE...: of the author's, submitted
  local file
  begin author "change $*"
  for file; do
    mkdir -p "$t_dir/author/$(dirname "$file")"
    echo "$id" >>"$t_dir/author/$file"
  done
  as author cadre task done -q --commit
}
told() { cadre inbox list --all --as "$1" | grep -c "changed with"; }

changes file
cadre merge run -q
is "$(told live),$(told author)" "0,0" "other files are no instructions"
changes CLAUDE.md docs/AGENTS.md file
cadre merge run -q
is "$(told live),$(told frontend),$(told author),$(told gone)" "1,1,0,0" "whoever lives is told, once, but not the author"
mail=$(cadre inbox --as live | cut -f 1)
commit=$(git rev-parse --short=12 main)
like "$(cadre inbox show --as live "$mail")" "*From: cadre*Subject: CLAUDE.md, docs/AGENTS.md changed with $commit*Task $id (change CLAUDE.md docs/AGENTS.md file) of 'author' has landed on 'main'*git show $commit:CLAUDE.md*" "by cadre: which files, and what landed"
cadre inbox next --as live >/dev/null
cadre merge run -q
is "$(told live)" 1 "not once more when nothing lands"
changes sub/GEMINI.md
cadre merge run -q
is "$(told live),$(told frontend)" "2,2" "each landing is told of"

# The runner is killed at each of its operations, one after the other.
changes CLAUDE.md
n=0 code=137
{
  while [ "$code" = 137 ] && [ "$n" -lt 300 ]; do
    n=$((n + 1))
    CADRE_FAULT=kill:$n cadre merge run >"$t_dir/out"
    code=$?
  done
} 2>"$t_dir/err"
is "$code,$(state "$id")" "0,done" "killed again and again it lands in the end"
[ "$n" -gt 5 ]
ok "at $((n - 1)) of them"
is "$(told live),$(told frontend),$(told author)" "3,3,0" "and is told of once"
t_end
