#!/usr/bin/env bash
# The shipped program killed from outside, at each of its system calls that can change something.
. "$(dirname "$0")/lib.sh"
t_world
PYTHONDONTWRITEBYTECODE=1 python3 faults/outside.py
ok "after any kill and one recover every promise holds"
t_end
