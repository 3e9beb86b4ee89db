#!/usr/bin/env bash
# Every verb killed before each of its mutating operations, and recover killed before its own: CADRE_TEST_ALL=1 before
# each, else before every third.
. "$(dirname "$0")/lib.sh"
t_world
PYTHONDONTWRITEBYTECODE=1 python3 faults/crash.py plain
ok "after any kill and one recover every promise holds"
t_end
