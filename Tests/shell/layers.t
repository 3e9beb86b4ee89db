#!/usr/bin/env bash
# The package's arrows point down only.
. "$(dirname "$0")/lib.sh"

package=$(cd ../.. && swift package describe --type json 2>/dev/null)
[ -n "$package" ]
ok "the package describes itself"

bad=$(jq -r '
  def layer: if . == "CLinux" or . == "CNcurses" then 0 elif . == "Storage" then 1 elif . == "Bus" then 2
    elif . == "Processes" then 3 elif IN("Git", "Tmux", "AgentPrograms", "Screen") then 4 elif . == "Configuration" then 5
    elif . == "Landing" then 6 elif . == "Team" then 7 elif . == "Hooks" then 8 elif . == "Supervision" then 9
    elif . == "CommandKit" then 10 elif . == "Top" or endswith("Command") then 11 elif . == "Commands" then 12
    elif . == "cadre" or startswith("cadre-") then 13 else 99 end;
  .targets[] | select(.type != "test") | .name as $from
  | (.target_dependencies // [])[] | select((. | layer) >= ($from | layer) or ($from | layer) == 99)
  | "\($from) -> \(.)"' <<<"$package")
is "$bad" "" "no arrow points up or sideways"

known=$(jq -r '[.targets[] | select(.type != "test") | .name] | length' <<<"$package")
[ "$known" -gt 10 ]
ok "and there are targets to look at"

# Names and keys are spelled once. The check itself is tried on what it must find, a fault a line.
is "$(python3 names.py ../../Sources)" "" "no name of the bus stands outside Layout, no key outside its field"
mkdir -p "$t_dir/Sources/Bus" "$t_dir/Sources/Landing"
cat >"$t_dir/Sources/Bus/Bad.swift" <<'EOF'
let a = box(name).appending("new")
let b = tasks.appending("another")
let c = mergeQueue.appending("\(id)")
let d = root.appending(name)
let e = FilePath("tmp")
let f = "\(merge.string)/lock"
for part in ["tmp", "new"] { try Files.mkdirs(box(name).appending(part)) }
let g = ["one"].map { tasks.appending($0) }
let h = Record()
let i = record[Field<String>("Title")]
struct J: RecordFields { let one = Field<Int>("Key")
    let two = Field<Int>("Key") }
EOF
cat >"$t_dir/Sources/Landing/Bad.swift" <<'EOF'
let a = bus.merge.appending("HEAD")
let b = git.directory.appending("another")
let c = bus.root.appending(name)
let d = bus.merge.string + "/lock"
EOF
cat >"$t_dir/Sources/Landing/Good.swift" <<'EOF'
// bus.merge.appending("lock")
let a = git.directory.appending("HEAD")
let b = "bus.merge.appending(\"lock\")"
struct C: RecordFields { let one = Field<Int>("Key") }
struct D: RecordFields { let one = Field<Int>("Key") }
EOF
lines() { cut -d : -f 2 | sort -nu | xargs; }
is "$(python3 names.py "$t_dir/Sources" | grep /Bus/ | lines)" "1 2 3 4 5 6 7 8 9 10 12" "which finds each in the bus"
is "$(python3 names.py "$t_dir/Sources" | grep /Landing/Bad | lines)" "1 2 3 4" "and each above it"
is "$(python3 names.py "$t_dir/Sources" | grep -c Good)" 0 "and nothing else"

is "$(python3 pointers.py ../../Sources)" "" "comments point to what is there"
cat >"$t_dir/Sources/Bus/Bad.swift" <<'EOF'
// See Nothing.
// see `Good.gone`, Bus/Gone.swift
struct Good { var member: Int }
// see `Good.member`, Landing/Good.swift
EOF
is "$(python3 pointers.py "$t_dir/Sources" | grep /Bus/ | cut -d : -f 2 | xargs)" "1 2 2" "and what is not there is found"

# The pages about the tree name what is there, and every room.
cd ../.. || exit 1
missing=
for page in Sources/README.md CONTRIBUTING.md Tests/README.md; do
  # shellcheck disable=SC2016 # no expansion
  for path in $(grep -oE '`[A-Za-z][A-Za-z0-9/.*_-]*`' "$page" | tr -d '`' | grep / | grep -vE 'GROUP|NAME|^swift |^bash '); do
    compgen -G "$path" >/dev/null || compgen -G "Sources/$path" >/dev/null || missing+="$page: $path; "
  done
done
is "$missing" "" "no page names a file that is not there"
for room in Sources/*/; do
  room=$(basename "$room")
  grep -qE "(\*\*|, )$room\b" Sources/README.md || missing+="$room; "
done
is "$missing" "" "and Sources/README.md tells of every room"
t_end
