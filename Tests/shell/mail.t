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
reader() { while cadre inbox next --wait=2s >"$t_dir/one" 2>/dev/null; do head -1 "$t_dir/one" >>"$t_dir/got"; done; }
reader &
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
