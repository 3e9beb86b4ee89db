#!/usr/bin/env bash
# A body that is run again, since a run of it was cut short, finds what the first one found.
# shellcheck disable=SC2016 # bodies are for another shell
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
echo first >list
git add list && git commit -qm list
cadre init -q
git config cadre.gate true
git config cadre.program sh
git config cadre.maxRestarts 100
is_in() { cadre task list --state "$2" | cut -f1 | grep -qx "$1"; }
# Appends, does what is said, and stays at the first time.
body() { # NAME WHAT
  printf 'echo %s >>list\necho %s >new-%s\n%s\n[ -e %s/%s ] || { touch %s/%s; sleep 1000; }\n' "$1" "$1" "$1" "$2" "$t_dir" "$1" "$t_dir" "$1"
}
begun() { [ -e "$t_dir/$1" ]; }
once() { # NAME
  is "$(git show main:list | grep -c "^$1$") $(git show "main:new-$1")" "1 $1" "$2"
}

cadre spawn -q w
id=$(body killed true | cadre task add killed -)
wait_for 20 begun killed
kill -9 "$(field w pid)"
wait_for 30 is_in "$id" done
once killed "killed with changes that were not committed: made once"
like "$(cadre task show "$id")" "*a run was cut short; what it left is kept*git show *" "what it left is told"
kept=$(cadre task show "$id" | sed -n 's/.*git show \([0-9a-f]*\)$/\1/p')
is "$(git show "$kept:list" | tail -n 1)" killed "and kept"

id=$(body committed 'git add -A && git commit -qm committed' | cadre task add committed -)
wait_for 20 begun committed
kill -9 "$(field w pid)"
wait_for 30 is_in "$id" done
once committed "killed when it had committed: made once"

id=$(body other true | cadre task add other -)
wait_for 20 begun other
# One that runs on would take it back at once.
cadre stop -q w
cadre spawn -q v --task "$id"
cadre retire -q --discard w
wait_for 30 is_in "$id" done
once other "taken away and run by another: made once"

# A branch that the body went to is not ours to move.
git branch persons
id=$(body astray 'git switch -q persons && git add -A && git commit -qm astray' | cadre task add astray -)
wait_for 20 begun astray
tip=$(git rev-parse persons)
kill -9 "$(field v pid)"
ended() { is_in "$id" done || is_in "$id" failed; }
wait_for 30 ended
git merge-base --is-ancestor "$tip" persons
ok "a branch that the body went to keeps what was committed there"
cadre task cancel -q "$id" 2>/dev/null

# What it gives back itself is for the next run.
id=$(printf 'echo part >>list\necho part >>new-part\n[ -e %s/part ] || { touch %s/part; exit 75; }\n' "$t_dir" "$t_dir" | cadre task add part -)
was_released() { cadre log --task "$1" | cut -f3 | grep -qx released; }
wait_for 30 was_released "$id"
wait_for 120 is_in "$id" done
is "$(git show main:list | grep -c '^part$') $(git show main:new-part | wc -l)" "2 2" "given back by itself, the next run goes on with what it left"
is "$(find .git/cadre/tasks -name run)" "" "no record of a run is left"
cadre retire -q v

# A body that removes the worktree below it, at its first run.
away() { # NAME WHAT CODE
  printf 'echo %s >>list\necho %s >new-%s\n[ -e %s/%s ] || { touch %s/%s; %s; exit %s; }\n' "$1" "$1" "$1" "$t_dir" "$1" "$t_dir" "$1" "$2" "$3"
}
cadre spawn -q u
removed=$(away removed 'rm -rf "$PWD"' 0 | cadre task add removed -)
emptied=$(away emptied 'rm -rf "$PWD"/* "$PWD"/.git' 0 | cadre task add emptied -)
wait_for 30 is_in "$removed" done
once removed "run again in one that was made again"
wait_for 30 is_in "$emptied" done
once emptied "emptied, likewise"
away failing 'rm -rf "$PWD"' 3 | cadre task add -q failing -
after=$(cadre task add after 'echo after >after')
wait_for 30 is_in "$after" done
is "$(cadre task list --state failed)" "" "what failed without its worktree has not failed"
once failing "but is run again in one"

# A body that can't be begun: the agent says why, and goes on once that is mended.
cadre stop -q u
id=$(cadre task add odd 'echo odd >odd')
: >"$(cadre path task "$id")/run"
cadre up -q u
wait_for 20 eval 'cadre status | grep -q "u.*/run.* is damaged: .*, tried [0-9]* times\?, again at"'
ok "a record of a run that makes no sense: its agent says so, and tries again"
code 75 "doctor names it" cadre doctor
code 0 "and sets it aside" cadre doctor --fix
wait_for 60 is_in "$id" done
ok "then the body runs"
t_end
