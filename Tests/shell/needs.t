#!/usr/bin/env bash
# shell/install, shell/demo and shell/test name all that is missing at once; a build shows what it does.
. "$(dirname "$0")/lib.sh"
t_world
cd ../..
top=$PWD

# A machine without some programs, and with an apt-get, an id and a swift of its own.
usr=$t_dir/usr
mkdir "$usr"
find /usr/local/bin /usr/bin /bin -maxdepth 1 ! -type d -exec ln -sf -t "$usr" {} +
rm -f "$usr"/{tmux,strace,jq,swift,sudo,apt-get,id,dpkg-deb}
tool() { # NAME: its script is standard input
  rm -f "$usr/$1"
  { echo '#!/bin/sh' && cat; } >"$usr/$1"
  chmod +x "$usr/$1"
}
tool apt-get <<<"echo \"apt-get \$*\" >>'$t_dir/apt'; echo 'Setting up'; exit \$(cat '$t_dir/code' 2>/dev/null || echo 0)"
tool id <<<"echo \${TEST_UID-1000}"
# As on a machine that has no package for building.
bare() { PATH="$usr" "$@"; }
without_headers() {
  # shellcheck disable=SC2016 # for the shell that it starts
  PATH="$usr" unshare -m bash -c 'mount -t tmpfs none /usr/include && exec "$@"' "" "$@"
}
untouched() {
  [ ! -e "$t_dir/apt" ] && [ ! -e "$HOME/.local" ] && [ -z "$(find "$t_dir/tmp" -mindepth 1)" ]
}
mkdir "$t_dir/tmp"
export TMPDIR="$t_dir/tmp"
unset CADRE_TMUXES
saved=$CADRE_BIN

# Without root and without sudo.
code 75 "shell/demo" env CADRE_BIN="$saved" PATH="$usr" shell/demo </dev/null
is "$(cat "$t_dir/err")" "demo: missing: tmux: ask an administrator to run: sudo apt-get install tmux" "says who can install it"
unset CADRE_BIN
code 75 "shell/demo that has to build" bare shell/demo </dev/null
is "$(cat "$t_dir/err")" "demo: missing: tmux swift: ask an administrator to run: sudo apt-get install tmux; a Swift toolchain is at https://www.swift.org/install" "names the toolchain as well"
code 75 "shell/install" bare shell/install </dev/null
is "$(cat "$t_dir/err")" "install: missing: swift; a Swift toolchain is at https://www.swift.org/install" "needs no tmux"
code 75 "shell/test" bare shell/test </dev/null
like "$(cat "$t_dir/err")" "test: missing: tmux*strace jq*swift: ask an administrator to run: sudo apt-get install tmux*strace jq*; a Swift*" "names everything"
is "$(grep -c '' "$t_dir/err")" 1 "in one line"
if unshare -m true 2>/dev/null; then
  for script in install demo; do
    code 75 "shell/$script without headers" without_headers "shell/$script" </dev/null
    like "$(cat "$t_dir/err")" "$script: missing: *c++ ncursesw/curses.h swift: ask an administrator to run: sudo apt-get install *g++ libncurses-dev; a Swift*" "names these too"
  done
else echo "# shown: skipped, no mount namespaces here: missing headers"; fi
tool sudo <<<'exit 1'
code 75 "a sudo that wants a password where there is no terminal" bare env CADRE_BIN="$saved" shell/demo </dev/null
like "$(cat "$t_dir/err")" "*ask an administrator to run: sudo apt-get install tmux" "is not waited for"
rm "$usr/apt-get"
code 75 "without apt-get" bare env CADRE_BIN="$saved" shell/demo </dev/null
is "$(cat "$t_dir/err")" "demo: missing: tmux: install them and try again" "names what to install"
untouched
ok "nothing is installed or left behind"

# With root: all in one call, and what apt-get says is seen.
tool apt-get <<<"echo \"apt-get \$*\" >>'$t_dir/apt'; echo 'Setting up'; [ \"\$3\" != install ] || exit 1"
code 75 "apt-get fails" bare env TEST_UID=0 CADRE_BIN="$saved" shell/demo </dev/null
is "$(cat "$t_dir/apt")" $'apt-get -q -y install tmux\napt-get -q -y update\napt-get -q -y install tmux' "after it was tried with new lists"
like "$(cat "$t_dir/err")" "missing: tmux: installing tmux"$'\n'"Setting up*unable to install; see above, or run: apt-get install tmux" "its own words come first"
code 75 "a toolchain no package has" bare env TEST_UID=0 shell/test </dev/null
is "$(grep -c '' "$t_dir/apt")" 3 "then nothing is installed"

# A build: the linker's words on static executables are left out by name, all others pass as they come.
tool swift <<'END'
[ "$1" = build ] || exit 64
case $* in *--show-bin-path) echo "$TEST_BIN"; exit ;; esac
echo '[1/2] Compiling Bus'
echo "a.o:b.o:function one: warning: Using 'getaddrinfo' in statically linked applications requires at runtime the"
echo "a.o:b.o:function two: warning: Using 'gethostbyname' in statically linked applications requires at runtime the"
echo "a.o:b.o:function three: warning: Using 'getpwnam_r' in statically linked applications requires at runtime the"
echo "c.a(d.o):e.o:function f: warning: the use of \`mktemp' is dangerous, better use \`mkstemp' or \`mkdtemp'"
echo 'warning: something else'
exit "${TEST_CODE-0}"
END
export TEST_BIN=$saved
code 0 "shell/install builds" bare env shell/install --prefix "$t_dir/to" </dev/null
is "$(sed '2,4!d' "$t_dir/err")" "[1/2] Compiling Bus
a.o:b.o:function two: warning: Using 'gethostbyname' in statically linked applications requires at runtime the
warning: something else" "and shows all but these"
like "$(cat "$t_dir/err")" "building cadre*" "after it has said so"
code 75 "a build that fails" bare env TEST_CODE=1 shell/install --prefix "$t_dir/to2" </dev/null
[ ! -e "$t_dir/to2" ]
ok "installs nothing"
# It is seen while it goes on.
tool swift <<END
echo '[1/9] Compiling Bus'
wait_for_it() { while [ ! -e '$t_dir/seen' ]; do sleep 0.1; done; }
wait_for_it
exit 1
END
tool tmux <<<'exit 0'
bare shell/demo --repo "$top" >"$t_dir/demo" 2>&1 </dev/null &
building=$!
wait_for 20 grep -q 'Compiling' "$t_dir/demo"
ok "the demo shows the build while it goes on"
touch "$t_dir/seen"
wait "$building"
is $? 75 "and ends with it"
# What is silent for long is said to go on.
tool swift <<END
echo begin
while [ ! -e '$t_dir/seen2' ]; do sleep 0.1; done
printf 'end'
exit 3
END
# shellcheck disable=SC2016 # for the shell that it starts
PATH="$usr" bash -c '. shell/lib.sh; silence=0.2; swift_build' 2>"$t_dir/silent" &
building=$!
wait_for 20 grep -q '^... still building, [0-9]* s$' "$t_dir/silent"
ok "a silent build says that it goes on"
touch "$t_dir/seen2"
wait "$building"
is $? 3 "its exit status is kept"
is "$(sed '/still building/d' "$t_dir/silent")" $'begin\nend' "so are its lines"
cd "$top" || exit 1
is "$(grep -c 'exact:' Package.swift)" "$(grep -c '\.package(' Package.swift)" "dependencies are pinned"
t_end
