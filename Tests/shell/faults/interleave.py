"""Interleaves every two verbs: V stops before an operation, reads and locks included, W runs whole, V goes on.

Where W waits for a lock that V holds, V goes on at once. Afterwards both must have ended as they would have one after
the other: the exit codes and the bus, once recover has run, are those of V then W or of W then V.

Without CADRE_TEST_ALL only every eighth operation of a pair is tried, each pair beginning with another one.
"""

import multiprocessing
import os
import select
import shutil
import subprocess
import sys
import time

from check import check, differences, names, snapshot
from world import CADRE, cases, clean, environment, image, place, put, run

# One of each kind, so that the square is still to be walked.
CHOSEN = """add-child add-first-child edit-priority edit-claimed edit-parent edit-leave dep-add dep-epic claim-best claim
renew release revoke done-dependents done-epic fail cancel-ready cancel-claimed cancel-epic cancel-child reopen-done
reopen-child import send inbox-next inbox-ack answer-agent heartbeat recover note""".split()
PATIENCE = 30
STRIDE = 1 if os.environ.get("CADRE_TEST_ALL") else 8


class Gate:
    """The two FIFOs through which a paused process is heard and let go."""

    def __init__(self, at):
        os.makedirs(at)
        self.at = at
        for name in ("paused", "go"):
            os.mkfifo(f"{at}/{name}")
        self.heard = os.open(f"{at}/paused", os.O_RDWR | os.O_NONBLOCK)
        self.back = os.open(f"{at}/go", os.O_RDWR | os.O_NONBLOCK)

    def clear(self):
        for fd in (self.heard, self.back):
            try:
                os.read(fd, 100)
            except BlockingIOError:
                pass

    def paused(self, process):
        """Whether the process paused; False once it has ended without."""
        pid = os.pidfd_open(process.pid)
        try:
            ready, _, _ = select.select([self.heard, pid], [], [], PATIENCE)
        finally:
            os.close(pid)
        return self.heard in ready

    def go(self):
        os.write(self.back, b"\n")


def start(bus, case, fault=None):
    more = dict(case.env)
    if fault:
        more["CADRE_FAULT"] = fault
    process = subprocess.Popen(
        [CADRE, *case.words], env=environment(bus, **more), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    process.stdin.write(case.stdin.encode())
    process.stdin.close()
    return process


def waits(pid):
    """Whether the process waits in flock(2)."""
    with open("/proc/locks") as file:
        return any(" -> FLOCK " in line and f" {pid} " in line for line in file)


def ended(process, seconds):
    """Waits for the end of a process; False if it came to wait for a lock, or takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            process.wait(0.005)
            return True
        except subprocess.TimeoutExpired:
            if waits(process.pid):
                return False
    return False


def whichever(case, snap):
    """A task in mid-change is not offered: who takes the best one may get the next, so which one doesn't count."""
    if case.name != "claim-best":
        return snap
    tasks = {}
    for number, (where, *rest) in snap.get("tasks", {}).items():
        taken = where and where[0] == "claimed" and where[1][0] == "zed"
        tasks[number] = (("ready", ("any", rest[0]["Priority"])) if taken else where, *rest)
    held = sum(where != snap["tasks"][number][0] for number, (where, *_) in tasks.items())
    return {**snap, "tasks": tasks, "claimed": held}


def serial(bus, base, first, second):
    put(base, bus)
    codes = [case.run(bus)[0] for case in (first, second)]
    run(bus, ["recover"])
    return codes, snapshot(bus)


def pair(job):
    base, known, first, second, offset, root = job
    at = f"{root}/{multiprocessing.current_process().pid}"
    if not os.path.exists(at):
        os.mkdir(at)
        pair.gate = Gate(f"{at}/gate")
    bus, gate = f"{at}/bus", pair.gate
    one, two = serial(bus, base, first, second), serial(bus, base, second, first)
    claims = first if first.name == "claim-best" else second
    legal = [(one[0], whichever(claims, one[1])), (two[0][::-1], whichever(claims, two[1]))]
    if {first.name, second.name} == {"inbox-next", "inbox-ack"}:
        # A message is printed before it is acknowledged, and in between another may acknowledge it.
        legal += [([0, 0], snap) for _, snap in legal]
    tried, wrong = 0, []
    point = offset
    while True:
        point += STRIDE
        put(base, bus)
        gate.clear()
        v = start(bus, first, f"pause:{point}:{gate.at}")
        if not gate.paused(v):
            v.wait()
            break
        tried += 1
        w = start(bus, second)
        ended(w, PATIENCE)
        gate.go()
        problems = []
        for process in (v, w):
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                problems.append("one waits for the other for ever")
                process.kill()
                process.wait()
        again, _, err = run(bus, ["recover"])
        if again != 0:
            problems.append(f"recover exits {again}: {err.strip()}")
        problems += check(bus, known)
        got = ([v.returncode, w.returncode], whichever(claims, snapshot(bus)))
        if got not in legal:
            problems.append(f"exit codes {got[0]}, one after the other {legal[0][0]} or {legal[1][0]}")
            problems += min((differences(got[1], other[1]) for other in legal), key=len)
        if problems:
            wrong.append((f"{first.name}, stopped at {point}, and {second.name}", problems))
    return tried, wrong


def main():
    only = sys.argv[1:]
    root = place()
    try:
        t = clean(f"{root}/clean")
        base, known = image(f"{root}/clean"), names(f"{root}/clean/tasks")
        chosen = [case for case in cases(t) if case.name in CHOSEN]
        jobs = []
        for i, first in enumerate(chosen):
            for j, second in enumerate(chosen):
                if not only or (first.name == only[0] and (len(only) < 2 or second.name == only[1])):
                    jobs.append((base, known, first, second, (3 * i + j) % STRIDE, root))
        with multiprocessing.Pool(os.cpu_count()) as pool:
            results = pool.map(pair, jobs, chunksize=1)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    tried = sum(r[0] for r in results)
    wrong = [w for r in results for w in r[1]]
    for where, problems in wrong:
        print(f"# {where}")
        for problem in problems:
            print(f"#   {problem}")
    print(f"# shown: {len(jobs)} pairs of verbs, {tried} interleavings, {len(wrong)} that are neither order")
    return 1 if wrong or tried < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
