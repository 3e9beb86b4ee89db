#!/usr/bin/env bash
# Lists on a terminal: columns that fit, a header, colours if they are wanted, the pager; and through a pipe the records.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
unset CADRE_AGENT
shown() { # COLUMNS COMMAND: what a terminal of that width gets
  TERM=xterm script -qec "stty cols $1 rows 50; $2" /dev/null </dev/null | tr -d '\r'
}
plain() { sed 's/\x1b\[[0-9;]*m//g'; }
cadre task add -q 'the first of three tasks, whose title is long enough to be cut where there is no room for all of it'
cadre task add -q -d 1 'ümläuts take one column each, 日本 two'
cadre task add -q 'given up'
cadre task cancel -q 3

is "$(shown 40 'cadre task list' | plain)" "ID  STATE         OWNER  TITLE
1   ready         -      the first of t…
2   blocked by 1  -      ümläuts take o…
3   cancelled     -      given up" "a table fits the terminal"
like "$(shown 200 'cadre task list' | plain)" "*where there is no room for all of it*" "where there is room nothing is cut"
like "$(shown 80 'cadre task list')" "*$(printf '\033')\\[33mblocked by 1*" "states have colours"
for words in 'NO_COLOR=1 cadre task list' 'cadre task list --color=never'; do
  is "$(shown 80 "$words")" "$(shown 80 'cadre task list' | plain)" "not with ${words/cadre task list/}"
done
is "$(cadre task list)" "$(printf '%s\t%s\t%s\t%s\n' 1 ready - "$(cadre task list --json | jq -r 'select(.id == 1).title')" 2 'blocked by 1' - 'ümläuts take one column each, 日本 two' 3 cancelled - 'given up')" "through a pipe it is the records"
is "$(COLUMNS=40 cadre task list --color | plain)" "$(shown 40 'cadre task list' | plain)" "or as on a terminal, if asked for"
code 64 "another word" cadre task list --color=sometimes
is "$(shown 80 'cadre task list --json' | jq -r .id | tr '\n' ' ')" "1 2 3 " "JSON is JSON"
is "$(shown 80 'cadre task list -q')" "" "and -q is quiet"

# Every list.
cadre send -q human 'a letter'
cadre ask -q 'may I?'
cadre spawn -q alice --agent 'exec sleep 1000' --no-worktree
for words in 'ID STATE FROM TIME SUBJECT:inbox' 'ID KIND FROM TEXT:ask list' 'TIME BY EVENT WHAT:log' 'NAME TASK PID:agents -o name,task,pid' \
  'NAME STATE TASK ROLE PROGRAM CONTEXT COST NOTE CONFLICT:agents' 'AGENT MONEY INPUT CACHED OUTPUT CONTEXT MODELS:cost --by agent' 'ID STATE FROM TIME SUBJECT:inbox search letter'; do
  is "$(shown 300 "cadre ${words#*:}" | plain | head -n 1 | tr -d '\033' | sed 's/^[^A-Z]*\([A-Z]\)/\1/; s/  */ /g')" "${words%%:*}" "${words#*:} has a header"
done
cadre retire -q alice
is "$(shown 80 'cadre agents; cadre merge list; cadre agents -q')" "no agents: 'cadre spawn' starts one
nothing waits to land" "one that is empty says what makes one"
git config cadre.advice false
is "$(shown 80 'cadre agents')" "" "unless cadre.advice is off"
git config --unset cadre.advice

# The pager: git's, and the person's own.
is "$(shown 80 'GIT_PAGER="sed s/^/P:/" cadre log' | plain | grep -vc '^P:')" 0 "a log goes through the pager"
is "$(shown 80 'GIT_PAGER=cat cadre log' | plain | wc -l)" "$(($(cadre log | wc -l) + 1))" "or through none"
git config --global core.pager 'sed s/^/O:/'
is "$(shown 80 'cadre log' | plain | grep -vc '^O:')" 0 "of the person's configuration"
git config core.pager "touch '$t_dir/ran'; cat"
shown 80 'cadre log' >/dev/null
[ ! -e "$t_dir/ran" ]
ok "what stands in the repository's is not run"
is "$(shown 80 'CADRE_AGENT=x cadre log' | grep -c '^O:')" 0 "no agent is kept by one"
is "$(GIT_PAGER='sed s/^/P:/' cadre log | grep -c '^P:')" 0 "nor a script"
# One that is left at once.
for ((n = 0; n < 3000; n++)); do echo "line $n of a file that is long"; done >long
cadre spawn -q bob --agent 'exec sleep 1000'
cp long "$(field bob worktree)/long"
like "$(shown 80 'GIT_PAGER="head -n 1" cadre diff bob; echo "code $?"' | plain)" "diff --git *
code *" "who leaves the pager is not told of it"
is "$(shown 80 'GIT_PAGER="sed s/^/P:/" cadre diff bob' | plain | grep -c '^P:+line')" 3000 "a difference goes through it"
cadre retire -q --discard bob
t_end
