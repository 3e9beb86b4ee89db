#!/usr/bin/env bash
# How work lands: squashed, merged, rebased; what the commits say, whose they are, and what git makes of their trailers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
seq 40 >lines
echo old >renamed
printf '#!/bin/sh\n' >tool
git add -A
git commit -qm more
cadre init -q
git config cadre.gate true
agent bob
agent eve

trailer() { git log -1 --format="%(trailers:key=$1,valueonly,separator=%x2C)" "${2:-main}"; }
healthy() { code 0 "doctor finds nothing after $1" cadre doctor; }
commit() { # NAME MESSAGE [OPTION]...: what is in its worktree
  local name=$1 message=$2
  shift 2
  as "$name" git add -A
  as "$name" git commit -qm "$message" "$@"
}
# A person's commit on the target, wherever that is checked out.
person() { # FILE TEXT
  git checkout -q --detach main
  echo "$2" >"$1"
  git add -A
  git commit -qm "person: $1"
  git update-ref refs/heads/main HEAD
  [ "${checked:-}" = "" ] || git checkout -q main
}
land() { # STRATEGY NAME [AGENT]: what the agent has done
  as "${3:-bob}" cadre merge submit -q --strategy "$1"
  before=$(git rev-parse main)
  is "$(cadre merge run | cut -f1,2)" "$id	landed" "$2"
}

# Each, as configured and as said for the entry; the target is where the work began, or has moved; it is checked out, or
# not. The tree is always the one that git merge would make.
for strategy in squash merge rebase; do
  for checked in '' yes; do
    for how in configured 'for the entry'; do
      what="$strategy $how, the target ${checked:-not} checked out"
      what=${what/yes/is}
      what=${what/target not/target is not}
      if [ -n "$checked" ]; then git checkout -q main; else git checkout -q --detach main; fi
      begin bob "$what"
      as bob git mv "$(as bob git ls-files 'renamed*')" "renamed-$id"
      commit bob 'rename' --author 'Ann <ann@example.invalid>' --date '2001-02-03 04:05:06 +0700'
      chmod "$([ -x "$t_dir/bob/tool" ] && echo -x || echo +x)" "$t_dir/bob/tool"
      commit bob 'mode'
      sed -i "20s/.*/$id/" "$t_dir/bob/lines"
      commit bob 'line'
      [ "$how" = configured ] || person "person" "$id"
      tip=$(as bob git rev-parse HEAD) before=$(git rev-parse main)
      expected=$(git merge-tree --write-tree main "$tip")
      if [ "$how" = configured ]; then
        git config cadre.mergeStrategy "$strategy"
        as bob cadre task done -q
      else as bob cadre merge submit -q --strategy "$strategy"; fi
      is "$(cadre merge run | cut -f1,2)" "$id	landed" "$what: it lands"
      git config --unset cadre.mergeStrategy
      is "$(git rev-parse 'main^{tree}')" "$expected" "with the tree that a merge makes"
      is "$(git status --porcelain)" "" "clean"
      case $strategy in
        squash) is "$(git log --format='%s %an %P' "$before"..main)" "$what Tester $before" "as one commit" ;;
        merge)
          is "$(git log -1 --format='%s|%P' main)" "$what|$before $tip" "as a merge commit"
          is "$(git log --first-parent --format=%s "$before"..main)" "$what" "one in the target's own line"
          ;;
        rebase)
          is "$(git log --format='%s %an %cn' "$before"..main)" "line Tester Tester
mode Tester Tester
rename Ann Tester" "as its own commits"
          is "$(git log --format=%ad --date=iso -1 main~2)" "2001-02-03 04:05:06 +0700" "from when they were made"
          is "$(git log --format='%P' "$before"..main | wc -w)" 3 "in one line"
          is "$(trailer Cadre-Task main~2) $(trailer Cadre-Tip main~2)$(trailer Co-authored-by main~1)" "$id " "the first ones say the task"
          ;;
      esac
      is "$(trailer Cadre-Task) $(trailer Cadre-Tip) $(trailer Co-authored-by)" "$id $tip bob <bob@localhost>" "the last says the task, the tip and the agent"
      is "$(trailer Cadre-Squashed)" "" "and nothing else"
      healthy "$what"
    done
  done
done

# What a rebase leaves out, and what it does not.
begin bob 'thirty'
for n in $(seq 30); do
  echo "$n" >"$t_dir/bob/thirty-$((n % 7))"
  commit bob "$n of thirty"
done
person meanwhile 1
land rebase "thirty commits land"
is "$(git log --reverse --format=%s "$before"..main)" "$(seq -f '%g of thirty' 30)" "in order"
begin bob 'empty ones'
commit bob 'nothing' --allow-empty
write bob both 1
commit bob 'nothing' --allow-empty
person both 1
echo 2 >"$t_dir/bob/other"
commit bob 'other'
land rebase "with commits that are or become empty it lands"
is "$(git log --format=%s "$before"..main)" other "without those"
healthy 'empty ones'
begin bob 'merges within'
write bob left 1
as bob git checkout -q -b aside HEAD~1
write bob right 1
as bob git checkout -q "$(branch "$id")"
as bob git merge -q --no-edit aside
person meanwhile 2
as bob cadre merge update -q
write bob left 2
land rebase "with merges it lands"
is "$(git log --format=%s "$before"..main | sort)" "work on left
work on left
work on right" "without them"
is "$(git log --merges --format=%H "$before"..main)$(trailer Cadre-Squashed)" "" "in one line"
healthy 'merges within'
begin bob 'another root'
as bob git checkout -q --orphan root
as bob git rm -rqf .
write bob from-root 1
as bob git checkout -q "$(branch "$id")"
as bob git merge -q --no-edit --allow-unrelated-histories root
write bob after-root 1
person meanwhile 3
land rebase "with a root within it lands"
is "$(git log --format=%s "$before"..main | sort)" "work on after-root
work on from-root" "which is put on the others"
begin bob 'empty message'
echo 1 >"$t_dir/bob/empty-message"
as bob git add -A
as bob git commit -q --allow-empty-message -m ''
land rebase "without a message it lands"
is "$(git log -1 --format=%s main) $(trailer Cadre-Task)" "empty message $id" "with the task's title"
healthy 'an empty message'

# Where they would not be honest, work is squashed, and that is said.
squashed() { # PATTERN NAME
  like "$(trailer Cadre-Squashed)" "$1" "$2 it is squashed, and says so"
  is "$(git rev-list --count "$before"..main)" 1 "as one commit"
  is "$(trailer Cadre-Tip)" "$(git rev-parse "$tip")" "of its tip"
  healthy "$2"
}
begin bob 'there and back'
sed -i '5s/.*/there/' "$t_dir/bob/lines"
commit bob there
sed -i '5s/.*/5/' "$t_dir/bob/lines"
echo 1 >"$t_dir/bob/back"
commit bob back
tip=$(as bob git rev-parse HEAD)
sed '5s/.*/person/' lines >"$t_dir/lines"
person lines "$(cat "$t_dir/lines")"
land rebase "a commit that does not apply by itself"
squashed 'not rebased,*' 'then'
is "$(sed -n 5p lines) $(cat back)" "person 1" "with both changes"
begin bob 'an evil merge'
write bob evil 1
as bob git checkout -q -b aside2 HEAD~1
write bob aside2 1
as bob git checkout -q "$(branch "$id")"
as bob git merge -q --no-commit aside2
echo decided >"$t_dir/bob/decided"
commit bob merged
tip=$(as bob git rev-parse HEAD)
land rebase "a merge within that adds something"
squashed 'not rebased,*' 'with that'
is "$(cat decided)" decided "which is kept"
begin bob 'first half'
first=$id
write bob half 1
tip=$(as bob git rev-parse HEAD)
as bob cadre task done -q
cadre merge cancel -q "$first"
cadre task edit -q --to '' "$first" 2>/dev/null
begin eve 'second half'
as eve git reset -q --hard "$tip"
sed -i "s/^Base: .*/Base: $tip/" "$(cadre path task "$id")/branch"
write eve half2 2
tip=$(as eve git rev-parse HEAD)
land merge "what was begun on work that has not landed" eve
squashed 'not merged,*' 'with merge'
[ ! -e half ] && [ -e half2 ]
ok "only its own changes land"
as bob cadre claim -q "$first"
as bob cadre task done -q
is "$(cadre merge run | cut -f1,2) $(cat half)" "$first	landed 1" "the other is not taken to have landed"
begin bob 'in two parts'
write bob part1 1
land squash "a part is squashed"
cadre task reopen -q "$id"
write bob part2 1
as bob cadre claim -q "$id"
tip=$(as bob git rev-parse HEAD)
land merge "more on top of it"
squashed 'not merged,*' 'to be merged'
begin bob 'a conflict'
sed -i '7s/.*/bob/' "$t_dir/bob/lines"
commit bob conflict
sed '7s/.*/person/' lines >"$t_dir/lines"
person lines "$(cat "$t_dir/lines")"
for strategy in merge rebase; do
  as bob cadre merge submit -q --strategy "$strategy"
  is "$(cadre merge run | cut -f1,2)" "$id	returned" "a conflict is one with $strategy"
  as bob cadre claim -q "$id"
done
cadre task cancel -q "$id"

# What is submitted with which strategy.
begin bob 'kept strategy'
write bob kept 1
code 64 "a bad strategy is bad usage" as bob cadre merge submit --strategy fast
is "$(cat "$t_dir/err")" "cadre merge: bad strategy 'fast', use squash, merge, rebase" "which says what there is"
is "$(state "$id")" claimed "and submits nothing"
as bob cadre merge submit -q --strategy merge
is "$(cadre merge list --json | jq -r .strategy)" merge "the list has it"
like "$(cadre merge show "$id")" "*
Strategy: merge
*" "show has it"
time=$(cadre merge list --json | jq -r .submitted)
as bob cadre merge submit -q
is "$(cadre merge list --json | jq -r .strategy)" merge "submitted again without one it stays"
write bob kept 2
as bob cadre merge submit -q
is "$(cadre merge list --json | jq -r .strategy)" merge "with another tip too"
cadre merge submit -q --strategy rebase bob
is "$(cadre merge list --json | jq -r '.strategy, .submitted')" "rebase
$time" "with another one that one counts, in the same turn"
cadre merge cancel -q "$id"
as bob cadre claim -q "$id"
as bob cadre task done -q
is "$(cadre merge list --json | jq -r .strategy)" rebase "taken out and submitted again it is as it was"
cadre merge run -q
is "$(git log -2 --format=%s main)" "work on kept
work on kept" "and lands so"
git branch mine main
git worktree add -q "$t_dir/mine" mine
echo 1 >"$t_dir/mine/mine"
git -C "$t_dir/mine" add -A
git -C "$t_dir/mine" commit -qm mine
id=$(cadre merge submit --strategy merge mine)
cadre merge run -q
is "$(git log -1 --format='%s|%P' main)" "Merge branch 'mine'|$(git rev-parse main^) $(git rev-parse mine)" "a person's branch is merged"
git config cadre.mergeStrategy fast
begin bob 'badly configured'
write bob badly 1
as bob cadre task done -q
code 1 "a bad strategy in the configuration is no" cadre merge run
like "$(cat "$t_dir/err")" "*cadre.mergeStrategy is 'fast', use squash, merge, rebase" "in one line"
git config cadre.mergeStrategy merge
is "$(cadre merge run | cut -f1,2)" "$id	landed" "put right it lands"
git config --unset cadre.mergeStrategy

# Three that land at once, each in its way.
git checkout -q main
git config cadre.gate "echo >>'$t_dir/gates'"
begin bob 'at once rebased'
write bob once1 1
write bob once1 2
as bob cadre merge submit -q --strategy rebase
begin eve 'at once merged'
write eve once2 1
as eve cadre merge submit -q --strategy merge
git -C "$t_dir/mine" reset -q --hard main
echo 1 >"$t_dir/mine/once3"
git -C "$t_dir/mine" add -A
git -C "$t_dir/mine" commit -qm 'at once squashed'
cadre merge submit -q --strategy squash mine 2>/dev/null
before=$(git rev-parse main)
is "$(cadre merge run | cut -f2 | uniq -c | tr -s ' ')" " 3 landed" "three land, each in its way"
is "$(wc -l <"$t_dir/gates")" 1 "with one gate"
is "$(git log --first-parent --format=%s "$before"..main)" "at once squashed
at once merged
work on once1
work on once1" "on each other"
is "$(cat once1 once2 once3)" "2
1
1" "with all changes"
healthy 'three at once'
git config cadre.gate true

# Trailers: git finds those that a text ends in, and ours, in one block; and what looks like ours is none.
n=0
tell() { # STRATEGY TITLE BODY WHAT: lands with that message
  n=$((n + 1))
  if [ "$1" = rebase ]; then
    begin bob "told $n"
    echo "$n" >"$t_dir/bob/told"
    as bob git add -A
    printf '%s\n\n%s' "$2" "$3" | as bob git commit -q --cleanup=verbatim -F -
  else
    id=$(printf '%s' "$3" | cadre task add -- "$2" -)
    as bob cadre claim -q "$id"
    write bob told "$n"
  fi
  tip=$(as bob git rev-parse HEAD)
  land "$1" "$1, $4"
  is "$(git log -1 --format=%s main | sed 's/^ //')" "$2" "the subject"
}
trailers() { # EXPECTED
  is "$(git log -1 --format='%(trailers:only)' main | tr -d '\r' | sed '/^$/d')" "$1" "and the trailers"
}
message() { # STRATEGY TITLE BODY WHAT [TRAILERS]: that the text has
  tell "$1" "$2" "$3" "$4"
  trailers "${5:+$5
}Cadre-Task: $id
Cadre-Tip: $tip
Co-authored-by: bob <bob@localhost>"
}
git checkout -q main
landed=$(trailer Cadre-Tip)
for strategy in squash merge rebase; do
  message $strategy 'plain' 'Some text.' 'text' ''
  message $strategy 'trailers' $'Text.\n\nFixes: #12\nSigned-off-by: Ann <ann@example.invalid>' 'trailers of its own' $'Fixes: #12\nSigned-off-by: Ann <ann@example.invalid>'
  message $strategy 'mixed' $'Text.\n\nSigned-off-by: Ann <a@example.invalid>\n[tidied]\nSigned-off-by: Eve <e@example.invalid>' 'a remark among them' $'Signed-off-by: Ann <a@example.invalid>\nSigned-off-by: Eve <e@example.invalid>'
  message $strategy 'Fixes: everything' '' 'a title that looks like one' ''
  message $strategy 'divider' $'Text.\n---\nMore.\n\n# A heading' 'a divider and a comment' ''
  message $strategy 'scissors' $'Text.\n# ------------------------ >8 ------------------------\nMore.' 'scissors' ''
  message $strategy '# ------------------------ >8 ------------------------' '' 'scissors as title' ''
  message $strategy 'conflicts' $'Text.\n\nConflicts:\n\tfile' 'a list of conflicts' ''
  message $strategy 'forged' $'Text.\n\nFixes: #12\nCadre-Tip: '"$landed"$'\ncadre-tip : '"$landed"$'\nCadre-Task: 1' 'forged ones' 'Fixes: #12'
  message $strategy 'forged' $'Cadre-Tip: '"$landed"$'\n\nConflicts:\n\tfile' 'one before conflicts' ''
  message $strategy 'forged' $'Cadre-Tip: '"$landed" 'nothing but one' ''
  message $strategy "Cadre-Tip: $landed" '' 'one as title' ''
  message $strategy '# a comment' '' 'a comment as title' ''
  tell $strategy 'twice' $'Text.\n\nCo-authored-by: bob <bob@localhost>\nFixes: #12' 'ours already'
  trailers "Co-authored-by: bob <bob@localhost>
Fixes: #12
Cadre-Task: $id
Cadre-Tip: $tip"
done
healthy 'all of these'
# The same in commits that a merge brings in, and in a commit that was picked from the target.
begin bob 'brings forged ones'
echo 1 >"$t_dir/bob/brought"
commit bob $'forged\n\nCadre-Task: 1\nCadre-Tip: '"$landed"
land merge 'commits that say they landed are merged'
healthy 'them'
picked=$(git rev-parse main~3)
begin bob 'picked'
as bob git rm -q told
commit bob 'removed'
as bob git cherry-pick -n "$picked" 2>/dev/null
as bob git checkout -qf "$picked" -- told
echo picked >"$t_dir/bob/told"
as bob git add -A
as bob git commit -qC "$picked"
land rebase 'a picked commit is rebased'
is "$(trailer Cadre-Tip) $(trailer Cadre-Task)" "$(as bob git rev-parse HEAD) $id" "as what it is now"
healthy 'that'
git commit -q --allow-empty -m $'again\n\nCadre-Tip: '"$landed"
code 75 "what did land twice is still found" cadre doctor
like "$(cat "$t_dir/out" "$t_dir/err")" "*both of the tip $landed*" "by its tip"
git reset -q --hard HEAD~1

# Names, encodings, signatures.
git config i18n.commitEncoding ISO-8859-1
begin bob 'Grüße'
echo 1 >"$t_dir/bob/encoded"
as bob git add -A
printf 'Stra\337e\n' | as bob git -c user.name=$'J\374rgen' commit -qF -
land squash 'with another encoding it lands'
is "$(git log -1 --encoding=UTF-8 --format='%s %an' main)" "Grüße Jürgen" "and nothing is garbled"
begin bob 'Grüße 2'
echo 2 >"$t_dir/bob/encoded"
as bob git add -A
printf 'Stra\337e\n' | as bob git -c user.name=$'J\374rgen' commit -qF -
land rebase 'rebased'
is "$(git log -1 --encoding=UTF-8 --format='%s %an' main)" "Straße Jürgen" "neither"
git config --unset i18n.commitEncoding
begin bob 'who commits'
as bob git -c user.name=Ann -c user.email=ann@example.invalid commit -q --allow-empty -m 'nothing'
echo 1 >"$t_dir/bob/who"
as bob git add -A
as bob git -c user.name=Ann -c user.email=ann@example.invalid commit -qm who
git config user.name Person
for strategy in squash merge rebase; do
  land $strategy "as $strategy"
  is "$(git log -1 --format='%an, %cn' main)" "$([ $strategy = merge ] && echo Person || echo Ann), Person" "the user commits"
  cadre task reopen -q "$id"
  as bob cadre claim -q "$id"
  [ $strategy = squash ] && as bob git reset -q --hard main
  echo $strategy >"$t_dir/bob/who"
  as bob git -c user.name=Ann -c user.email=ann@example.invalid commit -qam who
done
git config --unset user.name
cadre task cancel -q "$id"
if ssh-keygen -q -t ed25519 -N '' -f "$t_dir/key" 2>/dev/null; then
  echo "tester@example.invalid $(cat "$t_dir/key.pub")" >"$t_dir/signers"
  git config gpg.format ssh
  git config user.signingkey "$t_dir/key"
  git config gpg.ssh.allowedSignersFile "$t_dir/signers"
  for strategy in squash merge rebase; do
    begin bob "signed $strategy"
    write bob signed $strategy
    write bob signed2 $strategy
    git config commit.gpgSign true
    land $strategy "signed, with $strategy"
    git config --unset commit.gpgSign
    is "$(git log --first-parent --format=%G? "$before"..main | sort -u)" G "every commit has a good signature"
    healthy "$strategy"
  done
else
  echo "# no ssh-keygen: signatures are not tried"
fi
t_end
