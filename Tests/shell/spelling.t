#!/usr/bin/env bash
# Spelling of what people read: README, changes, manual pages, --help, roles. Words that are right and that codespell takes
# for others stand in `spelling`.
. "$(dirname "$0")/lib.sh"
t_world
words=$PWD/spelling
cd ../.. || exit 1

misspelt() { codespell --ignore-words "$words" --check-filenames "$@" 2>&1; }

echo 'This is teh text.' >"$t_dir/wrong"
like "$(misspelt "$t_dir/wrong")" "*teh ==> the*" "a wrong word is found"
is "$(misspelt README.md CHANGELOG.md docs Sources/Manual/* shell/roles shell/programs)" "" "README, pages and roles"

for verb in $(cadre --list-verbs); do
  cadre "$verb" --help
  for subcommand in $(cadre "$verb" --help | sed -n '/^SUBCOMMANDS:/,$ s/^  \([a-z]\+\) .*/\1/p'); do cadre "$verb" "$subcommand" --help; done
done >"$t_dir/help"
cadre help -a >>"$t_dir/help"
[ "$(grep -c '^OVERVIEW' "$t_dir/help")" -gt 40 ]
ok "--help of all verbs and subcommands is at hand"
is "$(misspelt "$t_dir/help")" "" "and right"
# What verbs print stands in strings of their sources.
grep -rhoE --include='*.swift' '"[^"]*"|// .*' Sources >"$t_dir/strings"
is "$(misspelt "$t_dir/strings" shell packaging tmux)" "" "messages and comments"
t_end
