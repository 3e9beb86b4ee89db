#!/usr/bin/env bash
# Every two verbs interleaved at every operation. CADRE_TEST_ALL=1 tries each operation, else every twelfth.
. "$(dirname "$0")/lib.sh"
t_world
PYTHONDONTWRITEBYTECODE=1 python3 faults/interleave.py plain
ok "whatever verbs meet, they end as if one had come after the other"
t_end
