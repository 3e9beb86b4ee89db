#!/usr/bin/env bash
# Turns: priorities that change, and a file that everybody touches. Who brings the target in each time is not set aside
# for the conflicts that come after; who does not is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
echo changes >log
git add log
git commit -qm log
cadre init -q
git config cadre.gate true
agent bob
agent eve

for n in 1 2 3; do work bob "file$n" 1; done
is "$(cadre merge list | cut -f1 | xargs)" "1 2 3" "first come, first served"
cadre task edit -q -p 0 3
is "$(cadre merge list | cut -f1 | xargs) $(cadre merge list --json | jq -c .priority | xargs)" "3 1 2 0 2 2" "with another priority the order changes"
is "$(cadre merge run | cut -f1 | xargs)" "3 1 2" "in which they land"

begin eve 'the log'
log=$id
write eve log "eve"
as eve cadre task done -q
for n in 1 2 3 4 5; do
  echo "theirs $n" >log
  git commit -qam "theirs $n"
  is "$(cadre merge run | cut -f1,2)" "$log	returned" "conflict $n comes back"
  as eve cadre claim -q "$log"
  as eve cadre merge update -q 2>"$t_dir/err"
  echo "eve and theirs $n" >"$t_dir/eve/log"
  as eve git commit -qam "solved $n"
  as eve cadre task done -q
done
work bob other 1
is "$(cadre merge list | cut -f1 | xargs)" "$log $id" "it does not stand behind who came later"
is "$(cadre merge run | cut -f1,2)" "$log	landed
$id	landed" "and lands"

begin eve 'the log again'
log=$id
write eve log "eve"
as eve cadre task done -q
echo "theirs" >log
git commit -qam "theirs"
for n in 1 2; do
  is "$(cadre merge run | cut -f1,2)" "$log	returned" "a conflict comes back"
  as eve cadre claim -q "$log"
  as eve git commit -q --amend -m "unsolved $n"
  as eve cadre task done -q
done
is "$(cadre merge run 2>/dev/null | cut -f1,2)" "$log	stuck" "submitted as it was three times, a person is asked"
t_end
