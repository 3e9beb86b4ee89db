#!/usr/bin/env bash
# What a newcomer is told: where nothing is yet, where a word is misspelt, and by `cadre` alone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
mkdir "$t_dir/empty" && cd "$t_dir/empty" || exit 1

code 64 "alone, outside of a project" cadre
like "$(cat "$t_dir/err")" "*usage: cadre *cadre init*" "there is the usage, and how to begin"
is "$(grep -cE '^(begin|  init .*|tasks|repair)$' "$t_dir/err")" 4 "in lines"

cd "$(t_repository)" || exit 1
for verb in "task list" inbox "ask list" log "path bus" "task graph" claim "inbox next" agents status cost "merge list" prime; do
  # shellcheck disable=SC2086 # two words
  code 1 "$verb without a bus" cadre $verb
  is "$(cat "$t_dir/out")" "" "prints nothing"
  like "$(cat "$t_dir/err")" "cadre *: no bus in this repository, 'cadre init' makes one" "and says what to do"
  # shellcheck disable=SC2086
  code 1 "$verb -q without a bus" cadre $verb -q
  is "$(cat "$t_dir/err")" "" "is silent"
done
code 0 "which programs there are needs none" cadre spawn --programs
[ ! -e .git/cadre ]
ok "and none of it made a bus"

meant() { # WORD THE ARGUMENTS...
  local word=$1
  shift
  cadre "$@" >"$t_dir/out" 2>"$t_dir/err"
  is "$? $(grep -o "did you mean '[^']*'" "$t_dir/err")" "$word" "cadre $*"
}
cadre init -q
meant "64 did you mean 'spawn'" spwan
meant "64 did you mean 'status'" statsu
meant "64 did you mean 'task'" taks list
meant "64 did you mean 'help'" hlep
meant "64 " frobnicate
meant "64 did you mean 'list'" task lsit
meant "64 did you mean 'approve'" merge aprove 1
meant "64 " task frobnicate
meant "64 did you mean 'ready'" task list --state done,redy
meant "64 " task list --state frobnicate
like "$(cat "$t_dir/err")" "*bad state 'frobnicate', use ready, blocked, *" "and which there are"
meant "64 did you mean 'spawn'" help spwan
cadre spawn -q alice --agent 'exec sleep 1000' --no-worktree
meant "1 did you mean 'alice'" peek alcie
meant "1 did you mean 'alice'" stop alic
meant "1 did you mean 'alice'" send alcie hello
meant "1 did you mean 'alice'" path agent alcie
meant "1 did you mean 'alice'" path inbox alcie
meant "1 did you mean 'alice'" ask --to alcie hello
meant "1 did you mean 'alice'" merge submit alcie
meant "1 did you mean 'alice'" merge check alcie
meant "1 did you mean 'alice'" heartbeat --as alcie
meant "1 did you mean 'alice'" handoff --as alcie notes
meant "0 did you mean 'alice'" log --agent alcie
meant "0 did you mean 'alice'" task add --to alcie work
meant "0 did you mean 'alice'" task edit --to alcie 1
meant "0 " task edit --to somebody 1
meant "0 " log --agent alice
cadre task cancel -q 1
git branch topic/parser
meant "1 did you mean 'topic/parser'" merge submit topic/praser

# Settings.
git config cadre.gaet true
code 0 "a setting that nobody knows is no damage" cadre doctor
like "$(cat "$t_dir/out")" "*there is no setting 'cadre.gaet': did you mean 'gate'?*" "doctor tells of it"
cadre init >/dev/null 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*there is no setting 'cadre.gaet'*" "so does init"
git config --unset cadre.gaet
for pair in "restart sometimes" "mergeMode remtoe" "gateTimeout 5x" "mergeBatch many" "gateParallel perhaps"; do
  git config "cadre.${pair% *}" "${pair#* }"
  code 75 "doctor: $pair" cadre doctor
  like "$(cat "$t_dir/out")" "*setting*cadre.${pair% *} is '${pair#* }', *" "names it, its value and what it may be"
  git config --unset "cadre.${pair% *}"
done
git init -q -b main "$t_dir/broken"
printf '[cadre\n' >"$t_dir/broken/.cadre"
git -C "$t_dir/broken" add .cadre && git -C "$t_dir/broken" commit -qm broken
for verb in init doctor "spawn x"; do
  # shellcheck disable=SC2086 # two words
  code 75 "$verb with a broken .cadre" cadre -C "$t_dir/broken" $verb
  like "$(cat "$t_dir/err")" "*cadre ${verb% x}: unable to read the configuration: *bad config line 1 in '.cadre' of the target" "names it"
done
git config cadre.target nosuch
cadre init >/dev/null 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "the target 'nosuch' is gone: 'git config cadre.target main' chooses this" "init names a target that is not there"
git config --unset cadre.target
git config cadre.key.quit Q
git config cadre.program.mine.command 'exec cat'
code 0 "sections have parts" cadre doctor
like "$(cat "$t_dir/out")" "*cadre.gate*" "and all is known again"

# Hints are for a terminal.
terminal() { script -qec "$*" "$t_dir/typed" >/dev/null </dev/null; }
kind() { # GATE FILE TEXT: what init suggests where there is such a file
  printf '%b' "$3" >"$2"
  terminal cadre init
  like "$(cat "$t_dir/typed")" "*git config cadre.gate $1?*" "$2: $1"
  rm "$2"
}
kind "'make check'" Makefile 'all:\ncheck: all\n\ttrue\n'
kind "'npm test'" package.json '{ "scripts": { "test": "jest" } }'
kind COMMAND package.json '{ "scripts": { "test": "echo \\"Error: no test specified\\" && exit 1" } }'
kind "'cargo test'" Cargo.toml ''
kind "'swift test'" Package.swift ''
kind "'go test ./...'" go.mod ''
kind "'pytest'" pyproject.toml ''
printf 'test:\n\ttrue\n' >Makefile
cadre init >/dev/null 2>"$t_dir/err"
is "$(grep -c gate "$t_dir/err")" 0 "none elsewhere"
terminal cadre init
like "$(cat "$t_dir/typed")" "*agent program*no gate: you review what lands*git config cadre.gate 'make test'*" "init says what it found and what to set"
terminal cadre spawn carl --agent "'exec sleep 1000'" --no-worktree
like "$(cat "$t_dir/typed")" "*carl: cadre attach carl · cadre top*" "spawn how to go on"
terminal cadre -q init
is "$(grep -c gate "$t_dir/typed")" 0 "none with -q"
git config cadre.advice false
terminal cadre init
is "$(grep -c gate "$t_dir/typed")" 0 "none with cadre.advice false"
git config --unset cadre.advice
rm Makefile

# How things stand.
git config cadre.gate true
git config cadre.program sh
id=$(cadre task add 'to land' 'echo 1 >one')
cadre spawn -q bob --agent sh
code 0 "it lands" cadre task wait --timeout 60 "$id"
cadre ask -q --as alice 'which one?'
stands() { [[ $(cadre) == *"2 idle"* || $(cadre) == *"3 idle"* ]]; }
wait_for 20 stands
cadre >"$t_dir/out"
like "$(cat "$t_dir/out")" "*1 ask*
landed today: 1
  to land
next:
  cadre ask list  *1 question waits for you
*" "alone, in a project: what stands, what landed, what comes next"
is "$(sed -n '/^next:/,$p' "$t_dir/out" | wc -l)" 4 "three things"
cadre stop -q alice bob carl

# What can't be done says what can.
cadre spawn -q still --agent 'echo said; exec sleep 1000' --headless --no-worktree
code 1 "who has no terminal can't be gone to" cadre attach still
like "$(cat "$t_dir/err")" "*'still' has no terminal: 'cadre peek still' prints what it said" "but heard"
wait_for 10 test "$(cadre peek still)" = said
ok "as it says"
cadre retire -q still
# What of tmux a person may not expect.
t_program claude <<'END'
exec sleep 1000
END
git clone -q --bare . "$t_dir/home/.bare" && git -C "$t_dir/home/.bare" worktree add -q "$t_dir/home/trunk" main
cadre -C "$t_dir/home/trunk" init -q
cadre -C "$t_dir/home/trunk" spawn -q bare --agent 'exec sleep 1000' --no-worktree
is "$(tmux -L "$t_server" list-sessions -F '#{session_name}' | grep -c '^cadre-home$')" 1 "a project is called by the directory above a hidden one"
cadre -C "$t_dir/home/trunk" retire -q bare
cadre spawn -q typed --agent claude --no-worktree
tmux -L "$t_server" set -s extended-keys off
like "$(cadre doctor)" "*note	tmux	extended-keys is off: Shift+Enter *" "doctor tells of keys that don't reach a program"
tmux -L "$t_server" set -s extended-keys on
tmux -L "$t_server" set -g @resurrect-dir "$t_dir"
like "$(cadre doctor)" "note	tmux	tmux-resurrect *" "of what brings windows back, and no more of keys"
cadre retire -q typed
code 64 "a script is no JSON" cadre completions bash --json
mkdir "$t_dir/few" && ln -s "$(command -v cadre)" "$t_dir/few/cadre"
code 75 "without git" env PATH="$t_dir/few" cadre spawn
like "$(cat "$t_dir/err")" "*no 'git' on the PATH: install it" "says what is missing"
code 1 "all projects of a tmux that does not run" env TMUX_TMPDIR="$t_dir/few" CADRE_TMUX=none cadre top --all --plain
like "$(cat "$t_dir/err")" "*no project on this tmux server" "says that there is none"
t_end
