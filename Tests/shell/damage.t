#!/usr/bin/env bash
# Damaged files, a full disk, a bus that can't be written, is missing, newer, or another's: said so, and nothing lost.
. "$(dirname "$0")/lib.sh"
t_world
export PYTHONDONTWRITEBYTECODE=1
python3 faults/damage.py
ok "every verb that reads a damaged file names it, and doctor finds it and repairs what can be"
python3 faults/disk.py
ok "a full disk or a read-only one refuses whole what it can't do"

cd "$(t_repository)" || exit 1
for words in 'task list' 'task show 1' claim inbox 'ask list' log recover 'path bus' 'send human x' 'heartbeat'; do
  # shellcheck disable=SC2086 # words to be split
  code 1 "no bus: $words" cadre $words
done
code 1 "no bus: doctor" cadre doctor
code 75 "no repository" cadre -C / task add x
code 64 "a relative bus" env CADRE_DIR=x cadre task list
# shellcheck disable=SC2016 # the inner shell expands it
CADRE_DIR=$t_dir/file code 75 "a file in place of the bus" bash -c 'echo x >"$CADRE_DIR"; cadre task list'

cadre task add one >/dev/null 2>&1
bus=$(cadre path bus)
cp "$bus/version" "$t_dir/version"
for version in 'cadre 2 0123456789abcdef' 'cadre 10 0123456789abcdef with more'; do
  echo "$version" >"$bus/version"
  code 75 "a newer bus: task list" cadre task list
  like "$(cat "$t_dir/err")" "*'$bus' has format * newer than this cadre*" "and says so"
  code 75 "a newer bus: task add" cadre task add two
  code 75 "a newer bus: init" cadre init
  code 75 "a newer bus: doctor --fix" cadre doctor --fix
  is "$(cat "$bus/version")" "$version" "and leaves it alone"
done
cp "$t_dir/version" "$bus/version"
code 0 "back again" cadre task list
mkdir "$t_dir/else" && echo precious >"$t_dir/else/tasks"
code 75 "doctor --fix makes no bus of another directory" env CADRE_DIR="$t_dir/else" cadre doctor --fix
is "$(ls "$t_dir/else")" tasks "and leaves it alone"
if [ "$(id -u)" = 0 ]; then
  chown 12345 "$bus"
  code 75 "another user's bus" cadre task list
  like "$(cat "$t_dir/err")" "*'$bus' belongs to another user*" "and says so"
  code 75 "another user's bus: doctor --fix" cadre doctor --fix
  chown 0 "$bus"
else
  echo "# shown: skipped, not root: another user's bus"
fi
code 0 "nothing happened to it" cadre doctor

# A bus that others can write to.
chmod 777 "$bus"
code 75 "others can write to the bus: task list" cadre task list
like "$(cat "$t_dir/err")" "*others can write to '$bus'*chmod 700*" "and says what to do"
code 75 "doctor" cadre doctor
code 0 "doctor --fix" cadre doctor --fix
is "$(stat -c %a "$bus")" 700 "closes it"
chmod 755 "$bus"
code 0 "others can read it: task list" cadre task list
code 75 "doctor tells" cadre doctor
code 0 "and closes it" cadre doctor --fix
is "$(stat -c %a "$bus")" 700 "for them as well"
t_end
