#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# What a program is, read off its screen by the place where it stands: the real programs against a model on loopback, whose
# conversation says what dialogs say.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
export CLAUDE_CODE_MAX_RETRIES=1
unset NO_COLOR CI
cadre init -q

keys() { tmux -L "$t_server" send-keys -t "$(field "$1" pane)" "${@:2}"; }
hears() { # NAME WHAT: mail is acted on
  cadre send -q "$1" "%run echo $2 >>\"\$HOME/$1\"
%say $2"
  wait_for 40 grep -qx "$2" "$HOME/$1"
  ok "$1: mail is heard $3"
  wait_for 20 is_state "$1" idle
}
every='Do you want to proceed? Would you like to go on?\n❯ 1. Yes\n› 1. Yes\nQuick safety check: yes?\nTrust this folder? It is mine.\nHooks need review\nMake auto mode your default\nesc to interrupt\n────────────────────────────────\n❯ 2. No'

a_heard() { # claude|codex
  local id name=$1
  cadre spawn -q "$1" --agent "$1" --no-pull --no-worktree --auto
  wait_for 20 is_state "$1" idle
  hears "$1" first "beside what is proposed in its box, if anything is"
  cadre send -q "$1" '%say Parser done. Do you want to keep the old API? Would you like to see it?'
  wait_for 20 a_shows "$1" 'Would you like to see it'
  wait_for 20 is_state "$1" idle
  hears "$1" asked "after a turn that ends in a question"
  cadre send -q "$1" "%say $every"
  wait_for 20 a_shows "$1" 'Hooks need review'
  wait_for 20 is_state "$1" idle
  ok "$1: idle, whatever the model says"
  hears "$1" second "below words like those of its dialogs"
  is "$(field "$1" state),$(field "$1" note)" "idle," "and it is said to wait for nobody"

  # A person types below such words.
  git config cadre.answerDialogs trust
  cadre send -q "$1" "%say $every"
  wait_for 20 eval '[ "$(cadre peek "$name" | grep -c "Hooks need review")" -ge 2 ]'
  wait_for 20 is_state "$1" idle
  keys "$1" -l 'half a line'
  wait_for 10 a_shows "$1" 'half a line'
  id=$(cadre send "$1" "%run echo third >>\"\$HOME/$1\"
%say third" | cut -f 1)
  wait_for 10 eval '[[ $(field "$name" note) == "mail waits: a line is half typed"* ]]'
  is "$(field "$1" state),$(field "$1" note)" "idle,mail waits: a line is half typed in its pane" "$1: a draft in its box is why mail waits"
  a_shows "$1" 'half a line' && cadre inbox --as "$1" | grep -q "^$id"
  ok "it is left alone, and mail unread"
  keys "$1" C-u
  wait_for 30 grep -qx third "$HOME/$1"
  ok "mail comes when it is gone"
  wait_for 10 eval '[ "$(field "$name" state),$(field "$name" note)" = idle, ]'
  ok "and nothing is said of it any more"
  git config --unset cadre.answerDialogs

  # The lines of the last session stand above those of the next.
  cadre send -q "$1" "%run printf '%%b\\n' '$every' >\"\$HOME/every\"; cadre handoff 'short notes'
%say $every"
  wait_for 40 eval 'cadre log --json | jq -e --arg name "$name" "select(.event == \"started\" and .by == \$name and .session == \"2\")"'
  wait_for 20 is_state "$1" idle
  hears "$1" fourth "by the session after its own handoff"
  cadre retire -q "$1"
}
NO_COLOR=1 a_heard claude
# What it proposes in its box while nothing is typed is told by how it is drawn.
for entry in CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN=1 DISABLE_AUTOUPDATER=1 CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION=1; do
  git config --add cadre.program.claude.environment "$entry"
done
cadre spawn -q proposed --agent claude --no-pull --auto
wait_for 20 is_state proposed idle
# Not in the first turns, and not after each.
n=0
until [ "$n" -ge 4 ] && wait_for 5 a_shows proposed '❯.*run the tests now' || [ "$n" -gt 12 ]; do
  n=$((n + 1))
  keys proposed -l "%say mine $n"
  wait_for 10 a_shows proposed "%say mine $n"
  keys proposed Enter
  wait_for 20 a_shows proposed "● mine $n"
  wait_for 20 is_state proposed idle
done
a_shows proposed '❯.*run the tests now'
ok "a proposal stands in its box"
hears proposed eighth "beside a proposal in its box"
cadre retire -q --discard proposed
a_heard claude
a_heard codex
git config --unset-all cadre.program.claude.environment

# A dialog that nobody knows.
printf '{"mcpServers": {"some": {"command": "true"}}}\n' >.mcp.json
git add .mcp.json && git commit -qm servers
cadre spawn -q strange --agent claude --auto
wait_for 5 is_state strange waiting
like "$(field strange state),$(field strange note)" "waiting,not at its input line: *MCP server*" "a dialog that is not known is what it waits for, in its own words"
wait_for 15 eval 'cadre ask list | grep -q waits-strange'
like "$(cadre ask show waits-strange)" "*MCP server*cadre attach strange*" "and an ask says so"
cadre stop -q strange
is "$(cadre ask list)" "" "which goes with its program"
cadre up -q strange
asked_at() { cadre ask show waits-strange --json 2>/dev/null | jq .time; }
wait_for 15 eval '[ -n "$(asked_at)" ]'
before=$(asked_at)
kill -9 "$(field strange pid)"
# By itself or by another's supervisor.
cadre up -q strange
wait_for 15 eval '[[ "$(asked_at)" != @("$before"|) ]]'
ok "or with its supervisor, and is asked anew"
keys strange Escape
wait_for 20 is_state strange idle
ok "answered, it is idle"
wait_for 10 eval '[ -z "$(cadre ask list)" ]'
ok "and the ask is closed"
hears strange fifth "then"
cadre retire -q --discard strange

# A question that begins as those for a permission do, and that no hook tells.
jq '.customApiKeyResponses.approved = []' "$HOME/.claude.json" >"$HOME/new" && mv "$HOME/new" "$HOME/.claude.json"
cadre spawn -q keyed --agent claude --auto
wait_for 10 is_state keyed waiting
is "$(field keyed note)" "the dialog 'API key'" "so is the question about a key"
wait_for 15 eval 'cadre ask list | grep -q waits-keyed'
ok "and an ask says so"
cadre retire -q --discard keyed
wait_for 10 eval '[ -z "$(cadre ask list)" ]'
a_user "$PWD"

# What a person types to its shell is left alone, whatever words stand above, right after its first turn.
git config cadre.answerDialogs trust
cadre spawn -q typing --agent claude --no-worktree --auto --no-pull '%say Quick safety check: is the parser right?'
wait_for 20 a_shows typing '● Quick safety'
wait_for 20 is_state typing idle
keys typing -l '!'
wait_for 10 a_shows typing 'for shell mode'
keys typing -l 'touch typed'
wait_for 10 a_shows typing 'touch typed'
id=$(cadre send typing '%say heard' | cut -f 1)
wait_for 20 eval '[[ "$(field typing note)" == *"half typed"* ]]'
ok "mail waits for what is typed to its shell"
[ ! -e typed ]
ok "which nobody has sent"
like "$(cadre log)" "!(*dialog answered*)" "nor taken for a dialog"
keys typing C-u
keys typing BSpace
wait_for 20 a_read typing "$id"
ok "and comes when it is gone"
cadre retire -q --discard typing
git config --unset cadre.answerDialogs

# A line that is half typed keeps no mail that was read meanwhile.
cadre spawn -q half --agent claude --no-pull --auto
wait_for 20 is_state half idle
keys half -l 'my own words'
wait_for 10 a_shows half 'my own words'
id=$(cadre send half 'to be read elsewhere' | cut -f 1)
wait_for 10 eval '[[ "$(field half note)" == *"half typed"* ]]'
cadre inbox -q --as half ack "$id"
wait_for 10 eval '[ -z "$(field half note)" ]'
ok "read elsewhere, nothing waits any more, and nothing says so"
cadre retire -q --discard half

# Commands that name it.
cadre spawn mine --agent "exec claude --model opus" --no-worktree >/dev/null 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*'exec claude --model opus' is a command of yours: *use --agent 'claude OPTION...'*" "a command that names a known program: what that means is said"
cadre retire -q --discard mine
cadre spawn mine --agent claude --no-pull --no-worktree --auto -- --append-system-prompt 'one; (two)' >/dev/null 2>"$t_dir/err"
is "$(cat "$t_dir/err")" "" "an option's words are its own, whatever the shell would make of them"
wait_for 20 is_state mine idle
hears mine seventh "by one of further options"
cadre retire -q --discard mine

# One that comes with an option, and that no rule answers.
cadre spawn -q bold --agent claude -- --dangerously-skip-permissions
wait_for 10 is_state bold waiting
like "$(field bold state),$(field bold note)" "waiting,*Bypass Permissions*" "so is the warning before a program that asks nobody"
wait_for 15 eval 'cadre ask list | grep -q waits-bold'
like "$(cadre ask show waits-bold)" "*Bypass Permissions*cadre attach bold*" "and an ask says so"
cadre retire -q --discard bold
wait_for 10 eval '[ -z "$(cadre ask list)" ]'
ok "which goes with it"

# Codex's plan mode: between its turns it is idle as ever, and a plan is a dialog after the turn. On a machine that is
# busy it may come to tmux late: where $t_dir/behind is, tmux shows what it showed.
real=$(command -v tmux)
t_program tmux <<E
case "\$*" in
*' capture-pane -p -e '*)
  if [ -e "\$t_dir/behind" ]; then
    echo >>"\$t_dir/looks"
    exec cat "\$t_dir/shown"
  fi
  '$real' "\$@" >"\$t_dir/shown.new" && mv "\$t_dir/shown.new" "\$t_dir/shown" && exec cat "\$t_dir/shown" ;;
esac
exec '$real' "\$@"
E
looks() { [ "$(wc -l <"$t_dir/looks")" -ge "$1" ]; }
cadre spawn -q planner --agent codex --no-pull
wait_for 20 is_state planner idle
# Codex forgets a mode that it is given before its first start is over, as its first turn shows.
hears planner fifth "before its plan mode"
keys planner -l /plan
wait_for 10 a_shows planner 'switch to Plan mode'
keys planner Enter
wait_for 10 a_shows planner 'for Plan mode'
hears planner sixth "in plan mode"
touch "$t_dir/behind"
cadre send -q planner '%say <proposed_plan>\n# A plan\n\n1. do it\n</proposed_plan>\n'
wait_for 20 a_shows planner 'Implement this plan'
seen=$(wc -l <"$t_dir/looks")
wait_for 10 looks $((seen + 2))
ok "a plan that has not come to tmux when it is looked"
rm "$t_dir/behind"
is_planned() { [ "$(field planner state),$(field planner note)" = "waiting,the dialog 'plan'" ]; }
wait_for 10 is_planned
ok "a plan that waits for its person: it says so"
if ! is_planned; then
  # What is to be known where it doesn't.
  {
    cadre agents --json
    cadre log -n 9
    cadre peek planner
    ps -o pid,ppid,stat,wchan:20,etimes,args -p "$(field planner pid)" --ppid "$(field planner pid)"
  } | sed 's/^/# /'
fi
# The hook that tells of the turn's end is started before the plan is drawn, and may be slow.
jq -nc '{hook_event_name: "Stop"}' |
  CADRE_AGENT=planner CADRE_SESSION=$(sed -n 's/^Token: //p' "$(cadre path agent planner)/session") cadre hook Stop >"$t_dir/stop"
is "$? $(jq -c . "$t_dir/stop")" "0 " "a hook that is late"
wait_for 10 is_planned
ok "and it still says so"
id=$(cadre send planner '%run touch "$HOME/planned"' 2>"$t_dir/err" | cut -f 1)
like "$(cat "$t_dir/err")" "'planner' waits for a person (the dialog 'plan'): *" "and so does who sends it mail"
keys planner Escape
wait_for 20 test -e "$HOME/planned"
ok "mail that came meanwhile is acted on once it is answered"
wait_for 20 is_state planner idle
wait_for 10 a_read planner "$id"
ok "and read"
cadre retire -q --discard planner
t_end
