#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# A team of real programs: a lead makes tasks, workers get them, do them, tell the lead and each other, and the work lands.
# One of the workers is Codex, in its sandbox.
TMPDIR=/var/tmp # A sandbox may write below /tmp.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
a_fetch claude codex
unset TMPDIR
t_world
a_model
repository=$(t_repository)
cd "$repository" || exit 1
a_user "$PWD"
git config cadre.gate true
if timeout 60 codex sandbox -c 'sandbox_mode="workspace-write"' true 2>"$t_dir/err"; then
  sandbox=workspace-write
else
  sandbox=danger-full-access
  echo "# shown without a sandbox: $(tail -n 1 "$t_dir/err")"
fi
sed -i "1i sandbox_mode = \"$sandbox\"\napproval_policy = \"never\"" "$HOME/.codex/config.toml"
cadre init -q

cadre spawn -q lead --agent claude --auto --role lead --no-worktree
cadre spawn -q one --agent claude --auto
cadre spawn -q two --agent codex --auto
for name in one two; do wait_for 20 is_state "$name" idle; done
# A worker's task: to talk to the other, who does the same meanwhile (and what it says may come with the task), to hand it in, and to say so to the lead.
for name in left right; do
  cat >"$HOME/$name" <<END
%run [ \$CADRE_AGENT = one ] && mate=two || mate=one; cadre send -q \$mate "\$CADRE_AGENT makes $name" && until cadre inbox list --all | grep -q "\$mate"; do sleep 0.1; done && echo "\$CADRE_AGENT" >$name && cadre task done --commit -m "make $name" && cadre send -q lead $name
%say it is handed in
END
done
cadre send -q lead '%run for name in left right; do cadre task add "make $name" -F "$HOME/$name"; done
%say they are made'
landed() { [ "$(cadre task list --state done | wc -l)" = 2 ]; }
wait_for 60 landed
ok "both tasks that the lead made are done"
is "$(git ls-tree --name-only main | xargs)" "file left right" "and their work has landed"
told() { [ "$(cadre inbox --as lead list --all --json | jq -r 'select(.read and (.from == "one" or .from == "two")).from' | sort | uniq | wc -l)" = 2 ]; }
wait_for 20 told
ok "each worker did one, and the lead has read it from both"
is "$(git show main:left main:right | sort | xargs)" "one two" "and each has made one"
is "$(for name in one two; do cadre inbox --as "$name" list --all --json | jq -r .from | grep -c '^one$\|^two$'; done | xargs)" "1 1" "and heard from the other"
is "$(cadre task list --mine --as lead | wc -l)" 0 "the lead was given none"
for name in lead one two; do wait_for 10 is_state "$name" idle; done
ok "all are idle in the end"
cadre retire -q --discard lead one two
code 0 "the bus is sound" cadre doctor
t_end
