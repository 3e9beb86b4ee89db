#!/usr/bin/env bash
# The package's arrows point down only.
. "$(dirname "$0")/lib.sh"

package=$(cd ../.. && swift package describe --type json 2>/dev/null)
[ -n "$package" ]
ok "the package describes itself"

bad=$(jq -r '
  def layer: if . == "CSys" or . == "CNcurses" then 0 elif . == "Bus" then 1 elif . == "Processes" then 2
    elif . == "Git" or . == "Tmux" or . == "AgentPrograms" or . == "Screen" then 3 elif . == "Team" then 4 elif . == "Tool" then 5
    elif . == "Top" or endswith("Command") then 6 elif . == "Commands" then 7 elif . == "cadre" or startswith("cadre-") then 8 else 9 end;
  .targets[] | select(.type != "test") | .name as $from
  | (.target_dependencies // [])[] | select((. | layer) >= ($from | layer) or ($from | layer) == 9)
  | "\($from) -> \(.)"' <<<"$package")
is "$bad" "" "no arrow points up or sideways"

known=$(jq -r '[.targets[] | select(.type != "test") | .name] | length' <<<"$package")
[ "$known" -gt 10 ]
ok "and there are targets to look at"
t_end
