#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2016 # what is sourced is checked by itself; text for other shells
# shell/recipes: each does what it says, whatever agents write.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tmux.sh"
. "$(dirname "$0")/agents.sh"
recipes=$(cd ../../shell/recipes && pwd)
t_world
mkdir "$t_dir/plain"
tr : '\n' <<<"$PATH" | while read -r dir; do ln -s "$dir"/* "$t_dir/plain" 2>/dev/null; done
rm -f "$t_dir"/plain/{fzf,notify-send,osascript}
PATH=$t_dir/bin:$t_dir/plain
evil="\$(touch $t_dir/x) '; touch $t_dir/x; ' #(touch $t_dir/x) <b>&"
t_program idler <<'END'
echo "I am $CADRE_AGENT"
exec sleep 1000
END
repository=$(t_repository)
cd "$repository" || exit 1
cadre init -q

# A goal: a lead, and workers below it.
code 1 "no goal" "$recipes/goal" <<<' '
is "$(cadre agents)" "" "starts none"
is "$(printf 'the goal\n\n%s\n' "$evil" | "$recipes/goal" --agent idler --workers 2 | wc -l)" 3 "a lead and two workers"
lead=$(cadre agents -o name,role | awk '$2 == "lead" { print $1 }')
is "$(cadre agents -o role,parent | sort)" "$(printf 'lead\t-\nworker\t%s\nworker\t%s\n' "$lead" "$lead")" "below it"
like "$(cadre task show --body 1)" "the goal*$evil*" "the goal is its task, to the letter"
cat >"$t_dir/bin/editor" <<'END'
#!/bin/sh
echo "from an editor" >"$1"
END
chmod +x "$t_dir/bin/editor"
EDITOR=editor script -qec "'$recipes/goal' --agent idler" /dev/null >"$t_dir/out" </dev/null
is "$(cadre task list | tail -n 1 | cut -f 4)" "from an editor" "or from an editor"
git config cadre.maxAgents 4
code 1 "where no more may run" "$recipes/goal" --agent idler <<<"kept $evil"
kept=$(sed -n "s/.*the text is kept in '\(.*\)'/\1/p" "$t_dir/err")
is "$(cat "$kept")" "kept $evil" "the text is kept"
rm -f "$kept"

# Mail to many.
names=$(cadre agents -o name)
cadre --as "$lead" heartbeat -q --state waiting
is "$("$recipes/broadcast" waiting "$evil" | cut -f 2)" "$lead" "broadcast to those in a state"
is "$(cadre --as "$lead" inbox next | tail -n 1)" "$evil" "to the letter"
is "$("$recipes/broadcast" 'to all' | cut -f 2 | sort)" "$(sort <<<"$names")" "or to all"
code 1 "to nobody" "$recipes/broadcast" frozen text

# A worktree.
is "$(. "$recipes/cd.sh" && cadre_cd "$lead" && pwd)" "$(cadre path worktree "$lead")" "cadre_cd goes to a worktree"
is "$(. "$recipes/cd.sh" && cadre_cd "$lead" && cadre_cd && pwd)" "$repository" "and back"
code 1 "but not to nobody's" bash -c '. "$1" && cadre_cd nobody' - "$recipes/cd.sh"
if command -v zsh >/dev/null; then
  is "$(zsh -f -c '. $1; cadre_cd $2; pwd' - "$recipes/cd.sh" "$lead")" "$(cadre path worktree "$lead")" "in zsh, too"
fi

# To an agent, in a client.
cadre --as "$lead" heartbeat -q --note "$evil"
export CADRE_TMUX=$t_server
code 1 "go: nobody" "$recipes/go" nobody
tmux -L "$t_server" new-session -d -s mine -x 100 -y 30 "PATH='$PATH' CADRE_TMUX='$t_server' bash -c '\"$recipes/go\"; exec sleep 1000'"
looks_at() { [ "$(tmux -L "$t_server" list-panes -a -F '#{window_active} #{pane_id} #{@cadre_agent}' | awk -v name="$1" '$3 == name { print $1 }')" = 1 ]; }
offers() { tmux -L "$t_server" capture-pane -p -t mine | grep -q "$1"; }
last=$(tail -n 1 <<<"$names")
wait_for 10 offers "4) $last"
ok "go: by number"
tmux -L "$t_server" send-keys -t mine 4 Enter
wait_for 10 looks_at "$last"
ok "goes there"

# What waits for the person.
cadre ask -q "before $evil"
PATH=$PATH "$recipes/notify" >"$t_dir/told" 2>"$t_dir/notify.err" &
notify=$!
told() { grep -qF -- "$1" "$t_dir/told"; }
wait_for 10 told "question from human: before $evil"
ok "notify: what is asked already"
cadre --as "$lead" ask -q "now $evil"
wait_for 10 told "question from $lead: now $evil"
ok "what is asked now"
cadre --as "$lead" send human -q -s "$evil" text
wait_for 10 told "mail from $lead: $evil"
ok "mail"
is "$(grep -c . "$t_dir/told")" 3 "once each"
followers() { pgrep -P "$(pgrep -d , -P "$notify")"; }
[ -n "$(followers)" ]
ok "it follows"
all="$(followers) $(for pid in $(followers); do pgrep -P "$pid"; done)"
kill "$notify"
wait "$notify" 2>/dev/null
# shellcheck disable=SC2086 # pids
ends() { ! ps -o pid= -p "$(tr -s ' \n' , <<<"$all" | sed 's/^,*//; s/,*$//')" | grep -q .; }
wait_for 10 ends
ok "and leaves nothing behind"
cat >"$t_dir/bin/notify-send" <<END
#!/bin/sh
printf '%s|' "\$@" >>'$t_dir/sent'
END
chmod +x "$t_dir/bin/notify-send"
"$recipes/notify" &
notify=$!
sent() { grep -qF -- "--|question from human|before \$(touch $t_dir/x) '; touch $t_dir/x; ' #(touch $t_dir/x) &lt;b&gt;&amp;|" "$t_dir/sent"; }
wait_for 10 sent
ok "by notify-send, markup as text"
kill "$notify"
wait "$notify" 2>/dev/null

# Until all is done.
cadre task cancel -q 1 2
code 0 "wait-done: nothing to do" "$recipes/wait-done"
a=$(cadre --as me task add 'one')
b=$(cadre --as me task add -d "$a" 'two')
code 1 "time is up" "$recipes/wait-done" 1s
"$recipes/wait-done" &
waiter=$!
for id in "$a" "$b"; do
  cadre --as me claim -q "$id"
  cadre --as me task done -q "$id"
done
wait "$waiter"
ok "all is done"
epic=$(cadre task add epic)
c=$(cadre task add --parent "$epic" child)
d=$(cadre task add -d "$c" after)
"$recipes/wait-done" &
waiter=$!
# One that looks after the failure has nothing to wait for.
waits() { t_pgrep -f "^cadre task wait -q $c" | grep -q .; }
wait_for 10 waits
cadre --as me claim -q "$c"
cadre --as me task fail -q --why 'no way' "$c"
wait "$waiter"
is "$?" 1 "one has failed, and what waits for it ($d) is not waited for"
[ ! -e "$t_dir/x" ]
ok "nothing was run"
t_end
