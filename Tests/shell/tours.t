#!/usr/bin/env bash
# What the README and cadre-tutorial(7) show is what happens: their sessions are run and compared, see session.py.
. "$(dirname "$0")/lib.sh"
t_world
here=$PWD
top=$(cd ../.. && pwd)

session() { # NAME PAGE [SECTION]: in this directory
  local name=$1 code
  shift
  timeout 240 python3 "$here/session.py" "$@" >"$t_dir/out" 2>&1
  code=$?
  is "$code" 0 "$name: $(tail -n 1 "$t_dir/out")"
  [ "$code" = 0 ] || sed 's/^/# /' "$t_dir/out"
}

git init -q "$HOME/hello"
cd "$HOME/hello" || exit 1
echo hi >README
git add README
git commit -qm 'a readme'
session README.md "$top/README.md"

for walk in SQUAD TEAM COMPANY; do
  cd "$HOME" || exit 1
  session "cadre-tutorial(7), $walk" "$top/Sources/Manual/cadre-tutorial.7" "$walk"
done
t_end
