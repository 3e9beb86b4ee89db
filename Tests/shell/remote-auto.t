#!/usr/bin/env bash
# A push that was refused, and a remote that could not be reached, are tried again by a supervisor when it is time.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
bus=.git/cadre
bare="$t_dir/origin.git"
git clone -q --bare . "$bare"
git remote add origin "$bare"
cadre init -q
git config cadre.gate true
git config cadre.mergeMode remote
soon() { sed -i "s/^\(Retry\|Look\)-At: .*/\1-At: $(($(date +%s) + 2))/" "$1"; }

printf '#!/bin/sh\nexit 1\n' >"$bare/hooks/pre-receive"
chmod +x "$bare/hooks/pre-receive"
one=$(echo 'echo 1 >one' | cadre task add one -)
cadre spawn -q --agent sh
wait_for 30 grep -q ^Retry-At "$bus/merge/queue/$one"
ok "what is refused waits"
rm "$bare/hooks/pre-receive"
soon "$bus/merge/queue/$one"
wait_for 30 test -e "$bus/state/done/$one"
ok "and lands when its time has come"
is "$(git -C "$bare" rev-parse main)" "$(git rev-parse main)" "on the remote"

mv "$bare" "$bare.gone"
two=$(echo 'echo 2 >two' | cadre task add two -)
wait_for 30 grep -q ^Retry-At "$bus/merge/stopped"
ok "a remote that is gone stops the queue"
is "$(cadre merge list 2>/dev/null | cut -f1,2)" "$two	queued" "its entries stay"
is "$(cadre ask list)" "" "nobody is asked for what may pass"
soon "$bus/merge/stopped"
touch "$bus/merge/queue"
wait_for 30 test -e "$bus/asks/open/merge"
ok "but when it has not"
mv "$bare.gone" "$bare"
soon "$bus/merge/stopped"
touch "$bus/merge/queue"
wait_for 30 test -e "$bus/state/done/$two"
ok "which goes on when its time has come"
is "$(cadre ask list)" "" "and nobody is asked any more"

git -C "$bare" branch -qm main elsewhere
three=$(echo 'echo 3 >three' | cadre task add three -)
wait_for 30 grep -q ^Look-At "$bus/merge/stopped"
ok "a remote without the target stops it, too"
like "$(cadre status)" "*'origin' has no branch 'main': push 'main' there first, again at *" "status says what to do, and when it is looked at"
git -C "$bare" branch -qm elsewhere main
soon "$bus/merge/stopped"
touch "$bus/merge/queue"
wait_for 30 test -e "$bus/state/done/$three"
ok "what was done about it is seen without a word"
# The runner may still be at the end of it.
wait_for 10 cadre doctor
code 0 "doctor finds nothing" cadre doctor
t_end
