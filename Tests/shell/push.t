#!/usr/bin/env bash
# The branch of an agent's task, pushed to the remote.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
err() { cat "$t_dir/err"; }
cadre spawn -q bob --agent 'exec sleep 1000' --no-pull
code 1 "who holds no task has no branch" cadre push bob
like "$(err)" "*'bob' is on no branch: there is nothing to push" "which says so"
code 1 "nor has who is not there" cadre push eve
cadre task add -q 'new words' 'and what
they are for'
cadre claim -q --as bob 1
branch=cadre/1-new-words
echo new >"$(cadre path worktree bob)/new"
git -C "$(cadre path worktree bob)" add new && git -C "$(cadre path worktree bob)" commit -qm new
code 75 "there is no remote" cadre push bob
like "$(err)" "cadre push: unable to push '$branch' to 'origin': 'origin' does not appear to be a git repository" "the error is told, not the advice behind it"

git init -q --bare "$t_dir/origin" && git remote add origin "$t_dir/origin"
is "$(cadre push bob)" "bob	$branch" "pushed"
is "$(git -C "$t_dir/origin" rev-parse "$branch")" "$(git rev-parse "$branch")" "what it has committed is there"
code 0 "again" cadre push bob
git init -q --bare "$t_dir/fork" && git remote add fork "$t_dir/fork"
is "$(cadre push --remote fork --json bob)" "{\"name\":\"bob\",\"branch\":\"$branch\",\"remote\":\"fork\"}" "to another remote"
printf '#!/bin/sh\necho not today >&2\nexit 1\n' >"$t_dir/origin/hooks/pre-receive" && chmod +x "$t_dir/origin/hooks/pre-receive"
git -C "$(cadre path worktree bob)" commit -q --allow-empty -m more
code 75 "refused" cadre push bob
like "$(err)" "*to 'origin': *hook declined?: not today" "with what the other side said"
rm "$t_dir/origin/hooks/pre-receive"
git -C "$t_dir/origin" update-ref "refs/heads/$branch" "$(git commit-tree -m other "HEAD^{tree}" | { read -r c && git push -q origin "$c:refs/heads/x" && echo "$c"; })"
code 75 "over what others pushed it pushes nothing" cadre push bob

# gh(1) opens the pull request; here it only says what it was called with.
code 75 "without gh" env PATH="$t_dir/bin:$(dirname "$(command -v git)")" cadre push --remote fork --pr bob
like "$(err)" "*pushed; no pull request: no gh here" "the push has been made"
t_program gh <<'PROGRAM'
printf '%s\n' "$@" >"$t_dir/called" && cat >"$t_dir/body"
PROGRAM
code 0 "with it" cadre push -q --remote fork --pr bob
is "$(paste -sd ' ' "$t_dir/called")" "pr create --head $branch --base main --title new words --body-file -" "it is asked for a request to the target, with the task's title"
is "$(cat "$t_dir/body")" "and what
they are for" "and its body"
t_end
