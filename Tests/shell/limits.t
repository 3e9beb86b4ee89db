#!/usr/bin/env bash
# Limits bind everybody at every instant: many spawns at once, killed ones among them, and agents that spawn in a loop.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/agents.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q
t_program idler <<'END'
exec sleep 1000
END

# A hundred at once. Each says what it is or why it is not.
mkdir "$t_dir/many"
for i in {1..100}; do
  {
    cadre spawn --agent idler --no-worktree >"$t_dir/many/$i.out" 2>"$t_dir/many/$i.err"
    echo $? >"$t_dir/many/$i.code"
  } &
done
wait
is "$(cat "$t_dir"/many/*.code | sort | uniq -c | xargs)" "30 0 70 1" "of 100 at once 30 run, 70 are refused"
is "$(cat "$t_dir"/many/*.out | sort -u | wc -l)" 30 "under 30 names"
is "$(cat "$t_dir"/many/*.err | sort -u)" "cadre spawn: limit reached: 30 agents run (cadre.maxAgents)" "the refusals say why"
is "$(cadre agents -o pid | grep -c '[0-9]')" 30 "30 live"
is "$(panes)" 30 "in 30 panes"
is "$(cadre agents | wc -l)" 30 "and no more are known"

cadre agents -o name | cadre retire -q -
is "$(cadre agents | wc -l) $(panes)" "0 0" "retire takes them all"

# Killed ones take no slot and leave nothing behind.
git config cadre.maxAgents 8
for i in {1..40}; do
  (CADRE_FAULT=kill:$i cadre spawn --agent idler 'do work' >"$t_dir/many/killed-$i" 2>/dev/null) 2>/dev/null &
done
wait
alive() { cadre agents -o pid | grep -c '[0-9]'; }
is "$(($(alive) <= 8))" 1 "of killed spawns no more run than may"
cadre up >/dev/null 2>"$t_dir/up"
is "$(cadre agents -o state | grep -cx dead)" "$(grep -c 'no free slot' "$t_dir/up")" "up: whoever is there runs, or hears that there is no slot"
[ ! -s "$t_dir/up" ] || [ "$(alive)" = 8 ]
ok "which is true"
for name in $(cat "$t_dir"/many/killed-*); do wait_for 10 is_state "$name" working || echo "$name"; done >"$t_dir/absent"
is "$(cat "$t_dir/absent")" "" "every name that was printed is at work"
is "$(($(git worktree list | wc -l) - 1))" "$(cadre agents | wc -l)" "each with its worktree, and no other is left"
is "$(find .git/cadre/agents -mindepth 1 -maxdepth 1 | wc -l)" "$(cadre agents | wc -l)" "no card is left half made"
cadre agents | grep -w dead | cadre retire -q -
# What a dead one has left is swept first, so a slot may be taken for a moment.
fill() {
  [ "$(alive)" = 8 ] && return
  cadre spawn -q --agent idler 2>/dev/null
  return 1
}
wait_for 20 fill
is "$(alive)" 8 "the slots of the killed are free"
code 1 "and not one more" cadre spawn --agent idler
cadre agents -o name | cadre retire -q -
cadre task list --state ready | cadre task cancel -q -
git config --unset cadre.maxAgents

# Agents that spawn. The kernel tells who they are, not their environment.
t_program breeder <<'END'
n=0
while [ $n -lt 12 ]; do
  cadre spawn --agent idler --no-worktree >>"$t_dir/bred" 2>>"$t_dir/refused" || n=$((n + 1))
done
echo done >"$t_dir/bred-done"
exec sleep 1000
END
t_program sneak <<'END'
cd "$(dirname "$CADRE_DIR")/.." || exit 1
for i in 1 2 3 4 5; do
  env -i PATH="$PATH" HOME="$HOME" CADRE_TMUX="$CADRE_TMUX" setsid cadre spawn --agent idler --no-worktree >>"$t_dir/sneaked" 2>>"$t_dir/caught"
done
cadre spawn --parent other --agent idler --no-worktree 2>>"$t_dir/caught-parent"
cadre agents set "$(head -n 1 "$t_dir/sneaked")" parent '' 2>>"$t_dir/caught-set"
cadre agents set sneak role lead 2>>"$t_dir/caught-set"
for ask in "$(cat "$t_dir/ask")" "$(cadre ask 'may I?')"; do
  env -i PATH="$PATH" HOME="$HOME" setsid cadre ask approve "$ask" 2>>"$t_dir/caught-ask"
done
child=$(head -n 1 "$t_dir/sneaked")
echo "$child" >"$t_dir/child"
until [ -s "$t_dir/asked" ]; do sleep 0.05; done
cadre ask answer "$(cat "$t_dir/asked")" 'as you like' >"$t_dir/answered"
echo done >"$t_dir/sneak-done"
exec sleep 1000
END
git config cadre.maxChildren 3
cadre spawn -q breeder --agent breeder --no-worktree
wait_for 30 test -e "$t_dir/bred-done"
is "$(wc -l <"$t_dir/bred")" 3 "an agent that spawns in a loop ends at maxChildren"
is "$(sort -u "$t_dir/refused")" "cadre spawn: limit reached: 'breeder' has 3 children (cadre.maxChildren)" "and hears why"
git config cadre.maxChildren 2
cadre spawn -q other --agent idler --no-worktree
cadre ask 'shall we?' >"$t_dir/ask"
cadre spawn -q sneak --agent sneak --no-worktree
wait_for 30 test -s "$t_dir/child"
cadre --as "$(cat "$t_dir/child")" ask 'which one?' >"$t_dir/asking" && mv "$t_dir/asking" "$t_dir/asked"
wait_for 30 test -e "$t_dir/sneak-done"
is "$(wc -l <"$t_dir/sneaked")" 2 "without its environment it is still that agent"
is "$(sort -u "$t_dir/caught")" "cadre spawn: limit reached: 'sneak' has 2 children (cadre.maxChildren)" "and hears why"
is "$(cat "$t_dir/caught-parent")" "cadre spawn: 'sneak' is not above 'other'" "it can't give them to another"
is "$(head -n 1 "$t_dir/caught-set")" "cadre agents: only a person moves agents" "nor set them free"
like "$(tail -n 1 "$t_dir/caught-set")" "*only a person or a superior changes an agent's role" "nor take another role"
is "$(grep -c "'sneak' may not answer ask" "$t_dir/caught-ask")" 2 "nor answer what the person is asked, or what itself asks"
like "$(cat "$t_dir/answered")" "*	as you like" "but what those below it ask"
cadre agents -o name | cadre retire -q -
git config cadre.maxChildren 100
git config cadre.spawnRate 4
rm "$t_dir"/bred*
cadre spawn -q breeder --agent breeder --no-worktree
wait_for 30 test -e "$t_dir/bred-done"
is "$(wc -l <"$t_dir/bred")" 4 "spawnRate"
like "$(sort -u "$t_dir/refused" | tail -n 1)" "*limit reached: 4 spawns a minute (cadre.spawnRate)" "and hears why"
cadre agents -o name | cadre retire -q -
git config --unset cadre.spawnRate
t_program deep <<'END'
cadre spawn --agent deep --no-worktree >>"$t_dir/deep" 2>>"$t_dir/too-deep" || echo done >"$t_dir/deep-done"
exec sleep 1000
END
cadre spawn -q top --agent deep --no-worktree
wait_for 30 test -e "$t_dir/deep-done"
is "$(cadre agents -o depth | sort -n | xargs)" "1 2 3" "maxDepth"
is "$(cat "$t_dir/too-deep")" "cadre spawn: limit reached: depth 4, cadre.maxDepth is 3" "and hears why"
t_end
