#!/bin/sh
# The tmux plugin of cadre: cadre-tmux(7). In tmux.conf
#
#     run-shell /path/to/cadre.tmux
#
# or by TPM. May be run again at any time. `cadre.tmux uninstall` takes back all that it did.
#
# What tmux is told goes through standard input, so that no path is a pattern or a format. Formats of the pieces beside
# this file find its directory in the hidden variable cadre_plugin and the program in cadre_program, both global.
set -u
self=$(readlink -f -- "$0")
dir=${self%/*}

# A client of another version is turned away by the server, so the server's own program is used.
tmux=tmux
if [ -n "${TMUX-}" ]; then
  pid=${TMUX#*,}
  own=$(readlink "/proc/${pid%%,*}/exe")
  case ${own##*/} in tmux*) [ ! -x "$own" ] || tmux=$own ;; esac
fi

quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# Installed, built in its source tree, on PATH, or where shell/install puts it.
program() {
  for file in "${dir%/share/cadre/tmux}/bin/cadre" "${dir%/*}/.build/release/cadre" "$(command -v cadre)" "${HOME-}/.local/bin/cadre"; do
    if [ -x "$file" ] && [ ! -d "$file" ]; then
      printf '%s\n' "$file"
      return
    fi
  done
}

# Says how to get cadre. Where nobody is attached, as when a server starts, the first who comes is told.
absent() {
  from="unpack a release and run its install.sh, or put cadre on PATH"
  [ ! -x "${dir%/*}/shell/install" ] || from="run ${dir%/*}/shell/install, or put cadre on PATH"
  text=$(quoted "cadre.tmux: cadre is not installed: $from" | sed 's/[#%]/&&/g')
  if [ -n "$("$tmux" list-clients -F . 2>/dev/null)" ]; then echo "display-message $text"; else
    echo "set-hook -g 'client-attached[1042]' { display-message $text ; set-hook -gu 'client-attached[1042]' }"
  fi | "$tmux" source-file -
}

load() {
  found=$(program)
  if [ -z "$found" ]; then
    absent
    exit 1
  fi
  {
    echo "set-environment -gh cadre_plugin $(quoted "$dir")"
    echo "set-environment -gh cadre_program $(quoted "$found")"
    cat "$dir/status.conf" "$dir/hooks.conf"
  } | "$tmux" source-file -
  keys
}

# Again once the configuration is read: options may be set below the line that loads us.
late() {
  keys
  program=$("$tmux" display-message -p '#{cadre_program}')
  exec "$program" up -q --dead --server
}

# Keys and clicks are opt-in: without @cadre_key and @cadre_mouse none is bound.
keys() { "$dir/scripts/keys" on; }

uninstall() {
  "$dir/scripts/keys" off
  {
    for hook in client-attached session-created session-closed; do echo "set-hook -gu '${hook}[1042]'"; done
    # Of options only the one that was set for the user, and only if it is still that.
    if [ "$("$tmux" show-options -gqv @cadre_status)" = '#{cadre_status}' ]; then echo 'set-option -gu @cadre_status'; fi
    variables | sed 's/^/set-environment -ghu /'
    "$tmux" list-sessions -F '#{session_id}' | while read -r session; do
      variables | sed "s/^/set-environment -hu -t '$session' /"
    done
    # What the agents' panes and windows were given.
    "$tmux" list-panes -a -F '#{pane_id}' | while read -r pane; do
      for name in state task label agent_color; do echo "set-option -pqu -t '$pane' @cadre_$name"; done
      echo "if-shell -F -t '$pane' '#{m:*@cadre_label*,#{pane-border-format}}' { set-option -wqu -t '$pane' pane-border-format ; set-option -wqu -t '$pane' pane-border-status }"
    done
  } | "$tmux" source-file - 2>/dev/null
}
variables() { printf 'cadre_%s\n' program plugin dir status agents tasks asks mail merge cost; }

case ${1-load} in
  load | late | uninstall) "${1-load}" ;;
  *)
    echo "usage: cadre.tmux [uninstall]" >&2
    exit 64
    ;;
esac
