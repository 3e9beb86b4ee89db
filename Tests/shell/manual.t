#!/usr/bin/env bash
# The manual pages: clean, one for each verb, the options of --help and no others, examples that run.
#
# The EXAMPLES of a page are run in a repository of its own with a bus, and print what they show, see session.py; those
# that show nothing may print anything.
. "$(dirname "$0")/lib.sh"
t_world
sources=$(cd ../../Sources && pwd)

pages() { ls "$sources"/Manual/*; }
page() { echo "$sources/Manual/cadre-$1.1"; }
subcommands() { cadre "$1" --help | sed -n '/^SUBCOMMANDS:/,$ s/^  \([a-z]\+\) .*/\1/p'; }

# The options of a verb or subcommand as --help has them, a line each with all its names; but for those of all verbs.
helped() {
  # shellcheck disable=SC2086 # two words
  cadre $1 --help | sed -n '/^OPTIONS:/,/^SUBCOMMANDS:/ p' | grep -oE '^  (--?[A-Za-z][A-Za-z-]*(, |/)?)+' | tr -d ' ' | tr ',/' '  ' |
    grep -vxE -e '-C|-q --quiet|--json|--as|-h --help'
}

# Option names in roff: `Fl s` is -s, `Fl -subject` is --subject.
flags() { grep -oE '\bFl -?[A-Za-z][-a-z]*' | sed 's/^Fl /-/' | sort -u; }

section() { sed -n "/^\.Sh $2\$/,/^\.Sh / p" "$1"; }

# The forms in SYNOPSIS of a verb or subcommand.
synopsis() {
  section "$(page "${1% *}")" SYNOPSIS | awk -v form="$1" '
    /^\.Nm / { name = $3; first = 1; held = $0; next }
    first { first = 0; if ($0 ~ /^\.(Op )?Cm [a-z]+$/) name = name " " $NF }
    name == form { print }'
}

missing=
for page in $(pages); do
  is "$(mandoc -T lint -W style "$page" 2>/dev/null | grep -v 'referenced manual not found')" "" "lint ${page##*/}"
  for xref in $(sed -n 's/.*\.Xr \(cadre[a-z-]*\) \([0-9]\).*/\1.\2/p' "$page" | sort -u); do
    compgen -G "$sources/Manual/$xref" >/dev/null || missing+="${page##*/} names $xref;"
  done
done
is "$missing" "" "every page that a page names is there"

# Names, one-line descriptions, options.
for verb in $(cadre --list-verbs); do
  page=$(page "$verb")
  [ -f "$page" ]
  ok "$verb has a page"
  is "$(sed -n 's/^\.Nm //p' "$page" | head -1)" "cadre-$verb" "$verb: its name"
  abstract=$(cadre "$verb" --help | sed -n '/^$/q; s/^OVERVIEW: //; p' | tr '\n' ' ')
  abstract=${abstract% }
  abstract=${abstract%.}
  is "$(sed -n 's/^\.Nd //p' "$page")" "${abstract,}" "$verb: one line as in --help"

  wrong=
  : >"$t_dir/all"
  for form in "$verb" $(subcommands "$verb" | sed "s/^/$verb./"); do
    form=${form/./ }
    if [ "$form" = "$verb" ] && [ -n "$(subcommands "$verb")" ]; then continue; fi
    synopsis "$form" >"$t_dir/form"
    [ -s "$t_dir/form" ] || section "$page" SYNOPSIS | grep -qxF ".Nm cadre $form" || wrong+="no form of '$form';"
    flags <"$t_dir/form" >"$t_dir/synopsis"
    helped "$form" | tee "$t_dir/help" | tr ' ' '\n' >"$t_dir/names"
    cat "$t_dir/names" >>"$t_dir/all"
    while read -r names; do
      # Of a short and a long name one is enough; two long ones are two options.
      case $names in --*) every=$(wc -w <<<"$names") ;; *) every=1 ;; esac
      [ "$(tr ' ' '\n' <<<"$names" | grep -cxFf - "$t_dir/synopsis")" = "$every" ] || wrong+="$form: $names not in SYNOPSIS;"
    done <"$t_dir/help"
    for name in $(grep -vxFf "$t_dir/names" "$t_dir/synopsis"); do wrong+="$form: $name not in --help;"; done
  done
  is "$wrong" "" "$verb: SYNOPSIS has the options of --help"
  is "$(grep '^\.It.* Fl ' "$page" | flags)" "$(grep '^-' "$t_dir/all" | sort -u)" "$verb: DESCRIPTION tells of each"
done

common=$(cadre claim --help | sed -n 's/^  \(-.*\)/\1/p' | grep -E -e '^(-C|-q|--json|--as|-h)' | grep -oE -e '--?[A-Za-z-]+' | sort -u | grep -v '^-help$')
is "$(grep '^\.It.* Fl ' "$sources/Manual/cadre.1" | flags | grep -xF -- "$common")" "$common" "cadre(1) tells of those of all verbs"

# Every name in the bus is told of.
missing=
for name in $(grep -oE 'appending\("[a-z]+' "$sources/Bus/Layout.swift" | sed 's/.*"//' | sort -u); do
  grep -q "\b$name" "$sources/Manual/cadre-bus.5" || missing+="$name;"
done
is "$missing" "" "cadre-bus(5) names all that Layout.swift does"

# Examples.
session=$PWD/session.py
for page in $(pages); do
  section "$page" EXAMPLES | grep -q '^\$ ' || continue
  at=$(t_repository "example ${page##*/}")
  (cd "$at" && cadre init -q && timeout 120 python3 "$session" --any "$page" EXAMPLES) >"$t_dir/out" 2>&1
  code=$?
  is "$code" 0 "${page##*/}: examples, $(tail -n 1 "$t_dir/out")"
  [ "$code" = 0 ] || sed 's/^/# /' "$t_dir/out"
done

# 'cadre help' finds a page from the installed place, and without man(1) shows the usage.
prefix=$t_dir/prefix
mkdir -p "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/man/man5"
cp "$CADRE_BIN/cadre" "$prefix/bin"
cp "$(page claim)" "$prefix/share/man/man1"
cp "$sources/Manual/cadre-bus.5" "$prefix/share/man/man5"
like "$("$prefix/bin/cadre" help claim | cat)" "*CADRE-CLAIM(1)*" "help shows the page"
like "$("$prefix/bin/cadre" help bus | cat)" "*CADRE-BUS(5)*" "of other sections too"
like "$("$prefix/bin/cadre" help send | cat)" "OVERVIEW*" "the usage where there is no page"
like "$(PATH=/nonexistent "$prefix/bin/cadre" help claim)" "OVERVIEW*" "or no man"
like "$("$prefix/bin/cadre" claim --help)" "OVERVIEW*" "--help is the usage"
like "$(cadre help claim | cat)" "*CADRE-CLAIM(1)*" "and from among the sources"
t_end
