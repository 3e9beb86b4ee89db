#!/usr/bin/env bash
# A team at work while everything around it breaks; see faults/chaos.py, which runs longer by hand:
#   CADRE_BIN=… Tests/shell/faults/chaos.py --seconds 600 --seed 7
. ./lib.sh
trap - EXIT
rm -rf "$t_dir"

python3 faults/chaos.py --seconds "${CADRE_CHAOS_SECONDS:-60}" ${CADRE_CHAOS_SEED:+--seed "$CADRE_CHAOS_SEED"}
ok 'after chaos all has ended or is asked about, and all of it is true'

t_end
