#!/usr/bin/env bash
# Where agents are started from: repositories of every kind, tmux servers of every kind, names and paths of every kind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
t_program idler <<'END'
exec sleep 1000
END
tmux() { command tmux -L "$t_server" "$@"; }

# A path that would run something, were it ever expanded.
# shellcheck disable=SC2016 # as they are
cd "$(t_repository "a 'b' \"c\" #(touch x) \$(touch x);")" || exit 1
here=$PWD
cadre init -q
echo ran >>.git/info/exclude
# shellcheck disable=SC2016 # the setup's
git config cadre.setup 'echo "$CADRE_NAME $CADRE_PORT" >ran'
# shellcheck disable=SC2016 # as they are
is "$(cadre spawn one --agent idler '#(touch x) $(touch x) `touch x` %n')" one "spawn in a path full of quotes"
is "$(cat "$(field one worktree)/ran")" "one 42000" "setup ran in the worktree"
is "$(tmux list-windows -F '#W')" one "the window has the agent's name"
before=$(field one pid)
kill -9 "$before"
again() { [ -n "$(field one pid)" ] && [ "$(field one pid)" != "$before" ] && is_state one working; }
wait_for 10 again
ok "tmux's hook finds its way back"
tmux set-option -g status-right "#{E:@cadre_agent} #{E:@cadre_dir}" \; refresh-client -S 2>/dev/null
tmux display-message -p -t "$(field one pane)" '#{@cadre_dir} #{@cadre_agent} #{T:window_name} #{E:pane_title}' >/dev/null
cadre peek one >/dev/null
cadre diff one >/dev/null
is "$(find "$t_dir" -name x)" "" "nothing of it was run"
git config cadre.setup 'echo unable >&2; exit 3'
code 1 "a setup that fails" cadre spawn two --agent idler
like "$(cat "$t_dir/err")" "*cadre.setup failed for 'two': unable" "says so"
is "$(git worktree list | wc -l)" 2 "and leaves no worktree"
is "$(cadre agents -o name)" one "and no agent"
git config --unset cadre.setup

# The user's own tmux session, hooks, focus.
tmux new-session -d -s user -n theirs
tmux set-hook -g pane-died 'set-environment -g died yes'
focus() { tmux display-message -p -t user: '#{window_id} #{pane_id}'; }
before=$(focus)
cadre spawn two --agent idler --no-worktree --pane >/dev/null
cadre spawn four --agent idler --no-worktree --pane >/dev/null
cadre spawn three --agent idler --no-worktree --session >/dev/null
is "$(focus)" "$before" "nobody's focus moves"
is "$(tmux list-windows -t =user: -F '#W')" theirs "the user's session is theirs"
is "$(tmux show-hooks -gw pane-died | grep -c 'died yes')" 1 "the user's hook stays"
is "$(tmux show-hooks -gw pane-died | grep -c cadre)" 1 "beside ours"
is "$(tmux list-panes -t "$(field two pane)" | wc -l)" 2 "--pane shares a window with others of its kind"
is "$(tmux list-sessions | wc -l)" 3 "--session is one of its own"
mkdir sub && cd sub || exit 1
cadre retire -q one two three four
is "$(tmux show-hooks -gw pane-died | grep -c cadre)" 0 "with the last agent our hook goes"
is "$(tmux show-hooks -gw pane-died | grep -c 'died yes')" 1 "and the user's stays"
is "$(tmux list-sessions -F '#S')" user "and our sessions"
name=$(cadre spawn again --agent idler --no-worktree && tmux display-message -p -t "$(field again pane)" '#S')
cadre retire -q again
tmux new-session -d -s "${name##*$'\n'}" -n mine
cadre spawn -q again --agent idler --no-worktree
is "$(tmux list-windows -t "=${name##*$'\n'}:" -F '#W')" mine "a user's session of our name stays theirs"
is "$(tmux list-windows -a -F '#W' | sort | xargs)" "again mine theirs" "and we take another"
cadre retire -q again
tmux kill-session -t "=${name##*$'\n'}:"
cd .. && rmdir sub

# Inside the user's tmux: that server it is.
cd "$(t_repository inside)" || exit 1
tmux new-session -d -s inside -n mine -- sh -c "env -u CADRE_TMUX cadre spawn in --agent idler --no-worktree >'$t_dir/in.out' 2>&1; exec sleep 1000"
wait_for 10 grep -qx in "$t_dir/in.out"
wait_for 10 is_state in idle
is "$(tail -n 1 "$t_dir/in.out")" in "spawn inside tmux"
is "$(tmux list-panes -a -F '#{pane_id} #{window_name}' | grep "^$(field in pane) ")" "$(field in pane) in" "opens its window there"
is "$(tmux list-windows -t =inside: -F '#W')" mine "in a session of its own"
before=$(field in pid)
kill -9 "$before"
back() { [ -n "$(field in pid)" ] && [ "$(field in pid)" != "$before" ] && is_state in idle; }
wait_for 10 back
ok "and is started again there"
(unset CADRE_TMUX && cadre retire -q in)
is "$(tmux list-windows -a -F '#W' | grep -cx in)" 0 "from outside it is found as well"
tmux kill-session -t =inside:
cd "$here" || exit 1

# A server that ends sessions to which nobody is attached.
echo 'set -g destroy-unattached on' >"$HOME/.tmux.conf"
export CADRE_TMUX="$t_server-unattached"
is "$(cadre spawn lonely --agent idler --no-worktree)" lonely "an agent where sessions to which nobody is attached end"
is "$(cadre spawn alone --agent idler --no-worktree --session)" alone "in a session of its own, too"
is "$(field lonely pid | grep -c .) $(field alone pid | grep -c .)" "1 1" "and they live"
cadre retire -q lonely alone
tmux -L "$CADRE_TMUX" kill-server 2>/dev/null
rm "$HOME/.tmux.conf"
export CADRE_TMUX="$t_server"

# The server ends between the look for a session and what is opened in it.
mkdir "$t_dir/ending"
cat >"$t_dir/ending/tmux" <<END
#!/bin/sh
case "\$*" in *new-window* | *respawn-pane*)
  if rmdir "$t_dir/ending/next" 2>/dev/null; then "$(type -P tmux)" -L "$t_server-ending" kill-server; fi ;;
esac
exec "$(type -P tmux)" "\$@"
END
chmod +x "$t_dir/ending/tmux"
while_it_ends() {
  mkdir "$t_dir/ending/next"
  PATH="$t_dir/ending:$PATH" "$@"
}
export CADRE_TMUX="$t_server-ending"
windows() { command tmux -L "$CADRE_TMUX" list-windows -a -F '#W'; }
t_program ends <<'END'
exit 0
END
cadre spawn -q first --agent idler --no-worktree
is "$(while_it_ends cadre spawn second --agent idler --no-worktree)" second "one is spawned while the server ends"
is "$(windows)" second "in a session made anew"
cadre spawn -q brief --agent ends --no-worktree
wait_for 10 is_state brief resting
code 0 "one is started again while the server ends" while_it_ends cadre up brief
is "$(windows)" brief "likewise"
cadre retire -q --discard first second brief
command tmux -L "$CADRE_TMUX" kill-server 2>/dev/null
export CADRE_TMUX="$t_server"

# A server that is about to end takes a call and answers none; who hangs up with it takes a while.
cadre spawn -q slow --agent 'trap "" HUP; sleep 1000; :'
mkdir "$t_dir/silent"
cat >"$t_dir/silent/tmux" <<END
#!/bin/sh
case "\$*" in *"list-panes -a -F #{pane_id}")
  if mkdir "$t_dir/silent/once" 2>/dev/null; then
    "$(type -P tmux)" -L "$CADRE_TMUX" kill-server
    exit 1
  fi ;;
esac
exec "$(type -P tmux)" "\$@"
END
chmod +x "$t_dir/silent/tmux"
is "$(PATH="$t_dir/silent:$PATH" cadre up)" slow "up as the server ends starts who ends with it"
cadre retire -q --discard slow

# A supervisor that is in the agent's pane and does not hold its lock yet is waited for by another who starts the agent.
cadre spawn -q held --agent idler
cadre stop -q held
pane=$(sed -n 's/^Pane: //p' .git/cadre/agents/held/session)
mkdir "$t_dir/held"
mkfifo "$t_dir/held/go"
cat >"$t_dir/held/tmux" <<END
#!/bin/bash
"$(type -P tmux)" "\$@"
code=\$?
[[ "\$*" != *respawn-pane* ]] || echo go >"$t_dir/held/go"
exit \$code
END
chmod +x "$t_dir/held/tmux"
# shellcheck disable=SC2016 # for eval
wait_for 5 eval '[ "$(tmux display-message -p -t "$pane" "#{pane_dead}")" = 1 ]'
# shellcheck disable=SC2016 # the pane's
tmux respawn-pane -t "$pane" -- sh -c 'read -r go <"$1" && exec cadre supervise held' sh "$t_dir/held/go"
supervisor=$(tmux display-message -p -t "$pane" '#{pane_pid}')
PATH="$t_dir/held:$PATH" code 0 "up" cadre up -q held
is "$(tmux display-message -p -t "$pane" '#{pane_pid}') $(field held pid)" "$supervisor $supervisor" "it is the one that was there"
cadre retire -q --discard held

# An agent that another starts meanwhile is not one whose terminal has gone.
cadre spawn -q new --agent idler --no-worktree
session=$PWD/.git/cadre/agents/new/session
sed -i 's/^Pane: .*/Pane: %99999/' "$session"
mkfifo "$t_dir/held/asked"
cat >"$t_dir/held/tmux" <<END
#!/bin/bash
[[ "\$*" != *list-panes* ]] || echo asked >"$t_dir/held/asked"
exec "$(type -P tmux)" "\$@"
END
PATH="$t_dir/held:$PATH" cadre up -q new >"$t_dir/held/out" 2>&1 &
up=$!
read -r _ <"$t_dir/held/asked"
sed -i 's/^Token: .*/Token: another/' "$session"
cat "$t_dir/held/asked" >/dev/null &
reader=$!
wait "$up"
ok "up, while another starts it"
kill "$reader" 2>/dev/null
is "$(cat "$t_dir/held/out")" "" "says nothing"
kill -9 "$(field new pid)"
cadre retire -q --discard new

# A repository whose path has a newline in it.
cd "$(t_repository $'new\nline')" || exit 1
cadre init -q
is "$(cadre spawn bob --agent idler --headless 2>&1)" bob "an agent in a path with a newline"
printf '\033[8mhidden\033[m\n' >"$PWD.cadre/bob/file"
like "$(cadre diff bob)" $'*\n+\e\\[8mhidden*' "what it has changed, as it is in a pipe"
painted=$'*\e\\[32m+?\\[8mhidden?\\[m\e\\[m*'
like "$(script -qec 'cadre diff bob' /dev/null </dev/null | tr -d '\r')" "$painted" "on a terminal colours of the file's are made visible"
like "$(cadre diff --color bob)" "$painted" "and for a pager"
is "$(cadre diff --json bob)" '{"path":"file","added":1,"removed":1}' "in JSON"
code 0 "retired" cadre retire --discard bob
printf 'c1 \302\2338m' | cadre task add -q c1 -
is "$(cadre task list --json | LC_ALL=C grep -c $'\302')" 0 "JSON has no control character as it is"
is "$(cadre task list --json | jq -r .body | od -An -tx1 | tr -d ' \n')" 633120c29b386d0a "but what it stands for"
cd "$here" || exit 1

# tmux that can't do it.
mkdir "$t_dir/old"
# shellcheck disable=SC2016 # the program's
printf '#!/bin/sh\n[ "$1" = -V ] && echo tmux 3.1c && exit\nexit 1\n' >"$t_dir/old/tmux"
chmod +x "$t_dir/old/tmux"
code 75 "an old tmux" env PATH="$t_dir/old:$PATH" cadre spawn late --agent idler 'x'
is "$(cat "$t_dir/err")" "cadre spawn: tmux 3.1c is too old: cadre needs tmux 3.3 or later" "one line says so"
mkdir "$t_dir/few"
for program in git sh; do ln -s "$(command -v $program)" "$t_dir/few/$program"; done
ln -s "$t_dir/bin/idler" "$t_dir/few"
code 75 "no tmux" env PATH="$t_dir/few" "$t_dir/bin/cadre" spawn late --agent idler 'x'
is "$(cat "$t_dir/err")" "cadre spawn: no tmux here: install tmux 3.3 or later" "one line says so"
is "$(cadre agents && git worktree list | wc -l)" 1 "and nothing was made"
is "$(cadre task list | cut -f4 | grep -cx x)" 0 "no task either"
code 1 "attach without a terminal" cadre attach nobody

# Branches of the user's.
cd "$(t_repository branches)" || exit 1
git branch cadre
id=$(cadre task add 'in the way' 2>/dev/null)
git branch "cadre-$id-in-the-way" HEAD
cadre spawn -q one --agent idler --task "$id"
is "$(field one branch)" "cadre-$id-in-the-way-2" "a branch 'cadre' and one of a task's name are in the way: both stay"
git -C "$(field one worktree)" commit -q --allow-empty -m work
cadre retire -q --discard one
git rev-parse -q --verify "refs/heads/cadre-$id-in-the-way" >/dev/null && git rev-parse -q --verify refs/heads/cadre >/dev/null
ok "to the end"
git branch -D -q cadre

# Options.
git commit -q --allow-empty -m second
first=$(git rev-parse HEAD~1)
cadre spawn -q based --agent idler --base HEAD~1 'from there'
is "$(git -C "$(field based worktree)" rev-parse HEAD)" "$first" "--base"
is "$(cadre spawn named --agent idler --branch topic 'so called' && field named branch)" "named
topic" "--branch"
cadre spawn -q none --agent 'sleep 1000' --no-worktree
is "$(field none worktree)" "" "--no-worktree"
is "$(cadre spawn n --agent idler --no-worktree --count 2 | xargs)" "n1 n2" "--count"
before=$(cadre agents)
like "$(cadre spawn dry --dry-run --agent sh --role worker 'x')" "dry	*" "--dry-run says what would be"
is "$(cadre agents)" "$before" "and does nothing"
code 64 "a bad revision" cadre spawn --base no-such
code 64 "a bad branch" cadre spawn --branch 'a..b' 'x y'
code 64 "a bad name" cadre spawn 'Bad' 'x'
code 64 "a reserved name" cadre spawn all 'x'
code 64 "an empty prompt" cadre spawn fine '  '
code 64 "a bad count" cadre spawn --count 0
code 1 "a taken name" cadre spawn n1
code 1 "no such parent" cadre spawn --parent nobody
code 1 "no such task" cadre spawn --task 999
is "$(cadre agents)" "$before" "none of them left anything"
cadre agents -o name | cadre retire -q --discard -

# Other repositories.
git init -q "$t_dir/empty" && cd "$t_dir/empty" || exit 1
code 1 "no commit" cadre spawn e --agent idler
like "$(cat "$t_dir/err")" "*the repository has no commit yet: commit something first" "says so"
git config cadre.target main
code 1 "a target without a commit" cadre spawn e --agent idler
like "$(cat "$t_dir/err")" "*'main' has no commit yet*" "says so"
is "$(cadre agents)" "" "and leaves no agent"
code 0 "but without a worktree" cadre spawn e --agent idler --no-worktree
cadre retire -q e

cd "$(t_repository detached)" || exit 1
git checkout -q --detach
code 1 "a detached HEAD has no target" cadre spawn d --agent idler
like "$(cat "$t_dir/err")" "*git config cadre.target*" "and says what to do"
git config cadre.target main
code 0 "with one" cadre spawn d --agent idler 'x'
like "$(field d branch)" "cadre/1-x" "on its branch"
cadre retire -q --discard d

git clone -q --bare "$t_dir/detached" "$t_dir/bare.git" 2>/dev/null && cd "$t_dir/bare.git" || exit 1
git symbolic-ref HEAD refs/heads/main
code 0 "a bare repository" cadre spawn b --agent idler 'x'
is "$(field b worktree)" "$t_dir/bare.git.cadre/b" "with a worktree beside it"
cadre retire -q --discard b

git -C "$here" worktree add -q "$t_dir/linked" 2>/dev/null && cd "$t_dir/linked" || exit 1
code 0 "from a worktree" cadre spawn w --agent idler 'x'
is "$(field w worktree)" "$here.cadre/w" "the same project"
cadre retire -q --discard w

cd "$(t_repository super)" || exit 1
git -c protocol.file.allow=always submodule add -q "$t_dir/detached" 'sub module' 2>/dev/null && git commit -qm sub
code 0 "with a submodule" cadre spawn s --agent idler 'x'
is "$(git -C "$(field s worktree)" status --porcelain)" "" "clean"
code 0 "pause" cadre pause s
code 0 "resume" cadre resume s
cadre retire -q --discard s
cd 'sub module' || exit 1
code 0 "in a submodule" cadre spawn i --agent idler 'x'
is "$(git -C "$(field i worktree)" rev-parse HEAD)" "$(git rev-parse HEAD)" "it is the submodule's project"
is "$(git -C "$(field i worktree)" status --porcelain)" "" "clean"
cadre retire -q --discard i
is "$(find "$t_dir" -name x)" "" "nothing was run"
t_end
