#!/usr/bin/env bash
# A claim against everything that wants the same task at the same instant, and what comes too late.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus)

# All wait for a line of one FIFO, and so start together.
mkfifo "$t_dir/start"
exec 8<>"$t_dir/start"
blocker=$(cadre task add blocker -p 4)
wrong=0 claimed=0 cancelled=0
for round in $(seq 40); do
  id=$(cadre task add "round $round" -p 0)
  for who in "--as a claim $id" "--as b claim $id" "task cancel $id" "task dep $id --add $blocker" recover; do
    # shellcheck disable=SC2086 # words to be split
    (
      read -r _ <&8
      cadre $who >"$t_dir/said.${who##* }.$BASHPID" 2>&1
      echo "$? $who" >>"$t_dir/codes"
    ) &
  done
  printf '\n\n\n\n\n' >&8
  wait
  winners=$(grep -c '^0 --as [ab] claim' "$t_dir/codes")
  gone=$(grep -c '^0 task cancel' "$t_dir/codes")
  hard=$(grep -cvE '^[01] ' "$t_dir/codes")
  state=$(cadre task list --json | jq -r "select(.id == $id).state")
  [ "$winners" -le 1 ] && [ "$gone" = 1 ] && [ "$hard" = 0 ] && [ "$state" = cancelled ] || {
    wrong=$((wrong + 1))
    sed 's/^/# /' "$t_dir/codes"
    echo "# $state"
  }
  claimed=$((claimed + winners)) cancelled=$((cancelled + gone))
  if [ "$winners" = 1 ]; then
    holder=$(grep '^0 --as [ab] claim' "$t_dir/codes" | cut -d' ' -f3)
    cadre --as "$holder" task done --no-merge "$id" >/dev/null 2>&1
    [ $? = 1 ] || wrong=$((wrong + 1))
  fi
  rm -f "$t_dir/codes" "$t_dir"/said.*
done
is "$wrong" 0 "claim, cancel, dep --add and recover at once: one order or another, and a cancelled task's done is refused"
echo "# shown: 40 rounds of two claims, cancel, dep --add and recover at once, $claimed claimed before they were cancelled, $wrong wrong"

# The last word on a held task: its holder's done, or a person who takes it away.
wrong=0
for round in $(seq 20); do
  id=$(cadre task add "held $round" -p 0)
  cadre --as a claim "$id" >/dev/null
  cadre --as a task done --no-merge "$id" >/dev/null 2>&1 &
  one=$!
  cadre claim --release "$id" >/dev/null 2>&1 &
  two=$!
  wait "$one"
  done=$?
  wait "$two"
  revoked=$?
  state=$(cadre task list --json | jq -r "select(.id == $id).state")
  case "$done $revoked $state" in '0 1 done' | '1 0 ready') ;; *)
    wrong=$((wrong + 1))
    echo "# done $done, revoked $revoked, $state"
    ;;
  esac
  cadre task cancel "$id" >/dev/null 2>&1
done
is "$wrong" 0 "done against revoke: one of the two"

# An agent whose later session has begun: whatever the earlier one says is refused.
agent() { printf 'Program: sh\nRole: worker\nLength: 0\n\n'; }
session() { printf 'Token: %s\nNumber: %s\nHost: h\nBoot: 00000000\nPid: 1\nLength: 0\n\n' "$1" "$2"; }
mkdir -p "$bus"/agents/bob "$bus"/mail/bob/{new,cur,tmp}
agent >"$bus/agents/bob/card"
session 1111111111 1 >"$bus/agents/bob/session"
old() { CADRE_AGENT=bob CADRE_SESSION=1111111111 cadre "$@"; }
id=$(cadre task add "of the first session" -p 0)
code 0 "the first session claims" old claim "$id"
session 2222222222 2 >"$bus/agents/bob/session"
for words in "task done --no-merge $id" "task done --no-merge --token 1111111111 $id" "task fail --why x $id" "claim --release $id" "claim --renew $id" claim heartbeat; do
  # shellcheck disable=SC2086 # words to be split
  code 1 "the first session, later: $words" old $words
done
is "$(cadre task list --json | jq -r "select(.id == $id).state")" claimed "and the task is held still"
for name in "$bus"/state/claimed/"$id",bob,*; do mv "$name" "${name/1111111111/2222222222}"; done
code 1 "the token of the first session, now under the name alone" cadre --as bob task done --no-merge --token 1111111111 "$id"
code 0 "the second session ends it" env CADRE_AGENT=bob CADRE_SESSION=2222222222 cadre task done --no-merge "$id"
code 0 "doctor finds nothing" cadre doctor
t_end
