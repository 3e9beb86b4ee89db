#!/usr/bin/env bash
# The picture of the README can be made anew, from a real run.
. "$(dirname "$0")/lib.sh"
t_world
top=$(cd ../.. && pwd)

# The text of a picture, a line for each piece; fails if it is no well-formed SVG.
text() { # FILE
  python3 - "$1" <<'END'
import sys
import xml.etree.ElementTree as tree

root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "{http://www.w3.org/2000/svg}svg"
print("\n".join(part.text for part in root.iter("{http://www.w3.org/2000/svg}text")))
END
}

timeout 240 "$top/shell/picture" "$t_dir/top.svg" >"$t_dir/out" 2>&1
ok "shell/picture makes it"
sed 's/^/# /' "$t_dir/out"
text "$t_dir/top.svg" >"$t_dir/text"
ok "it is SVG"
for name in ann ben cleo dan eve waiting; do
  grep -q "$name" "$t_dir/text"
  ok "$name is in it"
done
text "$top/docs/top.svg" >"$t_dir/text" && grep -q ann "$t_dir/text"
ok "the one of the README is SVG, too"
grep -qF '(docs/top.svg)' "$top/README.md"
ok "and the README shows it"
[ "$(stat -c %s "$top/docs/top.svg")" -le 200000 ]
ok "it has 200 KB at most"

# The parts of a screen.
printf '\033[1;31mred\033[0m ╭─╮ \033[38;5;141ma&<b\033[0m\033[7m 日本\033[0m ▌\n' | "$top/shell/svg" 'a "title" & <tags>' >"$t_dir/small.svg"
is "$(text "$t_dir/small.svg" | tr '\n' '|')" 'red|a&<b|日本|' "text as it is, lines as shapes"
is "$(grep -c '#af87ff' "$t_dir/small.svg")" 1 "a colour of 256"
t_end
