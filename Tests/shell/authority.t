#!/usr/bin/env bash
# shellcheck disable=SC2016 # text for the agent's shell
# Who may do what, as the table of cadre-security(7) has it, driven by an agent that says it is somebody else: by `--as`, by
# another environment or none, in a session of its own, after its supervisor was killed; and by what the merge queue starts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
repository=$PWD
git config cadre.gate true
cadre init -q

# An agent that runs what is put before it, in its own shell, and keeps what was said and the exit code.
t_program puppet <<'END'
mkdir -p "$t_dir/$CADRE_AGENT"
cd "$t_dir/$CADRE_AGENT" || exit 1
while :; do
  for order in order-*; do
    [ -e "$order" ] || continue
    (cd "$OLDPWD" && . "$t_dir/$CADRE_AGENT/$order") >"said-$order" 2>&1 </dev/null
    echo $? >"code-$order"
    rm "$order"
  done
  sleep 0.05
done
END
n=0
tell() { # NAME COMMAND: has the agent run it; its exit code, and what was said in $said
  n=$((n + 1))
  printf '%s\n' "$2" >"$t_dir/$1/new" && mv "$t_dir/$1/new" "$t_dir/$1/order-$n"
  wait_for 120 test -s "$t_dir/$1/code-order-$n" || return 99
  said=$(cat "$t_dir/$1/said-order-$n")
  return "$(cat "$t_dir/$1/code-order-$n")"
}
may() { # NAME AGENT COMMAND
  tell "$2" "$3"
  is "$?" 0 "$1"
}
cadre spawn -q eve --agent puppet
cadre spawn -q bob --agent puppet
wait_for 60 test -d "$t_dir/eve"
wait_for 60 test -d "$t_dir/bob"

# Acting under a name.
cadre send -q human 'for the person'
mail=$(cadre inbox | cut -f 1)
held=$(cadre task add --to bob --no-merge 'of bob')
may "an agent acts under its own name" bob "cadre claim $held"
for how in '--as NAME' 'env CADRE_AGENT=NAME' 'env -u CADRE_SESSION CADRE_AGENT=NAME' 'env -i CADRE_AGENT=NAME'; do
  as() { # NAME VERB...: the call, in this way
    local name=$1 prefix=
    shift
    case $how in
      --as*) echo "cadre --as $name $*" ;;
      *) prefix=${how/NAME/$name} && echo "${prefix/env -i/env -i PATH=\"\$PATH\" HOME=\"\$HOME\"} cadre $*" ;;
    esac
  }
  orders=
  order() { orders+="$(as "$@") >/dev/null 2>&1 </dev/null; echo \"\$? $2 $3\""$'\n'; }
  order human send bob -s forged forged
  order human inbox next
  order human inbox ack "$mail"
  order bob claim --release "$held"
  order bob task fail "$held" --why forged
  order bob task done --result forged "$held"
  order bob heartbeat --note forged
  order bob handoff forged
  order human task add forged
  order bob ask forged
  tell eve "$orders"
  is "$(echo "$said" | grep -v '^1 ')" "" "$how: no verb acts under another's name"
  is "$(echo "$said" | grep -c '^1 ')" 10 "$how: which is the answer no"
done
is "$(cadre inbox | cut -f 1)" "$mail" "the person's mail is unread"
is "$(cadre task show --json "$held" | jq -r '.state + " " + .owner')" "claimed bob" "the task is claimed by who had it"
is "$(cadre task list | grep -c forged)$(cadre ask list | grep -c forged)$(cadre inbox --as bob | grep -c forged)" 000 "and nothing forged is there"
may "a cleaned environment is the same agent" eve 'env -i PATH="$PATH" HOME="$HOME" cadre send human -s cleaned hi'
is "$(cadre inbox | grep -c '	eve	.*cleaned')" 1 "whose mail tells its name"
may "so is a session of its own, forked twice" eve '(setsid env -i PATH="$PATH" HOME="$HOME" sh -c "cadre send human -s apart hi; :" &)'
wait_for 60 eval 'cadre inbox | grep -q apart'
is "$(cadre inbox | grep -c '	eve	.*apart')" 1 "of the same name"
like "$(CADRE_AGENT=eve cadre --as bob inbox)" "" "a person acts for anybody"
code 0 "and so for an agent that runs" cadre --as bob task note "$held" 'by a person'

# What only a person or a superior does.
ask=$(cadre ask 'may I?')
work() { # BRANCH FILE
  git checkout -q -b "$1" && echo "$1" >"$2" && git add -A . && git commit -qm "$1" && git checkout -q main
}
git config cadre.review human
work feature feature
cadre merge submit -q feature
entry=$(cadre merge list | cut -f 1)
cadre merge run -q 2>/dev/null
for prefix in '' 'env -u CADRE_AGENT -u CADRE_SESSION' 'env -i PATH="$PATH" HOME="$HOME"' 'setsid -w env -i PATH="$PATH" HOME="$HOME"' 'cadre() { command cadre --as human "$@"; };'; do
  for verb in "ask approve $ask" "merge approve $entry" "merge reject $entry" "stop bob" "retire --discard bob" "claim --release $held" "agents set eve role lead" "agents set bob role lead"; do
    tell eve "$prefix cadre $verb"
    is $? 1 "${prefix:-plain}: $verb"
  done
done
is "$(cadre ask show --json "$ask" | jq -r .answer)$(cadre merge list --json | jq -r .state)" nullheld "nothing was decided"
is "$(cadre agents -o name,pid | awk '$2 != "-" { print $1 }' | xargs)" "bob eve" "and nobody ended"
tell eve 'cadre merge run'
is $? 1 "an agent does not run the queue"

# What the queue starts: a gate; and a filter that an agent has configured.
t_program decide <<'END'
# Once plainly, once without an environment, once away from its ancestors.
{
  cadre --as human merge approve "$1"
  echo "code $?"
  env -i PATH="$PATH" HOME="$HOME" cadre merge approve "$1"
  echo "code $?"
  cadre --as human send human -s forged hi
  echo "code $?"
  (setsid env -i PATH="$PATH" HOME="$HOME" sh -c "cadre --as human merge approve $1; echo code \$?" &)
  sleep 1
} >>"$t_dir/decided" 2>&1
exit 0
END
git config cadre.review none
work second second
git config --add cadre.gate "cd '$repository' && CADRE_DIR='$repository/.git/cadre' decide $entry; true"
cadre init -q
cadre merge submit -q second
cadre merge run -q 2>/dev/null
is "$(grep '^code' "$t_dir/decided" | sort | uniq -c | xargs)" "4 code 1" "a gate decides nothing and acts under no name"
: >"$t_dir/decided"
git config --unset-all cadre.gate
git config cadre.gate true
git config filter.evil.smudge "sh -c 'cat; cd \"$repository\" && decide $entry'"
echo '*.evil filter=evil' >.git/info/attributes
cadre init -q
work third third.evil
: >"$t_dir/decided"
cadre merge submit -q third
cadre merge run -q 2>/dev/null
is "$(grep '^code 0' "$t_dir/decided")" "" "nor does a filter that the queue's git runs"
is "$(cadre merge list --json | jq -r 'select(.id == '"$entry"').state')" held "the entry is held"
rm .git/info/attributes

# Its supervisor killed, what is left of it is the agent's still, until it is ended.
cat >"$t_dir/bin/stay" <<END
#!/bin/sh
trap '' TERM HUP
until [ -e "$t_dir/go" ]; do sleep 0.05; done
cd "$repository" && cadre --as human send human -s late hi >"$t_dir/late" 2>&1
echo "code \$?" >>"$t_dir/late"
exec sleep 1000
END
chmod +x "$t_dir/bin/stay"
cadre agents set eve restart never >/dev/null
tell eve 'setsid env -i PATH="$PATH" HOME="$HOME" stay >/dev/null 2>&1 &
env -i setsid sleep 777 >/dev/null 2>&1 &'
stray() { for pid in $(pgrep -fx 'sleep 777'); do grep -q "^Max realtime timeout *$(sed -n 's/^Mark: //p' .git/cadre/agents/eve/session) " "/proc/$pid/limits" && echo "$pid"; done; }
wait_for 60 eval '[ -n "$(stray)" ]'
left=$(stray)
like "$left" '[0-9]*' "a process without environment, in a session of its own"
supervisor=$(field eve pid)
cadre stop -q bob
kill -STOP "$supervisor"
kill -9 "$supervisor"
touch "$t_dir/go"
wait_for 60 grep -q ^code "$t_dir/late"
like "$(cat "$t_dir/late")" "*can't act as*code 1*" "the supervisor killed: what it left acts as the agent still"
wait_for 90 cadre up -q eve
t_gone "$left"
ok "and is gone before the agent runs again"
is "$(pgrep -f "$t_dir/bin/stay\$" | wc -l)" 0 "whatever signals it ignores"
code 0 "the bus is sound" cadre doctor
t_end
