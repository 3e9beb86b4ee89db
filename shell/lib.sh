# shellcheck shell=bash
# For the scripts beside it.

fail() {
  echo "${0##*/}: $*" >&2
  exit 75
}

usage() {
  echo "${0##*/}: $*; see '$0 --help'" >&2
  exit 64
}

# need PROGRAM PACKAGE: says that it is missing, and installs it.
need() {
  command -v "$1" >/dev/null 2>&1 || install_package "$1" "$2"
}

# need_header FILE PACKAGE: the same for a C header.
need_header() {
  [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ] || install_package "$1" "$2"
}

install_package() {
  echo "installing $2" >&2
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  command -v apt-get >/dev/null 2>&1 || fail "no $1 here, and no apt-get to install it: install $2 and try again"
  $sudo env DEBIAN_FRONTEND=noninteractive sh -c "apt-get -qq -y install $2 >/dev/null 2>&1 || { apt-get -qq update && apt-get -qq -y install $2 >/dev/null; }" ||
    fail "unable to install $2"
}

# Every shell script of the project.
scripts() {
  git ls-files -co --exclude-standard shell tmux Tests .ci | while read -r file; do
    if [ -f "$file" ] && head -n 1 "$file" | grep -qE '^#!.*\b(ba|da)?sh|shellcheck shell'; then echo "$file"; fi
  done
}
