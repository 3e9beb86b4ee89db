#!/usr/bin/env bash
# shell/install: what it puts where, again, and away.
. "$(dirname "$0")/lib.sh"
t_world
cd ../..
install=$PWD/shell/install
export CADRE_BIN
to="$t_dir/a prefix"
paths() { (cd "$to" 2>/dev/null && find . -mindepth 1 | sort); }

code 64 "an option it doesn't know" "$install" --frobnicate
code 75 "nothing to remove" "$install" --uninstall --prefix "$to"
[ ! -e "$to" ]
ok "and nothing is made"
code 0 "installs" "$install" --prefix "$to"
like "$(cat "$t_dir/out")" "installed in $to: bin/cadre (* MB, cadre *), *add it to PATH:  export PATH=\"$to/bin:*" "says what and where"
is "$("$to/bin/cadre-claim" --version)" "$(cadre --version)" "a link is the verb"
is "$(cd "$to/bin" && printf "%s\n" cadre-* | sort)" "$(cadre --list-verbs | sed 's/^/cadre-/' | sort)" "a link for each verb"
is "$(cd "$to/share/man" && printf "%s\n" man?/* | sed 's,.*/,,' | sort)" "$( (basename -a Sources/Manual/* && echo git-cadre.1) | sort)" "all manual pages"
is "$(cd / && PATH=$to/bin:$PATH git cadre --version)" "$(cadre --version)" "it is a verb of git's"
like "$("$to/bin/cadre" help claim | cat)" "*CADRE-CLAIM(1)*" "help finds them"
cmp <(cadre completions bash) "$to/share/bash-completion/completions/cadre-claim" && cmp <(cadre completions zsh) "$to/share/zsh/site-functions/_cadre" &&
  cmp <(cadre completions fish) "$to/share/fish/vendor_completions.d/cadre-claim.fish"
ok "completions"
[ "$(stat -c %s "$to/bin/cadre")" -lt "$(stat -c %s "$CADRE_BIN/cadre")" ]
ok "stripped"
missing=
for file in shell/agents/* shell/programs/* shell/roles/* shell/recipes/* tmux/scripts/*; do
  [ ! -f "$file" ] || cmp -s "$file" "$to/share/cadre/${file#shell/}" || missing+=" $file"
  [ ! -x "$file" ] || [ -x "$to/share/cadre/${file#shell/}" ] || missing+=" $file can't be run"
done
is "$missing" "" "agents, programs, roles, recipes, scripts"

# Again: the same, and what is no longer wanted goes.
before=$(paths)
echo share/man/man1/cadre-old.1 >>"$to/share/cadre/manifest"
echo ../out >>"$to/share/cadre/manifest"
touch "$to/share/man/man1/cadre-old.1" "$to/share/man/man1/mine.1" "$t_dir/out"
code 0 "installs again" "$install" --prefix "$to"
is "$(paths | grep -v mine.1)" "$before" "the same, without what is old"
PATH="$to/bin:$PATH" "$install" --prefix="$to" | grep -q 'add it to PATH'
is "$?" 1 "no hint where PATH has it"

# Cut short after the manifest, then away.
rm "$to/bin/cadre-send"
code 0 "removes" "$install" --prefix "$to" --uninstall
is "$(paths)" "$(printf '%s\n' . ./share ./share/man ./share/man/man1 ./share/man/man1/mine.1 | tail -n +2)" "all of it, and nothing else"
[ -e "$t_dir/out" ]
ok "nothing outside"

# What is there already is not ours.
rm -rf "$to"
mkdir -p "$to/bin"
echo mine >"$to/bin/cadre"
code 75 "somebody's own cadre" "$install" --prefix "$to"
is "$(cat "$to/bin/cadre")" mine "is left alone"
like "$(cat "$t_dir/err")" "*'$to/bin/cadre' is there*" "and named"
rm "$to/bin/cadre"
code 0 "installs" "$install" --prefix "$to"
code 0 "removes" "$install" --prefix "$to" --uninstall
is "$(paths)" ./bin "directories that were there stay"
t_end
