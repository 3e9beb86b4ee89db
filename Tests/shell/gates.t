#!/usr/bin/env bash
# Gates that misbehave, one after the other and all at once: none hangs the queue or leaves a process behind, and what
# it printed is kept.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
cadre init -q
git config cadre.mergeAttempts 99
agent bob
bus=$(cadre path bus)
mkfifo "$t_dir/fifo"

gates() { # COMMAND...: these and no others
  git config --unset-all cadre.gate
  local gate
  for gate in "$@"; do git config --add cadre.gate "$gate"; done
}
# Processes of a gate of ours, by what they carry, or by name where they have dropped it.
left() {
  grep -lzxs "GATE_OF=$bus" /proc/[0-9]*/environ
  pgrep -fx "sleep 30000$$"
}
n=0
gated() { # EXPECTED NAME: new work, which the gate lets land or not
  n=$((n + 1))
  if [[ $1 == landed* ]]; then write bob file "good $n"; else write bob file "bad $n"; fi
  as bob cadre claim -q "$id" 2>/dev/null
  as bob cadre merge submit -q
  cadre merge run >"$t_dir/out" 2>"$t_dir/err"
  like "$(cut -f2,3 "$t_dir/out")" "$1" "$2"
  is "$(left)" "" "and nothing is left running"
  local next
  while next=$(as bob cadre inbox next 2>/dev/null); do mail=$next; done
  if [[ $1 == landed* ]]; then cadre task reopen -q "$id"; fi
}
log() { cadre merge show "$id" | sed -n 's/^Log: //p'; }

begin bob 'gated'
# What fails does so on bad work only, never on the target.
work='! grep -q bad file ||'
long="sleep 30000$$"

for parallel in false true; do
  git config cadre.gateParallel $parallel
  also=$([ $parallel = true ] && echo ', all at once')
  second='echo second'

  gates "$work $long" "$second"
  git config cadre.gateTimeout 1s
  gated "returned	gate *longer than 1 seconds" "one that hangs$also"
  gates "$work { trap '' TERM INT HUP; $long; $long; }" "$second"
  gated "returned	gate *longer than 1 seconds" "one that does not listen to TERM"
  gates "$work { setsid sh -c \"trap '' TERM INT HUP; $long; $long\" & setsid $long; }" "$second"
  gated "returned	gate *longer than 1 seconds" "one in sessions of its own"
  gates "$work { kill -STOP \$\$; $long; }" "$second"
  gated "returned	gate *longer than 1 seconds" "one that stops itself"
  gates "$work { env -i setsid -f $long; env -i setsid -f $long; $long; }" "$second"
  gated "returned	gate *longer than 1 seconds" "one without its mark"
  git config --unset cadre.gateTimeout

  gates "for i in \$(seq 100); do setsid $long & (trap '' TERM; $long) & env -i setsid -f $long; done" "$second"
  gated "landed	*" "one that leaves 300 behind$also"
  gates "$work { exec >&- 2>&- <&-; $second; }"
  gated "returned	gate *failed with *" "one that closes what it has open, and writes"
  gates "exec >&- 2>&-; true" "$second"
  gated "landed	*" "one that closes it and is content"
  gates "{ cat; ! read -r line; } && test \"\$(readlink /proc/self/fd/0)\" = /dev/null" "$second"
  gated "landed	*" "one that reads"
  # shellcheck disable=SC2016 # for the gate's shell
  gates "$work "'kill -9 -$(ps -o pgid= -p $PPID | tr -d " ")' "$second"
  gated "returned	gate *failed with 137" "one that kills its parent's group"
  # shellcheck disable=SC2016
  gates "$work { $long & "'kill -KILL $PPID; kill -KILL $$; }' "$second"
  gated "returned	gate *failed with 137" "one that kills its parent"
  gates "$work { yes 0123456 | head -c 50000000; echo the end; false; }" "$second"
  gated "returned	gate *failed with 1" "one that prints 50 MB"
  is "$(grep -c '^0123456$' "$(log)")" 6250000 "which are on the disk, all of them"
  is "$(tail -1 <<<"$mail")" "the end" "the author gets the end"
  gates "$work { yes; }" "$second"
  gated "returned	gate *printed more than 256 MB" "one that prints without end"
  size=$(stat -c %s "$(log)")
  [ "$size" -gt 268435455 ] && [ "$size" -lt 268437000 ]
  ok "of which 256 MB are kept"
  rm "$(log)"
  gates "$work { yes | head -c 300000000; }" "$second"
  gated "returned	gate *printed more than 256 MB" "one that has printed more when it ends"
  rm "$(log)"
  gates "printf 'a\nb'" "$second"
  gated "landed	*" "one without a newline at the end"
  is "$(cat "$(log)")" "\$ printf 'a\nb'
a
b
\$ $second
second" "what each has printed is told apart"
done

# All at once.
gates "echo x >'$t_dir/fifo'" "read -r x <'$t_dir/fifo'"
git config cadre.gateTimeout 20s
gated "landed	*" "two that wait for each other pass"
git config --unset cadre.gateTimeout
gates 'echo first' "$work { echo second; $long; }" "$work { until grep -qx first '$bus/merge/log/part-0' && grep -qx second '$bus/merge/log/part-1'; do sleep 0.01; done; echo third; exit 3; }"
gated "returned	gate *failed with 3" "one that fails ends the others"
# The first may be ended too, right before its end.
is "$(sed '/^\$/d' "$(log)" | sed '2{/^cadre: ended/d}')" "first
second
cadre: ended, since another one failed
third" "which the log tells, in the order of the configuration"
is "$(tail -1 <<<"$mail")" "third" "the author gets the end of the one that failed"
git config cadre.gateTimeout 1s
gates "$work { echo a; $long; }" 'true' "$work { echo b; $long; }"
gated "returned	gate *echo a;*longer than 1 seconds; gate *echo b;*longer than 1 seconds" "of two that fail both are named, in that order"
git config --unset cadre.gateTimeout
git config cadre.gateParallel maybe
write bob file maybe
as bob cadre claim -q "$id" 2>/dev/null
as bob cadre merge submit -q
code 1 "a bad value of cadre.gateParallel is no" cadre merge run
like "$(cat "$t_dir/err")" "*cadre.gateParallel is 'maybe', use true or false" "in one line"
git config cadre.gateParallel true
git config cadre.sandbox 'env BOX=yes'
# shellcheck disable=SC2016
gates 'test "$BOX" = yes' 'test -n "$BOX"'
gated "landed	*" "each is behind the sandbox"
git config --unset cadre.sandbox

# The runner is told to end, or is killed, while the gate runs.
for parallel in false true; do
  git config cadre.gateParallel $parallel
  for signal in TERM INT HUP KILL; do
    rm -f "$t_dir/began"
    gates "test -e '$t_dir/$parallel-$signal' || { echo >'$t_dir/$parallel-$signal'; setsid $long & setsid sh -c \"trap '' TERM; $long; $long\" & echo >'$t_dir/began'; $long; }"
    write bob file "$parallel $signal"
    as bob cadre claim -q "$id" 2>/dev/null
    as bob cadre merge submit -q
    # A shell's own background jobs ignore INT, and what nohup(1) runs ignores HUP.
    perl -e '@SIG{"INT", "HUP"} = ("DEFAULT") x 2; exec @ARGV' cadre merge run -q &
    runner=$!
    wait_for 20 test -e "$t_dir/began"
    [ -n "$(left)" ]
    ok "the gate runs, and the runner gets $signal"
    kill -s $signal $runner
    wait $runner 2>/dev/null
    is "$?" "$((128 + $(kill -l $signal)))" "it ends by that"
    if [ $signal != KILL ]; then is "$(left)" "" "and what it had started with it"; fi
    is "$(cadre merge list | cut -f2)" gating "the entry is where it was"
    is "$(cadre merge run | cut -f2)" landed "the next one goes on"
    is "$(left)" "" "and nothing is left running"
    cadre task reopen -q "$id"
  done
done

# A caller that ignores how its children end.
gates "$work false"
write bob file 'bad, ignored'
as bob cadre claim -q "$id" 2>/dev/null
as bob cadre merge submit -q
is "$(perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' timeout 60 cadre merge run | cut -f2)" returned "run by who ignores CHLD a gate fails as well"
like "$(head -1 "$(log)")" "\$ *" "and its log is there"

# What a gate does to its worktree does not reach the next tree.
git config cadre.gateParallel false
gates 'cat file' 'git update-index --skip-worktree file' 'git update-index --assume-unchanged .gitmodules' 'echo bad >file'
git config submodule.recurse true
git init -q "$t_dir/module"
git -C "$t_dir/module" commit -q --allow-empty -m module
git -c protocol.file.allow=always submodule --quiet add "$t_dir/module" module
git commit -qm module
gated "landed	*" "one that hides what it has changed from git, in a repository with a submodule"
gated "landed	*" "and once more"
is "$(sed -n 2p "$(log)")" "good $n" "it had the tree as it is to land"
git config --unset submodule.recurse

# What gates have printed is kept for a while.
old=$(log)
touch -d '31 days ago' "$old" "$bus/merge/swept"
count=$(find "$bus/merge/log" -type f | wc -l)
cadre merge run -q
is "$(find "$bus/merge/log" -type f | wc -l) $(test -e "$old" || echo gone)" "$((count - 1)) gone" "after 30 days a log goes, others stay"
is "$(log)" "" "and is not named any more"
code 0 "doctor finds nothing" cadre doctor
t_end
