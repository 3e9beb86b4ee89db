# shellcheck shell=bash
# For shell tests: a private world, and TAP. A test sources this, calls its checks, and ends with t_end.
#
# CADRE_BIN is the directory of the built `cadre`.
set -u

t_count=0 t_failed=0
t_dir=$(mktemp -d "${TMPDIR:-/tmp}/cadre-test.XXXXXX")
t_server="cadre-test-$$"

t_cleanup() {
  tmux -L "$t_server" kill-server 2>/dev/null
  wait_for 10 t_ended || echo '# something still runs'
  rm -f "${TMUX_TMPDIR:-/tmp}/tmux-$(id -u)/$t_server" "${TMUX_TMPDIR:-/tmp}/tmux-$(id -u)/$t_server"-*
  chmod -R u+w "$t_dir" 2>/dev/null
  # What the server's end has ended may still write.
  wait_for 10 rm -rf "$t_dir"
}

# Whether nothing runs in this test's home any more; ends what does: agents, and a server that one who was about to bring
# up another has started after the first had ended.
t_ended() {
  local pids
  pids=$(grep -lzsxF "HOME=$t_dir/home" /proc/[0-9]*/environ | cut -d / -f 3)
  # shellcheck disable=SC2086 # words
  [ -z "$pids" ] || ! kill -9 $pids
}
# Before that: these commands. A process of the test's own that is killed before it has become another program runs the trap
# as well, and must leave the world alone.
t_finally() { # COMMANDS
  # shellcheck disable=SC2064 # as they are now
  trap "case \$BASHPID in \$\$)
$1
t_cleanup ;; esac" EXIT
}
t_finally :

# A home without anything of the user's, the built programs first on PATH, no bus or tmux from outside.
t_world() {
  unset CADRE_DIR CADRE_AGENT CADRE_SESSION CADRE_FAULT TMUX TMUX_PANE GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE NO_COLOR CI
  export HOME="$t_dir/home" CADRE_TMUX="$t_server" LC_ALL=C.UTF-8 GIT_CONFIG_NOSYSTEM=1
  mkdir -p "$HOME" "$t_dir/bin"
  ln -sf "$CADRE_BIN/cadre" "$t_dir/bin/cadre"
  local verb
  for verb in $("$CADRE_BIN/cadre" --list-verbs); do ln -sf cadre "$t_dir/bin/cadre-$verb"; done
  PATH="$t_dir/bin:$PATH"
  git config --global user.name Tester
  git config --global user.email tester@example.invalid
  git config --global init.defaultBranch main
}

# pgrep(1) among the processes of this test's home: others may run the same programs.
t_pgrep() { # PATTERN...
  local pid
  for pid in $(pgrep "$@"); do grep -qzsxF "HOME=$HOME" "/proc/$pid/environ" && echo "$pid"; done
}

# A repository with one commit; prints its path.
t_repository() {
  local at="$t_dir/${1:-repository}"
  mkdir -p "$at"
  git -C "$at" init -q
  echo first >"$at/file"
  git -C "$at" add file
  git -C "$at" commit -qm first
  printf '%s\n' "$at"
}

ok() { # NAME: the exit code before it was 0
  local code=$?
  t_count=$((t_count + 1))
  if [ "$code" = 0 ]; then echo "ok $t_count - $1"; else
    echo "not ok $t_count - $1 (exit $code)"
    t_failed=$((t_failed + 1))
  fi
}

is() { # GOT EXPECTED NAME
  t_count=$((t_count + 1))
  if [ "$1" = "$2" ]; then echo "ok $t_count - $3"; else
    echo "not ok $t_count - $3"
    printf '%s\n' "$1" | sed 's/^/#      got: /'
    printf '%s\n' "$2" | sed 's/^/# expected: /'
    t_failed=$((t_failed + 1))
  fi
}

like() { # GOT PATTERN(glob) NAME
  # shellcheck disable=SC2053 # the right side is meant as a pattern
  if [[ "$1" == $2 ]]; then is x x "$3"; else is "$1" "$2" "$3"; fi
}

code() { # EXPECTED NAME COMMAND...: its exit code
  local expected=$1 name=$2 got
  shift 2
  "$@" >"$t_dir/out" 2>"$t_dir/err"
  got=$?
  is "$got" "$expected" "$name"
  [ "$got" = "$expected" ] || sed 's/^/# /' "$t_dir/err"
}

check_same() { # NAME PIPELINE PIPELINE: they print the same
  is "$(bash -c "$2" 2>&1)" "$(bash -c "$3" 2>&1)" "$1"
}

wait_for() { # SECONDS COMMAND...: until it succeeds; on a machine that is busy it has four times as long
  local seconds=$((4 * $1)) end
  end=$((SECONDS + seconds))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      # Also where no check follows.
      echo "# shown: not after $seconds s: $*" >&2
      return 1
    fi
    sleep 0.02
  done
}

t_end() {
  echo "1..$t_count"
  [ "$t_failed" = 0 ]
}
