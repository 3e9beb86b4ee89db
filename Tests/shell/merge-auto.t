#!/usr/bin/env bash
# Nobody runs the queue by hand: supervisors see its entries and open a window for it, also after a runner was killed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus)
# Between the runner and the gate is the shell that tells how it ended.
git config cadre.gate "test -e '$t_dir/go' || { cut -d' ' -f4 /proc/\$PPID/stat >'$t_dir/runner'; exec sleep 300; }"
for n in 1 2 3; do echo "echo $n >file$n" | cadre task add -q "job $n" -; done
cadre spawn -q --agent sh --count 2
wait_for 60 test -s "$t_dir/runner"
ok "a runner starts"
runner=$(cat "$t_dir/runner")
like "$(tr '\0' ' ' <"/proc/$runner/cmdline")" "*/cadre *merge run " "it is the verb"
for ((up = runner; up > 1; up = $(sed 's/.*) //' "/proc/$up/stat" | cut -d ' ' -f2))); do echo "$up"; done >"$t_dir/ancestors"
is "$(sed -n 's/^Pid: //p' "$bus"/agents/*/session | grep -cxFf "$t_dir/ancestors")" 0 "no supervisor is above it"
is "$(tr '\0' '\n' <"/proc/$runner/environ" | grep -E '^CADRE_(AGENT|SESSION)=.')" "" "and it bears no agent's name"
wait_for 60 test "$(cadre task list --state review | wc -l)" -gt 0
sleeping() { # the processes that a gate of ours left asleep; false if there are none
  local pid found=1
  for pid in $(pgrep -x sleep); do
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qxF "GATE_OF=$bus" || continue
    echo "$pid"
    found=0
  done 2>/dev/null
  return $found
}
wait_for 60 sleeping
orphan=$(sleeping)
rm "$t_dir/runner"
kill -9 "$runner"
wait_for 60 test -s "$t_dir/runner"
ok "killed, another takes its place"
[ -n "$orphan" ] && ! sleeping | grep -qxF "$orphan"
ok "and ends what the gate of the first left"
touch "$t_dir/go"
wait_for 60 sleeping
kill -9 "$(sleeping)"
cadre task list | cut -f1 | xargs cadre task wait --timeout 30s
ok "all is done"
is "$(git log --format=%s | sort)" "first
job 1
job 2
job 3" "each landed once"
is "$(cat file1 file2 file3)" "1
2
3" "in the checked-out target"
gone() { ! tmux -L "$t_server" list-windows -a -F '#{window_name}' | grep -q merge; }
wait_for 60 gone
ok "and the window is gone"
code 0 "doctor finds nothing" cadre doctor

# A runner that is killed again and again: the next are started after pauses.
cat >"$t_dir/killer" <<END
n=\$(cat '$t_dir/kills' 2>/dev/null || echo 0)
[ "\$n" -lt 3 ] || exit 0
echo \$((n + 1)) >'$t_dir/kills'
kill -9 "\$1"
END
git config cadre.gate "sh '$t_dir/killer' \$(cut -d' ' -f4 /proc/\$PPID/stat)"
cadre init -q
id=$(cadre task add 'killed' 'echo killed >killed')
killed() { [ "$(cat "$t_dir/kills" 2>/dev/null)" = 3 ]; }
wait_for 30 killed
ok "three runners in a row are killed"
wait_for 30 cadre task wait -q --timeout 1s "$id"
ok "another is started, and it lands"

# What is in the way goes, and git's index knows nothing of it.
git config cadre.gate true
cadre init -q
echo mine >blocked
id=$(cadre task add 'blocked' 'echo theirs >blocked')
waits() { [[ $(cadre merge list) == *"landing would overwrite blocked"* ]]; }
wait_for 30 waits
ok "a file of the person's own is in the way, and it waits"
mv blocked "$t_dir/blocked"
wait_for 70 cadre task wait -q --timeout 1s "$id"
ok "once it is moved away, it lands by itself"
is "$(cat blocked "$t_dir/blocked")" "theirs
mine" "each is where it belongs"

# Another git is at work for a moment. On the way the runner's worktree is made anew, while a person's is not there.
git worktree add -q "$t_dir/away" -b away
mv "$t_dir/away" "$t_dir/unmounted"
rm -rf "$bus/merge/worktree"
touch .git/refs/heads/main.lock
id=$(cadre task add lock 'echo lock >lock')
wait_for 30 grep -q '^Looks: ' "$bus/merge/queue/$id"
ok "a branch that is locked is waited for"
# But while it is looked at again.
says() { [[ $(cadre status) == *"$id	waits to land: "*"main.lock' exists: "*", again at "* ]]; }
wait_for 10 says
ok "which status says"
is "$(cadre ask list)" "" "and nobody is asked"
rm .git/refs/heads/main.lock
wait_for 60 cadre task wait -q --timeout 1s "$id"
ok "it lands by itself"
is "$(git worktree list | grep -c "^$t_dir/away ")" 1 "git still knows the worktree that was not there"
cadre stop -q sh1 sh2
t_end
