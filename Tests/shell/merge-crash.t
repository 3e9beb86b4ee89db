#!/usr/bin/env bash
# The merge queue killed at every step: before each change of a file, after each call of git, and inside the one call
# that moves the person's files. After recover and another run the target holds each work once, each value of
# it passed the gate, and no tip is lost. CADRE_TEST_ALL=1 tries each step, else every fifth, of each command others.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
git=$(command -v git)

wrap git
# A git whose read-tree is killed before its n-th system call of a name, and its caller with it.
cat >"$t_dir/wrapped/git-read-tree-killed" <<END
#!/bin/bash
case " \$* " in
*" read-tree -m -u "*)
  strace -f -qq -o /dev/null -e "trace=\$WRAP_CALL" -e "inject=\$WRAP_CALL:signal=KILL:when=\$WRAP_AT" "$git" "\$@" 2>/dev/null
  [ \$? -ge 128 ] || touch "$t_dir/whole"
  kill -KILL "\$PPID"
  ;;
esac
exec "$git" "\$@"
END
chmod +x "$t_dir/wrapped"/*
mkdir "$t_dir/killed"
ln -s ../wrapped/git-read-tree-killed "$t_dir/killed/git"

world="$t_dir/world"
t_agents=$world
mkdir "$world"
fresh() { # TEMPLATE
  rm -rf "$world"
  cp -a "$t_dir/$1" "$world"
  cd "$world/repository" || exit 1
}
keep() { # TEMPLATE
  cp -a "$world" "$t_dir/$1"
}

# One repository for all: a target that is checked out, with a change of the person's, and two agents' work.
t_repository world/repository >/dev/null
cd "$world/repository" || exit 1
mkdir gone deep
seq 2000 >big
echo x >gone/file
echo y >deep/file
git add -A
git commit -qm more
echo mine >mine
git add mine
git commit -qm mine
cadre init -q
git config cadre.gate 'test ! -e bad'
agent bob
agent eve
echo changed >mine
begin bob one
one=$id
seq 3000 >"$world/bob/big"
mkdir "$world/bob/new"
seq 1000 >"$world/bob/new/file"
as bob git rm -q gone/file
ln -s big "$world/bob/link"
echo z >"$world/bob/\"quoted"
echo z >"$world/bob/new
line"
as bob git add -A
as bob git commit -qm one
tip=$(git -C "$world/bob" rev-parse HEAD)
keep held
as bob cadre task done -q
keep queued
begin eve two
two=$id
write eve big conflict
cadre merge run -q
as eve cadre task done -q
keep conflict
fresh queued
git checkout -q --detach
keep apart

stride=${CADRE_TEST_ALL:+1}
stride=${stride:-5}
turn=0
first() { # sets n to the first step to try of the next command
  n=$((1 + turn % stride))
  turn=$((turn + 1))
}

bad=
check() { # WHAT: the work of task one landed, once, and all is well
  local problem=
  cadre recover -q 2>"$t_dir/recovered" || problem="recover: $(cat "$t_dir/recovered")"
  cadre merge run >"$t_dir/ran" 2>&1 || problem+=" run: $(cat "$t_dir/ran")"
  [ "$(git log --format=%H --grep "^Cadre-Tip: $tip" main | wc -l)" = 1 ] || problem+=" landed $(git log --oneline main)"
  [ "$(git rev-parse "main^{tree}")" = "$(git rev-parse "$tip^{tree}")" ] || problem+=" tree"
  [ "$(state "$one")" = "done" ] || problem+=" state $(state "$one")"
  [ "$(git status --porcelain)" = " M mine" ] || problem+=" status $(git status --porcelain)"
  cadre doctor -q >"$t_dir/doctor" 2>&1 || problem+=" doctor: $(cat "$t_dir/doctor")"
  problem+=$(find .git -name '*.lock')
  [ -z "$problem" ] || bad+="$1:$problem
"
}

# Each change of a file.
faults() { # TEMPLATE CHECK COMMAND...
  local template=$1 check=$2 n code
  shift 2
  points=0
  first
  for (( ; ; n += stride)); do
    fresh "$template"
    killed_before "$n" "$@"
    code=$?
    "$check" "$* killed at $n"
    [ "$code" = 137 ] || break
    points=$((points + 1))
  done
}
# Each call of git.
calls() { # TEMPLATE CHECK COMMAND...
  local template=$1 check=$2 n code
  shift 2
  points=0
  first
  for (( ; ; n += stride)); do
    fresh "$template"
    killed_after "$n" "$@"
    code=$?
    "$check" "$* killed after git call $n"
    [ "$code" = 137 ] || break
    points=$((points + 1))
  done
}
done_again() { # submits what a killed submission left, as its agent would
  [ "$(state "$one")" = claimed ] && as bob cadre task done -q
  check "$1"
}
submit() { (cd "$world/bob" && CADRE_AGENT=bob CADRE_SESSION=00000000bob exec cadre task done); }
shown() { # NAME
  is "$bad" "" "$1 ($points points)"
  [ "$points" -gt 0 ]
  ok "and there were some"
  bad=
}

faults held done_again submit
shown "submit, killed before each change"
calls held done_again submit
shown "submit, killed after each call of git"
faults queued check cadre merge run
shown "landing, killed before each change"
calls queued check cadre merge run
shown "landing, killed after each call of git"
calls apart check cadre merge run
shown "landing where the target is not checked out, killed after each call of git"

# The call that moves the person's files.
if command -v strace >/dev/null; then
  points=0
  for call in write rename unlink rmdir mkdir symlink; do
    first
    for (( ; n < 500; n += stride)); do
      fresh queued
      rm -f "$t_dir/whole"
      { WRAP_CALL=$call WRAP_AT=$n PATH="$t_dir/killed:$PATH" cadre merge run; } >/dev/null 2>&1
      check "git read-tree killed at $call $n"
      [ -e "$t_dir/whole" ] && break
      points=$((points + 1))
    done
  done
  shown "landing, killed inside git read-tree"
else
  echo "# no strace: not killed inside git read-tree"
fi

returned() {
  local problem=
  cadre recover -q 2>"$t_dir/recovered" || problem="recover: $(cat "$t_dir/recovered")"
  cadre merge run >"$t_dir/ran" 2>&1 || problem+=" run: $(cat "$t_dir/ran")"
  [ "$(state "$two")" = ready ] || problem+=" state $(state "$two")"
  [ -z "$(cadre merge list)" ] || problem+=" $(cadre merge list)"
  as eve cadre inbox search 'conflict in big' | grep -q . || problem+=" no mail"
  cadre task show "$two" | grep -q Returned: || problem+=" not told"
  git for-each-ref "refs/cadre/work/task-$two" | grep -q . || problem+=" tip not kept"
  cadre doctor -q >"$t_dir/doctor" 2>&1 || problem+=" doctor: $(cat "$t_dir/doctor")"
  [ -z "$problem" ] || bad+="$1:$problem
"
}

# Recover killed before each of its own changes, wherever there was something for it to heal.
recoveries() { # TEMPLATE CHECK COMMAND...
  local template=$1 check=$2 n m code
  shift 2
  first
  for (( ; ; n += stride)); do
    fresh "$template"
    killed_before "$n" "$@"
    [ $? = 137 ] || break
    cadre recover 2>&1 | grep -q healed || continue
    for ((m = 1 + turn++ % stride; ; m += stride)); do
      fresh "$template"
      killed_before "$n" "$@"
      killed_before "$m" cadre recover
      code=$?
      [ "$code" = 137 ] || break
      "$check" "$* killed at $n, recover at $m"
      points=$((points + 1))
    done
  done
}
points=0
recoveries held done_again submit
recoveries queued check cadre merge run
recoveries conflict returned cadre merge run
shown "recover, killed before each of its changes"

# What somebody did since to what a killed git left is not overwritten.
mkdir "$t_dir/partial"
cat >"$t_dir/partial/git" <<END
#!/bin/bash
case " \$* " in
*" read-tree -m -u "*)
  seq 3000 | head -c 100 >big
  touch .git/index.lock
  kill -KILL "\$PPID"
  ;;
*) exec "$git" "\$@" ;;
esac
END
chmod +x "$t_dir/partial/git"
fresh queued
{ PATH="$t_dir/partial:$PATH" cadre merge run; } >/dev/null 2>&1
is "$(cadre merge list | cut -f2)" landing "a landing was interrupted"
mkdir new
echo person >new/file
cadre recover -q
cadre merge run >"$t_dir/out" 2>&1
like "$(cat "$t_dir/out")" "*interrupted and 'new/file' was changed since*" "what was changed since is named"
is "$(cat new/file) $(git rev-parse main)" "person $(git rev-parse HEAD)" "and left alone"
is "$(cadre ask list | cut -f1)" "merge-$one" "with an ask"
rm new/file
bad=
check "the change taken away"
is "$bad" "" "taken away it lands"

# The person goes on in a checkout that a killed runner has left with all of it written.
mkdir "$t_dir/written"
cat >"$t_dir/written/git" <<END
#!/bin/bash
"$git" "\$@"
code=\$?
case " \$* " in *" read-tree -m -u "*) kill -KILL "\$PPID" ;; esac
exit "\$code"
END
chmod +x "$t_dir/written/git"
goes_on() { # WHAT STATUS COMMAND...
  local what=$1 left=$2
  shift 2
  fresh queued
  { PATH="$t_dir/written:$PATH" cadre merge run; } >/dev/null 2>&1
  "$@"
  cadre recover -q
  cadre merge run -q 2>/dev/null
  is "$(state "$one") $(git status --porcelain)" "done $left" "$what: it lands, and nothing is left in the checkout"
  is "$(git log --format=%H main -- new/file | wc -l)" 1 "once"
}
goes_on 'a commit of their own' '' git commit -qm theirs mine
goes_on 'another branch' ' M mine' git switch -qc theirs
goes_on 'no branch' ' M mine' git switch -q --detach
goes_on 'a commit of all' '' git commit -qam all

# A change of a mode alone, and the killed git had made it.
fresh queued
cadre merge run -q
begin eve 'a mode'
git -C "$world/eve" update-index --chmod=+x deep/file
git -C "$world/eve" commit -qm mode
git -C "$world/eve" checkout -q -- .
as eve cadre task done -q
sed -i 's/^  seq 3000.*/  chmod +x deep\/file/' "$t_dir/partial/git"
{ PATH="$t_dir/partial:$PATH" cadre merge run; } >/dev/null 2>&1
cadre recover -q
cadre merge run -q
is "$(state "$id") $(git status --porcelain)" "done  M mine" "a mode that was changed already lands"

# Work that goes back.
faults conflict returned cadre merge run
shown "a return, killed before each change"

# What people do to an entry.
either() { # after a killed verb on the queue, the task is whole and lands when it is submitted again
  cadre recover -q
  if [ "$(state "$one")" = ready ]; then
    as bob cadre claim -q "$one"
    as bob cadre task done -q
  fi
  check "$1"
}
for verb in approve retry cancel; do
  faults queued either cadre merge $verb "$one"
  is "$bad" "" "merge $verb, killed before each change ($points points)"
  bad=
done
t_end
