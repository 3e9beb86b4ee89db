#!/usr/bin/env bash
# What agents cost: programs tell it here as the real ones do, so that it can be gone through what they do seldom.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
bus=$(cadre path bus) today=$(date -u +%F)

t_program counted <<'END'
env >"$t_dir/env"
exec sleep 1000
END
git config cadre.program.counted.command 'exec counted'
git config cadre.program.counted.cost statusLine
git config cadre.program.counted.conversation chosen
enter() { session=$(sed -n "s/^Token: //p" "$(cadre path agent one)/session"); }
hook() { # EVENT JSON
  printf '%s' "$2" | CADRE_AGENT=one CADRE_SESSION=$session cadre hook "$1"
}
# The status line of a conversation that has cost so much by now; PROMPT is null before anything was done.
line() { # CONVERSATION DOLLARS [PROMPT]
  hook StatusLine "{\"session_id\":\"$1\",\"transcript_path\":\"$t_dir/$1\",\"prompt_id\":${3:-\"p\"},\"model\":{\"id\":\"m-1\"},
    \"cost\":{\"total_cost_usd\":$2},\"context_window\":{\"used_percentage\":12,\"context_window_size\":1000}}"
}
# A line of its file.
answer() { # CONVERSATION MESSAGE INPUT CREATED CACHED OUTPUT
  printf '{"type":"assistant","message":{"id":"%s","usage":{"input_tokens":%s,"cache_creation_input_tokens":%s,"cache_read_input_tokens":%s,"output_tokens":%s}}}\n' "${@:2}" >>"$t_dir/$1"
}
money() { cadre cost --json | jq -c .money; }

is "$(cadre cost)" "" "nothing was used"
cadre spawn -q one --agent counted --no-worktree --role worker 'the first task'
enter
is "$(cadre cost --by agent)" "$(printf 'one\t-\t-\t-\t-\t-\t-')" "an agent of which nothing is known yet"
hook UserPromptSubmit '{"session_id":"a"}'
is "$(line a 0 null)" "one · 1 the first task · 12% · \$0.00" "the status line tells of agent and task"
answer a m1 100 20 1000 5
answer a m1 100 20 1000 7
answer a m2 10 0 0 1
line a 0.0126000000000002 >"$t_dir/shown"
is "$(cadre cost)" "$(printf 'total\t0.0126\t1130\t1000\t8\tm-1')" "money, and tokens: an answer of several lines counts once"
line a 0.0126 >"$t_dir/shown"
is "$(money)" 0.0126 "told again it is not counted again"
is "$(cadre agents -o context,cost,model)" "$(printf '12%%\t0.0126\tm-1')" "agents has it"
answer a m2 10 0 0 3
line a 0.02 >"$t_dir/shown"
is "$(cadre cost | cut -f2-5)" "$(printf '0.0200\t1130\t1000\t10')" "nor is an answer of which the last line came later"

# For which task.
cadre --as one claim -q --release 1 2>/dev/null || CADRE_AGENT=one CADRE_SESSION=$session cadre task done -q 1
line a 0.05 >"$t_dir/shown"
is "$(cadre cost --by task | cut -f1,2)" "$(printf '1\t0.0500')" "what follows in the same turn counts for the task that was held"
hook UserPromptSubmit '{"session_id":"a"}'
line a 0.06 >"$t_dir/shown"
is "$(cadre cost --by task | cut -f1,2)" "$(printf '1\t0.0500\n-\t0.0100')" "in the next for none"
id=$(cadre task add --no-merge second)
CADRE_AGENT=one CADRE_SESSION=$session cadre claim -q "$id"
line a 0.08 >"$t_dir/shown"
is "$(cadre cost --by task --json | jq -c '[.task, .money]' | xargs)" "[1,0.05] [$id,0.02] [null,0.01]" "and then for the one it holds"
is "$(cadre cost --by role | cut -f1,2)" "$(printf 'worker\t0.0800')" "by role"

# Conversations: another, and back to the first after each way to end.
line b 0 null >"$t_dir/shown"
line b 0.5 >"$t_dir/shown"
is "$(money)" 0.58 "another conversation counts from its beginning"
again() {
  cadre stop -q one
  cadre up -q one
  enter
}
again
line a 0.08 null >"$t_dir/shown"
line a 0.09 >"$t_dir/shown"
is "$(money)" 0.59 "one that is gone on with is not counted again"
again
line a 0.08 null >"$t_dir/shown"
is "$(money)" 0.59 "nor one whose program was killed and begins with less than it had cost"
line a 0.10 >"$t_dir/shown"
is "$(money)" 0.61 "what it uses then is"
again
line a 0.11 >"$t_dir/shown"
is "$(money)" 0.62 "also if its beginning was not read"
hook StatusLine '{"session_id":"../x","cost":{"total_cost_usd":5}}' >"$t_dir/shown"
is "$(money),$(find "$bus/.." -name 'x*' | wc -l)" "0.62,0" "an id that is no id writes nothing"
session=0000000000
line a 9 >"$t_dir/shown"
enter
is "$(money)" 0.62 "a session that is over counts nothing"

# Days.
mv "$bus/cost/$today" "$bus/cost/2026-01-02"
line a 0.13 >"$t_dir/shown"
is "$(cadre cost --by day | cut -f1,2)" "$(printf '2026-01-02\t0.6200\n%s\t0.0200' "$today")" "a day goes on from the last"
is "$(cadre cost | cut -f1-3)" "$(printf 'total\t0.6400\t1130')" "with nothing counted twice"

# Killed before each of its operations on files, and called again.
total=0.14 n=0 bad='' code=137
while [ "$code" = 137 ] && [ "$n" -lt 100 ]; do
  n=$((n + 1)) total=0.$((14 + n))
  answer a "k$n" 1 0 0 0
  CADRE_FAULT=kill:$n line a "$total" >/dev/null 2>&1
  code=$?
  line a "$total" >"$t_dir/shown"
  [ "$(cadre cost | cut -f2,3)" = "$(printf '0.%s00\t%s' "$((65 + n))" "$((1130 + n))")" ] || bad+=" $n($(cadre cost | cut -f2,3 | xargs))"
done
is "$code$bad" 0 "killed at each of $((n - 1)) operations nothing is lost or counted twice"
strace -f -qq -e trace=process -o "$t_dir/trace" env CADRE_AGENT=one CADRE_SESSION="$session" cadre hook StatusLine <<<'{"session_id":"a","cost":{"total_cost_usd":0.9}}' >"$t_dir/shown"
is "$(grep -cE 'clone|fork' "$t_dir/trace")" 0 "the status line starts no process"

# The user's own status line.
is "$(export CADRE_STATUS_LINE='jq -r .session_id' && line a 0.95)" a "a status line of the user's own is shown"
is "$(cadre cost --by agent | cut -f1,2)" "$(printf 'one\t1.4600')" "and all is counted"

# Unknown.
t_program silent <<'END'
exec sleep 1000
END
cadre spawn -q two --agent silent --no-worktree 'for another'
is "$(cadre cost --by agent | cut -f1,2 | xargs)" "one 1.4600 two -" "an agent whose program tells nothing"
is "$(cadre cost | cut -f1-3)" "$(printf 'total\t1.4600+\t%s+' $((1130 + n)))" "of a sum it says that a part is unknown"
is "$(cadre cost --json | jq -c '[.money, .partial]')" '[1.46,["money","input","cached","output"]]' "as does JSON"
is "$(cadre cost --by task --json | jq -c 'select(.task == 3) | [.money, .input]')" '[null,null]' "null where all is"
code 64 "by nothing that is known" cadre cost --by hour
cadre spawn -q three --no-worktree
cadre retire -q --discard one two three
is "$(cadre cost --by agent | cut -f1,2 | xargs)" "one 1.4600 two -" "those retired are still there, and sh costs nothing"
cadre spawn -q one --agent counted --no-worktree
is "$(cadre agents -o name,cost)" "$(printf 'one\t-')" "another of the same name begins anew"
cadre retire -q one

# aider's history, as its documentation has it.
t_program counts <<'END'
printf '%s\n' '> Tokens: 7.7k sent, 152 received. Cost: $0.0025 message, $0.0025 session.' '> text' '> Tokens: 8k sent, 9 received. Cost: $0.5 message, $0.51 session.' >>"$CADRE_HISTORY"
exec sleep 1000
END
git config cadre.program.aider.command 'exec counts'
cadre spawn -q four --agent aider --no-worktree
wait_for 5 test -s "$(cadre path agent four)/history"
cadre stop -q four
is "$(cadre cost --by agent | grep four | cut -f2,3)" "$(printf '0.5025\t-')" "aider's history has money, its tokens are rounded"
cadre retire -q four
echo nonsense >>"$bus/cost/$today/one,a"
code 75 "damage is no number" cadre cost
cadre doctor --fix -q >/dev/null 2>&1
code 0 "doctor sets it aside" cadre doctor
t_end
