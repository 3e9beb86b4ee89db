#!/usr/bin/env bash
# Every two of the verbs on the merge queue and those that meet them there, interleaved at every operation.
# CADRE_TEST_ALL=1 tries each operation, else every fortieth.
. "$(dirname "$0")/lib.sh"
t_world
PYTHONDONTWRITEBYTECODE=1 python3 faults/interleave.py team
ok "whatever verbs meet, they end as if one had come after the other"
t_end
