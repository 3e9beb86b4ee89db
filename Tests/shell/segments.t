#!/usr/bin/env bash
# What a client shows of the team: what changes, in each style and width, of two projects, of text that tries to be run;
# and that nothing is started while nothing changes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
. "$(dirname "$0")/segments.sh"
golden=$PWD/golden/segments team=$PWD/team.py
one=$(t_repository one) two=$(t_repository two)
cd "$one" || exit 1
cadre init -q
git config cadre.maxAgents 200
t_program idler <<'END_OF_PROGRAM'
exec sleep 1000
END_OF_PROGRAM

t_session me "$one" '#{cadre_status}'
t_client me 120
inner run-shell "$t_plugin"
sees 10 me "nothing to do" "a new project"

# What changes, without a call for it.
cadre spawn -q --no-worktree
sees 10 me "1 idle" "an agent"
id=$(cadre task add wait "while [ ! -e $t_dir/go ]; do sleep 0.05; done")
sees 10 me "1 working | 1 claimed" "which takes a task"
cadre task add -q -d "$id" after 'exit 0'
sees 10 me "1 working | 1 claimed 1 blocked" "one that waits for it"
cadre ask -q 'what now?'
cadre --as bob send -q human hello
sees 10 me "1 working | 1 claimed 1 blocked | 1 ask 1 mail" "an ask and mail"
is "$(cat .git/cadre/status)" "1 working | 1 claimed 1 blocked | 1 ask 1 mail" "the file has the same line"
is "$(cadre status)" "1 working | 1 claimed 1 blocked | 1 ask 1 mail" "and so has 'cadre status'"
is "$(inner list-panes -a -f '#{@cadre_agent}' -F '#{@cadre_agent} #{@cadre_state} #{@cadre_task}')" "sh1 working $id" "options of its pane"
# What tmux has room for, where nothing else is said.
inner set -g status-right '#{cadre_status} #[bold]%H:%M' \; set -g status-right-length 29
cadre status --tmux
sees 10 me "1 ask 1 mail" "no more than status-right-length leaves"
inner set -gu status-right \; set -gu status-right-length
cadre status --tmux
touch "$t_dir/go"
sees 10 me "1 idle | 1 ask 1 mail" "both are done"
cadre ask answer -q 1 nothing
cadre inbox next -q
sees 10 me "1 idle | 1 mail" "answered and read"
cadre inbox next -q
cadre stop -q sh1
sees 10 me "nothing to do" "and stopped: its supervisor tells of its own end"
cadre resume -q sh1
sees 10 me "1 idle" "and back"

# What today has cost, as programs tell it.
costs() { [ "$(inner display-message -p -t =me: '#{cadre_cost}')" = "$1" ]; }
tell() { # DOLLARS
  printf '{"session_id":"a","prompt_id":"p","cost":{"total_cost_usd":%s}}' "$1" |
    CADRE_AGENT=sh1 CADRE_SESSION=$(sed -n 's/^Token: //p' "$(cadre path agent sh1)/session") cadre hook StatusLine >/dev/null
}
tell 1.234
wait_for 5 costs "\$1.23"
ok "what today has cost"
tell 2
wait_for 5 costs "\$2.00"
ok "and what it has cost since"

# Text that tries to be run or drawn.
cadre stop -q sh1
inner set -g @cadre_border on \; set -g @cadre_alert message \; set -g @cadre_window_names on
evil="#(touch $t_dir/x1) #[fg=red]red #{pane_id} '; run-shell 'touch $t_dir/x2' \`touch $t_dir/x3\` \$(touch $t_dir/x4) %H ,} {"
cadre spawn -q --no-worktree --agent idler --role lead evil "$evil"
session=$(sed -n 's/^Token: //p' "$(cadre path agent evil)/session")
beat() { CADRE_AGENT=evil CADRE_SESSION=$session cadre heartbeat "$@"; }
beat --state working --note "$evil" --progress 3/10
CADRE_AGENT=evil CADRE_SESSION=$session cadre ask -q "$evil"
cadre --as evil send -q -s "$evil" human "$evil"
cadre status --tmux
inner new-session -d -t "=$(inner display-message -p -t "$(field evil pane)" '#{session_name}'):" -s look
inner set -t =look: status-left '' \; set -t =look: status-right '[#{cadre_status}]' \; set -t =look: status-right-length 100
inner set -wt "$(field evil pane)" pane-border-indicators off 2>/dev/null
tmux -L "$t_outer" -f /dev/null new-session -d -s look -x 200 -y 10 "env -u TMUX tmux -L '$t_server' attach -t =look"
inner select-window -t "$(field evil pane)"
on_border() { screen look | grep -qF "evil (lead) · working · 3 #(touch"; }
wait_for 10 on_border
ok "the border shows it as text"
is "$(screen look | grep -F 'evil (lead)' | sed 's/─*$//; s/^─* *//; s/ *$//')" "evil (lead) · working · 3 $(printf %s "${evil//\#/#}" | cut -c1-60 | sed "s/ *$//") · 3/10" "all of it, not expanded"
wait_for 5 shows me "1 working | 1 claimed | 1 ask 1 mail"
ok "the line has numbers alone"
# Also where all is told anew at the same time.
inner set -g display-time 3000
cadre status --tmux
beat --state waiting
says() { screen me | grep -q 'evil waits for you'; }
wait_for 5 says
ok "that it waits is told"
inner set -gu display-time
inner list-panes -a -F '#{E:@cadre_label} #{T:@cadre_label} #{E:@cadre_task}' >/dev/null
inner choose-tree -t =look: -f '#{m:*,#{E:@cadre_label}}' -F '#{T:@cadre_label}'
inner display-message -p -t "$(field evil pane)" '#{T:@cadre_label}' >/dev/null
sleep 1
inner send-keys -t =look: q
is "$(compgen -G "$t_dir/x*")" "" "and nothing is run"
tmux -L "$t_outer" kill-session -t look
inner kill-session -t =look
inner set -gu @cadre_border \; set -gu @cadre_alert \; set -gu @cadre_window_names
cadre task list --state claimed | cut -f1 | cadre task cancel -q - 2>/dev/null
cadre retire -q --discard evil
cadre ask list | cut -f1 | while read -r ask; do cadre ask answer -q "$ask" no; done
cadre inbox list | cut -f1 | cadre inbox ack -q -
cadre task list --json | jq -r 'select(.state == "ready") | .id' | cadre task cancel -q - 2>/dev/null

# Two projects on the server: a session shows its own, one of neither shows none.
cadre resume -q sh1
mkdir "$t_dir/nowhere"
t_session you "$two" '#{cadre_status}'
t_client you 80
t_session other "$t_dir/nowhere" '#{cadre_status}'
t_client other 80
sees 10 other "1 idle" "where there is one project, every session shows it"
cd "$two" || exit 1
cadre init -q
cadre spawn -q --no-worktree --count 2
sees 10 you "2 idle" "a second: its session shows it"
sees 10 other "" "one of neither shows none"
sees 10 me "1 idle" "and the first shows its own"
cadre spawn -q --no-worktree --session own
own() { [ "$(inner show-environment -h -t =cadre-two-own: cadre_dir)" = "cadre_dir=$two/.git/cadre" ]; }
wait_for 5 own
ok "an agent's own session is its project's"
cadre retire -q sh1 sh2 own
cd "$one" || exit 1
cadre task add -q --no-merge again 'exit 0'
sees 10 other "1 idle" "when the second has gone, all show the first again"
for session in you other; do
  tmux -L "$t_outer" kill-session -t "$session"
  inner kill-session -t "=$session"
done

# A server in which no agent runs.
far() { tmux -L "$t_server-far" "$@"; }
env -u CADRE_TMUX tmux -L "$t_server-far" -f /dev/null new-session -d -s far -c "$one" -x 100 -y 10 'sleep 1000'
far set -g status-interval 0 \; set -g status-left '' \; set -g status-right '[#{cadre_status}]' \; set -g status-right-length 80 \; \
  set -g window-status-current-format ''
far run-shell "$t_plugin"
tmux -L "$t_outer" -f /dev/null new-session -d -s far -x 80 -y 10 "env -u TMUX tmux -L '$t_server-far' attach -t far"
tmux -L "$t_outer" set -t =far: status off
sees 10 far "1 idle" "another server shows it as well"
cadre ask -q 'what now?'
sees 10 far "1 idle | 1 ask" "and what changes"
sees 10 me "1 idle | 1 ask" "as does the agents' own"
far run-shell "'$t_plugin' uninstall"
cadre ask list | cut -f1 | while read -r ask; do cadre ask answer -q "$ask" nothing; done
cadre inbox next -q
sees 10 me "1 idle" "once it is taken back there"
[ ! -s .git/cadre/viewers ] && ! far show-environment -gh | grep -q cadre
ok "nothing comes back"
far kill-server

# Nothing is started while nothing changes.
tree() { # PID: it and all below it
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/$1/children"); do tree "$child"; done
}
cadre spawn -q --no-worktree --count 5
sees 10 me "6 idle" "six agents"
sleep 1
# shellcheck disable=SC2046 # words
strace -f -qq -e trace=clone,clone3,fork,vfork,execve -o "$t_dir/trace" $(for pid in $(cadre agents -o pid) "$(inner display-message -p '#{pid}')"; do tree "$pid"; done | sort -u | sed 's/^/-p/') &
tracer=$!
sleep 30
kill "$tracer"
wait "$tracer" 2>/dev/null
is "$(grep -cE 'clone|fork|execve' "$t_dir/trace")" 0 "in 30 s neither they nor tmux start a process"

# Numbers of large teams in each style. The golden file has a line for each: what the client shows, with its colours.
cadre ask -q 'what now?'
cadre --as bob send -q human hello
for n in 1 2 3; do cadre task add -q --to nobody "task $n"; done
cadre task add -q --to nobody -d "$(cadre task list --state ready | head -n 1 | cut -f1)" 'after it'
style() { # COLUMNS ICONS COLOR WIDTH
  tmux -L "$t_outer" resize-window -t =me: -x "$1"
  wait_for 5 wide "$1"
  inner set -g @cadre_icons "$2" \; set -g @cadre_color "$3" \; set -g @cadre_width "$4"
  cadre status --tmux
  shot=$((shot + 1))
  inner set-environment -gh shot "shot $shot." \; refresh-client -S -t "$client"
  wait_for 5 drawn "shot $shot."
  screen me -e | grep -v '^[[:space:]]*$' | tail -n 1 | sed "s/shot $shot\.//; s/ *$//; s/\x1b/E/g; s/  */ /g"
}
wide() { [ "$(inner list-clients -t =me -F '#{client_width}')" = "$1" ]; }
drawn() { line me | grep -qF "$1"; }
shots() {
  local agents icons color width
  for agents in 1 30 100; do
    mkfifo "$t_dir/fifo$agents"
    python3 "$team" "$(cadre path bus)" "$agents" <"$t_dir/fifo$agents" >"$t_dir/there$agents" &
    fake=$!
    exec 9>"$t_dir/fifo$agents"
    wait_for 10 grep -q there "$t_dir/there$agents"
    for icons in none ascii nerd; do
      for color in on off; do
        for width in 80 40 20 8 4; do
          echo "$agents $icons $color $width: $(style 120 "$icons" "$color" "$width")"
        done
      done
    done
    echo "$agents none on 80 in 40 columns: $(style 40 none on 80)"
    exec 9>&-
    wait "$fake"
    rm -r "$(cadre path bus)"/agents/fake*
  done
}
cadre agents -o name | cadre stop -q -
inner set -t =me: status-left '#{shot}'
client=$(inner list-clients -t =me -F '#{client_name}') shot=0
shots >"$t_dir/segments"
[ -z "${CADRE_GOLDEN:-}" ] || cp "$t_dir/segments" "$golden"
is "$(diff "$golden" "$t_dir/segments")" "" "$(grep -c '' "$golden") lines of 1, 30 and 100 agents look as they should"
grep -q '100 none on 80: ' "$golden"
ok "the golden file is whole"
t_end
