#!/usr/bin/env bash
# Work that lands by pull requests: the branch is pushed, a request opened and followed until it is merged or closed; and
# the runner killed at its steps. CADRE_TEST_ALL=1 tries each of them, else every ninth.
#
# The remote is a real repository. The service is a stand-in: a gh that keeps its requests in files.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
git=$(command -v git)
world="$t_dir/world"
t_agents=$world
bare="$world/origin.git"
requests="$world/requests"
mkdir "$world" "$requests" "$t_dir/gh"

cat >"$t_dir/gh/gh" <<END
#!/bin/bash
# gh pr list, gh pr create
[ ! -e "$t_dir/offline" ] || { echo "error connecting to api.github.com" >&2; exit 1; }
[ ! -e "$t_dir/signed-out" ] || { echo "To get started with GitHub CLI, please run:  gh auth login" >&2; exit 4; }
what="\$1 \$2" state= body= title= fields=
shift 2
while [ \$# -gt 0 ]; do
  case "\$1" in
    --repo) repo=\$2 ;;
    --head) head=\$2 ;;
    --base) base=\$2 ;;
    --title=*) title=\${1#--title=} ;;
    --body-file) body=\$(cat) ;;
    --json) fields=\$2 ;;
    --jq) query=\$2 ;;
    --state) state=\$2 ;;
    --limit) ;;
    *) echo "unknown argument \$1" >&2; exit 1 ;;
  esac
  case "\$1" in --title=*) shift ;; *) shift 2 ;; esac
done
[ "\$repo" = "$bare" ] || { echo "unknown repository \$repo" >&2; exit 1; }
case "\$what" in
  "pr list")
    [ "\$state" = all ] || exit 1
    cat "$requests"/*.json 2>/dev/null | jq -s "sort_by(-.number) | map(select(.headRefName == \"\$head\")) | map({\$fields})" | jq -r "\$query"
    ;;
  "pr create")
    tip=\$("$git" -C "$bare" rev-parse --verify -q "refs/heads/\$head") || { echo "no branch \$head" >&2; exit 1; }
    "$git" -C "$bare" rev-parse --verify -q "refs/heads/\$base" >/dev/null || exit 1
    n=\$((\$(ls "$requests" | wc -l) + 1))
    jq -n --arg head "\$head" --arg tip "\$tip" --arg title "\$title" --arg body "\$body" --argjson n "\$n" '{number: \$n, state: "OPEN",
      url: "https://forge.invalid/pull/\(\$n)", headRefName: \$head, headRefOid: \$tip, mergeCommit: null, isCrossRepository: false, title: \$title, body: \$body}' \
      >"$requests/\$n.json"
    echo "Creating pull request for \$head into \$base" >&2
    echo "https://forge.invalid/pull/\$n"
    ;;
  *) exit 1 ;;
esac
END
chmod +x "$t_dir/gh/gh"
set_request() { # NUMBER FILTER
  jq "$2" "$requests/$1.json" >"$t_dir/request" && mv "$t_dir/request" "$requests/$1.json"
}
count() { find "$requests" -name '*.json' | wc -l; }
field() { jq -r ".$2" "$requests/$1.json"; }
# What the service does when somebody merges a request: as one commit, or as a merge.
merge_request() { # NUMBER [squash|merge]
  local head how=${2:-squash} commit
  head=$(field "$1" headRefName)
  rm -rf "$world/service"
  $git clone -q "$bare" "$world/service"
  (
    cd "$world/service" || exit 1
    git config user.name Service
    if [ "$how" = squash ]; then
      git merge -q --squash "origin/$head" >/dev/null
      git commit -qm "$(field "$1" title) (#$1)"
    else
      git merge -q --no-ff -m "Merge pull request #$1" "origin/$head"
    fi
    git push -q origin HEAD:main
  )
  commit=$($git -C "$bare" rev-parse main)
  set_request "$1" ".state = \"MERGED\" | .mergeCommit = {oid: \"$commit\"} | .headRefOid = \"$($git -C "$bare" rev-parse "refs/heads/$head")\""
}
other() { # COMMAND: somebody else's push to the target
  rm -rf "$world/service"
  $git clone -q "$bare" "$world/service"
  (cd "$world/service" && git config user.name Other && bash -c "$1" && git add -A && git commit -qm other && git push -q origin HEAD:main)
}
run() { cadre merge run 2>/dev/null | cut -f1,2; }
why() { cadre merge list --json | jq -r "select(.id == $1).why"; }
due() { sed -i "s/^Retry-At: .*/Retry-At: 1/" "$(cadre path bus)/merge/queue/$1"; }
gate() { # the target's values that no gate passed
  git log -g --format=%T main | head -n -1 | grep -vxFf "$t_dir/passed"
}
cat >"$t_dir/gate" <<END
#!/bin/bash
test ! -e bad || exit 1
"$git" write-tree >>"$t_dir/passed"
END
chmod +x "$t_dir/gate"

PATH="$t_dir/gh:$PATH"
git init -q --bare "$bare"
t_repository world/repository >/dev/null
cd "$world/repository" || exit 1
git remote add origin "$bare"
git push -q origin main
git remote add elsewhere /nowhere
cadre init -q
git config cadre.gate "$t_dir/gate"
git config cadre.mergeMode pr
agent bob
agent eve

# From submission to merge.
# shellcheck disable=SC2016
id=$(cadre task add -- '-t "$(touch x)" `touch x`' $'What for.\n\nAnd how.')
as bob cadre claim -q "$id"
write bob one 1
as bob cadre task done -q --result 'it is done'
one=$id
later=$(cadre task add -d "$one" later)
main=$(git rev-parse main)
code 1 "a request that is open is no" cadre merge run
is "$(why "$one")" "pull request https://forge.invalid/pull/1 is open" "it says which"
is "$(git -C "$bare" rev-parse "refs/heads/$(branch "$one")")" "$(as bob git rev-parse HEAD)" "the branch is pushed"
is "$(git rev-parse main) $(git -C "$bare" rev-parse main)" "$main $main" "and neither target"
# shellcheck disable=SC2016
is "$(field 1 title)" '-t "$(touch x)" `touch x`' "the title is the task's, as it is"
is "$(field 1 body)" $'What for.\n\nAnd how.\n\nit is done' "the body is the task's and its result"
[ ! -e x ]
ok "and text"
like "$(cadre ask list)" "*merge-$one*forge.invalid/pull/1*" "the person is asked"
like "$(cadre merge show "$one")" "*
Pull request: https://forge.invalid/pull/1
*" "merge show tells it"
is "$(cadre merge list --json | jq -r .request)" https://forge.invalid/pull/1 "and --json"
code 1 "another run leaves it alone" cadre merge run
due "$one"
cadre merge run >/dev/null 2>&1
is "$(ls "$requests")" 1.json "it is opened once"
is "$(state "$later")" blocked "a dependent waits"
merge_request 1
due "$one"
is "$(run)" "$one	landed" "merged it lands"
is "$(git rev-parse main)" "$(git -C "$bare" rev-parse main)" "the target follows"
is "$(state "$one") $(state "$later")" "done ready" "its task is done, and the dependent ready"
is "$(cadre merge list --all --json | jq -r "select(.id == $one).commit")" "$(git rev-parse main)" "with the commit by which it was merged"
is "$(cadre ask list)" "" "nothing is asked any more"
is "$(gate)" "" "every value of the target passed the gate"

# As a merge, and with the branch rewritten by its author meanwhile.
work bob two 1
two=$id
cadre merge run >/dev/null 2>&1
as bob git commit -q --amend -m 'two, better'
cadre merge submit -q bob
cadre merge run >/dev/null 2>&1
is "$(why "$two") $(count)" "pull request https://forge.invalid/pull/2 is open 2" "a new tip goes to the same request"
is "$(git -C "$bare" log -1 --format=%s "refs/heads/$(branch "$two")")" 'two, better' "though it was rewritten"
merge_request 2 merge
cadre merge retry -q "$two"
is "$(run)" "$two	landed" "merge retry looks at once"
is "$(gate)" "" "gated"

# Closed.
work bob three 1
cadre merge run >/dev/null 2>&1
set_request 3 '.state = "CLOSED"'
due "$id"
is "$(run)" "$id	returned" "closed it comes back"
like "$(cadre task show "$id")" "*Returned: pull request https://forge.invalid/pull/3 was closed*" "which is said"
as bob cadre claim -q "$id"
write bob three 2
as bob cadre task done -q
cadre merge run >/dev/null 2>&1
is "$(why "$id")" "pull request https://forge.invalid/pull/4 is open" "submitted again it is another request"

# It comes to conflict.
other 'echo theirs >three'
due "$id"
is "$(run)" "$id	returned" "what comes to conflict comes back"
as bob cadre claim -q "$id"
code 1 "merge update has the conflict" as bob cadre merge update
echo both >"$t_agents/bob/three"
as bob git commit -qam solved
as bob cadre task done -q
cadre merge run >/dev/null 2>&1
is "$(why "$id")" "pull request https://forge.invalid/pull/4 is open" "solved it is the same request"

# Commits of others on the branch.
name=$(branch "$id")
rm -rf "$world/service"
git clone -q "$bare" "$world/service"
(cd "$world/service" && git checkout -q "$name" && echo 1 >theirs && git add -A && git commit -qm 'of others' && git push -q)
theirs=$(git -C "$bare" rev-parse "$name")
cadre merge cancel -q "$id"
as bob cadre claim -q "$id"
write bob three 3
as bob cadre task done -q
cadre merge run >/dev/null 2>&1
is "$(why "$id")" "'$name' on 'origin' has commits of others: take them into the work, or remove it there" "commits of others are not pushed away"
is "$(git -C "$bare" rev-parse "$name")" "$theirs" "they are still there"
cadre merge cancel -q "$id"
as bob cadre claim -q "$id"
as bob git pull -q --no-rebase --no-edit origin "$name"
as bob cadre task done -q
cadre merge run >/dev/null 2>&1
is "$(why "$id")" "pull request https://forge.invalid/pull/4 is open" "taken in they go with the work"
merge_request 4
due "$id"
is "$(run)" "$id	landed" "and land"

# What fails the gate, here or merged.
work bob bad 1
is "$(run)" "$id	returned" "what fails the gate is not proposed"
cadre task cancel -q "$id"
is "$(count)" 4 "there is no request for it"
work eve four 1
cadre merge run >/dev/null 2>&1
other 'echo 1 >bad'
merge_request 5
due "$id"
main=$(git rev-parse main)
code 1 "merged onto a red target" cadre merge run
like "$(why "$id")" "the gate fails on 'origin/main' itself" "it waits"
is "$(git rev-parse main)" "$main" "and the target here stays"
other 'git rm -q bad; echo 1 >good'
due "$id"
is "$(run)" "$id	landed" "until it is green"
is "$(cadre ask list)" "" "and nothing is asked"

# Refused, or called as the target.
printf '#!/bin/sh\necho not here >&2\nexit 1\n' >"$bare/hooks/pre-receive"
chmod +x "$bare/hooks/pre-receive"
work bob refused 1
code 1 "a branch that is refused" cadre merge run
like "$(why "$id")" "'origin' does not take it: *: not here" "waits"
rm "$bare/hooks/pre-receive"
cadre task cancel -q "$id"
git -C "$bare" branch trunk main
git config branch.main.remote origin
git config branch.main.merge refs/heads/trunk
git branch trunk "$(git commit-tree 'main^{tree}' -p main -m trunk)"
git worktree add -q "$t_dir/trunk" trunk
(cd "$t_dir/trunk" && echo 1 >trunk && git add -A && git commit -qm trunk)
id=$(cadre merge submit trunk 2>/dev/null)
code 1 "a branch that is called as the target there" cadre merge run
like "$(why "$id")" "the branch is called as the target of 'origin': *" "waits"
is "$(git -C "$bare" rev-parse trunk)" "$(git -C "$bare" rev-parse main)" "and is not pushed"
cadre task cancel -q "$id"
git config --remove-section branch.main

# Out of reach, and commits that are not there yet.
touch "$t_dir/offline"
work bob five 1
code 1 "gh that fails" cadre merge run
like "$(why "$id")" "gh does not tell of pull requests: error connecting to api.github.com" "is said"
rm "$t_dir/offline"
touch "$t_dir/signed-out"
due "$id"
code 1 "gh that is not logged in" cadre merge run
is "$(why "$id")" "gh is not logged in: run 'gh auth login'" "says how to"
rm "$t_dir/signed-out"
due "$id"
cadre merge run >/dev/null 2>&1
is "$(why "$id")" "pull request https://forge.invalid/pull/6 is open" "and tried again"
set_request 6 '.state = "MERGED" | .mergeCommit = {oid: "1111111111111111111111111111111111111111"}'
due "$id"
cadre merge run >/dev/null 2>&1
like "$(why "$id")" "*was merged, which 'origin/main' does not have" "a merge that the target does not have is none"
merge_request 6
due "$id"
is "$(run)" "$id	landed" "until it has"

# Without gh.
PATH=${PATH#"$t_dir/gh:"}
if command -v gh >/dev/null; then
  echo "# there is a gh here: not tried without"
else
  work bob six 1
  code 1 "without gh" cadre merge run
  is "$(why "$id")" "pushed to 'origin' as '$(branch "$id")': open a pull request for it" "the person is told to open one"
  other "git merge -q --squash 'origin/$(branch "$id")'" >/dev/null 2>&1
  other 'echo more >>six'
  due "$id"
  is "$(run)" "$id	landed" "merged it is found, whatever was added since"
  is "$(gate)" "" "gated"
fi
PATH="$t_dir/gh:$PATH"
is "$(git for-each-ref refs/cadre/remote/origin/cadre)" "" "no branch was fetched"
code 0 "doctor finds nothing" cadre doctor

# Killed before each change of a file, and after each call of git and gh.
wrap git gh
rm -f "$requests"/*
work bob seven 1
tip=$(as bob git rev-parse HEAD)
cp -a "$world" "$t_dir/submitted"
cadre merge run >/dev/null 2>&1
merge_request 1
due "$id"
cp -a "$world" "$t_dir/merged"
fresh() { # TEMPLATE
  cd "$t_dir" || exit 1
  rm -rf "$world" "$t_dir/calls"
  cp -a "$t_dir/$1" "$world"
  cd "$world/repository" || exit 1
}
submitted() { # WHAT: one request, of the right commit
  local problem=
  cadre recover -q 2>"$t_dir/recovered" || problem="recover: $(cat "$t_dir/recovered")"
  cadre merge run >/dev/null 2>&1
  [ "$(why "$id")" = "pull request https://forge.invalid/pull/1 is open" ] || problem+=" $(cadre merge list)"
  [ "$(ls "$requests")" = 1.json ] || problem+=" $(ls "$requests")"
  [ "$(git -C "$bare" rev-parse "refs/heads/$(branch "$id")")" = "$tip" ] || problem+=" not pushed"
  merge_request 1
  due "$id"
  merged "$1$problem"
}
merged() { # WHAT: it landed
  local problem=
  cadre recover -q 2>"$t_dir/recovered" || problem="recover: $(cat "$t_dir/recovered")"
  cadre merge run >"$t_dir/ran" 2>&1 || problem+=" run: $(cat "$t_dir/ran")"
  [ "$(state "$id")" = "done" ] || problem+=" state $(state "$id")"
  [ "$(git rev-parse main)" = "$(git -C "$bare" rev-parse main)" ] || problem+=" not the same"
  [ -z "$(git status --porcelain)$(gate)" ] || problem+=" status $(git status --porcelain) gate $(gate)"
  cadre doctor -q >"$t_dir/doctor" 2>&1 || problem+=" doctor: $(cat "$t_dir/doctor")"
  [ -z "$problem" ] && [[ "$1" != *:* ]] || bad+="$1:$problem
"
}
stride=${CADRE_TEST_ALL:+1}
stride=${stride:-9}
turn=0
for template in submitted merged; do
  bad='' points=0
  for ((n = 1 + turn++ % stride; ; n += stride)); do
    fresh $template
    killed_before "$n" cadre merge run
    code=$?
    $template "killed at $n"
    [ "$code" = 137 ] || break
    points=$((points + 1))
  done
  for ((n = 1 + turn++ % stride; ; n += stride)); do
    fresh $template
    killed_after "$n" cadre merge run
    code=$?
    $template "killed after call $n"
    [ "$code" = 137 ] || break
    points=$((points + 1))
  done
  is "$bad" "" "$template, killed at its steps ($points points)"
  [ $points -gt 0 ]
  ok "and there were some"
done
t_end
