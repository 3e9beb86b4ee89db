#!/usr/bin/env bash
# status: the numbers are those of the lists, also where they were counted before.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
is "$(cadre status 2>/dev/null)" "" "nothing without a bus"
cadre init -q
is "$(cadre status)" "nothing to do" "an empty team"
is "$(cat "$(cadre path status)")" "nothing to do" "kept in a file"

seq 250 | sed 's/^/- [ ] task /' | cadre task import - -q
cadre task add -q -d 1 blocked
numbers() { cadre status --format '%(ready) %(blocked) %(claimed) %(mail) %(asks)'; }
lists() {
  local state
  for state in ready blocked claimed; do cadre task list --state "$state" | wc -l; done
  cadre inbox list | wc -l
  cadre ask list | wc -l
}
old() { find "$(cadre path bus)" -type d -exec touch -d '1 hour ago' {} +; }
same() { is "$(numbers)" "$(lists | xargs)" "$1"; }
same "as the lists say"
old
same "when nothing has changed for long"
same "and from what was counted then"
[ -s "$(cadre path bus)/counts" ]
ok "which is kept"
cadre claim 7 -q
same "a claim is seen"
old
same "counted anew"
cadre --as bob claim -q
cadre task cancel -q 8 9 200
cadre --as bob send -q human hello
cadre ask -q 'what now?'
same "so are cancels, mail, an ask"
echo rubbish >"$(cadre path bus)/counts"
same "rubbish in what was kept is no matter"
is "$(cadre status --json | jq -r .ready)" "$(cadre task list --state ready | wc -l)" "in JSON"
code 64 "a number that is none" cadre status --format '%(nonsense)'
rm -r "$(cadre path bus)/state/review"
code 75 "a directory that is missing is not empty" cadre status
t_end
