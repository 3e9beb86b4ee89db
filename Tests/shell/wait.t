#!/usr/bin/env bash
# Waiting for a task: a line of which one watches. Nobody looks by itself for a minute, so what comes sooner was heard.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q

waiter() { exec cadre --as "$1" claim --wait=300s >"$t_dir/got.$1" 2>/dev/null; }
taken() { cat "$t_dir"/got.* | cut -f1 | sort -n; }
count() { [ "$(taken | wc -l)" = "$1" ]; }
# locks(5) of the line: who holds it (PID), how many wait for it.
turn=$(cadre path bus)/state/ready/any/turn
head_pid() { awk -v inode=":$(stat -c %i "$turn")" '$2 == "FLOCK" && substr($6, length($6) - length(inode) + 1) == inode { print $5 }' /proc/locks; }
standing() { [ "$(awk -v inode=":$(stat -c %i "$turn")" '$2 == "->" && index($7, inode) { n++ } END { print n + 0 }' /proc/locks)" = "$1" ]; }

pids=()
for n in $(seq 20); do
  waiter "w$n" &
  pids[n]=$!
done
wait_for 10 standing 19
ok "19 stand in line behind one"

cadre task add -q one
wait_for 10 count 1
ok "a task is taken"
seq 5 | sed 's/^/- [ ] task /' | cadre task import -q -
wait_for 10 count 6
ok "so are five at once"

# Whoever stands at the head is killed: the next one watches.
wait_for 10 standing 13
killed=$(head_pid)
kill -9 "$killed"
cadre task add -q after
wait_for 10 count 7
ok "the head is killed, the next takes its place"

# For one alone, wherever it stands.
wait_for 10 standing 11
head=$(head_pid)
for n in $(seq 20); do
  if [ ! -s "$t_dir/got.w$n" ] && [ "${pids[n]}" != "$killed" ] && [ "${pids[n]}" != "$head" ]; then last=w$n; fi
done
mine=$(cadre task add --to "$last" 'for one')
wait_for 10 grep -q "^$mine	" "$t_dir/got.$last"
ok "a task for one wakes that one in the line"

cadre task add -q --defer 1s later
wait_for 10 count 9
ok "a deferred task is taken when it is due"

# A role's line is its own.
waiter2() { exec cadre --as "$1" claim --wait=300s --role builder >"$t_dir/got.$1" 2>/dev/null; }
waiter2 r1 &
mine=$(cadre task add --role builder build)
wait_for 10 grep -q "^$mine	" "$t_dir/got.r1"
ok "a task for a role goes to who waits in it"

seq 30 | sed 's/^/- [ ] rest /' | cadre task import -q -
wait
is "$(taken | uniq -d)" "" "none is taken twice"

# A lease that ends while others wait, also one that began after they did.
cadre task list --state ready | cadre task cancel -q - 2>/dev/null
waiter2 r2 &
wait_for 10 test -e "$(cadre path bus)/state/ready/for=r2/bell"
id=$(cadre task add --to other --role builder leased)
cadre --as other claim -q --role builder --ttl 1s "$id"
cadre task edit -q --to '' "$id"
wait_for 10 grep -q "^$id	" "$t_dir/got.r2"
ok "a lease that ended is offered to who waits"
wait

# For one task.
first=$(cadre task add first)
second=$(cadre task add -d "$first" second)
cadre --as one claim --wait=300s "$second" >"$t_dir/got.one" 2>/dev/null &
cadre --as two claim -q "$first" && cadre --as two task done -q "$first"
wait_for 10 grep -q "^$second	" "$t_dir/got.one"
ok "one task is waited for by its id"
wait
third=$(cadre task add -d "$second" third)
code 1 "not longer than told" cadre --as two claim --wait=1s "$third"
cadre --as two claim --wait=300s "$third" 2>"$t_dir/err" &
waiting=$!
cadre task cancel -q "$third"
wait "$waiting"
is "$?" 1 "nor when it has ended"
cadre --as one task done -q "$second"

# Without inotify.
if unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances' 2>/dev/null; then
  cadre task list --state ready | cadre task cancel -q - 2>/dev/null
  unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances; cadre --as x1 claim --wait=300s & cadre inbox next --wait=300s & wait' >"$t_dir/blind" 2>&1 &
  wait_for 10 test -e "$(cadre path bus)/state/ready/for=x1/bell"
  cadre task add -q blind
  cadre send human -q 'seen anyway'
  wait_for 10 grep -q blind "$t_dir/blind"
  ok "a task is found without inotify"
  wait_for 10 grep -q 'seen anyway' "$t_dir/blind"
  ok "so is mail"
  wait
fi
code 0 "doctor finds nothing" cadre doctor
t_end
