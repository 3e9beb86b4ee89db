#!/usr/bin/env bash
# A prompt is no script: which program an agent is of that none was named for, and whose tasks an `sh` agent takes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
# No program of the machine's that can be told what to do.
for name in aider claude codex gemini opencode qwen; do
  # shellcheck disable=SC2230 # each directory that has one
  while place=$(command -v "$name"); do PATH=$(tr : '\n' <<<"$PATH" | grep -vxF "${place%/*}" | paste -sd :); done
done
cd "$(t_repository)" || exit 1
cadre init -q
state_of() { cadre task list --json | jq -r "select(.id == $1).state"; }
is_done() { [ "$(state_of "$1")" = done ]; }

code 64 "a prompt, and no program to give it to" cadre spawn 'touch up the login page'
like "$(cat "$t_dir/err")" "*claude*cadre.program*" "which names those that are known"
is "$(cadre agents)$(cadre task list)" "" "nothing was made"
is "$(cadre spawn --headless --no-worktree first 2>"$t_dir/err")" first "without a prompt it is sh"
like "$(cat "$t_dir/err")" "*'sh'*" "which is said"
cadre task add -q --no-merge plain 'echo plain >plain'
wait_for 60 is_done 1
ok "it takes any task where there is no other program"
cadre retire -q first

echo 'exec sleep 1000' | t_program aider
is "$(cadre spawn --headless --no-worktree 'fix the login' 2>"$t_dir/err")" aider1 "the only program is taken"
like "$(cat "$t_dir/err")" "*'aider'*" "which is said"
is "$(cadre task list --json | jq -r 'select(.title == "fix the login").program')" aider "its task is for that program"
cadre stop -q aider1
cadre spawn -q --agent sh --headless --no-worktree second
cadre task add -q --no-merge unbound 'echo unbound >unbound'
bound=$(cadre task add --no-merge --agent sh bound 'echo bound >bound')
wait_for 60 is_done "$bound"
ok "sh takes what is for it"
is "$(cadre task list --json | jq -r 'select(.title == "unbound" or .title == "fix the login").state' | sort -u)" ready "and leaves what may be meant for others, also after its agent"
code 1 "sh by the id of another's" cadre --as second claim 2
code 0 "a person may have it" cadre claim 2
cadre claim --release -q 2
is "$(cadre --as nobody claim | cut -f 2)" unbound "who is of no program gets what is for none"
cadre --as nobody claim --release -q
cadre task edit -q --to second 3
wait_for 60 is_done 3
ok "what is for it by name it takes"
cadre task add -q --no-merge --role tester --agent sh tested 'echo tested >tested'
cadre spawn -q --agent sh --headless --no-worktree --role tester third
wait_for 60 is_done 5
ok "for a role and a program"
code 64 "a program that is unknown" cadre task add --agent cluade x
cadre task edit -q --agent '' 2
is "$(cadre --as nobody claim | cut -f 1)" 2 "taken back it is anybody's"
cadre --as nobody claim --release -q
code 0 "doctor finds nothing" cadre doctor

echo 'exec sleep 1000' | t_program claude
code 64 "several programs" cadre spawn 'fix the login'
like "$(cat "$t_dir/err")" "*'aider' and 'claude'*--agent*cadre.program*" "are named"
code 64 "without a prompt, too" cadre spawn
git config cadre.program sh
cadre retire -q second third
cadre task cancel -q 2
last=$(cadre task add --no-merge last 'echo last')
cadre spawn -q --headless --no-worktree fourth
wait_for 60 is_done "$last"
ok "where cadre.program is sh it takes any"
t_end
