#!/usr/bin/env bash
# tmux/scripts: the keys, menus and popups, in a real client, with real keys.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tmux.sh"
. "$(dirname "$0")/agents.sh"
plugin="$t_dir/plug in #(touch o) %H 'q'"
cp -r ../../tmux "$plugin"
t_world
# Nothing that is used where it is found.
mkdir "$t_dir/plain"
tr : '\n' <<<"$PATH" | while read -r dir; do ln -s "$dir"/* "$t_dir/plain" 2>/dev/null; done
rm -f "$t_dir"/plain/{fzf,delta,claude,codex,gemini,aider,opencode,qwen}
everything=$PATH
PATH=$t_dir/bin:$t_dir/plain

# Whatever is run by mistake leaves an x.
evil="#(touch $t_dir/x) '; touch $t_dir/x; ' \"\$(touch $t_dir/x)\""
export CADRE_TMUX=$inner EDITOR="editor"
cat >"$t_dir/bin/editor" <<'END'
#!/bin/sh
cat "$HOME/written" >"$1"
END
chmod +x "$t_dir/bin/editor"
t_program idler <<'END'
echo "I am $CADRE_AGENT"
exec sleep 1000
END

repository=$(t_repository "with 'quotes' \$(touch x) #(touch y)")
cd "$repository" || exit 1
cadre init -q
git config cadre.review human
t_client "$repository" 100 40
tmux -L "$inner" list-keys >"$t_dir/before"
tmux -L "$inner" list-keys -N >"$t_dir/before.notes"
# The menu, and a key of it. A popup that is still there would take the keys.
choose() {
  wait_for 10 hides '┌─'
  press C-b C
  wait_for 10 shows '─ cadre ─'
  press "$1"
}
keys() { TMUX=$(tmux -L "$inner" display-message -p '#{socket_path},#{pid},0') "$plugin/scripts/keys" "$@"; }
# What is bound to a key. tmux 3.7 shows that of one key alone to the client instead of printing it.
bound() { # TABLE KEY
  tmux -L "$inner" list-keys -T "$1" | key=$2 awk '{ for (at = 2; $at != "-T"; at++); if ($(at + 2) == ENVIRON["key"]) print }'
}
unchanged() { # NAME
  is "$(tmux -L "$inner" list-keys | diff "$t_dir/before" -)" "" "$1"
}

# Binding, rebinding, giving back.
code 0 "without a key" keys on
unchanged "nothing is bound"
tmux -L "$inner" set -g @cadre_key C
code 0 "with one" keys on
[ "$(tmux -L "$inner" list-keys -T cadre | wc -l)" -gt 20 ]
ok "there is a table"
tmux -L "$inner" set -g @cadre_key_new '\;' \; set -g @cadre_key_inbox "'" \; set -g @cadre_key_diff ''
code 0 "rebound, twice" eval 'keys on && keys on'
like "$(bound cadre '\;')" "*act*new*" "to another key"
like "$(bound cadre "\\'")" "*act*inbox*" "also one that is a quote"
is "$(tmux -L "$inner" list-keys -T cadre | grep -cE ' n +run|act.* diff ')" 0 "an empty one is none"
tmux -L "$inner" set -g @cadre_key D
code 0 "another prefix" keys on
like "$(bound prefix C)" "*customize-mode*" "gives the first one back"
code 0 "off" keys off
unchanged "all keys are as before"
is "$(tmux -L "$inner" list-keys -N | diff "$t_dir/before.notes" -)" "" "their notes too"
is "$(tmux -L "$inner" show-environment -gh)" "" "nothing is left"
# A tmux that prints nothing of one key alone, as 3.7 does. It is found where the server's own program is none.
mkdir "$t_dir/new"
cat >"$t_dir/new/tmux" <<END
#!/bin/sh
case "\$*" in 'list-keys -T '*' '? | 'list-keys -N -P  -T '*' '?) exit 0 ;; esac
exec $(command -v tmux) -L "$inner" "\$@"
END
chmod +x "$t_dir/new/tmux"
# shellcheck disable=SC2016 # what eval runs
code 0 "where one key is not printed" eval 'keys on && (PATH=$t_dir/new:$PATH TMUX=none,0,0 "$plugin/scripts/keys" off)'
unchanged "all keys are as before"
is "$(tmux -L "$inner" list-keys -N | diff "$t_dir/before.notes" -)" "" "their notes too"
for _ in 1 2 3 4; do keys on & done
wait
code 0 "off, after four at once" keys off
unchanged "all keys are as before"
is "$(tmux -L "$inner" show-environment -gh)" "" "nothing is left"
keys on
tmux -L "$inner" bind D display-message mine
code 0 "off" keys off
like "$(bound prefix D)" "*display-message mine" "a key that the user has taken since stays"
tmux -L "$inner" source-file - <<<'bind-key -N "Choose a client from a list" D choose-client -Z'
tmux -L "$inner" set -gu @cadre_key_new \; set -gu @cadre_key_inbox \; set -gu @cadre_key_diff \; set -g @cadre_key C
keys on

# The menu, and a new agent from it.
git config cadre.program.zed.command 'exec idler'
git config cadre.program.yak.command 'exec nothing-of-this-name'
press C-b C
see 'new agent .*n' "the key opens the menu"
press n
see 'as configured' "new: programs"
is "$(shown | grep -oE '[a-z]+ +\([23]\)' | cut -d ' ' -f 1 | xargs)" "sh zed" "those that can be run, the user's own too"
# At work until it is retired, so that its task does not fail first.
echo 'exec sleep 1000' | t_program build
printf 'build it\n\n%s\n' "$evil" >"$HOME/written"
press Down Enter
goes() { [ -n "$(field "$1" pid)" ]; }
wait_for 30 goes sh1
ok "an agent runs"
is "$(cadre task list | cut -f 1,4)" "1	build it" "with the text as its task"
like "$(cadre task show --body 1)" "*#(touch*" "to the letter"
# One that is retired while it starts would be said to have failed.
wait_for 20 hides '┌─'
cadre retire -q --discard sh1
printf ' \n' >"$HOME/written"
choose n
see 'as configured' "new: again"
press 2
wait_for 10 hides 'new agent'
wait_for 10 hides 'cadre '
is "$(cadre agents)" "" "an empty text starts none"

# Two agents with all that they can write.
cadre spawn -q bob --agent idler "$evil"
cadre spawn -q carl --agent idler
cadre --as bob heartbeat --note "$evil"
home=$(at)
choose j
see 'no agent waits' "next: none waits"
cadre --as carl heartbeat -q --state waiting --note "$evil"
choose j
wait_for 10 is_at carl
ok "next goes to the one that waits"
choose l
wait_for 10 is_at "$home"
ok "back"
choose l
wait_for 10 is_at carl
ok "and forth"
choose g
see 'bob  *\(working\|idle\|starting\)' "go: a menu of agents"
is "$(shown | grep -oE '(bob|carl) .*\([12]\)' | cut -d' ' -f1 | xargs)" "carl bob" "the one that is looked at first"
press 2
wait_for 10 is_at bob
ok "goes there"

# A look into an agent: nothing gets another size.
tmux -L "$inner" switch-client -t mine
wait_for 10 is_at "$home"
sizes() { tmux -L "$inner" list-windows -a -F '#{window_id} #{window_width}x#{window_height}' | sort -u; }
before=$(sizes)
choose a
see '─ look into ─' "attach: a menu"
press 1
see 'I am bob' "its screen in a popup"
is "$(sizes)" "$before" "sizes stay"
press C-b d
wait_for 10 hides 'I am bob'
ok "closed"
is "$(tmux -L "$inner" list-sessions | wc -l)" 2 "and gone"

# Its program gets extended keys.
tmux -L "$inner" set -s extended-keys on
t_program keyed <<'END'
stty raw -echo
printf '\033[>4;1mI am keyed\r\n'
exec cat -v
END
cadre spawn -q kim --agent keyed --no-worktree
choose a
see '─ look into ─' "attach: a menu"
press "$(shown | grep -oE 'kim .*\([1-9]\)' | grep -oE '[1-9]\)' | tr -d ')')"
see 'I am keyed' "a program that knows them"
type_text $'\033[13;2u'
see '\^\[\[13;2u\|\^\[\[27;2;13~' "Shift+Enter is no Enter"
cadre retire -q kim
wait_for 10 hides ' cadre '
ok "retired"
tmux -L "$inner" set -su extended-keys

# It ends with its agent, also where a client goes on to another session when its own has ended.
tmux -L "$inner" set -g detach-on-destroy off
cadre spawn -q aaron --agent idler --no-worktree
cadre spawn -q abel --agent idler --no-worktree --pane
cadre spawn -q ada --agent idler --no-worktree --pane
for name in aaron abel; do
  choose a
  see '─ look into ─' "attach: a menu"
  press "$(shown | grep -oE "$name .*\([1-9]\)" | grep -oE '[1-9]\)' | tr -d ')')"
  see "I am $name" "$name in a popup"
  cadre retire -q "$name"
  wait_for 10 hides ' cadre '
  ok "retired, its popup is gone"
  hides 'I am ada'
  ok "and shows no other"
done
is "$(tmux -L "$inner" list-sessions -F '#S' | grep -c look)" 0 "no session is left of it"
is "$(tmux -L "$inner" show-hooks -w -t "$(field ada pane)" | grep -c kill-session)" 0 "nor a hook"
tmux -L "$inner" set -gu detach-on-destroy
cadre retire -q ada

# Mail.
printf '%s\n' "$evil" >"$HOME/written"
choose s
see 'all .*(1)' "send: to all, or to one"
press 2
has_mail() { [ -n "$(cadre --as "$1" inbox)" ]; }
wait_for 10 has_mail bob
is "$(cadre --as bob inbox next | tail -n 1)" "$evil" "the text arrives to the letter"
is "$(cadre --as carl inbox)" "" "nowhere else"
wait_for 10 hides 'cadre '
choose i
see 'no unread mail' "inbox: none"
press x
cadre --as bob send human -q -s "$evil" "the text $evil"$'\033[2Jgone'
wait_for 10 hides 'cadre inbox'
choose i
see 'bob  [0-9-]* [0-9:]*  #(touch' "inbox: a list"
press Enter
see 'the text #(touch' "a message"
see '?\[2Jgone' "without control characters"
echo 'an answer' >"$HOME/written"
press r
wait_for 10 has_mail bob
is "$(cadre --as bob inbox next | tail -n 1)" "an answer" "answered"
see 'no unread mail' "and read"
press q

# What is asked.
cadre --as bob ask -q "first $evil"
cadre --as bob ask -q "second" --options "yes,$evil"
cadre --as bob ask -q "third"
wait_for 10 hides 'cadre inbox'
answer() { cadre ask show "$1" | sed -n 's/^Answer: //p'; }
is_answered() { [ "$(answer "$1")" = "$2" ]; }
choose k
see 'first #(touch' "asks: the first one"
press n
see '1 yes, 2 #(touch' "the next, with its options"
press 2
wait_for 10 is_answered 2 "$evil"
ok "one key takes one"
see 'third' "the next"
press r
wait_for 10 is_answered 3 rejected
ok "one rejects"
see 'first' "and round"
press t
see 'answer:' "a line"
type_text 'because'
press Enter
wait_for 10 is_answered 1 because
ok "answers in words"
see 'nothing is asked' "that was all"
press q
wait_for 10 hides 'cadre asks'

# Differences, and the queue.
worktree=$(field bob worktree)
printf '%s\033]0;title\007\n' "$evil" >"$worktree/new"
choose d
see '─ diff ─' "diff: a menu"
press 1
see '^.*+#(touch' "what has changed"
cadre diff --color bob | grep -q $'\033\\[32m.*?\\]0;title?'
ok "in colour, without other control characters"
press q
wait_for 10 hides 'cadre bob'
cat >"$t_dir/bin/delta" <<'END'
#!/bin/sh
echo "delta $*"
cat
read -r _ </dev/tty
END
chmod +x "$t_dir/bin/delta"
choose d
see '─ diff ─' "diff: again"
press 1
see 'delta --paging always' "by delta, where it is"
see '+#(touch' "with what has changed"
press Enter
wait_for 10 hides 'cadre bob'
rm "$t_dir/bin/delta"
git -C "$worktree" add new
git -C "$worktree" commit -qm "$evil"
cadre merge submit -q bob
is_held() { cadre merge list | grep -qw held; }
wait_for 20 is_held
wait_for 10 hides 'cadre bob'
choose m
see 'held' "merge: the queue"
press Enter
see 'a approve' "an entry"
press a
has_landed() { [ -e new ]; }
wait_for 20 has_landed
ok "approved, it lands"
press q
wait_for 10 hides 'cadre merge'
cadre spawn -q dan --agent idler "another"
worktree=$(field dan worktree)
echo >"$worktree/other"
git -C "$worktree" add other
git -C "$worktree" commit -qm other
cadre merge submit -q dan
is_asked() { cadre ask list | grep -q review; }
wait_for 20 is_asked
choose k
see "review task .* of 'dan'" "a review is asked for, too"
press a
landed_too() { [ -e other ]; }
wait_for 20 landed_too
ok "approved there, it lands"
see 'nothing is asked' "that was all"
press q
wait_for 10 hides 'cadre asks'
cadre retire -q dan

# Tasks.
cadre task add -q "a task $evil"
choose t
see 'a task #(touch' "tasks: a list"
press j j j Enter
see 'c cancel' "one"
press n
see 'note:' "a line"
type_text "$evil"
press Enter
has_note() { [ "$(cadre task show 4 | grep -cF "$evil")" -gt 1 ]; }
wait_for 10 has_note
ok "is its note"
see 'tasks (4 of 4)' "the list again, where it was"
press Enter
see 'c cancel' "one"
press c
is_cancelled() { cadre task list --state cancelled | grep -q ^4; }
wait_for 10 is_cancelled
ok "cancelled"
press q
wait_for 10 hides 'cadre tasks'

# Pause, resume, stop.
choose p
see '─ pause ─' "pause: a menu"
press 1
wait_for 20 is_state bob resting
ok "pauses"
wait_for 10 hides 'cadre bob'
choose r
see '─ resume ─' "resume: a menu"
press 1
wait_for 20 goes bob
ok "resumes"
wait_for 10 hides 'cadre bob'
choose x
see '─ stop ─' "stop: a menu"
press 2
wait_for 20 is_state carl resting
ok "stops"
wait_for 10 hides 'cadre carl'

# A small client, and a long list.
tmux -L "$inner" switch-client -t mine
wait_for 10 is_at "$home"
cadre spawn -q many --count 14 --agent idler --no-worktree
tmux -L "$t_server" resize-window -x 60 -y 15
is_small() { [ "$(tmux -L "$inner" list-clients -F '#{client_height}')" = 15 ]; }
wait_for 10 is_small
press C-b C
see 'more .*(>)' "a small screen: the first page"
press '>'
see 'stop agent' "and the second"
press g
press Escape
wait_for 10 hides 'stop agent'
choose g
see '─ go to ─' "agents in pages, too"
press '>'
see 'many6 ' "the second"
press 1
wait_for 10 is_at many6
ok "is counted on"

# Without the menu: the keys themselves, the menu behind one of them.
tmux -L "$inner" set -g @cadre_menu off
keys on
press C-b C 1
wait_for 10 is_at bob
ok "an agent by number"
press C-b C '?'
see 'more' "a key for the menu"
press Escape
wait_for 10 hides 'more'
tmux -L "$t_server" resize-window -x 100 -y 40

# fzf, where it is.
if PATH=$everything command -v fzf >/dev/null; then
  tmux -L "$inner" set-environment -g PATH "$t_dir/bin:$everything"
  press C-b C g
  see 'go to>' "fzf"
  type_text many7
  wait_for 10 shows ' 1/[0-9]'
  press Enter
  wait_for 10 is_at many7
  ok "goes to the agent"
  press C-b C t
  see 'tasks>' "fzf for tasks"
  see 'State: ' "with a preview"
  press Escape
  wait_for 10 hides 'cadre tasks'
fi

# Clicks, where tmux tells on what.
tmux -L "$inner" set -g mouse on \; set -g @cadre_mouse on \; set -g status-left '#[range=user|tasks]HERE#[norange]'
keys on
click() { type_text $'\033[<0;'"$1;40M"$'\033[<0;'"$1;40m"; }
if tmux list-commands display-menu | grep -q border-style; then
  tmux -L "$inner" set-environment -g PATH "$PATH"
  click 3
  see 'cadre tasks' "a click on a segment opens its view"
  press q
  wait_for 10 hides 'cadre tasks'
  tmux -L "$inner" switch-client -t mine \; new-window -t mine:
  wait_for 10 shows 'HERE.*-.*1:'
  # One that comes too soon after another is the second of a double click.
  for _ in 1 2 3 4 5; do
    click 6
    wait_for 2 shows 'HERE0:[a-z]*\*' && break
  done
  shows 'HERE0:[a-z]*\*'
  ok "on a window's name goes there, as before"
else
  is "$(bound root MouseDown1Status | tr -s ' ')" "bind-key -T root MouseDown1Status select-window -t =" "clicks are left alone"
fi

is "$(find "$t_dir" -name '[xyo]' ! -path "$t_dir/plain/*")" "" "nothing that agents write was run"
code 0 "off" keys off
tmux -L "$inner" source-file - <<<'bind-key -N "Choose a client from a list" D choose-client -Z'
unchanged "all keys are as before"
t_end
