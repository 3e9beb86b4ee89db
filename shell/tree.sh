# shellcheck shell=bash
# For the scripts beside it: cadre as it is installed.

# Makes bin and share below a directory, from $CADRE_BIN/cadre and this source tree.
make_tree() { # DIRECTORY
  local tree=$1 shell verb file verbs
  verbs=$("$CADRE_BIN/cadre" --list-verbs)
  mkdir -p "$tree/bin" "$tree/share/bash-completion/completions" "$tree/share/zsh/site-functions" \
    "$tree/share/fish/vendor_completions.d" "$tree/share/cadre" "$tree/share/doc/cadre"

  cp "$CADRE_BIN/cadre" "$tree/bin/cadre"
  chmod 755 "$tree/bin/cadre"
  strip "$tree/bin/cadre" 2>/dev/null || echo "not stripped: no strip(1) here" >&2
  [ "$(stat -c %s "$tree/bin/cadre")" -le $((40 * 1048576)) ] || fail "cadre is larger than 40 MB"

  for shell in bash zsh fish; do "$CADRE_BIN/cadre" completions "$shell" >"$tree/$shell"; done
  mv "$tree/bash" "$tree/share/bash-completion/completions/cadre"
  mv "$tree/zsh" "$tree/share/zsh/site-functions/_cadre"
  mv "$tree/fish" "$tree/share/fish/vendor_completions.d/cadre.fish"
  for verb in $verbs; do
    ln -s cadre "$tree/bin/cadre-$verb"
    ln -s cadre "$tree/share/bash-completion/completions/cadre-$verb"
    ln -s cadre.fish "$tree/share/fish/vendor_completions.d/cadre-$verb.fish"
  done

  # git finds its own verbs so, and the page of `git cadre --help`.
  ln -s cadre "$tree/bin/git-cadre"
  for file in Sources/Manual/*; do
    mkdir -p "$tree/share/man/man${file##*.}"
    cp "$file" "$tree/share/man/man${file##*.}/"
  done
  echo '.so man1/cadre.1' >"$tree/share/man/man1/git-cadre.1"
  for file in agents programs roles recipes; do cp -r "shell/$file" "$tree/share/cadre/"; done
  cp -r tmux "$tree/share/cadre/"
  cp packaging/copyright CHANGELOG.md "$tree/share/doc/cadre/"
  # Whatever the umask of who builds.
  find "$tree" -type d -exec chmod 755 {} +
  find "$tree" -type f -exec chmod u=rwX,go=rX {} +
}
