#!/usr/bin/env bash
# Repositories as people have them: in each kind an agent works, its work lands through a gate, it is paused, resumed and
# retired, and doctor finds nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world

# The target's commit has what a task wrote; where it is checked out the files have it too.
holds() { # PATH TEXT
  is "$(git show "$target:$1" 2>&1)" "$2" "$kind: it has landed"
  [ -z "${place-}" ] || is "$(cat "$place/$1" 2>&1)" "$2" "$kind: and is in the checkout"
}
# In the repository here, whose main worktree is $place (empty: it has none).
cycle() { # KIND [BODY [PATH]]: tasks that write PATH, and the one in between
  local path=${3-"work 1"}
  kind=$1 target=${target-main}
  cadre init -q || echo "# init: $?"
  git config cadre.gate "${gate-true}"
  cadre spawn -q a --agent sh 2>"$t_dir/err" || sed 's/^/# /' "$t_dir/err"
  # shellcheck disable=SC2016 # expanded, within double quotes
  cadre task add -q one "${2-printf '%s\\n' one >'$path'}"
  code 0 "$kind: a task is done" cadre task wait --timeout "${t_patience:-120}" 1
  [ "${2+x}" ] || holds "$path" one
  code 0 "$kind: pause" cadre pause -q a
  [ ! -e "$(cadre path worktree a)" ]
  ok "$kind: its worktree is gone"
  code 0 "$kind: resume" cadre resume -q a
  cadre task add -q two "echo two >two"
  code 0 "$kind: another task is done" cadre task wait --timeout "${t_patience:-120}" 2
  holds two two
  code 0 "$kind: retire" cadre retire -q a
  code 0 "$kind: doctor finds nothing" cadre doctor
  [ -z "${place-}" ] || is "$(git -C "$place" status --porcelain)" "" "$kind: the checkout is clean"
  is "$(git worktree list | grep -c '\.cadre/')" 0 "$kind: no worktree is left"
}
fresh() { # NAME: a repository with one commit, entered; the rest as for git init
  place="$t_dir/$1" target=main gate=true
  git init -q "${@:2}" "$place" && cd "$place" || exit 1
  echo first >file && git add -A && git commit -qm first
}

fresh plain
cycle plain

fresh sha256 --object-format=sha256
cycle SHA-256
is "$(git rev-parse main | tr -d '\n' | wc -c)" 64 "SHA-256: its ids are long"

fresh slash -b team/trunk
target=team/trunk
cycle "a branch with a slash"

fresh "it's a \"dir\"  with (#{x}) \$(touch x)" -b master
target=master
cycle "a path with quotes"

fresh $'new\nline'
cycle "a path with a newline"

# A bare repository, worked on in worktrees beside it.
git init -q "$t_dir/seed" && cd "$t_dir/seed" || exit 1
echo first >file && git add -A && git commit -qm first
mkdir "$t_dir/bare" && git clone -q --bare . "$t_dir/bare/.bare"
cd "$t_dir/bare" && echo 'gitdir: ./.bare' >.git && git worktree add -q "$t_dir/bare/trunk" main && cd trunk || exit 1
place=$PWD target=main gate=true
cycle "bare with worktrees"

fresh submodule
git init -q "$t_dir/inner" && (cd "$t_dir/inner" && echo in >in && git add -A && git commit -qm in)
git config --global protocol.file.allow always
git submodule -q add "$t_dir/inner" inner && git commit -qm submodule
cycle "a submodule"
git config --global --unset protocol.file.allow

fresh attributes
git config core.autocrlf input
printf '*.bat text eol=crlf\n*.raw -text\n*.ident ident\n' >.gitattributes
printf 'a\r\nb\r\n' >x.bat && printf '%s\n' "\$Id\$" >x.ident && printf 'a\r\n' >x.raw && git add -A && git commit -qm attributes
gate="printf 'a\\r\\nb\\r\\n' | cmp - x.bat && grep -q Id: x.ident && printf 'a\\r\\n' | cmp - x.raw"
cycle "line ends"

# Both add a line at the same place: the person after the work was begun.
fresh union
printf 'log merge=union\n' >.gitattributes && echo first >log && git add -A && git commit -qm log
cycle "merge=union" "echo theirs >>log; cd '$place' && echo ours >>log && git commit -qam ours"
is "$(sort log | xargs)" "first ours theirs" "merge=union: both lines are there"

# A filter of the user's own, without which nothing can be checked out.
printf '#!/bin/sh\ntr a-z n-za-m\n' >"$t_dir/bin/rot" && chmod +x "$t_dir/bin/rot"
for key in clean smudge; do git config --global filter.rot.$key rot; done
git config --global filter.rot.required true
fresh filter
printf '*.rot filter=rot\n' >.gitattributes && echo secret >s.rot && git add -A && git commit -qm filter
gate='grep -q secret s.rot'
cycle "a required filter" "echo more >>s.rot" s.rot
is "$(cat s.rot) $(git show main:s.rot | xargs)" "secret
more frperg zber" "a required filter: it ran both ways"

fresh signed
printf '#!/bin/sh\nexit 1\n' >"$t_dir/bin/unable" && chmod +x "$t_dir/bin/unable"
git config gpg.program "$t_dir/bin/unable" && git config user.signingKey x
cycle "a key that is not used"

ssh-keygen -q -t ed25519 -N '' -f "$t_dir/key"
fresh signs
git config gpg.format ssh && git config user.signingKey "$t_dir/key" && git config commit.gpgSign true
cycle "commits are signed"
is "$(git cat-file commit main | grep -c '^gpgsig ')" 1 "commits are signed: what landed too"

fresh sparse
mkdir in out && echo 1 >in/x && echo 1 >out/x && git add -A && git commit -qm more && git sparse-checkout set in
gate='test -e out/x'
cycle "a sparse checkout"
[ ! -e out ]
ok "a sparse checkout: it stays one"

fresh upstream
for n in 1 2 3; do echo $n >file && git commit -qam "$n"; done
git config uploadpack.allowFilter true
place="$t_dir/shallow" target=main gate=true
git clone -q --depth 1 "file://$t_dir/upstream" "$place" && cd "$place" || exit 1
cycle "a shallow clone"
place="$t_dir/partial"
git clone -q --filter=blob:none --no-checkout "file://$t_dir/upstream" "$place" && cd "$place" && git checkout -q main || exit 1
cycle "a partial clone"

fresh config
# shellcheck disable=SC2016 # the hook's
mkdir hooks && printf '#!/bin/sh\necho "${0##*/}" >>"%s"\n' "$t_dir/hooks" >hooks/pre-commit && chmod +x hooks/pre-commit
git add -A && git commit -qm hooks && git config core.hooksPath hooks && git config core.fsmonitor "$t_dir/bin/unable"
git config extensions.worktreeConfig true && git config --worktree core.untrackedCache true && git config core.ignoreCase true
git config core.splitIndex true && git config core.logAllRefUpdates always && git pack-refs --all && git gc -q
cycle "hooks, fsmonitor, worktree configuration, packed references"
is "$(sort -u "$t_dir/hooks")" pre-commit "hooks: the agent's commits ran the user's"

if command -v git-lfs >/dev/null; then
  git lfs install --skip-repo >/dev/null
  fresh lfs
  git lfs track '*.bin' >/dev/null && echo large >a.bin && git add -A && git commit -qm large
  gate='grep -q large a.bin'
  cycle "git-lfs" "echo large too >b.bin" b.bin
  like "$(git show main:b.bin)" "version https://git-lfs*" "git-lfs: what landed is a pointer"
  is "$(cat b.bin)" "large too" "git-lfs: the checkout has the file"
else echo "# git-lfs is not here"; fi

t_end
