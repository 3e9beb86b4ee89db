#!/usr/bin/env bash
# A history played again through the merge queue: the newest commits of this project's own repository become tasks, each
# with what it depends on, and eight submitters do them while two runners land them. Some break the gate at first, and
# with some somebody else changes the same file. In the end the target has the history's own tree, and every value that
# it had in between passed the gate.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/merge-lib.sh"
checkout=$(git rev-parse --show-toplevel 2>/dev/null)
t_world
git config --global --add safe.directory '*'

# The history: of this checkout; where it is cut off or too short, one that is made up.
length=60
history() {
  [ -n "$checkout" ] && [ "$(git -C "$checkout" rev-parse --is-shallow-repository)" = false ] || return 1
  [ "$(git -C "$checkout" rev-list --first-parent --count HEAD)" -gt $length ] || return 1
  git -C "$checkout" log --first-parent -$length --format= --name-only | grep -qx .cadre && return 1
  git clone -q "$checkout" "$t_dir/history"
}
if history; then
  echo "# the newest $length commits of '$checkout'"
else
  echo "# no history here that is long enough: one of $length commits that is made up"
  t_repository history >/dev/null
  for ((n = 1; n <= length; n++)); do
    for file in $((n * 7 % 19)) $((n * n % 23)); do
      echo "line $n" >>"$t_dir/history/file$file"
    done
    git -C "$t_dir/history" add -A
    git -C "$t_dir/history" commit -qm "step $n"
  done
fi

# What becomes of it: a line for each task, its number, the numbers that it depends on, its commits. A commit depends on
# those before it that touched a path of its own, or one above or below. One that depends on just one goes with it.
plan() {
  python3 - "$length" <<'END'
import subprocess, sys

def git(*arguments):
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, check=True).stdout

tasks, touched = [], {}
for commit in git("rev-list", "--first-parent", "--reverse", "-n", sys.argv[1], "HEAD").decode().split():
    paths = [p for p in git("diff-tree", "-r", "-z", "--no-renames", "--name-only", commit + "^", commit).split(b"\0") if p]
    if not paths:
        continue
    above = {p[:i] for p in paths for i in range(len(p)) if p[i:i + 1] == b"/"}
    needs = {n for p, last in touched.items() for n in last
             if p in paths or p in above or any(p.startswith(q + b"/") for q in paths)}
    if len(needs) == 1 and len(tasks[min(needs)][1]) < 3:
        number = needs.pop()
        tasks[number][1].append(commit)
    else:
        number = len(tasks)
        tasks.append((sorted(needs), [commit]))
    for p in paths:
        touched.setdefault(p, set()).add(number)
for number, (needs, commits) in enumerate(tasks):
    print(f"{number}:{' '.join(map(str, needs))}:{' '.join(commits)}")
END
}
plan=$(cd "$t_dir/history" && plan)
end=$(git -C "$t_dir/history" rev-parse HEAD)
start=$(git -C "$t_dir/history" rev-parse "HEAD~$length")

# The gate notes the tree that it finds in the files, and fails where one is to be refused.
cat >"$t_dir/gate" <<'END'
#!/bin/bash
index=$(mktemp)
cp "$(git rev-parse --git-path index)" "$index"
tree=$(GIT_INDEX_FILE=$index git -c core.fileMode=true add -A && GIT_INDEX_FILE=$index git write-tree)
rm -f "$index"
verdict=pass
compgen -G 'refused-*' >/dev/null && verdict=fail
echo "$tree $verdict" >>"${0%/*}/gates"
[ $verdict = pass ]
END
chmod +x "$t_dir/gate"

# Brings what a commit changes into the worktree.
take() { # COMMIT
  local -x GIT_LITERAL_PATHSPECS=1
  git diff-tree -r -z --no-renames --name-only --diff-filter=d "$1^" "$1" |
    xargs -0r git restore -q --source="$1" --staged --worktree --
  # What is removed may be gone by now: renamed by the other side.
  git diff-tree -r -z --no-renames --name-only --diff-filter=D "$1^" "$1" | xargs -0r git rm -qf --ignore-unmatch --
}

# Somebody without a worktree replaces a file that the task changes, from the same base.
rival() { # TASK COMMIT
  local path index tree
  path=$(git diff-tree -r --no-renames --diff-filter=M --name-only "$2^" "$2" | grep -v '^"' | head -1)
  [ -n "$path" ] || return
  index="$t_dir/index-$1"
  GIT_INDEX_FILE=$index git read-tree HEAD
  GIT_INDEX_FILE=$index git update-index --cacheinfo "100644,$(echo "rival of $1" | git hash-object -w --stdin),$path"
  tree=$(GIT_INDEX_FILE=$index git write-tree)
  git branch -q "rival-$1" "$(git commit-tree "$tree" -p HEAD -m "rival of $1")"
  cadre --as rival merge submit -q "rival-$1"
}

# One submitter: does what is ready until all is done. What comes back is put right.
submitter() { # NAME
  local id title kind commits commit
  cd "$t_dir/$1" || exit 1
  export CADRE_AGENT=$1 CADRE_SESSION=00000000$1
  until [ -e "$t_dir/over" ]; do
    IFS=$'\t' read -r id title < <(cadre claim --wait=1s 2>>"$t_dir/$1.err") || continue
    IFS=: read -r kind commits <<<"$title"
    if [ -n "$(cadre task show --json "$id" | jq -r '.returnedWhy // empty')" ]; then
      if [ -e "refused-$id" ]; then
        git rm -q "refused-$id"
        git commit -qm "not to be refused"
      fi
      cadre merge update -q >/dev/null 2>&1
      for commit in $commits; do take "$commit"; done
      if ! git diff --quiet --cached HEAD || [ -e "$(git rev-parse --git-path MERGE_HEAD)" ]; then git commit -qm "as it was"; fi
    else
      [ "$kind" != before ] || rival "$id" "${commits%% *}"
      if [ "$kind" = culprit ]; then echo no >"refused-$id" && git add "refused-$id"; fi
      for commit in $commits; do
        take "$commit"
        git commit -q -C "$commit"
      done
      [ "$kind" != after ] || rival "$id" "${commits%% *}"
    fi
    cadre task done -q "$id" 2>>"$t_dir/$1.err" || echo "$id" >>"$t_dir/failed"
  done
}

runner() {
  until [ -e "$t_dir/over" ]; do
    cadre merge run >>"$t_dir/ran" 2>&1
    sleep 0.05
  done
}

replay() { # BATCH
  cp -a "$t_dir/history" "$t_dir/repository"
  cd "$t_dir/repository" || exit 1
  git update-ref refs/history/end "$end"
  git checkout -q -B main "$start"
  rm -f "$t_dir"/{over,gates,ran,failed}
  local before
  before=$(git reflog main | wc -l)
  cadre init -q
  git config cadre.gate "$t_dir/gate"
  git config cadre.mergeBatch "$1"
  local names=(s1 s2 s3 s4 s5 s6 s7 s8) name
  for name in "${names[@]}"; do agent "$name" 2>/dev/null; done
  local number needs commits kind options need processes=() ids=() culprits=0 rivals=0
  while IFS=: read -r number needs commits; do
    kind=plain options=()
    case $((number % 8)) in
      2 | 5) kind=culprit culprits=$((culprits + 1)) ;;
      3) kind=before rivals=$((rivals + 1)) ;;
      6) kind=after rivals=$((rivals + 1)) ;;
    esac
    for need in $needs; do options+=(-d "${ids[need]}"); done
    ids+=("$(cadre task add "${options[@]}" "$kind:$commits")")
  done <<<"$plan"
  for name in "${names[@]}"; do
    submitter "$name" >>"$t_dir/$name.err" 2>&1 &
    processes+=($!)
  done
  for name in one two; do
    runner &
    processes+=($!)
  done
  timeout 300 cadre task wait -q "${ids[@]}"
  ok "batches of $1: everything lands"
  touch "$t_dir/over"
  wait "${processes[@]}"
  cadre merge run >>"$t_dir/ran" 2>&1

  is "$(git rev-parse 'main^{tree}')" "$(git rev-parse "$end^{tree}")" "batches of $1: the target ends with the history's tree"
  is "$(git status --porcelain)" "" "batches of $1: so do the files that are checked out"
  is "$(cat "$t_dir/failed" 2>/dev/null)" "" "batches of $1: no submission is refused"
  sed -n 's/ pass$//p' "$t_dir/gates" | sort >"$t_dir/passed"
  is "$(git reflog --format=%T main | head -n "-$before" | sort -u | comm -23 - "$t_dir/passed")" "" "batches of $1: each value of the target passed the gate"
  is "$(uniq -d "$t_dir/passed")" "" "batches of $1: no tree that passed was run again"
  is "$(cut -d' ' -f1 "$t_dir/gates" | sort | uniq -c | awk '$1 > 2')" "" "batches of $1: one that failed at most twice"
  is "$(git log --format='%(trailers:key=Cadre-Task,valueonly,separator=)' "$start..main" | sort | uniq -d)" "" "batches of $1: nothing landed twice"
  local landed returned
  # Commits that undo each other in one task leave nothing to land.
  landed=$(grep '	landed	' "$t_dir/ran" | grep -vc "	already in 'main'$")
  returned=$(grep -c '	returned	' "$t_dir/ran")
  is "$(git rev-list --count "$start..main")" "$landed" "batches of $1: a commit for each that landed"
  is "$(grep -c '	returned	gate' "$t_dir/ran")" "$culprits" "batches of $1: each that broke the gate came back, once"
  [ "$(grep -c '	returned	conflict' "$t_dir/ran")" -ge $((rivals / 2)) ]
  ok "batches of $1: conflicts came back"
  if [ "$1" = 1 ]; then
    is "$(git log --format=%T "$start..main" | sort -u | comm -23 - "$t_dir/passed")" "" "batches of $1: each commit passed the gate"
  fi
  for number in $(cadre task list --state ready | cut -f1); do cadre task cancel -q "$number"; done
  code 0 "batches of $1: doctor finds nothing" cadre doctor
  echo "# shown batches of $1: ${#ids[@]} tasks, $landed landed, $returned came back, $(wc -l <"$t_dir/gates") gate runs"
  cd "$t_dir" || exit 1
  rm -rf "$t_dir/repository" "$t_dir"/s?
}
replay 1
replay 5
t_end
