#!/usr/bin/env bash
# Entries that land together: one gate for a stack, a search for the culprit when it fails, and its rounds counted.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
seq 20 >lines
git add -A
git commit -qm lines
cadre init -q
agent bob
agent eve

runs="$t_dir/runs"
# Counts its runs, and says of each what it saw.
cat >"$t_dir/gate" <<'END'
#!/bin/sh
tree=$(git write-tree)
if [ -e bad ] || ls bad-* >/dev/null 2>&1; then say=fail; else say=pass; fi
echo "$tree $say" >>"$1"
[ $say = pass ]
END
chmod +x "$t_dir/gate"
git config cadre.gate "'$t_dir/gate' '$runs'"
count() { if [ -e "$runs" ]; then wc -l <"$runs"; else echo 0; fi; }
log2() { # N: rounded up
  local n=$1 bits=0
  while ((1 << bits < n)); do bits=$((bits + 1)); done
  echo "$bits"
}

# All pass: one run for five, each a commit of its own.
before=$(git rev-parse main)
for n in 1 2 3 4 5 6; do work bob "file$n" "$n"; done
like "$(cadre merge run)" "1	landed*6	landed*" "six land in the order of their rank"
is "$(count)" 2 "in two runs of the gate"
is "$(git log --reverse --format='%(trailers:key=Cadre-Task,valueonly,separator=)' "$before..main")" "1
2
3
4
5
6" "each a commit of its own"
is "$(git log -g --format=%gs main | head -2)" "cadre: land task 6
cadre: land tasks 1, 2, 3, 4, 5" "the target moved twice"
is "$(cat "$repo"/file?)" "1
2
3
4
5
6" "and its files with it"

# One culprit among n, at each place, on a target that is known to pass.
bad=
for n in 1 2 4 5 8; do
  git config cadre.mergeBatch "$n"
  for ((place = 1; place <= n; place++)); do
    for ((k = 1; k <= n; k++)); do
      if [ "$k" = "$place" ]; then
        work bob "bad-$n-$place" x
        culprit=$id
      else work bob "good-$n-$place-$k" x; fi
    done
    rm -f "$runs"
    cadre merge run >"$t_dir/out"
    # Until it was named: its own line comes before any other run.
    named=$(awk -v id="$culprit" '$1 == id { print NR }' "$t_dir/out")
    [ "$(cut -f2 "$t_dir/out" | sed -n "${named}p")" = returned ] || bad+="$n at $place: $(cat "$t_dir/out")
"
    [ "$(grep -c landed "$t_dir/out")" = $((n - 1)) ] || bad+="$n at $place: not all landed
"
    # What is left after the culprit takes one run more.
    [ "$(count)" -le $((2 + $(log2 "$n") + (place < n))) ] || bad+="$n at $place: $(count) runs
"
    # But for the top no tree is run twice.
    [ "$(sort "$runs" | uniq -d | wc -l)" -le 1 ] || bad+="$n at $place: $(cat "$runs")
"
    cadre task cancel -q "$culprit"
  done
done
is "$bad" "" "among up to eight the culprit is named after 2 + log2 n runs"
is "$(git log --format=%H -- 'bad*')" "" "and never lands"

# On a target that is not known.
bad=
for n in 3 5; do
  git config cadre.mergeBatch "$n"
  for ((place = 1; place <= n; place++)); do
    git commit -q --allow-empty -m empty
    echo "$n $place" >mine
    git add mine
    git commit -qm 'of the person'
    for ((k = 1; k <= n; k++)); do
      if [ "$k" = "$place" ]; then
        work bob "bad-$n-$place" x
        culprit=$id
      else work bob "other-$n-$place-$k" x; fi
    done
    rm -f "$runs"
    cadre merge run >"$t_dir/out"
    like "$(cat "$t_dir/out")" "*$culprit	returned*" "$n, $place is named"
    [ "$(count)" -le $((2 + $(log2 "$n") + (place < n))) ] || bad+="$n at $place: $(count) runs
"
    cadre task cancel -q "$culprit"
  done
done
is "$bad" "" "on an unknown target as well"
git config --unset cadre.mergeBatch

# Two culprits, and two that fail only together.
work bob a1 x
first=$id
work bob bad-1 x
work eve a2 x
work bob bad-2 x
work eve a3 x
is "$(cadre merge run | cut -f2 | sort | uniq -c | tr -s ' ')" " 3 landed
 2 returned" "two culprits go back, the others land"
cadre task list --state ready | cadre task cancel -q -
git config cadre.gate "! { test -e together1 && test -e together2; }"
work bob together1 x
first=$id
work eve together2 x
is "$(cadre merge run | cut -f1,2)" "$first	landed
$id	returned" "of two that fail together the second goes back"
cadre task cancel -q "$id"

# What conflicts with one below that does not land is not lost; what conflicts with the target goes back.
git config cadre.gate 'test ! -e bad'
begin bob 'culprit'
culprit=$id
write bob bad x
write bob lines other
as bob cadre task done -q
work eve lines mine
is "$(cadre merge run | cut -f1,2)" "$culprit	returned
$id	landed" "what conflicts with a culprit lands"
cadre task cancel -q "$culprit"
work bob lines bob
first=$id
work eve another x
third=$id
work eve lines eve
is "$(cadre merge run | cut -f1,2)" "$first	landed
$third	landed
$id	returned" "what conflicts with one that lands goes back"
cadre task cancel -q "$id"

# A flaky gate.
git config cadre.gate "echo x >>'$t_dir/flakes'; test \$((\$(wc -l <'$t_dir/flakes') % 2)) = 0"
work bob f1 x
first=$id
work eve f2 x
is "$(cadre merge run | cut -f1,2)" "$first	landed
$id	landed" "a flaky gate is run again"
is "$(wc -l <"$t_dir/flakes")" 2 "once"
cadre merge list 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*flaky gate runs: 1*" "and counted"
like "$(cadre merge show "$id")" "*Gate: pass*Flaky:*" "and told with the entry"
like "$(cadre log | tail -5)" "*flaky*" "and in the log"

# Each of a batch that can't move the person's files waits, the others land.
git config cadre.gate true
echo dirty >lines
work bob g1 x
first=$id
work eve lines agent
blocked=$id
work bob g2 x
is "$(cadre merge run 2>/dev/null | cut -f1,2)" "$blocked	waiting
$first	landed
$id	landed" "an overlapping change stops its entry alone"
git checkout -q lines
is "$(cadre merge run | cut -f1,2)" "$blocked	landed" "and later it lands"

# The person touches a file while the gate runs.
git config cadre.gate "test -e '$t_dir/touched' || { touch '$t_dir/touched'; echo late >'$repo/lines'; }"
work bob h1 x
first=$id
work eve lines late
blocked=$id
is "$(cadre merge run 2>/dev/null | cut -f1,2)" "$blocked	waiting
$first	landed" "meanwhile, too"
is "$(cat lines)" late "and is not overwritten"
git checkout -q lines
cadre merge run -q

# A task of the batch is cancelled while the gate runs.
work bob i1 x
first=$id
work eve i2 x
second=$id
work bob i3 x
git config cadre.gate "touch '$t_dir/gating'; until test -e '$t_dir/cancelled'; do sleep 0.05; done"
{ wait_for 60 test -e "$t_dir/gating" && cadre task cancel -q "$second" && touch "$t_dir/cancelled"; } &
is "$(cadre merge run | cut -f1,2)" "$first	landed
$id	landed" "one that is cancelled meanwhile does not land"
[ ! -e i2 ]
ok "nor its work"

# A red target: what turns it green lands, nobody is blamed.
git config cadre.gate "echo run >>'$runs'; test ! -e broken"
touch broken
git add broken
git commit -qm broken
rm -f "$runs"
for n in 1 2 3; do work bob "j$n" x; done
code 1 "a red target is no" cadre merge run
is "$(cut -f2 "$t_dir/out")" "waiting
waiting
waiting" "all wait"
is "$(cadre ask list | cut -f1)" target-red "one ask is open"
begin eve repair
as eve git rm -q broken
as eve git commit -qm repair
as eve cadre task done -q
is "$(cadre merge run | grep landed | cut -f1)" "$id
$((id - 3))
$((id - 2))
$((id - 1))" "what turns it green lands, then the others"
is "$(cadre ask list)" "" "and no ask is left"

# Ageing: what has waited long goes before what is more urgent by less.
git config cadre.gate true
git config cadre.mergeBatch 1
begin bob low -p 3
write bob k1 x
as bob cadre task done -q
low=$id
begin eve high -p 1
write eve k2 x
as eve cadre task done -q
is "$(cadre merge list | cut -f1)" "$id
$low" "the urgent goes first"
entry=$(cadre path merge)/queue/$low
sed -i "s/^Time: .*/Time: $(($(date +%s) - 7300))/" "$entry"
is "$(cadre merge list | cut -f1)" "$low
$id" "but not before what has waited two hours"
is "$(cadre merge run --once | cut -f1)" "$low" "so it lands first"
cadre merge run -q

# A review sees what the gate said.
git config --unset cadre.mergeBatch
git config cadre.review human
git config cadre.gate 'echo said; test ! -e bad'
work bob bad x
is "$(cadre merge run | cut -f2)" returned "what fails is not shown to a person"
cadre task cancel -q "$id"
work bob l1 x
first=$id
work eve l2 x
is "$(cadre merge run | cut -f1,2)" "$first	held
$id	held" "what passes is held"
like "$(cadre merge show "$id")" "*Gate: pass*said*" "with what the gate said"
is "$(cadre merge show --json "$id" | jq -r '.gate, (.output | contains("said")), (.log | length > 0)')" "pass
true
true" "for machines, too"
cadre merge list | cadre merge approve -q -
is "$(cadre merge run | cut -f1,2)" "$first	landed
$id	landed" "approved they land"

code 0 "doctor finds nothing" cadre doctor
t_end
