#!/usr/bin/env bash
# merge check killed before each of its file operations and after each of its calls of git: recover and the next one
# leave what one that was not killed would have left, and nobody was told nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
world=$t_dir/world
export t_agents=$world
mkdir "$world"
wrap git

t_repository world/repository >/dev/null
cd "$world/repository" || exit 1
seq 9 >lines
git add lines
git commit -qm lines
cadre init -q
for name in bob eve dan; do agent $name; done
for name in bob eve dan; do
  begin $name "of $name"
  write $name file $name
done
# Two pairs are known and go, one has another path; and the target conflicts with one.
cadre merge check -q
as bob git reset -q --hard HEAD~1
as dan git reset -q --hard HEAD~1
write bob lines bob
write dan more dan
write eve more eve
seq 2 10 >lines
git commit -qam target
as eve cadre merge update -q
cp -a "$world" "$t_dir/template"
mails() { for name in bob eve dan; do cadre --as "$name" inbox list --json | jq -r '"\(.to) \(.subject)"' | sort -u; done; }
known() { (cd "$world/repository/.git/cadre/merge" && tail -n +1 conflicts/* check | grep -v '^Found: ' && find . -type f ! -name lock | sort); }
objects() { find .git/cadre/merge/check.objects -type f 2>/dev/null; }
fresh() {
  cd /
  rm -rf "$world"
  cp -a "$t_dir/template" "$world"
  cd "$world/repository" || exit 1
}
fresh
cadre merge check >"$t_dir/printed"
mails >"$t_dir/mails"
known >"$t_dir/known"
cp .git/cadre/merge/check "$t_dir/check"
is "$(wc -l <"$t_dir/printed") $(wc -l <"$t_dir/mails")" "2 6" "unkilled: two conflicts, six kinds of mail"
bad=
judge() { # WHAT
  local problem=
  cadre recover >"$t_dir/out" 2>&1 || problem+=" recover: $(cat "$t_dir/out")"
  [ -z "$(objects)" ] || problem+=" objects"
  # What is on record is told.
  if [ "$(cat .git/cadre/merge/conflicts/* | grep -c '^Told: [a-z]')" != "$(find .git/cadre/merge/conflicts -type f | wc -l)" ]; then problem+=" untold"; fi
  cadre recover 2>&1 | grep -q healed && problem+=" healed twice"
  cadre merge check 2>&1 | cmp -s - "$t_dir/printed" || problem+=" prints $(cadre merge check 2>&1)"
  mails | cmp -s - "$t_dir/mails" || problem+=" mails: $(mails)"
  known | cmp -s - "$t_dir/known" || problem+=" known: $(known | diff - "$t_dir/known")"
  [ -z "$problem" ] || bad+="$1:$problem
"
}
for ((n = 1; ; n++)); do
  fresh
  killed_before "$n" cadre merge check
  code=$?
  judge "killed at $n"
  [ "$code" = 137 ] || break
done
is "$bad" "" "killed before each of $((n - 1)) file operations"
[ "$n" -gt 20 ]
ok "which are some"
bad=
for ((n = 1; ; n++)); do
  fresh
  killed_after "$n" cadre merge check
  code=$?
  judge "killed after git call $n"
  [ "$code" = 137 ] || break
done
is "$bad" "" "killed after each of $((n - 1)) calls of git"
[ "$n" -gt 5 ]
ok "which are some"

# recover, killed while it tells what a killed check left.
bad=
untold() { [ "$(cat .git/cadre/merge/conflicts/* | grep -c '^Told: ')" != "$(find .git/cadre/merge/conflicts -type f | wc -l)" ]; }
for ((n = 1; ; n++)); do
  fresh
  killed_before "$n" cadre merge check
  untold && [ -z "$(objects)" ] && cmp -s .git/cadre/merge/check "$t_dir/check" && break
done
cp -a "$world" "$t_dir/left"
for ((n = 1; ; n++)); do
  cd /
  rm -rf "$world"
  cp -a "$t_dir/left" "$world"
  cd "$world/repository" || exit 1
  killed_before "$n" cadre recover
  code=$?
  judge "recover killed at $n"
  [ "$code" = 137 ] || break
done
is "$bad" "" "recover killed before each of $((n - 1)) file operations"
t_end
