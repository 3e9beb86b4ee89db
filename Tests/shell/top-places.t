#!/usr/bin/env bash
# The screen in a popup of a real client, of several projects, without a locale, on terminals that are not known.
# shellcheck disable=SC2016,SC2034 # what eval runs
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tmux.sh"
. "$(dirname "$0")/agents.sh"
t_world
export CADRE_TMUX=$inner
unset NO_COLOR
t_program idler <<'END'
printf 'I am %s 漢\n' "$CADRE_AGENT"
exec sleep 1000
END
one=$(t_repository)
two=$t_dir/two
git init -q "$two"
git -C "$two" commit -q --allow-empty -m first
cd "$one" || exit 1
t_client "$one" 100 30
for repository in "$one" "$two"; do
  cadre -C "$repository" init -q
  cadre -C "$repository" spawn -q bob --agent idler --no-worktree
done
cadre spawn -q eve --agent idler --no-worktree
cadre task add -q 'a title 漢字é'

# In a popup: its keys are its own, and it is left for where it goes to.
popup() { # WORD...
  tmux -L "$inner" display-popup -t mine: -E -w 90% -h 90% -d "$one" "$@" >"$t_dir/popup" 2>&1 &
}
# While one is there, another is not opened.
closed() { wait $!; }
popup cadre top
see '│ 1 agents 2' "in a popup"
press j
see '│.*I am eve' "moves"
press Enter
wait_for 10 is_at eve
ok "goes to the agent"
see '^I am eve' "and out of the way"
closed
popup cadre top
see '│ 1 agents 2' "again"
press q
wait_for 10 hides '1 agents'
ok "left"
closed
popup cadre top
see '│ 1 agents 2' "again"
tmux -L "$inner" display-popup -c "$(tmux -L "$inner" list-clients -F '#{client_control_mode} #{client_tty}' | sed -n 's/^0 //p')" -C
wait_for 10 eval '[ -z "$(t_pgrep -fx "cadre top")" ]'
ok "ends with its popup"
closed
popup cadre top --all
see '│ 1 agents 3' "of all projects"
see 'repository/bob' "each by its project"
see 'two/bob' "and the other"
press v v v
see 'two (1)' "in groups"
press q
wait_for 10 hides '1 agents'

# Wherever it runs.
in_pane() { # COMMAND
  tmux -L "$t_server" respawn-window -k "cd '$one' && $1; echo \"left with \$?\"; exec sleep 1000"
}
in_pane 'env -u TMUX LC_ALL=C cadre top'
see '1 agents 2' "without a locale"
press 2
see 'a title' "tasks"
press q
see 'left with 0' "left"
in_pane 'env -u TMUX LC_ALL=nonsense TERM=nonsense cadre top'
see '1 agents 2' "on a terminal that is not known, as on xterm"
press q
see 'left with 0' "left"
in_pane 'env -u TMUX TERM=vt100 cadre top'
see '1 agents 2' "on a vt100"
press j q
see 'left with 0' "left"
in_pane 'env -u TMUX TERM=dumb cadre top'
see 'left with 75' "not on one without a screen"
see "'cadre top --plain' prints the rows" "which is told what does"

in_pane 'cadre top'
see '1 agents 2' "in another tmux server"
press j Enter
see '^I am eve' "the agent's is attached to"
press C-b d
see '1 agents 2' "and left to come back"
press q

# Any number at once; what happens to one is nothing to the others.
in_pane 'cadre top'
see '1 agents 2' "one"
for n in 1 2 3; do
  tmux -L "$inner" new-window -d -n "top$n" "cd '$one' && exec cadre top"
done
wait_for 10 eval '[ "$(t_pgrep -fx "cadre top" | wc -l)" = 4 ]'
for n in 1 2 3; do wait_for 10 eval 'tmux -L "$inner" capture-pane -p -t "top$n" | grep -q "1 agents 2"'; done
ok "four at once"
kill -9 "$(tmux -L "$inner" display-message -p -t top2 '#{pane_pid}')"
cadre heartbeat -q --as bob --state waiting --note 'for you'
see 'bob .*waiting' "one is killed: another goes on"
wait_for 10 eval 'tmux -L "$inner" capture-pane -p -t top3 | grep -q "bob .*waiting"'
ok "and another"
code 0 "the bus is sound" cadre doctor
t_end
