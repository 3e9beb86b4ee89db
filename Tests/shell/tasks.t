#!/usr/bin/env bash
# The task list through its verbs: states, order, dependencies, epics, exit codes.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository "a 'b' \$(touch x)")" || exit 1

code 1 "list without a bus is no" cadre task list
is "$(cat "$t_dir/out")" "" "and prints nothing"
is "$(cadre task add one 2>/dev/null)" 1 "the first id"
is "$(cadre task add -p 0 two)" 2 "the second id"
is "$(cadre task add -d 1 -d 2 three)" 3 "with dependencies"
is "$(cadre claim | cut -f1)" 2 "priority goes first"
is "$(cadre-claim | cut -f1)" 1 "then the oldest; a link is the verb"
code 1 "nothing ready" cadre claim
code 1 "a blocked one can't be claimed" cadre claim 3
code 1 "no such task" cadre claim 99
code 64 "a bad id" cadre claim 0x1
code 64 "a bad option" cadre claim --frobnicate
code 75 "no repository" cadre -C / task list
cadre task done --no-merge 1 >/dev/null
cadre task done --no-merge --result 'so it is' 2 >/dev/null
is "$(cadre task list --state ready | cut -f1)" 3 "dependents unblock"
like "$(cadre task show 3)" "*so it is*" "and see the result"
code 1 "done twice is refused" cadre task done --no-merge 1
code 64 "a cycle is usage" cadre task dep 3 --add 3
is "$(cadre task list | cadre task cancel - 2>/dev/null)" 3 "names come from standard input"
cadre task reopen 3 >/dev/null
is "$(cadre task list --state ready | cut -f1)" 3 "reopened"

# Epics.
e=$(cadre task add epic)
c1=$(cadre task add --parent "$e" c1)
c2=$(cadre task add --parent "$e" -d "$c1" c2)
code 64 "an ancestor as dependency" cadre task dep "$c1" --add "$e"
code 64 "and the other way round" cadre task dep "$e" --add "$c1"
code 1 "an epic is not for a worker" cadre --as w1 claim "$e"
cadre --as w1 claim "$c1" >/dev/null
cadre --as w1 task done --no-merge "$c1" >/dev/null
cadre task cancel "$c2" >/dev/null
is "$(cadre task list --json | jq -r "select(.id == $e).state")" done "an epic is done with its children"
b=$(cadre task add blocker)
f=$(cadre task add -d "$b" later)
cadre claim "$b" >/dev/null
cadre task fail --why 'no way' "$b" >/dev/null
like "$(cadre task list --state blocked)" "$f	blocked by failed $b*" "a failed dependency stays unmet"
like "$(cadre ask list)" "failed-$b*$f depend on it*" "and one ask is open"
cadre ask answer -q "failed-$b" 'no more of it'
late=$(cadre task add -d "$b" late)
like "$(cadre ask list)" "failed-$b*$late depend on it*" "one that begins to wait for a failed task is told of as well"
cadre task cancel -q "$late"

# Leases and tokens.
t=$(cadre task add leased)
token=$(cadre --as ci claim --json "$t" | jq -r .token)
code 1 "another token is refused" cadre --as ci task done --no-merge --token 0000000000 "$t"
code 1 "another name is refused" cadre --as other task done --no-merge "$t"
code 0 "the token is the key" cadre --as ci task done --no-merge --token "$token" "$t"

# Times.
for time in 2099-01-02T03:04:05Z 2099-01-02T03:04:05.678Z 2099-01-02T05:04:05+02:00 2099-01-01T22:34:05.1-04:30; do
  id=$(cadre task add --defer "$time" later)
  is "$(cadre task list --json | jq -r "select(.id == $id).defer")" 2099-01-02T03:04:05Z "RFC 3339: $time"
done
for time in 2099-01-02 2099-01-02T03:04:05 2099-01-02T03:04:05.Z 2099-13-02T03:04:05Z 5 -1s 5w ''; do
  cadre task add --defer="$time" later >"$t_dir/out" 2>/dev/null
  is "$?" "$([ "$time" = 5 ] && echo 0 || echo 64)" "a time '$time'"
done

# Text is data.
# shellcheck disable=SC2016
for title in '$(touch x)' '#(touch x)' '%n%s' '漢字 🙂' "it's"; do
  id=$(cadre task add -- "$title")
  is "$(cadre task list --json | jq -r "select(.id == $id).title")" "$title" "title $title"
done
is "$(cadre task add -- -rf | xargs cadre task show | head -1 | cut -f2)" "-rf" "a title like an option"
code 64 "empty title" cadre task add ''
code 64 "newline in a title" cadre task add $'a\nb'
code 64 "escape in a title" cadre task add $'a\e[31m'
code 64 "invalid UTF-8 in a title" cadre task add $'a\xff'
code 64 "1001 bytes" cadre task add "$(printf 'x%.0s' {1..1001})"
for name in ../x '' -rf 'a b' Abc "$(printf 'x%.0s' {1..33})" $'a\nb' all; do
  code 64 "bad name '${name:0:10}'" cadre claim --as="$name"
done
printf 'a\0b\xff' | cadre task add bytes - >"$t_dir/id"
is "$(cadre task show --body "$(cat "$t_dir/id")" | od -An -c | tr -d ' ')" 'a\0b377' "a body is any bytes"

# Import.
ids=$(printf '# Goal\n- [ ] one\n  body of one\n  - [ ] inner\n- [x] past\n- [ ] two\n' | cadre task import - | tr '\n' ' ')
is "$(wc -w <<<"$ids")" 3 "a checklist"
read -r i1 i2 _ <<<"$ids"
is "$(cadre task list --json | jq -r "select(.id == $i2).parent")" "$i1" "nested items are children"
is "$(cadre task show --body "$i1")" "body of one" "indented text is the body"
code 64 "all or nothing" cadre task import - <<<'{"title":"x"}
{"title":"y","depends":[7]}'
is "$(cadre task list | grep -c '	x$')" 0 "nothing was added"
is "$(printf '{"title":"a","depends":[1]}\n{"title":"b"}\n' | cadre task import - | wc -l)" 2 "JSON lines, dependencies by index"
for lines in '{"title":"a","parent":0}' $'{"title":"a","parent":1}\n{"title":"b","parent":0}'; do
  code 64 "a task below itself in an import" timeout 10 cadre task import - <<<"$lines"
done
is "$(printf '\xef\xbb\xbf- [ ] first of all\n' | cadre task import - | cadre task show - | head -n 1 | cut -f 2)" "first of all" "a byte order mark is no text"
later=$(cadre task add --defer 2h later)
cadre task edit -q --defer '' "$later"
like "$(cadre task list --state ready)" "*$later	ready*" "a time is taken back"
code 64 "an unknown key" cadre task import - <<<'{"title":"a","depend":[0]}'
like "$(cat "$t_dir/err")" "*line 1: unknown key 'depend'*" "is named"
mapfile -t made < <(printf '%s\n' '{"id":"b","title":"b","depends":["a"]}' '{"id":"a","title":"a"}' | cadre task import -)
is "$(cadre task dep "${made[0]}" | cut -f1)" "${made[1]}" "JSON lines, dependencies by the ids of the file"
code 64 "an id twice" cadre task import - <<<'{"id":1,"title":"a"}
{"id":1,"title":"b"}'
git init -q "$t_dir/other" && git -C "$t_dir/other" commit -q --allow-empty -m first
cadre task show "${made[@]}" --json | cadre -C "$t_dir/other" task import -q - 2>/dev/null
ok "what show and list print can be imported elsewhere"
is "$(cadre -C "$t_dir/other" task list --json | jq -c '[.id, .title, .depends]' | xargs)" '[1,b,[2]] [2,a,[]]' "with what depends on what"
code 64 "a cycle inside an import" cadre task import - <<<'{"title":"a","depends":[1]}
{"title":"b","depends":[0]}'
# Cycles through an epic, by every way in.
x=$(cadre task add x) y=$(cadre task add y)
z=$(cadre task add --parent "$y" -d "$x" z)
code 64 "an epic below what waits for it" cadre task edit --parent "$x" "$y"
like "$(cat "$t_dir/err")" "*$z waits for $x*" "which is told"
code 64 "a child that waits for what waits for its epic" cadre task add --parent "$x" -d "$z" c
v=$(cadre task add -d "$x" v)
code 64 "a first child that waits for what waits for its parent" cadre task add --parent "$x" -d "$v" c
code 64 "by an import" cadre task import - <<<"{\"title\":\"c\",\"parent\":\"$x\",\"depends\":[\"$v\"]}"
code 64 "by dep" cadre task dep "$x" --add "$z"
code 0 "what makes none goes" cadre task edit --parent "$y" "$v"
cadre task edit -q --parent '' "$v"
cadre claim -q "$x"
cadre task done -q --no-merge "$x"
# One that is there already, as of an earlier version.
sed -i "s/^Depends: $x$/Depends: $z/" ".git/cadre/tasks/$z/task"
code 75 "doctor finds a cycle" cadre doctor
like "$(cat "$t_dir/out")" "*$z waits for itself*" "and names it"
sed -i "s/^Depends: $z$/Depends: $x/" ".git/cadre/tasks/$z/task"

# What list prints, elsewhere.
git init -q "$t_dir/third" && git -C "$t_dir/third" commit -q --allow-empty -m first
plan=$(printf '%s\n' '{"id":"a","title":"a","body":"first\nsecond"}' '{"id":"b","title":"b","depends":["a"]}' '{"id":"c","title":"c","depends":["b","d"],"parent":"e"}' \
  '{"id":"d","title":"d"}' '{"id":"e","title":"e"}' '{"id":"f","title":"f","parent":"e"}')
cadre -C "$t_dir/third" task import -q - <<<"$plan" 2>/dev/null
code 1 "what was imported before is told" cadre -C "$t_dir/third" task import - <<<"$plan"
like "$(cat "$t_dir/err")" "*'a' as 1 and 5 more*" "by its name"
(
  cd "$t_dir/third" || exit 1
  cadre claim -q 1 && cadre task done -q --no-merge --result 'a went well' 1
  cadre claim -q 4 && cadre task fail -q --why 'd is hard' 4
  cadre claim -q 6 && cadre task done -q --no-merge 6
  cadre task note 2 'remember'
) >/dev/null
git init -q "$t_dir/fourth" && git -C "$t_dir/fourth" commit -q --allow-empty -m first
cadre -C "$t_dir/third" task list --json >"$t_dir/list"
is "$(cadre -C "$t_dir/fourth" task import - <"$t_dir/list" 2>"$t_dir/err" | xargs)" "1 2 3" "what has ended is left out"
like "$(cat "$t_dir/err")" "*left out: 2 done, 1 failed*'c' depended on 'd', which is not done*" "and counted"
is "$(cadre -C "$t_dir/fourth" task list --json | jq -c '[.id, .title, .state, .depends, .parent]' | xargs)" \
  '[1,b,ready,[],null] [2,c,blocked,[1],3] [3,e,ready,[],null]' "dependencies on it are dropped"
like "$(cadre -C "$t_dir/fourth" task show 1)" "*remember*" "notes go along"
is "$(cadre -C "$t_dir/third" task list --json | jq -r 'select(.id == 1).body')" $'first\nsecond' "and bodies"
git init -q "$t_dir/fifth" && git -C "$t_dir/fifth" commit -q --allow-empty -m first
cadre -C "$t_dir/fifth" task import -q --history - <"$t_dir/list" 2>/dev/null
like "$(cadre -C "$t_dir/fifth" task show 1)" "*a: done
a went well*" "with --history what came of it is a note"
code 0 "again if it is wanted" cadre -C "$t_dir/fifth" task import --again - <"$t_dir/list"
is "$(printf -- '- [x] past\n  - [ ] below\n' | cadre task import - 2>&1)" "left out: 1 done, 1 below those" "a checklist that is done is told of"
list=$(
  cat <<'LIST'
<!--
- [ ] T000 sample
-->
- [P] means other files
- [-] begun
  ```python
  def t():
      pass  # - [ ] no
  ```
- [ ]
LIST
)
is "$(cadre -C "$t_dir/fifth" task import - <<<"$list" | wc -l)" 1 "boxes in comments and fences, legends and empty ones are none"
one=$(cadre -C "$t_dir/fifth" task list | tail -n 1 | cut -f 1)
# shellcheck disable=SC2016 # backquotes of Markdown
is "$(cadre -C "$t_dir/fifth" task show --body "$one")" "$(printf '```python\ndef t():\n    pass  # - [ ] no\n```')" "a body keeps its indents"
like "$(cadre -C "$t_dir/fifth" task show "$one")" "*marked \[-\]*" "another mark is open, with a note"
is "$(printf -- '- [ ] %s\n' "$(printf 'x%.0s' {1..1200})" | cadre -C "$t_dir/fifth" task import - | cadre -C "$t_dir/fifth" task show --body - | wc -c)" 1201 "a long title is cut, and whole in the body"
like "$(cadre task graph --dot)" "digraph*" "graph"
[ ! -e x ]
ok "no text was run"
code 0 "doctor finds nothing" cadre doctor
t_end
