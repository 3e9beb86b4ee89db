#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2088 # for git, and for eval
# Settings are kept on the bus under the stamps of all that git has read: verbs that programs call all the time start no
# git for them, and whatever says something new is heard at once.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
git config --unset user.name
cadre init -q
kept=$(cadre path bus)/configuration

# A claim tells a lease that is no time.
hears() { like "$(cadre claim --as a 2>&1)" "*cadre.lease is '$1'*" "$2"; }
deaf() { is "$(cadre claim --as a 2>&1)" "cadre claim: nothing ready" "$1"; }
alone() { # VERB...: starts no process
  strace -f -qq -e trace=execve -o "$t_dir/trace" cadre "$@" >/dev/null 2>&1 </dev/null
  [ "$(grep -c 'execve(.* = 0' "$t_dir/trace")" = 1 ]
}
is_kept() { alone claim --as a; }
kind() { # NAME FILE: of each kind, in place, as long as before
  printf '[cadre]\n\tlease = %s1\n' "$1" >"$2"
  hears "${1}1" "$1: a file that is new"
  wait_for 5 is_kept
  ok "$1: is kept"
  hears "${1}1" "$1: and so it counts"
  printf '[cadre]\n\tlease = %s2\n' "$1" >"$2"
  hears "${1}2" "$1: changed it counts at once"
  wait_for 5 is_kept
  rm "$2"
  deaf "$1: gone as well"
  wait_for 5 is_kept
}

wait_for 5 is_kept
ok "where nothing is set nothing is started"
export XDG_CONFIG_HOME="$HOME/xdg"
mkdir -p "$HOME/xdg/git"
kind user "$HOME/xdg/git/config"
unset XDG_CONFIG_HOME GIT_CONFIG_NOSYSTEM
export GIT_CONFIG_SYSTEM="$t_dir/system"
kind system "$t_dir/system"
export GIT_CONFIG_NOSYSTEM=1
unset GIT_CONFIG_SYSTEM
mkdir -p "$HOME/below"
git config --global include.path below/one
kind relative "$HOME/below/one"
git config --global include.path '~/below/two'
kind home "$HOME/below/two"
git config --global include.path "$t_dir/three"
printf '[include]\n\tpath = four\n' >"$t_dir/three"
kind nested "$t_dir/four"
git config --global --unset include.path
git config --global "includeIf.gitdir:$PWD/.path" "$t_dir/five"
kind conditional "$t_dir/five"
git config --global "includeIf.onbranch:side.path" "$t_dir/six"
printf '[cadre]\n\tlease = side\n' >"$t_dir/six"
deaf "of another branch"
wait_for 5 is_kept
git switch -qc side
hears side "of this branch"
wait_for 5 is_kept
git switch -q main
deaf "and of that other again"
git config extensions.worktreeConfig true
kind worktree .git/config.worktree
git config cadre.lease own1
hears own1 "the repository's own"
wait_for 5 is_kept
git config cadre.lease own2
hears own2 "changed"
wait_for 5 is_kept
git config --unset cadre.lease

# `.cadre` on the target.
brought() { # LEASE: commits it
  git config -f .cadre cadre.lease "$1"
  git add .cadre
  git -c user.name=Tester commit -qm "$1"
}
for n in 1 2; do
  brought target$n
  hears target$n "on the target, by commit $n"
  wait_for 5 is_kept
done
git pack-refs --all
hears target2 "packed"
wait_for 5 is_kept
git update-ref refs/heads/main HEAD~1
hears target1 "the target was moved"
wait_for 5 is_kept
git update-ref refs/heads/main 'HEAD@{1}'
hears target2 "and back"
git switch -qc other
git -c user.name=Tester commit -q --allow-empty -m other
wait_for 5 is_kept
ok "another branch is none of it"
git config cadre.target other
brought other1
hears other1 "another target"
wait_for 5 is_kept
git config --unset cadre.target
hears target2 "and the old again"
git branch -qm main trunk
hears target2 "the target was renamed"

# What is kept is no more than that.
wait_for 5 is_kept
echo nonsense >"$kept"
hears target2 "what is kept is damaged"
wait_for 5 is_kept
rm "$kept"
mkdir "$kept"
hears target2 "can't be kept"
rmdir "$kept"
brought 5m
git switch -q trunk
brought 5m

# The verbs that programs call.
git config cadre.rule 'a rule of the house'
git config cadre.wakeRate 7
echo 'exec sleep 1000' | t_program idler
cadre spawn -q bob --agent idler --no-worktree
CADRE_AGENT=bob CADRE_SESSION=$(sed -n 's/^Token: //p' "$(cadre path agent bob)/session")
export CADRE_AGENT CADRE_SESSION
for verb in claim heartbeat prime 'inbox next' 'hook PostToolUse' 'hook Stop' 'hook UserPromptSubmit'; do
  # shellcheck disable=SC2086 # words to be split
  wait_for 5 alone $verb
  ok "$verb starts nothing"
done
unset CADRE_AGENT CADRE_SESSION
code 0 "the bus is sound" cadre doctor
t_end
