#!/usr/bin/env bash
# What is no file, in place of a file of the bus, is neither waited for nor followed: each verb refuses it by its name.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus)
cadre task add -q one

cadre ask -q 'what is it?'
mail=$(cadre send human hi | cut -f 1)
strange() { # FILE VERB...: with a pipe, a device and a link in its place
  local file=$bus/$1 kind
  shift
  mv "$file" "$t_dir/aside"
  for kind in pipe device link; do
    case $kind in
      pipe) mkfifo "$file" ;;
      device) ln -s /dev/zero "$file" ;;
      link) ln -s "$t_dir/target" "$file" && rm -f "$t_dir/target" && [ "$file" != "$bus/version" ] || continue ;;
    esac
    timeout 10 cadre "$@" </dev/null >/dev/null 2>"$t_dir/err"
    case $?.$kind in
      75.*) like "$(cat "$t_dir/err")" "*'$file'*" "a $kind as ${file#"$bus"/} is refused by name: $*" ;;
      *.link) [ ! -e "$t_dir/target" ] && ok "a link as ${file#"$bus"/} is not followed" ;;
      *) is "$? $kind" 75 "a $kind as ${file#"$bus"/} is refused: $*" ;;
    esac
    rm -f "$file"
  done
  mv "$t_dir/aside" "$file"
}
strange version task list
strange tasks/1/task task show 1
strange ids task add x
strange lock task add x
cadre spawn -q idler --headless --agent 'exec sleep 1000' --no-worktree
cadre stop -q idler
strange agents/idler/alive stop idler
strange agents/idler/alive status
mkfifo "$t_dir/environment"
mv "$t_dir/environment" "$bus/agents/idler/environment"
code 75 "what an agent's start needs: up" timeout 25 cadre up idler
like "$(cat "$t_dir/err")" "*$bus/agents/idler/environment*tried 3 times*" "is told of by its name"
cadre retire -q idler
cadre task list --state ready | cadre task cancel -q -
code 1 "a place in the line" cadre --as worker claim --role tester --wait=1s
strange state/ready/role=tester/turn --as worker claim --role tester --wait=1s
strange asks/open/1 ask list
strange "mail/human/new/$(find "$bus/mail/human/new" -type f -printf %f)" inbox
journal=$(find "$bus/journal" -type f -printf "%f\n" | tail -n 1)
lines=$(wc -l <"$bus/journal/$journal")
mv "$bus/journal/$journal" "$t_dir/journal"
ln -s "$t_dir/journal" "$bus/journal/$journal"
cadre task add -q more 2>/dev/null
is "$(wc -l <"$t_dir/journal")" "$lines" "a journal that is a link is not followed"
code 75 "doctor" cadre doctor
like "$(cat "$t_dir/out")" "*$bus/journal/$journal	not a regular file*" "names it"
mv "$t_dir/journal" "$t_dir/elsewhere"
code 75 "one to nothing is no empty log" cadre log
mv "$t_dir/elsewhere" "$t_dir/journal"
mkfifo "$t_dir/lock" && mv "$bus/lock" "$t_dir/kept-lock" && mv "$t_dir/lock" "$bus/lock"
code 0 "doctor --fix, with a lock that is a pipe as well" timeout 20 cadre doctor --fix
is "$(find "$bus/journal" "$bus/lock" ! -type f ! -type d)" "" "puts both by"
rm -f "$bus/journal/$journal" "$bus/lock"
mv "$t_dir/journal" "$bus/journal/$journal" && mv "$t_dir/kept-lock" "$bus/lock"
is "$(cadre inbox | cut -f 1)" "$mail" "what was there is there again"
is "$(cadre task add -F <(echo 'from a pipe') piped | xargs cadre task show --body)" "from a pipe" "what a person names may be a pipe"
t_end
