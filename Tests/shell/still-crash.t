#!/usr/bin/env bash
# Every verb that the built-in agent calls, killed before each change that it makes: soon its task has
# ended as it should, or status says what waits, or somebody is asked.
# shellcheck disable=SC2016 # bodies are for another shell
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
git config cadre.gate true
git config cadre.maxRestarts 1000

# The agent's `cadre`: $t_dir/fault has a number and words. The first call that begins with those words is killed before
# its change of that number, and says in $t_dir/code how it ended.
mkdir -p "$t_dir/faulty"
cat >"$t_dir/faulty/cadre" <<END
#!/bin/sh
if read -r n words 2>/dev/null <$t_dir/fault; then
  case "\$*" in "\$words"*)
    if mv $t_dir/fault $t_dir/taken 2>/dev/null; then
      CADRE_FAULT=kill:\$n $t_dir/bin/cadre "\$@"
      code=\$?
      echo "\$code" >$t_dir/code
      exit "\$code"
    fi
    ;;
  esac
fi
exec $t_dir/bin/cadre "\$@"
END
chmod +x "$t_dir/faulty/cadre"
t_program faulty <<'END'
PATH=$t_dir/faulty:$PATH
export PATH
exec "$CADRE_SHARE"/agents/sh
END

is_in() { cadre task list --state "$2" | cut -f1 | grep -qx "$1"; }
said() { [ -n "$(cadre ask list)" ] || [ "$(cadre status | wc -l)" -gt 1 ]; }
settled() { is_in "$1" "$2" || said; }
goes_on() { is_in "$1" "$2"; }
reached() { [ -s "$t_dir/code" ]; }

# A verb at its every change, with a body and the state in which its task should end.
killed_at_each() { # WORDS STATE BODY
  local words=$1 state=$2 body=$3 n=0 bad='' shown='' code=137 id
  while [ "$code" = 137 ] && [ "$n" -lt 60 ]; do
    n=$((n + 1))
    rm -f "$t_dir/code" "$t_dir/taken"
    # One that waits already makes its changes when a task comes: the next one is to find it there.
    if [ "$words" = 'claim --wait' ]; then
      id=$(cadre task add --no-merge before 'sleep 0.5')
      wait_for 60 is_in "$id" claimed
    fi
    echo "$n $words" >"$t_dir/fault"
    id=$(cadre task add "$words $n" "echo $n >$RANDOM; $body; echo $n >>work-${words// /_}-$n")
    wait_for 60 reached
    code=$(cat "$t_dir/code")
    wait_for 20 settled "$id" "$state" || bad="$bad $n"
    # What is only said must end some time, too; a person need not wait out the pause before the next start.
    is_in "$id" "$state" || shown="$shown $n"
    cadre up -q a
    wait_for 60 goes_on "$id" "$state" || bad="$bad $n:$(cadre task list --json | jq -r "select(.id == $id).state")"
    [ "$state" = done ] || cadre task cancel -q "$id"
  done
  rm -f "$t_dir/fault"
  is "$code$bad" "0" "$words: killed at each of $((n - 1)) changes, its task ends as $state"
  [ -z "$shown" ] || echo "# shown: $words: said, and not gone on soon, at$shown"
}

cadre spawn -q a --agent faulty
killed_at_each 'heartbeat' done true
killed_at_each 'claim --wait' done true
killed_at_each 'task show' done true
killed_at_each 'supervise --task' done true
killed_at_each 'task done' done true
killed_at_each 'task fail' failed 'exit 3'
# Once it may be done.
killed_at_each 'claim -q --release' done "[ -e $t_dir/once-\$(git branch --show-current | tr -d /) ] || { touch $t_dir/once-\$(git branch --show-current | tr -d /); exit 75; }"
cadre merge run -q 2>/dev/null
is "$(git grep -c . main -- 'work-*' | grep -v ':1$')" "" "no body leaves twice what it makes once"
is "$(cadre ask list)" "" "nobody is asked in the end"
code 0 "doctor finds nothing" cadre doctor
t_end
