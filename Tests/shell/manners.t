#!/usr/bin/env bash
# What all verbs share: help, version, -q, --json, -C, -, exit codes.
. "$(dirname "$0")/lib.sh"
t_world
at=$(t_repository)
cd "$at" || exit 1

subcommands() { cadre "$1" --help | sed -n '/^SUBCOMMANDS:/,$ s/^  \([a-z]\+\) .*/\1/p'; }

bad=
for verb in $(cadre --list-verbs); do
  for words in "$verb" $(subcommands "$verb" | sed "s/^/$verb./"); do
    words=${words/./ }
    for option in -h --help --version; do
      # shellcheck disable=SC2086 # two words
      out=$(cadre $words $option </dev/null 2>/dev/null) && [ -n "$out" ] || bad+="$words $option;"
    done
    # shellcheck disable=SC2086
    cadre $words --frobnicate </dev/null >/dev/null 2>"$t_dir/err"
    [ $? = 64 ] && grep -q "^cadre $verb: [a-z].*; see 'cadre $words --help'$" "$t_dir/err" || bad+="$words --frobnicate;"
  done
done
is "$bad" "" "-h, --help and --version everywhere, 64 for another option"
[ -z "$(ls -A .git/cadre 2>/dev/null)" ]
ok "and none of it made a bus"
is "$(cadre-claim --version)" "$(cadre --version)" "also by the link's name"

# The overview.
is "$(cadre 2>/dev/null || echo $?)" 64 "no verb is usage"
is "$(cadre --help | grep -c '^  ')" "$(cadre --help | grep '^  ' | awk '{print $1}' | sort -u | wc -l)" "each verb once"
[ "$(cadre --help | grep -c '^  ')" -le 15 ]
ok "about a dozen on the first screen"
is "$(cadre --help | grep -cE '^  (hook|supervise) ')" 0 "none that only machines call"
is "$(cadre help)" "$(cadre --help)" "help is --help"
is "$(cadre help -a | sed -n 's/^  \([a-z]*\) .*/\1/p')" "$(cadre --list-verbs)" "help -a lists all"
code 64 "no page" cadre help frobnicate
code 64 "a page's name is a name" cadre help ../task/cadre-task
code 64 "no subcommand" cadre task
like "$(cat "$t_dir/err")" "cadre task: which? add, *" "says which there are"
cadre task show 2>"$t_dir/err"
like "$(cat "$t_dir/err")" "*see 'cadre task show --help'" "an error names the subcommand's help"

code 1 "send without a bus" cadre send human hi
like "$(cat "$t_dir/err")" "*cadre init*" "says what to do"
code 1 "ask without a bus" cadre ask why

# With an empty one: a list is 0, a question 1.
cadre init -q
git config cadre.gate true # Doctor has a note where there is none.
for verb in "task list" inbox "inbox list" "ask list" log "task graph" "inbox search x" recover doctor; do
  # shellcheck disable=SC2086
  code 0 "$verb" cadre $verb
  is "$(cat "$t_dir/out")" "" "prints nothing"
done
for verb in claim "claim --wait=1s" "inbox next" "inbox next --wait=1s" "task show 1" "inbox show x" "ask show x" "claim --renew" "claim -"; do
  # shellcheck disable=SC2086
  code 1 "$verb" cadre $verb </dev/null
  is "$(cat "$t_dir/out")" "" "prints nothing"
done

# -C counts for files too.
mkdir "$t_dir/else"
echo 'in else' >"$at/body"
id=$(cd "$t_dir/else" && cadre -C "$at" task add -F body titled)
is "$(cadre task show --body "$id")" "in else" "-F is relative to -C"

# -q and --json.
cadre task add -d "$id" later >/dev/null
cadre send human -s subject text >/dev/null
cadre ask 'which?' --options a,b >/dev/null
for verb in "task list" "task show $id" "task graph" "task dep 2" inbox "ask list" "ask show 1" log "path bus" "task note $id x" "task edit $id -p 1"; do
  # shellcheck disable=SC2086
  is "$(cadre -q $verb)" "" "$verb -q is silent"
  # shellcheck disable=SC2086
  cadre --json $verb </dev/null | jq -e 'type == "object"' >/dev/null
  ok "$verb --json"
done

# Of several, each is said, and the highest code counts.
code 1 "one of two is not there" cadre task show 99 2
is "$(cat "$t_dir/err")" "cadre task: no task 99" "an error begins with the verb"
like "$(cat "$t_dir/out")" "2	later*" "the other is shown"
code 64 "a bad one" cadre task show 2 x
cadre task list >/dev/full 2>"$t_dir/err"
is "$?" 75 "a full disk behind standard output"
kept=$(cadre send human 'not to be lost' | cut -f 1)
cadre inbox next >&- 2>"$t_dir/err"
is "$?" 75 "a closed standard output"
like "$(cadre inbox list)" "*$kept*" "what could not be printed is unread still"
cadre inbox ack -q "$kept"
cadre task add unread - <&- 2>"$t_dir/err"
is "$?" 75 "a closed standard input is not an empty one"
cadre task add unread - <"$t_dir" 2>"$t_dir/err"
is "$?" 75 "one that can't be read is not an empty one"
code 64 "send to - without a text" cadre send - </dev/null
code 64 "send to nobody, outside of a repository" cadre -C / send
is "$(echo human | cadre send - 'to those' | cut -f2)" human "recipients from standard input"

# The programs that a verb runs, where the kernel or a sandbox gives no descriptor of a process.
blind() { timeout 10 strace -f -qq -o "$t_dir/trace" -e trace=pidfd_open -e inject=pidfd_open:error=EMFILE cadre "$@"; }
code 0 "a process is waited for where it can't be watched" blind doctor
[ "$(grep -c EMFILE "$t_dir/trace")" -gt 0 ]
ok "which it was not"

# Asks.
echo 'one
two' | cadre ask - >/dev/null
is "$(cadre ask show 2 | tail -2)" "$(printf 'one\ntwo')" "an ask is shown whole"
echo 'from a file' >"$at/question"
id=$(cadre ask -F question)
is "$(cadre ask show "$id" | tail -1)" "from a file" "-F"
code 64 "none of the options" cadre ask answer 1 c
is "$(cadre ask answer 1 a)" "$(printf '1\ta')" "answered"
code 1 "answered once" cadre ask answer 1 b
is "$(cadre ask approve 2 'go on')" "$(printf '2\tapproved')" "approved"
like "$(cadre ask show 2)" "*Answer: approved*Note: go on*" "with a text"
is "$(cadre ask list | cadre ask reject - 'not now')" "$(printf '%s\trejected' "$id")" "ids come from standard input"
like "$(cadre inbox | tail -1)" "*answer to ask $id" "who asked gets mail"
for options in '' ',' 'a,,b' 'a, '; do code 64 "options with an empty one: '$options'" cadre ask 'which?' --options "$options"; done
id=$(cadre ask 'this or that?' --options 'this one, that one')
is "$(cadre ask answer "$id" 'that one')" "$(printf '%s\tthat one' "$id")" "blanks around an option are none of it"
# A short option's value may be joined to it.
is "$(echo 'from here' | cadre -C"$at" task add -p0 -F- -d1 joined | xargs -I@ cadre task show --json @ | jq -c '[.priority, .depends, .body]')" \
  "[0,[1],\"from here\\n\"]" "-p0 -F- -dID -CDIR"
t_end
