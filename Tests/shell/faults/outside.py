"""Kills the shipped program from outside, with strace, as it enters each of the calls that can change something.

No help from the program: the n-th rename, open, write, ... of a verb is its last. Judged as crash.py does.
"""

import multiprocessing
import os
import shutil
import subprocess
import sys

from check import names, snapshot
from crash import ids, judge, promises, recovered
from world import CADRE, Plain, cases, clean, environment, image, own, place, put

CALLS = "openat write rename mkdir rmdir unlink fsync ftruncate pwrite64 utimensat syncfs flock".split()
CHOSEN = ("add-depends", "claim-best", "done-dependents", "send", "import", "inbox-next", "reopen-child", "answer-agent", "recover")


def one(job):
    base, case, known, root = job
    bus = put(base, own(root))
    recovered(Plain, bus)
    before = snapshot(bus)
    put(base, bus)
    case.run(bus)
    recovered(Plain, bus)
    after = snapshot(bus)
    points, wrong = 0, []
    for call in CALLS:
        for n in range(1, 1000):
            put(base, bus)
            words = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}"]
            done = subprocess.run(
                [*words, CADRE, *case.words], env=environment(bus, **case.env), input=case.stdin.encode(), capture_output=True
            )
            if done.returncode not in (-9, 137):
                if done.returncode != 0:
                    wrong.append((f"{case.name} under strace", [f"exits {done.returncode}: {done.stderr.decode().strip()}"]))
                break
            points += 1
            said = ids(done.stdout.decode()) if promises(case) else []
            problems = judge(Plain, case, bus, before, after, known, said, True)
            if problems:
                wrong.append((f"{case.name} killed at {call} {n}", problems))
    return points, wrong


def main():
    root = place()
    try:
        t = clean(f"{root}/clean")
        base, known = image(f"{root}/clean"), names(f"{root}/clean/tasks")
        jobs = [(base, case, known, root) for case in cases(t) if case.name in CHOSEN]
        with multiprocessing.Pool(os.cpu_count()) as pool:
            results = pool.map(one, jobs, chunksize=1)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    points = sum(r[0] for r in results)
    wrong = [w for r in results for w in r[1]]
    for where, problems in wrong:
        print(f"# {where}")
        for problem in problems:
            print(f"#   {problem}")
    print(f"# shown: {len(jobs)} verbs killed from outside at {points} system calls, {len(wrong)} violations")
    return 1 if wrong or points < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
