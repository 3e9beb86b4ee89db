#!/usr/bin/env bash
# Mail: at least once, in order per sender, acknowledged once, whatever is killed.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository)" || exit 1
cadre init -q

id=$(cadre --as alice send human -s 'hello there' 'body text' | cut -f1)
like "$id" "*.alice@*" "an id is printed"
like "$(cadre inbox)" "$id*hello there" "it is listed"
code 1 "to nobody" cadre send bob hi
like "$(cadre inbox show "$id")" "*body text*" "shown"
answer=$(cadre send human --reply-to "$id" answer | cut -f1)
is "$(cadre inbox thread "$answer" | cut -f1)" "$(printf '%s\n' "$id" "$answer")" "a thread"
is "$(cadre inbox search 'BODY TEXT' | cut -f1)" "$id" "search"
is "$(cadre inbox next | head -1)" "$id" "next is the oldest"
is "$(cadre inbox ack "$answer")" "$answer" "acknowledged"
code 1 "acknowledged once" cadre inbox ack "$answer"
code 1 "no mail" cadre inbox next
code 1 "no mail in a box that nobody wrote to" cadre --as stranger inbox next
code 1 "no mail in time" cadre inbox next --wait=1s
printf 'bytes \xff\0' | cadre send human >/dev/null
is "$(cadre inbox next | tail -c 5 | od -An -tx1 | tr -d ' \n')" 7320ff000a "any bytes"
[ -d "$(cadre path inbox human)/new" ]
ok "a Maildir"

# What a mail reader moves to cur/ stays unread until it has been seen.
cur=$(cadre path inbox human)/cur new=$(cadre path inbox human)/new
one=$(cadre --as alice send human -s one first | cut -f1) two=$(cadre --as alice send human -s two second | cut -f1) three=$(cadre --as alice send human -s three third | cut -f1)
mv "$new/$one" "$cur/$one:2,"
mv "$new/$two" "$cur/$two:2,F"
is "$(cadre inbox | cut -f1,2)" "$(printf '%s\tunread\n' "$one" "$two" "$three")" "moved by a mail reader it is unread"
is "$(cadre inbox list -a | cut -f1 | sort | uniq -d)" "" "and listed once"
is "$(cadre status --format '%(mail)')" 3 "and counted"
is "$(cadre inbox ack "$two")" "$two" "it is acknowledged"
is "$(ls "$cur/$two"*)" "$cur/$two:2,FS" "its other flags stay"
is "$(cadre inbox | cut -f1)" "$(printf '%s\n' "$one" "$three")" "the rest are still unread"
is "$(cadre inbox next | head -1)" "$one" "next is the oldest, wherever it is"
is "$(ls "$cur/$one"*)" "$cur/$one:2,S" "and seen by that"
mv "$new/$three" "$cur/$three"
is "$(cadre inbox | cut -f1)" "$three" "without any flags it is unread, too"
mv "$cur/$three" "$cur/$three:2,RS"
is "$(cadre inbox)" "" "read there it is read here"
four=$(cadre --as alice send human -s four fourth | cut -f1)
mv "$new/$four" "$cur/$four:2,T"
is "$(cadre inbox)$(cadre status --format '%(mail)')" 0 "so is what was thrown away"
# cur/ is not listed where only cadre has moved something there.
sleep 0.1
cadre inbox >/dev/null
five=$(cadre --as alice send human -s five fifth | cut -f1)
cadre inbox ack -q "$five"
is "$(strace -f -e trace=openat cadre inbox 2>&1 | grep -c "mail/human/cur")" 0 "a box that only cadre has moved in is not listed"
mv "$cur/$five:2,S" "$cur/$five:2,"
is "$(cadre inbox | cut -f1)" "$five" "marked as unread it is unread"
cadre inbox ack -q "$five"
for n in 1 2 3; do cadre --as alice send human "many $n" >/dev/null; done
for file in "$new"/*; do mv "$file" "$cur/${file##*/}:2,"; done
for n in 1 2 3; do cadre inbox next | tail -n 1; done >"$t_dir/many"
is "$(xargs <"$t_dir/many")" "many 1 many 2 many 3" "several are taken in their order"
code 1 "and each once" cadre inbox next
code 0 "doctor finds nothing" cadre doctor

# An emptied box is as quick as a new one.
new=$(cadre path inbox human)/new
(cd "$new" && seq -f 'a-name-that-makes-the-directory-grow-%.0f' 3000 | xargs touch && find . -name 'a-name-*' -delete)
code 1 "no mail after much mail" cadre inbox next
id=$(cadre send human again | cut -f1)
is "$(cadre inbox next | head -1)" "$id" "mail after much mail"
[ "$(stat -c %s "$new")" -le 65536 ]
ok "the box is small again"

# 32 senders, one reader, some senders killed: what was printed arrives once, in order.
mkdir "$t_dir/sent"
for s in $(seq 32); do
  (
    for n in $(seq 12); do
      timeout -s KILL "0.$(printf %03d $((RANDOM % 30 + 1)))" cadre --as "s$s" send human "$n" >>"$t_dir/sent/$s"
    done
    for n in 13 14; do cadre --as "s$s" send human "$n" >>"$t_dir/sent/$s"; done
  ) 2>/dev/null &
done
: >"$t_dir/got"
# To the end, however slow the senders are.
reader() {
  while cadre inbox next --wait=1s >"$t_dir/one" 2>/dev/null || [ ! -e "$t_dir/all-sent" ]; do head -1 "$t_dir/one" >>"$t_dir/got"; done
  while cadre inbox next >"$t_dir/one" 2>/dev/null; do head -1 "$t_dir/one" >>"$t_dir/got"; done
}
senders=$(jobs -p)
reader &
# shellcheck disable=SC2086 # words
wait $senders
touch "$t_dir/all-sent"
wait
cat "$t_dir"/sent/* | cut -f1 | sort >"$t_dir/printed"
is "$(sort "$t_dir/got" | uniq -d | wc -l)" 0 "none twice"
is "$(sort "$t_dir/got" | comm -23 "$t_dir/printed" - | wc -l)" 0 "none lost of $(wc -l <"$t_dir/printed") printed"
[ "$(wc -l <"$t_dir/printed")" -gt 50 ]
ok "enough of them were printed"
disorder=0
for s in $(seq 32); do
  grep "\.s$s@" "$t_dir/got" >"$t_dir/mine"
  sort -c "$t_dir/mine" 2>/dev/null || disorder=$((disorder + 1))
done
is "$disorder" 0 "in order per sender"
code 0 "doctor finds nothing" cadre doctor
t_end
