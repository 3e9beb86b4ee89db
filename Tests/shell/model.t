#!/usr/bin/env bash
# The tests' own model: the real programs, without a terminal and without cadre, do what it tells them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../agents/programs.sh"
a_fetch claude codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"

claude() { timeout 60 "$t_dir/bin/claude" -p --dangerously-skip-permissions "$@" </dev/null 2>&1; }
codex() { timeout 60 "$t_dir/bin/codex" exec --dangerously-bypass-approvals-and-sandbox "$@" </dev/null 2>"$t_dir/codex.err"; }

is "$(claude '%say good day')" "good day" "claude says what it is told"
claude $'%run echo one >>claude\n%run echo two >>claude\n%say done' >/dev/null
is "$(xargs <claude)" "one two" "and runs commands, one after the other"
is "$(claude $'%fail 529 1\n%say it works again')" "it works again" "it tries again where the model is overloaded"
like "$(claude '%fail 400')" "*400*" "and tells an error"
is "$(codex '%say good day')" "good day" "codex says what it is told"
codex $'%run echo one >>codex\n%run echo two >>codex\n%say done' >/dev/null
is "$(xargs <codex)" "one two" "and runs commands, one after the other"
start=$(date +%s%N)
codex $'%wait 2\n%say late' >/dev/null
[ $(($(date +%s%N) - start)) -ge 2000000000 ]
ok "the model takes the time that it is told to"
t_end
