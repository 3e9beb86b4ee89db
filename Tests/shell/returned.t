#!/usr/bin/env bash
# Work that comes back with a conflict tells its author the paths, and of the other side who, what and why.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
cadre init -q
git config cadre.gate true
mkdir dir
seq 40 >dir/numbers
seq 30 >long
echo x >gone
git add -A
git commit -qm more
agent bob
agent eve

back() { cadre task show --json "$1" | jq -r .returned; }
paths() { cadre task show --json "$1" | jq -c .conflicts; }
lands() { # NAME TITLE COMMAND [BODY]: a task of an agent's whose work the command does
  id=$(cadre task add -- "$2" "${4-}")
  as "$1" cadre claim -q "$id"
  as "$1" bash -c "$3"
  as "$1" cadre task done -q --commit --result "result of $2"
}

# Both on one file.
lands bob 'one side' 'echo bob >file' $'Say who.\n\nIn a word.'
first=$id
lands eve 'other side' 'echo eve >file'
second=$id
cadre merge run -q
is "$(paths "$second")" '["file"]' "the paths come back"
back "$second" >"$t_dir/back"
like "$(cat "$t_dir/back")" "*cadre merge update*Merge conflict in file

The other side, newest first:

task $first 'one side' by 'bob', commit $(git rev-parse main | cut -c1-12)
> Say who.
>
> In a word.
Its result:
> result of one side" "with the other side's task, body and result"
like "$(cadre task show "$second")" "*
Returned: conflict in file
file

*The other side*" "task show tells it"
is "$(as eve cadre inbox next | grep -A3 '^The other side')" "$(grep -A3 '^The other side' "$t_dir/back")" "the mail tells it"
like "$(as eve cadre claim -q "$second" && as eve cadre prime)" "*came back from the merge queue: conflict in file
*> Say who.*" "and prime"
as eve cadre merge update -q 2>"$t_dir/err"
echo both >"$t_dir/eve/file"
as eve git commit -qam solved
as eve cadre task done -q
cadre merge run -q
is "$(cadre task show --json "$second" | jq -c '[.returned, .conflicts]')" '[null,[]]' "landed it is told no more"

# A person's commit; text of others is data and is cut.
begin eve 'late'
late=$id
body=$(printf '%s\n' $'\e[31mred' "$(seq 3000)")
title=$'back\\slash \xe2\x82\xac `touch x` #(touch x)'
lands bob "$title" 'seq 5 >>file' "$body"
cadre merge run -q
git commit -q --allow-empty -m 'not on the path'
echo person >>file
# shellcheck disable=SC2016
git -c user.name=$'Per\tson' commit -qam 'mine: $(touch x)'
write eve file late
as eve cadre task done -q
cadre merge run -q
back "$late" >"$t_dir/back"
like "$(cat "$t_dir/back")" "*
commit $(git rev-parse main | cut -c1-12) by 'Per?son': mine: \$(touch x)

task $id '${title/\\/\\\\}' by 'bob', commit *" "a commit of no task is told by its author and subject"
is "$(grep -c 'not on the path' "$t_dir/back")" 0 "one that did not touch the paths is not"
like "$(tail -5 "$t_dir/back")" "> *
(cut: 'cadre task show $id' shows all)
Its result:
> result of *" "a long body is cut, with where the rest is"
[ "$(wc -c <"$t_dir/back")" -lt 4000 ]
ok "to about 2,000 bytes"
[ ! -e x ]
ok "nothing of it is run"

# Other names of the same thing.
renames() { # TITLE HERE THERE PATHS OTHERS: what the target does, what the branch does
  begin eve "$1"
  mine=$id
  lands bob "$1: target" "$2"
  cadre merge run -q
  is "$(state "$id")" "done" "$1: one side lands"
  as eve bash -c "$3"
  as eve cadre task done -q --commit -m "$1"
  cadre merge run -q
  is "$(paths "$mine")" "$4" "$1: paths"
  like "$(back "$mine")" "*The other side*task $id '$1: target' by 'bob'*" "$1: the other side"
  cadre task cancel -q "$mine"
}
renames 'renamed there' 'git mv dir/numbers moved; sed -i s/^7\$/seven/ moved' 'sed -i s/^7\$/VII/ dir/numbers' '["moved"]'
renames 'renamed here' 'sed -i s/^9\$/nine/ moved' 'git mv moved again; sed -i s/^9\$/IX/ again' '["again"]'
renames 'removed there' 'git rm -q gone' 'echo y >>gone' '["gone"]'
renames 'a directory in the way' 'git rm -q long; mkdir long; echo 1 >long/1' 'echo y >>long' '["long"]'
seq 9 >long/9
git add -A
git commit -qm 'long: nine'
renames 'a directory renamed' 'git mv long short' 'echo new >long/new' '["short/new"]'
renames 'names' $'echo 1 >$\'new\\nline\'; echo 1 >$\'tab\\t\\\\t\'; echo 1 >$\'\\e[31m\'; echo 1 >":(top)"; echo 1 >-n' \
  $'echo 2 >$\'new\\nline\'; echo 2 >$\'tab\\t\\\\t\'; echo 2 >$\'\\e[31m\'; echo 2 >":(top)"; echo 2 >-n' \
  '["\u001b[31m","-n",":(top)","new\nline","tab\t\\t"]'

# Many.
begin eve many
mine=$id
for n in 1 2 3 4 5 6 7; do
  lands bob "step $n" "echo $n >file"
  cadre merge run -q
done
write eve file many
as eve cadre task done -q
cadre merge run -q
is "$(back "$mine" | grep -oE "'step .'|and 2 more")" "'step 7'
'step 6'
'step 5'
'step 4'
'step 3'
and 2 more" "five are told, newest first"
code 0 "doctor finds nothing" cadre doctor

# An author that was stopped does not keep the others from it.
git config cadre.gate 'test ! -e of-one && test ! -e of-two'
lands eve 'of one that runs' 'echo 1 >of-one'
cadre merge run -q 2>/dev/null
is "$(cadre task show --json "$id" | jq -r .to)" eve "what came back is for its author first"
lands eve 'of one that is stopped' 'echo 2 >of-two'
cadre stop -q eve
cadre merge run -q 2>/dev/null
is "$(cadre task show --json "$id" | jq -r .to)" null "that of one that was stopped is for all"
t_end
