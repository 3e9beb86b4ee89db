#!/usr/bin/env bash
# What is no right use is told before anything is looked at: 64 also where there is no bus, which none of these makes, and
# outside of a repository.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1

wrong='' outside=''
while read -r line; do
  eval "cadre $line" </dev/null >"$t_dir/out" 2>"$t_dir/err"
  got=$?
  [ "$got" = 64 ] || wrong+="$got: $line; "
  [ ! -d .git/cadre ] || wrong+="made a bus: $line; "
  rm -rf .git/cadre
  # Which programs there are is a setting of a repository.
  [[ $line != 'task add --agent '* ]] || continue
  eval "cadre -C '$t_dir' $line" </dev/null >"$t_dir/out" 2>"$t_dir/err"
  got=$?
  [ "$got" = 64 ] || outside+="$got: $line; "
done <<'END_OF_LIST'
send
send -
send a -s $'a\nb' x
inbox list --wait=bad
inbox next --wait=bad
inbox show
inbox ack
claim --renew --release
claim --wait=bad
claim --ttl bad
claim --role Bad
claim 0x1
claim --as Bad
task add ''
task add -p 9 x
task add -d x y
task add --agent cluade x
task list --state bad
task list --parent x
task show x
task edit x --title y
task edit 1 --title ''
task edit 1 -p 9
task edit 1 --defer zz
task note x y
task note 1 ''
task dep 1 --add x
task done x
task fail x --why y
task cancel x
task reopen x
task wait x
task import /no/such
ask ''
ask x --severity $'a\nb'
ask x --options ''
ask x --to B
ask x --wait=bad
plan show x
plan approve x
plan reject x --why y
spawn --count 0
spawn Bad x
spawn --headless --pane
agents -o nope
agents set a nope x
agents set Bad role x
agents set a restart nope
agents set a role B
attach Bad
peek Bad
peek a -n bad
diff Bad
diff --json --color a
stop Bad
stop --now --freeze a
up Bad
pause Bad
resume Bad
push Bad
retire Bad
heartbeat --state nope
heartbeat --progress nope
heartbeat --note $'a\nb'
merge approve x
merge show x
merge reject x
merge retry x
merge cancel x
log --task x
log --agent B
cost --by nope
path nope
path inbox Bad
path task x
path agent Bad
top --json
END_OF_LIST
is "$wrong" "" "bad usage is 64 without a bus"
is "$outside" "" "and outside of a repository"
code 1 "what is right is told that there is none" cadre send human hi
code 1 "for names, too" cadre stop bob

# Every verb's errors begin with its name, also where standard output is full.
cadre init -q
cadre task add -q x
cadre task list 2>"$t_dir/err" >/dev/full
is "$?" 75 "standard output is full"
like "$(cat "$t_dir/err")" "cadre task: unable to write standard output: *" "which the verb says"
t_end
