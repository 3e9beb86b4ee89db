#!/usr/bin/env bash
# What a worktree holds and nothing else does: whatever removes one, moves it or uses it again loses none of it. And no
# directory is removed, and no process ended, because a file says that it is an agent's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
git config --global protocol.file.allow always
echo 'exec sleep 1000' | t_program idler
tree() { field "$1" worktree; }
said() { tr -d '\n' <"$t_dir/err"; }
clear_all() { cadre agents -o name | cadre retire -q --discard -; }

cd "$(t_repository)" || exit 1
repository=$PWD
printf 'build/\nout/\n.env\n' >.gitignore
printf '.env\n' >.worktreeinclude
git add . && git commit -qm ignore
echo secret >.env
cadre init -q

# Repositories in it, and ignored files.
cadre spawn -q a --agent idler 'holds much'
mkdir -p "$(tree a)/lib" && git init -q "$(tree a)/lib/inner" && echo precious >"$(tree a)/lib/inner/file"
echo beside >"$(tree a)/lib/beside"
code 1 "pause: a git repository that is no submodule" cadre pause a
like "$(said)" "*git repositories would be lost: lib/inner/*" "is named"
git -C "$(tree a)/lib/inner" add file && git -C "$(tree a)/lib/inner" commit -qm precious
code 1 "one with a commit as well" cadre pause a
code 1 "retire" cadre retire a
like "$(said)" "*git repositories would be lost: lib/inner/*" "names it too"
is "$(cat "$(tree a)/lib/inner/file")" precious "and it is there"
cadre up -q a
git -C "$(tree a)" add -A 2>/dev/null && git -C "$(tree a)" commit -qm inner
code 1 "its commit is no work to be handed in" env CADRE_AGENT=a CADRE_SESSION="$(sed -n 's/^Token: //p' .git/cadre/agents/a/session)" cadre task done
like "$(said)" "*'lib/inner' is a git repository of its own*" "since it would land without content"
code 1 "committed as a name it is still the only one" cadre retire a
rm -rf "$(tree a)/lib/inner/.git"
mkdir "$(tree a)/build" && echo object >"$(tree a)/build/object"
code 1 "retire: ignored files" cadre retire a
like "$(said)" "*ignored files would be lost: build/*" "are named, as pause does"
is "$(cat "$(tree a)/build/object")" object "and stay"
git config --add cadre.disposable build/
git -C "$(tree a)" rm -q --cached lib/inner && git -C "$(tree a)" add -A && git -C "$(tree a)" commit -qm 'no repository'
code 0 "but those that cadre.disposable names" cadre retire a

# Removed under one that lives.
cadre spawn -q r --agent idler 'goes on'
echo changed >"$(tree r)/kept" && git -C "$(tree r)" add kept && git -C "$(tree r)" commit -qm kept
rm -rf "$(tree r)"
code 75 "a worktree that was removed is a fault" cadre doctor
like "$(cat "$t_dir/out")" "*'cadre up r' makes it again*" "which says what to do"
code 0 "up" cadre up -q r
is "$(cat "$(tree r)/kept")" changed "makes it again as it was committed"
code 0 "and the fault is gone" cadre doctor
cadre retire -q --discard r

# Submodules: their repositories are in the worktree's own git directory.
git init -q "$t_dir/part" && (cd "$t_dir/part" && echo 1 >part && git add . && git commit -qm part)
git submodule --quiet add "$t_dir/part" part && git commit -qm submodule
# shellcheck disable=SC2016 # the setup's
git config cadre.setup 'git submodule update -q --init; echo "$CADRE_NAME" >>out/made 2>/dev/null || { mkdir out; echo "$CADRE_NAME" >out/made; }'
git config --add cadre.disposable out/
cadre spawn -q m --agent idler 'work in the submodule'
is "$(cat "$(tree m)/part/part")" 1 "setup brings the submodule"
echo 2 >"$(tree m)/part/part"
echo new >"$(tree m)/part/new"
code 1 "pause: changes in a submodule" cadre pause m
like "$(said)" "*changes in submodules would be lost: part/part, part/new*" "are named"
code 0 "that it is left stopped is nothing wrong" cadre doctor
like "$(cat "$t_dir/out")" "*note	m	was stopped and not put aside to the end: 'cadre pause m' again*" "and doctor tells of it"
code 1 "retire too" cadre retire m
git -C "$(tree m)/part" add . && git -C "$(tree m)/part" commit -qm precious
tip=$(git -C "$(tree m)/part" rev-parse HEAD)
code 0 "what is committed there is no hindrance" cadre pause m
code 0 "resume" cadre resume m
is "$(cat "$(tree m)/part/part")" 2 "brings it back, checked out"
is "$(git -C "$(tree m)/part" rev-parse HEAD)" "$tip" "at its commit"
is "$(cat "$(tree m)/out/made")" m "setup has run there"
is "$(cat "$(tree m)/.env")" secret "and the equipment is there"
code 0 "retire" cadre retire m
is "$(git -C part cat-file -t "$tip")" commit "keeps the commit, in the project's own repository of the submodule"
is "$(git -C part for-each-ref --contains "$tip" | wc -l)" 1 "by a reference"
kept() { git -C part for-each-ref --format='%(refname)' refs/cadre/modules; }
swept() { # what a day later is let go of
  touch -d '2 days ago' .git/cadre/merge/swept
  cadre merge run -q
}
swept
is "$(kept)" "refs/cadre/modules/$tip" "which stays while nothing else holds it"
git -C part push -q origin "$tip:refs/heads/published"
swept
is "$(kept)" "" "and goes once a remote has it"
git -C part cat-file -e "$tip^{commit}"
ok "which the repository knows to have it"
rm -rf .git/modules
cadre spawn -q m --agent idler 'again'
git -C "$(tree m)/part" commit -q --allow-empty -m 'more'
tip=$(git -C "$(tree m)/part" rev-parse HEAD)
cadre pause -q m
code 0 "retire, paused, where the project has no repository of it" cadre retire m
is "$(git for-each-ref --contains "$tip" | wc -l)" 1 "keeps it in the project's"
git submodule --quiet update --init

# Setup and equipment, wherever a worktree is made.
cadre spawn -q s --agent idler 'set up'
code 0 "pause --discard" cadre pause --discard s
code 0 "resume" cadre resume s
is "$(cat "$(tree s)/out/made" "$(tree s)/.env" | xargs)" "s secret" "is set up again"
at=$(tree s)
echo staged >"$at/staged" && git -C "$at" add staged
cadre stop -q s
rm -rf "$at"
code 75 "a worktree that was removed" cadre doctor
like "$(cat "$t_dir/out")" "*$at*was removed: 'cadre up s'*" "doctor names it, and what to do"
code 0 "resume" cadre resume s
is "$(cat "$at/out/made" "$at/.env" "$at/staged" | xargs)" "s secret staged" "makes it again, what was staged too"
like "$(git -C "$at" branch --show-current)" "cadre/*-set-up" "on its branch"
git config cadre.setup 'exit 3'
cadre pause -q --discard s
code 1 "a setup that fails" cadre resume s
like "$(said)" "*cadre.setup failed for 's'*" "says so"
git config cadre.setup 'echo again >fixed'
code 0 "and runs again next time" cadre resume s
is "$(cat "$(tree s)/fixed")" again "to its end"
git config --unset cadre.setup

# Only what is proved ours is removed.
card=.git/cadre/agents/s/card
cp "$card" "$t_dir/card"
sed -i "s|^Worktree: .*|Worktree: $repository|" "$card"
code 1 "a card that names the main worktree: retire" cadre retire s
code 1 "pause" cadre pause s
code 75 "doctor" cadre doctor
like "$(cat "$t_dir/out")" "*not proved to be its own*" "says so"
cp "$t_dir/card" "$card"
git worktree add -q --detach "$t_dir/mine" && echo mine >"$t_dir/mine/mine"
sed -i "s|^Worktree: .*|Worktree: $t_dir/mine|" "$card"
code 0 "retire --discard of one whose card names a person's worktree" cadre retire --discard s
like "$(said)" "*not proved to be its own*nothing there was removed*" "says so"
is "$(cat "$t_dir/mine/mine")$(git -C "$t_dir/mine" status --porcelain)" "mine?? mine" "and leaves it"
git worktree remove --force "$at"
cadre spawn -q e --agent idler
sed -i "s|^Worktree: .*|Worktree: $repository|" .git/cadre/agents/e/card
cadre retire -q --discard e 2>/dev/null
is "$(git log -1 --format=%s) $(cat file)" "submodule first" "the main worktree is never removed"
git worktree remove --force "$repository.cadre/e"
git worktree add -q --detach "$repository.cadre/x" && echo mine >"$repository.cadre/x/mine"
code 1 "a person's worktree where an agent's is to be" cadre spawn x --agent idler
is "$(cat "$repository.cadre/x/mine")" mine "is left alone"
git worktree remove --force "$repository.cadre/x"

# One that is being removed while its work is handed in has no say in what the work is: what goes first the next git
# command does not see, and what goes last is gone after it.
at=$repository.cadre/g
GIT=$(command -v git)
cat >"$t_dir/bin/git" <<'END'
#!/bin/bash
case " $* " in
  *" ${GOING:-no such words} "*) rm -f "$GOING_FROM/$GOING_FIRST" ;;
  *) exec "$GIT" "$@" ;;
esac
"$GIT" "$@"
code=$?
rm -rf "${GOING_FROM:?}"/{*,.git}
exit $code
END
chmod +x "$t_dir/bin/git"
export GIT GOING_FROM=$at
cadre spawn -q g --agent idler 'goes away' >"$t_dir/out"
task=$(cadre task list --state claimed | cut -f 1)
going() { # COMMAND FIRST OPTION...
  [ -e "$at/.git" ] || cadre up -q g
  echo new >"$at/new"
  cd "$at" || return
  GOING=$1 GOING_FIRST=$2 CADRE_AGENT=g CADRE_SESSION=$(sed -n 's/^Token: //p' "$repository/.git/cadre/agents/g/session") \
    code 75 "removed under '$1': task done ${*:3}" cadre task done "${@:3}"
  cd "$repository" || return
  like "$(said)" "*'$at' was removed: 'cadre up g' makes it again*" "says why"
  is "$(cadre task show --json "$task" | jq -r .state) $(git rev-list --count "main..$(cadre task show --json "$task" | jq -r .branch)")" "claimed 0" "and nothing is handed in"
}
going "status --porcelain=v1" new --result nothing
going "add -A" file --commit
rm "$t_dir/bin/git"
cadre retire -q --discard g

# Its `.git` was removed, with all or some of its files.
cadre spawn -q h --agent idler 'is emptied'
at=$(tree h)
rm -rf "${at:?}"/{*,.[a-z]*}
code 75 "doctor: an emptied worktree" cadre doctor
like "$(cat "$t_dir/out")" "*the '.git' of the worktree of 'h' was removed: 'cadre up h' makes it again*" "says what to do"
code 0 "up" cadre up h
is "$(cat "$(tree h)/file")$(git -C "$(tree h)" status --porcelain)" first "makes it whole again"
branch=$(git -C "$(tree h)" symbolic-ref HEAD)
git worktree remove --force "$(tree h)"
code 0 "up, where git has forgotten it" cadre up h
is "$(git -C "$(tree h)" symbolic-ref HEAD)" "$branch" "makes it again on the branch of the task"
echo mine >"$(tree h)/mine"
: >"$(tree h)/.git"
code 0 "up, where it is empty" cadre up h
is "$(git -C "$(tree h)" status --porcelain)" "?? mine" "writes it again"
rm "$(tree h)/.git"
code 1 "retire: one that has lost its link alone" cadre retire h
like "$(said)" "*uncommitted changes of 'h' would be lost: mine;*" "sees what it holds"
rm "$(tree h)/.git"
code 0 "pause" cadre pause h
code 0 "resume" cadre resume h
is "$(cat "$(tree h)/mine")" mine "keeps and brings it back"
cadre stop -q h
rm "$(tree h)/.git"
code 0 "doctor --fix" cadre doctor --fix
is "$(git -C "$(tree h)" log -1 --format=%s)" "Work in progress of h" "mends it as well"
cadre retire -q --discard h

# A pid that a file names is no proof either.
cadre spawn -q p --agent idler --no-worktree
sleep 1000 &
other=$!
before=$(field p pid)
start=$(cut -d ' ' -f 22 "/proc/$other/stat")
sed -i -e "s/^Pid: .*/Pid: $other/" -e "s/^Start: .*/Start: $start/" .git/cadre/agents/p/session
timeout 3 cadre stop --now p >/dev/null 2>&1
kill -0 "$other"
ok "stop --now ends no process that is not the agent's supervisor"
kill "$other"
kill -9 "$before"
cadre retire -q --discard p
# A worktree that another git makes just now: its record is there, and in it a file that is empty yet. git dies of that.
half() {
  mkdir -p "$repository/.git/worktrees/half"
  echo "$1/.git" >"$repository/.git/worktrees/half/gitdir"
  echo initializing >"$repository/.git/worktrees/half/locked"
  : >"$repository/.git/worktrees/half/commondir"
}
clear_all
half /nowhere
real=$(command -v git)
t_program git <<END
'$real' "\$@"
code=\$?
[ \$code = 0 ] || case "\$*" in *'worktree add'*) echo "\$*" >>'$t_dir/failed' ;; esac
[ ! -e '$t_dir/failed' ] || echo ../.. >'$repository/.git/worktrees/half/commondir'
exit \$code
END
code 0 "a worktree is made beside one that is being made" cadre spawn w --agent idler
is "$(grep -c 'worktree add' "$t_dir/failed")" 1 "which git had refused at first"
rm "$t_dir/bin/git"
clear_all
: >"$repository/.git/worktrees/half/commondir"
code 75 "where that stays so" cadre spawn x --agent idler
like "$(said)" "*the worktree '*/.git/worktrees/half' is half made: another git is at work, or one that died has left it*" "it is named"
is "$(trace)" "" "and nothing is left of the try"
touch -d '1 minute ago' "$repository/.git/worktrees/half/commondir"
code 75 "doctor" cadre doctor
like "$(cat "$t_dir/out")" "*worktrees/half*" "names it as well"
rm -r "$repository/.git/worktrees/half"

# One of ours, its git and the verb killed there.
t_program git <<END
case "\$*" in
  *'worktree add'*)
    mkdir -p '$repository.cadre/x' '$repository/.git/worktrees/x'
    echo 'gitdir: $repository/.git/worktrees/x' >'$repository.cadre/x/.git'
    echo '$repository.cadre/x/.git' >'$repository/.git/worktrees/x/gitdir'
    echo initializing >'$repository/.git/worktrees/x/locked'
    : >'$repository/.git/worktrees/x/commondir'
    kill -9 \$PPID
    exit
    ;;
esac
exec '$real' "\$@"
END
cadre spawn x --agent idler 2>"$t_dir/err"
is "$(ls "$repository/.git/worktrees/x")" "commondir
gitdir
locked" "a spawn that is killed as git makes its worktree"
rm "$t_dir/bin/git"
code 0 "is cleared away" cadre recover
is "$(trace)" "" "wholly"
code 0 "and can be done again" cadre spawn x --agent idler
t_end
