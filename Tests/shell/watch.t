#!/usr/bin/env bash
# Somebody always watches: for work in the merge queue and for the dead, whoever of the team has been let go.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
git config cadre.gate true

cadre spawn --count 4 >"$t_dir/names"
watchers() { # who holds a watch lock, by the kernel's list of locks
  local file inode
  for file in "$(cadre path bus)"/watch?; do
    inode=$(stat -c %i "$file")
    awk -v inode="$inode" '$2 == "OFDLCK" || $1 == "OFDLCK" { n = split($0, f, "[ :]+"); for (i = 1; i <= n; i++) if (f[i] == inode) { print "held"; exit } }' /proc/locks
  done
}
both() { [ "$(watchers | wc -l)" = 2 ]; }
wait_for 5 both
ok "two watch"

id=$(cadre task add one 'echo 1 >one')
code 0 "work lands" cadre task wait --timeout 20s "$id"
cadre stop -q sh1 sh2
wait_for 5 both
ok "two of those who are left watch when the first are stopped"
id=$(cadre task add two 'echo 2 >two')
code 0 "work lands then, too" cadre task wait --timeout 20s "$id"
cadre retire -q sh3
id=$(cadre task add three 'echo 3 >three')
code 0 "and with the last one" cadre task wait --timeout 20s "$id"
code 0 "stopped ones come back" cadre up sh1 sh2
wait_for 5 both
ok "and watch"

# A watcher is killed: it is started again, and two watch.
kill -9 "$(cadre agents -o name,pid | awk '$1 == "sh4" { print $2 }')"
t_again() { [ "$(cadre agents -o name,session | awk '$1 == "sh4" { print $2 }')" = 2 ]; }
wait_for 10 t_again
ok "one that was killed runs again"
wait_for 5 both
ok "and two watch"
code 0 "doctor finds nothing" cadre doctor

# Nobody can watch when those who did end: who is left tries again.
bus=$(cadre path bus)
watching() { # the agents that do
  cadre agents -o name,pid | while read -r name pid; do
    if find "/proc/$pid/fd" -lname "$bus/watch?" 2>/dev/null | grep -q .; then echo "$name"; fi
  done
}
is "$(watching | wc -l)" 2 "two of three watch"
mapfile -t ended < <(watching)
left=$(cadre agents -o name | grep -vxF "$(watching)")
rm "$bus"/watch?
mkdir "$bus/watch0" "$bus/watch1"
cadre stop -q "${ended[@]}"
is "$(watching)" "" "nobody can"
rmdir "$bus/watch0" "$bus/watch1"
one_watches() { [ "$(watching)" = "$left" ]; }
wait_for 5 one_watches
ok "soon one does"
t_end
