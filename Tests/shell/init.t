#!/usr/bin/env bash
# shellcheck disable=SC2016 # dollars are meant as text
# init: the bus, the target, and the commands of .cadre, which count once they were shown.
. "$(dirname "$0")/lib.sh"
t_world
repository=$(t_repository "with space")
cd "$repository" || exit 1

is "$(cadre init 2>/dev/null)" "$repository/.git/cadre" "prints where the bus is"
like "$(cadre init 2>&1 >/dev/null)" "*work lands on 'main'*" "the target is the branch checked out"
is "$(cadre init --json 2>/dev/null | jq -r .target)" main "and in JSON"
is "$(stat -c %a .git/cadre)" 700 "only its owner may look"

git init -q "$t_dir/unborn"
like "$(cadre -C "$t_dir/unborn" init 2>&1 >/dev/null)" "*no target branch*git config cadre.target*" "no commit, no target"
git -C "$t_dir/unborn" commit -q --allow-empty -m first
cp -r "$t_dir/unborn" "$t_dir/born"
like "$(cadre -C "$t_dir/unborn" init 2>&1 >/dev/null)" "*work lands on 'main'*" "again with a commit"
code 0 "or without, an agent" cadre -C "$t_dir/born" spawn --agent sh alice
is "$(cat "$t_dir/born/.git/cadre/target")" refs/heads/main "begins on the branch that has one meanwhile"
cadre -C "$t_dir/born" retire -q alice
cp -r "$repository" "$t_dir/detached" && rm -rf "$t_dir/detached/.git/cadre"
git -C "$t_dir/detached" checkout -q --detach
like "$(cadre -C "$t_dir/detached" init 2>&1 >/dev/null)" "*no target branch*" "detached, no target"
git clone -q --bare "$repository" "$t_dir/bare.git"
like "$(cadre -C "$t_dir/bare.git" init 2>&1 >/dev/null)" "*work lands on 'main'*" "bare"
git worktree add -q "$t_dir/linked" -b other
is "$(cadre -C "$t_dir/linked" init 2>/dev/null)" "$repository/.git/cadre" "one bus for all worktrees"
code 75 "outside of a repository" cadre -C / init

# Commands of .cadre.
git config -f .cadre cadre.gate 'echo $(touch x); true'
git config -f .cadre cadre.maxAgents 2
git add .cadre && git commit -qm settings
is "$(cadre path bus >/dev/null && cat .git/cadre/seen 2>/dev/null)" "" "not seen yet"
like "$(cadre init 2>&1 >/dev/null)" '*gate = echo $(touch x); true*' "shown as they are"
is "$(cat .git/cadre/seen)" 'gate = echo $(touch x); true' "and recorded"
[ ! -e x ]
ok "not run"
git config -f .cadre cadre.setup 'touch set-up' && git commit -qam "a setup"
cadre spawn bob --agent 'exec tail -f /dev/null' >/dev/null 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*cadre init*" "a setup that was not seen is told"
like "$(cadre ask list)" "commands*cadre init*" "and asked about"
[ ! -e "$(cadre path worktree bob)/set-up" ]
ok "and not run"
cadre init -q
is "$(cadre ask list)" "" "until it was shown"
cadre spawn -q eve --agent 'exec tail -f /dev/null'
[ -e "$(cadre path worktree eve)/set-up" ]
ok "then it is"
cadre retire -q --discard bob eve
git config -f .cadre --unset cadre.setup && git commit -qam "no setup" && cadre init -q
git config -f .cadre cadre.gate false && git commit -qam "another gate"
CADRE_AGENT=bob code 1 "an agent does not let them run" cadre init
is "$(cat .git/cadre/seen)" 'gate = echo $(touch x); true' "so the old ones stay"
cadre init -q && is "$(cat .git/cadre/seen)" 'gate = false' "a person does"
t_end
