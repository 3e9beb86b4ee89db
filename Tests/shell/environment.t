#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agents' shells
# The environment that things start in: of an agent, with and without a terminal, of a gate, of git and of a tmux server. It
# is that of the person who spawned the agents, not that of a tmux server of another day, and nothing of git's, of cadre's own
# or of a program that the person's shell runs in.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
repository=$PWD
cadre init -q
t_program shower <<'END'
{
  env
  echo "umask $(umask)"
  echo "files $(ulimit -Sn)"
  echo "top $(git rev-parse --show-toplevel)"
  echo "descriptors $(ls /proc/self/fd | grep -vc '^[0123]$')"
} >"$t_dir/new.$CADRE_AGENT"
mv "$t_dir/new.$CADRE_AGENT" "$t_dir/env.$CADRE_AGENT"
if [ -n "$(git config cadre.child)" ] && [ "$CADRE_AGENT" = upper ]; then FOO=forged cadre spawn -q child --agent shower --headless --no-worktree; fi
exec sleep 1000
END
value() { sed -n "s/^$2=//p" "$t_dir/env.$1"; }
told() { sed -n "s/^$2 //p" "$t_dir/env.$1"; }
seen() { wait_for 60 test -s "$t_dir/env.$1"; }

# A server of another day.
(
  umask 077
  ulimit -Sn 200
  env OLD=old FOO=stale LC_MESSAGES=C tmux -L "$t_server" -f /dev/null new-session -d -s other 'sleep 1000'
)
export FOO=$'bar\nof two lines' SECRET_KEY=hush BYTES=$'\xff\xfe' SSH_AUTH_SOCK=/tmp/first CLAUDECODE=1 CODEX_SANDBOX=seatbelt
umask 027
ulimit -Sn 300
exec 9<"$repository/file"
cadre spawn -q one --agent shower
cadre spawn -q two --agent shower --headless
seen one && seen two
for name in one two; do
  is "$(value $name FOO)$(grep -c '^of two lines$' "$t_dir/env.$name")" bar1 "$name: has the spawner's variables"
  is "$(value $name BYTES | od -An -tx1 | xargs)" "ff fe 0a" "$name: of any bytes"
  is "$(value $name OLD)$(value $name LC_MESSAGES)" "" "$name: and none of the server's"
  is "$(value $name PATH | tr : '\n' | grep -vFx "$CADRE_BIN" | paste -sd:)" "$(echo "$PATH" | tr : '\n' | grep -vFx "$CADRE_BIN" | paste -sd:)" "$name: PATH"
  is "$(value $name HOME) $(value $name LC_ALL)" "$HOME $LC_ALL" "$name: home and locale"
  is "$(told $name umask) $(told $name files) $(told $name descriptors)" "0027 300 0" "$name: umask, limits and descriptors"
  is "$(value $name CLAUDECODE)$(value $name CODEX_SANDBOX)" "" "$name: it runs in no other program"
done
is "$(value one TMUX | cut -d , -f 1 | xargs basename)$(value two TMUX)" "$t_server" "in a pane it knows its own server"

# It is nobody else's.
is "$(stat -c %a .git/cadre/agents/one/environment .git/cadre/environment | xargs)" "600 600" "what is recorded is the user's alone"
is "$(grep -rl hush .git/cadre | sort | xargs)" ".git/cadre/agents/one/environment .git/cadre/agents/two/environment .git/cadre/environment" "a secret is in no other file"
is "$( (
  cadre agents --json
  cadre doctor
  cadre log
  cadre status
  cadre prime --as one
) 2>&1 | grep -c hush)" 0 "and in nobody's words"
cadre retire -q --discard one
is "$(find .git/cadre/agents -name environment)" .git/cadre/agents/two/environment "it goes with its agent"
cadre retire -q --discard two

# What is left out.
git config --add cadre.environment 'SECRET_*'
cadre spawn -q one --agent shower
rm "$t_dir/env.one" && cadre stop -q one && cadre up -q one
seen one
is "$(value one SECRET_KEY)$(grep -c hush .git/cadre/agents/one/environment)" 0 "cadre.environment names what is left out"

# An agent's agent has the person's.
git config cadre.child yes
cadre spawn -q upper --agent shower
seen child
is "$(value child FOO)$(value child SSH_AUTH_SOCK)" bar/tmp/first "an agent's agent has what the person had who spawned the first"
git config --unset cadre.child

# Later.
again() { # NAME COMMAND...: it stops, and is started by this
  rm "$t_dir/env.$1"
  cadre stop -q "$1"
  shift
  "$@" >/dev/null
}
again one env FOO=cron cadre up one
seen one
is "$(value one FOO)" bar "started again by what has no terminal, it has what it had"
again one env FOO=now SSH_AUTH_SOCK=/tmp/second script -qec 'cadre up one' /dev/null
seen one
is "$(value one FOO)$(value one SSH_AUTH_SOCK)" now/tmp/second "started again by a person it has what the person has"
env FOO=later SSH_AUTH_SOCK=/tmp/third script -qec 'cadre attach one' /dev/null >/dev/null </dev/null &
wait_for 60 eval '[ -n "$(tmux -L "$t_server" list-clients)" ]'
tmux -L "$t_server" detach-client -s "$(tmux -L "$t_server" list-clients -F "#{session_id}" | head -n 1)"
wait "$!"
again one cadre up one
seen one
is "$(value one FOO)$(value one SSH_AUTH_SOCK)" now/tmp/third "attached to, it gets what has changed with the login"

# Gates, though a supervisor has the queue run.
git config cadre.gate "{ env; echo \"umask \$(umask)\"; echo \"files \$(ulimit -Sn)\"; echo \"descriptors \$(ls /proc/self/fd | grep -vc '^[0123]\$')\"; } >'$t_dir/env.gate'"
git config cadre.review none
cadre init -q
git checkout -q -b feature && echo x >feature && git add feature && git commit -qm feature && git checkout -q main
(unset FOO && cadre merge submit -q feature)
wait_for 60 grep -q '^descriptors' "$t_dir/env.gate"
is "$(value gate FOO) $(value gate HOME) $(value gate LC_ALL)$(value gate OLD)" "now $HOME $LC_ALL" "a gate has the environment of who started agents last"
is "$(value gate PATH)" "$PATH" "with its PATH"
is "$(told gate umask) $(told gate files) $(told gate descriptors)" "0027 300 0" "umask, limits and descriptors"
is "$(grep -cE '^(CADRE_|TMUX|GIT_)' "$t_dir/env.gate")" 0 "and nothing of cadre's, tmux's and git's"
wait_for 20 test -z "$(cadre merge list)"
cadre agents -o name | cadre retire -q --discard -

# From git's aliases and hooks.
git config alias.cadre '!cadre'
git worktree add -q "$t_dir/linked" -b side
cd "$t_dir/linked" || exit 1
git cadre spawn -q alias --agent shower
seen alias
is "$(grep -c '^GIT_[DWIP]' "$t_dir/env.alias") $(told alias top)" "0 $(field alias worktree)" "by an alias in a linked worktree: the agent is in its own"
real=$(command -v git)
t_program git <<END
case \$* in *--git-dir=*) env | grep -E '^GIT_(INDEX_FILE|PREFIX|WORK_TREE|DIR)' >>"\$t_dir/env.git" ;; esac
exec $real "\$@"
END
cat >"$repository/.git/hooks/post-commit" <<'END'
#!/bin/sh
cadre spawn -q hook --agent shower >"$t_dir/hook" 2>&1
END
chmod +x "$repository/.git/hooks/post-commit"
kill_server
export t_dir
git commit -q --allow-empty -m 'with a hook' && git commit -q -a --allow-empty -m again
is "$(cat "$t_dir/hook")" "cadre spawn: there is an agent 'hook' already: choose another name, or 'cadre retire hook'" "a hook finds its project"
seen hook
is "$(grep -c '^GIT_[DWIP]' "$t_dir/env.hook") $(told hook top)" "0 $(field hook worktree)" "by a hook: the agent is in its own worktree"
is "$(grep -E '^GIT_(AUTHOR_|COMMITTER_|EDITOR)' "$t_dir/env.hook")" "" "and neither the author nor the time of that commit is its"
is "$(tmux -L "$t_server" show-environment -g | grep -cE '^(GIT_[DWIP]|CLAUDECODE|CADRE_AGENT|CADRE_DIR)')" 0 "the server that was started has nothing of git's and ours"
is "$(cat "$t_dir/env.git" 2>/dev/null)" "" "and cadre's own calls of git neither"
rm "$t_dir/bin/git" "$repository/.git/hooks/post-commit"
git cadre merge submit -q
is "$(cadre merge list --json | jq -r .branch)" side "an alias submits the branch of the worktree that it is called in"
cadre merge cancel -q "$(cadre merge list | cut -f 1)"

# Another project, where the environment names one.
other=$(t_repository other)
cadre -C "$other" init -q
front=$repository/.git/cadre
is "$(
  CADRE_DIR=$front CADRE_AGENT=hook cadre -C "$other" path -q bus
  CADRE_DIR=$front cadre -C "$other" path bus
)" "$other/.git/cadre" "-C leads out of the environment's project"
CADRE_DIR=$front CADRE_AGENT=hook CADRE_SESSION=x cadre -C "$other" task add -q 'over there'
is "$(cadre -C "$other" task list --json | jq -r '.title + " " + .by') $(cadre task list | grep -c 'over there')" "over there hook 0" "a task is added where -C says"
is "$(CADRE_DIR=$front cadre -C "$t_dir/linked" path bus)" "$front" "a worktree of the same project is no other"
code 75 "-C to no repository" env CADRE_DIR="$front" cadre -C / task list
is "$(cd "$other" && GIT_DIR=$repository/.git cadre path bus) $(GIT_DIR=$repository/.git cadre -C "$other" path bus)" "$front $other/.git/cadre" "what git says of the project counts, but for -C"
cadre -C "$other" spawn -q hook --agent 'sleep 1000' --no-worktree
code 1 "an agent of another project is not that of the same name here" env CADRE_DIR="$front" CADRE_AGENT=hook cadre -C "$other" send human hi
code 0 "it calls by another name" env CADRE_DIR="$front" CADRE_AGENT=hook cadre -C "$other" --as front send human hi
cadre -C "$other" retire -q --discard hook
cd "$repository" || exit 1
# Its window went with the server.
cadre up -q alias
lives() { [[ "$(field alias state)" = @(idle|working) ]]; }
wait_for 60 lives
code 0 "the bus is sound" cadre doctor
t_end
