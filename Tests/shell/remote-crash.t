#!/usr/bin/env bash
# Landing on a remote's target, killed before each change of a file and after each call of git: where both targets are
# the same, where somebody else has pushed, and where that conflicts. After recover and another run the work has landed
# once, on both, or came back; each value of either target passed the gate, and no tip is lost. CADRE_TEST_ALL=1 tries
# each step, else every ninth, of each command others.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
git=$(command -v git)
stride=${CADRE_TEST_ALL:+1}
stride=${stride:-9}

wrap git
mkdir "$t_dir/orphaned"
# One whose push outlives its caller: it comes when the next runner is at its own, or has given up.
cat >"$t_dir/orphaned/git" <<END
#!/bin/bash
case " \$* " in
*" push "*)
  if mkdir "$t_dir/first" 2>/dev/null; then
    kill -KILL "\$PPID"
    until [ -e "$t_dir/second" ]; do sleep 0.02; done
    "$git" "\$@" >/dev/null 2>&1
    touch "$t_dir/third"
    exit
  fi
  touch "$t_dir/second"
  until [ -e "$t_dir/third" ]; do sleep 0.02; done
  ;;
esac
exec "$git" "\$@"
END
cat >"$t_dir/gate" <<END
#!/bin/bash
"$git" write-tree >>"$t_dir/passed"
END
chmod +x "$t_dir"/*/git "$t_dir/gate"

world="$t_dir/world"
t_agents=$world
bare="$world/origin.git"
mkdir "$world"
git init -q --bare "$bare"
git -C "$bare" config core.logAllRefUpdates true
t_repository world/repository >/dev/null
cd "$world/repository" || exit 1
seq 50 >big
echo mine >mine
git add -A
git commit -qm more
git remote add origin "$bare"
git push -q origin main
cadre init -q
git config cadre.gate "$t_dir/gate"
git config cadre.mergeMode remote
agent bob
echo changed >mine
work bob big 1
one=$id
tip=$(sed -n 's/^Tip: //p' "$(cadre path merge)/queue/$one")
first=$(git rev-parse 'main^{tree}')
cp -a "$world" "$t_dir/same"
other() { # COMMAND TEMPLATE: somebody else's push
  cd "$t_dir" || exit 1
  git clone -q "$bare" "$t_dir/other"
  git -C "$t_dir/other" config user.name Other
  (cd "$t_dir/other" && bash -c "$1" && git add -A && git commit -qm other && git push -q)
  cp -a "$world" "$t_dir/$2"
  rm -rf "$t_dir/other" "$world"
  cp -a "$t_dir/same" "$world"
}
other 'echo 1 >theirs' pushed
other 'echo 2 >big' conflict
other 'echo 1 >big' there

fresh() { # TEMPLATE
  rm -rf "$world" "$t_dir"/{calls,passed,first,second,third}
  cp -a "$t_dir/$1" "$world"
  cd "$world/repository" || exit 1
}
bad=
again() { # another run, and what must hold after any; sets problem
  problem=
  cadre recover -q 2>"$t_dir/recovered" || problem="recover: $(cat "$t_dir/recovered")"
  cadre merge run >"$t_dir/ran" 2>&1 || problem+=" run: $(cat "$t_dir/ran")"
  [ "$(git status --porcelain)" = " M mine" ] || problem+=" status $(git status --porcelain)"
  cadre doctor -q >"$t_dir/doctor" 2>&1 || problem+=" doctor: $(cat "$t_dir/doctor")"
  problem+=$(find .git "$bare" -name '*.lock')
  problem+=$({
    git -C "$bare" log -g --format='%T %an' main
    git log -g --format='%T' main | head -n -2
  } | grep -v ' Other$' | cut -d' ' -f1 | sort -u | grep -vxFf "$t_dir/passed" -e "$first")
}
check() { # WHAT
  local problem
  again
  [ "$(git log --format=%H --grep "^Cadre-Tip: $tip" main | wc -l)" = 1 ] || problem+=" landed $(git log --oneline main)"
  [ "$(git rev-parse main)" = "$(git -C "$bare" rev-parse main)" ] || problem+=" not the same"
  [ "$(state "$one")" = "done" ] || problem+=" state $(state "$one")"
  [ -z "$problem" ] || bad+="$1:$problem
"
}
returned() { # WHAT
  local problem
  again
  [ "$(state "$one")" = ready ] || problem+=" state $(state "$one")"
  [ -z "$(cadre merge list)" ] || problem+=" $(cadre merge list)"
  [ "$(git rev-parse main)" = "$(git -C "$bare" rev-parse main)" ] || problem+=" not the same"
  cadre task show "$one" | grep -q 'Returned: conflict in big' || problem+=" not told"
  git for-each-ref "refs/cadre/work/task-$one" | grep -q . || problem+=" tip not kept"
  [ -z "$problem" ] || bad+="$1:$problem
"
}
settled() { # WHAT: nothing was left to land
  local problem
  again
  [ "$(git rev-parse main)" = "$(git -C "$bare" rev-parse main)" ] || problem+=" not the same"
  [ "$(state "$one")" = "done" ] || problem+=" state $(state "$one")"
  [ -z "$problem" ] || bad+="$1:$problem
"
}

turn=0
kills() { # TEMPLATE CHECK NAME
  local n code points=0
  for ((n = 1 + turn++ % stride; ; n += stride)); do
    fresh "$1"
    killed_before "$n" cadre merge run
    code=$?
    "$2" "killed at $n"
    [ "$code" = 137 ] || break
    points=$((points + 1))
  done
  for ((n = 1 + turn++ % stride; ; n += stride)); do
    fresh "$1"
    killed_after "$n" cadre merge run
    code=$?
    "$2" "killed after git call $n"
    [ "$code" = 137 ] || break
    points=$((points + 1))
  done
  is "$bad" "" "$3, killed at its steps ($points points)"
  [ $points -gt 0 ]
  ok "and there were some"
  bad=
}
kills same check "landing on the same"
kills pushed check "landing on what somebody else has pushed"
kills conflict returned "a conflict with that"
kills there settled "what somebody else has pushed already"

# A push that outlives its runner, which is ended by the next.
fresh same
{ PATH="$t_dir/orphaned:$PATH" cadre merge run; } >/dev/null 2>&1
is "$(cadre merge list | cut -f2)" landing "a runner is killed at its push"
cadre merge run >"$t_dir/out" 2>&1
is "$(cut -f1,2 "$t_dir/out")" "$one	landed" "its successor ends that, and lands it"
check "a push that outlives its runner"
is "$bad" "" "and it landed once"
t_end
