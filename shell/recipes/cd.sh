# shellcheck shell=bash
# For ~/.bashrc or ~/.zshrc:
#
#     . ~/.local/share/cadre/recipes/cd.sh
#
# Then `cadre_cd bob` goes to bob's worktree, and `cadre_cd` to the repository's main one.
cadre_cd() {
  local to
  if [ $# -gt 0 ]; then
    to=$(cadre path worktree "$1") || return
  else
    to=$(git worktree list --porcelain | sed -n '1s/^worktree //p')
  fi
  [ -n "$to" ] && cd -- "$to" || return
}
if [ -n "${BASH_VERSION:-}" ]; then
  # Names have no characters that a shell would expand.
  _cadre_cd() {
    local name
    COMPREPLY=()
    while read -r name; do
      case $name in "$2"*) COMPREPLY+=("$name") ;; esac
    done < <(cadre agents -o name 2>/dev/null)
  }
  complete -F _cadre_cd cadre_cd
fi
