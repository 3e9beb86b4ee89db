#!/usr/bin/env bash
# cadre.budget: what begins no more when it is used up, and how a person raises it. The program is imitated.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
t_program counted <<'END'
printf '%s\n' "$@" >>"$t_dir/words"
echo '{"hook_event_name": "SessionStart", "source": "startup"}' | cadre hook SessionStart >/dev/null
exec sleep 1000
END
git config cadre.program.counted.command 'exec counted "$@"'
git config cadre.program.counted.prompt argument
git config cadre.program.counted.cost statusLine
git config cadre.program.counted.hooks config
git config cadre.program.counted.stop block
enter() { session=$(sed -n 's/^Token: //p' "$(cadre path agent "$1")/session") who=$1; }
hook() { printf '%s' "$2" | CADRE_AGENT=$who CADRE_SESSION=$session cadre hook "$1"; }
# So much has been used by now.
use() { hook StatusLine "{\"session_id\":\"a$who\",\"prompt_id\":\"p\",\"cost\":{\"total_cost_usd\":$1}}" >/dev/null; }

git config cadre.budget ten
code 64 "a budget that is none" cadre spawn --agent counted --no-worktree
git config cadre.budget 1/agent
git config --add cadre.budget 2/task
git config --add cadre.budget 3
cadre spawn --agent counted --no-worktree one 'the task' 2>"$t_dir/err"
is "$(cat "$t_dir/err")" "" "one of a program that tells its money is held"
cadre spawn --agent 'exec sleep 1000' --no-worktree other 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*what 'exec sleep 1000' costs is unknown, so cadre.budget can't be enforced for it" "of one that does not is said that it can't be"
git config cadre.program sh
cadre spawn --agent sh --no-worktree sh 2>"$t_dir/err"
is "$(cat "$t_dir/err")" "" "one that costs nothing needs none"
git config --unset cadre.program
like "$(cadre doctor 2>&1)" "*'exec sleep 1000' costs is unknown*healthy" "doctor says so, too"
cadre retire -q other
enter one
wait_for 5 grep -q 'the task' "$t_dir/words"

# Not used up, and used up.
use 0.99
hook UserPromptSubmit '{}' >"$t_dir/out"
is "$(cat "$t_dir/out"),$(cadre ask list)" "," "below it all goes on"
use 1
mail=$(cadre send one hello | cut -f1)
is "$(hook Stop '{}')" "" "used up: mail does not put off the end of a turn"
is "$(cadre inbox --as one | cut -f1)" "$mail" "it is unread"
is "$(field one state),$(field one note)" "idle,the budget of 'one' is used up: 1.00 of 1.00 dollars (cadre.budget)" "its state says why"
is "$(cadre ask list | cut -f1)" budget-agent-one "the person is asked"
like "$(hook UserPromptSubmit '{}' | jq -r .hookSpecificOutput.additionalContext)" "*hello*" "a person's own words are taken"
sed -i 's/^Length/Handed: mail\nLength/' "$(cadre path agent one)/conversation"
hook PostToolUse '{}' >/dev/null
cadre send -q one again
is "$(hook UserPromptSubmit '{}' | jq -r .decision)" block "words of cadre's are not"
is "$(cadre inbox --as one | wc -l)" 1 "and mail stays unread"
CADRE_AGENT=one CADRE_SESSION=$session cadre task done -q 1
cadre task add -q --no-merge --to one more
code 1 "it claims nothing more" env CADRE_AGENT=one CADRE_SESSION="$session" cadre claim
like "$(cat "$t_dir/err")" "*limit reached: the budget of 'one' is used up*" "with the reason"
hook Stop '{}' >/dev/null
is "$(cadre ask list | wc -l)" 1 "it is asked once"

# Answers.
cadre ask approve -q budget-agent-one
code 0 "approved: it goes on" env CADRE_AGENT=one CADRE_SESSION="$session" cadre claim
use 1.5
is "$(cadre ask list)" "" "up to as much again"
use 1.99
cadre send -q one third
is "$(hook Stop '{}' | jq -r .decision)" block "mail puts off the end of a turn"
use 2
hook Stop '{}' >/dev/null
like "$(field one note)" "the budget of 'one' is used up: 2.00 of 2.00 dollars*" "then no more"
is "$(cadre ask list | cut -f1)" budget-agent-one "and it is asked again"
cadre ask answer -q budget-agent-one 2.25
use 2.2
hook Stop '{}' >/dev/null
is "$(cadre ask list)" "" "an answer in dollars is the new one"
use 2.25
hook Stop '{}' >/dev/null
cadre ask reject -q budget-agent-one
hook Stop '{}' >/dev/null
is "$(cadre ask list),$(field one note | cut -c1-28)" ",the budget of 'one' is used " "rejected: it stays, and is not asked again"
git config --replace-all cadre.budget 9/agent 1/agent
cadre init -q 2>/dev/null
hook UserPromptSubmit '{}' >/dev/null
is "$(field one note)" "" "the configuration raises it as well"

# Of the task and of the day: who holds it does not matter.
use 4.3
hook Stop '{}' >/dev/null
is "$(cadre ask list | cut -f1 | xargs)" "budget-day-$(date -u +%F)" "that of the day"
cadre spawn --agent counted --no-worktree two 'another task' 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*today's budget is used up: 4.30 of 3.00 dollars*: 'two' gets no work before it is raised" "one that is started then is told of"
sleep 0.2
is "$(grep -c 'another task' "$t_dir/words")" 0 "and gets no words"
enter two
like "$(cadre inbox --as two show "$(cadre inbox --as two | cut -f1)")" "*another task*" "they wait as mail"
cadre ask answer -q "budget-day-$(date -u +%F)" 100
hook Stop '{}' >"$t_dir/out"
like "$(jq -r .reason "$t_dir/out")" "*another task*" "until it is raised"
enter one
is "$(hook Stop '{}'),$(cadre ask list | cut -f1 | xargs)" ",budget-task-2" "that of the task that it holds"
cadre retire -q --discard one two sh
code 0 "the bus is sound" cadre doctor
t_end
