#!/usr/bin/env bash
# The screen, driven by real keys in a real terminal.
# shellcheck disable=SC2016,SC2034 # what eval runs
# The path of its world is in the golden screens.
TMPDIR=/tmp
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tmux.sh"
. "$(dirname "$0")/agents.sh"
t_world
export CADRE_TMUX=$inner VISUAL='an-editor' EDITOR=false
unset NO_COLOR
t_finally 'tmux -L "$inner" kill-server 2>/dev/null; rm -f "${TMUX_TMPDIR:-/tmp}/tmux-$(id -u)/$inner"'
golden=$PWD/golden
evil="漢字é #(touch $t_dir/x) '\$(touch $t_dir/x)' #[fg=red]"
t_program idler <<'END'
printf 'I am \033[1;31m%s\033[m\n' "$CADRE_AGENT"
exec sleep 1000
END
t_program noisy <<'END'
head -c 3000000 /dev/zero | tr '\0' x
printf '\n\033[2J\033[H\033]0;title\007\033[31mafter\033[0m \033)0\016lqk\017 \303\050 \342\200\256turned\n%%end 1 1 1\n%%exit\n'
exec sleep 1000
END
repository=$(t_repository)
cd "$repository" || exit 1
cadre init -q

# top in a terminal of so many columns and lines; its screen is left as a plain one when it has ended.
t_top() { # COLUMNS LINES [WORD...]
  local columns=$1 lines=$2
  shift 2
  local command="cd '$repository' && cadre top $* 2>$t_dir/err; echo \"left with \$?\"; exec sleep 1000"
  if tmux -L "$t_server" has-session 2>/dev/null; then
    tmux -L "$t_server" resize-window -x "$columns" -y "$lines" \; respawn-window -k "$command"
  else
    tmux -L "$t_server" -f /dev/null new-session -d -x "$columns" -y "$lines" "$command"
    tmux -L "$t_server" set -g status off \; set -s escape-time 0
  fi
}
row() { shown | grep -m 1 -- "$1"; }
click() { tmux -L "$t_server" send-keys -l $'\e[<0;'"$2;$1"$'M\e[<0;'"$2;$1"m; } # ROW COLUMN
chosen() { tmux -L "$t_server" capture-pane -pe | sed 1d | grep -E $'^\e\\[([0-9]+;)*7m' | sed 's/\x1b[^m]*m//g'; }

code 1 "without a terminal" cadre top
like "$(cat "$t_dir/err")" "*--plain*" "says what prints the rows"

cadre spawn -q lead --agent idler --no-worktree --role lead
cadre task add -q "build $evil"
cadre task add -q -d 1 after
cadre spawn -q bob --agent idler --parent lead --task 1
cadre spawn -q eve --agent idler --parent lead
cadre spawn -q zoe --agent noisy --no-worktree --no-pull
t_top 160 40
see '1 agents 4' "the first line counts"
see 'lead .*idle\|lead .*working' "agents have states"
see '^   bob\|^    bob' "children are below their parents"
see '1 build 漢字.* #(touch' "a task's title is text"
like "$(row '1 build')" "*漢字*" "of any width"

# What is chosen, and its pages.
press j
see 'I am bob' "the screen of the chosen one"
like "$(tmux -L "$t_server" capture-pane -pe | grep 'I am')" $'*\e[1m\e[31mbob*' "in its colours"
press j
see 'I am eve' "of the next"
tmux -L "$inner" send-keys -t "$(field eve pane)" hello
see 'hello' "as it changes"
press k Tab
see 'nothing' "its diff"
echo new >"$(field bob worktree)/new"
cadre heartbeat --as bob -q --note "wrote a file"
see '+new' "again when the agent has said something"
see '+1 −0' "lines added and removed"
press e
see 'diff: done' "marked as seen"
echo more >"$(field bob worktree)/other"
echo newer >"$(field bob worktree)/new"
cadre heartbeat --as bob -q --note "wrote more"
see '+more' "what has come since"
press f
see 'since it was seen' "is shown alone"
see '-new' "against what was seen"
hides 'deleted\|new file mode.*new$'
press '}'
see '^.*+more' "file by file"
press f
wait_for 10 hides 'since it was seen'
rm "$(field bob worktree)/other"
echo new >"$(field bob worktree)/new"
cadre heartbeat --as bob -q --note "wrote less"
press Tab Tab
see 'state: claimed' "its task"
press Tab
cadre send -q bob -s "a letter" "the body"
see 'the body' "its mail"
press Tab
see 'claimed task=1' "its log"
press Tab G
see 'after ┌─┐' "noise is drawn as far as it can be"

# What is chosen stays chosen.
press j j G k
wait_for 5 eval '[[ $(chosen) == *lead* || $(chosen) == *eve* ]]'
before=$(chosen | awk '{ print $1 }')
cadre spawn -q anna --agent idler --no-worktree
see 'anna' "who comes is shown"
is "$(chosen | awk '{ print $1 }')" "$before" "and the same one is chosen"
cadre retire -q anna
wait_for 10 hides anna
ok "who goes is not"
is "$(chosen | awk '{ print $1 }')" "$before" "and the same one is chosen"

# Filter, order, groups.
press /
type_text 'bo'
wait_for 5 hides ' eve '
ok "a filter shows what fits"
see ' bob ' "bob"
press Enter Escape
see ' eve ' "without it all"
press v
see 'idle (' "by state"
press v
see 'no role (' "by role"
press v v v s
see 'by state' "in another order"

# Waiting.
cadre heartbeat -q --as eve --state waiting --note 'for you'
see 'eve .*waiting' "who waits"
press g 2
see '1 build' "from another view"
press w
see 'I am eve' "is found by a key"

# Asks.
n=$(cadre ask --as bob "which $evil?" --options red,green)
press 3
see 'which 漢字.* #(touch' "an ask"
press Enter
see '1 red  2 green' "its answers"
press 2
wait_for 10 eval '[ "$(cadre ask show "$n" --json | jq -r .answer)" = green ]'
ok "answered by a key"
m=$(cadre ask --as bob "may I?")
see 'may I' "another"
wait_for 10 hides 'which 漢字'
press N
type_text 'no, since'
press Enter
wait_for 10 eval 'cadre ask show "$m" | grep -q "no, since"'
ok "rejected with why"
m=$(cadre ask --as bob "this one?")
see 'this one' "an ask that is taken away"
press N
see 'why?' "while it is answered"
o=$(cadre ask --as eve "or that?")
see 'or that' "another came"
cadre ask answer -q "$m" meanwhile
wait_for 10 hides 'this one'
type_text 'wrong'
press Enter
see 'ask: \|already\|answered' "the one that was asked is what is answered"
is "$(cadre ask show "$o" --json | jq -r .answer)" null "not the one in its place"
tmux -L "$t_server" set-buffer -b pasted $'N\nq'
tmux -L "$t_server" paste-buffer -p -b pasted
see 'pasted text is no keys' "what is pasted is no keys"
press N
see 'why?' "a text"
tmux -L "$t_server" paste-buffer -p -b pasted
printf '#!/bin/sh\ncat "$1" >"%s/edited"\necho "by an editor" >"$1"\n' "$t_dir" >"$t_dir/bin/an-editor"
chmod +x "$t_dir/bin/an-editor"
see 'why? (may be empty) N' "takes what is pasted"
press C-o
see 'by an editor' "and is written in an editor"
is "$(cat "$t_dir/edited")" $'N\nq' "with what there was"
rm "$t_dir/bin/an-editor"
press C-o
see "an-editor', can't be run: set EDITOR" "one that is not there is told"
like "$(cat "$t_dir/err")" "*an-editor: not found*" "by the shell too"
true >"$t_dir/err"
see 'by an editor' "and the text stays"
press Enter
wait_for 10 eval 'cadre ask show "$o" | grep -q "by an editor"'
ok "and is sent by a key"

# From the list of agents.
cadre heartbeat -q --as eve --state idle
wait_for 10 hides 'or that'
n=$(cadre ask --as eve "from afar?")
see 'from afar' "an ask of who is idle"
press 1 g
see 'mail *asks' "is counted in the list"
press w
see 'I am eve' "is found by the same key"
press y
see 'y approve, n leave it: from afar?' "is shown before it is approved"
press n
wait_for 10 hides 'y approve, n'
is "$(cadre ask show "$n" --json | jq -r .answer)" null "or left"
press N
see 'why not? .*from afar?:' "and rejected"
type_text 'too far'
press Enter
wait_for 10 eval 'cadre ask show "$n" | grep -q "too far"'
ok "with why"

# Tasks.
press 2
see 'blocked 1' "the board"
press g
see 'depends: 1' "its first"
press l
see 'by: bob' "of the next column"
press h
see 'depends: 1' "and of the one before"
press n
type_text "typed in #(touch $t_dir/x)"
press Enter
see '3 typed in' "a new task"
press v
see '^ *2 blocked .*after' "the tree"
press /
type_text typed
press Enter X
see 'cancelled .*typed' "cancelled"
press u
wait_for 10 eval 'cadre task list --state ready | grep -q typed'
ok "undone"
press + +
wait_for 10 eval '[ "$(cadre task show 3 --json | jq .priority)" = 0 ]'
ok "made more urgent"
press Escape
see 'after' "without a filter"

# The merge queue.
git config cadre.review human
git -C "$(field bob worktree)" add new
git -C "$(field bob worktree)" commit -qm "made new"
cadre task done -q --as bob 1
cadre merge run -q 2>/dev/null
press 4
see 'held .*build' "what waits for a review"
see '+new' "its diff"
press y
see '^ *approve\|merge: 1\|merge: done' "approved"
wait_for 10 cadre merge run -q
is "$(git show main:new)" new "it lands"

# Mail.
cadre send -q human --as eve -s subject "a question"
press 5
see 'eve .*subject' "mail"
press Enter
type_text 'the answer'
press Enter
wait_for 10 eval 'cadre inbox list --as eve | grep -q .'
ok "replied to"
press e
wait_for 10 eval '! cadre inbox list | grep -q subject'
ok "acknowledged"
press 6
see '^ bob  .*1' "the day"
journal=$(echo .git/cadre/journal/*.jsonl)
event() { printf '{"time":"%s","event":"%s","by":"ann","task":%s}\n' "$(date -u -d "$1" +%FT%TZ)" "$2" "$3"; }
{
  event '-20 hours' claimed 901 && event '-20 hours +1 min' done 901 && event '-20 hours +2 min' claimed 902 && event '-16 hours' done 902
  event '-12 hours' claimed 903 && event '-12 hours' claimed 904 && event '-10 hours' done 903 && event '-8 hours' done 904
  event '-6 hours' claimed 905 && event '-6 hours' claimed 906 && event '-4 hours' done 905 && event '-4 hours' done 906
} >>"$journal"
cadre heartbeat -q --as bob
see '^ ann .*902' "a long task right after a short one"
see '^ ann .*903.*904' "two that were claimed together"
see '^ ann .*+906' "and two of the same time"
press /
type_text nobody
wait_for 10 hides ' bob '
ok "filtered"
see ' UTC' "beneath its hours"
press Enter
see '/nobody' "which is shown as long as it is so"
press /
press Escape
see '^ bob ' "and not"
press 7
see '^ *bob *- ' "what is not known is shown so"
git config cadre.program.counted.command 'exec idler'
git config cadre.program.counted.cost statusLine
git config cadre.program.counted.conversation chosen
cadre spawn -q rich --agent counted --no-worktree --no-pull
session=$(sed -n 's/^Token: //p' "$(cadre path agent rich)/session")
printf '{"session_id":"a","transcript_path":"/nonexistent","prompt_id":"p","model":{"id":"m-1"},"cost":{"total_cost_usd":1.25},"context_window":{"used_percentage":82,"context_window_size":1000}}' |
  CADRE_AGENT=rich CADRE_SESSION=$session cadre hook StatusLine >/dev/null
see '^ *rich *1\.2500 .*m-1' "cost by agent"
see "^ *$(date -u +%F) *1\.2500" "and by day"
press 1
see 'rich .*82% *1\.2500' "in the list of agents, too"
cadre retire -q rich
wait_for 10 hides 'rich '
ok "until it is let go"

# Actions on agents.
press 1 /
type_text 'bob'
press Enter g x
wait_for 10 is_state bob resting
ok "stopped"
press u
wait_for 10 runs bob
ok "undone: it runs again"
press Escape
see ' eve ' "without a filter"
press n
see 'new agent: .*--agent [a-z|]*sh\]' "a new one, of the programs that are there"
type_text 'nell --agent idler --no-pull'
press Enter
see 'first words' "and its first words"
type_text 'begin'
press Enter
wait_for 20 runs nell
ok "runs"
wait_for 20 eval '[ -n "$(field nell task)" ]'
is "$(cadre task show "$(field nell task)" --json | jq -r .title)" begin "and was told them"
echo only >"$(field nell worktree)/only"
press /
type_text 'nell'
press Enter
see '^ *nell ' "a filter shows it once it has come"
press g D
see 'n leave nell: .*would be lost: only;' "to let it go with something unsaved is asked about"
press n
wait_for 5 hides 'would be lost'
runs nell
ok "it stays"
press D
see 'would be lost' "asked again"
press y
wait_for 10 eval '! cadre agents -o name | grep -qx nell'
ok "gone"
cadre task cancel -q 4
press Escape
see ' eve ' "all again"
press g m
type_text "to the first"
press Enter
see 'send: 1' "mail was sent"
press '*'
see '▸' "marks"
press '*'
n=$(cadre task add --plan 'to be planned')
cadre claim -q --as eve "$n"
seq -f 'step %g' 12 | cadre plan submit -q --as eve "$n" -
press 3
see 'plan of task' "a plan"
see 'step 12' "can be read as a whole"
press 2 /
type_text 'to be planned'
press Enter
see 'plan: submitted' "where its task is as well"
press y
wait_for 10 eval 'cadre plan show "$n" | grep -q "^Plan: approved"'
ok "approved by a key"
cadre task cancel -q "$n"
press Escape
see 'typed in' "with all tasks"
press 1 '?'
see 'cadre.key.ACTION' "the keys"
press '?'
see '1 agents 4' "and back"

# The mouse.
click 1 18
see 'ready .*typed in' "a click on a view's name"
click 1 3
see 'lead' "and back"
target=$(shown | grep -n ' zoe ' | head -1 | cut -d: -f1)
click "$target" 5
see 'after ┌─┐' "a click on an agent"
like "$(shown | tail -n 1)" "*keys*" "what it prints leaves the screen as it is"

# Sizes, down to the smallest.
for size in "80 24" "40 10" "20 3" "5 1" "160 40"; do
  # shellcheck disable=SC2086 # two words
  set -- $size
  tmux -L "$t_server" resize-window -x "$1" -y "$2"
  wait_for 5 eval '[ "$(shown | head -n 1 | cut -c1-4)" = " 1 a" ]'
  ok "on a screen of $1 by $2"
done
see '1 agents 4' "and back"

# What goes wrong is said, and goes by.
mv .git/cadre/asks/open .git/cadre/asks/away
cadre heartbeat -q --as bob
see 'asks/open.* is missing' "a damaged bus"
mv .git/cadre/asks/away .git/cadre/asks/open
cadre heartbeat -q --as bob
wait_for 10 hides missing
ok "that was repaired"
press C-l g
see '1 agents 4' "goes on"

kill -PIPE "$(t_pgrep -fx "cadre top" | head -n 1)"
press j
wait_for 10 eval '[[ $(chosen) != *lead* ]]'
ok "nor does a broken pipe end it"

# It leaves the terminal as it was.
press q
see 'left with 0' "left"
modes='#{alternate_on}#{mouse_any_flag}#{cursor_flag}'
is "$(tmux -L "$t_server" display-message -p "$modes")" 001 "the terminal is as before"
is "$(cat "$t_dir/err")" "" "nothing was complained of"
for signal in TERM HUP SEGV USR1; do
  t_top 80 24
  see '1 agents 4' "again"
  kill -"$signal" "$(t_pgrep -fx "cadre top" | head -n 1)"
  see 'left with' "ended by $signal"
  is "$(tmux -L "$t_server" display-message -p "$modes")" 001 "the terminal is as before"
done

git config cadre.key.quit 'Z F9'
t_top 80 24
see 'Z leave' "another key"
press q
see 'q does nothing' "the old one is none"
press F9
see 'left with 0' "the second one is"
git config cadre.key.quit nokey
code 64 "no such key" script -qec "cd '$repository' && cadre top" /dev/null
git config --unset cadre.key.quit

t_top 80 24 --no-such
see 'left with 64' "a bad option"
tmux -L "$t_server" set-environment -g NO_COLOR 1
t_top 80 24
see '1 agents 4' "without colours"
is "$(tmux -L "$t_server" capture-pane -pe | grep -cE $'\e\\[[34][0-7]m')" 0 "there are none"
tmux -L "$t_server" set-environment -gu NO_COLOR
press q

# Golden: every view but the day's, whose bars move; what changes from run to run is masked.
cadre retire -q zoe
cadre ask -q --as lead 'which of the two?' --options this,that
held=$(cadre task add 'held for review')
cadre claim -q --as bob "$held"
echo changed >"$(field bob worktree)/file"
cadre task done -q --as bob --commit "$held"
cadre merge run -q 2>/dev/null
cadre pause -q bob eve
screen() {
  shown | sed -E -e 's/20[0-9-]{8}T[0-9:]{8}Z/TIME/g' -e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}/DAY/g' -e 's/ +[0-9]+[smhd]\b/ AGE/g' \
    -e 's/\b[0-9a-f]{10,40}\b/HASH/g' -e 's/cadre-test\.\w+/HERE/g' >"$t_dir/screen"
}
golden() { # VIEW FILE
  if [ -n "${GOLDEN:-}" ]; then
    sleep 1
    screen
    { echo "== $1" && cat "$t_dir/screen"; } >>"$2.new"
  else
    sed -n "/^== $1\$/,/^== /p" "$2" | grep -v '^== ' >"$t_dir/golden"
    wait_for 10 eval 'screen && diff "$t_dir/golden" "$t_dir/screen" >"$t_dir/differs"'
    is "$(cat "$t_dir/differs")" "" "the view '$1' of ${2##*.}"
  fi
}
for size in "140 30" "60 16" "40 10"; do
  # shellcheck disable=SC2086 # two words
  set -- $size
  t_top "$1" "$2"
  see '1 agents 3' "$1 by $2"
  file=$golden/top.$1x$2
  golden agents "$file"
  press 2
  golden tasks "$file"
  press v
  golden tree "$file"
  press v 3
  golden asks "$file"
  press 4
  golden queue "$file"
  press 5
  golden mail "$file"
  press 7
  golden cost "$file"
  press '?'
  golden keys "$file"
  press q
  [ -z "${GOLDEN:-}" ] || mv "$file.new" "$file"
done

is "$(cadre top --plain | grep -c '^bob, resting')" 1 "plain: a line for each"
t_top 120 30 --plain
see '^lead, ' "plain, on a terminal"
cadre heartbeat -q --as lead --note 'changed'
see 'lead, .*changed' "and what changes"

# A click on the number of conflicts, from another view.
cadre resume -q bob eve
for name in bob eve; do
  cadre claim -q --as "$name" "$(cadre task add "both by $name")"
  echo "$name" >"$(field "$name" worktree)/same"
  git -C "$(field "$name" worktree)" add same
  git -C "$(field "$name" worktree)" commit -qm same
done
cadre merge check >/dev/null
t_top 120 30
see '1 conflict' "two that conflict are counted"
press 2
see 'both by eve' "the tasks"
click 1 115
see '^bob conflicts with eve: same\|^eve conflicts with bob: same' "a click on their number: who, and where"

# A tmux server that answers nothing holds nothing up, nor does one that is gone.
t_top 120 30
see 'I am lead' "a screen"
looks() { t_pgrep -f 'tmux .*-C attach-session' | head -n 1; }
client=$(looks)
server=$(tmux -L "$inner" display-message -p '#{pid}')
kill -STOP "$server"
see 'tmux server does not answer' "a server that stands still is told of"
wait_for 10 eval '[ "$(looks)" != "$client" ]'
ok "and asked by another client"
press 2
see 'both by eve' "a key, while its tmux server stands still"
kill -CONT "$server"
press 1
see 'I am lead' "a screen again"
tmux -L "$inner" kill-server
see 'tmux server is gone\|pane is gone' "its server is gone"
press q
[ ! -e "$t_dir/x" ]
ok "nothing of a text was run"
t_end
