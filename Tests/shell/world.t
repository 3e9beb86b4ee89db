#!/usr/bin/env bash
# The tests' own world is removed by the test alone, not by a command of its own that is killed as it begins.
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2016 # for then
t_finally 'echo "$BASHPID" >>"$t_dir/ended"'
for ((n = 0; n < 500; n++)); do
  true &
  kill $! 2>/dev/null
done
wait
is "$(cat "$t_dir/ended" 2>&1)" "cat: $t_dir/ended: No such file or directory" "none of 500 has ended it"
t_end
