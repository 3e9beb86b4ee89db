#!/usr/bin/env bash
# Where the kernel has no inotify instance left for the user (there are 128), it is looked each second.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
git config cadre.gate true
# The tmux server that it starts, and all in it, have none either.
strace -f -qq -o /dev/null -e trace=inotify_init1 -e inject=inotify_init1:error=EMFILE cadre spawn -q --count 2 2>"$t_dir/err" &
wait_for 30 is_state sh2 idle
ok "agents start"
id=$(cadre task add one 'echo 1 >one')
code 0 "work lands" cadre task wait --timeout 30s "$id"
like "$(strace -qq -o /dev/null -e trace=inotify_init1 -e inject=inotify_init1:error=EMFILE cadre doctor)" "*note	inotify	the kernel has no instance left*" "doctor tells of it"
before=$(field sh1 pid)
kill -9 "$before"
again() { [ -n "$(field sh1 pid)" ] && [ "$(field sh1 pid)" != "$before" ]; }
wait_for 30 again
ok "one that was killed runs again"
id=$(cadre task add two 'echo 2 >two')
code 0 "and works" cadre task wait --timeout 30s "$id"
t_end
