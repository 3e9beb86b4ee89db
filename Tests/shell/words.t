#!/usr/bin/env bash
# What the commit says in which work lands: a person's words as they are, an agent's below those of its task.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
t_world
repo=$(t_repository)
cd "$repo" || exit 1
cadre init -q
git config cadre.gate true
agent bob

said() { git log -1 --format=%B main | sed '/^Cadre-Tip: /d'; }
mine() { # BRANCH MESSAGE...: a branch of the person's, a commit each; lands
  local branch=$1 message
  shift
  git checkout -q -b "$branch" main
  for message; do
    echo "$message" >>"$branch"
    git add "$branch"
    git commit -q --cleanup=verbatim -m "$message" || return
  done
  git checkout -q main
  id=$(cadre merge submit -q "$branch" && cadre merge list --json | jq .id)
  cadre merge run -q
}

mine fix $'parser: mend the end\n\nIt was lost.\n\n- a list\n# no comment\n\nFixes: 12\nReviewed-by: Ann <ann@example.invalid>\n'
is "$(said)" "parser: mend the end

It was lost.

- a list
# no comment

Fixes: 12
Reviewed-by: Ann <ann@example.invalid>
Cadre-Task: $id" "one commit of a person's lands with its message"
mine two $'first: begin\n\nWhy so.\n\nSigned-off-by: Ann <ann@example.invalid>' $'second: go on\n\nCadre-Tip: forged\nSigned-off-by: Ann <ann@example.invalid>\nFixes: 13'
is "$(said)" "first: begin

* first: begin

  Why so.

* second: go on

Signed-off-by: Ann <ann@example.invalid>
Fixes: 13
Cadre-Task: $id" "of several the first names them, and they are a list"
is "$(git log -1 --format='%(trailers:key=Cadre-Tip,valueonly,separator=%x2C)' main)" "$(git rev-parse two)" "no trailer is forged"
git checkout -q -b titled main
echo titled >titled
git add titled
git commit -qm $'parser: mend the end\n\nIt was lost.'
echo more >>titled
git commit -qam more
git checkout -q main
id=$(cadre merge submit titled)
like "$(cadre merge list)" "*titled*parser: mend the end*" "until then it is called as its first commit"
is "$(cadre task list --state review | cut -f 4)" "parser: mend the end" "so is its task"
cadre task edit -q --title 'My words' "$id"
cadre merge run -q
is "$(git log -1 --format=%s main)" "My words" "unless the person calls it otherwise"
mine short one two three
is "$(said)" "one

* one
* two
* three

Cadre-Task: $id" "subjects alone stand close"

# shellcheck disable=SC2119 # without options
lands() { # TITLE BODY MESSAGE...: an agent's work, a commit each
  local title=$1 body=$2 message
  shift 2
  id=$(cadre task add -- "$title" "$body")
  as bob cadre claim -q "$id"
  for message; do
    echo "$message" >>"$t_dir/bob/agents"
    as bob git add -A
    as bob git commit -q --cleanup=verbatim -m "$message"
  done
  as bob cadre task done -q
  cadre merge run -q
}
lands 'add a parser' $'It reads.\n\nFixes: 14' $'grammar: new\n\nAs said.' 'tests: new'
is "$(said)" "add a parser

It reads.

* grammar: new

  As said.

* tests: new

Fixes: 14
Cadre-Task: $id
Co-authored-by: bob <bob@localhost>" "an agent's have the task's words above"
lands 'the same' 'By its body.' 'the same'
is "$(said)" "the same

By its body.

Cadre-Task: $id
Co-authored-by: bob <bob@localhost>" "a commit that says only the title adds nothing"
mapfile -t many < <(seq -f 'commit %g' 60)
lands 'many' '' "${many[@]}"
is "$(said | sed -n '3p;52,55p')" "* commit 1
* commit 50
and 10 more

Cadre-Task: $id" "of many fifty are listed"
code 0 "doctor finds nothing" cadre doctor
t_end
