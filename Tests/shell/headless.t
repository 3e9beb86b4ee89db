#!/usr/bin/env bash
# Agents without a terminal: no tmux is needed, and all else is as with one.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
# A tmux that tells when it is started.
printf '#!/bin/sh\ntouch "%s/tmux-was-run"\nexit 1\n' "$t_dir" >"$t_dir/bin/tmux"
chmod +x "$t_dir/bin/tmux"
end() { cadre agents | cadre retire - --discard -q 2>/dev/null; }
t_finally 'end'

is "$(cadre spawn --headless one 2>/dev/null)" one "an agent without a terminal"
id=$(cadre task add --no-merge 'say it' 'echo it is said')
code 0 "does its task" cadre task wait --timeout 20s "$id"
like "$(cadre peek one)" "*it is said*" "peek shows what it printed"
is "$(cadre peek -n 1 one)" "$(cadre peek one | tail -n 1)" "or the last lines of it"
code 1 "there is no pane to attach to" cadre attach one
code 64 "it has one place" cadre spawn --headless --pane two

supervisor=$(cadre agents -o name,pid | cut -f 2)
is "$(ps -o tty= -p "$supervisor" | tr -d ' ')" "?" "its supervisor has no terminal"
kill -9 "$(tr ' ' '\n' <"/proc/$supervisor/task/$supervisor/children" | head -n 1)"
id=$(cadre task add --no-merge 'after that' 'echo again')
code 0 "its program is started again" cadre task wait --timeout 20s "$id"
is "$(cadre agents -o session)" 2 "in a second session"

kill -9 "$supervisor"
t_dead() { [ "$(cadre agents -o state)" = dead ]; }
wait_for 10 t_dead
ok "without its supervisor it is dead"
is "$(cadre up)" one "up starts it"
id=$(cadre task add --no-merge 'once more' 'echo once more')
code 0 "and it works on" cadre task wait --timeout 20s "$id"
is "$(cadre stop one)" one "stopped"
is "$(cadre agents -o state)" resting "it rests"
is "$(cadre retire one)" one "retired"
[ ! -e "$t_dir/tmux-was-run" ]
ok "tmux was never started"
code 0 "doctor finds nothing" cadre doctor
t_end
