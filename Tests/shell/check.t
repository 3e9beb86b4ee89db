#!/usr/bin/env bash
# merge check: which branches conflict, with the target and with each other, and who is told of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
cd "$(t_repository)" || exit 1
seq 20 >lines
mkdir dir
seq 100 >dir/one
seq 200 300 >dir/two
git add . && git commit -qm more
cadre init -q
bus=$(cadre path bus)
for name in bob eve dan; do agent $name; done
mails() { cadre --as "$1" inbox list --json | jq -r .subject; }
count() { mails "$1" | wc -l; }
checked() { cadre merge check "$@" | tr '\t' ' '; }
commit() { # NAME: all that its worktree has
  as "$1" git add -A
  as "$1" git commit -qm "work of $1"
}
names() { # of the branches of bob, eve, dan
  b=$(branch "$1") e=$(branch "$2")
}

code 0 "nothing to compare" cadre merge check
is "$(cat "$t_dir/out")" "" "is nothing to print"
begin bob first
bob=$id
begin eve second
eve=$id
names "$bob" "$eve"
is "$(checked)" "" "branches without commits are not live"
write bob other bob
write eve another eve
is "$(checked)" "" "nor is there a conflict in different files"

# A pair.
write bob file bob
before=$(git count-objects -v | head -1)
refs=$(git for-each-ref)
write eve file eve
after=$(git count-objects -v | head -1)
refs=$(git for-each-ref)
code 1 "a pair" cadre merge check
is "$(cat "$t_dir/out")" "$b	$e	file" "is printed: branch, branch, paths"
is "$(git count-objects -v | head -1)" "$after" "nothing is written into the repository"
[ "$before" != "$after" ]
ok "where a commit is seen to be"
is "$(git for-each-ref)" "$refs" "no reference is made"
is "$(find "$bus/merge/check.objects" -type f)" "" "and nothing is left"
is "$(cadre merge check --json | jq -c '[.a, .b, .paths, .tasks, .agents]')" "[\"$b\",\"$e\",[\"file\"],[$bob,$eve],[\"bob\",\"eve\"]]" "in JSON"
is "$(cadre merge check -q)" "" "-q"
is "$(count bob) $(count eve)" "1 1" "each has one mail"
is "$(mails bob)" "task $bob conflicts with task $eve of 'eve'" "its subject"
cadre --as bob inbox next >"$t_dir/mail"
is "$(grep -cE "^  file\$|cadre send eve|cadre merge update|^> second\$" "$t_dir/mail")" 4 "it tells the paths, the other and its task, and what to do"
is "$(ls "$bus/merge/conflicts")" "$bob,$eve" "the record"
is "$(cadre agents -o name,conflict)" "bob	eve: file
dan	-
eve	bob: file" "agents shows it"
is "$(cadre agents | awk -F '\t' '{ print $1, $NF }' | head -1)" "bob eve: file" "as the last column"
is "$(cadre status --format '%(conflicts)')" 1 "status counts it"
like "$(cadre status)" "* | 1 conflict" "and shows it"
strace -f -qq -e trace=execve -o "$t_dir/trace" cadre status >/dev/null
is "$(grep -c execve "$t_dir/trace")" 1 "status starts no process"
write eve third eve
cadre merge check -q
is "$(count eve)" 1 "the same path again: no mail"
write eve other eve
is "$(checked)" "$b $e file, other" "another path"
is "$(count bob) $(count eve)" "1 2" "is told"

# Chosen ones: nothing is recorded, nobody is told.
write dan file dan
d=topic
as dan git checkout -q -b $d
is "$(checked $d)" "$d $b file
$d $e file" "a branch of no task"
is "$(checked dan)" "$d $b file
$d $e file" "the branch that an agent is on"
is "$(checked bob)" "$b $e file, other" "that of an agent's task"
is "$(checked "$e")" "$e $b file, other" "the named one first"
is "$(printf '%s\n' "$b" eve | checked -)" "$b $e file, other" "names from standard input, a pair once"
is "$(ls "$bus/merge/conflicts") $(count bob) $(count eve)" "$bob,$eve 1 2" "nothing is recorded, nobody told"
code 1 "an unknown name" cadre merge check nobody
is "$(cat "$t_dir/err")" "cadre merge: no agent and no branch 'nobody'" "in one line"
code 1 "the target" cadre merge check main
as dan git checkout -q --detach main
code 1 "an agent on no branch" cadre merge check dan

# Gone and come back.
as eve git reset -q --hard HEAD~3
as eve git rm -q file
commit eve
is "$(checked)" "$b $e file" "changed there, deleted here"
as eve git reset -q --hard HEAD~1
code 0 "gone" cadre merge check
is "$(ls "$bus/merge/conflicts")$(cadre agents -o conflict | sort -u)$(cadre status --format '%(conflicts)')" "-0" "everywhere"
before=$(count bob)
write eve file again
cadre merge check -q
is "$(($(count bob) - before))" 1 "come back, it is told again"

# The target.
echo main >file
git commit -qam main
is "$(checked)" "$b main file
$b $e file
$e main file" "the target, and each other still"
is "$(mails bob | tail -1)" "task $bob conflicts with 'main'" "each is told"
is "$(cadre agents -o name,conflict | head -1)" "bob	main: file; eve: file" "and shown"
before=$(count bob)
echo >>dir/one
git commit -qam unrelated
cadre merge check -q
is "$(count bob)" "$before" "the target moves on: no mail"
as bob cadre merge update -q 2>/dev/null
echo both >"$t_dir/bob/file"
commit bob
is "$(checked)" "$e main file" "brought up to it, what it carries is told once"
as eve git reset -q --hard main
write eve file eve
is "$(checked)" "$b $e file" "and the other as well: now each other again"

# Who works on it.
as eve cadre claim -q --release
as dan cadre claim -q "$eve"
cadre merge check -q
is "$(mails dan)" "task $eve conflicts with task $bob of 'bob'" "who takes a task over is told"
is "$(cadre agents -o name,conflict)" "bob	dan: file
dan	bob: file
eve	-" "and shown"
as bob cadre task done -q
is "$(checked)" "$b $e file" "work in the queue is live"
before=$(count bob)
begin bob own
own=$id
write bob file own
o=$(branch "$own")
is "$(checked)" "$b $e file
$b $o file
$e $o file" "two of one agent"
is "$(mails bob | tail -n +$((before + 1)))" "2 conflicts of your work with others'" "what is new is one mail"
cadre --as bob inbox list | tail -1 | cut -f1 | xargs cadre --as bob inbox show >"$t_dir/mail"
is "$(grep ^Your "$t_dir/mail")" "Your branch '$b' (task $bob) conflicts with '$o' of your own (task $own) in:
Your branch '$o' (task $own) conflicts with '$e' of 'dan' (task $eve) in:" "with both in it"
as bob cadre task fail -q --why no
is "$(checked)" "$b $e file" "a task that has ended has none"
cadre merge cancel -q "$bob"
is "$(checked)" "$b $e file" "one that came back has"
git pack-refs --all --prune
is "$(checked)" "$b $e file" "packed references"
write dan file packed
is "$(checked)" "$b $e file" "and one that moved since"
is "$(jq -R . "$bus/merge/check" | grep -c "$(git rev-parse "$e")")" 1 "is seen"
as dan git checkout -q --detach
git branch -qD "$e"
is "$(checked)" "" "a branch that was deleted"
cadre task cancel -q "$bob" "$eve"

# Kinds of conflicts, and names of paths.
echo t >tfile
git add . && git commit -qm tfile
begin bob kinds
bob=$id
begin eve kinds
eve=$id
names "$bob" "$eve"
as bob git mv dir/one dir/here
as bob git rm -q dir/two
as bob git rm -q tfile
mkdir "$t_dir/bob/tfile"
printf 'x\n' | tee "$t_dir/bob/tfile/in" "$t_dir/bob/sp ace" "$t_dir/bob/new
line" "$t_dir/bob/tab	e\\n" >"$t_dir/bob/schöne Dåtei"
commit bob
as eve git mv dir/one dir/there
echo more >>"$t_dir/eve/dir/two"
echo more >>"$t_dir/eve/tfile"
printf 'y\n' | tee "$t_dir/eve/sp ace" "$t_dir/eve/new
line" "$t_dir/eve/tab	e\\n" >"$t_dir/eve/schöne Dåtei"
commit eve
is "$(cadre merge check)" "$b	$e	dir/here, dir/one, dir/there, dir/two, new?line, schöne Dåtei, sp ace, tab?e\\n, tfile" "renamed twice, deleted, a directory in the way, odd names"
cadre merge check --json | jq -r '.paths[]' >"$t_dir/first"
cadre merge check --json | jq -r '.paths[]' >"$t_dir/second"
is "$(sed -n '5,9p' "$t_dir/first" | cat -A)" 'new$
line$
schM-CM-6ne DM-CM-%tei$
sp ace$
tab^Ie\n$' "names as they are in JSON"
cmp -s "$t_dir/first" "$t_dir/second"
ok "and from the record"
before=$(count bob)
echo >>"$t_dir/eve/dir/two"
commit eve
cadre merge check -q
is "$(count bob)" "$before" "none of them is new because of another commit"
as bob git reset -q --hard main
as eve git reset -q --hard main
mkdir "$t_dir/bob/left" "$t_dir/bob/right"
as bob git mv dir/one left/one
as bob git mv dir/two right/two
commit bob
write eve dir/three 3
like "$(cadre merge check)" "$b	$e	dir*" "a directory that went two ways"
cadre task cancel -q "$bob" "$eve"

# What is configured in the repository is not run.
begin bob driver
bob=$id
begin eve driver
eve=$id
names "$bob" "$eve"
git config merge.ours.driver "touch '$t_dir/driven'"
echo '* merge=ours' >.git/info/attributes
write bob lines bob
write eve lines eve
is "$(checked)" "$b $e lines" "a merge driver's file"
[ ! -e "$t_dir/driven" ]
ok "no driver is run"
rm .git/info/attributes
cadre task cancel -q "$bob" "$eve"

# An earlier part has landed by squash.
git config cadre.gate true
begin bob parts
bob=$id
write bob lines "$(seq 20 | sed 's/^1$/one/')"
as bob cadre task done -q
write bob lines "$(seq 20 | sed 's/^1$/one more/')"
cadre merge run -q
cadre task reopen -q "$bob"
as bob cadre claim -q "$bob"
b=$(branch "$bob")
git merge-tree --write-tree main "$b" >/dev/null
is "$?" 1 "a part has landed: merged as it is, the branch conflicts with it"
is "$(checked)" "" "and is not said to"
is "$(checked bob)" "" "when named neither"
begin eve other
eve=$id
as eve git reset -q --hard main~1
write eve lines "$(seq 20 | sed 's/^20$/twenty/')"
is "$(checked)" "" "nor with another that was begun before"
begin dan same
dan=$id
write dan lines "$(sed 's/^one$/uno/' lines)"
is "$(checked)" "$b $(branch "$dan") lines" "but with one that changes the same"
git mv lines rows
git commit -qm rows
is "$(checked)" "$b $(branch "$dan") rows" "in the file as the target calls it now"
git mv rows lines
git commit -qm lines
cadre task cancel -q "$eve" "$dan"

# Work on top of work that is still to land.
begin eve above
eve=$id
as eve git reset -q --hard "$b"
sed -i "s/^Base: .*/Base: $(git rev-parse "$b")/" "$bus/tasks/$eve/branch"
write eve lines "$(sed 's/^1$/one/; s/^one more$/one above/' "$t_dir/bob/lines")"
is "$(checked)" "" "begun on another's work: no conflict with it"
as bob cadre task done -q
cadre merge run -q
is "$(state "$bob") $(checked)" "done " "nor when that has landed"
cadre task cancel -q "$eve"

# What is compared bit by bit is what comes from comparing all anew, whatever moves.
agent fay
first=$(cat "$bus/ids")
for name in bob eve dan fay; do
  begin $name "of $name"
  write $name "$name" begun
done
mapfile -t all < <(cadre task list --state claimed --json | jq -r '.id' | while read -r id; do branch "$id"; done)
RANDOM=7
bad='' steps=0 met=0
team=(bob eve dan fay)
for ((step = 0; step < 50; step++)); do
  name=${team[RANDOM % 4]} file=lines$((RANDOM % 3))
  case $((RANDOM % 14)) in
    0) git commit -q --allow-empty -m empty ;;
    1) echo "$step" >$file && git add $file && git commit -qm target ;;
    2) as "$name" cadre merge update -q >"$t_dir/out" 2>&1 || {
      as "$name" git checkout -q --theirs . && as "$name" git add -A && as "$name" git commit -qm solved
    } ;;
    3) as "$name" git reset -q --hard main && write "$name" "$name" "$step" ;;
    4 | 5 | 6) # lands, and goes on from there: on what was added meanwhile, or anew
      id=$(as "$name" git branch --show-current | tr -dc 0-9)
      as "$name" cadre task done -q 2>"$t_dir/out"
      write "$name" $file "$step"
      cadre merge run -q 2>"$t_dir/out"
      cadre task reopen -q "$id" 2>"$t_dir/out"
      as "$name" cadre claim -q "$id"
      ;;
    *) write "$name" $file "$step" ;;
  esac
  cadre merge check | sort >"$t_dir/by-bit"
  mv "$bus/merge/check" "$t_dir/check"
  cadre merge check "${all[@]}" | sort >"$t_dir/anew"
  mv "$t_dir/check" "$bus/merge/check"
  cmp -s "$t_dir/by-bit" "$t_dir/anew" || bad+="$step: $(diff "$t_dir/by-bit" "$t_dir/anew")"
  steps=$((steps + 1))
  met=$((met + $(wc -l <"$t_dir/anew")))
done
is "$bad" "" "bit by bit as all anew, after each of $steps steps"
landings=$(cadre log --json | jq -r 'select(.event == "landed" and .task >= '"$first"').task' | wc -l)
[ "$met" -gt 50 ] && [ "$landings" -gt 3 ]
ok "with $met conflicts and $landings landings"
cadre task list --json | jq -r 'select(.state != "done" and .state != "cancelled" and .state != "failed") | .id' | cadre task cancel -q -

# Two at once, and twenty.
begin bob at-once
bob=$id
begin eve at-once
eve=$id
names "$bob" "$eve"
write bob lines bob
write eve lines eve
before="$(count bob) $(count eve)"
mkdir "$t_dir/counted"
cat >"$t_dir/counted/git" <<END
#!/bin/sh
case " \$* " in *" merge-tree "*) echo >>"$t_dir/merges" ;; esac
exec $(command -v git) "\$@"
END
chmod +x "$t_dir/counted/git"
# shellcheck disable=SC2016 # expanded there
PATH="$t_dir/counted:$PATH" xargs -P 8 -I{} sh -c 'cadre merge check >"$1/at-once.{}"; echo $? >>"$1/at-once.codes"' sh "$t_dir" < <(seq 20)
is "$(sort -u "$t_dir"/at-once.[0-9]*)" "$b	$e	lines" "twenty checks say the same"
is "$(sort -u "$t_dir/at-once.codes")" 1 "with the same exit code"
is "$(wc -l <"$t_dir/merges")" 2 "and compared once: with the target, then with each other"
is "$(count bob) $(count eve)" "$((${before% *} + 1)) $((${before#* } + 1))" "one mail each"

# No target.
git config cadre.target nowhere
code 75 "a target that is none" cadre merge check
is "$(cat "$t_dir/err")" "cadre merge: the target 'nowhere' is gone: 'git config cadre.target main' chooses this" "is said"
git config --unset cadre.target

# Damage.
echo rubbish >"$bus/merge/check"
is "$(checked)" "$b $e lines" "rubbish in what was compared: all is compared again"
echo rubbish >"$bus/merge/conflicts/$bob,$eve"
code 75 "a record that is damaged is told" cadre merge check
cadre doctor --fix -q >/dev/null 2>&1
is "$(checked)" "$b $e lines" "and made again once doctor has set it aside"
code 0 "doctor finds nothing" cadre doctor
is "$(git fsck 2>&1 | grep -v dangling)" "" "nor git"

# Many: each other once, never itself, after three how many more.
rm "$bus"/merge/conflicts/*
held=()
for name in bob bob bob eve eve dan none none none; do
  held+=("$(cadre task add --no-merge many)")
  [ "$name" = none ] || as "$name" cadre claim -q "${held[-1]}"
done
for one in "${held[@]}"; do
  for other in "${held[@]}"; do
    [ "$one" -lt "$other" ] || continue
    record "$bus/merge/conflicts/$one,$other" <<<"A-Branch: refs/heads/many-$one
A-Task: $one
A-Tip: $(git rev-parse HEAD)
B-Branch: refs/heads/many-$other
B-Task: $other
B-Tip: $(git rev-parse HEAD)
Found: 1
Paths: file"
  done
done
is "$(cadre agents -o name,conflict | grep ^bob)" "bob	eve: file; dan: file; many-${held[6]}: file; and 2 more" "many conflicts in one line"
is "$(cadre top --plain | grep ^bob | grep -o 'conflicts with.*')" \
  "conflicts with eve: file; dan: file; many-${held[6]}: file; and 2 more" "in top, too"
is "$(cadre top --plain --json | jq -c 'select(.name == "dan") | [.row, .state, .task, .conflicts[0]]')" "[\"agent\",\"dead\",${held[5]},\"bob: file\"]" "and as JSON"
t_end
