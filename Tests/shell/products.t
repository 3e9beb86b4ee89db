#!/usr/bin/env bash
# Each verb is an executable of its own as well, built from the same code.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1

swift package --package-path "$OLDPWD/../.." dump-package | jq -r '.products[].name' >"$t_dir/products"
is "$(sort "$t_dir/products" | xargs)" "$({ echo cadre && cadre --list-verbs | sed 's/^/cadre-/'; } | sort | xargs)" "each verb has one"
without=
for own in "$CADRE_BIN"/cadre-*; do
  { [ -x "$own" ] && [ -f "$own" ]; } || continue
  [ "$("$own" --version 2>&1)" = "$(cadre --version)" ] || without+=" ${own##*/}"
done
is "$without" "" "those that are built are of the same version"

verb() {
  local name=$1
  shift
  "$CADRE_BIN/cadre-$name" "$@"
}
is "$(verb task add one 2>/dev/null)" 1 "task"
is "$(verb claim | cut -f 1)" 1 "claim"
is "$(verb task done --no-merge)" 1 "done"
code 64 "errors are the same" verb claim --frobnicate
like "$(cat "$t_dir/err")" "cadre claim: *" "and name the verb"
is "$(verb spawn bob --no-worktree --agent 'exec tail -f /dev/null')" bob "spawn, which starts a supervisor"
is "$(verb agents -o name,state)" "bob	idle" "agents"
is "$(verb retire bob)" bob "retire"
t_end
