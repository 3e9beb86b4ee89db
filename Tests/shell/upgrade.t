#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Upgrades under a running team: supervisors become the new executable, and nobody else notices. A bus that a newer cadre has
# changed is left alone by those of the older.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude
t_world
a_model
top=$(cd ../.. && pwd)
prefix=$t_dir/prefix
"$top/shell/install" --prefix "$prefix" >"$t_dir/out" 2>&1 || cat "$t_dir/out"
rm "$t_dir"/bin/cadre*
PATH=$prefix/bin:$PATH
bin=$prefix/bin/cadre
cd "$(t_repository)" || exit 1
a_user "$PWD"
cadre init -q
git config cadre.gate true

# As an installer does it: another file, renamed in. Each is another executable.
upgrade() { cp "$bin" "$bin.new" && echo >>"$bin.new" && mv "$bin.new" "$bin"; }
runs_new() { [ "$(stat -Lc %i "/proc/$(field "$1" pid)/exe")" = "$(stat -Lc %i "$bin")" ]; }
all_new() { for name; do runs_new "$name" || return; done; }
facts() { cadre agents -o name,pid,session | grep -vw claude1; }

t_program sleeper <<'END'
echo $$ >>"$t_dir/starts-$CADRE_AGENT"
exec sleep 1000
END
cadre spawn -q worker --agent sh
cadre spawn -q bare --agent sh --headless
cadre spawn -q own --agent sleeper --no-worktree
cadre spawn -q claude1 --agent claude --no-pull --auto
wait_for 20 is_state claude1 idle
wait_for 10 is_state worker idle
wait_for 10 is_state bare idle
task=$(cadre task add --agent sh slow 'touch "$HOME/begun"; until [ -e "$HOME/go" ]; do sleep 0.05; done; echo slow >slow')
wait_for 10 test -e "$HOME/begun"
ok "a task is at work"
cadre send -q claude1 '%run touch "$HOME/turn"; until [ -e "$HOME/go" ]; do sleep 0.1; done
%say turn over'
wait_for 20 test -e "$HOME/turn"
ok "and a turn of claude"
before=$(facts) program=$(a_program claude1)
conversation=$(a_conversation claude1)

upgrade
wait_for 20 all_new worker bare own claude1
ok "an upgrade: all supervisors become it"
is "$(facts)" "$before" "in the processes and sessions that they had"
is "$(wc -l <"$t_dir/starts-own")" 1 "no program is started again"
is "$(a_program claude1)" "$program" "nor claude"
is "$(field worker task),$(field claude1 state)" "$task,working" "and what was at work is"
touch "$HOME/go"
cadre task wait -q "$task" --timeout 60s
ok "the task lands"
wait_for 20 is_state claude1 idle
cadre send -q claude1 '%run touch "$HOME/after"'
wait_for 20 test -e "$HOME/after"
ok "mail reaches claude after it"
wait_for 20 is_state claude1 idle
is "$(a_conversation claude1)" "$conversation" "in its conversation"
is "$(cadre inbox --as claude1 | wc -l)" 0 "and is read"
is "$(
  cadre send own --subject hello -q
  cadre inbox --as own | wc -l
)" 1 "mail of a program that is not known waits"

# A line that a person types is left alone.
tmux -L "$t_server" send-keys -t "$(field claude1 pane)" -l 'my own words'
wait_for 5 a_shows claude1 'my own words'
upgrade
wait_for 20 all_new worker bare own claude1
a_shows claude1 'my own words'
ok "another upgrade: a line that is half typed stays"
tmux -L "$t_server" send-keys -t "$(field claude1 pane)" C-u

# Whoever watches after it sees deaths, and its programs are its own.
for name in worker own claude1; do
  pid=$(field "$name" pid)
  kill -9 "$pid"
  wait_for 20 eval '[ -n "$(field '"$name"' pid)" ] && [ "$(field '"$name"' pid)" != "$pid" ]'
  ok "$name killed after it: it comes back"
done
wait_for 20 is_state claude1 idle
program=$(tail -n 1 "$t_dir/starts-own")
kill "$program"
wait_for 20 eval '[ "$(tail -n 1 "$t_dir/starts-own")" != "$program" ]'
ok "a program killed after it runs again"
upgrade
wait_for 20 all_new worker bare own claude1
program=$(tail -n 1 "$t_dir/starts-own")
cadre stop -q own
t_gone "$program"
ok "stopped after it: its program is gone"
cadre up -q own
before=$(facts)

# One that does not run.
cp "$bin" "$t_dir/good"
printf '#!/bin/sh\necho x >>"%s"\nexit 3\n' "$t_dir/tried" >"$bin.new"
chmod +x "$bin.new"
mv "$bin.new" "$bin"
wait_for 20 eval '[ "$(wc -l <"$t_dir/tried")" -ge 4 ]'
ok "one that does not run is tried"
cp "$t_dir/good" "$bin.new"
mv "$bin.new" "$bin"
wait_for 20 all_new worker bare own claude1
ok "one that does not run is left alone; the next that does is taken"
is "$(facts)" "$before" "in the processes and sessions that they had"

# A version whose directory is removed, and another elsewhere.
mkdir "$t_dir/elsewhere"
cp -a "$prefix/." "$t_dir/elsewhere/"
ln -s "$t_dir/elsewhere/bin/cadre" "$t_dir/bin/cadre"
rm -r "$prefix"
PATH=$t_dir/elsewhere/bin:$PATH
hash -r
bin=$t_dir/elsewhere/bin/cadre
wait_for 20 all_new worker bare own claude1
ok "a version that has gone: who runs becomes the one on the PATH"
is "$(facts)" "$before" "in the processes and sessions that they had"
code 0 "nothing is amiss" cadre doctor

# Uninstalled under the team, with all directories, and installed again.
cp -a "$t_dir/elsewhere" "$t_dir/kept"
# Seen to go before its directory does.
rm -r "$bin"*
sleep 0.3
rm -r "$t_dir/elsewhere"
sleep 0.3
cp -a "$t_dir/kept" "$t_dir/elsewhere"
wait_for 20 all_new worker bare own claude1
ok "removed and installed again: it is taken"
rm -r "$t_dir/elsewhere"
sleep 0.3
mkdir "$t_dir/elsewhere" "$t_dir/elsewhere/bin"
sleep 0.3
cp -a "$t_dir/kept/." "$t_dir/elsewhere/"
wait_for 20 all_new worker bare own claude1
ok "also bit by bit"
is "$(facts)" "$before" "in the processes and sessions that they had"

# A newer cadre changes the bus's format.
before=$(cadre agents -o name,session | sort)
bus=$(cadre path bus)
cp -p "$bus/version" "$t_dir/version"
all() { (cd "$bus" && find . -type f ! -name output ! -path ./version -printf '%p %i %T@ %s\n' | sort); }
still() {
  local now
  now=$(all)
  sleep 0.3
  [ "$now" = "$(all)" ]
}
wait_for 20 still
pids=$(cadre agents -o pid)
all >"$t_dir/files"
{ read -r word _ rest && echo "$word 2 $rest"; } <"$t_dir/version" >"$bus/version.new"
mv "$bus/version.new" "$bus/version"
# Its program's end wakes one, a call of tmux another.
kill "$(tail -n 1 "$t_dir/starts-own")"
for pid in $pids; do kill -CONT "$pid"; done
for pid in $pids; do wait_for 20 t_gone "$pid" || echo "# $pid runs"; done
ok "those of an older one end"
is "$(all | diff "$t_dir/files" - | grep '^[<>]')" "" "and leave the bus as it was"
code 75 "a verb of the older says why" cadre agents
like "$(cat "$t_dir/err")" "*has format 2, newer than this cadre (1): upgrade cadre" "in a line"
is "$(all | diff "$t_dir/files" - | grep '^[<>]')" "" "and touches nothing"
mv "$t_dir/version" "$bus/version"
code 0 "the format is ours again: up" cadre up -q
runs_all() { [ "$(cadre agents -o pid | grep -c '[0-9]')" = 4 ]; }
wait_for 20 runs_all
ok "all come back"
is "$(grep -l . "$bus"/agents/*/restarts 2>/dev/null)" "" "no crash was counted"
wait_for 20 is_state claude1 idle
is "$(a_conversation claude1)" "$conversation" "claude goes on with its conversation"
code 0 "nothing is amiss" cadre doctor
t_end
