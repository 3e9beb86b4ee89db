#!/usr/bin/env bash
# An agent ends its session, and the next one begins afresh with its notes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
notes() { grep -A1 '^Notes of your last session:' "$t_dir/primed.$1" | sed 1d; }
starts() { grep -c . "$t_dir/starts" 2>/dev/null; }
begun() { [ "$(starts)" = "$1" ] && [ -e "$t_dir/primed.$1" ]; }
# Says what it is told at each start, and does what a file says.
t_program worker <<'PROGRAM'
echo "$CADRE_SESSION" >>"$t_dir/starts"
n=$(grep -c . "$t_dir/starts")
cadre prime >"$t_dir/primed.$n.new" && mv "$t_dir/primed.$n.new" "$t_dir/primed.$n"
while :; do
  if [ -e "$t_dir/do" ]; then
    mv "$t_dir/do" "$t_dir/doing"
    sleep 100003 &
    sh "$t_dir/doing" >"$t_dir/said" 2>&1
    echo "exit $?" >>"$t_dir/said"
  fi
  sleep 0.1
done
PROGRAM
tell() { printf '%s\n' "$1" >"$t_dir/do.new" && mv "$t_dir/do.new" "$t_dir/do"; }

cadre task add -q 'long work'
cadre spawn -q bob --agent worker --task 1
wait_for 10 begun 1
ok "an agent at work"
first=$(tail -n 1 "$t_dir/starts")
is "$(notes 1)" "" "no notes at first"
code 1 "a person has no session" cadre handoff notes
like "$(cat "$t_dir/err")" "*'human' is no agent that runs*--as NAME*" "which says how"
code 1 "nor has who is not there" cadre handoff --as nobody notes
code 64 "no such file" cadre handoff --as bob -F nowhere
code 64 "two texts" cadre handoff --as bob -F file notes
is "$(starts)" 1 "none of these ended it"

# By itself.
worktree=$(cadre path worktree bob)
echo half >"$worktree/half"
tell 'printf "the parser is done\n\033[31mits tests\0 are not\n" | cadre handoff -'
wait_for 10 begun 2
ok "it hands over: its program begins anew"
[ "$first" != "$(tail -n 1 "$t_dir/starts")" ]
ok "in another session"
is "$(notes 2)" "the parser is done" "which is told the notes"
is "$(grep -c $'\e' "$t_dir/primed.2")" 0 "without control characters"
is "$(t_pgrep -fx 'sleep 100003')" "" "what the first had started is ended"
is "$(cadre task show 1 --json | jq -r '.owner')" bob "the task is still its own"
is "$(cat "$worktree/half")" half "what it has not committed is there"
like "$(git -C "$worktree" branch --show-current)" "cadre/1-long-work" "on the task's branch"
code 1 "the first session can't any more" env CADRE_AGENT=bob "CADRE_SESSION=$first" cadre handoff late
like "$(cat "$t_dir/err")" "*is over*" "for it is over"
like "$(cadre log --agent bob)" "*handoff*" "the log tells"
is "$(cadre log --json | jq -r 'select(.event == "ended") | .how')" "handed over to a new session" "of its end, too"

# By a person.
head -c 100000 /dev/zero | tr '\0' 'x' >notes
code 0 "a person has it hand over" cadre handoff --as bob -F notes
wait_for 10 begun 3
ok "it begins anew"
like "$(cat "$t_dir/primed.3")" "*(100000 bytes in all: the file *agents/bob/handoff)*" "many notes are cut, with where they are"
is "$(wc -c <"$(cadre path agent bob)/handoff")" 100000 "and kept whole"
# shellcheck disable=SC2016 # for its shell
echo 'sh "$t_dir/theirs" >"$t_dir/said" 2>&1; echo "exit $?" >>"$t_dir/said"; exec sleep 1000' | t_program other
echo 'cadre handoff --as bob "for another"' >"$t_dir/theirs"
cadre spawn -q eve --agent other --no-worktree
wait_for 10 grep -q 'exit 1' "$t_dir/said"
ok "an agent does not for another"
code 0 "frozen" cadre stop -q --freeze bob
code 0 "it is told to" cadre handoff --as bob
is "$(starts)" 3 "and does not"
cadre resume -q bob
wait_for 10 begun 4
ok "until it goes on"
is "$(notes 4)" "" "without notes there are none"

# Killed between the notes and its end, the next session begins with them all the same.
pid=$(field bob pid)
kill -STOP "$pid"
cadre handoff -q --as bob 'kept'
kill -9 "$pid"
wait_for 10 begun 5
ok "its supervisor killed: it begins anew"
is "$(notes 5)" kept "with the notes"

git config cadre.maxRestarts 2
cadre handoff -q --as bob again
wait_for 10 is_state bob quarantined
ok "who hands over again and again is set aside"
runs_no_more() { [ -z "$(field "$1" pid)" ]; }
wait_for 10 runs_no_more bob
code 1 "and is no agent that runs" cadre handoff --as bob notes
code 0 "the bus is sound" cadre doctor
t_end
