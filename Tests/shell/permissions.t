#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2088 # text for shells that are not ours
# Permissions that programs ask for, by the hook as a program calls it: no real program is needed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
mkdir -p src/deep && touch src/deep/x && ln -s /etc src/out && ln -s /nowhere/at/all dangling
git add . && git commit -qm more
cadre init -q
t_program asker <<'END'
env >"$t_dir/env.$CADRE_AGENT"
exec sleep 1000
END
git config cadre.program.asker.command 'exec asker'
git config cadre.program.asker.dialogTool Question
begin() { # NAME OPTION...
  cadre spawn -q --agent asker "$@"
  wait_for 5 test -s "$t_dir/env.$1"
}
session_of() { sed -n 's/^CADRE_SESSION=//p' "$t_dir/env.$1"; }
# Its program is that of its session.
is_begun() { [ "$(session_of one)" = "$(sed -n 's/^Token: //p' "$(cadre path agent one)/session")" ] && is_state one idle; }
hook() { # NAME EVENT JSON
  printf '%s' "$3" | CADRE_AGENT=$1 CADRE_SESSION=$(session_of "$1") cadre hook "$2"
}
call() { # TOOL INPUT [DIRECTORY]
  jq -nc --arg tool "$1" --argjson input "$2" --arg cwd "${3:-$tree}" '{tool_name: $tool, tool_input: $input, cwd: $cwd}'
}
command_of() { jq -nc --arg command "$1" '{command: $command}'; }
behaviour() { jq -r '.hookSpecificOutput.decision.behavior'; }
begin one
tree=$(field one worktree)

# Asked.
ask() { # COMMAND: asks in the background, and gives the ask
  hook one PermissionRequest "$(call Bash "$(command_of "$1")")" >"$t_dir/decision" &
  asking=$!
  wait_for 10 eval '[ -n "$(cadre ask list)" ]'
  id=$(cadre ask list | cut -f1 | tail -n 1)
}
ask 'make "all"'
is "$(cadre ask list)" "$id	permission	one	Bash: make \"all\"" "a permission is an ask"
like "$(cadre ask show "$id")" "*Tool: Bash*Directory: $tree*in $tree*command: make \"all\"*" "which shows the tool, the command and the directory"
is "$(cadre ask show --json "$id" | jq -r '.tool, .directory, (.digest | length)' | xargs)" "Bash $tree 64" "and the digest of what is asked"
is "$(field one state),$(field one note)" 'waiting,permission: Bash: make "all"' "the agent waits, with what for"
is "$(cadre ask approve "$id")" "$id	approved" "it is approved"
wait "$asking"
is "$(behaviour <"$t_dir/decision")" allow "and that is the decision"
is "$(field one state),$(field one note)" "working," "the agent goes on"
is "$(cadre inbox --as one | wc -l)" 0 "no mail is needed for it"
code 1 "an ask is answered once" cadre ask reject "$id"
before=$id
ask 'make "all"'
[ "$id" != "$before" ]
ok "the same asked again is another ask"
cadre ask reject -q "$id" 'not on a Friday'
wait "$asking"
is "$(jq -r '.hookSpecificOutput.decision | .behavior + ", " + .message' "$t_dir/decision")" "deny, 'human' said no: not on a Friday" "rejected, the reason goes to the model"
ask 'make "all"'
cadre ask answer -q "$id" 'use ninja'
wait "$asking"
is "$(jq -r '.hookSpecificOutput.decision | .behavior + ", " + .message' "$t_dir/decision")" "deny, 'human' said no: use ninja" "any other answer is a no that says what to do"

# Who may answer.
begin boss --no-worktree
begin below --no-worktree --parent boss
ask 'make "all"'
cadre ask list >"$t_dir/list"
for who in one below; do
  cat >"$t_dir/bin/approver" <<END
#!/bin/sh
cadre ask approve $id >"$t_dir/said.$who" 2>&1
echo \$? >"$t_dir/code.$who"
exec sleep 1000
END
  chmod +x "$t_dir/bin/approver"
  [ "$who" = one ] && parent=one || parent=below
  git config cadre.program.approver.command 'exec approver'
  # A program below that supervisor's, as the kernel tells it.
  cadre spawn -q "by-$who" --agent approver --no-worktree --parent "$parent"
  wait_for 5 test -s "$t_dir/code.$who"
  is "$(cat "$t_dir/code.$who")" 1 "an agent below '$who' can't answer it"
done
like "$(cat "$t_dir/said.one")" "*'by-one' may not answer ask '$id'*" "nor one of its own children"
is "$(CADRE_AGENT=one cadre ask approve "$id" 2>&1 | cut -c1-28)" "cadre ask: 'one' may not ans" "nor who asks"
cadre ask approve -q "$id"
wait "$asking"
is "$(behaviour <"$t_dir/decision")" allow "a person does"
cadre retire -q by-one by-below below boss

# No answer in time.
git config cadre.permissionWait 1s
ask 'sleep 1'
wait "$asking"
is "$(cat "$t_dir/decision")" "" "no answer in time is no decision"
is "$(cadre ask list | cut -f1),$(field one state)" "$id,waiting" "the ask stays, and the agent waits in its own dialog"
code 1 "an answer then" cadre ask approve "$id"
like "$(cat "$t_dir/err")" "*too late for ask '$id'*cadre attach one*" "comes too late, and says where to answer"
hook one PostToolUse "$(call Bash "$(command_of 'sleep 1')")"
is "$(cadre ask list | wc -l),$(cadre ask show --json "$id" | jq -r .answer)" "0,answered in the program" "it is closed when the program goes on"
is "$(field one state)" working "as its agent does"
git config cadre.permissionWait 5m

# Answered in the program while the hook waits.
ask 'sleep 2'
hook one PostToolUse "$(call Bash "$(command_of 'sleep 2')")"
wait "$asking"
is "$(cat "$t_dir/decision"),$(cadre ask list | wc -l)" ",0" "what is answered in the program is no decision, and the hook ends"
ask 'sleep 3'
hook one PermissionRequest "$(call Write '{"file_path":"/etc/x","content":"y"}')" >"$t_dir/other" &
other=$!
wait_for 5 eval '[ "$(cadre ask list | wc -l)" = 2 ]'
hook one PostToolUse "$(call Bash "$(command_of 'sleep 3')")"
wait "$asking"
is "$(cadre ask list | cut -f4),$(field one state)" "Write: /etc/x,waiting" "of two the other stays"
hook one Stop '{}'
wait "$other"
is "$(cadre ask list | wc -l),$(field one state)" "0,idle" "the end of the turn closes all"

# Killed.
ask 'sleep 4'
kill -9 "$(t_pgrep -f 'cadre hook PermissionRequest' | tail -n 1)"
wait "$asking" 2>/dev/null
code 1 "the hook killed: an answer" cadre ask approve "$id"
like "$(cat "$t_dir/err")" "*too late*" "comes too late"
hook one UserPromptSubmit '{}'
is "$(cadre ask list | wc -l)" 0 "and the ask is closed when the program goes on"
ask 'sleep 5'
kill -9 "$(pgrep -fx 'sleep 1000' -P "$(field one pid)")"
wait "$asking"
wait_for 5 eval '[ "$(cadre ask list | grep -c permission)" = 0 ]'
is "$(cat "$t_dir/decision"),$(cadre ask show --json "$id" | jq -r .answer)" ",its program has ended" "the program killed: the ask is closed"
wait_for 10 is_begun
ask 'sleep 6'
cadre stop -q --now one
cadre recover -q
wait "$asking"
is "$(cadre ask list | wc -l)" 0 "the agent stopped: the same"
cadre up -q one
wait_for 10 is_begun
ask 'sleep 7'
kill -9 "$(field one pid)"
cadre recover -q
wait "$asking"
is "$(cadre ask show --json "$id" | jq -r .answer)" "its program has ended" "the supervisor killed: the same"
cadre up -q >/dev/null
wait_for 10 is_begun

# Without being asked.
begin auto --auto --no-worktree
is "$(hook auto PermissionRequest "$(call Bash "$(command_of 'rm -rf /')" /)" | behaviour)" allow "an agent of --auto is given all"
is "$(hook auto PermissionRequest "$(call Question '{"q":"which?"}' /)"),$(field auto state)" ",waiting" "but what no yes or no answers"
cadre retire -q auto

# Questions with options, and what sub-agents ask.
git config cadre.program.asker.questionTool Choice
choice='{"questions":[{"question":"Which?","header":"W","multiSelect":false,"options":[{"label":"alpha","description":"first"},{"label":"beta, too","description":""}]}]}'
hook one PermissionRequest "$(call Choice "$choice")" >"$t_dir/decision" &
asking=$!
wait_for 10 eval '[ -n "$(cadre ask list)" ]'
id=$(cadre ask list | cut -f1)
is "$(cadre ask list),$(field one note)" "$id	question	one	Which?,question: Which?" "a question with options is an ask"
like "$(cadre ask show "$id")" "*Options: alpha,beta; too*alpha: first*" "with these options"
code 64 "no other" cadre ask answer "$id" gamma
code 64 "nor two of them" cadre ask answer "$id" alpha,beta
cadre ask answer -q "$id" 'beta; too'
wait "$asking"
is "$(jq -r '.hookSpecificOutput.decision | .behavior + " " + .updatedInput.answers["Which?"] + " " + .updatedInput.questions[0].header' "$t_dir/decision")" "allow beta, too W" "whose answer is the decision"
many='{"questions":[{"question":"Which?","header":"W","multiSelect":true,"options":[{"label":"alpha"},{"label":"beta, too"},{"label":"gamma"}]}]}'
hook one PermissionRequest "$(call Choice "$many")" >"$t_dir/decision" &
asking=$!
wait_for 10 eval '[ -n "$(cadre ask list)" ]'
id=$(cadre ask list | cut -f1)
code 64 "of several none but those offered" cadre ask answer "$id" 'alpha, delta'
like "$(cat "$t_dir/err")" "*'delta' is none of the options: *divided by commas" "which is said"
code 0 "several are" cadre ask answer -q "$id" 'gamma, beta; too'
wait "$asking"
is "$(jq -r '.hookSpecificOutput.decision.updatedInput.answers["Which?"]' "$t_dir/decision")" "gamma, beta, too" "and are the answer"
hook one PermissionRequest "$(call Bash "$(command_of 'of the sub-agent')" | jq -c '.agent_id = "sub"')" >"$t_dir/decision" &
asking=$!
wait_for 10 eval '[ -n "$(cadre ask list)" ]'
id=$(cadre ask list | cut -f1)
hook one Stop '{}' && hook one UserPromptSubmit '{}' && hook one PostToolUse "$(call Bash "$(command_of 'of the sub-agent')")"
is "$(cadre ask list | cut -f1)" "$id" "what a sub-agent asks outlives the main turn, and the same tool in that"
mail=$(cadre send one --urgent 'not for sub-agents' | cut -f1)
is "$(hook one PostToolUse '{"agent_id": "sub", "tool_name": "Read"}')" "" "mail is not handed to a sub-agent"
like "$(hook one PostToolUse '{}')" "*$mail from human, urgent*" "but to the main conversation"
hook one SubagentStop '{"agent_id": "sub"}'
is "$(cadre ask list)" "" "the sub-agent's end closes it"
wait "$asking"
hook one Stop '{}'
is "$(cadre inbox --as one)" "" "and what was handed over is read"

# Rules.
git config cadre.permissionWait 0s
tree=$(field one worktree)
given() { hook one PermissionRequest "$1" | behaviour; }
rule() {
  git config --unset-all cadre.allow
  git config cadre.allow "$1"
  cadre init -q 2>/dev/null
}
allowed() { # RULE COMMAND...
  rule "$1"
  shift
  local text
  for text; do is "$(given "$(call Bash "$(command_of "$text")")")" allow "allowed: $text"; done
}
refused() { # RULE COMMAND...
  rule "$1"
  local rule=$1 text bad=
  shift
  for text; do [ -z "$(given "$(call Bash "$(command_of "$text")")")" ] || bad+="[$text]"; done
  is "$bad" "" "no rule '$rule' gives any of $# others"
}
allowed 'Bash(git diff*)' 'git diff' 'git diff --stat'
refused 'Bash(git diff*)' 'git difftool -x rm' 'git diff-index HEAD'
refused 'Bash(git d*ff)' 'git diff'
allowed 'Bash(git status*)' 'git status' 'git status -s' 'git  status --porcelain src/deep'
refused 'Bash(git status*)' 'git status; rm -rf /' 'git status && rm x' 'git status | sh' 'git status & rm x' 'git status $(rm x)' \
  'git status `rm x`' 'git status >x' 'git status <x' $'git status\nrm x' $'git status\rrm x' 'git status "$(rm x)"' 'git status "`rm x`"' \
  'git status $HOME' 'git status ${x}' 'git status *' 'git status {a,b}' 'git status ~' 'git status \; rm' 'git status # x' 'X=1 git status' \
  'git status <(rm x)' "git status \$'x'" 'git status "a' 'git -c core.fsmonitor=x status' 'git' 'git stat' 'gitstatus' 'rm -rf /' \
  'git status /etc' 'git status ..' 'git status ../x' 'git status src/../../x' 'git status --x=/etc' 'git status -C/etc' 'git status src/out/passwd' \
  'git status dangling' 'git status .git/config' 'git status .claude/settings.json' 'git status curl' 'git status http://x/' 'git status a:/b' \
  $'git status\t-s' 'git status é' 'GIT_DIR=x git status' "'git' status" 'git status ""' 'git status !x' 'git status -O.x'
allowed 'Bash(git commit -m *)' "git commit -m 'a message; with all & sorts'" 'git commit -m "of things"'
refused 'Bash(git commit -m *)' 'git commit -m "a $(rm x)"' 'git commit -m a"`x`"' "git commit -m 'a'; rm x" 'git commit -m "a!x"'
refused 'Bash(git *)' 'git status' 'git push'
refused 'Bash(*)' 'ls' 'true'
refused 'Bash' 'ls'
refused 'Bash(git*)' 'git status'
allowed 'Bash(ls *)' 'ls src' ls
allowed 'Bash(echo http://x/)' 'echo http://x/'
allowed 'Bash(cadre task list*)' 'cadre task list'
refused 'Bash(cadre *)' 'cadre task list'
refused 'Bash(ls*' ls
rule 'Bash(ls*)'
is "$(given "$(call Bash "$(command_of ls)" /)")" "" "not in another directory"
is "$(given "$(call Bash "$(command_of ls)" "$PWD")")" "" "nor in the main worktree"
is "$(given "$(call Bash "$(command_of ls)" "$tree/src")")" allow "but in one below its own"
is "$(given "$(call Bash '{"command":"ls","dangerouslyDisableSandbox":true}')")" "" "not with a field that the rule does not know"
file() { given "$(call "${2:-Write}" "{\"file_path\":\"$1\",\"content\":\"x\"}")"; }
rule 'Write(src/**)'
is "$(file "$tree/src/new"),$(file src/deep/er/new)" allow,allow "a path in the worktree"
is "$(file "$tree/other")$(file "$tree/src/../other")$(file /etc/x)$(file "$tree/src/out/x")$(file "$tree/src/.hidden")$(file "$PWD/src/x")$(file "$tree/src/x" Edit)" "" "no other"
rule 'Write'
is "$(file "$tree/other"),$(file "$tree/.git"),$(file "$tree/.claude/settings.json"),$(file "$tree/dangling")" "allow,,," "without a pattern any, but hidden names"
rule 'Write(.github/*)'
is "$(file "$tree/.github/x")" allow "one that is spelled out"
rule '*'
is "$(given "$(call WebFetch '{"url":"http://x/"}')")" "" "no star reaches the network"
rule WebFetch
is "$(given "$(call WebFetch '{"url":"http://x/"}')")" allow "what is spelled out does"
git config --unset-all cadre.allow
printf '[cadre]\n\tallow = Bash(ls*)\n' >.cadre
git add .cadre && git commit -qm rules
is "$(given "$(call Bash "$(command_of ls)")")" "" "a rule of the repository counts only once it was seen"
cadre init -q >/dev/null
is "$(given "$(call Bash "$(command_of ls)")")" allow "then it does"
like "$(cadre log --json | grep '"permission"' | tail -n 1)" '*Bash(ls\*)*' "and the journal says by which rule"

is "$(cat "$(cadre path agent one)/log" 2>/dev/null)" "" "no hook went wrong"
code 0 "the bus is sound" cadre doctor
cadre retire -q --discard one
# A plan mode of its own: of a task that is for planning it is that plan.
git config cadre.permissionWait 5m
git config cadre.program.asker.planTool ExitPlan
cadre task add -q --plan 'to be planned'
begin planner --auto --task "$(cadre task list --state ready | cut -f1)"
task=$(field planner task)
plans() { # TEXT: asks in the background, and gives the ask
  hook planner PermissionRequest "$(call ExitPlan "$(jq -nc --arg plan "$1" '{plan: $plan}')")" >"$t_dir/decision" &
  asking=$!
  wait_for 10 eval '[ -n "$(cadre ask list)" ]'
  id=$(cadre ask list | cut -f1)
}
plans $'# first\nstep'
is "$(cadre ask list)" "$id	plan	planner	plan of task $task: to be planned" "its plan is submitted"
like "$(cadre plan show "$task")" "*# first
step" "as it is"
is "$(field planner state),$(field planner note)" "waiting,its plan of task $task, ask $id" "and waits, also of one that is allowed all else"
cadre plan reject -q --why 'more of it' "$task"
wait "$asking"
is "$(jq -r '.hookSpecificOutput.decision | .behavior + ", " + .message' "$t_dir/decision")" "deny, 'human' said no: more of it" "rejected, the reason goes to the model"
like "$(hook planner PermissionRequest "$(call ExitPlan '{"plan": "# first\nstep"}')")" '*"behavior":"deny"*this very plan was rejected*' "the same again is refused at once"
plans '# second'
cadre ask approve -q "$id"
wait "$asking"
is "$(behaviour <"$t_dir/decision")" allow "approved, the program goes on"
is "$(cadre task show --json "$task" | jq -r .planState)" approved "and so does the task"
like "$(hook planner PermissionRequest "$(call ExitPlan '{"plan": "# third"}')")" '*"behavior":"allow"*' "another one is none of the task's then"
cadre retire -q --discard planner
t_end
