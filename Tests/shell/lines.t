#!/usr/bin/env bash
# usage: lines.t [print]
#
# Every verb in places where something is missing, broken or somebody else's: it says one line that begins with its name, or
# does what it is for; it never shows what git, tmux or the system said raw, and never ends by a signal. With `print` each
# line that was said is printed once, to be read.
. "$(dirname "$0")/lib.sh"
t_world
unset TMUX TMUX_PANE
verbs=(init 'path bus' 'task list' 'task add x' 'task show 1' 'task edit --title y 1' 'task note 1 x' 'task dep 1 --add 2' 'task done 1' 'task fail 1'
  'task cancel 1' 'task reopen 1' 'task wait 1 --timeout 0s' 'task graph' 'task import /dev/null' claim 'claim 1' 'claim --release 1' 'send bob x' inbox
  'inbox next' 'inbox show 1' 'inbox search x' 'ask q' 'ask list' 'ask show 1' 'ask approve 1' 'ask answer 1 x' 'plan show 1' 'plan submit x' heartbeat
  'handoff x' recover doctor log cost 'spawn bob --agent nosuch' 'spawn --dry-run bob --agent true' 'agents' 'agents set bob role x' 'peek bob' 'attach bob'
  'stop bob' up 'up bob' 'pause bob' 'resume bob' 'retire bob' 'diff bob' 'diff --json bob' prime 'hook Stop' status 'push bob' 'merge list' 'merge show 1'
  'merge run' 'merge submit' 'merge approve 1' 'merge reject 1' 'merge retry 1' 'merge cancel 1' 'merge check' 'merge update' 'completions bash'
  'top --plain' 'top --all --plain' 'no-such-verb' '--version' 'help no-such-topic')

# One that is new is to be tried as well. A supervisor is no verb of anybody's.
is "$(cadre --list-verbs | grep -vxF -f <(printf '%s\n' "${verbs[@]%% *}") | xargs)" supervise "each verb is tried"

new() { # NAME: a repository with a bus and a task
  git init -q -b main "$t_dir/$1" && cd "$t_dir/$1" && git commit -q --allow-empty -m first && cadre init -q && cadre task add -q one
}
few() { # NAME PROGRAM...: a PATH with only these
  local name=$1 program
  shift
  mkdir -p "$t_dir/bin-$name"
  for program in cadre "$@"; do ln -s "$(command -v "$program")" "$t_dir/bin-$name/$program"; done
}
few git sh tmux
few tmux sh git
few none

told="made the bus '|work lands on '|no target branch: |the target '[a-z]+' is gone: |healthy$|already up to date with|there is no setting '|cadre\.[a-zA-Z]+ is '|binds agents less |the program is 'sh'"
walk() { # PLACE COMMAND...: runs each verb behind the command, in the directory
  local place=$1 verb code lines
  shift
  local before=$PWD
  for verb in "${verbs[@]}"; do
    # shellcheck disable=SC2086 # words
    timeout 20 "$@" "${cadre:-cadre}" $verb >"$t_dir/out" 2>"$t_dir/err" </dev/null
    code=$?
    lines=$(grep -c . "$t_dir/err")
    sed "s|^|$place: $verb [$code]: |" "$t_dir/err" >>"$t_dir/said"
    case $code in
      0) ;;
      1 | 64 | 75)
        # Doctor tells what is wrong on standard output, and how much; what has several parts may refuse each.
        [ "$lines" -ge 1 ] || [ -s "$t_dir/out" ] || [ "$verb $code" = 'hook Stop 1' ] || echo "$place: $verb: $code, and nothing is said" >>"$t_dir/wrong"
        [ "$lines" -le 2 ] || echo "$place: $verb: $lines lines" >>"$t_dir/wrong"
        ;;
      *) echo "$place: $verb: ends with $code" >>"$t_dir/wrong" ;;
    esac
    # What was done is told without the verb's name, what was not with it.
    if [ "$code" != 0 ]; then
      grep -E "^cadre( ${verb%% *})?: [^ ].{5,}" "$t_dir/err" >/dev/null || [ -s "$t_dir/out" ] || echo "$place: $verb: $code without its name" >>"$t_dir/wrong"
    fi
    grep -vE "^(cadre( [a-z]+)?: |$told)" "$t_dir/err" | sed "s|^|$place: $verb: raw: |" >>"$t_dir/wrong"
    grep -E '.{400}' "$t_dir/err" | sed "s|^|$place: $verb: long: |" >>"$t_dir/wrong"
    cd "$before" 2>/dev/null || true
  done
}
true >"$t_dir/wrong"
true >"$t_dir/said"
mkdir "$t_dir/outside" && cd "$t_dir/outside" && walk 'no repository' env
cd / && walk 'the root' env
git init -q "$t_dir/nobus" && cd "$t_dir/nobus" && walk 'no commit, no bus' env
new whole && walk 'a bus' env
new first && rm -rf .git/cadre && walk 'no bus' env
new nogit && cadre=$t_dir/bin-git/cadre walk 'no git' env PATH="$t_dir/bin-git"
new notmux && cadre=$t_dir/bin-tmux/cadre walk 'no tmux' env PATH="$t_dir/bin-tmux"
new nopath && cadre=$t_dir/bin-none/cadre walk 'nothing on PATH' env PATH="$t_dir/bin-none"
new nohome && walk 'no HOME' env -u HOME
new bare && git clone -q --bare . ../bare.git && cd ../bare.git && walk 'bare' env
new linked && git worktree add -q ../linked-other && cd ../linked-other && walk 'a linked worktree' env
new inside && cd .git && walk 'in .git' env
new detached && git checkout -q --detach && walk 'detached' env
new gone && git config cadre.target nosuch && walk 'a target that is not there' env
new broken && printf '[cadre\n' >.cadre && git add .cadre && git commit -qm broken && walk 'a broken .cadre' env
new key && git config cadre.gaet true && walk 'a misspelt key' env
new value && git config cadre.restart sometimes && git config cadre.maxAgents many && walk 'a wrong value' env
new config && printf '[core\n' >>.git/config && walk 'a broken git configuration' env
new newer && echo 'cadre 2 0123456789abcdef' >.git/cadre/version && walk 'a newer bus' env
new empty && rm -rf .git/cadre/* && walk 'an emptied bus' env
new moved && mv "$t_dir/moved" "$t_dir/elsewhere" && cd "$t_dir/elsewhere" && walk 'moved' env
new variable && walk 'CADRE_DIR of nothing' env CADRE_DIR="$t_dir/nothing/at/all"
walk 'a relative CADRE_DIR' env CADRE_DIR=x
walk 'a session that is over' env CADRE_AGENT=bob CADRE_SESSION=0000000000
walk 'another name' env CADRE_AGENT=nobody
walk 'a full disk' sh -c 'exec "$@" >/dev/full' sh
walk 'closed' sh -c 'exec "$@" <&- >&-' sh
mkdir "$t_dir/lost" && cd "$t_dir/lost" && rmdir "$t_dir/lost" && walk 'a directory that is gone' env
cd "$t_dir" || exit 1
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  new other && chmod 755 "$t_dir" && walk 'another user' setpriv --reuid 65534 --clear-groups env HOME=/nonexistent
fi
if [ "${1-}" = print ]; then sed 's/^[^:]*: //' "$t_dir/said" | sort | uniq -c | sort -rn; fi
is "$(head -n 40 "$t_dir/wrong")" "" "each verb says one line in each place"
echo "# shown: $(wc -l <"$t_dir/said") lines said in $(cut -d: -f1 "$t_dir/said" | sort -u | wc -l) places by ${#verbs[@]} verbs"
t_end
