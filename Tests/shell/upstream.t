#!/usr/bin/env bash
# Where others push too: work begins at what the remote holds, goes where git push would send it, and takes the files of
# git-lfs along.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
bus() { cadre path bus; }
at() { git -C "$1" rev-parse --verify -q "${2-main}"; }
other() { # FILE: somebody else's clone, and push
  rm -rf "$t_dir/other"
  git clone -q "$t_dir/origin.git" "$t_dir/other"
  (cd "$t_dir/other" && echo theirs >"$1" && git add -A && git -c user.name=Other commit -qm "other $1" && git push -q origin HEAD:main)
}
# As if the last fetch were long ago.
late() { sed -i 's/^Time: .*/Time: 1/' "$(bus)"/merge/fetched/*; }

cd "$(t_repository)" || exit 1
git init -q --bare "$t_dir/origin.git"
git remote add origin ../origin.git
git push -q origin main
git config cadre.gate true
git config cadre.mergeMode remote
cadre init -q

# Where a task begins.
other one
cadre spawn -q x --no-pull --agent 'exec sleep 1000'
cadre task add -q 'first'
cadre claim -q --as x 1
is "$(git rev-parse cadre/1-first)" "$(at "$t_dir/origin.git")" "a task begins at what others have pushed"
[ "$(git rev-parse main)" != "$(at "$t_dir/origin.git")" ]
ok "which the local target does not have"
is "$(cadre diff --name-only x)" "" "that is no change of the agent's"
other two
cadre task add -q 'second'
cadre claim -q --release --as x 1
cadre claim -q --as x 2
[ "$(git rev-parse cadre/2-second)" != "$(at "$t_dir/origin.git")" ]
ok "to claim fetches nothing"
cadre merge update -q --fetch --as x
[ "$(git rev-parse cadre/2-second)" != "$(at "$t_dir/origin.git")" ]
ok "nor what was fetched a moment ago"
late
cadre merge update -q --fetch --as x
is "$(git rev-parse cadre/2-second)" "$(at "$t_dir/origin.git")" "else it begins there"
code 1 "without work of its own it is not done" cadre task done --as x 2
cadre claim -q --release --as x 2
cadre retire -q x
cadre task cancel -q 1 2

# sh agents do so by themselves; so does --base.
other three
late
cadre spawn -q worker --agent sh
# shellcheck disable=SC2016 # the body's
cadre task add -q third 'ls >seen; true'
code 0 "a task of sh is done" cadre task wait --timeout 120 3
is "$(git show main:seen | xargs)" "file one seen three two" "it saw what others have pushed"
other four
late
cadre task add -q fourth 'ls >again; true'
code 0 "and another" cadre task wait --timeout 120 4
is "$(git show main:again | xargs)" "again file four one seen three two" "later too"
other five
git fetch -q origin 'refs/heads/main~0:refs/x' 2>/dev/null
git update-ref refs/remotes/origin/main main
late
is "$(cadre spawn --base origin/main y --no-pull --agent 'exec sleep 1000' | xargs)$(git -C "$(cadre path worktree y)" rev-parse HEAD)" "y$(at "$t_dir/origin.git")" "--base of a remote's branch is fetched too"
is "$(git rev-parse origin/main)" "$(git rev-parse main)" "nothing of the user's is moved"
cadre retire -q y

# Offline.
mv "$t_dir/origin.git" "$t_dir/gone.git"
late
cadre spawn z --no-pull --agent 'exec sleep 1000' 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*'origin' can't be reached, what it held last counts*" "that a remote can't be reached is said"
late
cadre spawn zz --no-pull --agent 'exec sleep 1000' 2>"$t_dir/err"
is "$(cat "$t_dir/err")" "" "once"
mv "$t_dir/gone.git" "$t_dir/origin.git"
cadre retire -q z zz worker

# Where git push sends it.
git init -q --bare "$t_dir/fork.git"
git remote add fork ../fork.git
git push -q fork main
cadre spawn -q p --no-pull --agent 'exec sleep 1000'
cadre task add -q pushed
cadre claim -q --as p 5
branch=cadre/5-pushed
echo 1 >"$(cadre path worktree p)/pushed"
git -C "$(cadre path worktree p)" add -A && git -C "$(cadre path worktree p)" commit -qm pushed
is "$(cadre push --json p | jq -r .remote) $(at "$t_dir/origin.git" "$branch")" "origin $(git rev-parse "$branch")" "push to a remote that is a relative path"
git config remote.pushDefault fork
is "$(cadre push --json p | jq -r .remote) $(at "$t_dir/fork.git" "$branch")" "fork $(git rev-parse "$branch")" "to remote.pushDefault"
git config "branch.$branch.pushRemote" origin
is "$(cadre push --json p | jq -r .remote)" origin "to branch.NAME.pushRemote"
# shellcheck disable=SC2016 # the hook's
printf '#!/bin/sh\necho "$1" >>"%s"\necho no, not yet >&2\nexit 1\n' "$t_dir/hooked" >.git/hooks/pre-push && chmod +x .git/hooks/pre-push
git -C "$(cadre path worktree p)" commit -q --allow-empty -m more
code 75 "the user's pre-push hook is asked" cadre push p
is "$(cat "$t_dir/hooked")" origin "with the remote"
git config branch.main.pushRemote fork
cadre init -q
cadre task done -q --as p 5
cadre merge run -q
is "$(state 5) $(at "$t_dir/fork.git")" "done $(git rev-parse main)" "the queue pushes to where git push would, without the hook"
git config cadre.pushHook true
rm "$t_dir/hooked"
cadre task add -q hooked
cadre claim -q --as p 6
echo 1 >"$(cadre path worktree p)/hooked"
git -C "$(cadre path worktree p)" add -A && git -C "$(cadre path worktree p)" commit -qm hooked
cadre task done -q --as p 6
cadre merge run -q 2>/dev/null
is "$(cat "$t_dir/hooked") $(state 6)" "fork review" "with cadre.pushHook it is asked"
rm .git/hooks/pre-push
cadre task cancel -q 6

# What an agent says of the remote, while it lives.
git config remote.fork.url "$t_dir/origin.git"
cadre task add -q evil
cadre claim -q --as p 7
echo 1 >"$(cadre path worktree p)/evil"
git -C "$(cadre path worktree p)" add -A && git -C "$(cadre path worktree p)" commit -qm evil
cadre task done -q --as p 7
cadre merge run -q 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*what you have not seen: run 'cadre init'*remote.fork.url*" "a remote that was changed while an agent lives stops the queue"
is "$(state 7)" review "nothing is pushed"
git config remote.fork.url ../fork.git
cadre merge run -q
is "$(state 7)" "done" "until it is as it was"
cadre retire -q p

if ! command -v git-lfs >/dev/null; then
  echo "# git-lfs is not here: what it is for is not tried"
  t_end
  exit
fi
git lfs install --skip-repo >/dev/null
rm -rf "$t_dir/origin.git" "$t_dir/other"
git init -q --bare "$t_dir/origin.git"
mkdir "$t_dir/large" && cd "$t_dir/large" && git init -q && git remote add origin ../origin.git || exit 1
echo '*.bin filter=lfs diff=lfs merge=lfs -text' >.gitattributes && git add -A && git commit -qm attributes
git push -q origin main
git config cadre.gate 'grep -q large a.bin'
git config cadre.mergeMode remote
cadre init -q
cadre spawn -q a --agent sh
cadre task add -q large 'echo large >a.bin'
code 0 "a file of git-lfs lands" cadre task wait --timeout 120 1
git clone -q "$t_dir/origin.git" "$t_dir/clone"
is "$(cat "$t_dir/clone/a.bin")" large "a clone has the file"
# shellcheck disable=SC2016 # the body's
cadre task add -q pushed 'echo huge >b.bin; git add -A; git commit -qm b; cadre push "$CADRE_AGENT"'
git -C "$t_dir/clone" config user.name Other
(cd "$t_dir/clone" && echo large of others >c.bin && git add -A && git commit -qm c && { for _ in 1 2 3 4 5; do git pull -q --rebase origin main && git push -q origin HEAD:main && break; done; }) 2>/dev/null
wait_for 120 git -C "$t_dir/origin.git" rev-parse -q --verify refs/heads/cadre/2-pushed
git -C "$t_dir/clone" fetch -q origin cadre/2-pushed
is "$(git -C "$t_dir/clone" checkout -q FETCH_HEAD && cat "$t_dir/clone/b.bin")" huge "what cadre push has sent has its files"

# A branch does not redirect it.
mkdir "$t_dir/thief.git" && git init -q --bare "$t_dir/thief.git"
cadre task add -q redirect 'printf "[lfs]\n\turl = file://%s\n" "'"$t_dir"'/thief.git" >.lfsconfig; echo stolen >d.bin'
held() { [ "$(cadre merge list --json | jq -r 'select(.id == 3) | .state')" = held ]; }
wait_for 120 held
ok "a change of .lfsconfig waits for a person"
cadre merge approve -q 3
unseen() { cadre merge list --json | jq -r 'select(.id == 4) | .why' | grep -q "'.lfsconfig' of 'main' names a server that you have not let be used"; }
code 0 "approved, it lands" cadre task wait --timeout 120 3
[ ! -e "$t_dir/thief.git/lfs" ]
ok "its own file goes to the remote still"
cadre task add -q next 'echo next >e.bin'
wait_for 120 unseen
ok "what comes next waits for the person to see where files go"
like "$(cadre ask list)" "*git*" "who is asked"
cadre init -q 2>/dev/null
code 0 "then it lands" cadre task wait --timeout 120 4
[ -e "$t_dir/thief.git/lfs" ]
ok "and its file is where the target says"
t_end
