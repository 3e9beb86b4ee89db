# shellcheck shell=bash disable=SC2154
# For the tests of the merge queue: agents without a supervisor, in worktrees of their own.

record() { # FILE: a record of the fields on standard input
  { cat && printf 'Length: 0\n\n'; } >"$1"
}

# An agent with a card, a session and a worktree of its own, as a supervisor makes it.
agent() { # NAME
  git worktree add -q --detach "${t_agents:-$t_dir}/$1" main
  local bus
  bus=$(cadre path bus)
  mkdir -p "$bus/agents/$1"
  record "$bus/agents/$1/card" <<<"Program: sh
Worktree: ${t_agents:-$t_dir}/$1
GitDir: $(git -C "${t_agents:-$t_dir}/$1" rev-parse --absolute-git-dir)"
  record "$bus/agents/$1/session" <<<"Token: 00000000$1"
}
as() { # NAME COMMAND...
  local name=$1
  shift
  (cd "${t_agents:-$t_dir}/$name" && CADRE_AGENT=$name CADRE_SESSION=00000000$name "$@")
}
begin() { # NAME TITLE [OPTION]...: a new task, claimed; sets id
  local name=$1 title=$2
  shift 2
  id=$(cadre task add "$@" -- "$title")
  as "$name" cadre claim -q "$id"
}
branch() { cadre task show --json "$1" | jq -r '.branch | ltrimstr("refs/heads/")'; }
write() { # NAME FILE TEXT: and commits
  echo "$3" >"${t_agents:-$t_dir}/$1/$2"
  as "$1" git add -A
  as "$1" git commit -qm "work on $2"
}
state() { cadre task list --json | jq -r "select(.id == $1).state"; }

# Work of an agent's on one file, submitted; sets id.
work() { # NAME FILE TEXT
  begin "$1" "$1 writes $2"
  write "$1" "$2" "$3"
  as "$1" cadre task done -q
}

# Makes programs in $t_dir/wrapped that kill their caller after a call of theirs, the n-th of any: see killed_after.
wrap() { # PROGRAM...
  local program real
  mkdir -p "$t_dir/wrapped"
  for program; do
    real=$(command -v "$program")
    cat >"$t_dir/wrapped/$program" <<END
#!/bin/bash
echo >>"$t_dir/calls"
[ "\$(wc -l <"$t_dir/calls")" = "\$WRAP_AT" ] || exec "$real" "\$@"
# One that is talked to ends when its caller does.
case " \$* " in
*" --stdin "*) "$real" "\$@" 2>/dev/null ;;
*) "$real" "\$@" >/dev/null 2>&1 ;;
esac
kill -KILL "\$PPID"
END
    chmod +x "$t_dir/wrapped/$program"
  done
}
killed_after() { # N COMMAND...: after its n-th call of a wrapped program; 137, else it made fewer
  local n=$1
  shift
  : >"$t_dir/calls"
  { WRAP_AT=$n PATH="$t_dir/wrapped:$PATH" "$@"; } >/dev/null 2>&1
}
killed_before() { # N COMMAND...: before its n-th change of a file
  local n=$1
  shift
  { CADRE_FAULT=kill:$n "$@"; } >/dev/null 2>&1
}
