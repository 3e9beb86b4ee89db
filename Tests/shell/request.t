#!/usr/bin/env bash
# Work that lands by pull request: pushed when the gate has passed it, followed until somebody has merged or closed it.
# The service is a script in place of gh; the remote is real.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
mkdir "$t_dir/service"
cat >"$t_dir/bin/gh" <<END
#!/bin/bash
# gh pr create|view: the requests are files, a state and a body each.
cd "$t_dir/service" || exit 1
echo "\$*" >>calls
case "\$1 \$2" in
"pr create")
  while [ \$# -gt 0 ]; do
    case \$1 in --head) head=\${2//\//_} ;; --title) title=\$2 ;; esac
    shift
  done
  [ ! -e "\$head" ] || { echo "a pull request for it exists" >&2; exit 1; }
  { echo "\$title"; cat; } >"\$head.text"
  echo OPEN >"\$head"
  echo "https://example.invalid/pull/\$head"
  ;;
"pr view")
  head=\${3##*/pull/} head=\${head//\//_}
  [ -e "\$head" ] || { echo "no pull requests found" >&2; exit 1; }
  case "\$*" in
  *OPEN*) [ "\$(cat "\$head")" != OPEN ] || echo "https://example.invalid/pull/\$head" ;;
  *) cat "\$head" ;;
  esac
  ;;
esac
END
chmod +x "$t_dir/bin/gh"
git init -q --bare "$t_dir/origin.git"
repo=$(t_repository)
cd "$repo" || exit 1
git remote add origin "$t_dir/origin.git"
git push -q origin main
cadre init -q
git config cadre.gate 'test ! -e bad'
git config cadre.mergeMode pr
agent bob
run() { cadre merge run 2>/dev/null | cut -f1,2; }
due() { sed -i "s/^Retry-At: .*/Retry-At: 1/" "$(cadre path bus)/merge/queue/$1"; }
why() { cadre merge list --json | jq -r "select(.id == $1).why"; }
there() { git -C "$t_dir/origin.git" rev-parse -q --verify "refs/heads/$1"; }

# shellcheck disable=SC2016
begin bob '$(touch x) #(touch x)'
one=$id
dependent=$(cadre task add -d "$one" later)
write bob new 1
as bob cadre task done -q
branch=$(branch "$one")
is "$(run)" "$one	waiting" "what passes waits"
is "$(there "$branch")" "$(as bob git rev-parse HEAD)" "its branch is pushed"
like "$(why "$one")" "pull request https://example.invalid/pull/cadre_* is open" "a request is open, and named"
# shellcheck disable=SC2016
is "$(head -1 "$t_dir/service/${branch//\//_}.text")" '$(touch x) #(touch x)' "with the task's title"
is "$(there main)$(git rev-parse main)" "$(git rev-parse HEAD)$(git rev-parse HEAD)" "no target has moved"
code 1 "not yet time to look again" cadre merge run
is "$(cut -f2 "$t_dir/out")" "" "so nothing is done"
due "$one"
is "$(run)" "$one	waiting" "it is looked at when it is time"
is "$(grep -c '^pr create' "$t_dir/service/calls")" 1 "one request is made"

# Another tip goes to the same request.
write bob new 2
cadre merge submit -q bob
is "$(run)" "$one	waiting" "another tip waits as well"
is "$(there "$branch")" "$(as bob git rev-parse HEAD)" "and is pushed"
as bob git commit -q --amend -m rewritten
cadre merge submit -q bob
is "$(run)" "$one	waiting" "one that was rewritten, too"
is "$(there "$branch")" "$(as bob git rev-parse HEAD)" "over what was there of the task"
is "$(grep -c '^pr create' "$t_dir/service/calls")" 1 "it is still one request"

# Somebody merges it, as a commit of another make.
git clone -q "$t_dir/origin.git" "$t_dir/other"
git -C "$t_dir/other" merge -q --squash "origin/$branch" >/dev/null 2>&1
git -C "$t_dir/other" commit -qm 'merged by somebody'
git -C "$t_dir/other" push -q origin HEAD:main
echo MERGED >"$t_dir/service/${branch//\//_}"
is "$(state "$dependent")" blocked "until it is seen the dependent waits"
due "$one"
is "$(run)" "$one	landed" "merged it has landed"
is "$(git rev-parse main)" "$(there main)" "the target here follows"
is "$(cat new)" 2 "with its files"
is "$(state "$one") $(state "$dependent")" "done ready" "the task is done and its dependent ready"
is "$(cadre ask list)" "" "no ask is left"

# One that is closed goes back.
work bob other 1
run >/dev/null
echo CLOSED >"$t_dir/service/$(branch "$id" | tr / _)"
due "$id"
is "$(run)" "$id	returned" "a closed request gives the work back"
like "$(as bob cadre inbox search 'was closed')" "*was closed*" "and its author hears of it"
cadre task cancel -q "$id"

# What fails is not pushed; what the remote makes red is not followed.
work bob bad 1
is "$(run)" "$id	returned" "what the gate fails goes back"
code 1 "and is not pushed" there "$(branch "$id")"
cadre task cancel -q "$id"

# A branch of that name that is not of the task is not overwritten.
begin bob foreign
branch=$(branch "$id")
git -C "$t_dir/other" checkout -q -b "$branch"
git -C "$t_dir/other" commit -q --allow-empty -m theirs
git -C "$t_dir/other" push -q origin "$branch"
theirs=$(there "$branch")
write bob foreign 1
as bob cadre task done -q
is "$(run)" "$id	waiting" "a branch of others in the way"
is "$(there "$branch")" "$theirs" "stays as it is"
like "$(why "$id")" "*commits that are not of this task*" "and is told"
cadre task cancel -q "$id"

# Killed at every third change of a file: the next run goes on, with the one request.
bad=
for ((n = 1; ; n += 3)); do
  work bob "killed$n" 1
  { CADRE_FAULT=kill:$n cadre merge run; } >/dev/null 2>&1
  code=$?
  cadre recover -q
  cadre merge run >/dev/null 2>&1
  [ "$(cadre merge list --json | jq -r "select(.id == $id).state")" = waiting ] || bad+="$n: $(cadre merge list)"
  [ "$(there "$(branch "$id")")" = "$(as bob git rev-parse HEAD)" ] || bad+="$n: not pushed"
  [ "$(grep -c "^pr create --head $(branch "$id") " "$t_dir/service/calls")" = 1 ] || bad+="$n: not one request"
  cadre task cancel -q "$id"
  [ "$code" = 137 ] || break
done
is "$bad" "" "killed at any step it goes on ($n points, every third)"

# Without gh a person opens the request, and the remote's target tells.
mv "$t_dir/bin/gh" "$t_dir/gh"
if ! command -v gh >/dev/null; then
  work bob plain 1
  is "$(run)" "$id	waiting" "without gh it is pushed"
  like "$(why "$id")" "*is pushed to 'origin': open a pull request of it to 'main'*" "and what to do is said"
  git -C "$t_dir/other" fetch -q
  git -C "$t_dir/other" push -q origin "origin/$(branch "$id"):main"
  due "$id"
  is "$(run)" "$id	landed" "and it has landed when the remote's target has it"
fi
[ ! -e x ]
ok "no text was run"
code 0 "doctor finds nothing" cadre doctor
t_end
