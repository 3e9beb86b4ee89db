#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# A native lead, the real Claude Code, whose teammate is an agent of cadre, of another program.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
a_fetch claude
recipe=$(cd ../../shell/recipes && pwd)/teammate
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
cadre init -q
tmux() { command tmux -L "$t_server" "$@"; }

# What it does where it is not to do anything: it is claude.
printf '#!/bin/sh\necho "claude $*"\n' >"$t_dir/plain"
chmod +x "$t_dir/plain"
mkdir "$t_dir/first"
ln -s "$t_dir/plain" "$t_dir/first/claude"
alone() { PATH="$t_dir/first:$PATH" "$recipe" --agent-name helper --team-name session-1 --flag 'a b' 2>&1; }
is "$(alone)" "cadre: cadre.teammate is not set: this teammate is claude itself
claude --agent-name helper --team-name session-1 --flag a b" "off unless it was asked for"
git config cadre.teammate mate
like "$(alone)" "*of an unknown version was not tried with this: *claude --agent-name*" "and for versions that it was not seen with"

# A program that tells its lead that it is done, and what else it is told.
t_program mate <<'END'
printf '%s\n' "$CADRE_PROMPT" >"$t_dir/prompt"
cadre send -q @parent 'it is %say seen'
while cadre inbox next --wait >"$t_dir/mail.new"; do mv "$t_dir/mail.new" "$t_dir/mail"; done
END
export CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS=1 CLAUDE_CODE_TEAMMATE_COMMAND=$recipe
tmux new-session -d -x 180 -y 50 -s lead -- claude --teammate-mode tmux
shows() { tmux capture-pane -p -t =lead: | grep -q "$1"; }
wait_for 40 shows '^❯'
type_in() {
  printf '%s\n' "$1" | tmux load-buffer -b text - \; paste-buffer -p -d -b text -t =lead: \; send-keys -t =lead: Enter
}
type_in '%call Agent {"description": "help", "prompt": "do the thing", "name": "Helper", "subagent_type": "general-purpose"}'
wait_for 30 test -s "$t_dir/prompt"
like "$(cat "$t_dir/prompt")" "do the thing*" "the lead's words are the agent's"
is "$(cadre agents -o name,program | grep helper)" "helper	mate" "which runs its own program"
said() { jq -e 'select(.body | tostring | contains("it is %say seen"))' "$t_dir/model.log"; }
wait_for 30 said
ok "what it tells its parent the lead's model sees"
ready() { shows '^● ready' && ! shows 'esc to interrupt'; }
wait_for 20 ready
type_in '%call SendMessage {"to": "Helper", "message": "and another thing", "summary": "more"}'
wait_for 30 grep -q 'another thing' "$t_dir/mail"
ok "what the lead writes later is its mail"
tmux kill-session -t =lead:
tmux kill-server 2>/dev/null
cadre agents -o name | cadre retire -q --discard -
code 0 "the bus is sound" cadre doctor
t_end
