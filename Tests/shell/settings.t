#!/usr/bin/env bash
# Settings that bind agents, changed while agents run: what binds more counts at once, what binds less is asked about.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
git config cadre.gate true
git config cadre.review human
git config cadre.protected 'ci/**'
cadre init -q
work() { # BRANCH FILE
  git checkout -q -b "$1" && mkdir -p "$(dirname "$2")" && echo "$1" >"$2" && git add -A . && git commit -qm "$1" && git checkout -q main
  cadre merge submit -q "$1" 2>/dev/null
  id=$(cadre merge list | cut -f 1 | sort -n | tail -n 1)
}
state() { cadre merge list --all --json | jq -r "select(.id == $1).state"; }
slots() { cadre spawn --dry-run --no-worktree --agent sh | sed 's/.*slots: [0-9]* of \([0-9]*\).*/\1/'; }
run() { cadre merge run -q 2>/dev/null; }

# Nobody runs.
git config cadre.review none
work free free
run
is "$(state "$id")" landed "with no agent alive what is set counts"
git config cadre.review human
cadre spawn -q eve --agent 'sleep 1000' --no-worktree
cadre spawn -q bob --agent 'sleep 1000' --no-worktree

# Less.
git config cadre.review none
git config cadre.maxAgents 50
work first first
run
is "$(state "$id")" held "a weaker review waits"
is "$(slots)" 30 "so does a higher limit"
is "$(cadre ask list | cut -f 2-3 | sort | uniq -c | xargs)" "1 escalation cadre 1 review human" "with one ask"
like "$(cadre ask show settings)" "*cadre.review: 'human' -> 'none'
cadre.maxagents: none -> '50'*" "which shows old and new"
like "$(cadre doctor 2>&1)" "*cadre.review: 'human' -> 'none': waits for your answer*healthy" "doctor tells"
git config cadre.protected ''
work second ci/x
run
is "$(cadre merge list --json | jq -r "select(.id == $id).why")" "changes ci/x: a person approves that" "protected paths stay"
like "$(cadre ask show settings)" "*cadre.protected: 'ci/*' -> none*" "the ask shows what is set now"
code 1 "an agent does not answer it" env CADRE_AGENT=eve cadre ask approve settings

# More, at once.
git config cadre.maxAgents 1
is "$(slots)" 1 "a lower limit counts at once"
git config --add cadre.gate 'test ! -e third'
work third third
run
is "$(state "$id")" returning "another gate counts at once"
is "$(cadre task show --json "$id" | jq -r .returnedWhy)" "gate 'test ! -e third' failed with 1" "so that work comes back"
git config --unset-all cadre.gate
git config cadre.gate true
cadre ask list | grep -q '^settings'
ok "the ask is open still"

# No.
cadre ask reject -q settings
cadre status >/dev/null
run
is "$(cadre ask list | grep -c '^settings')" 0 "rejected it is not asked again"
is "$(state "$(cadre merge list | cut -f 1 | head -n 1)")" held "and what was holds"
# Back as it was.
git config cadre.protected 'ci/**'
git config cadre.review agent
run
is "$(cadre ask list | grep -c '^settings')" 1 "other values are another question"
git config cadre.review human
run
is "$(cadre ask list | grep -c '^settings')" 0 "as it was there is none"

# Yes.
git config cadre.review none
run
cadre ask approve -q settings
work fourth fourth
run
is "$(state "$id")" landed "approved it counts"
git config cadre.mergeAttempts 9
run
is "$(cadre ask list | grep -c '^settings')" 1 "what is changed later waits again"

# A person who starts something.
cadre init 2>"$t_dir/err" >/dev/null
like "$(cat "$t_dir/err")" "*binds agents less from now on: cadre.mergeattempts: none -> '9'*" "a person's init tells what binds less, and it counts"
is "$(cadre ask list | grep -c '^settings')" 0 "which answers the ask"
like "$(cadre log)" "*settings*cadre.mergeattempts: none -> '9'*" "the log tells"
git config cadre.maxAgents 40
CADRE_AGENT=eve cadre up -q 2>/dev/null
is "$(slots)" 1 "one who is none does not record it"
cadre up -q
is "$(slots)" 40 "a person's up does"
git config cadre.maxAgents 60
is "$(slots)" 40 "a higher limit waits again"
cadre stop -q eve bob
is "$(slots)" 60 "with no agent alive it counts"
# What a verb starts by is looked at by it.
git config cadre.restart sometimes
code 64 "an agent is not started under a misspelt policy" cadre spawn never --no-worktree --agent 'exec tail -f /dev/null'
like "$(cat "$t_dir/err")" "*cadre.restart is 'sometimes', use never, on-failure, always" "which is named"
code 64 "nor said to be" cadre spawn --dry-run never --no-worktree --agent 'exec tail -f /dev/null'
git config --unset cadre.restart

code 0 "the bus is sound" cadre doctor
t_end
