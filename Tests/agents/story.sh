# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # what lib.sh sets; text for the agent's shell
# What claude and codex must both do, with the real programs. Sourced after programs.sh, in a repository with a bus.

a_conversation() { sed -n 's/^Id: //p' "$(cadre path agent "$1")/conversation"; }
a_program() { # NAME: the process of its program
  local supervisor
  supervisor=$(field "$1" pid)
  tr ' ' '\n' <"/proc/$supervisor/task/$supervisor/children" | head -n 1
}
a_requests() { jq -r --arg text "$1" 'select(.body | tostring | contains($text)) | .path' "$t_dir/model.log" | wc -l; }
a_since() { echo "# shown $1 after $((($(date +%s%N) - $2) / 1000000)) ms"; }
a_shows() { cadre peek "$1" | grep -q -- "$2"; }
a_read() { cadre inbox --as "$1" list --all | grep -q "^$2	read"; }
# It has taken up its conversation and done what it was told then.
a_goes_on() { is_state one idle && [ "$(cadre agents --json | jq -r 'select(.name == "one").source')" = hook ] && ! grep -q Resuming "$(cadre path agent one)/conversation"; }
a_is_new() { [ -n "$(a_program "$1")" ] && [ "$(a_program "$1")" != "$2" ]; }

a_story() { # claude|codex
  local since before id mail prompt user worktree

  # The start: the task is the first words, what else there is to know comes with them, once.
  user=$(cd "$HOME" && cat .claude/settings.json .codex/config.toml)
  prompt='%run { pwd && echo "$CADRE_AGENT" && git branch --show-current; } >"$HOME/new" && mv "$HOME/new" "$HOME/first"
%say done with it'
  since=$(date +%s%N)
  is "$(cadre spawn one --agent "$1" --auto "$prompt")" one "$1 is started"
  a_since "$1 was ready" "$since"
  worktree=$(field one worktree)
  wait_for 20 test -s "$HOME/first"
  is "$(cat "$HOME/first")" "$worktree
one
$(field one branch)" "its first prompt runs a command, in its worktree, in its name"
  id=$(field one task)
  is "$(cadre task show --json "$id" | jq -r '.state + " " + .owner')" "claimed one" "it holds the task"
  wait_for 5 is_state one idle
  ok "it is idle at the end of its turn"
  is "$(cadre agents --json | jq -r 'select(.name == "one").source')" hook "its hook says so"
  is "$(jq -c '.body | select(tojson | contains("git branch"))' "$t_dir/model.log" | head -n 1 | grep -o "You are 'one'" | wc -l)" 1 "what it must know is told once"
  like "$(a_conversation one)" "????????-????-*" "the id of its conversation is on the disk"

  # Mail while it is idle.
  since=$(date +%s%N)
  mail=$(cadre send one 'please
%run echo idle >>"$HOME/mail"
%say thank you' | cut -f1)
  wait_for 10 grep -q idle "$HOME/mail"
  ok "mail while it is idle is acted on"
  a_since "$1 acted on mail" "$since"
  wait_for 5 a_read one "$mail"
  ok "and is acknowledged"
  is "$(cadre log --json 2>/dev/null | grep "$mail" | grep -o 'hook UserPromptSubmit')" "hook UserPromptSubmit" "and the journal says how it was handed over"
  wait_for 5 is_state one idle

  # Mail while it is at work: at the end of the turn, or urgent: after the tool that it uses.
  cadre send -q one '%run timeout 3 tail -f /dev/null
%run echo tools >>"$HOME/mail"
%say two tools'
  wait_for 10 is_state one working
  wait_for 10 eval '[ -n "$(t_pgrep -f "tail -f /dev/null")" ]'
  cadre send -q one '%run echo later >>"$HOME/mail"
%say and that'
  cadre send -q one --urgent '%run echo urgent >>"$HOME/mail"
%say and this'
  wait_for 20 grep -q later "$HOME/mail"
  is "$(sort "$HOME/mail" | xargs)" "idle later tools urgent" "all mail that came while it was at work is acted on"
  is "$(grep -n urgent "$HOME/mail" | cut -d: -f1),$(grep -n later "$HOME/mail" | cut -d: -f1)" "3,4" "urgent mail before what can wait"
  wait_for 5 is_state one idle
  is "$(cadre inbox --as one | wc -l)" 0 "nothing is unread"

  # 200 lines.
  { seq -f 'line %g of the handoff' 200 && printf '%%run echo long >>"$HOME/mail"\n'; } | cadre send -q one
  wait_for 10 grep -q long "$HOME/mail"
  ok "mail of 200 lines is handed over whole"
  [ "$(a_requests 'line 200 of the handoff')" -gt 0 ]
  ok "the model has seen its end"
  wait_for 5 is_state one idle

  # It ends its session, and tells the next one.
  before=$(a_conversation one)
  id=$(a_program one)
  cadre send -q one "%run seq -f 'note %g of this session' 200 | cadre handoff -"
  wait_for 20 a_is_new one "$id"
  wait_for 20 eval '[ "$(a_requests "note 200 of this session")" -gt 0 ]'
  ok "it hands over: the model of the next session has all 200 lines of its notes"
  wait_for 20 is_state one idle
  [ "$(a_conversation one)" != "$before" ]
  ok "in another conversation"

  # Whatever it calls itself, the kernel knows it, also within a sandbox's own processes.
  id=$(cadre ask --as one 'may I?')
  cadre send -q one "%run cadre --as human ask approve $id; echo \"exit \$?\" >\"\$HOME/approves\""
  wait_for 20 test -s "$HOME/approves"
  is "$(cat "$HOME/approves") $(cadre ask list | cut -f 1)" "exit 1 $id" "it can't answer its own ask as the person"
  cadre ask answer -q "$id" no
  # The answer is mail, too.
  wait_for 20 eval '[ -z "$(cadre inbox --as one)" ]'
  wait_for 20 is_state one idle

  # A person's half-typed line.
  tmux -L "$t_server" send-keys -t "$(field one pane)" -l 'my own words'
  wait_for 5 a_shows one 'my own words'
  mail=$(cadre send one '%run echo draft >>"$HOME/mail"' | cut -f1)
  # Long enough for it to have been typed several times.
  sleep 3
  is "$(cadre inbox --as one | cut -f1)" "$mail" "mail waits while a line is half typed"
  a_shows one 'my own words$\|my own words *$'
  ok "and the line is as it was"
  tmux -L "$t_server" send-keys -t "$(field one pane)" C-u
  wait_for 20 grep -q draft "$HOME/mail"
  ok "it is handed over once the line is empty"
  wait_for 5 is_state one idle

  # Killed.
  before=$(a_conversation one)
  id=$(a_program one)
  since=$(date +%s%N)
  kill -9 "$id"
  wait_for 10 a_is_new one "$id"
  ok "its program killed: it runs again"
  a_since "$1 ran again" "$since"
  wait_for 20 a_shows one 'go on with task'
  ok "and is told what happened"
  wait_for 10 is_state one idle
  is "$(a_conversation one)" "$before" "in the same conversation"
  # What it forks looks like it until it is another program.
  wait_for 5 eval '[ "$(count_conversation "$before")" = 1 ]'
  ok "which one process has"
  id=$(a_program one)
  kill -9 "$(field one pid)" "$id"
  wait_for 20 a_is_new one "$id"
  wait_for 20 a_goes_on
  is "$(a_conversation one)" "$before" "its supervisor and it killed: the same conversation"
  kill_server
  is "$(cadre up)" one "the server killed: up starts it"
  wait_for 20 a_goes_on
  is "$(a_conversation one)" "$before" "the same conversation"
  is "$(field one task)" 1 "and the same task"
  cadre send -q one '%run echo again >>"$HOME/mail"'
  wait_for 20 grep -q again "$HOME/mail"
  ok "mail reaches it as before"

  # Another beside it.
  cadre spawn -q two --agent "$1" --auto --no-worktree '%run echo "$CADRE_AGENT" >"$HOME/second"'
  wait_for 20 test -s "$HOME/second"
  is "$(cat "$HOME/second")" two "another at the same time has an environment of its own"
  [ "$(a_conversation two)" != "$before" ]
  ok "and a conversation of its own"

  # Work comes to it. Its branch is the task's by then, and it need not look for any.
  cadre spawn -q five --agent "$1" --auto
  cadre spawn -q six --agent "$1" --auto --no-pull
  wait_for 20 is_state six idle
  since=$(date +%s%N)
  id=$(cadre task add 'find me' '%run git branch --show-current >"$HOME/pulled"')
  wait_for 20 test -s "$HOME/pulled"
  ok "an idle agent gets the next task"
  a_since "$1 had begun it" "$since"
  is "$(field five task),$(cat "$HOME/pulled")" "$id,cadre/$id-find-me" "it holds it, on its branch"
  wait_for 5 is_state five idle
  id=$(cadre task add 'nobody takes it')
  sleep 2
  is_ready "$id"
  ok "not one that has a task, nor one that was told not to"
  cadre task cancel -q "$id"
  cadre retire -q --discard five six

  # A permission, in the program's own dialog only.
  git config cadre.permissionWait 0s
  cadre spawn -q three --agent "$1" --no-worktree "$a_asking"
  wait_for 20 a_shows three "$a_question"
  since=$(date +%s%N)
  wait_for 5 is_state three waiting
  ok "a permission that is asked shows as waiting"
  a_since "$1 was shown to wait" "$since"
  like "$(cadre agents -o name,note | grep three)" "*permission: *touch*" "with what for"
  tmux -L "$t_server" send-keys -t "$(field three pane)" Enter
  wait_for 10 test -e "$HOME/asked"
  ok "a person answers in the program's own dialog"
  wait_for 10 is_state three idle
  ok "and it goes on"

  # Nothing is left.
  is "$(cd "$HOME" && cat .claude/settings.json && grep -c cadre .codex/config.toml)" "$(head -n 1 <<<"$user")
$(grep -c cadre <<<"$user")" "the user's own settings are as they were"
  is "$(cat "$(cadre path agent one)/log" 2>/dev/null)" "" "no hook went wrong"
  cadre retire -q --discard one two three
  is "$(ls .git/cadre/agents)" "" "retired, nothing of them is left"
  is "$(grep -rlE 'cadre.hook|"hook"|CADRE_' "$HOME"/.claude.json "$HOME/.claude" "$HOME/.codex" --include='*.json' --include='*.toml')" "" "nor in the user's files"
  is "$(grep -l "CADRE_DIR=$PWD/.git/cadre" /proc/[0-9]*/environ 2>/dev/null)" "" "nor any process"
  code 0 "the bus is sound" cadre doctor
}
