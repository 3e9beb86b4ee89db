#!/usr/bin/env bash
# A long history costs what is looked at: of the journal its end or what was asked for, of landed tasks no process each.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
cadre init -q
git config cadre.gate true
bus=$(cadre path bus)

# The journal of two hosts on two days, and a day that can't be read.
mkdir "$bus/journal/2026-01-01.alpha.jsonl"
for day in 02 03; do
  for host in alpha beta; do
    for minute in 10 20 30; do
      echo "{\"time\":\"2026-01-${day}T10:$minute:00Z\",\"event\":\"e$minute\",\"by\":\"$host\",\"task\":${day#0}$minute}"
    done >"$bus/journal/2026-01-$day.$host.jsonl"
  done
done
printf '{"time":"2026-01-03T10:40:00Z","event":"torn' >>"$bus/journal/2026-01-03.beta.jsonl"

code 75 "the whole journal can't be read" cadre log
is "$(cadre log -n 3 | cut -f 1-3 | tr '\n\t' ', ')" \
  "2026-01-03T10:20:00Z beta e20,2026-01-03T10:30:00Z alpha e30,2026-01-03T10:30:00Z beta e30," \
  "the last lines, without the rest of it"
is "$(cadre log --lines 4 --agent alpha | cut -f 1)" \
  "$(printf '2026-01-%sT10:%s:00Z\n' 02 30 03 10 03 20 03 30)" "the last of an agent's, across days"
is "$(cadre log --since 2026-01-02T10:30:00Z | cut -f 1-2 | head -n 3 | tr '\n\t' ', ')" \
  "2026-01-02T10:30:00Z alpha,2026-01-02T10:30:00Z beta,2026-01-03T10:10:00Z alpha," "those since a time"
is "$(cadre log --since 2026-01-02T10:30:00Z -n 1 --task 320 | cut -f 2)" beta "with other options"
is "$(cadre log -n 0)" "" "none of none"
is "$(cadre log --since 1h --agent alpha 2>&1)" "" "an agent with earlier events is known"
code 64 "a bad number" cadre log -n some
code 64 "a bad time" cadre log --since yesterday
opened=$(strace -qq -e trace=openat cadre log -n 1 2>&1 | grep -c '\.jsonl')
is "$opened" 2 "of the last line the files of the last day are opened"
rmdir "$bus/journal/2026-01-01.alpha.jsonl"
like "$(cadre log --since 1h --agent nobody 2>&1)" "*nobody*" "one without any is not"
is "$(cadre log | wc -l)" 12 "without a number all is printed"
is "$(cadre log -n all | wc -l)" 12 "and with all"

for n in $(seq 300); do
  echo "{\"time\":\"2026-01-04T10:00:00Z\",\"event\":\"e$n\",\"by\":\"alpha\"}"
done >"$bus/journal/2026-01-04.alpha.jsonl"
terminal() { TERM=dumb script -qec "cadre log $*" /dev/null | grep -c alpha; }
is "$(terminal)" 200 "a terminal gets the last 200"
is "$(terminal -n all --agent alpha)" 306 "or as many as are asked for"
is "$(terminal --since 2026-01-04T00:00:00Z)" 300 "or all since a time"

cadre log -f -n 1 >"$t_dir/followed" &
follower=$!
wait_for 10 grep -q e300 "$t_dir/followed"
echo '{"time":"2026-01-04T11:00:00Z","event":"later","by":"alpha"}' >>"$bus/journal/2026-01-04.alpha.jsonl"
wait_for 10 grep -q later "$t_dir/followed"
is "$(cut -f 3 "$t_dir/followed" | tr '\n' ' ')" "e300 later " "the last line is followed by new ones"
kill "$follower"

# Landed tasks: doctor starts as many processes for eighty as for one.
agent bob
work bob file text
is "$(cadre merge run | cut -f 1,2)" "1	landed" "a task lands"
count() { strace -f -qq -e trace=execve -o "$t_dir/trace" cadre doctor -q && grep -c 'execve(.*) = 0' "$t_dir/trace"; }
before=$(count)
kept=$(git rev-parse refs/cadre/work/task-1)
for id in $(seq 2 80); do
  cp -r "$bus/tasks/1" "$bus/tasks/$id"
  sed "s/^Task: 1$/Task: $id/" "$bus/merge/done/1" >"$bus/merge/done/$id"
  : >"$bus/state/done/$id"
  echo "create refs/cadre/work/task-$id $kept"
done | git update-ref --stdin
echo 81 >"$bus/ids"
[ "$(count)" -le "$before" ]
ok "doctor starts no process more for eighty landed tasks than for one"
git update-ref refs/cadre/work/task-7 "$(git rev-parse 'main^{tree}')"
like "$(cadre doctor 2>&1)" "*refs/cadre/work/task-7*holds no commit*" "and sees the one whose commit is not there"

# What every start costs.
cadre task add -q 'a task'
strace -qq -e trace=%file -o "$t_dir/trace" cadre task add -q another
is "$(grep -c -e localtime -e 'swift-backtrace' -e libexec "$t_dir/trace")" 0 \
  "a verb reads no time zone and looks for no program of the runtime's"

t_end
