#!/usr/bin/env bash
# shellcheck disable=SC2016 # for eval
# The life of an agent under kill -9, one thing at a time: who notices, what runs again, what happens to its task.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q

# A program that notes each start and then does nothing, and one that can hardly be ended.
t_program idler <<'END'
echo "$$ $CADRE_SESSION" >>"$t_dir/starts-$CADRE_AGENT"
[ -e "$t_dir/titled" ] || printf '\033]2;Action Required\007'
touch "$t_dir/titled"
exec sleep 1000
END
t_program stubborn <<'END'
trap '' TERM HUP INT
echo "$$ $CADRE_SESSION" >>"$t_dir/starts-$CADRE_AGENT"
setsid sh -c 'trap "" TERM HUP; echo $$ >"$t_dir/stray-$CADRE_AGENT"; while :; do sleep 1000; done' &
while :; do sleep 1000; done
END
starts() { [ -f "$t_dir/starts-$1" ] && wc -l <"$t_dir/starts-$1" || echo 0; }
started() { [ "$(starts "$1")" -ge "$2" ]; }
program() { tail -n 1 "$t_dir/starts-$1" | cut -d' ' -f1; }
within_a_second() { # NAME SINCE(ns): shown, since a loaded machine is slower
  echo "# shown $1 after $((($(date +%s%N) - $2) / 1000000)) ms"
}

# One agent only: no other supervisor watches it.
is "$(cadre spawn one --agent idler --no-worktree 'do it')" one "spawn prints the name"
task=$(field one task)
is "$(field one state)" working "it works"
title() { tmux -L "$t_server" display-message -p -t "$(field one pane)" '#{pane_title}'; }
wait_for 5 eval '[ "$(title)" = "Action Required" ]'
since=$(date +%s%N)
kill -9 "$(program one)"
wait_for 10 started one 2
ok "the program killed: it runs again"
within_a_second "one ran again" "$since"
is "$(field one task)" "$task" "and has its task"
wait_for 5 is_state one working
ok "and is shown at work"
is "$(title)" "" "without the title of the one before"
is "$(sort -u "$t_dir/starts-one" | cut -d' ' -f2 | sort -u | wc -l)" 2 "each start has a token of its own"
old=$(head -n 1 "$t_dir/starts-one" | cut -d' ' -f2)
code 1 "the earlier session can't finish" env CADRE_AGENT=one CADRE_SESSION="$old" cadre task done --no-merge "$task"

since=$(date +%s%N)
kill -9 "$(field one pid)"
wait_for 10 started one 3
ok "the supervisor killed, nobody else there: it runs again"
within_a_second "one ran again" "$since"
wait_for 5 is_state one working
is "$(field one task)" "$task" "and has its task"
one_program() { [ "$(count_of 'sleep 1000' one)" = 1 ]; }
wait_for 5 one_program
ok "and one program runs"

before=$(program one)
kill -9 "$(field one pid)" "$before"
wait_for 10 started one 4
ok "both killed: it runs again"
wait_for 5 is_state one working
is "$(field one task)" "$task" "and has its task"
is "$(panes)" 1 "in the pane it had"

# Several: who lives watches, and what the dead one had started is gone before anything starts.
cadre spawn two --agent stubborn --no-worktree 'resist' >/dev/null
wait_for 5 test -s "$t_dir/stray-two"
task2=$(field two task)
stray=$(cat "$t_dir/stray-two")
first=$(program two)
since=$(date +%s%N)
kill -9 "$(field two pid)"
wait_for 10 started two 2
ok "a supervisor killed whose program ignores TERM and HUP: it runs again"
within_a_second "two ran again" "$since"
t_gone "$stray"
ok "its setsid child was swept before"
t_gone "$first"
ok "and the program too"
wait_for 5 is_state two working
is "$(field two task)" "$task2" "it has its task"
is "$(panes)" 2 "in the pane it had"

# Many deaths at once.
cadre spawn three --agent idler --no-worktree 'more' >/dev/null
cadre spawn four --agent idler --no-worktree 'more still' >/dev/null
# shellcheck disable=SC2046 # words
kill -9 $(cadre agents -o pid) $(program one) $(program two) $(program three) $(program four)
all_started() { started one 5 && started two 3 && started three 2 && started four 2; }
wait_for 15 all_started
ok "all supervisors and programs killed at once: all run again"
for name in one two three four; do wait_for 10 is_state "$name" working; done
is "$(cadre agents -o name,task | grep -c '	[0-9]')" 4 "each with a task"
is "$(panes)" 4 "each in its pane"
code 0 "the bus is sound" cadre doctor

# restart = never.
cadre spawn never --agent idler --no-worktree 'once' >/dev/null
cadre agents set never restart never >/dev/null
t5=$(field never task)
since=$(date +%s%N)
kill -9 "$(field never pid)"
wait_for 10 is_ready "$t5"
ok "restart = never: its task is offered"
within_a_second "the task was offered" "$since"
is "$(field never state)" dead "and it is dead"
wait_for 5 test "$(starts never)" -ge 1
is "$(starts never)" 1 "and not started again"
code 0 "up starts it" cadre up never
wait_for 5 started never 2
kill -9 "$(program never)"
wait_for 10 is_state never dead
ok "the program of such a one killed: dead"
cadre retire never >/dev/null
cadre task cancel "$t5" >/dev/null

# Its end, told from outside.
kill -TERM "$(field four pid)"
wait_for 10 is_state four dead
ok "TERM to the supervisor ends the agent"
is "$(count_of 'sleep 1000' four)" 0 "and its program"
t4=$(cadre task list --state claimed --json | jq -r 'select(.owner == "four").id')
like "$t4" "[0-9]*" "its task is kept"
cadre up >/dev/null
wait_for 10 is_state four working
ok "up starts it again"
is "$(field four task)" "$t4" "with its task"

tmux -L "$t_server" kill-pane -t "$(field four pane)"
wait_for 10 is_state four dead
ok "its window closed by hand: dead"
cadre recover >/dev/null
kill -9 "$(field three pid)"
wait_for 10 started three 3
ok "while another one that died is started again"
is "$(field four state)" dead "not reopened unasked"
is "$(cadre task list --state claimed --json | jq -r 'select(.owner == "four").id')" "$t4" "its task is kept"
is "$(cadre up)" four "up names what it started"
wait_for 10 is_state four working
is "$(field four task)" "$t4" "with its task"

# Closed while it waits to be started again.
cadre spawn failing --agent 'sleep 0.5; exit 1' --no-worktree 'fail' >/dev/null
waits() { cadre peek failing | grep -q 'starting again in'; }
wait_for 20 waits
tmux -L "$t_server" kill-pane -t "$(field failing pane)"
wait_for 10 is_state failing dead
ok "a window closed while the next start is waited for"
cadre recover >/dev/null && cadre up --dead >/dev/null
is "$(field failing state)" dead "stays closed"
cadre retire failing >/dev/null

# A person who brings it up does not wait out its pause.
t_program stumbling <<'END'
[ -e "$t_dir/mended" ] || exit 75
exec sleep 1000
END
cadre spawn -q stumbling --no-worktree --agent stumbling
stumbles() { cadre agents -o name,note | grep -q '^stumbling.*tried 4 times'; }
wait_for 30 stumbles
touch "$t_dir/mended"
cadre up -q stumbling
wait_for 5 is_state stumbling idle
ok "up ends the pause before the next start"
cadre retire -q stumbling

# The whole server.
wait_for 10 is_state three working
tasks=$(cadre agents -o name,task)
kill_server
is "$(cadre agents -o state | sort -u)" dead "the server killed: all are dead"
is "$(cadre agents -o name | wc -l)" 4 "and there"
is "$(cadre up | sort | xargs)" "four one three two" "up names them"
for name in one two three four; do wait_for 10 is_state "$name" working; done
is "$(cadre agents -o name,task)" "$tasks" "each has its task"
is "$(tmux -L "$t_server" list-windows -F '#W' | xargs)" "one two three four" "the windows stand in the order of their making"

# After a reboot pids are others': records of another boot name nobody.
kill_server
start=$(sed 's/.*) //' "/proc/$$/stat" | cut -d' ' -f20)
boot=$(cat /proc/sys/kernel/random/boot_id)
other=00000000-0000-0000-0000-000000000000
for name in one two three four; do sed -i "s/^Pid:.*/Pid: $$/; s/^Start:.*/Start: $start/; s/^Boot:.*/Boot: $other/" "$(cadre path agent "$name")/session"; done
grep -q "^Boot: $other" "$(cadre path agent one)/session" && ! grep -rq "^Boot: $boot" .git/cadre/agents/*/session
ok "all sessions are of another boot"
for slot in .git/cadre/slots/*; do echo "$(cut -d' ' -f1 "$slot") $$ $start $other" >"$slot"; done
is "$(cadre agents -o state | sort -u)" dead "none is taken for alive"
code 0 "nor is the caller taken for one of them" cadre agents set one parent ''
code 0 "stop signals nobody" cadre stop one
git config cadre.maxAgents 3
is "$(cadre up | xargs)" "two three four" "no slot is taken"
for name in two three four; do wait_for 10 is_state "$name" working; done
is "$(cadre agents -o name,task | grep -c '	[0-9]')" 3 "they have their tasks"
is_ready "$task"
ok "what the stopped one held is offered"
code 0 "the bus is sound" cadre doctor
t_end
