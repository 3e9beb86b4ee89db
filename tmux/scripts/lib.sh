# shellcheck shell=bash
# For the scripts beside it: what tmux runs, and what runs in its popups.
#
# Only ids, agents' names and words of our own go through tmux, which expands formats in most of its arguments. Titles,
# mail and questions are read from the bus by the script that shows them, and pass through `clean`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# A client of another version is turned away by the server, so the server's own program is used.
server=${TMUX-} server=${server#*,}
server=$(readlink "/proc/${server%%,*}/exe" 2>/dev/null)
case ${server##*/} in tmux*) [ ! -x "$server" ] || tmux() { "$server" "$@"; } ;; esac

# Where PATH has no cadre: as installed, or the one that the plugin found.
command -v cadre >/dev/null || PATH=$PATH:$here/../../../bin:$(dirname -- "$(tmux display-message -p '#{cadre_program}')")

# A word for a shell and for tmux's parser alike.
quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# Text for an argument that tmux expands as a format.
plain() { printf '%s' "${1//\#/##}"; }

# Standard input without control characters but newline and tab, and without those that turn the direction of text.
clean() {
  LC_ALL=C tr '\000-\010\013-\037\177' '?' |
    LC_ALL=C sed $'s/\302[\200-\237]/?/g; s/\342\200[\216\217\250-\256]/?/g; s/\342\201[\246-\251]/?/g'
}

# The directory of the project that a pane belongs to: an agent's pane says which bus it is of; else where the pane's
# program is, else where the session began.
project_of() { # PANE
  local found
  tmux display-message -p -t "$1" '#{@cadre_dir}
#{pane_current_path}
#{session_path}' | while IFS= read -r found; do
    [ -z "$found" ] || ! cadre -C "$found" path -q bus 2>/dev/null || printf '%s\n' "$found"
  done | head -n 1
}

# Agents of this project in this server: name and pane.
panes() {
  local bus name pane dir
  bus=$(cadre path bus)
  tmux list-panes -a -F '#{@cadre_agent} #{pane_id} #{@cadre_dir}' | while read -r name pane dir; do
    [ "$dir" != "$bus" ] || printf '%s\t%s\n' "$name" "$pane"
  done
}
pane_of() { panes | awk -F '\t' -v name="$1" '$1 == name { print $2; exit }'; }
agent_of() { panes | awk -F '\t' -v pane="$1" '$2 == pane { print $1; exit }'; }

# Whom an action may be for: name, state, tasks; the agent of this pane first.
candidates() { # ACTION PANE
  cadre agents -o name,state,task | case $1 in
    pause | stop) awk -F '\t' '$2 != "resting"' ;;
    resume) awk -F '\t' '$2 ~ /^(resting|frozen|quarantined|dead)$/' ;;
    *) cat ;;
  esac | awk -F '\t' -v own="$(agent_of "$2")" '$1 == own { print; next } { rest = rest $0 "\n" } END { printf "%s", rest }'
}

# The same as lines NAME TAB LABEL.
choices() { # ACTION PANE
  [ "$1" != send ] || printf '@all\tall\n'
  candidates "$1" "$2" | awk -F '\t' '{ printf "%s\t%s  %s%s\n", $1, $1, $2, $3 == "-" ? "" : "  " $3 }'
}
