#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# A running Claude Code in a pane of the person's becomes an agent: the real program against a model on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude
t_world
a_model
repository=$(t_repository)
cd "$repository" || exit 1
a_user "$PWD"
export CLAUDE_CODE_MAX_RETRIES=1
cadre init -q
user() { cd "$HOME" && cat .claude/settings.json && jq -S 'del(.. | .numStartups?, .projects?)' .claude.json | grep cadre; }
before=$(user)
tmux() { command tmux -L "$t_server" "$@"; }
tmux new-session -d -x 120 -y 40 -s mine -- claude
pane=$(tmux list-panes -t mine -F '#{pane_id}')
process=$(tmux list-panes -t mine -F '#{pane_pid}')
file=$HOME/.claude/sessions/$process.json
status() { [ "$(jq -r .status "$file")" = "$1" ]; }
wait_for 40 status idle

# What is not to be adopted.
code 1 "no such pane" cadre spawn --adopt %99
code 1 "a pane that is another's" env CADRE_AGENT=x cadre spawn --adopt no-pane
code 64 "a program of which nothing is known" cadre spawn --adopt "$pane" --agent codex
code 64 "what it can't have" cadre spawn --adopt "$pane" 'a prompt of several words'
version=$(jq -r .version "$file")
git config cadre.program.claude.tried 0.0.1
code 1 "a version that was not tried" cadre spawn --adopt "$pane"
like "$(cat "$t_dir/err")" "*'claude' $version was not tried*known: 0.0.1" "is told of"
git config --unset cadre.program.claude.tried
other=$(t_repository other)
code 1 "one that works elsewhere" env -C "$other" sh -c "cadre init -q; cadre spawn --adopt $pane"
like "$(cat "$t_dir/err")" "*works in '$repository', which is not in this repository" "is told of"
tmux new-window -d -n plain -- sleep 1000
code 1 "a pane with another program" cadre spawn --adopt "$(tmux list-panes -t =mine:plain -F '#{pane_id}')"
is "$(cadre agents)" "" "none of it left anything"

# Adopted.
is "$(cadre spawn one --adopt "$pane" 2>"$t_dir/err")" one "adopted"
like "$(cat "$t_dir/err")" "*no hooks*" "and what it can't have is said"
is "$(tmux show-options -p -t "$pane" | grep -c cadre)" 0 "its pane is not marked"
code 1 "twice" cadre spawn two --adopt "$pane"
is "$(cadre agents --json | jq -r '.program + " " + .parent // "-"')" "claude " "it is an agent"
woken() { cadre peek one | grep -q "cadre inbox next --as one"; }
wait_for 20 woken
ok "told by mail who it is, which is typed to it"
tmux send-keys -t "$pane" C-u
wait_for 20 status idle
wait_for 10 is_state one idle
cadre inbox --as one | cut -f 1 | cadre inbox -q --as one ack -
tmux send-keys -t "$pane" -l '%run timeout 5 tail -f /dev/null'
tmux send-keys -t "$pane" Enter
wait_for 20 status waiting
wait_for 5 is_state one waiting
is "$(cadre agents --json | jq -r .source)" "state file" "that it waits is seen by its own file"
tmux send-keys -t "$pane" Escape
wait_for 20 is_state one idle
ok "and that it is idle"

# Whether a turn stood is told by its conversation's record, whatever its words say.
words() {
  tmux send-keys -t "$pane" -l "$1"
  tmux send-keys -t "$pane" Enter
}
words '%say API Error: 400 is what I was asked about'
wait_for 20 a_shows one '● API Error: 400 is what'
wait_for 20 is_state one idle
is "$(field one note)" "" "words about an error are none"
words '%fail 400'
wait_for 20 eval '[[ "$(field one state),$(field one note)" == "idle,the turn failed: "*"told to fail with 400"* ]]'
ok "a turn that failed is told of"
wait_for 10 eval '[ "$(cadre ask list | cut -f 1)" = failing-one ]'
ok "and a person is asked where that lasts"
words '%say fine'
wait_for 20 a_shows one '● fine'
wait_for 20 eval '[ "$(field one state),$(field one note),$(cadre ask list)" = idle,, ]'
ok "until one stands"

# Let go of: it goes on.
code 0 "retired" cadre retire one
like "$(cat "$t_dir/err")" "*'one' was adopted: its program goes on in pane $pane*" "it is said that it goes on"
status idle && kill -0 "$process"
ok "and it does"
is "$(cadre agents)" "" "there is no agent any more"

# Ended by itself, and started as ours.
cadre spawn -q one --adopt "$pane" 2>/dev/null
id=$(jq -r .sessionId "$file")
before_pid=$(field one pid)
kill -9 "$before_pid"
wait_for 10 is_state one dead
cadre up -q one
wait_for 10 is_state one idle
kill -0 "$process"
ok "its supervisor killed: it lives, and is accompanied again"
kill "$process"
wait_for 10 is_state one resting
ok "it has ended: the agent rests"
cadre up -q one
wait_for 20 is_state one idle
is "$(sed -n 's/^Id: //p' "$(cadre path agent one)/conversation")" "$id" "started again it goes on with its conversation"
wait_for 5 eval '[ "$(pgrep -fc "claude .*--resume $id")" = 1 ]'
ok "as an agent with hooks"
cadre retire -q one
is "$(user)" "$before" "the user's settings are as they were"
code 0 "the bus is sound" cadre doctor
t_end
