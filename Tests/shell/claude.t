#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Claude Code as an agent, the real program against a model on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
cadre init -q

count_conversation() { pgrep -f "claude .*--(resume|session-id) $1" | wc -l; }
a_asking='%run touch "$HOME/asked"'
a_question='Do you want to proceed'
export CLAUDE_CODE_MAX_RETRIES=1 # Else the end of a turn takes minutes while the model is away.
a_story claude

# What no hook is told, and what begins a conversation anew.
keys() { tmux -L "$t_server" send-keys -t "$(field four pane)" "$@"; }
git config cadre.rule 'A rule of the house.'
# Too long a task to be told whole.
cadre spawn -q four --agent claude --no-worktree --no-pull "the work of four
%say begun
$(seq -f 'line %g of its work' 600)"
wait_for 20 a_shows four '● begun'
wait_for 10 is_state four idle
cadre send -q four '%wait 20
%say never'
wait_for 10 is_state four working
wait_for 10 a_shows four 'esc to interrupt'
since=$(date +%s%N)
keys Escape
wait_for 10 is_state four idle
ok "a turn that is broken off ends in idle"
a_since "idle after Esc" "$since"
keys C-u
a_model_down
cadre send -q four 'said without a model'
wait_for 20 a_shows four 'API Error: Connection refused'
since=$(date +%s%N)
wait_for 20 eval '[[ "$(field four state),$(field four note)" == "idle,the turn failed: server_error: API Error: Connection refused"* ]]'
ok "without a model it ends in idle, with why"
a_since "idle without a model" "$since"
mkdir .claude
# shellcheck disable=SC2028 # JSON has its own
echo '{"statusLine": {"type": "command", "command": "jq -r \"\\\"the line of \\(.workspace.project_dir)\\\"\""}}' >.claude/settings.json
cadre spawn -q late --agent claude --no-worktree --no-pull '%say not heard'
wait_for 20 eval '[[ "$(field late state),$(field late note)" == "idle,the turn failed: server_error"* ]]'
ok "one that is started without a model as well"
a_model_up
cadre send -q late '%say heard now'
wait_for 20 a_shows late '● heard now'
ok "and mail wakes it once there is one"
wait_for 10 eval '[ "$(field late state),$(field late note)" = idle, ]'
ok "and what went wrong is over"
wait_for 10 a_shows late "the line of $PWD"
ok "a status line of the project is shown"
# shellcheck disable=SC2028 # JSON has its own
echo '{"statusLine": {"type": "command", "command": "echo broken; exit 3"}}' >.claude/settings.json
cadre spawn -q plain --agent claude --no-worktree --no-pull
wait_for 20 a_shows plain '^ *plain · '
ok "where it fails, ours"
! a_shows plain broken
ok "and nothing of it"
cadre retire -q plain
rm -r .claude
cadre retire -q late
# What was broken off is handed over once more, and is not to be waited for.
cadre send -q four '%wait 0
%say and with one'
wait_for 20 a_shows four '● and with one'
ok "once there is one it goes on"
[ "$(jq -c '.body | tojson | select(contains("said without a model") and contains("%say and with one"))' "$t_dir/model.log" | wc -l)" -gt 0 ]
ok "with what it was told before as well"
wait_for 10 is_state four idle
before=$(a_conversation four)
cadre send -q four '%fail 400'
wait_for 20 eval '[[ $(field four note) == "the turn failed: API Error: 400 told to fail"* ]]'
ok "a turn that fails ends in idle, with what the program says of it"
is_state four idle
ok "as its state says"
keys -l /clear
wait_for 5 a_shows four /clear
keys Enter
wait_for 10 eval '[ "$(a_conversation four)" != "$before" ]'
ok "a conversation cleared is another one"
wait_for 10 is_state four idle
cadre send -q four '%say cleared'
wait_for 10 a_shows four cleared
# What the model was told of the agent in the turn that ends with this text, with the number of times.
primed() {
  jq -r --arg text "%say $1" '.body | select(tojson | contains($text)) | [.. | .text? // .content? | strings] | join("\n")' "$t_dir/model.log" >"$t_dir/told"
  sed -n "/You are 'four'/,/cadre agents\\.$/p" "$t_dir/told" >"$t_dir/primed"
  grep -c "You are 'four'" "$t_dir/primed"
}
is "$(primed cleared)" 1 "and is told once what it must know"
is "$(grep -c -e '^Your task is .*: the work of four$' -e '^- A rule of the house\.$' "$t_dir/primed")" 2 "with its task and the rules"
wait_for 5 is_state four idle
keys -l /compact
wait_for 5 a_shows four /compact
# It waits: a line is half typed.
cadre send -q four -s 'not read yet' '%say made shorter'
keys Enter
wait_for 20 a_shows four '● made shorter'
is "$(primed 'made shorter')" 1 "a conversation made shorter: it is told once again"
is "$(grep -c -e '^Your task is .*: the work of four$' -e '^- A rule of the house\.$' -e 'from human: not read yet$' "$t_dir/primed")" 3 "with its task, the rules and the mail that it has not read"
[ "$(wc -c <"$t_dir/primed")" -le 9000 ] && grep -q 'bytes in all: cadre task show' "$t_dir/primed"
ok "bounded: a long task is cut, and says where the rest is"
cadre retire -q four

# What it costs: each answer of the model the same, by Claude Code's own prices.
of() { cadre cost --by agent --json | jq -c "select(.agent == \"$1\") | .$2"; }
[ "$(of one money)" != null ] && [ "$(of one input)" -ge 10000 ]
ok "all that was used is known, of those retired as well: $(cadre cost --by agent | grep ^one | xargs)"
cadre spawn -q nine --agent claude --no-worktree --no-pull --auto '%run cd .
%say two answers'
wait_for 20 eval '[ "$(of nine input)" = 2000 ]'
wait_for 10 eval '[ "$(of nine money)" = 0.0084 ] && [ "$(of nine context)" = 0 ]'
wait_for 10 eval '[ "$(of nine output)" = 20 ]'
is "$(of nine output),$(of nine context)" "20,0" "tokens and how full it is"
is "$(cadre cost --by task --json | jq -c "select(.task == $(field nine task)) | .money")" "$(of nine money)" "all for its task"
a_shows nine "nine · $(field nine task) .*0%"
ok "its status line says so"
before=$(of nine money)
kill -9 "$(a_program nine)"
wait_for 20 a_shows nine 'go on with task'
wait_for 20 eval '[ "$(of nine input)" = 4000 ]'
# Money and tokens are read in two ways.
wait_for 10 eval '[ "$(jq -n "$(of nine money) / $before * 2000")" = 4000 ]'
is "$(jq -n "$(of nine money) / $before * 2000")" "$(of nine input)" "killed and gone on with: what it used then, and nothing twice"

# A budget.
git config cadre.budget "$(of nine money)/agent"
cadre send -q nine '%run touch "$HOME/more"'
wait_for 10 eval '[[ $(field nine note) == *"is used up"* ]]'
ok "the budget is used up: its state says so"
is "$(cadre ask list | cut -f1)" budget-agent-nine "the person is asked"
tmux -L "$t_server" send-keys -t "$(field nine pane)" -l '%run touch "$HOME/mine"'
wait_for 5 a_shows nine 'touch .*mine'
tmux -L "$t_server" send-keys -t "$(field nine pane)" Enter
wait_for 10 test -e "$HOME/mine"
ok "a person's own words are taken"
cadre ask answer -q budget-agent-nine 100
wait_for 20 test -e "$HOME/more"
ok "raised, what waited is handed over"
cadre retire -q nine
t_end
