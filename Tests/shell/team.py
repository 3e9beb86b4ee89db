#!/usr/bin/env python3
"""usage: team.py BUS N: makes N agents that live until standard input ends: cards, states, and the locks that say so.

Each tenth waits, each third works; the rest is idle. Prints a line when all are there.
"""
import fcntl
import os
import struct
import sys

bus, count = sys.argv[1], int(sys.argv[2])
held = []
for n in range(1, count + 1):
    at = f"{bus}/agents/fake{n}"
    os.makedirs(at)
    state = "waiting" if n % 10 == 0 else "working" if n % 3 == 0 else "idle"
    with open(f"{at}/state", "w") as file:
        file.write(f"State: {state}\nSource: test\nTime: 1\nSince: 1\nLength: 0\n\n")
    fd = os.open(f"{at}/alive", os.O_RDWR | os.O_CREAT, 0o600)
    # struct flock: a write lock on the whole file, of the open file description (F_OFD_SETLK).
    fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    held.append(fd)
    with open(f"{at}/card.new", "w") as file:
        file.write("Program: sh\nLength: 0\n\n")
    os.rename(f"{at}/card.new", f"{at}/card")
print("there", flush=True)
sys.stdin.read()
