#!/usr/bin/env bash
# cadre completions: in real shells, by the Tab key, and word by word.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tmux.sh"
t_world
evil="\$(touch $t_dir/x) \`touch $t_dir/x\` #(touch $t_dir/x)"
cd "$(t_repository)" || exit 1
cadre init -q
cadre task add -q "first $evil"
cadre task add -q -d 1 second
cadre task add -q third
cadre --as me claim -q 3
cadre ask -q "a question $evil" --options a,b
cadre send human -q -s "$evil" text
mkdir -p folder/deep
touch 'folder/a file'
words() { cadre completions for -- "$@" | cut -f 1 | xargs; }

code 64 "an unknown shell" cadre completions tcsh
is "$(words cadre ta)" "task" "a verb"
is "$(words cadre pu)" "push" "one of them"
is "$(words cadre task re)" "reopen" "a subcommand"
is "$(words cadre-task re)" "reopen" "of a verb's own command"
is "$(words cadre task show '')" "1 2 3" "tasks"
is "$(words cadre claim '')" "1 3" "that can be claimed"
is "$(words cadre task done '')" "3" "or be done"
is "$(words cadre -C "$PWD" --as me task show '')" "1 2 3" "options before the verb"
is "$(cd / && words cadre -C "$OLDPWD" task show '')" "1 2 3" "in another directory"
is "$(cd / && words cadre task show '')" "" "none where there are none"
is "$(words cadre ask approve '')" "1" "asks"
is "$(words cadre inbox ack '')" "$(cadre inbox | cut -f 1)" "mail"
is "$(words cadre inbox sh)" "show" "a subcommand though another may be left out"
is "$(words cadre inbox --f)" "--follow" "and an option of that one"
is "$(words cadre task list --st)" "--state" "an option"
is "$(words cadre task list --state re)" "ready review" "its value"
is "$(words cadre task list --state=re)" "--state=ready --state=review" "in one word"
is "$(words cadre claim --wait '')" "1 3" "one whose value may be left out"
is "$(words cadre send @a)" "@all" "recipients"
is "$(words cadre task add -F '')" ":files" "files"
is "$(words cadre task add x -- -)" "" "no option after --"
is "$(words cadre nothing '')" "" "no such verb"
is "$(cadre completions for -- cadre task show 1 | cut -f 2)" "ready: first $evil" "and what each is"
cadre task add -q 'tab here'
is "$(cadre completions for -- cadre task list --state=rev)" $'--state=review' "no description where there is none"

# Each verb completes without complaint, with and without options.
bad=
for verb in $(cadre --list-verbs); do
  cadre completions for -- cadre "$verb" '' >/dev/null || bad+=" $verb"
  cadre completions for -- cadre "$verb" - | grep -q -- --help || cadre "$verb" --help | grep -q '^SUBCOMMANDS' || bad+=" $verb -"
done
is "$bad" "" "every verb"

# The shells: a line is typed, Tab pressed, and shown.
tab() { # TEXT: typed, completed, and taken back
  type_text "$1"
  press Tab
}
shell() { # NAME COMMAND LINE...: a shell with an empty configuration, which runs these lines
  local name=$1 command=$2
  shift 2
  tmux -L "$t_server" kill-server 2>/dev/null
  wait_for 10 gone
  tmux -L "$t_server" -f /dev/null new-session -d -x 100 -y 30 "$command"
  for line; do
    type_text "$line"
    press Enter
  done
  type_text "echo be'gun'"
  press Enter
  see '^begun' "$name runs"
  press C-l
  wait_for 10 hides begun
}
gone() { ! tmux -L "$t_server" has-session 2>/dev/null; }
try_shell() { # NAME
  tab 'cadre tas'
  see 'cadre task$' "$1: a verb"
  press C-u
  tab 'cadre task can'
  see 'cadre task cancel$' "$1: a subcommand"
  press C-u
  tab 'cadre task done '
  see 'cadre task done 3' "$1: a task"
  press C-u
  tab 'cadre-ask approve '
  see 'cadre-ask approve 1' "$1: a verb's own command"
  press C-u
  tab 'cadre task list --state=rev'
  see '--state=review' "$1: the value of an option"
  press C-u
  tab 'cadre send @al'
  see 'cadre send @all' "$1: a recipient"
  press C-u
  tab 'cadre task add -F folder/a'
  see 'folder/a.* file' "$1: a file"
  press C-u
  tab 'cadre -C fol'
  see 'cadre -C folder/' "$1: a directory"
  press C-u
  tab 'cadre task show '
  press Tab
  see '3' "$1: many"
  press C-c
}
cadre completions bash >"$t_dir/cadre.bash"
cadre completions zsh >"$t_dir/cadre.zsh"
cadre completions fish >"$t_dir/cadre.fish"
shell bash "env PS1='% ' bash --norc --noprofile -i" "source '$t_dir/cadre.bash'"
try_shell bash
if command -v zsh >/dev/null; then
  shell zsh "env PS1='%% ' zsh -f -i" "autoload -U compinit; compinit -u -D; source '$t_dir/cadre.zsh'"
  try_shell zsh
  mkdir "$t_dir/functions"
  cp "$t_dir/cadre.zsh" "$t_dir/functions/_cadre"
  shell 'zsh, by its fpath' "env PS1='%% ' zsh -f -i" "fpath=('$t_dir/functions' \$fpath); autoload -U compinit; compinit -u -D"
  tab 'cadre task done '
  see 'cadre task done 3' "a task"
else
  echo "# shown: no zsh here, its completions are not tried"
fi
if command -v fish >/dev/null; then
  shell fish "fish --no-config" "source '$t_dir/cadre.fish'"
  try_shell fish
else
  echo "# shown: no fish here, its completions are not tried"
fi
[ ! -e "$t_dir/x" ]
ok "nothing was run"
t_end
