#!/usr/bin/env bash
# The verbs that scripts call most are executables of their own as well: from the same code, with no more of it than they
# use.
. "$(dirname "$0")/lib.sh"
t_world
top=$(cd ../.. && pwd)
cd "$(t_repository)" || exit 1

package=$(swift package --package-path "$top" describe --type json 2>/dev/null)
alone=$(jq -r '.products[].name | select(. != "cadre")' <<<"$package" | sort | xargs)
is "$alone" "cadre-claim cadre-heartbeat cadre-inbox cadre-merge cadre-send cadre-spawn" "those that are"
for own in $alone; do
  is "$("$CADRE_BIN/$own" --version)" "$(cadre --version)" "$own is of the same version"
  is "$(jq -r --arg name "$own" '.targets[] | select(.name == $name).target_dependencies | join(" ")' <<<"$package")" \
    "$(sed 's/^cadre-//; s/./\U&/' <<<"$own")Command" "and made of that verb alone"
done
[ "$(stat -c %s "$CADRE_BIN/cadre-claim")" -lt "$(stat -c %s "$CADRE_BIN/cadre")" ]
ok "which is less than all of them"

verb() {
  local name=$1
  shift
  "$CADRE_BIN/cadre-$name" "$@"
}
cadre init -q
is "$(cadre task add one)" 1 "a task"
is "$(verb claim | cut -f 1)" 1 "claim"
code 0 "heartbeat" verb heartbeat --note 'at it'
code 64 "errors are the same" verb claim --frobnicate
like "$(cat "$t_dir/err")" "cadre claim: *" "and name the verb"
is "$(verb spawn bob --no-worktree --agent 'exec tail -f /dev/null')" bob "spawn, which starts a supervisor"
is "$(cadre agents -o name,state)" "bob	idle" "of all verbs"
like "$(verb send bob hello)" "*	bob" "send"
is "$(verb inbox --as bob | wc -l)" 1 "inbox"
is "$(verb merge list)" "" "merge"
cadre retire -q bob
t_end
