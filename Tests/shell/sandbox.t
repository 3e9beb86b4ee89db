#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# An agent whose program has a sandbox: what it can't do inside its supervisor does for it. The real Codex in its sandbox
# `workspace-write`, and a script in the sandbox that comes with it, to be killed where it hurts.
TMPDIR=/var/tmp # A sandbox may write below /tmp.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
. "$(dirname "$0")/../agents/programs.sh"
a_fetch codex
unset TMPDIR
t_world
a_model
cd "$(t_repository)" || exit 1
if ! timeout 60 codex sandbox -c 'sandbox_mode="workspace-write"' true 2>"$t_dir/err"; then
  echo "# shown skipped: $(tail -n 1 "$t_dir/err")"
  echo "ok 1 - skipped, Codex's sandbox does not work here"
  echo 1..1
  exit 0
fi
a_user "$PWD"
sed -i '1i sandbox_mode = "workspace-write"\napproval_policy = "never"' "$HOME/.codex/config.toml"
printf '[sandbox_workspace_write]\nwritable_roots = [\n  "%s", # Of the user.\n]\n' "$HOME/own" >>"$HOME/.codex/config.toml"
mkdir "$HOME/own"
echo out >>.git/info/exclude
git config cadre.gate true
cadre init -q
repository=$PWD

landed() { [ "$(cadre task show --json "$1" | jq -r .state)" = done ]; }
out() { cat "$repository.cadre/$1/out"; }
said() { out "$1" | grep -q "$2"; }

# The real program.
cadre spawn -q one --agent codex '%run { echo made >new; git add new; echo "git $?"; echo "tmux ${TMUX-none}"; touch "$CADRE_DIR/tmp/x"; echo "bus $?"; touch "$HOME/x"; echo "home $?"; touch "$HOME/own/x"; echo "own $?"; } >out 2>/dev/null
%run cadre heartbeat --note "at work" && cadre task note 1 "a note" && echo "from a sandbox" | cadre send human -s hello && cadre inbox; echo "verbs $?" >>out
%run cadre spawn other --agent true >>out; echo "spawn $?" >>out; cadre agents >/dev/null; echo "agents $?" >>out
%run cadre task add --to human "for you" >>out; cadre ask list --as human; echo "ask $?" >>out
%run cadre task done -m "made in a sandbox" >>out 2>&1; echo "done $?" >>out
%say handed in'
wait_for 60 said one done
is "$(out one | xargs)" "git 128 tmux none bus 1 home 1 own 0 verbs 0 spawn 75 agents 0 2 ask 0 1 done 0" "inside git and the bus can't be written, and there is no tmux, but the verbs work"
wait_for 20 landed 1
is "$(git show main:new)" made "what it has made has landed"
is "$(git log -1 --format='%an' main)" Tester "in the name of its user"
is "$(git for-each-ref refs/cadre --format='%(objectname)' | xargs -n 1 git log -1 --format=%s | grep -c 'made in a sandbox')" 1 "committed with its message"
is "$(cadre inbox | cut -f 3,5 | grep -c 'one.*hello')" 1 "its mail is there"
like "$(cadre task show 1)" "*one*a note*" "and its note"
is "$(cadre task list --state ready | cut -f 1)" 2 "and the task that it added"

# A hook of the user's that refuses.
printf '#!/bin/sh\necho no tabs >&2\nexit 1\n' >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
id=$(cadre task add --to one 'refused' '%run echo two >new; cadre task done -m second >>out 2>&1; echo "second $?" >>out')
wait_for 30 said one second
like "$(out one | tail -n 2 | xargs)" "*unable to commit: no tabs second 1" "a hook that refuses is told of"
is "$(cadre task show --json "$id" | jq -r '.state + " " + .owner')" "claimed one" "the task stays claimed"
rm .git/hooks/pre-commit
cadre send -q one '%run cadre task done -m third >>out 2>&1'
wait_for 30 landed "$id"
is "$(git show main:new)" two "and can be handed in after all"
cadre retire -q --discard one
is "$(find .git/cadre -name calls)" "" "retired, nothing of it is left"

# Killed where it hurts: a script in a sandbox, which hands its work in once it finds `go`, when it runs first.
bwrap=$(dirname "$(dirname "$(readlink -f "$t_dir/bin/codex")")")/codex-resources/bwrap
cat >"$t_dir/bin/boxed" <<END
#!/bin/sh
exec "$bwrap" --ro-bind / / --dev /dev --proc /proc --bind "\$PWD" "\$PWD" --bind "\$2" "\$2" --unshare-pid --die-with-parent "$t_dir/bin/inside"
END
t_program inside <<'END'
if ! [ -e out ]; then
  echo started >out
  echo made >"$CADRE_AGENT"
  until [ -e go ]; do sleep 0.05; done
  $(cat go) cadre task done -m "made by $CADRE_AGENT" >>out 2>&1
  echo "done $?" >>out
fi
exec sleep 1000
END
chmod +x "$t_dir/bin/boxed"
printf 'go\nout\n' >>.git/info/exclude
git config cadre.program.boxed.command 'exec boxed "$@"'
git config cadre.program.boxed.sandbox --add-dir
# A hook of the user's that stands still while `block` is there, and refuses while `refuse` is.
hook() { # NAME
  printf '#!/bin/sh\nif [ -e "%s/block" ]; then touch "%s/reached"; while [ -e "%s/block" ]; do sleep 0.02; done; fi\n! [ -e "%s/refuse" ] || { echo refused >&2; exit 1; }\n' \
    "$t_dir" "$t_dir" "$t_dir" "$t_dir" >".git/hooks/$1"
  chmod +x ".git/hooks/$1"
}
# Spawns it and has it hand its work in, up to the hook.
begin() { # NAME HOOK [PREFIX]
  rm -f .git/hooks/* "$t_dir/reached" "$t_dir/refuse"
  hook "$2"
  touch "$t_dir/block"
  cadre spawn -q "$1" --agent boxed "work of $1"
  wait_for 10 said "$1" started
  printf '%s\n' "${3-}" >"$repository.cadre/$1/go"
  wait_for 10 test -e "$t_dir/reached"
  id=$(field "$1" task)
}
crash() { # NAME: its supervisor is killed, and comes back
  local before
  before=$(field "$1" pid)
  kill -9 "$before"
  rm -f "$t_dir/block"
  back() { [ -n "$(field "$1" pid)" ] && [ "$(field "$1" pid)" != "$before" ]; }
  wait_for 20 back "$1"
}
commits() { git for-each-ref refs/cadre/work refs/heads --format='%(refname)' | xargs git rev-list --no-merges | sort -u | xargs -n 1 git log -1 --format=%s | grep -c "^made by $1\$"; }
once() { # NAME
  wait_for 20 landed "$id"
  ok "killed $2: the work is handed in"
  is "$(git show "main:$1") $(commits "$1")" "made 1" "once"
  is "$(cadre inbox --as "$1" | wc -l)" 0 "and nothing else is said of it"
}

cadre spawn -q keeper --agent 'sleep 1000' --no-worktree # Who sees that the others die.
begin early pre-commit
crash early
once early "before the commit"
begin late post-commit
call=$(echo .git/cadre/agents/late/calls/*)
cp "$call" "$t_dir/call"
crash late
once late "after the commit"

# The call once more, as if the supervisor had died before it could answer.
rm -f .git/hooks/*
before=$(sed -n 's/^Token: //p' .git/cadre/agents/late/session)
cadre stop -q late
sed "s/^Token: .*/Token: $before/" "$t_dir/call" >.git/cadre/agents/late/calls/again
cadre up -q late
once late "before the answer"
is "$(find .git/cadre/agents/late/calls .git/cadre/agents/late/answers -type f)" "" "and no call is left"

# Before anything was done of it.
rm -f .git/hooks/*
cadre spawn -q first --agent boxed "work of first"
wait_for 10 said first started
id=$(field first task)
kill -STOP "$(field first pid)"
touch "$repository.cadre/first/go"
called() { ls .git/cadre/agents/first/calls/[0-9]*; }
wait_for 10 called
crash first
once first "before it had begun"

# The claim was taken away meanwhile.
begin fenced pre-commit
cadre claim -q --release "$id"
rm -f "$t_dir/block"
wait_for 10 said fenced done
like "$(out fenced | xargs)" "*not claimed* done 1" "a claim that was taken away hands nothing in"
is_ready "$id"
ok "the task is anybody's"

# Nobody waits for the answer.
begin gone pre-commit 'timeout 0.2'
wait_for 10 said gone 'done 124'
touch "$t_dir/refuse"
rm -f "$t_dir/block"
mailed() { cadre inbox --as gone | grep -q 'not handed in'; }
wait_for 10 mailed
like "$(cadre inbox --as gone show "$(cadre inbox --as gone | cut -f 1)")" "*unable to commit: refused*" "an agent that does not wait is told by mail"
is "$(cadre task show --json "$id" | jq -r '.state + " " + .owner')" "claimed gone" "and holds its task"

# What a sandbox may make of it.
cd .git/cadre/agents/gone/calls || exit 1
ln -s /etc/passwd link
mkfifo pipe
mkdir directory
printf 'Token: x\nLength: 0\n\n' >bad
{ printf 'Token: %s\nDirectory: /\nArguments: 4\nLength: 32\n\n' "$(sed -n 's/^Token: //p' ../session)" && printf 'spawn\0--agent\0touch /tmp/x\0more\0'; } | tee .new >/dev/null
mv .new spawn
answered() { [ "$(find ../answers -type f | wc -l)" = 5 ]; }
wait_for 10 answered
ok "what is no call is refused, and is not waited for"
cd "$repository" || exit 1
git config cadre.setup true
cadre heartbeat -q --as gone
is_state gone working
ok "and its supervisor goes on"
cadre agents -o name | cadre retire -q --discard -
code 0 "the bus is sound" cadre doctor
t_end
