#!/usr/bin/env bash
# Agents as a person has them: starting, failing to start, looking at them, stopping, setting aside, letting go.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
repository=$(t_repository)
cd "$repository" || exit 1
git config cadre.maxRestarts 1
cadre init -q

t_program idler <<'END'
exec sleep 1000
END

# Programs that are not there: of what can be told before, nothing is made.
refused() { # CODE WORDS ARGUMENT...
  local expected=$1 words=$2
  shift 2
  code "$expected" "refused: $(tr -d '\033\007' <<<"$*")" cadre spawn "$@"
  is "$(wc -l <"$t_dir/err") $(LC_ALL=C tr -d '\n -~' <"$t_dir/err" | wc -c)" "1 0" "in one plain line"
  like "$(cat "$t_dir/err")" "*$words*" "with what to do"
}
refused 1 "no program 'no-such' on PATH: 'cadre spawn --programs' lists those that are known" gone --agent no-such 'x'
refused 1 "no program 'no-such' on PATH: *" gone --agent 'no-such --with words' --headless 'x'
refused 1 "no program 'no-such' on PATH: *" --count 3 --agent no-such
refused 1 "no program '/no/such': *" --agent 'exec /no/such'
git config cadre.program.thing.command 'exec no-such "$@"'
refused 1 "'thing' is not installed: no program 'no-such' on PATH" gone --agent thing
like "$(cadre spawn --dry-run --agent thing)" "*'thing' is not installed*" "--dry-run says so too"
refused 1 "no program './no-such' in '$repository'" gone --agent './no-such x' --no-worktree
touch own && chmod +x own
refused 1 "no program './own' in the worktree, which has what is committed" gone --agent ./own 'x'
refused 1 "no program '../own' in the worktree*" gone --agent ../own
git add own && git update-index --chmod=-x own && git commit -qm own
refused 1 "no program './own' in the worktree*" gone --agent ./own
git rm -qf own && git commit -qm none
git config -f .cadre cadre.program.other.command true
git add .cadre && git commit -qm 'a program'
refused 1 "'other' is a program of '.cadre' that you have not seen: 'cadre init' shows it" gone --agent other
git rm -qf .cadre && git commit -qm 'none'
refused 64 "control character in program*" --agent $'x\033]0;y\007'
refused 64 "empty program" --agent ''
# What is not there for a worktree of its own, or for several.
refused 64 "*--no-worktree" gone --agent true --no-worktree --base HEAD
refused 64 "*--no-worktree" gone --agent true --no-worktree --branch b 'x'
refused 64 "*--branch and --count*" gone --agent true --count 2 --branch b 'x'
refused 64 "bad name *3': use a-z*" a123456789012345678901234567890 --agent true --count 103
refused 64 "only one of --window, *" gone --agent true --pane --headless
refused 64 "--programs lists all*" --programs gone
made() { cadre agents && cadre task list && cadre ask list && git worktree list | tail -n +2 && panes; }
is "$(made)" 0 "and nothing was made"
tmux -L "$t_server" -f /dev/null new-session -d 'exec sleep 1000'
mkdir "$t_dir/else" && ln -s "$t_dir/bin/idler" "$t_dir/else/elsewhere"
is "$(PATH="$t_dir/else:$PATH" cadre spawn there --agent elsewhere --no-worktree)" there "the PATH that counts is the caller's, not the tmux server's"
cadre retire -q there
is "$(cadre spawn word --agent 'while sleep 1; do :; done' --no-worktree)" word "and so is what the shell itself knows"
cadre retire -q word
mkdir tools && ln -s tools tool && ln -s "$t_dir/bin/idler" tools/own && git add . && git commit -qm tools
is "$(cadre spawn own --agent tool/own)" own "and what is committed"
printf '.made\n' >.gitignore && cp .gitignore .worktreeinclude && git add . && git commit -qm made && ln -s "$t_dir/bin/idler" .made
is "$(cadre spawn carried --agent ./.made)" carried "and what is carried over"
rm .made
git config cadre.setup "ln -s $t_dir/bin/idler .made"
is "$(cadre spawn made --agent ./.made)" made "and what the setup makes"
git config --unset cadre.setup
cadre retire -q own carried made
git rm -qr tool tools .gitignore .worktreeinclude && git commit -qm none
tmux -L "$t_server" kill-server

# Programs that don't run.
code 1 "a program that can't be run" cadre spawn gone --agent '"./no-such"' --no-worktree 'x'
is "$(wc -l <"$t_dir/err")" 1 "one line says so"
like "$(cat "$t_dir/err")" "*'gone' ended at once: *exit status 127*" "and why"
wait_for 5 is_state gone quarantined
ok "it is quarantined"
wait_for 5 is_ready 1
ok "its task is offered"
is "$(cadre ask list | cut -f1)" quarantined-gone "one ask is open"
code 1 "up tries again and says why not" cadre up gone
wait_for 5 is_state gone quarantined
is "$(cadre ask list | wc -l)" 1 "still one ask"
code 0 "it can be retired" cadre retire gone
code 1 "a program that ends at once" cadre spawn brief --agent 'exit 3' --no-worktree
like "$(cat "$t_dir/err")" "*'brief' ended at once: *exit status 3*" "and why"
wait_for 10 is_state brief quarantined
ok "after maxRestarts it is quarantined"
is "$(cadre ask list | cut -f1 | xargs)" "quarantined-brief" "one ask is open"
cadre retire brief >/dev/null
t_program failing <<'END'
echo '{"error":"no_model"}' | cadre hook StopFailure
exit 3
END
cadre spawn -q failing --agent failing --no-worktree 2>"$t_dir/err"
wait_for 10 is_state failing quarantined
like "$(cadre ask list)" "*exit status 3, the turn failed: no_model*" "what its hook said of it is said as well"
cadre retire -q failing
is "$(cadre ask list | wc -l)" 0 "none is left of who is retired"
cadre task cancel -q 1
is "$(cadre spawn clean --agent true --no-worktree)" clean "a clean end with nothing held is no failure"
wait_for 5 is_state clean resting
ok "it rests"
cadre recover >/dev/null
cadre up >/dev/null
is "$(field clean state)" resting "and is left alone"
cadre retire clean >/dev/null

# What is drawn.
t_program noisy <<'END'
printf 'plain \033[31mred\033[0m \033]0;#(touch /tmp/x)\007 \302\233 end\n'
printf '\033]2;title\007'
cadre heartbeat --note "$(printf 'working')"
exec sleep 1000
END
cadre spawn noisy --agent noisy 'shout' >/dev/null
wait_for 5 eval 'cadre peek noisy | grep -q end'
ok "peek prints the screen"
like "$(cadre peek noisy)" "*plain red*" "as text"
is "$(cadre peek noisy | LC_ALL=C tr -d '\n\t -~' | LC_ALL=C tr -d '\200-\377' | wc -c)" 0 "without control characters"
is "$(cadre peek -n 1 noisy | wc -l)" 1 "as many lines as asked for"
code 64 "a bad number of lines" cadre peek -n 0 noisy
code 1 "no such agent" cadre peek nobody
is "$(cadre peek --json noisy | jq -r .line | grep -c plain)" 1 "peek --json"
is "$(cadre peek -q noisy)" "" "peek -q"
# On a terminal as well.
NO_COLOR=1 GIT_PAGER=cat script -qec 'cadre peek noisy; cadre agents; cadre status; cadre diff noisy; cadre --as noisy prime' /dev/null >"$t_dir/typescript" </dev/null
is "$(LC_ALL=C tr -d '\n\r\t -~\200-\377' <"$t_dir/typescript" | wc -c)" 0 "nor on a terminal"

# Lists.
cadre spawn lead --agent idler --no-worktree --role lead >/dev/null
cadre spawn child --agent idler --no-worktree --parent lead >/dev/null
is "$(cadre agents -o name,parent | xargs)" "child lead lead - noisy -" "agents -o"
is "$(cadre agents --tree -o name)" 'lead
  child
noisy' "agents --tree"
is "$(cadre agents --json | jq -r 'select(.name == "noisy") | "\(.state) \(.task + 0) \(.tasks)"')" "working 2 [2]" "agents --json"
is "$(cadre agents -q)" "" "agents -q"
code 64 "a bad field" cadre agents -o colour
code 0 "-o help lists them" cadre agents -o help
is "$(cadre agents list | cut -f1 | xargs)" "child lead noisy" "agents list"
like "$(cadre status)" "1 working 2 idle*" "status"
is "$(cadre status --json | jq .agents)" 3 "status --json"
is "$(cadre status --format '%(working)/%(agents)')" 1/3 "status --format"
is "$(cadre status -q)" "" "status -q"
code 64 "a bad number" cadre status --format '%(colours)'
is "$(strace -f -qq -e trace=execve,clone,fork,vfork,clone3 cadre status 2>&1 >/dev/null | grep -cE 'clone|fork')" 0 "status starts no process"
like "$(cadre --as noisy prime)" "*Your task is 2: shout*" "prime tells the task"
like "$(cadre prime)" "You are the person that *" "and a person who they are"
is "$(cadre --as noisy prime --json | jq -r .name)" noisy "prime --json"
code 64 "a circle of parents" cadre agents set lead parent child
code 64 "a bad policy" cadre agents set lead restart sometimes
code 1 "no such agent" cadre agents set nobody restart never
code 64 "a bad key" cadre agents set lead shoe 42

# The difference, while the agent's index is its own.
tree=$(field noisy worktree)
echo more >>"$tree/file"
echo new >"$tree/new file"
git -C "$tree" add file
before=$(sha256sum "$(git -C "$tree" rev-parse --path-format=absolute --git-path index)")
touch "$(git -C "$tree" rev-parse --path-format=absolute --git-path index.lock)"
is "$(cadre diff --name-only noisy | xargs)" "file new file" "diff shows new files too, past an index.lock"
rm "$(git -C "$tree" rev-parse --path-format=absolute --git-path index.lock)"
is "$(cadre diff noisy | grep -c '^+[a-z]')" 2 "and their lines"
is "$(sha256sum "$(git -C "$tree" rev-parse --path-format=absolute --git-path index)")" "$before" "the index is untouched"
like "$(cadre diff --stat noisy)" "*2 files changed*" "diff --stat"
code 1 "diff -q tells by its exit code" cadre diff -q noisy
# Against what was seen.
status=$(git -C "$tree" status --porcelain)
code 0 "what there is is marked as seen" cadre diff --mark-seen noisy
is "$(cadre diff --since-seen noisy)" "" "nothing has changed since"
is "$(git -C "$tree" status --porcelain)" "$status" "the worktree's index is as it was"
echo since >"$tree/since"
is "$(cadre diff --since-seen --name-only noisy)" since "what has changed since is shown alone"
git -C "$tree" add since
git -C "$tree" commit -qm since
is "$(cadre diff --since-seen --name-only noisy)" since "committed or not"
is "$(cadre diff --name-only noisy | wc -l)" 3 "all is still shown without it"
git -C "$tree" reset -q HEAD^
rm "$tree/since"
code 1 "no worktree to mark" cadre diff --mark-seen lead
code 1 "no worktree, no difference" cadre diff lead

# Freezing.
pid=$(pids_of 'sleep 1000' noisy)
code 0 "stop --freeze" cadre stop --freeze noisy
wait_for 5 grep -q '^State:	T' "/proc/$pid/status"
ok "holds it"
is "$(field noisy state)" frozen "and says so"
code 1 "freezing one that does not run" cadre stop --freeze nobody
is "$(field noisy task)" 2 "it has its task"
cadre resume noisy >/dev/null
wait_for 5 grep -q '^State:	S' "/proc/$pid/status"
ok "resume goes on where it was"
is "$(field noisy state)" working "and says so"
cadre stop --freeze noisy >/dev/null
kill -9 "$(field noisy pid)"
wait_for 10 is_state noisy resting
cadre recover >/dev/null
is "$(cadre task list --state claimed | cut -f1)" 2 "who dies frozen keeps the task"
code 0 "and is started again by resume" cadre resume noisy
t_gone "$pid"
ok "what was frozen is gone"

# Stopping, of what can hardly be ended.
t_program stubborn <<'END'
trap '' TERM HUP INT
setsid sh -c 'trap "" TERM HUP; echo $$ >"$t_dir/stray"; sleep 1000'
END
cadre spawn stubborn --agent stubborn --no-worktree 'resist' >/dev/null
wait_for 5 test -s "$t_dir/stray"
code 0 "stop --now" cadre stop --now stubborn
t_gone "$(cat "$t_dir/stray")"
ok "leaves nothing running"
is_ready 3
ok "what it held is offered"
is "$(field stubborn state)" resting "it rests"
cadre recover >/dev/null && cadre up >/dev/null
is "$(field stubborn state)" resting "and is not started unasked"
code 0 "resume starts it" cadre resume stubborn
is_state stubborn idle
ok "and it runs"
is "$(cadre agents -o name | grep -e stubborn -e child | cadre stop - | xargs)" "child stubborn" "stop reads names"
code 1 "stop of nobody" cadre stop nobody
cadre retire stubborn child lead >/dev/null

# Ports are nobody else's, also while their agent does not run.
cadre stop -q noisy
cadre spawn -q --count 2 port --agent idler --no-worktree
cadre resume -q noisy
is "$(cadre agents -o port | sort -u | wc -l)" "$(cadre agents | wc -l)" "each agent has ports of its own"
cadre retire -q port1 port2

# Setting aside.
printf '.env\nbuild/\n' >.gitignore
printf '.env\n' >.worktreeinclude
git add .gitignore .worktreeinclude && git commit -qm ignore
echo secret >.env
cadre spawn p --agent idler 'aside' >/dev/null
tree=$(field p worktree)
task=$(field p task)
branch=$(field p branch)
is "$(cat "$tree/.env")" secret "files that .worktreeinclude names are carried over"
echo own >"$tree/.env"
echo work >"$tree/work"
mkdir "$tree/build" && echo object >"$tree/build/object"
code 1 "pause would lose ignored files" cadre pause p
like "$(cat "$t_dir/err")" "*'p' is stopped*" "and says what became of it"
like "$(cat "$t_dir/err")" "*build/*" "and which"
is "$(cat "$tree/build/object")" object "and keeps them"
code 0 "pause --discard" cadre pause --discard p
test ! -e "$tree"
ok "the worktree is gone"
is "$(git worktree list | wc -l)" 2 "for git too"
is "$(git show "$branch:work")" work "what was not committed is on the branch"
cadre recover >/dev/null
is "$(cadre task list --state claimed --json | jq -r "select(.id == $task).owner")" p "the task stays with it"
code 0 "resume" cadre resume p
is "$(cat "$tree/work" "$tree/.env" | xargs)" "work own" "brings all back"
is "$(field p task) $(git -C "$tree" branch --show-current)" "$task $branch" "with task and branch"
is "$(git -C "$tree" status --porcelain)" "" "clean"

# Letting go. What was committed is never lost, whatever the agent does to its branch.
git -C "$tree" commit -q --allow-empty -m precious
tip=$(git -C "$tree" rev-parse HEAD)
cadre stop -q p && cadre resume -q p
git -C "$tree" reset -q --hard HEAD~2
git -C "$tree" checkout -q --detach
git branch -D "$branch" >/dev/null
echo unsaved >"$tree/unsaved"
code 1 "retire would lose changes" cadre retire p
like "$(cat "$t_dir/err")" "*unsaved*" "and names them"
rm "$tree/unsaved"
code 0 "retire" cadre retire p
reachable() { [ -n "$(git for-each-ref --contains "$1")" ]; }
reachable "$tip"
ok "the commit is reachable after reset --hard, branch -D and retire"
test ! -e "$tree" -a ! -e "$(cadre path agent p 2>/dev/null || echo /none)"
ok "worktree and card are gone"
is "$(git worktree list | wc -l)" 2 "for git too"
cadre spawn q --agent idler --branch "mine" 'on my branch' >/dev/null
git -C "$(field q worktree)" commit -q --allow-empty -m 'mine'
cadre retire --discard q >/dev/null
git rev-parse -q --verify refs/heads/mine >/dev/null
ok "a branch that the user named is never deleted"
cadre retire --discard noisy >/dev/null
is "$(git for-each-ref refs/cadre/seen)" "" "what was seen of it is let go with it"
is "$(cadre agents | wc -l) $(panes)" "0 0" "no agent, no window"
is "$(git worktree list | wc -l)" 1 "no worktree"
test ! -e "$repository.cadre"
ok "no directory"
code 0 "the bus is sound" cadre doctor
t_end
