#!/usr/bin/env bash
# Plans: a task of --plan is for planning until its plan is approved.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus)

json() { cadre task show --json "$1" | jq -r "$2"; }
state() { json "$1" .planState; }
err() { cat "$t_dir/err"; }
# An agent without a process: a card, and the session that it presents.
agent() { # NAME [PARENT]
  mkdir -p "$bus/agents/$1"
  printf 'Token: %s\nNumber: 1\nHost: h\nBoot: 0\nPid: 1\nLength: 0\n\n' "token$1" >"$bus/agents/$1/session"
  printf 'Program: sh\nRole: worker\n%sLength: 0\n\n' "${2:+Parent: $2
}" >"$bus/agents/$1/card"
}
as() { # NAME COMMAND...
  local name=$1
  shift
  CADRE_AGENT=$name CADRE_SESSION=token$name "$@"
}

# A lease, the person.
cadre task add -q --plan 'change the parser'
cadre --as ci claim 1 >"$t_dir/claimed" 2>"$t_dir/err"
is "$(cat "$t_dir/claimed")" "1	change the parser" "a claim prints what it prints"
like "$(err)" "*for planning*cadre plan submit 1*" "and says that it is for planning"
is "$(cadre --as ci claim 1 --json 2>/dev/null | jq -r .planState)" wanted "in JSON, too"
is "$(cadre task list | cut -f 2)" "claimed, planning" "the list says so"
like "$(cadre task show 1)" "*Plan: wanted, none submitted*" "and show"
for words in 'task done 1' 'task done --no-merge 1' 'task done --result made 1'; do
  # shellcheck disable=SC2086 # words
  code 1 "refused: $words" cadre --as ci $words
  like "$(err)" "*for planning*plan submit 1*" "which says what to do"
done
is "$(err | wc -l)" 1 "in one line"
code 1 "nothing to show yet" cadre plan show 1
code 1 "nor to approve" cadre plan approve 1

code 64 "an empty plan" cadre --as ci plan submit 1 <<<''
code 64 "one of many bytes" cadre --as ci plan submit 1 < <(head -c 10000000 /dev/zero)
code 64 "no such file" cadre --as ci plan submit 1 nowhere
code 64 "neither a task nor a file" cadre --as ci plan submit x y
code 1 "who does not hold it" cadre --as other plan submit 1 <<<plan
code 1 "under another token" cadre --as ci plan submit --token 0000000000 1 <<<plan
is "$(state 1)" wanted "none of these is a plan"

token=$(cadre --as ci claim 1 --json 2>/dev/null | jq -r .token)
echo 'first plan' >plan.md
is "$(cadre --as ci plan submit --token "$token" 1 plan.md)" "1	1" "submit prints the task and the ask"
is "$(cadre --as ci plan submit 1 plan.md)" "1	1" "the same again is the same"
is "$(cadre ask list)" "1	plan	ci	plan of task 1: change the parser" "it is an ask"
like "$(cadre ask show 1)" "*Kind: plan*Task: 1*Digest: $(sha256sum <plan.md | cut -c 1-64)*first plan" "which shows the text and its digest"
like "$(cadre plan show 1)" "1	change the parser
Plan: submitted 20* by 'ci', waits for 'human', ask 1
Number: 1*

first plan" "show prints it"
is "$(cadre task list | cut -f 2)" "claimed, plan submitted" "and the list says that it waits"
code 1 "while it waits nothing is done" cadre --as ci task done 1
like "$(err)" "*waits for 'human' (ask 1)*" "which says for whom"

# Another plan while the first is read.
digest=$(cadre plan show --json 1 | jq -r .digest)
is "$(echo 'second plan' | cadre --as ci plan submit)" "1	2" "another plan is another ask"
is "$(cadre ask list | cut -f 1)" 2 "in place of the first"
code 1 "the first can't be approved any more" cadre ask approve 1
like "$(err)" "*changed meanwhile*" "which says why"
code 1 "nor by its digest" cadre plan approve --digest "$digest" 1
like "$(err)" "*changed meanwhile*" "for the same reason"
code 64 "of a digest there must be enough" cadre plan approve --digest abc 1
is "$(tail -1 "$bus/tasks/1/plan,1")" "first plan" "the first is kept"

code 1 "never by its author" cadre --as ci plan approve 1
is "$(cadre plan reject --why 'think again' 1)" "1	rejected" "rejected"
is "$(state 1),$(json 1 .planWhy)" "rejected,think again" "with the reason"
code 1 "still nothing is done" cadre --as ci task done 1
like "$(err)" "*rejected: think again*plan submit 1*" "which says why"
code 1 "once" cadre plan approve 1
code 1 "the same text is refused now" cadre --as ci plan submit 1 <<<'second plan'
printf 'third\0\x1b[31m\xff plan' | cadre --as ci plan submit -q 1 -
cadre plan show 1 | tail -1 | cmp -s - <(printf 'third\0\x1b[31m\xff plan\n')
ok "any bytes are a plan"
digest=$(cadre plan show --json 1 | jq -r .digest)
is "$(cadre plan approve --digest "${digest:0:8}" 1)" "1	approved" "approved, by the beginning of its digest"
like "$(cadre plan show 1 | sed -n 2p)" "Plan: approved 20* by 'human'" "as show says"
is "$(cadre task list | cut -f 2)" claimed "the task is claimed as any"
code 0 "the same text stays approved" cadre --as ci plan submit 1 -F <(printf 'third\0\x1b[31m\xff plan')
cadre --as ci plan submit -q 1 <<<'fourth'
code 1 "another is for planning again" cadre --as ci task done 1
cadre ask approve -q 4
is "$(state 1)" approved "approved as an ask"
cadre claim --release -q 1
cadre --as cj claim -q 1 2>/dev/null
is "$(cadre --as cj task done 1)" 1 "who takes it over may finish"
cadre task reopen -q 1
is "$(state 1)" approved "and reopened it is approved still"
cadre task cancel -q 1

# Agents: to the parent, by mail, never by themselves.
agent boss
agent bob boss
agent other
cadre task add -q --plan --to bob 'of an agent'
as bob cadre claim -q 2 2>/dev/null
code 1 "an earlier session has no say" env CADRE_AGENT=bob CADRE_SESSION=older cadre plan submit 2 <<<'a plan'
is "$(echo 'a plan' | as bob cadre plan submit)" "2	5" "an agent submits what it holds"
is "$(json 2 .planTo)" boss "its parent is asked"
like "$(as boss cadre inbox next)" "*of task 2*cadre plan show 2*" "and has mail"
code 1 "not by itself" as bob cadre plan approve 2
like "$(err)" "*its own plan*" "which says so"
code 1 "nor by the ask" as bob cadre ask approve 5
code 1 "nor by another" as other cadre plan approve 2
code 1 "who can't say either that it needs none" as bob cadre task edit --no-plan 2
like "$(as bob cadre prime)" "*Its plan waits for 'boss'*" "prime says that it waits"
is "$(as boss cadre plan reject 2 --why 'too long')" "2	rejected" "its parent decides"
like "$(as bob cadre inbox next)" "*answer to ask 5: the plan of task 2 is rejected*too long*plan submit 2*" "it has mail with the reason"
like "$(as bob cadre prime)" "*rejected by 'boss': too long*" "and prime says so"
echo 'a short one' | as bob cadre plan submit -q
as boss cadre ask approve -q 6 'go on'
like "$(as bob cadre inbox next)" "*the plan of task 2 is approved*go on*" "approved by the ask"
like "$(as bob cadre prime)" "*Its plan, approved by 'boss': go on:
a short one*" "prime has the plan"
head -c 100000 /dev/zero | tr '\0' x | as bob cadre plan submit -q 2
cadre plan approve -q 2
[ "$(as bob cadre prime | wc -c)" -lt 10000 ]
ok "of a long one the beginning"
like "$(as bob cadre prime)" "*cadre plan show 2*" "and where the rest is"
as bob cadre inbox next -q
is "$(as bob cadre task done --no-merge 2)" 2 "and then it is done"

# What becomes of a plan with its task.
cadre task add -q 'planned by itself'
cadre --as ci claim -q 3
cadre --as ci plan submit -q 3 <<<'my own idea'
code 1 "a plan that nobody wanted waits, too" cadre --as ci task done 3
code 1 "its holder can't take that back" cadre --as ci task edit --no-plan 3
cadre task edit -q --no-plan 3
is "$(cadre ask list),$(state 3)" ",withdrawn" "a person can"
is "$(cadre --as ci task done 3)" 3 "and it is done"
cadre task add -q --plan 'given up'
cadre --as ci claim -q 4 2>/dev/null
cadre --as ci plan submit -q 4 <<<'a plan'
cadre --as ci task fail -q 4 --why 'no way'
is "$(cadre ask list | cut -f1)" "failed-4" "of a failed task's plan nothing is asked"
cadre task reopen -q 4
is "$(state 4)" wanted "reopened it needs a plan"

# Epics, and children made to get around.
cadre task add -q --plan 'an epic'
cadre --as ci claim -q 5 2>/dev/null
cadre task add -q --parent 5 'its child'
cadre --as ci claim -q 6
cadre --as ci task done -q 6
is "$(json 5 .state)" claimed "children don't finish what is for planning"
code 1 "nor does the one who holds it" cadre --as ci task done 5
cadre --as ci plan submit -q 5 <<<'children first'
cadre plan approve -q 5
is "$(json 5 .state)" 'done' "approved it ends with them"

# Commits: nothing lands.
cadre task add -q --plan 'with commits'
git switch -qc cadre/7-with-commits
git commit -qm work --allow-empty
git switch -q main
cadre claim -q 7 2>/dev/null
printf 'Branch: refs/heads/cadre/7-with-commits\nBase: %s\nLength: 0\n\n' "$(git rev-parse main)" >"$bus/tasks/7/branch"
code 1 "its branch can't be submitted" cadre merge submit cadre/7-with-commits
like "$(err)" "*for planning*" "which says why"
is "$(cadre merge list)" "" "nothing is in the queue"
cadre claim --release -q 7
code 1 "nor while nobody holds it" cadre merge submit cadre/7-with-commits
is "$(json 7 .state)" ready "and it is not claimed by that"
cadre claim -q 7 2>/dev/null
cadre plan submit -q 7 <<<'commit'
cadre plan approve -q 7
is "$(cadre merge submit cadre/7-with-commits 2>/dev/null)" 7 "with an approved plan it is submitted"
cadre task edit -q --no-plan 7
code 1 "then it is too late to want one" cadre task edit --plan 7

# The built-in agent: what it is to run is its plan.
cadre task cancel -q 7
cadre task add -q --plan 'of sh' 'echo made >made'
cadre spawn -q runner --agent sh --task 8
submitted() { [ "$(state 8)" = submitted ]; }
wait_for 10 submitted
ok "sh submits its task's body"
like "$(cadre plan show 8)" "*echo made >made" "as it is"
cadre plan approve -q 8
in_review() { json 8 .state | grep -qx 'review\|done'; }
wait_for 10 in_review
ok "approved it is done"
cadre retire -q --discard runner

# Damage.
sed -i 's/^commit$/cummit/' "$bus/tasks/7/plan"
code 75 "a text that is not the one approved is damage" cadre plan show 7
code 75 "which doctor finds" cadre doctor
cadre doctor -q --fix
code 0 "and puts right" cadre doctor
t_end
