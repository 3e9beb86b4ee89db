#!/usr/bin/env bash
# What thirty idle agents cost, what a spawn costs, and what silence brings.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
repository=$(t_repository)
cd "$repository" || exit 1
cadre init -q

# A spawn of `sh` beside what it can't do without, in turns.
microseconds() { # COMMAND...
  local since
  since=$(date +%s%N)
  "$@" >/dev/null
  echo $((($(date +%s%N) - since) / 1000))
}
tmux -L "$t_server" new-session -d -s beside
for i in {1..7}; do
  microseconds cadre spawn "s$i" >>"$t_dir/spawn"
  microseconds git worktree add -q --detach "$t_dir/w$i" >>"$t_dir/worktree"
  microseconds tmux -L "$t_server" new-window -d -t beside: -- sleep 1000 >>"$t_dir/window"
done
median() { sort -n "$1" | sed -n 4p; }
echo "# shown spawn of sh $(median "$t_dir/spawn") us; git worktree add $(median "$t_dir/worktree") us; tmux new-window $(median "$t_dir/window") us"
tmux -L "$t_server" kill-session -t beside
cadre spawn -q --count 23 --no-worktree
for name in $(cadre agents -o name); do wait_for 10 is_state "$name" idle; done
is "$(cadre agents -o state | sort | uniq -c | xargs)" "30 idle" "30 agents are idle"

pids=$(cadre agents -o pid)
tree() { # PID: it and all below it
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/$1/children"); do tree "$child"; done
}
ticks() { for pid in $pids; do awk '{ print $14 + $15 }' "/proc/$pid/stat"; done | awk '{ n += $1 } END { print n }'; }
sync
echo "# shown private dirty memory of a supervisor: $(for pid in $pids; do awk '/^Private_Dirty/ { print $2 }' "/proc/$pid/smaps_rollup"; done | sort -n | sed -n '1p;$p' | xargs | tr ' ' -) kB"
before=$(ticks)
# shellcheck disable=SC2046 # words
strace -f -qq -e trace=clone,clone3,fork,vfork,execve -o "$t_dir/trace" $(for pid in $pids; do tree "$pid"; done | sed 's/^/-p/') &
tracer=$!
sleep 20
kill "$tracer"
wait "$tracer" 2>/dev/null
is "$(grep -cE 'clone|fork|execve' "$t_dir/trace")" 0 "in 20 s they start no process"
echo "# shown processor time of 30 supervisors in 20 s: $((($(ticks) - before) * 10)) ms"
cadre agents -o name | cadre stop -q --now -

# Silence: one mail, then one ask; output and processor time are progress.
git config cadre.silence 1s
t_program quiet <<'END'
exec sleep 1000
END
t_program talks <<'END'
while :; do
  echo at work
  sleep 0.3
done
END
t_program computes <<'END'
while :; do :; done
END
for name in quiet talks computes; do cadre spawn -q "$name" --agent "$name" --no-worktree "$name"; done
wait_for 30 eval 'cadre ask list | grep -q silent-quiet'
ok "a silent agent with a task: the person is asked"
# A tick of its tree's processor time is a sign of work at so short a time, and begins it anew.
like "$(cadre --as quiet inbox list)" "*are you at work on task*" "it was written to before"
is_state quiet stuck
ok "and is shown as stuck"
is "$(cadre ask list | cut -f1)" silent-quiet "output and processor time are progress"
is "$(cadre --as talks inbox list | wc -l) $(cadre --as computes inbox list | wc -l)" "0 0" "who shows it is not written to"
session=$(tr '\0' '\n' <"/proc/$(pids_of 'sleep 1000' quiet)/environ" | sed -n 's/^CADRE_SESSION=//p')
CADRE_AGENT=quiet CADRE_SESSION=$session cadre heartbeat
wait_for 10 eval '! cadre ask list | grep -q silent-quiet'
ok "a sign of life takes the question back"
t_end
