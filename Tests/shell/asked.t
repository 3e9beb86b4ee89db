#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Permissions, broken off turns, failures and first dialogs, with the real programs against a model on loopback.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
export CLAUDE_CODE_MAX_RETRIES=1
cadre init -q

keys() { tmux -L "$t_server" send-keys -t "$(field one pane)" "$@"; }
open_asks() { cadre ask list | grep -c permission; }
is_asked() { [ "$(open_asks)" = 1 ] && is_state one waiting; }
nobody_asks() { [ "$(open_asks)" = 0 ]; }
idle_for() { # SECONDS NAME: within so long
  wait_for "$1" is_state one idle
  ok "$2"
}
asks_for() { # COMMAND: has the model ask; the ask is $id
  cadre send -q one "${a_form/@/$1}"
  wait_for 20 is_asked
  id=$(cadre ask list | grep permission | cut -f1)
}

a_asked() { # claude|codex
  local since id before
  cadre spawn -q one --agent "$1" --no-pull
  wait_for 20 is_state one idle

  since=$(date +%s%N)
  asks_for 'touch allowed'
  a_since "$1: from the mail to the ask" "$since"
  like "$(cadre ask show "$id")" "*Bash: touch allowed*in $(field one worktree)*command: touch allowed*" "$1: a permission is an ask"
  like "$(field one note)" "permission: Bash: touch allowed" "its agent waits for it"
  since=$(date +%s%N)
  cadre ask approve -q "$id"
  wait_for 10 test -e "$(field one worktree)/allowed"
  ok "approved it is done"
  a_since "$1: from the answer to the deed" "$since"
  idle_for 10 "and the turn ends"

  asks_for 'touch denied'
  cadre ask reject -q "$id" 'not in this house'
  idle_for 10 "rejected, the turn goes on to its end"
  [ "$(a_requests 'not in this house')" -gt 0 ] && [ ! -e "$(field one worktree)/denied" ]
  ok "the model was told why, and nothing was done"

  git config cadre.allow 'Bash(touch by-*)'
  cadre init -q 2>/dev/null
  before=$(cadre log --json | grep -c '"ask"')
  cadre send -q one "${a_form/@/touch by-rule}"
  wait_for 20 test -e "$(field one worktree)/by-rule"
  ok "a rule gives it"
  is "$(cadre log --json | grep -c '"ask"')" "$before" "and nobody was asked"
  idle_for 10 "and the turn ends"
  asks_for 'touch by-x; touch more'
  ok "not with another command behind it"
  keys Escape
  idle_for 5 "Esc while it is asked: idle"
  wait_for 5 nobody_asks
  is "$(cadre ask show --json "$id" | jq -r .answer)" "answered in the program" "and the ask is closed"
  keys C-u
  git config --unset-all cadre.allow

  git config cadre.permissionWait 1s
  asks_for 'touch late'
  wait_for 10 a_shows one "$a_question"
  wait_for 10 grep -q '^Late: yes' "$(cadre path bus)/asks/open/$id"
  ok "no answer in time: its own dialog is up, and the ask is still there"
  code 1 "an answer comes too late" cadre ask approve "$id"
  is_state one waiting
  ok "it waits"
  keys Enter
  wait_for 10 test -e "$(field one worktree)/late"
  wait_for 5 nobody_asks
  ok "answered in the program: the ask is closed"
  idle_for 10 "and the turn ends"
  asks_for 'touch never'
  wait_for 10 a_shows one "$a_question"
  wait_for 10 grep -q '^Late: yes' "$(cadre path bus)/asks/open/$id"
  since=$(date +%s%N)
  keys Escape
  idle_for 5 "denied in its dialog: idle"
  a_since "$1: idle after a denial" "$since"
  wait_for 5 nobody_asks
  ok "and the ask is closed"
  keys C-u
  git config --unset cadre.permissionWait

  # What no hook tells.
  cadre send -q one '%wait 20
%say never'
  wait_for 10 is_state one working
  wait_for 10 a_shows one 'esc to interrupt'
  since=$(date +%s%N)
  keys Escape
  idle_for 5 "a turn that is broken off ends in idle"
  a_since "$1: idle after Esc" "$since"
  like "$(cadre agents --json | jq -r 'select(.name == "one") | .source + " " + .since')" "s* 20*" "with who says so, and since when"
  keys C-u
  for status in 400 529; do
    cadre send -q one "%fail $status"
    wait_for 10 is_state one working
    wait_for 90 is_state one idle
    ok "a turn that fails with $status ends in idle"
  done
  wait_for 5 eval '[ -z "$(cadre inbox --as one)" ]'
  wait_for 20 nobody_asks
  cadre retire -q --discard one
}

a_form='%call exec_command {"cmd": "@", "sandbox_permissions": "require_escalated", "justification": "a test"}
%say ok'
a_question='Would you like to run'
a_asked codex
a_form='%run @
%say ok'
a_question='Do you want to proceed'
a_asked claude

# Sub-agents of Claude Code work beside the main turn, and after it.
cadre spawn -q one --agent claude --no-pull
wait_for 20 is_state one idle
asks_beside() { # COMMAND: a sub-agent asks, and the main turn ends
  cadre send -q one "$(printf '%%call Agent {"description": "sub", "prompt": "%%run %s\\n%%say sub done", "subagent_type": "general-purpose", "run_in_background": true}\n%%say main over: %s' "$1" "$1")"
  wait_for 20 a_shows one "● main over: $1" && wait_for 30 is_asked
  id=$(cadre ask list | grep permission | cut -f1)
}
asks_beside 'touch below'
ok "a sub-agent in the background asks: its agent waits, its turn that is over notwithstanding"
is "$(field one note)" "permission: of a sub-agent, Bash: touch below" "with what for"
cadre send -q one '%say heard beside'
wait_for 20 a_shows one '● heard beside' && wait_for 20 is_asked
ok "mail is heard beside that, and it waits still"
cadre ask approve -q "$id"
wait_for 10 test -e "$(field one worktree)/below"
ok "approved, the sub-agent does it"
wait_for 20 is_state one idle
asks_beside 'touch beside'
cadre send -q one '%wait 60
%say never'
wait_for 20 a_shows one 'esc to interrupt'
keys Escape
wait_for 10 eval '! a_shows one "esc to interrupt"'
cadre send -q one '%wait 0
%say heard after Esc'
wait_for 30 a_shows one '● heard after Esc' && wait_for 20 is_asked
ok "a main turn that is broken off is over: mail is heard"
cadre ask approve -q "$id"
wait_for 10 test -e "$(field one worktree)/beside"
ok "and the sub-agent waited on"
wait_for 20 is_state one idle
cadre retire -q --discard one

# Another program takes over.
cadre spawn -q one --agent claude --no-pull
wait_for 20 is_state one idle
code 1 "one that runs is not given another program" cadre agents set one program codex
cadre stop -q one
code 1 "nor one that is not here" cadre agents set one program nosuch
cadre send -q one '%say heard by another'
cadre agents set one program codex >/dev/null && cadre up -q one
wait_for 20 a_shows one '^• heard by another'
ok "another program begins anew, with the same mail"
wait_for 10 is_state one idle
cadre retire -q --discard one

# The plan mode of Claude Code: what it hands in there is the plan of its task.
cp "$HOME/.claude/settings.json" "$HOME/settings"
jq '.permissions.defaultMode = "plan"' "$HOME/settings" >"$HOME/.claude/settings.json"
task=$(cadre task add --plan 'planned in its own way' '%say begun')
cadre spawn -q one --agent claude --no-pull --task "$task"
wait_for 20 a_shows one '● begun'
wait_for 10 is_state one idle
file=$(grep -o '/[^ "\\]*/plans/[a-z0-9-]*\.md' "$t_dir/model.log" | tail -n 1)
plan_in() { # TEXT: has it plan so
  cadre send -q one "$(printf '%%call Write {"file_path": "%s", "content": "%s\\n"}\n%%call ExitPlanMode {}\n%%say planned: %s' "$file" "$1" "$1")"
  wait_for 20 eval 'cadre ask list | cut -f 2 | grep -qx plan'
}
plan_in 'one step'
like "$(cadre plan show "$task")" "*Plan: submitted * by 'one', waits for 'human'*one step" "claude: its plan is submitted"
is_state one waiting
ok "and waits"
cadre plan reject -q --why 'one is not enough' "$task"
wait_for 10 eval '[ "$(a_requests "one is not enough")" -gt 0 ]'
ok "rejected, the model is told why"
wait_for 20 is_state one idle
plan_in 'two steps'
cadre plan approve -q "$task"
wait_for 20 a_shows one '● planned: two steps'
ok "approved it goes on"
is "$(cadre task show --json "$task" | jq -r .planState)" approved "and so does its task"
wait_for 20 is_state one idle
cadre retire -q --discard one
mv "$HOME/settings" "$HOME/.claude/settings.json"

# Five at once with the processors kept busy: an ask ends by its answer, not by a state file that is late.
busy=() spawning=()
for _ in 1 2 3 4; do
  timeout 120 sh -c 'while :; do :; done' &
  busy+=($!)
done
for n in 1 2 3 4 5; do
  cadre spawn -q "five$n" --agent claude --no-pull &
  spawning+=($!)
done
wait "${spawning[@]}"
for n in 1 2 3 4 5; do
  wait_for 40 is_state "five$n" idle
  cadre send -q "five$n" "%run touch by-$n"
done
wait_for 60 eval '[ "$(open_asks)" = 5 ]'
for n in 1 2 3 4 5; do wait_for 20 a_shows "five$n" 'Do you want to'; done
is "$(open_asks)" 5 "five at once are five asks"
for id in $(cadre ask list | grep permission | cut -f 1); do
  cadre ask approve -q "$id"
  asked+=("$id")
done
for n in 1 2 3 4 5; do wait_for 40 test -e "$(field "five$n" worktree)/by-$n"; done
ok "approved, all five are done"
is "$(for id in "${asked[@]}"; do cadre ask show --json "$id" | jq -r '.by + " " + .answer'; done | sort -u)" 'human approved' "each by its answer"
kill "${busy[@]}"
for n in 1 2 3 4 5; do cadre retire -q --discard "five$n"; done

# First dialogs.
a_first() { # claude|codex
  cadre spawn -q one --agent "$1" --no-worktree >/dev/null 2>&1
  wait_for 5 is_state one waiting
  is "$(field one state),$(field one note)" "waiting,the dialog 'trust'" "$1: whether a directory is trusted is not answered unasked"
  cadre retire -q one
  git config cadre.answerDialogs trust
  git config "cadre.program.$1.answer" 'trust: 0.0.1 Enter'
  cadre spawn -q one --agent "$1" --no-worktree >/dev/null 2>&1
  # Long enough for it to have been answered.
  sleep 2
  is "$(field one state),$(field one note)" "waiting,the dialog 'trust'" "nor in a version that is not known"
  git config --unset "cadre.program.$1.answer"
  cadre retire -q one
  cadre spawn -q one --agent "$1" --no-worktree
  wait_for 10 is_state one idle
  ok "it is where the user wants that"
  git config --unset cadre.answerDialogs
  cadre retire -q one
}
jq 'del(.projects)' "$HOME/.claude.json" >"$HOME/new" && mv "$HOME/new" "$HOME/.claude.json"
sed -i '/^\[projects/,/^trust_level/d' "$HOME/.codex/config.toml"
a_first claude
a_first codex
sed -i -e '1i sandbox_mode = "read-only"' -e '/^\[projects/,/^trust_level/d' "$HOME/.codex/config.toml"
code 0 "codex: a sandbox that only reads does not keep it from starting" cadre spawn one --agent codex --no-worktree
cadre retire -q one
is "$(cadre ask list | wc -l)" 0 "nothing is asked in the end"
code 0 "the bus is sound" cadre doctor
t_end
