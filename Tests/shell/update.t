#!/usr/bin/env bash
# merge update brings the target into a branch, by merge or by rebase: with the user's hooks, past what is in its way,
# through a conflict, and where a part of the branch has landed as one commit.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
export GIT_EDITOR=:
repo=$(t_repository)
cd "$repo" || exit 1
cadre init -q
git config cadre.gate true
agent bob
agent eve

target() { # FILE TEXT: the target moves
  echo "$2" >"$1"
  git add -A
  git commit -qm "target: $1"
}
update() { as bob cadre merge update $option; }
bob() { as bob git "$@"; }
is_onto() {
  bob merge-base --is-ancestor main HEAD
  ok "$how: $1"
}
lands() {
  as bob cadre task done -q
  is "$(cadre merge run | cut -f1,2)" "$id	landed" "$how: $1"
}

for how in merge rebase; do
  option=
  go='git commit'
  [ $how = merge ] || option=--rebase go='git rebase --continue'

  begin bob "plain $how"
  is "$(update 2>&1)" "already up to date with 'main'" "$how: nothing to do"
  target there 1
  code 0 "$how: a branch without work is moved" update
  is "$(bob rev-parse HEAD)" "$(git rev-parse main)" "$how: to the target"
  target there 2
  write bob here "$how"
  echo untracked >"$t_dir/bob/untracked"
  # shellcheck disable=SC2016
  for hook in pre-rebase post-merge post-rewrite; do
    printf '#!/bin/sh\necho ${0##*/} >>"%s/hooks"\n' "$t_dir" >.git/hooks/$hook
    chmod +x .git/hooks/$hook
  done
  is "$(update)" "$(bob rev-parse HEAD)" "$how: prints the new tip; an untracked file is not in the way"
  is_onto "the target is in it"
  is "$(cd "$t_dir/bob" && cat there here untracked)" $'2\n'"$how"$'\nuntracked' "$how: and all files are there"
  is "$(bob rev-list --merges --count main..HEAD)" "$([ "$option" ] && echo 0 || echo 1)" "$how: as it was asked for"
  is "$(cat "$t_dir/hooks")" "$([ "$option" ] && printf 'pre-rebase\npost-rewrite' || echo post-merge)" "$how: with the user's hooks"
  rm -f .git/hooks/* "$t_dir/hooks"

  target there 3
  tip=$(bob rev-parse HEAD)
  echo dirty >"$t_dir/bob/here"
  code 1 "$how: uncommitted changes are in the way" update
  is "$(cat "$t_dir/err")" "cadre merge: uncommitted changes: here: commit them first" "$how: which is said"
  is "$(bob rev-parse HEAD) $(cat "$t_dir/bob/here")" "$tip dirty" "$how: and nothing has changed"
  bob checkout -q -- .
  target "a file $how" "$how"
  echo mine >"$t_dir/bob/a file $how"
  code 1 "$how: an untracked file that it would overwrite is" update
  is "$(cat "$t_dir/err")" "cadre merge: untracked files are in the way: a file $how: move or remove them first" "$how: which is said"
  is "$(bob rev-parse HEAD) $(cat "$t_dir/bob/a file $how") $(bob symbolic-ref HEAD)" "$tip mine refs/heads/$(branch "$id")" "$how: and nothing has changed"
  rm "$t_dir/bob/a file $how" "$t_dir/bob/untracked"

  # Hooks that refuse.
  hook=$([ "$option" ] && echo pre-rebase || echo pre-merge-commit)
  printf '#!/bin/sh\necho not today >&2\nexit 1\n' >.git/hooks/"$hook"
  chmod +x .git/hooks/"$hook"
  code 1 "$how: a hook that refuses is no" update
  is "$(bob rev-parse HEAD)" "$tip" "$how: the branch has not moved"
  rm .git/hooks/"$hook"
  if [ "$option" ]; then
    like "$(cat "$t_dir/err")" "*unable to bring 'main' in: *pre-rebase hook refused*" "$how: and says so"
    update >/dev/null
  else
    like "$(cat "$t_dir/err")" "*unable to bring 'main' in: not today; 'git commit' goes on*" "$how: and says so"
    bob commit -q --no-edit
  fi
  is_onto "without it the target is in"
  lands "the branch lands"

  # A part that can't be replayed, over a file of nobody's: all or nothing.
  begin bob "own file $how"
  write bob own 1
  bob rm -q own
  bob commit -qm 'own no more'
  target there "once more, $how"
  echo mine >"$t_dir/bob/own"
  tip=$(bob rev-parse HEAD)
  if [ "$option" ]; then
    code 1 "$how: a file in the way of an own commit" update
    is "$(bob rev-parse HEAD) $(bob symbolic-ref HEAD)" "$tip refs/heads/$(branch "$id")" "$how: goes back to where it began"
  fi
  is "$(cat "$t_dir/bob/own")" mine "$how: the file is untouched"
  rm "$t_dir/bob/own"
  as bob cadre claim -q --release "$id"
  cadre task cancel -q "$id"

  # A conflict, twice for a rebase.
  begin bob "conflict $how"
  write bob file "bob $how"
  write bob second "bob $how"
  target file "person $how"
  target second "person $how"
  for _ in 1 2; do
    code 1 "$how: a conflict is no" update
    is "$(sort "$t_dir/out")" "$([ "$option" ] && echo file || printf 'file\nsecond')" "$how: with the paths that are open"
    like "$(cat "$t_dir/err")" "*conflict in * file*git add*'$go'" "$how: and how to go on"
  done
  echo "both $how" >"$t_dir/bob/file"
  bob add file
  if [ "$option" ]; then
    code 1 "$how: solved but not finished is no" update
    like "$(cat "$t_dir/err")" "*no conflict is open*'$go'" "$how: and says what is left"
    bob rebase --continue >/dev/null 2>&1
  fi
  code 1 "$how: what is still open is no" update
  is "$(cat "$t_dir/out")" second "$how: and told"
  echo "both $how" >"$t_dir/bob/second"
  bob add second
  code 1 "$how: solved but not finished is no" update
  like "$(cat "$t_dir/err")" "*no conflict is open*'$go'" "$how: and says what is left"
  if [ "$option" ]; then bob rebase --continue >/dev/null 2>&1; else bob commit -q --no-edit; fi
  is "$(update 2>&1)" "already up to date with 'main'" "$how: finished it is up to date"
  lands "it lands"
  is "$(cat file second)" "both $how
both $how" "$how: as it was solved"

  # A part has landed as one commit, with others' work; the branch goes on in the same lines.
  seq 20 >numbers
  target numbers "$(seq 20)"
  begin eve "numbers of eve's"
  sed -i 's/^18$/eighteen/' "$t_dir/eve/numbers"
  as eve git commit -qam eve
  as eve cadre task done -q
  begin bob "in parts, $how"
  sed -i 's/^5$/five/' "$t_dir/bob/numbers"
  bob commit -qam one
  as bob cadre task done -q
  cadre merge run -q
  is "$(state "$id")" "done" "$how: a part lands"
  cadre task reopen -q "$id"
  as bob cadre claim -q "$id"
  part=$(bob rev-parse HEAD)
  is "$part" "$(git rev-parse "$(branch "$id")")" "$how: the branch stands where it landed"
  sed -i 's/^five$/FIVE/; s/^6$/SIX/' "$t_dir/bob/numbers"
  bob commit -qam two
  sed -i 's/^12$/twelve/' numbers
  git commit -qam 'target: twelve'
  code 0 "$how: what has landed is not in the way" update
  is_onto "the target is in it"
  is "$(tr '\n' ' ' <"$t_dir/bob/numbers")" "1 2 3 4 FIVE SIX 7 8 9 10 11 twelve 13 14 15 16 17 eighteen 19 20 " "$how: and everybody's work"
  is "$(bob diff --numstat main HEAD)" "2	2	numbers" "$how: only what is new is left to land"
  [ "$option" ] && is "$(bob rev-list --count main..HEAD)" 1 "$how: as one commit"
  write bob third "$how"
  target there "and again $how"
  code 0 "$how: brought up once more" update
  lands "it lands"
  is "$(git show --format= --name-only | tr '\n' ' ')" "numbers third " "$how: just that"
  is "$(update 2>&1 | tail -1 | cut -c-40)" "$(bob rev-parse HEAD)" "$how: landed wholly, the branch goes to the target"
  is "$(bob diff main)" "" "$how: with nothing of its own"

  # A conflict after a part has landed.
  target numbers "$(seq 20)"
  begin bob "in parts with a conflict, $how"
  sed -i 's/^5$/five/' "$t_dir/bob/numbers"
  bob commit -qam one
  as bob cadre task done -q
  cadre merge run -q
  cadre task reopen -q "$id"
  as bob cadre claim -q "$id"
  sed -i 's/^9$/nine/' "$t_dir/bob/numbers"
  bob commit -qam two
  sed -i 's/^9$/IX/' numbers
  git commit -qam 'target: IX'
  code 1 "$how: a conflict with what is new is no" update
  is "$(sed -n '/^<<<<<<</,/^>>>>>>>/p' "$t_dir/bob/numbers" | grep -E '^[a-zA-Z]' | sort)" $'IX\nnine' "$how: in just those lines"
  sed -i '/^<<<<<<</d; /^=======/,/^>>>>>>>/d; s/^nine$/both/; s/^IX$/both/' "$t_dir/bob/numbers"
  bob add numbers
  if [ "$option" ]; then bob rebase --continue >/dev/null 2>&1; else bob commit -q --no-edit; fi
  is "$(update 2>&1)" "already up to date with 'main'" "$how: solved it is up to date"
  lands "it lands"
  is "$(grep -E '[a-z]' numbers | tr '\n' ' ')" "five both " "$how: as it was solved"
  as bob git checkout -q --detach main
done

# A branch of the person's own goes on after it has landed.
git checkout -q -b topic
target topic 'one'
cadre merge submit -q topic 2>/dev/null
git checkout -q main
cadre merge run -q
git checkout -q topic
target topic 'two'
id=$(cadre merge submit topic 2>/dev/null)
git checkout -q main
is "$(cadre merge run | cut -f1,2)" "$id	landed" "a person's branch lands once more"
is "$(cat topic)" two "with what is new"

# Where it can't be.
code 1 "the target itself is no" cadre merge update
git checkout -q --detach
code 1 "no branch is no" cadre merge update
git checkout -q main
code 0 "doctor finds nothing" cadre doctor
t_end
