#!/usr/bin/env bash
# What agents write into git's configuration, and what the person does: filters, merge drivers, programs that sign. What
# the person has not let run is not run by the merge queue, its work waits with one ask; and whatever git runs decides
# nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
git config cadre.gate true
agent bob
agent eve
asks() { cadre ask list | cut -f1 | xargs; }
waits() { cadre merge list --json | jq -r "select(.id == $1) | .state + \" \" + .why"; }

# A program that says that it ran, and tries to decide.
cat >"$t_dir/evil" <<END
#!/bin/sh
echo ran >>"$t_dir/ran"
cd "$PWD" && env -i PATH="\$PATH" HOME="$HOME" cadre merge approve 1 2>>"$t_dir/said"
(setsid env -i PATH="\$PATH" HOME="$HOME" sleep 98765 >/dev/null 2>&1 &)
exec cat
END
chmod +x "$t_dir/evil"
begin bob 'a filter'
filtered=$id
git config filter.x.smudge "$t_dir/evil"
printf '*.z filter=x\n' >"$t_dir/bob/.gitattributes"
echo 1 >"$t_dir/bob/a.z"
as bob git add -A
as bob git commit -qm filter
as bob cadre task done -q
work eve other 1
cadre merge run -q
is "$(state "$id") $(cat other)" "done 1" "what needs no filter lands"
like "$(waits "$filtered")" "waiting it needs 'filter.x', of this repository's git configuration, which you have not let run: see 'cadre init'" "what does waits"
is "$(asks)" git "with one ask"
like "$(cadre ask show git)" "*filter.x.smudge = $t_dir/evil*" "which shows what would be run"
[ ! -e "$t_dir/ran" ]
ok "and it was not run"
code 1 "an agent does not let it run" as bob env CADRE_AGENT= cadre init -q --as bob
is "$(asks)" git "the ask stays"

# The person lets it run: it still decides nothing, and does not stay.
git config cadre.review human
err=$(cadre init 2>&1)
like "$err" "*git's configuration*filter.x.smudge = $t_dir/evil*" "the person is shown it"
is "$(asks)" "" "and nothing is asked any more"
cadre merge run -q
is "$(sort -u "$t_dir/ran")" ran "then it is run"
like "$(waits "$filtered")" "held *" "its work is reviewed"
like "$(cat "$t_dir/said")" "*this runs within *" "it can't approve that"
[ -z "$(t_pgrep -fx 'sleep 98765')" ]
ok "and what it left behind is ended"
rm -f "$t_dir/said"
cadre merge approve -q "$filtered"
cadre merge run -q
is "$(state "$filtered") $(cat a.z)" "done 1" "approved by the person it lands, in the checkout too"
is "$(git status --porcelain)" "" "which is clean"
like "$(cat "$t_dir/said")" "*this runs within*" "and what it runs there decides nothing"
[ -z "$(t_pgrep -fx 'sleep 98765')" ]
ok "nor leaves anything"
git config --unset cadre.review

# Nor from a verb of the person's own, on the agent's worktree.
rm -f "$t_dir/ran" "$t_dir/said"
git config filter.x.clean "$t_dir/evil"
echo 2 >"$t_dir/bob/a.z"
cadre diff bob >/dev/null 2>&1
is "$(sort -u "$t_dir/ran")" ran "a verb that looks at a worktree runs its filters"
like "$(cat "$t_dir/said")" "*this runs within*" "they decide nothing"
as bob git -c filter.x.clean= checkout -qf --detach main 2>/dev/null
git config --remove-section filter.x
cadre init -q

# A merge driver: of the repository's configuration it waits, of the user's it is run.
printf 'list merge=sum\n' >.gitattributes && echo 1 >list && git add -A && git commit -qm list
cat >"$t_dir/sum" <<END
#!/bin/sh
cat "\$3" >>"\$2"
echo driven >>"$t_dir/driven"
END
chmod +x "$t_dir/sum"
git config merge.sum.driver "$t_dir/sum %O %A %B"
begin bob first
as bob git reset -q --hard main
write bob list bob
one=$id
begin eve second
write eve list eve
two=$id
as bob cadre task done -q
as eve cadre task done -q
cadre merge run -q
is "$(state "$one") $(state "$two")" "done review" "a file that both have changed"
like "$(waits "$two")" "waiting it needs 'merge.sum'*" "waits for its driver"
[ ! -e "$t_dir/driven" ]
ok "which is not run"
git config --remove-section merge.sum
git config --global merge.sum.driver "$t_dir/sum %O %A %B"
cadre merge run -q
is "$(state "$two") $(xargs <list)" "done bob eve" "the user's own is, and solves it"
is "$(cat "$t_dir/driven")" driven "once"
is "$(asks)" "" "nothing is asked any more"

# So is what the attributes of the target say where branches are compared.
printf 'list merge=union\n' >.gitattributes && git commit -qam union
begin bob third
as bob git reset -q --hard main
write bob list 3
begin eve fourth
as eve git reset -q --hard main
write eve list 4
is "$(cadre merge check)" "" "what merge=union solves is no conflict"
git checkout -q --detach
sed -i 1d .gitattributes && git commit -qam none && git update-ref refs/heads/main HEAD
git checkout -q main
[ -n "$(cadre merge check)" ]
ok "without it, it is"
cadre task cancel -q "$id" "$((id - 1))"

# A program that signs.
git config commit.gpgSign true
git config gpg.program "$t_dir/evil"
rm -f "$t_dir/ran"
begin eve signed
as eve git reset -q --hard main
echo 1 >"$t_dir/eve/signed"
as eve git add -A
as eve git -c commit.gpgSign=false commit -qm signed
as eve cadre task done -q
cadre merge run -q
like "$(waits "$id")" "waiting it needs 'gpg'*" "a program that signs waits too"
[ ! -e "$t_dir/ran" ]
ok "and is not run"
code 0 "doctor finds nothing" cadre doctor
t_end
