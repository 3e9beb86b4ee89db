#!/usr/bin/env bash
# Work that lands on the target of a remote: pushed under a lease, followed by the local target; refused, not reached,
# moved meanwhile; and killed at its steps. CADRE_TEST_ALL=1 tries each step, else every fifth, of each command others.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
git=$(command -v git)
world="$t_dir/world"
t_agents=$world
mkdir "$world"

# The gate notes each tree that it passes.
cat >"$t_dir/gate" <<'END'
#!/bin/bash
tree=$(git write-tree)
[ -x "${0%/*}/during" ] && "${0%/*}/during"
test ! -e bad || exit 1
echo "$tree" >>"${0%/*}/passed"
END
chmod +x "$t_dir/gate"

bare="$world/origin.git"
$git init -q --bare "$bare"
for key in receive.denyNonFastForwards receive.denyDeletes core.logAllRefUpdates; do git -C "$bare" config $key true; done
t_repository world/repository >/dev/null
repo="$world/repository"
cd "$repo" || exit 1
cadre init -q
git config cadre.gate "$t_dir/gate"
git config cadre.mergeMode remote
agent bob
agent eve

run() { cadre merge run 2>/dev/null | cut -f1,2; }
person() { git -c user.name=Other "$@"; }
at() { git -C "$1" rev-parse --verify -q "${2-main}"; }
other() { # COMMAND...: somebody else's clone, and push
  rm -rf "$world/other"
  git clone -q "$bare" "$world/other"
  git -C "$world/other" config user.name Other
  (cd "$world/other" && bash -c "$1" && git add -A && git commit -qm "other: $1" && git push -q origin HEAD:main) >/dev/null 2>&1
}
# Each value of either target that did not pass the gate, but for those that others made or that were there.
values() {
  {
    git -C "$bare" log -g --format='%T %an' main
    git log -g --format='%T %an' main | head -n -1
  } | grep -v ' Other$' | cut -d' ' -f1 | sort -u | grep -vxFf "$t_dir/passed" -e "$first"
}
first=$(git rev-parse 'main^{tree}')
: >"$t_dir/passed"
due() { # ID: as if the time to try again had come
  sed -i "s/^Retry-At: .*/Retry-At: 1/" "$(cadre path bus)/merge/queue/$1"
}
why() { cadre merge list --json | jq -r "select(.id == $1).why"; }

# What stands in the way of the whole queue.
work bob one 1
one=$id
code 1 "without a remote nothing lands" cadre merge run
like "$(cat "$t_dir/err")" "*no remote 'origin' to push 'main' to*git remote add*" "which is said"
git remote add origin ../origin.git
code 1 "nor without its target" cadre merge run
like "$(cat "$t_dir/err")" "*'origin' has no branch 'main': push 'main' there first*" "which is said"
git push -q origin main
echo mine >mine
git add mine
person commit -qm mine
code 1 "nor where the local target has commits of its own" cadre merge run
like "$(cat "$t_dir/err")" "*'main' has 1 commit that 'origin/main' has not: push or drop it first*" "which is said"
like "$(cadre ask list)" "*merge*stands still*" "and asked"
is "$(at "$bare")" "$(at . main^)" "and it is not pushed"
git reset -q --hard HEAD^

# As it should go; by a path that is relative to the main worktree.
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$0" >>"%s/hooks"\n' "$t_dir" >.git/hooks/pre-push
chmod +x .git/hooks/pre-push
is "$(run)" "$one	landed" "it lands"
is "$(at "$bare")" "$(at .)" "on the remote's target and on ours"
is "$(cat one)$(git status --porcelain)" 1 "with the files that are checked out"
is "$(state "$one")" "done" "its task is done"
is "$(cadre ask list)" "" "nothing is asked any more"
[ ! -e "$t_dir/hooks" ]
ok "our pre-push hook is not run"
rm .git/hooks/pre-push
is "$(git for-each-ref --format='%(refname)' refs/cadre/remote)" refs/cadre/remote/origin/main "what was fetched is kept apart"
[ ! -e .git/FETCH_HEAD ]
ok "and FETCH_HEAD is the user's"
work bob two 1
two=$id
work eve three 1
three=$id
before=$(git -C "$bare" log -g --format=%H main | wc -l)
is "$(run)" "$two	landed
$three	landed" "a batch lands"
is "$(git -C "$bare" log -g --format=%H main | wc -l)" $((before + 1)) "in one push"

# Somebody else pushes.
other 'echo 1 >theirs'
work bob four 1
is "$(run)" "$id	landed" "work lands on what somebody else pushed"
is "$(at "$bare")" "$(at .)" "the local target follows"
is "$(git log -2 --format=%an main)" "Tester
Other" "over both"
is "$(values)" "" "the local target never held what no gate passed"
cat >"$t_dir/during" <<END
#!/bin/bash
rm "\$0"
cd "$world/other" && git pull -q && echo 2 >theirs && env -u GATE_OF git commit -qam 'other: during' && git push -q origin HEAD:main
END
chmod +x "$t_dir/during"
work bob five 1
is "$(run)" "$id	landed" "and on what is pushed while the gate runs"
is "$(cat theirs five)" "2
1" "with both"
is "$(git log -2 --format=%an main)" "Tester
Other" "one on the other"

# A conflict with what somebody else pushed is solved here.
begin bob conflict
write bob theirs bob
as bob cadre task done -q
other 'echo 3 >theirs'
is "$(run)" "$id	returned" "a conflict with the remote's target comes back"
is "$(git log -1 --format=%an main)" Other "the local target has followed, gated"
is "$(values)" "" "as everything that it held"
as bob cadre claim -q "$id"
code 1 "so merge update finds the conflict" as bob cadre merge update
echo both >"$t_agents/bob/theirs"
as bob git commit -qam solved
as bob cadre task done -q
is "$(run)" "$id	landed" "solved it lands"

# So it does where a change of the person's is in the way of following.
begin bob 'another conflict'
write bob theirs bob
as bob cadre task done -q
other 'echo 4 >theirs; echo 4 >one'
echo mine >one
code 1 "a change in the way of following is no" cadre merge run
like "$(why "$id")" "*landing would overwrite one*" "which is said"
git checkout -q one
is "$(run)" "$id	returned" "away it goes, and the conflict comes back"
cadre task cancel -q "$id"

# What somebody else pushed fails the gate.
other 'echo 1 >bad'
begin bob 'on red'
write bob theirs red
as bob cadre task done -q
work eve six 1
main=$(at .)
code 1 "on a red target nothing lands" cadre merge run
like "$(cadre merge list)" "*the gate fails on 'origin/main' itself*" "which is said"
like "$(cadre ask list)" "*target-red*" "and asked, once"
is "$(at .)" "$main" "the local target does not follow"
other 'git rm -q bad; echo 4 >fine'
cadre merge run >/dev/null 2>&1
is "$(state "$id")" "done" "green again it goes on"
is "$(cadre merge list)" "" "for all"
is "$(values)" "" "and no value was red"

# Already there.
begin bob 'by hand'
write bob hand 1
as bob cadre task done -q
tip=$(as bob git rev-parse HEAD)
git push -q origin "$tip:refs/heads/hand"
other 'git merge -q --no-edit origin/hand; echo 1 >merged'
is "$(run)" "$id	landed" "what somebody has merged there has landed"
git merge-base --is-ancestor "$tip" main
ok "the local target has it"

# Refused.
hook() { # of the remote
  cat >"$bare/hooks/$1"
  chmod +x "$bare/hooks/$1"
}
hook pre-receive <<END
#!/bin/sh
echo >>"$t_dir/pushes"
echo "only through the front door" >&2
exit 1
END
work bob seven 1
seven=$id
main=$(at .)
code 1 "a push that is refused is no" cadre merge run
is "$(why "$seven")" "'origin' does not take it: [remote rejected] (pre-receive hook declined): only through the front door" "in the words of git and of the hook"
is "$(at .) $(at "$bare")" "$main $main" "neither target has moved"
like "$(cadre ask list)" "*merge-$seven*front door*" "the person is asked"
code 1 "it is not tried again at once" cadre merge run
like "$(cat "$t_dir/err")" "*front door*tried again at 20*" "which is said"
is "$(wc -l <"$t_dir/pushes")" 1 "once it was tried"
wait=$(($(sed -n 's/^Retry-At: //p' "$(cadre path bus)/merge/queue/$seven") - $(date +%s)))
[ $wait -gt 40 ] && [ $wait -le 60 ]
ok "after a minute it will be"
due "$seven"
cadre merge run >/dev/null 2>&1
wait=$(($(sed -n 's/^Retry-At: //p' "$(cadre path bus)/merge/queue/$seven") - $(date +%s)))
[ $wait -gt 100 ] && [ $wait -le 120 ]
ok "then after two"
cadre merge retry -q "$seven"
cadre merge run >/dev/null 2>&1
is "$(wc -l <"$t_dir/pushes")" 3 "and at once where it is retried"
hook pre-receive <<END
#!/bin/sh
while read -r _ new _; do git cat-file -e "\$new:seven" 2>/dev/null && exit 1; done
exit 0
END
work eve eight 1
eight=$id
work bob nine 1
due "$seven"
is "$(run | sort)" "$(printf '%s\n' "$seven	waiting" "$eight	landed" "$id	landed" | sort)" "who is refused keeps nobody else"
rm "$bare/hooks/pre-receive"
due "$seven"
is "$(run)" "$seven	landed" "no more refused it lands"
is "$(cadre ask list)" "" "and nothing is asked"

# Not reached.
work bob ten 1
ten=$id
mv "$bare" "$bare.gone"
code 1 "a remote that can't be reached is no" cadre merge run
like "$(cat "$t_dir/err")" "*'origin' can't be reached: '../origin.git' does not appear to be a git repository" "which is said"
is "$(cadre merge list 2>/dev/null | cut -f1,2)" "$ten	queued" "the entries stay in the queue"
like "$(cadre merge list 2>&1 >/dev/null)" "*stands still: 'origin' can't be reached*" "merge list says it"
is "$(grep -c ^Retry-At "$(cadre path bus)/merge/stopped")" 1 "it is to be tried again"
mv "$bare.gone" "$bare"
is "$(run)" "$ten	landed" "back again it lands"
[ ! -e "$(cadre path bus)/merge/stopped" ]
ok "and is forgotten"
# It goes between the push and its answer.
hook post-receive <<END
#!/bin/sh
mv "$bare" "$bare.gone"
END
work bob eleven 1
main=$(at .)
code 1 "one that goes with the push is no" cadre merge run
is "$(cadre merge list | cut -f1,2)" "$id	landing" "whether it landed is not known"
is "$(at .)" "$main" "the local target has not moved"
code 75 "it can't be taken out" cadre merge cancel "$id"
code 1 "nor does another run know" cadre merge run
mv "$bare.gone" "$bare"
rm "$bare/hooks/post-receive"
is "$(run)" "$id	landed" "back again it had landed"
is "$(at .)" "$(at "$bare")" "the local target follows"
is "$(git log --format=%s main | sort | uniq -d)" "" "nothing landed twice"

# Changes of the person's.
echo mine >one
begin bob 'one more'
write bob one 2
as bob cadre task done -q
main=$(at .)
code 1 "uncommitted changes in the way are no" cadre merge run
is "$(at "$bare")" "$main" "before it is pushed"
git checkout -q one
hook post-receive <<END
#!/bin/sh
echo mine >"$repo/one"
END
code 1 "those that come with the push are no" cadre merge run
is "$(cadre merge list | cut -f1,2)" "$id	landing" "it is pushed"
like "$(why "$id")" "*landing would overwrite one*" "which is said"
is "$(cat one)" mine "nothing is overwritten"
rm "$bare/hooks/post-receive"
work eve twelve 1
code 1 "nor do others pass" cadre merge run
git checkout -q one
is "$(run | sort)" "$(printf '%s\n' "$((id - 1))	landed" "$id	landed" | sort)" "away they go, and it lands"
is "$(at .)" "$(at "$bare")" "on both"
hook post-receive <<END
#!/bin/sh
rm "$bare/hooks/post-receive"
env -u GIT_DIR git -C "$repo" -c user.name=Other commit -q --allow-empty -m mine
END
work bob thirteen 1
code 1 "nor where the person commits meanwhile" cadre merge run
like "$(why "$id")" "*'main' has 1 commit that 'origin/main' has not: push or drop it first" "which is said"
git reset -q --hard HEAD^
is "$(run)" "$id	landed" "dropped it lands"

# Elsewhere.
git -C "$bare" branch -q trunk main
git config branch.main.remote upstream
git config branch.main.merge refs/heads/trunk
git remote rename origin upstream 2>/dev/null
main=$(at "$bare")
work bob fourteen 1
is "$(run)" "$id	landed" "the branch that the target follows is where it lands"
is "$(at "$bare" trunk) $(at "$bare")" "$(at .) $main" "under its own name"
git config --unset cadre.mergeMode
work bob fifteen 1
cadre merge run -q
is "$(at "$bare" trunk)" "$(at . main^)" "without cadre.mergeMode nothing is pushed"
git push -q upstream main:trunk
work bob sixteen 1
is "$(cadre merge run --remote | cut -f1,2)" "$id	landed" "with --remote it is"
is "$(at "$bare" trunk)" "$(at .)" "for that run"
git config -f .cadre cadre.mergeMode remote
git add .cadre
person commit -qm .cadre
work bob seventeen 1
code 1 "a mode in .cadre" cadre merge run
like "$(cat "$t_dir/err")" "*commands that you have not seen*" "counts when the person has seen it"
cadre task cancel -q "$id"
git reset -q --hard HEAD^
is "$(values)" "" "no value of either target was not gated"
code 0 "doctor finds nothing" cadre doctor
t_end
