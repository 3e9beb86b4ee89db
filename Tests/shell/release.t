#!/usr/bin/env bash
# shell/release: what it refuses, tells and makes, in a repository of its own with a swift that builds nothing.
. "$(dirname "$0")/lib.sh"
t_world
cd ../..
project=$t_dir/project
mkdir "$project" "$t_dir/build"
tar --exclude=./.git --exclude='./.build*' --exclude=./dist -cf - . | tar -C "$project" -xf -
cd "$project" || exit 1
git init -q && git add -A && git commit -qm everything
git init -q --bare "$t_dir/origin.git"
git remote add origin "$t_dir/origin.git"
git push -q origin main
git branch -q --set-upstream-to=origin/main

# It "builds" the program at hand, which tells the version in the source.
cat >"$t_dir/build/cadre" <<END
#!/bin/sh
[ "\$1" != --version ] || { sed -n 's/.*static let version = "\(.*\)"/cadre \1/p' '$project/Sources/CommandKit/CommandContext.swift'; exit; }
exec '$CADRE_BIN/cadre' "\$@"
END
cat >"$t_dir/bin/swift" <<END
#!/bin/sh
case \$* in *--show-bin-path) echo '$t_dir/build'; exit ;; esac
exit \${TEST_CODE-0}
END
chmod +x "$t_dir/build/cadre" "$t_dir/bin/swift"
unset CADRE_BIN
now=$(sed -n 's/.*static let version = "\(.*\)".*/\1/p' Sources/CommandKit/CommandContext.swift)
everything() { git log --format='%H %D' && git tag && git status --porcelain --ignored && git ls-remote origin; }

code 64 "no version" shell/release
code 64 "one that is none" shell/release v1
code 64 "two" shell/release 1.0.0 2.0.0
git switch -q -c other
echo change >>README.md
code 1 "refuses" shell/release 0.0.1
is "$(cat "$t_dir/err")" "release: this is 'other', not 'main'
release: uncommitted changes: commit or remove them first
release: 0.0.1 is older than $now
release: CHANGELOG.md has no section '## 0.0.1', or nothing in it
release: shell/test has not passed on this commit here: run it, or say --tested" "and names all that is wrong"
git checkout -q -- README.md
git switch -q main
git branch -qD other

# Only told.
git config user.name Releaser
sed -i 's/^## .*/## 9.8.7\n\n- One.\n- Two @VERSION@ \\n.\n\n&/' CHANGELOG.md
git commit -qam changes
before=$(everything)
mkdir .build
git rev-parse HEAD^ >.build/tested
code 1 "tested was another commit" shell/release --dry-run 9.8.7
git rev-parse HEAD >.build/tested
code 0 "a dry run" shell/release --dry-run 9.8.7
like "$(cat "$t_dir/out")" "would set the version in Sources/CommandKit/CommandContext.swift from $now to 9.8.7*would tag v9.8.7:*- Two*then: git push origin main v9.8.7" "tells what it would do"
rm -r .build
is "$(everything)" "$before" "and does nothing"

# A build that fails changes nothing.
code 75 "no build" env TEST_CODE=1 shell/release --tested 9.8.7
is "$(everything)" "$before" "no release"

code 0 "releases" shell/release --tested --url https://example.com/v9 9.8.7
like "$(cat "$t_dir/out")" "*tagged v9.8.7; to publish it:  git push origin main v9.8.7 *" "and says how to publish it"
is "$(git log -1 --format=%s),$(git diff --name-only HEAD^),$(git status --porcelain)" "cadre: version 9.8.7,Sources/CommandKit/CommandContext.swift," "one commit of the version"
is "$(git rev-parse 'v9.8.7^{commit}')" "$(git rev-parse HEAD)" "tagged"
is "$(git tag -l --format='%(contents)' v9.8.7)" $'cadre 9.8.7\n\n- One.\n- Two @VERSION@ \\n.' "with the section of the changelog"
is "$(cat dist/notes.md)" $'- One.\n- Two @VERSION@ \\n.' "which are the notes too"
is "$(cd dist && printf '%s\n' * | LC_ALL=C sort | tr '\n' ' ')" "PKGBUILD SHA256SUMS cadre-9.8.7-linux-$(uname -m).tar.gz cadre.rb cadre_9.8.7-1_$(dpkg --print-architecture).deb notes.md " "the files"
is "$(tar -tvf dist/cadre-*.tar.gz --full-time --utc | awk '{ print $4, $5 }' | sort -u)" "$(TZ=UTC git log -1 --date=format-local:'%Y-%m-%d %T' --format=%cd)" "are of the commit's time"
is "$(git ls-remote origin | cut -f 2)" $'HEAD\nrefs/heads/main' "nothing is pushed"
code 1 "the same again" shell/release --tested 9.8.7
is "$(cat "$t_dir/err")" "release: there is a tag 'v9.8.7' already" "is refused"
t_end
