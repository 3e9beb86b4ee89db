#!/usr/bin/env bash
# The plugin in other versions of tmux than the one on PATH. CADRE_TMUXES names their programs, divided by blanks;
# shell/test looks for one. Where there are several, all of it is done in each.
cd "$(dirname "$0")" || exit 1
. ./lib.sh
log=$t_dir/log
for tmux in ${CADRE_TMUXES-}; do
  version=$("$tmux" -V)
  ok "it runs: $version"
  mkdir -p "$t_dir/$version" && ln -sf "$(realpath "$tmux")" "$t_dir/$version/tmux"
  for test in keys plugin; do
    PATH="$t_dir/$version:$PATH" bash "$test.t" >"$log" 2>&1 </dev/null
    ok "$version: $test.t" || true
    grep -q '^not ok' "$log" && grep -v '^ok ' "$log" | sed 's/^/# /'
    [ "$(grep -c '^ok ' "$log")" -gt 20 ]
    ok "$version: all of it was done"
  done
done
[ -n "${CADRE_TMUXES-}" ] || {
  echo '# shown: skipped, CADRE_TMUXES is not set: other versions of tmux'
  true
  ok "nothing to do"
}
t_end
