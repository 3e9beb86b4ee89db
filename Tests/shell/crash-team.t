#!/usr/bin/env bash
# The verbs on agents' work and on the merge queue killed before each of their file operations and after each call of
# git that changes something, and recover killed before its own: CADRE_TEST_ALL=1 before each, else before every fifth.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
PYTHONDONTWRITEBYTECODE=1 python3 faults/crash.py team
ok "after any kill and one recover every promise holds"

# What a killed verb left does not act on a task that has gone on since, though nobody recovered in between.
export t_agents="$t_dir/world"
mkdir "$t_agents"
t_repository world/repository >/dev/null
cd "$t_agents/repository" || exit 1
cadre init -q
git config cadre.gate true
agent bob
work bob new bob
task=$id
cp -a "$t_agents" "$t_dir/queued"
cadre merge cancel -q "$task"
cp -a "$t_agents" "$t_dir/back"

bad='' points=0
claims_anew() { # TEMPLATE COMMAND...: killed at each change, then the task is opened if it has ended, and claimed
  local template=$1 n code
  shift
  for ((n = 1; ; n++)); do
    rm -rf "$t_agents"
    cp -a "$t_dir/$template" "$t_agents"
    cd "$t_agents/repository" || exit 1
    { CADRE_FAULT=kill:$n "$@"; } >/dev/null 2>&1
    code=$?
    [ "$code" = 137 ] || break
    points=$((points + 1))
    [ "$(state "$task")" != cancelled ] || cadre task reopen -q "$task"
    as bob cadre claim -q "$task" 2>/dev/null || continue
    cadre recover -q
    [ "$(state "$task")" = claimed ] || bad="$bad $* $n: $(state "$task")"
  done
}
claims_anew queued cadre task cancel "$task"
claims_anew queued cadre merge cancel "$task"
claims_anew back cadre merge retry "$task"
is "$bad" "" "a claim made after a kill stays a claim ($points points)"
t_end
