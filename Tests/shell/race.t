#!/usr/bin/env bash
# Many processes at once: every task is taken once, whoever is killed.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1

seq 200 | sed 's/^/- [ ] task /' | cadre task import - >"$t_dir/ids" 2>/dev/null
worker() { while cadre --as "w$1" claim 2>/dev/null; do :; done >"$t_dir/claimed.$1"; }
for w in $(seq 64); do worker "$w" & done
wait
cat "$t_dir"/claimed.* | cut -f1 | sort -n >"$t_dir/all"
is "$(cat "$t_dir/all")" "$(sort -n "$t_dir/ids")" "64 processes take 200 tasks, each once"

# The same with kills: what was printed as done was done once.
cadre task list | cadre task cancel - -q 2>/dev/null
seq 100 | sed 's/^/- [ ] again /' | cadre task import - >"$t_dir/ids"
killed() {
  local n id
  for n in $(seq 12); do
    id=$(timeout -s KILL "0.$(printf %03d $((RANDOM % 25 + 3)))" cadre --as "k$1" claim 2>/dev/null | cut -f1)
    [ -n "$id" ] || continue
    timeout -s KILL "0.$(printf %03d $((RANDOM % 25 + 3)))" cadre --as "k$1" task done --no-merge "$id" 2>/dev/null >>"$t_dir/done.$1"
    [ $((n % 4)) = 0 ] && cadre recover -q
  done
}
for w in $(seq 32); do killed "$w" & done
wait
cadre recover -q
is "$(cat "$t_dir"/done.* | sort | uniq -d | wc -l)" 0 "none is done twice"
missing=0
for id in $(cat "$t_dir"/done.*); do
  [ -e "$(cadre path bus)/state/done/$id" ] || missing=$((missing + 1))
done
is "$missing" 0 "what was said to be done is done ($(cat "$t_dir"/done.* | wc -l))"
is "$(cadre task list | wc -l)" 300 "no task is lost"
code 0 "doctor finds nothing" cadre doctor
t_end
