#!/usr/bin/env bash
# No agent runs any more: who submits, approves or retries has the queue run all the same.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
git config cadre.gate true
git config cadre.review human
holds() { cadre merge list | cut -f2 | grep -qx held; }
is_done() { [ "$(cadre task list --json | jq -r "select(.id == $1).state")" = "done" ]; }

for id in 1 2; do cadre task add -q "task $id" "echo $id >file$id"; done
cadre spawn -q one
held() { [ "$(cadre merge list | cut -f2 | xargs)" = "held held" ]; }
wait_for 30 held
ok "two wait for a person"
cadre stop -q one
cadre merge approve 1 >/dev/null 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*no agent runs: the merge queue runs*" "approved, the queue runs"
wait_for 30 is_done 1
ok "and it lands"
cadre ask approve -q review-2
wait_for 30 is_done 2
ok "so it does by the ask"
git config cadre.review none
git checkout -q -b mine && echo mine >mine && git add mine && git commit -qm mine && git checkout -q main
cadre merge submit -q mine
landed() { git log --format=%s main | grep -qx mine; }
wait_for 30 landed
ok "a branch that is submitted lands"
cadre retire -q one
git checkout -q -b extra && echo extra >extra && git add extra && git commit -qm extra && git checkout -q main
cadre merge submit extra >/dev/null 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*no agent runs*'cadre merge run' lands it*" "without a team the person is told"
t_end
