#!/usr/bin/env bash
# shell/package: the same bytes again; a user who has nothing installs its tarball, runs the README's tour, upgrades under
# a running team and uninstalls; the Debian package does the same.
#
# CADRE_TEST_ALL=1 also installs the package in a bare bookworm and trixie, made by debootstrap(8) and kept below .build.
. "$(dirname "$0")/lib.sh"
t_world
cd ../..
top=$PWD
export CADRE_BIN DEBFULLNAME='The cadre authors' DEBEMAIL=cadre@debian.org SOURCE_DATE_EPOCH=1700000000
chmod 755 "$t_dir"
url=https://example.com/cadre/releases/download/v1

# What it makes.
code 64 "an option it doesn't know" shell/package --frobnicate
code 64 "a revision that is none" shell/package --revision a/b
code 0 "packages" shell/package --out "$t_dir/one" --url "$url"
made=$(cat "$t_dir/out")
# shellcheck disable=SC2016 # for the shell that it starts
code 0 "packages again, with another umask and place" bash -c 'umask 077; TMPDIR=$1 shell/package --out "$2"' "" "$HOME" "$t_dir/two"
like "$(cat "$t_dir/err")" "no cadre.rb and PKGBUILD: *see --url" "no formula where it is not known where the tarball will be"
version=$(cadre --version)
version=${version#cadre } machine=$(uname -m)
name=cadre-$version-linux-$machine
tarball=$t_dir/one/$name.tar.gz package=$t_dir/one/cadre_$version-1_$(dpkg --print-architecture).deb
is "$made" "$(printf '%s\n' "$tarball" "$package" "$t_dir"/one/{SHA256SUMS,cadre.rb,PKGBUILD})" "prints its files"
cmp "$tarball" "$t_dir/two/${tarball##*/}"
ok "the tarball is the same, byte for byte"
cmp "$package" "$t_dir/two/${package##*/}"
ok "so is the package"
(cd "$t_dir/one" && sha256sum --quiet -c SHA256SUMS)
ok "the sums are right"
[ "$(stat -c %s "$tarball")" -le $((10 * 1048576)) ]
ok "at most 10 MB"
is "$(tar -tvf "$tarball" | awk '{ print $2, $4 }' | sort -u)" "0/0 2023-11-14" "owned by nobody, of one time"
is "$(tar -tf "$tarball" | cut -d / -f 1 | sort -u)" "$name" "in one directory"

# Homebrew and Arch Linux.
sum=$(sha256sum "$tarball" | cut -d ' ' -f 1)
for file in cadre.rb PKGBUILD; do
  is "$(grep -c "$sum" "$t_dir/one/$file"),$(grep -cE '@[A-Z0-9_]+@' "$t_dir/one/$file")" "1,0" "$file is filled in"
  [ ! -e "$t_dir/two/$file" ]
  ok "or not there"
done
if command -v ruby >/dev/null; then
  is "$(ruby -c "$t_dir/one/cadre.rb" 2>&1)" "Syntax OK" "the formula is Ruby"
else echo "# shown: skipped, no ruby here: the syntax of cadre.rb"; fi
mkdir "$t_dir/arch"
tar -C "$t_dir/arch" -xf "$tarball"
# shellcheck disable=SC2016 # for the shell that it starts
bash -euc 'cd "$1"; pkgdir=$1/pkg; . "$2"; echo "${source[0]}"; package' "" "$t_dir/arch" "$t_dir/one/PKGBUILD" >"$t_dir/out"
ok "the PKGBUILD runs"
is "$(cat "$t_dir/out")" "$url/$name.tar.gz" "and names the tarball"
is "$("$t_dir/arch/pkg/usr/bin/cadre-claim" --version)" "cadre $version" "what it makes too"

# A user with an empty home, who has git and tmux.
someone=$t_dir/someone
mkdir "$someone" "$someone/tmp"
drop=()
if [ "$(id -u)" = 0 ]; then
  drop=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  chown -R 65534:65534 "$someone"
fi
user() {
  (cd "$someone" && exec "${drop[@]+"${drop[@]}"}" env -i HOME="$someone" PATH="$someone/.local/bin:/usr/bin:/bin" \
    TMPDIR="$someone/tmp" TMUX_TMPDIR="$someone/tmp" CADRE_TMUX=cadre LC_ALL=C.UTF-8 "$@")
}
t_finally 'user tmux -L cadre kill-server 2>/dev/null'
user git config --global user.name Someone
user git config --global user.email someone@example.invalid
user git config --global init.defaultBranch main
left() { [ ! -e "$someone/.local" ] || find "$someone/.local"; }

tar -C "$t_dir" -xf "$tarball"
chmod -R go+rX "$t_dir/$name"
code 0 "install.sh" user sh "$t_dir/$name/install.sh"
like "$(cat "$t_dir/out")" "installed in $someone/.local: bin/cadre (*" "says where"
is "$(user cadre claim --version)" "cadre $version" "it runs"
is "$(user sh -c 'command -v cadre')" "$someone/.local/bin/cadre" "from there"

cat >"$t_dir/begin" <<'END'
mkdir hello && cd hello && git init -q && echo hi >README && git add README && git commit -qm 'a readme'
END
sed -n '/^## Five minutes/,/^## Three ways/p' README.md | sed -n 's/^    [$>] //p' | cat "$t_dir/begin" - >"$t_dir/tour"
chmod 644 "$t_dir/tour"
user timeout 120 bash -eo pipefail "$t_dir/tour" >"$t_dir/out" 2>&1
code=$?
is "$code" 0 "the README's tour runs"
[ "$code" = 0 ] || sed 's/^/# /' "$t_dir/out"
is "$(grep -xE 'HELLO, WORLD|2 hello|healthy' "$t_dir/out" | tr '\n' ' ')" "HELLO, WORLD healthy 2 hello " "and prints what it says"

# Its three commands, with a program of claude's name that does what it is told.
cat >"$t_dir/claude" <<'END'
#!/bin/sh
[ "$1" != --version ] || { echo '1.0.0 (Claude Code)'; exit; }
echo checked >password
cadre task done --commit
exec sleep 1000
END
chmod 755 "$t_dir/claude"
sed 's/hello/stranger/g' "$t_dir/begin" >"$t_dir/three"
sed -n '/^## Three commands/,/^## Five minutes/p' README.md | sed -n 's/^    % //p' >>"$t_dir/three"
is "$(tail -n 3 "$t_dir/three" | cut -d ' ' -f 1,2 | xargs)" "cadre init cadre spawn cadre top" "the README has three commands"
# At a terminal, until q.
sed -i 's/^cadre top$/(sleep 1; printf q) | TERM=xterm script -qec "cadre top" top >\&2/' "$t_dir/three"
cat >>"$t_dir/three" <<'END'
grep -q claude1 top
until cadre merge list | grep -q held; do sleep 0.1; done
cadre merge approve 1
cadre task wait 1 --timeout 30s
git show main:password
cadre retire --discard claude1 >&2
END
chmod 644 "$t_dir/three"
mkdir "$someone/stub"
cp "$t_dir/claude" "$someone/stub/"
chown -R "$(stat -c %u "$someone")" "$someone/stub"
since=$SECONDS
user env PATH="$someone/stub:$someone/.local/bin:/usr/bin:/bin" timeout 120 bash -eo pipefail "$t_dir/three" >"$t_dir/out" 2>&1
code=$?
is "$code $(grep -x checked "$t_dir/out")" "0 checked" "three commands and an approval: the work has landed"
[ "$code" = 0 ] || sed 's/^/# /' "$t_dir/out"
echo "# shown: from an empty directory to that in $((SECONDS - since)) s"
code 0 "removes" user sh "$t_dir/$name/install.sh" --uninstall
is "$(left)" "" "all of it"

# The version before: another executable, and a file that is gone since.
old=$t_dir/before
cp -a "$t_dir/$name" "$old"
echo >>"$old/bin/cadre"
echo 'echo old' >"$old/share/cadre/recipes/gone"
code 0 "the version before" user sh "$old/install.sh"
[ -e "$someone/.local/share/cadre/recipes/gone" ]
ok "is there"
team() { user git -C hello "$@"; }
team config cadre.gate true
user cadre -C hello spawn --count 2 -q
field() { user cadre -C hello agents -o "name,$2" | awk -v name="$1" '$1 == name { print $2 }'; }
user cadre -C hello task add slow "touch '$someone/begun'; while [ ! -e '$someone/go' ]; do sleep 0.1; done; echo slow >slow" >"$t_dir/out"
task=$(cat "$t_dir/out")
wait_for 20 test -e "$someone/begun"
ok "its team works"
owner=$(user cadre -C hello task list --json | sed -n "s/^{\"id\":$task,.*\"owner\":\"\([^\"]*\)\".*/\1/p")
other=sh1
[ "$owner" != sh1 ] || other=sh2
before=$(field "$owner" pid)
code 0 "upgrades under it" user sh "$t_dir/$name/install.sh"
[ ! -e "$someone/.local/share/cadre/recipes/gone" ]
ok "what is gone since is removed"
is "$(field "$owner" pid)" "$before" "the agent goes on"
touch "$someone/go"
code 0 "and its task ends" user cadre -C hello task wait "$task" --timeout 60s
is "$(team show main:slow)" slow "and lands"

# What dies after the upgrade comes back from the new executable.
kill -9 "$(field "$other" pid)"
came_back() { [ "$(field "$other" session)" = 2 ] && [ "$(readlink "/proc/$(field "$other" pid)/exe")" = "$someone/.local/bin/cadre" ]; }
wait_for 20 came_back
ok "a supervisor that dies comes back in the new version"
user cadre -C hello task add 'after it' 'echo after >after' >"$t_dir/out"
code 0 "the team, old and new, works on" user cadre -C hello task wait "$(cat "$t_dir/out")" --timeout 60s
code 0 "nothing is amiss" user cadre -C hello doctor
user cadre -C hello retire sh1 sh2 >/dev/null
code 0 "removes" user sh "$t_dir/$name/install.sh" --uninstall
is "$(left)" "" "and nothing is left"
user tmux -L cadre kill-server 2>/dev/null

# The Debian package. dpkg in a root of its own: the package has no scripts, so none needs to run in there.
if command -v lintian >/dev/null; then
  is "$(lintian --allow-root "$package" 2>&1 | grep -vE '^(N:|warning: )')" "" "lintian finds nothing"
else echo "# shown: skipped, no lintian here: what it says of the package"; fi
root=$t_dir/root
mkdir -p "$root"/var/lib/dpkg/{info,updates}
touch "$root/var/lib/dpkg/status"
dpkg() { command dpkg --root="$root" --force-not-root --force-depends --force-script-chrootless --log=/dev/null "$@"; }
# That version before, again.
dpkg-deb -R "$package" "$t_dir/unpacked"
is "$(sed -n 's/^Depends: //p' "$t_dir/unpacked/DEBIAN/control")" "git, tmux (>= 3.3)" "it needs git and tmux"
sed -i "s/^Version: .*/Version: $version-0/" "$t_dir/unpacked/DEBIAN/control"
echo old >"$t_dir/unpacked/usr/share/cadre/recipes/gone"
echo >>"$t_dir/unpacked/usr/bin/cadre"
dpkg-deb --root-owner-group -Znone -b "$t_dir/unpacked" "$t_dir/before.deb" >"$t_dir/out" 2>&1
code 0 "the package before" dpkg -i "$t_dir/before.deb"
code 0 "the package" dpkg -i "$package"
is "$(dpkg -V cadre 2>&1)" "" "it is whole"
[ ! -e "$root/usr/share/cadre/recipes/gone" ] && [ "$("$root/usr/bin/cadre-claim" --version)" = "cadre $version" ]
ok "in place of the other"
missing=
for file in bash-completion/completions/cadre zsh/vendor-completions/_cadre fish/vendor_completions.d/cadre.fish \
  man/man1/cadre.1.gz man/man5/cadre-bus.5.gz cadre/tmux/cadre.tmux doc/cadre/copyright; do
  [ -f "$root/usr/share/$file" ] || missing+=" $file"
done
is "$missing" "" "all is where Debian keeps it"
like "$("$root/usr/bin/cadre" help bus | cat)" "*CADRE-BUS(5)*" "help finds its pages"
code 0 "purges" dpkg -P cadre
is "$(find "$root" -mindepth 1 -not -path "$root/var*" -not -path "$root/etc*")" "" "and nothing is left"
unset -f dpkg

# A bare Debian.
bare() { # RELEASE: prints where it is unpacked
  local kept=$top/.build/debian/$1.tar place
  if [ ! -e "$kept" ]; then
    # shellcheck disable=SC2016 # apt's own
    place=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    mkdir -p "${kept%/*}"
    nice timeout 600 debootstrap --variant=minbase --include=git,tmux "$1" "$t_dir/$1.new" "$place" >"$t_dir/$1.log" 2>&1 &&
      nice tar -C "$t_dir/$1.new" -cf "$kept.new" . && mv "$kept.new" "$kept" && rm -rf "$t_dir/$1.new" || return 1
  fi
  mkdir "$t_dir/$1"
  tar -C "$t_dir/$1" -xf "$kept"
}
inside() { # RELEASE COMMAND...
  local at=$t_dir/$1
  shift
  # shellcheck disable=SC2016 # for the shell that it starts
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 unshare -mpf --kill-child bash -c '
    mount -t proc proc "$1/proc" && mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts" &&
      mount --bind "$1/dev/pts/ptmx" "$1/dev/ptmx" && at=$1 && shift && exec chroot "$at" "$@"' "" "$at" "$@"
}
for release in bookworm trixie; do
  if [ -z "${CADRE_TEST_ALL-}" ]; then
    echo "# shown: skipped, CADRE_TEST_ALL is not set: the package in a bare $release"
    continue
  elif ! { command -v debootstrap && [ "$(id -u)" = 0 ] && bare "$release"; } >/dev/null; then
    echo "# shown: skipped, no debootstrap of it here: the package in a bare $release"
    continue
  fi
  cp "$package" "$tarball" "$t_dir/tour" "$t_dir/three" "$t_dir/$release/"
  mkdir "$t_dir/$release/home/stub"
  cp "$t_dir/claude" "$t_dir/$release/home/stub/"
  cp "$someone/.gitconfig" "$t_dir/$release/home/gitconfig"
  paths() { inside "$release" find /usr /etc /opt /root -xdev | sort; }
  paths >"$t_dir/paths"
  cat >"$t_dir/$release/try" <<'END'
set -e
HOME=$(mktemp -d)
export HOME
cd "$HOME"
git config --global user.name Someone
git config --global user.email someone@example.invalid
git config --global init.defaultBranch main
bash -eo pipefail /tour
END
  code 0 "$release: dpkg -i" inside "$release" dpkg -i "/${package##*/}"
  code 0 "$release: the tour from the package" inside "$release" timeout 120 bash /try
  is "$(grep -hxE 'HELLO, WORLD|2 hello|healthy' "$t_dir/out" "$t_dir/err" | tr '\n' ' ')" "HELLO, WORLD 2 hello healthy " "$release: prints what it says"
  # shellcheck disable=SC2016 # for the shell that it starts
  code 0 "$release: three commands" inside "$release" bash -ec 'HOME=$(mktemp -d); export HOME; cp /home/gitconfig "$HOME/.gitconfig"; cd "$HOME"
    PATH=/home/stub:$PATH timeout 120 bash -eo pipefail /three'
  is "$(grep -hx checked "$t_dir/out" "$t_dir/err")" checked "$release: and the work has landed"
  inside "$release" rm -r /home/stub /home/gitconfig
  code 0 "$release: purges" inside "$release" dpkg -P cadre
  is "$(diff "$t_dir/paths" <(paths))" "" "$release: and nothing is left"
  # shellcheck disable=SC2016 # for the shell that it starts
  code 0 "$release: the tour from the tarball" inside "$release" bash -ec 'tar -C /opt -xf /cadre-*.tar.gz
    sh /opt/cadre-*/install.sh --prefix /opt/cadre
    PATH=/opt/cadre/bin:$PATH timeout 120 bash /try
    sh /opt/cadre-*/install.sh --prefix /opt/cadre --uninstall
    rm -r /opt/cadre-*'
  is "$(diff "$t_dir/paths" <(paths))" "" "$release: and nothing is left"

  # A user without rights, who has the tarball.
  mkdir -p "$t_dir/$release/home/me/stub"
  cp "$t_dir/claude" "$t_dir/$release/home/me/stub/"
  cp "$someone/.gitconfig" "$t_dir/$release/home/me/"
  inside "$release" chown -R 65534:65534 /home/me
  since=$SECONDS
  # shellcheck disable=SC2016 # for the shell that it starts
  code 0 "$release: a user unpacks, installs and gives three commands" inside "$release" setpriv --reuid 65534 --regid 65534 \
    --clear-groups env HOME=/home/me PATH=/home/me/stub:/home/me/.local/bin:/usr/bin:/bin bash -ec 'cd
      tar -xf /cadre-*.tar.gz
      sh cadre-*/install.sh
      timeout 120 bash -eo pipefail /three
      sh cadre-*/install.sh --uninstall
      rm -r cadre-*'
  is "$(grep -hx checked "$t_dir/out" "$t_dir/err")" checked "$release: the work has landed"
  echo "# shown: $release: from the tarball to that in $((SECONDS - since)) s"
  is "$(find "$t_dir/$release/home/me/.local" 2>&1 | grep -v 'No such file')" "" "$release: nothing is left"
  rm -rf "${t_dir:?}/$release"
done
t_end
