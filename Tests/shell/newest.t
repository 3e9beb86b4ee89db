#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# The newest versions of the programs that the registry has, beside those that all else is tried with: which they are, that
# they are not refused, and whether they do as the others do. Where they don't is said; with CADRE_TEST_ALL=1 it is a failure.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
declare -A paths
for program in claude codex; do
  pinned=$("$t_agents/fetch" "$program" 2>/dev/null)
  if path=$("$t_agents/fetch" --newest "$program" 2>"$t_dir/err"); then
    [ "$path" != "$pinned" ] || echo "# shown the newest $program is the one that all is tried with: $("$path" --version </dev/null)"
    [ "$path" = "$pinned" ] || paths[$program]=$path
  else
    echo "# shown skipped: $(tail -n 1 "$t_dir/err")"
  fi
done
[ -d "$t_dir" ]
ok "the registry was asked"
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
echo '{"permissions": {"defaultMode": "manual", "allow": ["Bash(note:*)"]}}' >"$HOME/.claude/settings.json"
t_program note <<'END'
echo "$1" >>"$HOME/noted"
END
noted() { grep -qx "$1" "$HOME/noted"; }
cadre init -q

does() { # NAME COMMAND...: whether it does as the others do
  local name=$1
  shift
  if wait_for 60 "$@"; then ok "$name"; elif [ -n "${CADRE_TEST_ALL:-}" ]; then is differs "does as the others" "$name"; else echo "# shown $version differs: not $name"; fi
}
is_asked() { [ "$(cadre ask list | grep -c permission)" = 1 ] && is_state "$program" waiting; }
for program in "${!paths[@]}"; do
  ln -sf "${paths[$program]}" "$t_dir/bin/$program"
  version="$program $("$program" --version </dev/null | grep -o '[0-9][0-9.]*' | head -n 1)"
  echo "# shown the newest: $version"
  code 0 "$version is not refused" cadre spawn -q "$program" --agent "$program" --no-pull
  if git config --file "$t_agents/../../shell/programs/$program" --get-all "cadre.program.$program.tried" | grep -qxF "${version#* }"; then
    is "$(cadre doctor 2>&1 | grep -c "'$program' is of version")" 0 "doctor knows it"
  else
    like "$(cadre doctor 2>&1)" "*'$program' is of version ${version#* } here*" "doctor says that it was not tried"
  fi
  does "$version is idle at its start" is_state "$program" idle
  cadre send -q "$program" "%run note $program
%say heard"
  does "$version acts on mail" noted "$program"
  does "$version is idle at the end of a turn" is_state "$program" idle
  form='%run @'
  [ "$program" = claude ] || form='%call exec_command {"cmd": "@", "sandbox_permissions": "require_escalated", "justification": "a test"}'
  cadre send -q "$program" "${form/@/touch asked}
%say asked"
  does "$version has what it asks answered" is_asked
  cadre ask list | grep permission | cut -f 1 | cadre ask approve -q - 2>/dev/null
  does "$version does what was approved" test -e "$(field "$program" worktree)/asked"
  does "$version is idle after that" is_state "$program" idle
  before=$(a_conversation "$program")
  kill -9 "$(a_program "$program")"
  cadre send -q "$program" "%run note $program-again
%say again"
  does "$version goes on after a kill" noted "$program-again"
  does "$version is in the same conversation" [ "$(a_conversation "$program")" = "$before" ]
  cadre retire -q --discard "$program"
done
t_end
