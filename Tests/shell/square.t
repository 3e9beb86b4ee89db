#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# usage: square.t [NAME STATE...]
#        square.t day SEED [TURNS]
#
# State by event: what becomes of mail, tasks, Escape, kills, pause and stop in each state of the real programs, against a
# model on loopback, held to the table of Tests/agents/square. All states, all kinds of mail, kills, pauses and stops only
# with CADRE_TEST_ALL=1; or those of one agent only. A day is a lead and two workers at once, each with so many of the
# square's cells as the seed has them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
. "$(dirname "$0")/../agents/story.sh"
a_fetch claude codex
t_world
a_model
cd "$(t_repository)" || exit 1
a_user "$PWD"
# `note TAG [task]` tells that something was done, and ends the task; `hold TAG` goes on once `release` is there.
t_program note <<'END'
echo "$1" >>"$HOME/noted"
[ -z "$2" ] || exec cadre task done -q --result noted
END
t_program hold <<'END'
[ -e "$HOME/held-$1" ] && exit
touch "$HOME/held-$1"
until [ -e "$HOME/release-$1" ]; do sleep 0.1; done
END
# Each program begins once it may.
for program in claude codex; do
  real=$(readlink "$t_dir/bin/$program")
  rm "$t_dir/bin/$program"
  t_program "$program" <<END
while [ -e "\$HOME/slow-\$CADRE_AGENT" ]; do sleep 0.05; done
exec '$real' "\$@"
END
done
echo '{"permissions": {"defaultMode": "manual", "allow": ["Bash(note:*)", "Bash(hold:*)", "Bash(cadre handoff:*)"]}}' >"$HOME/.claude/settings.json"
sed -i 's/request_max_retries = 1/request_max_retries = 10/' "$HOME/.codex/config.toml"
main=$PWD other=$(t_repository other)
for at in "$other" "$main"; do
  cd "$at" || exit 1
  git config cadre.maxRestarts 1000
  git config cadre.maxAttempts 1000
  cadre init -q
done
git -C "$other" config cadre.permissionWait 0s
printf '[projects."%s"]\ntrust_level = "trusted"\n' "$other" >>"$HOME/.codex/config.toml"
jq --arg at "$other" '.projects[$at] = {hasTrustDialogAccepted: true}' "$HOME/.claude.json" >"$HOME/new" && mv "$HOME/new" "$HOME/.claude.json"
touch "$HOME/noted"

# The model of one agent alone, at $model and $port.
model_up() {
  rm -f "$model"
  "$t_agents/model" "$model" ${port:+"$port"} &
  model_pid=$!
  wait_for 10 test -s "$model"
  port=$(cat "$model")
}
model_down() {
  kill "$model_pid" 2>/dev/null
  wait "$model_pid" 2>/dev/null
}

# In what follows $name is the agent of $program. Each of its subshells says what it saw, a cell a line.
table=$t_agents/square
keys() { tmux -L "$t_server" send-keys -t "$(field "$name" pane)" "$@"; }
noted() { [ "$(grep -cx "$1" "$HOME/noted")" -ge 1 ]; }
is_idle() { is_state "$name" idle; }
door() { cadre log --json | jq -r --arg id "$1" 'select(.event == "read" and .message == $id).door'; }
asked() { cadre ask list | awk -F '\t' -v kind="$1" -v name="$name" '$2 == kind && $3 == name { print $1 }'; }

mail() { # TAG WORDS OPTION...: its id is added to $ids
  local id
  # What has failed may be handed over together with this.
  id=$(cadre send "${@:3}" "$name" "%fail 0
%run note $1
%say noted $1
$2" | cut -f 1)
  ids+=("$id") tags+=("$1")
}
event() { # EVENT
  ids=() tags=()
  local n tag=$name$turn-$state-$1
  case $1 in
    person) mail "$tag" '' ;;
    agent) mail "$tag" '' --as other ;;
    three) for n in 1 2 3; do mail "$tag$n" ''; done ;;
    long) mail "$tag" "$(seq -f 'line %g of what is long' 2200)" ;;
    urgent) mail "$tag" '' --urgent ;;
    task)
      task=$(cadre task add --to "$name" --no-merge "$tag" "%run note $tag task
%say noted $tag" | cut -f 1)
      tags+=("$tag")
      ;;
  esac
}
heard() { local tag && for tag in "${tags[@]}"; do wait_for 60 noted "$tag" || return; done; }
outcome() { # EVENT: of what it was; the task's where it was claimed says it
  local id all=''
  if [ -n "$waits" ]; then echo waits && return; fi
  if [ "$1" = task ]; then
    if [ -n "$over" ]; then echo end; else echo "${then:-now}"; fi
    return
  fi
  for id; do
    [ "$id" != "$1" ] || continue
    wait_for 20 eval '[ -n "$(door "$id")" ]'
    case $(door "$id") in
      'hook UserPromptSubmit') all+=" ${then:-now}" ;;
      'hook PostToolUse') all+=' tool' ;;
      'hook Stop') all+=' end' ;;
      *) all+=" ?$(door "$id")" ;;
    esac
  done
  tr ' ' '\n' <<<"$all" | grep . | sort -u | xargs
}

# The states. `enter_` has a request of the tag $1 begun where there is one.
busy() { cadre send -q "$name" "$1"; }
# Its hook may be at work still.
enter_idle() { wait_for 10 eval '! a_shows "$name" "esc to interrupt" && [[ $(tmux -L "$t_server" display-message -p -t "$(field "$name" pane)" "#{pane_title}") != [⠀-⣿]* ]]'; }
leave_idle() { :; }
enter_draft() { keys -l 'my own words' && wait_for 10 a_shows "$name" 'my own words'; }
leave_draft() {
  a_shows "$name" 'my own words *$' || echo "$name draft touched"
  keys C-u
}
enter_working() {
  busy "%wait 6
%run note $1" && wait_for 10 is_state "$name" working && wait_for 10 a_shows "$name" 'esc to interrupt'
}
leave_working() { :; }
enter_tool() {
  busy "%run hold $1
%run note $1" && wait_for 10 test -e "$HOME/held-$1"
}
leave_tool() { touch "$HOME/release-$1"; }
enter_permission() {
  local ask="%run touch $1"
  [ "$program" = claude ] || ask="%call exec_command {\"cmd\": \"touch $1\", \"sandbox_permissions\": \"require_escalated\", \"justification\": \"a test\"}"
  busy "$ask
%run note $1" && wait_for 20 eval '[ -n "$(asked permission)" ]' && wait_for 10 is_state "$name" waiting
}
leave_permission() {
  [ ! -e "$(field "$name" worktree)/$1" ] || echo "$name permission typed"
  cadre ask approve -q "$(asked permission)"
}
enter_child() {
  busy "%call Agent {\"description\": \"sub\", \"prompt\": \"%run hold $1\\n%say sub done\", \"subagent_type\": \"general-purpose\", \"run_in_background\": false}
%run note $1" && wait_for 20 test -e "$HOME/held-$1"
}
leave_child() { leave_tool "$1"; }
# Two of them, whose main turn is over: its last words are on the screen before it is.
enter_children() {
  local call="%call Agent {\"description\": \"sub\", \"prompt\": \"%run hold $1-N\\n%say sub done\", \"subagent_type\": \"general-purpose\", \"run_in_background\": true}"
  busy "${call/-N/-1}
${call/-N/-2}
%say main over: $1" && wait_for 20 test -e "$HOME/held-$1-1" && wait_for 20 test -e "$HOME/held-$1-2" && wait_for 20 a_shows "$name" "● main over: $1" && wait_for 20 eval '[[ $(field "$name" note) == "its sub-agents work" ]]'
}
leave_children() { leave_tool "$1-1" && leave_tool "$1-2"; }
enter_question() {
  busy '%call AskUserQuestion {"questions": [{"question": "Which?", "header": "Which", "multiSelect": false, "options": [{"label": "One", "description": "1"}, {"label": "Two", "description": "2"}]}]}
%run note '"$1" && wait_for 20 eval '[ -n "$(asked question)" ]' && wait_for 10 is_state "$name" waiting
}
leave_question() { cadre ask answer -q "$(asked question)" Two; }
# Codex says nothing of its retries.
fails_with() {
  busy "%fail $1 5
%run note $2" && wait_for 20 eval '[[ "$(field "$name" state),$(field "$name" note)" == "working,"*retrying* ]]'
}
enter_failing() { fails_with 529 "$1"; }
leave_failing() { :; }
enter_limited() { fails_with 429 "$1"; }
leave_limited() { :; }
enter_failed() { busy '%fail 400' && wait_for 10 eval '[[ $(field "$name" note) == *"told to fail"* ]]' && wait_for 10 is_idle; }
leave_failed() { :; }
enter_resting() {
  keys -l /quit && wait_for 10 a_shows "$name" '/quit' && keys Enter && wait_for 20 is_state "$name" resting
}
leave_resting() { cadre up -q "$name"; }
# Its program does not begin.
enter_starting() {
  touch "$HOME/slow-$name"
  cadre stop -q "$name"
  cadre up -q "$name" &
  is_held
}
is_held() { wait_for 20 eval '[ -n "$(a_program "$name")" ] && is_state "$name" starting'; }
leave_starting() { rm -f "$HOME/slow-$name"; }
enter_handing() {
  touch "$HOME/slow-$name"
  busy '%run cadre handoff "short notes"' && wait_for 20 is_state "$name" starting && is_held
}
leave_handing() { leave_starting; }
enter_compacting() {
  busy '%compact 4
%say will do' && wait_for 10 is_state "$name" working && wait_for 20 is_idle && enter_idle
  keys -l /compact && wait_for 10 a_shows "$name" /compact && keys Enter && wait_for 10 is_state "$name" working
}
leave_compacting() { :; }
# What it asks is asked in its own dialog, and answered there.
is_at() { is_state "$name" waiting && a_shows "$name" "$1"; }
answer() {
  wait_for 5 a_shows "$name" "$1" || echo "$name $state typed"
  keys Enter
}
enter_dialog() {
  local ask="%run touch $1"
  [ "$program" = claude ] || ask="%call exec_command {\"cmd\": \"touch $1\", \"sandbox_permissions\": \"require_escalated\", \"justification\": \"a test\"}"
  busy "$ask
%run note $1" && wait_for 20 is_at 'Do you want to proceed\|Would you like to run'
}
leave_dialog() { answer 'Do you want to proceed\|Would you like to run'; }
enter_choice() {
  local tool=AskUserQuestion
  [ "$program" = claude ] || tool=request_user_input
  busy "%call $tool "'{"questions": [{"id": "which", "question": "Which?", "header": "Which", "multiSelect": false, "options": [{"label": "One", "description": "1"}, {"label": "Two", "description": "2"}]}]}
%run note '"$1" && wait_for 20 is_at 'Which?'
}
leave_choice() { answer 'Which?'; }
enter_plan() {
  local file
  enter_idle
  for _ in 1 2 3 4 5; do
    ! a_shows "$name" 'plan mode on' || break
    keys BTab
    wait_for 2 a_shows "$name" 'plan mode on'
  done
  busy '%say it is to be planned' && wait_for 10 is_state "$name" working && wait_for 20 is_idle
  file=$(grep -o '/[^ "\\]*/plans/[a-z0-9-]*\.md' "$model.log" | tail -n 1)
  busy "%call Write {\"file_path\": \"$file\", \"content\": \"one step for $1\"}
%call ExitPlanMode {}
%run note $1" && wait_for 20 is_at "one step for $1"
}
leave_plan() { answer 'one step'; }
enter_refused() {
  model_down
  busy "%run note $1" && wait_for 20 eval '[[ "$(field "$name" state),$(field "$name" note)" == "working,"*[Rr]e[tc][ro]*ing* ]]'
}
leave_refused() { model_up; }
enter_gone() { kill_server && wait_for 10 is_state "$name" dead; }
leave_gone() { cadre up -q "$name"; }
# A person at a terminal starts it in another environment.
up_with() { cadre stop -q "$name" && env "$@" script -qec "cadre up -q $name" /dev/null >/dev/null; }
enter_unsigned() {
  up_with -u ANTHROPIC_API_KEY -u A_MODEL_KEY && busy "%run note $1" && wait_for 20 eval '[[ $(cadre ask list) == *signin-$name* ]]' && wait_for 10 is_idle
}
leave_unsigned() { up_with A=; }
# Its key is refused, and then is not.
enter_denied() {
  touch "$model.401"
  busy "%run note $1" && wait_for 30 eval '[[ $(cadre ask list) == *signin-$name* ]]' && wait_for 10 is_idle
}
leave_denied() {
  rm -f "$model.401"
  cadre ask answer -q "signin-$name" done
}
enter_budget() {
  busy '%say it costs' && wait_for 10 is_state "$name" working && wait_for 20 is_idle
  rm -f "$(cadre path bus)/asks/done/budget-agent-$name"
  git config cadre.budget 0.000001/agent
}
leave_budget() { wait_for 20 eval '[[ $(cadre ask list) == *budget-agent-$name* ]]' && cadre ask answer -q "budget-agent-$name" 1000; }
rests_on() { case $state in working | tool | child | permission | question | failing | limited | refused | unsigned | denied | dialog | choice | plan) true ;; *) false ;; esac }
# Of those whom more than time leads out.
is_kept() { case $state in starting | handing | refused | unsigned | denied | budget) true ;; *) false ;; esac }

visit() { # STATE EVENT...: all at once, or one after the other where each begins a turn of its own
  local state=$1 what why='' waits='' over='' task='' then='' all_ids=() all_tags=() ids tags
  local -A sent
  shift
  local tag=$name$turn-$state-in-$1
  rests_on && over=yes
  case $state in
    draft) why='* waits: a line is half typed in its pane' ;;
    resting | gone) why='*' ;;
    budget) why='the budget of * is used up*' ;;
    starting | handing | compacting | refused | unsigned | denied) then=then ;;
  esac
  if [[ "$state" == @(idle|failed|children) ]]; then
    for what; do
      "enter_$state" "$tag-$what" || echo "$name $state not entered"
      event "$what"
      # It comes once they are over.
      if [ "$state-$what" = children-task ]; then
        is_ready "$task" || echo "$name $state: the task was taken"
        "leave_$state" "$tag-$what" && then=then
      fi
      heard || echo "$name $state $what lost"
      echo "$name $state $what $(outcome "$what" "${ids[@]}")"
      "leave_$state" "$tag-$what"
      wait_for 30 is_idle
    done
    return
  fi
  "enter_$state" "$tag" || echo "$name $state not entered"
  for what; do
    event "$what"
    sent[$what]=${ids[*]} all_ids+=("${ids[@]}") all_tags+=("${tags[@]}")
  done
  if [ -n "$why" ]; then
    wait_for 20 eval '[[ $(field "$name" note) == $why ]]' || echo "$name $state: no word of why"
    [ "$(cadre inbox --as "$name" | wc -l)" = "${#all_ids[@]}" ] || echo "$name $state: mail is read"
    waits=yes
  fi
  [ -z "$task" ] || is_ready "$task" || echo "$name $state: the task was taken"
  "leave_$state" "$tag"
  tags=("${all_tags[@]}")
  rests_on && tags+=("$tag")
  heard || echo "$name $state lost"
  wait_for 30 is_idle
  # shellcheck disable=SC2086 # words
  for what; do echo "$name $state $what $(outcome "$what" ${sent[$what]})"; done
}

# What ends a turn, or more.
strike() { # EVENT
  local supervisor
  supervisor=$(field "$name" pid)
  case $1 in
    program) kill -9 "$(a_program "$name")" ;;
    supervisor) kill -9 "$supervisor" ;;
    both) kill -9 "$supervisor" "$(a_program "$name")" ;;
    pause) cadre pause -q "$name" ;;
    stop) cadre stop -q "$name" ;;
  esac
  case $1 in
    # Another's supervisor may have started it by then.
    supervisor | both) wait_for 10 eval 'is_state "$name" dead || [ "$(field "$name" pid)" != "$supervisor" ]' && cadre up -q "$name" ;;
    pause) cadre resume -q "$name" ;;
    stop) cadre up -q "$name" ;;
  esac
}
# What its conversation does not have yet when it is killed it asks again.
asks_again() { [ "$(a_program "$name")" != "$1" ] && is_state "$name" waiting; }
struck() { # STATE EVENT: nothing is lost, and its turn goes on
  local state=$1 tag=$name$turn-$1-$2 ids tags before
  "enter_$state" "$tag" || echo "$name $state not entered"
  ids=() tags=("$tag")
  rests_on || [ "$state" = idle ] || mail "$tag" ''
  before=$(a_program "$name")
  strike "$2"
  case $state in
    permission | question | dialog | choice | plan)
      # What it waited for before is over once its end was seen.
      case $2 in program | supervisor | both) wait_for 10 eval 'noted "$tag" || ! is_state "$name" waiting' ;; esac
      wait_for 60 eval 'noted "$tag" || asks_again "$before"'
      noted "$tag" || "leave_$state" "$tag"
      ;;
  esac
  ! is_kept || "leave_$state" "$tag"
  [ "$state" != idle ] || mail "$tag" ''
  if heard; then echo "$name $state $2 goes on"; else echo "$name $state $2 lost"; fi
  wait_for 30 is_idle
}
escaped() { # STATE: what it was told is handed over again, or it is over
  local state=$1 tag=$name$turn-$1-Esc tags ids
  "enter_$state" "$tag" || echo "$name $state not entered"
  keys Escape
  # A dialog that is just drawn may not have heard that.
  wait_for 5 is_idle || is_idle || keys Escape
  wait_for 20 is_idle
  # In Claude's box it may stand again.
  keys C-u
  ! is_kept || "leave_$state"
  ids=() tags=()
  mail "$tag-next" ''
  heard || echo "$name $state lost after Esc"
  wait_for 30 is_idle
  if noted "$tag"; then echo "$name $state Esc again"; else echo "$name $state Esc over"; fi
}

# A person's words, typed into a turn that has just begun: what that began with is not told again.
typed() {
  local state=working tag=$name$turn-typed tags ids
  enter_working "$tag" || echo "$name $state not entered"
  keys -l 'and more' && wait_for 10 a_shows "$name" 'and more' && keys Enter
  tags=("$tag")
  heard || echo "$name $state lost to what was typed"
  wait_for 30 is_idle
}

pick() {
  local n=$((RANDOM % $# + 1))
  picked=${!n}
}
a_day() { # SEED TURNS
  local n doing picked what states='idle draft working tool permission failed resting starting handing compacting'
  RANDOM=$1
  [ "$program" = codex ] || states+=' question children failing limited'
  for ((n = 1; n <= $2; n++)); do
    turn=-$n what=''
    # shellcheck disable=SC2086 # words
    pick $states
    state=$picked
    case $state in
      draft | failed | idle | children | starting | handing) pick visit struck ;;
      resting) picked=visit ;;
      working) pick visit struck escaped typed ;;
      *) pick visit struck escaped ;;
    esac
    doing=$picked
    case $doing in
      visit)
        pick person agent three urgent task
        # The lead takes no task, and one begins a turn that fails as that did before.
        [[ "$picked-$name-$state" != @(task-lead-*|task-*-failed) ]] || picked=long
        what=$picked
        ;;
      struck)
        pick program supervisor both pause stop
        what=$picked
        ;;
    esac
    echo "$name, turn $n: $doing $state $what" >&2
    "$doing" "$state" "$what"
  done
}
# Two agents of Claude Code, which is slower, share its states.
turn=''
square() { # NAME PROGRAM STATE...: enters each
  local name=$1 program=$2 options='' state events='person three urgent task' all=${CADRE_TEST_ALL:-} model=$t_dir/model port='' role=''
  shift 2
  case $name in
    claude | claude2 | codex) ;;
    *)
      # A model of its own, which may be away.
      model=$t_dir/model-$name
      model_up
      export ANTHROPIC_BASE_URL="http://127.0.0.1:$port"
      [ "$program" = claude ] || options=" -c model_providers.test.base_url=\"http://127.0.0.1:$port/v1\" -c model_providers.test.request_max_retries=1 -c features.default_mode_request_user_input=true"
      ;;
  esac
  case $name in *3) cd "$other" || return ;; esac
  # Otherwise its sub-agents are in the background, whatever the call says, and it tries a refused key for minutes.
  [ "$name" != claude5 ] || export CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1 CLAUDE_CODE_MAX_RETRIES=1
  [ "$name" != lead ] || role=lead
  cadre spawn -q "$name" --agent "$program$options" ${role:+--role "$role"} && wait_for 30 is_idle
  if [ "$1" = day ]; then
    a_day "$2" "$3"
    return
  fi
  [ -z "$all" ] || events='person agent three long urgent task'
  for state; do
    # shellcheck disable=SC2086 # words
    case $state in
      idle) visit idle ${all:+agent long urgent} person three task ;;
      children) visit children person agent three long urgent task ;;
      failing | limited) visit "$state" agent long urgent task ;;
      failed) visit failed person ${all:+agent three long urgent} ;;
      resting) visit resting person urgent task ;;
      starting | handing | compacting | budget | unsigned | denied)
        visit "$state" person agent three urgent task
        visit "$state" long
        ;;
      *) visit "$state" $events ;;
    esac
    case $state$all in
      working) escaped working && struck working program ;;
      tool) escaped tool && struck tool both ;;
      permission | question | idle | draft | failed | failing | resting) ;;
      resting*) for what in pause stop; do struck resting "$what"; done ;;
      gone*) for what in pause stop; do struck gone "$what"; done ;;
      *)
        case $state in idle | draft | failed | children | starting | handing | unsigned | denied | budget) ;; *) escaped "$state" ;; esac
        for what in program supervisor both pause stop; do struck "$state" "$what"; done
        [ "$state" != working ] || typed
        ;;
    esac
  done
}
begin() { # as square, beside the others
  names+=("$1")
  square "$@" >"$t_dir/$1" 2>"$t_dir/$1.err" &
  jobs+=($!)
}
names=() jobs=()
if [ "${1:-}" = day ]; then
  for name in lead claude6 codex6; do
    program=${name%6}
    begin "$name" "${program/lead/claude}" day "$((${2:-1} * 7 + ${#names[@]}))" "${3:-30}"
  done
elif [ $# -gt 0 ]; then
  CADRE_TEST_ALL=1
  begin "$1" "${1%[0-9]}" "${@:2}"
else
  begin claude claude idle working tool resting
  begin claude2 claude draft permission question failing failed
  begin codex codex idle draft working tool permission failed resting
  wait "${jobs[@]}"
  if [ -n "${CADRE_TEST_ALL:-}" ]; then
    begin claude3 claude children dialog choice plan budget
    begin claude4 claude starting compacting handing limited refused unsigned
    begin claude5 claude child denied
    begin codex3 codex dialog choice
    begin codex4 codex starting compacting handing refused unsigned denied
    wait "${jobs[@]}"
    # With it all others end.
    for name in claude codex; do
      ids=() tags=() program=$name
      {
        visit gone person agent three long urgent task
        for what in pause stop; do struck gone "$what"; done
      } >>"$t_dir/$name" 2>>"$t_dir/$name.err"
    done
  fi
fi
wait "${jobs[@]}"

# The table, for what was driven.
for name in "${names[@]}"; do
  case $name in codex*) column=2 ;; *) column=1 ;; esac
  while read -r _ state event outcome; do
    case $event in
      person | agent | three | long) field=2 ;;
      urgent) field=3 ;;
      task) field=4 ;;
      Esc) field=5 ;;
      program | supervisor | both) field=6 ;;
      pause | stop) field=7 ;;
      *) field=1 ;;
    esac
    cell=$(awk -F '\t' -v state="$state" -v field="$field" '$1 == state { print $field }' "$table" | sed 's:^[^/]*$:&/&:' | cut -d / -f "$column")
    is "$outcome" "$cell" "$name: $state, $event: $cell"
  done <"$t_dir/$name"
  # Words for people, each as often as mail was sent.
  echo "# shown $name: $(wc -l <"$t_dir/$name") cells"
  sed 's/^/# /' "$t_dir/$name.err" | sort | uniq -c
done
is "$(sed -n 's/ Ta /\t/g; s/^\.It \([a-z]*\t[a-z]\)/\1/p' "$t_agents/../../Sources/Manual/cadre-programs.5")" "$(grep -v '^#' "$table")" "cadre-programs(5) has the table"
is "$(sort "$HOME/noted" | uniq -d)" "" "nothing was done twice"
for at in "$main" "$other"; do
  cd "$at" || exit 1
  is "$(cadre agents -o name | while read -r name; do cadre inbox --as "$name"; done | wc -l)" 0 "and nothing is unread"
  is "$(cadre ask list)" "" "nor asked"
  is "$(cat "$(cadre path bus)"/agents/*/log 2>/dev/null)" "" "no hook went wrong"
  cadre agents -o name | cadre retire -q --discard - 2>/dev/null
done
t_end
