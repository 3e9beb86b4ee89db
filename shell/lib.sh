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

# A script names all that it needs, and then has what is missing installed at once:
#
#     need tmux tmux                          # a program, and the package that has it
#     need_header ncursesw/curses.h libncurses-dev
#     need_swift
#     install_missing
missing=() packages=() by_hand=

need() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null 2>&1 || lacks "$1" "$2"
}

need_header() { # FILE PACKAGE
  [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ] || lacks "$1" "$2"
}

# What building takes. No package has the toolchain.
need_swift() {
  need git git
  need_header c++ g++
  need_header ncursesw/curses.h libncurses-dev
  command -v swift >/dev/null 2>&1 || {
    missing+=(swift)
    by_hand="; a Swift toolchain is at https://www.swift.org/install"
  }
}

lacks() { # WHAT PACKAGE
  missing+=("$1")
  case " ${packages[*]-} " in *" $2 "*) ;; *) packages+=("$2") ;; esac
}

# Installs the packages, or says what to do: nothing is installed unless everything can be.
install_missing() {
  [ ${#missing[@]} -gt 0 ] || return 0
  local text="missing: ${missing[*]}" sudo=() apt
  command -v apt-get >/dev/null 2>&1 || fail "$text: install them and try again$by_hand"
  apt="apt-get install ${packages[*]-}"
  if [ "$(id -u)" != 0 ]; then
    # sudo asks for a password only where somebody can give it.
    if ! command -v sudo >/dev/null 2>&1 || ! { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      [ ${#packages[@]} = 0 ] || text="$text: ask an administrator to run: sudo $apt"
      fail "$text$by_hand"
    fi
    sudo=(sudo)
  fi
  [ -z "$by_hand" ] || fail "$text${packages[*]:+: run: ${sudo[*]:+sudo }$apt}$by_hand"
  echo "$text: installing ${packages[*]}" >&2
  install_packages "${packages[@]}" || fail "unable to install; see above, or run: ${sudo[*]:+sudo }$apt"
}

# As root, or by the words of `sudo` where a caller has set them. What apt says goes to standard error.
install_packages() { # PACKAGE...
  local get=("${sudo[@]+"${sudo[@]}"}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  { "${get[@]}" install "$@" || { "${get[@]}" update && "${get[@]}" install "$@"; }; } >&2
}

# swift build, without what the linker says of functions of the C library that a static executable can't call everywhere,
# or should not: the Swift libraries name these, cadre calls none of them. All other lines pass as they come, and the exit
# status is kept. A module may take minutes: after so many seconds of silence it says that it goes on.
silence=20
swift_build() { # OPTION...
  local names='dlopen|getaddrinfo|getgrgid_r|getgrnam_r|getpwnam_r|getpwuid_r'
  (
    set -o pipefail
    swift build "$@" 2>&1 |
      sed -uE "/: warning: (Using '($names)' in statically linked applications requires|the use of .mktemp' is dangerous)/d" |
      {
        begin=$SECONDS code=0
        while IFS= read -r -t "$silence" line || code=$?; do
          if [ "$code" -gt 128 ]; then
            echo "... still building, $((SECONDS - begin)) s"
            code=0
          elif [ "$code" != 0 ]; then
            [ -z "$line" ] || printf '%s\n' "$line"
            break
          else printf '%s\n' "$line"; fi
        done
      } >&2
  )
}

# CADRE_BIN, the directory of the built cadre: the one that is set, or a release build of this tree.
build_cadre() {
  if [ -z "${CADRE_BIN:-}" ]; then
    echo "building cadre: some minutes the first time" >&2
    swift_build -c release --product cadre || fail "cadre does not build; see above"
    CADRE_BIN=$(swift build -c release --show-bin-path)
  fi
  [ -x "$CADRE_BIN/cadre" ] || fail "no '$CADRE_BIN/cadre'"
}

# Every shell script of the project.
scripts() {
  if git rev-parse -q --verify HEAD >/dev/null 2>&1; then git ls-files -co --exclude-standard shell tmux Tests .ci packaging; else
    find shell tmux Tests .ci packaging -type f
  fi | while read -r file; do
    if [ -f "$file" ] && head -n 1 "$file" | grep -qE '^#!.*\b(ba|da)?sh|shellcheck shell'; then echo "$file"; fi
  done
}
