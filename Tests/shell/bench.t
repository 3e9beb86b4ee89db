#!/usr/bin/env bash
# The benchmark has each column, leaves nothing behind, and knows what it can't do. No time is judged.
. "$(dirname "$0")/lib.sh"
t_world
cd ../.. || exit 1
mkdir "$t_dir/tmp"
export TMPDIR="$t_dir/tmp"
agent_runs() {
  local pid
  for pid in $(pgrep -f 'cadre supervise'); do grep -qzs "^HOME=$TMPDIR/" "/proc/$pid/environ" && return; done
  return 1
}
nothing_left() { [ -z "$(find "$TMPDIR" -mindepth 1)" ] && ! grep -qzs "^HOME=$TMPDIR/" /proc/[0-9]*/environ; }

code 0 "a group, once" Tests/bench/bench --short --turns 1 --group hot --json "$t_dir/json" --svg "$t_dir/svg"
is "$(cat "$t_dir/err")" "" "all of it works"
is "$(grep -c '^hot  *n  *median  *quartiles  *floor  *shell  *git  *goal  *ratio  *met$' "$t_dir/out")" 1 "each column"
is "$(grep -cE '^heartbeat +1( +[0-9.]+){1}( +[0-9.]+-[0-9.]+)( +[0-9.]+){3} +2 x floor +[0-9.]+ +(yes|no)$' "$t_dir/out")" 1 \
  "a row has them all"
is "$(jq -r '.rows[] | select(.row == "heartbeat") | [.n, .median > 0, .floor > 0, .shell > 0, .git > 0, .ratio > 0,
  .goal, .counts.processes, .counts["system calls"] > 0] | join(" ")' "$t_dir/json")" \
  "1 true true true true true 2 0 true" "as data"
is "$(python3 -c 'import sys, xml.dom.minidom as dom; print(dom.parse(sys.argv[1]).documentElement.tagName)' "$t_dir/svg")" \
  svg "and drawn"
nothing_left
ok "nothing is left behind"

# With agents and a tmux server, when it is interrupted.
for signal in INT TERM; do
  Tests/bench/bench --short --group spawn >"$t_dir/out" 2>"$t_dir/err" &
  pid=$!
  wait_for 20 agent_runs
  ok "an agent runs"
  kill -"$signal" "$pid"
  wait "$pid"
  is "$?" "$((128 + $(kill -l "$signal")))" "ended by $signal"
  nothing_left
  ok "nothing is left behind"
done

for words in --bogus '--group nothing' '--turns 0' '--turns x' '--compare nosuch' word; do
  # shellcheck disable=SC2086 # words
  code 64 "$words" Tests/bench/bench $words
  is "$(grep -c '' "$t_dir/err") $(head -c 7 "$t_dir/err")" "1 bench: " "in one line"
done
code 75 "no cadre" env CADRE_BIN="$t_dir" Tests/bench/bench
is "$(head -c 10 "$t_dir/err") $(grep -c '' "$t_dir/err")" "bench: no  1" "is said"
nothing_left
ok "and leaves nothing"
t_end
