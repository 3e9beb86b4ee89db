#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# A team of real programs: a lead makes tasks, workers get them, do them, tell the lead, and the work lands.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
a_fetch claude
t_world
a_model
repository=$(t_repository)
cd "$repository" || exit 1
a_user "$PWD"
git config cadre.gate true
cadre init -q

cadre spawn -q lead --agent claude --auto --role lead --no-worktree
cadre spawn -q one --agent claude --auto
cadre spawn -q two --agent claude --auto
# A worker's task: to say so to the lead, to commit, and to hand it in.
work='%run echo it >$1 && git add $1 && git commit -qm $1 && cadre task done && cadre send -q lead $1'
cadre send -q lead "%run for name in left right; do cadre task add \"make \$name\" \"${work//\$1/\$name}\"; done
%say they are made"
landed() { [ "$(cadre task list --state done | wc -l)" = 2 ]; }
wait_for 60 landed
ok "both tasks that the lead made are done"
is "$(git ls-tree --name-only main | xargs)" "file left right" "and their work has landed"
told() { [ "$(cadre inbox --as lead list --all --json | jq -r 'select(.read and (.from == "one" or .from == "two")).from' | sort | uniq | wc -l)" = 2 ]; }
wait_for 20 told
ok "each worker did one, and the lead has read it from both"
is "$(cadre task list --mine --as lead | wc -l)" 0 "the lead was given none"
for name in lead one two; do wait_for 10 is_state "$name" idle; done
ok "all are idle in the end"
cadre retire -q --discard lead one two
code 0 "the bus is sound" cadre doctor
t_end
