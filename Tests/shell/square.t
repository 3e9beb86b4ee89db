#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# State by event: what becomes of mail, tasks, Escape, kills, pause and stop in each state of the real programs, against a
# model on loopback, held to the table of Tests/agents/square. All kinds of mail, kills, pauses and stops only with
# CADRE_TEST_ALL=1.
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
echo '{"permissions": {"defaultMode": "manual", "allow": ["Bash(note:*)", "Bash(hold:*)"]}}' >"$HOME/.claude/settings.json"
sed -i 's/request_max_retries = 1/request_max_retries = 10/' "$HOME/.codex/config.toml"
git config cadre.maxRestarts 1000
git config cadre.maxAttempts 1000
cadre init -q
touch "$HOME/noted"

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
  local tag=$name-$state-$1
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
    if [ -n "$over" ]; then echo end; else echo now; fi
    return
  fi
  for id; do
    [ "$id" != "$1" ] || continue
    wait_for 20 eval '[ -n "$(door "$id")" ]'
    case $(door "$id") in
      'hook UserPromptSubmit') all+=' now' ;;
      'hook PostToolUse') all+=' tool' ;;
      'hook Stop') all+=' end' ;;
      *) all+=" ?$(door "$id")" ;;
    esac
  done
  tr ' ' '\n' <<<"$all" | grep . | sort -u | xargs
}

# The states. `enter_` has a request of the tag $1 begun where there is one.
busy() { cadre send -q "$name" "$1"; }
enter_idle() { :; }
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
enter_question() {
  busy '%call AskUserQuestion {"questions": [{"question": "Which?", "header": "Which", "multiSelect": false, "options": [{"label": "One", "description": "1"}, {"label": "Two", "description": "2"}]}]}
%run note '"$1" && wait_for 20 eval '[ -n "$(asked question)" ]' && wait_for 10 is_state "$name" waiting
}
leave_question() { cadre ask answer -q "$(asked question)" Two; }
# Codex says nothing of its retries.
enter_failing() {
  busy "%fail 529 5
%run note $1" && wait_for 10 eval '[[ "$(field "$name" state),$(field "$name" note)" == "working,529 "*retrying* ]]'
}
leave_failing() { :; }
enter_failed() { busy '%fail 400' && wait_for 10 eval '[[ $(field "$name" note) == *"told to fail"* ]]' && wait_for 10 is_idle; }
leave_failed() { :; }
enter_resting() {
  keys -l /quit && wait_for 10 a_shows "$name" '/quit' && keys Enter && wait_for 20 is_state "$name" resting
}
leave_resting() { cadre up -q "$name"; }
rests_on() { case $state in working | tool | permission | question | failing) true ;; *) false ;; esac }

visit() { # STATE EVENT...: all at once, or one after the other where each begins a turn of its own
  local state=$1 what why='' waits='' over='' task='' all_ids=() all_tags=() ids tags
  local -A sent
  shift
  rests_on && over=yes
  case $state in draft) why='* waits: a line is half typed in its pane' ;; resting) why='*' ;; esac
  if [ "$state" = idle ] || [ "$state" = failed ]; then
    for what; do
      "enter_$state" "$name-$state" || echo "$name $state not entered"
      event "$what"
      heard || echo "$name $state $what lost"
      echo "$name $state $what $(outcome "$what" "${ids[@]}")"
      wait_for 30 is_idle
    done
    return
  fi
  "enter_$state" "$name-$state" || echo "$name $state not entered"
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
  "leave_$state" "$name-$state"
  tags=("${all_tags[@]}")
  rests_on && tags+=("$name-$state")
  heard || echo "$name $state lost"
  wait_for 30 is_idle
  # shellcheck disable=SC2086 # words
  for what; do echo "$name $state $what $(outcome "$what" ${sent[$what]})"; done
}

# What ends a turn, or more.
strike() { # EVENT
  case $1 in
    program) kill -9 "$(a_program "$name")" ;;
    supervisor) kill -9 "$(field "$name" pid)" ;;
    both) kill -9 "$(field "$name" pid)" "$(a_program "$name")" ;;
    pause) cadre pause -q "$name" ;;
    stop) cadre stop -q "$name" ;;
  esac
  case $1 in
    supervisor | both) wait_for 10 is_state "$name" dead && cadre up -q "$name" ;;
    pause) cadre resume -q "$name" ;;
    stop) cadre up -q "$name" ;;
  esac
}
struck() { # STATE EVENT: nothing is lost, and its turn goes on
  local state=$1 tag=$name-$1-$2 ids tags
  "enter_$state" "$tag" || echo "$name $state not entered"
  strike "$2"
  ids=() tags=("$tag")
  [ "$state" != idle ] || mail "$tag" ''
  if heard; then echo "$name $state $2 goes on"; else echo "$name $state $2 lost"; fi
  wait_for 30 is_idle
}
escaped() { # STATE: what it was told is handed over again, or it is over
  local state=$1 tag=$name-$1-Esc tags ids
  "enter_$state" "$tag" || echo "$name $state not entered"
  keys Escape
  wait_for 20 is_idle
  # In Claude's box it may stand again.
  keys C-u
  ids=() tags=()
  mail "$tag-next" ''
  heard || echo "$name $state lost after Esc"
  wait_for 30 is_idle
  if noted "$tag"; then echo "$name $state Esc again"; else echo "$name $state Esc over"; fi
}

# Two agents of Claude Code, which is slower, share its states.
square() { # NAME PROGRAM STATE...: enters each
  local name=$1 program=$2 state events='person three urgent task' all=${CADRE_TEST_ALL:-}
  shift 2
  cadre spawn -q "$name" --agent "$program" && wait_for 30 is_idle
  [ -z "$all" ] || events='person agent three long urgent task'
  for state; do
    # shellcheck disable=SC2086 # words
    case $state in
      idle) visit idle ${all:+agent long urgent} person three task ;;
      failing) visit failing agent long urgent task ;;
      failed) visit failed person ;;
      resting) visit resting person urgent task ;;
      *) visit "$state" $events ;;
    esac
    case $state$all in
      working) escaped working && struck working program ;;
      tool) escaped tool && struck tool both ;;
      permission | question | idle | *draft* | fail* | resting*) ;;
      *)
        [ "$state" = idle ] || escaped "$state"
        for what in program supervisor both pause stop; do struck "$state" "$what"; done
        ;;
    esac
  done
}
square claude claude idle working tool resting >"$t_dir/claude" 2>"$t_dir/claude.err" &
square claude2 claude draft permission question failing failed >"$t_dir/claude2" 2>"$t_dir/claude2.err" &
square codex codex idle draft working tool permission failed resting >"$t_dir/codex" 2>"$t_dir/codex.err" &
wait %2 %3 %4

# The table, for what was driven.
for name in claude claude2 codex; do
  [ "$name" = codex ] && column=2 || column=1
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
is "$(sed -n 's/ Ta /\t/g; s/^\.It \([a-z]*\t[a-z]\)/\1/p' "$t_agents/../../Sources/cadre/cadre-programs.5")" "$(grep -v '^#' "$table")" "cadre-programs(5) has the table"
is "$(sort "$HOME/noted" | uniq -d)" "" "nothing was done twice"
is "$(for name in claude claude2 codex; do cadre inbox --as "$name"; done | wc -l)" 0 "and nothing is unread"
is "$(cadre ask list)" "" "nor asked"
is "$(cat "$(cadre path bus)"/agents/*/log 2>/dev/null)" "" "no hook went wrong"
cadre retire -q --discard claude claude2 codex
t_end
