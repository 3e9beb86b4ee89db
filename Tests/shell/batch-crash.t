#!/usr/bin/env bash
# A batch killed at every step: before each change of a file, after each call of git, and in each run of the gate. After
# recover and another run the good work has landed once, the bad and the conflicting one went back, each value of the
# target passed the gate, and no tip is lost. CADRE_TEST_ALL=1 tries each point, else every eleventh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
git=$(command -v git)
step=11
[ -z "${CADRE_TEST_ALL:-}" ] || step=1

wrap git
# A gate that tells what it passed, and kills the runner in its n-th run.
cat >"$t_dir/gate" <<END
#!/bin/bash
echo >>"$t_dir/runs"
if [ "\$(wc -l <"$t_dir/runs")" = "\$(cat "$t_dir/kill" 2>/dev/null)" ]; then
  sleep 100 &
  until [ -s "$t_dir/runner" ]; do sleep 0.01; done
  kill -KILL "\$(cat "$t_dir/runner")"
  sleep 100
fi
[ ! -e bad ] || exit 1
"$git" write-tree >>"$t_dir/passed"
END
chmod +x "$t_dir/gate"

world="$t_dir/world"
t_agents=$world
mkdir "$world"
t_repository world/repository >/dev/null
cd "$world/repository" || exit 1
seq 50 >big
echo mine >mine
git add -A
git commit -qm more
cadre init -q
git config cadre.gate "$t_dir/gate"
agent bob
agent eve
echo changed >mine
work bob good1 1
one=$id
begin eve good2
seq 100 >"$world/eve/big"
write eve good2 2
as eve cadre task done -q
two=$id
work bob bad 3
three=$id
begin bob good4
seq 40 >"$world/bob/big"
write bob good4 4
as bob cadre task done -q
four=$id
work eve good5 5
five=$id
tips=$(for n in $one $two $five; do sed -n 's/^Tip: //p' "$(cadre path merge)/queue/$n"; done)
cp -a "$world" "$t_dir/queued"
first=$(git rev-parse main)

fresh() {
  rm -rf "$world" "$t_dir/runs" "$t_dir/passed" "$t_dir/calls" "$t_dir/kill" "$t_dir/runner"
  cp -a "$t_dir/queued" "$world"
  cd "$world/repository" || exit 1
}
bad=
check() { # WHAT
  local problem="" value tip n
  rm -f "$t_dir/kill"
  cadre recover -q 2>"$t_dir/recovered" || problem="recover: $(cat "$t_dir/recovered")"
  cadre merge run >"$t_dir/ran" 2>&1 || problem+=" run: $(cat "$t_dir/ran")"
  for tip in $tips; do
    [ "$(git log --format=%H --grep "^Cadre-Tip: $tip" main | wc -l)" = 1 ] || problem+=" $tip landed: $(git log --oneline main)"
  done
  [ "$(git ls-tree --name-only main)" = "$(printf '%s\n' big file good1 good2 good5 mine)" ] || problem+=" tree: $(git ls-tree --name-only main)"
  [ "$(for n in $one $two $three $four $five; do state "$n"; done)" = "done
done
ready
ready
done" ] || problem+=" states $(
    cadre merge list
    cadre task list
  ) $(cat "$t_dir/ran") "
  # What the target held after it began is what passed.
  for value in $(git log -g --format=%H main | grep -vx "$first"); do
    git merge-base --is-ancestor "$value" "$first" || grep -qx "$(git rev-parse "$value^{tree}")" "$t_dir/passed" || problem+=" $value did not pass"
  done
  [ "$(git status --porcelain)" = " M mine" ] || problem+=" status $(git status --porcelain)"
  cadre doctor -q >"$t_dir/doctor" 2>&1 || problem+=" doctor: $(cat "$t_dir/doctor")"
  problem+=$(find .git -name '*.lock')
  for n in $three $four; do
    cadre task show "$n" | grep -q Returned: || problem+=" $n is not told why"
    git for-each-ref "refs/cadre/work/task-$n" | grep -q . || problem+=" the tip of $n is not kept"
  done
  [ -z "$problem" ] || bad+="$1:$problem
"
}
shown() { # NAME
  is "$bad" "" "$1 ($points points, every $step)"
  [ "$points" -gt 3 ]
  ok "and there were some"
  bad=
}

for ((n = 1; ; n += step)); do
  fresh
  killed_before "$n" cadre merge run
  code=$?
  check "killed before change $n"
  [ "$code" = 137 ] || break
done
points=$n
shown "a batch, killed before each change"
for ((n = 2; ; n += step)); do
  fresh
  killed_after "$n" cadre merge run
  code=$?
  check "killed after git call $n"
  [ "$code" = 137 ] || break
done
points=$n
shown "a batch, killed after each call of git"
for ((n = 1; ; n++)); do
  fresh
  echo "$n" >"$t_dir/kill"
  {
    cadre merge run &
    echo $! >"$t_dir/runner"
    wait "$(cat "$t_dir/runner")"
  } >/dev/null 2>&1
  code=$?
  check "killed in gate run $n"
  [ -z "$(pgrep -f '^sleep 100$' | while read -r pid; do tr '\0' '\n' <"/proc/$pid/environ" | grep -x "GATE_OF=$(cadre path bus)"; done)" ] || bad+="$n: the gate was left running"
  [ "$code" = 137 ] || break
done
points=$n
shown "a batch, killed in each run of the gate"

# Two runners at once, one killed in the middle.
for n in 40 150 300; do
  fresh
  { CADRE_FAULT=kill:$n cadre merge run; } >/dev/null 2>&1 &
  { cadre merge run; } >/dev/null 2>&1 &
  wait
  check "two runners, one killed at $n"
done
is "$bad" "" "two runners, one killed"
t_end
