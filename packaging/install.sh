#!/bin/sh
# usage: install.sh [--prefix DIR] [--from DIR] [--uninstall]
#
# Installs cadre under a prefix, ~/.local unless --prefix names another: no root is needed. It may be run again at any
# time, also from another version: what the last run installed and this one does not have is removed. What already runs
# keeps the files that it has. --uninstall removes exactly what was installed.
#
# The files come from bin and share beside this script, or in the directory of --from.
#
# share/cadre/manifest lists what was installed, one path under the prefix a line, and with a slash the directories that
# were made for it, ./ for the prefix itself. It is written before anything else, so that a run that was cut short can be
# undone as well.
set -eu

fail() {
  echo "install.sh: $*" >&2
  exit 75
}
usage() {
  echo "install.sh: $*; see '$0 --help'" >&2
  exit 64
}

newline='
'
prefix=${HOME:+$HOME/.local} from=${0%/*} uninstall='' check=''
[ "$from" != "$0" ] || from=.
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --from)
      [ $# -gt 1 ] || usage "$1 needs a directory"
      case $1 in --prefix) prefix=$2 ;; --from) from=$2 ;; esac
      shift
      ;;
    --prefix=*) prefix=${1#*=} ;;
    --from=*) from=${1#*=} ;;
    --uninstall) uninstall=1 ;;
    --check) check=1 ;; # only whether the options are good
    -h | --help)
      sed -n '2,/^set/ s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *) usage "unknown option '$1'" ;;
  esac
  shift
done
[ -n "$prefix" ] || usage "no HOME: name a directory with --prefix DIR"
case $prefix in
  *"$newline"*) usage "a prefix is one line" ;;
  /*) ;;
  *) prefix=$PWD/$prefix ;;
esac
[ -z "$check" ] || exit 0

manifest=share/cadre/manifest
installed=
[ ! -f "$prefix/$manifest" ] || installed=$(cat "$prefix/$manifest")
lines() { printf '%s\n' "$@" | grep . | LC_ALL=C sort -u; }

# remove: the paths on standard input, directories last and only if they are empty.
remove() {
  LC_ALL=C sort -r | while IFS= read -r path; do
    case $path in
      '' | /* | ../* | */../* | */..) ;;
      ./) rmdir "$prefix" 2>/dev/null || true ;;
      */) rmdir "$prefix/$path" 2>/dev/null || true ;;
      *) rm -f "$prefix/$path" ;;
    esac
  done
}

if [ -n "$uninstall" ]; then
  [ -n "$installed" ] || fail "nothing of cadre is installed under '$prefix'"
  printf '%s\n' "$installed" | remove
  echo "removed cadre from $prefix"
  exit 0
fi

[ -x "$from/bin/cadre" ] || fail "no '$from/bin/cadre' to install"
version=$("$from/bin/cadre" --version 2>/dev/null) ||
  fail "'$from/bin/cadre' does not run here: this is $(uname -s) on $(uname -m)"
wanted=$(cd "$from" && find bin share ! -type d | LC_ALL=C sort)
paths=$(lines "$wanted" "$manifest")

# Somebody else's file is not overwritten.
while IFS= read -r path; do
  if [ -e "$prefix/$path" ] || [ -L "$prefix/$path" ]; then
    printf '%s\n' "$installed" | grep -qxF -e "$path" ||
      fail "'$prefix/$path' is there and not from here: move it away, or use --prefix DIR"
  fi
done <<END
$paths
END

# Directories that are not there yet will be ours.
directories=$(
  [ -d "$prefix" ] || echo ./
  while IFS= read -r path; do
    while [ "$path" != "${path%/*}" ]; do
      path=${path%/*}
      [ -d "$prefix/$path" ] || echo "$path/"
    done
  done <<END
$paths
END
)
keep=$(lines "$paths" "$directories" "$(printf '%s\n' "$installed" | grep '/$' || true)")
mkdir -p "$prefix/share/cadre" 2>/dev/null || fail "unable to write below '$prefix': use --prefix DIR"
lines "$keep" "$installed" >"$prefix/$manifest.new"
mv "$prefix/$manifest.new" "$prefix/$manifest"

# Each file is put beside its place and renamed in: what runs now keeps what it has.
while IFS= read -r path; do
  mkdir -p "$prefix/${path%/*}"
  rm -f "$prefix/$path.new"
  cp -P -p "$from/$path" "$prefix/$path.new"
  mv -f "$prefix/$path.new" "$prefix/$path"
done <<END
$wanted
END

lines "$installed" | while IFS= read -r path; do
  printf '%s\n' "$keep" | grep -qxF -e "$path" || printf '%s\n' "$path"
done | remove
printf '%s\n' "$keep" >"$prefix/$manifest.new"
mv "$prefix/$manifest.new" "$prefix/$manifest"

size=$(wc -c <"$prefix/bin/cadre")
echo "installed in $prefix: bin/cadre ($(((size + 1048575) / 1048576)) MB, $version)," \
  "$(printf '%s\n' "$paths" | grep -c '^bin/cadre-') links cadre-VERB," \
  "$(printf '%s\n' "$paths" | grep -c '^share/man/.*[1-9]$') manual pages, completions, share/cadre"
for program in git tmux; do
  command -v "$program" >/dev/null 2>&1 || echo "cadre needs $program, which is not here yet" >&2
done
case :$PATH: in
  *":$prefix/bin:"*) ;;
  *) echo "add it to PATH:  export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
