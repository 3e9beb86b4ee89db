#!/usr/bin/env bash
# A team at work while everything around it breaks; see faults/chaos.py, which runs longer by hand:
#   CADRE_BIN=… Tests/shell/faults/chaos.py --seconds 600
# which seed it was is printed.
. ./lib.sh
trap - EXIT
rm -rf "$t_dir"

python3 faults/chaos.py --seconds "${CADRE_CHAOS_SECONDS:-120}" --seed "${CADRE_CHAOS_SEED:-20}"
ok 'after chaos all has ended or is asked about, and all of it is true'

t_end
