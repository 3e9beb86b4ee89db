#!/usr/bin/env bash
# Conflicts are seen by supervisors, with nobody asking: when a branch or the target moves, and only then.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus)
git config cadre.gate true
# Their own commits are made by the test.
t_program idler <<'END'
exec sleep 1000
END
for name in bob eve; do cadre spawn -q "$name" --agent idler "work of $name"; done
wait_for 10 is_state eve working
tree() { field "$1" worktree; }
commit() { # NAME FILE TEXT
  echo "$3" >"$(tree "$1")/$2"
  git -C "$(tree "$1")" add -A
  git -C "$(tree "$1")" commit -qm "$2 of $1"
}
# What they do from here on, to its end.
trace() { # FILE: of all supervisors
  local pids
  pids=$(cadre agents -o pid)
  # shellcheck disable=SC2046,SC2086 # words
  strace -f -qq -s 64 -v -e trace=execve -e abbrev=none -o "$1" $(printf -- '-p%s ' $pids) &
  tracer=$!
  for pid in $pids; do wait_for 10 grep -q '^TracerPid:	[1-9]' "/proc/$pid/status"; done
}
untrace() {
  kill "$tracer"
  wait "$tracer" 2>/dev/null
}
conflicts() { cadre status --format '%(conflicts)'; }
are() { [ "$(conflicts)" = "$1" ]; }
shown() { cadre agents -o name,conflict | tr '\t' ' '; }
compared() { cadre path merge >/dev/null && grep -q "$(git -C "$(tree "$1")" rev-parse HEAD)" "$bus/merge/check"; }
mails() { cadre --as "$1" inbox list | wc -l; }
mailed() { [ "$(mails "$1")" = "$2" ]; }

commit bob file bob
wait_for 10 compared bob
ok "a commit is seen"
commit eve file eve
wait_for 10 are 1
ok "and one that conflicts"
wait_for 5 mailed bob 1
wait_for 5 mailed eve 1
ok "both are told"
is "$(shown)" "bob eve: file
eve bob: file" "and it is shown"

# Nothing moves: nothing is started. Then a commit: only git is, by one of them.
trace "$t_dir/idle"
commit eve other eve
wait_for 10 compared eve
sleep 3 # what would come after, comes
cp "$t_dir/idle" "$t_dir/once"
sleep 3
untrace
is "$(($(wc -l <"$t_dir/idle") - $(wc -l <"$t_dir/once")))" 0 "when nothing moves nothing is started"
grep ' = 0$' "$t_dir/idle" >"$t_dir/ran"
is "$(grep -cv 'execve("[^"]*/git"' "$t_dir/ran")" 0 "git alone is run for a commit"
is "$(grep -c '"merge-tree"' "$t_dir/ran")" 2 "and by one of them: with the target, then with each other"
echo "# shown processes for a commit: $(wc -l <"$t_dir/ran")"
is "$(mails bob) $(mails eve)" "1 1" "no mail for what is known"

# The target; a directory of branches that is new; references that are packed.
echo main >file
git commit -qam main
wait_for 10 are 3
ok "the target moves"
is "$(shown)" "bob main: file; eve: file
eve bob: file; main: file" "each is shown with it"
git pack-refs --all --prune
[ ! -e .git/refs/heads/cadre ] || rmdir .git/refs/heads/cadre 2>/dev/null
git -C "$(tree eve)" reset -q --hard main
wait_for 10 are 1
ok "a branch moves after all were packed"
git -C "$(tree bob)" reset -q --hard main
wait_for 10 are 0
ok "and the other"
is "$(shown)" "bob -
eve -" "nothing is left"

# A task that ends takes its conflicts with it.
commit bob file bob
commit eve file eve
wait_for 10 are 1
id=$(field bob task)
cadre task cancel -q "$id"
wait_for 10 are 0
ok "a task that is cancelled has no conflicts"

# Whoever watches is killed, and a branch moves meanwhile.
cadre task reopen -q "$id"
before=$(mails eve)
# shellcheck disable=SC2046 # words
kill -STOP $(cadre agents -o pid)
commit eve file2 eve
# shellcheck disable=SC2046 # words
kill -9 $(cadre agents -o pid)
t_up() { [ "$(cadre agents -o state | sort -u)" = working ] || [ "$(cadre agents -o pid | grep -c '[0-9]')" = 2 ]; }
cadre up -q
wait_for 10 t_up
wait_for 10 compared eve
ok "killed and brought back they see what moved meanwhile"
wait_for 10 are 1
ok "and what was opened again"
wait_for 5 mailed eve $((before + 1))
ok "and tell it"
code 0 "doctor finds nothing" cadre doctor
cadre stop -q --now bob eve
is "$(find "$bus/merge/check.objects" -type f)" "" "nothing is left"
t_end
