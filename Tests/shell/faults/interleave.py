"""Interleaves every two verbs: V stops before an operation, reads and locks included, W runs whole, V goes on.

Where W waits for a lock that V holds, V goes on at once. Afterwards both must have ended as they would have one after
the other: the exit codes and the bus, once recover has run, are those of V then W or of W then V.

Without CADRE_TEST_ALL only every so many-th operation of a pair is tried, each pair beginning with another one.
"""

import multiprocessing
import os
import select
import shutil
import subprocess
import sys
import time

import world
from check import differences
from teamcheck import Team
from world import Plain, clean, own, place

# One of each kind, so that the square is still to be walked.
CHOSEN = """add-child add-first-child edit-priority edit-claimed edit-parent edit-leave dep-add dep-epic claim-best claim
renew release revoke done-dependents done-epic fail cancel-ready cancel-claimed cancel-epic cancel-child reopen-done
reopen-child import send inbox-next inbox-ack answer-agent heartbeat recover note
plan-submit plan-replace approve-plan""".split()
PATIENCE = 30


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
    """A task in mid-change is not offered: who takes the best one may get the next, so which one doesn't count. And what is
    written to one who is let go at that moment is a dead letter or is not written."""
    if case.name == "retire":
        return {**snap, "mail": [letter for letter in snap.get("mail", []) if letter[0] != "dead"]}
    if case.name != "claim-best":
        return snap
    tasks = {}
    for number, (where, *rest) in snap.get("tasks", {}).items():
        taken = where and where[0] == "claimed" and where[1][0] == "zed"
        tasks[number] = (("ready", ("any", rest[0]["Priority"])) if taken else where, *rest)
    held = sum(where != snap["tasks"][number][0] for number, (where, *_) in tasks.items())
    return {**snap, "tasks": tasks, "claimed": held}


def serial(kind, at, base, first, second):
    kind.put(base, at)
    codes = [case.run(at)[0] for case in (first, second)]
    kind.run(at, ["recover"])
    return codes, kind.snapshot(at)


def pair(job):
    """Either of two verbs stopped, and the other run meanwhile."""
    kind, base, first, second, offsets, root = job
    at = own(root)
    if not hasattr(pair, "gate"):
        pair.gate = Gate(f"{at}.gate")
    kind.put(base, at)
    known = kind.known(at, first)
    one, two = serial(kind, at, base, first, second), serial(kind, at, base, second, first)
    special = first if first.name in ("claim-best", "retire") else second
    legal = [(one[0], whichever(special, one[1])), (two[0][::-1], whichever(special, two[1]))]
    if {first.name, second.name} == {"inbox-next", "inbox-ack"}:
        # A message is printed before it is acknowledged, and in between another may acknowledge it.
        legal += [([0, 0], snap) for _, snap in legal]
    if first is second and first.name == "done":
        # The same work submitted twice is submitted.
        legal += [([0, 0], snap) for _, snap in legal]
    tried, wrong = meet(kind, at, base, known, first, second, special, legal, offsets[0])
    if first is not second:
        legal = [(codes[::-1], snap) for codes, snap in legal]
        more, others = meet(kind, at, base, known, second, first, special, legal, offsets[1])
        tried, wrong = tried + more, wrong + others
    return tried, wrong


def meet(kind, at, base, known, first, second, special, legal, offset):
    gate = pair.gate
    tried, wrong = 0, []
    point = offset
    while True:
        point += stride(kind)
        kind.put(base, at)
        gate.clear()
        v = first.start(at, f"pause:{point}:{gate.at}")
        if not gate.paused(v):
            v.wait()
            break
        tried += 1
        w = second.start(at)
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
        again, _, err = kind.run(at, ["recover"])
        if again != 0:
            problems.append(f"recover exits {again}: {err.strip()}")
        problems += kind.check(at, known)
        got = ([v.returncode, w.returncode], whichever(special, kind.snapshot(at)))
        # Who was told to try again has done nothing.
        for again, other in ((0, second), (1, first)):
            if got[0][again] == 75 and got[0][1 - again] == other.code:
                kind.put(base, at)
                codes = [75, 75]
                codes[1 - again] = other.run(at)[0]
                kind.run(at, ["recover"])
                legal.append((codes, kind.snapshot(at)))
        if got not in legal:
            problems.append(f"exit codes {got[0]}, one after the other {legal[0][0]} or {legal[1][0]}")
            problems += min((differences(got[1], other[1]) for other in legal), key=len)
        if problems:
            wrong.append((f"{first.name}, stopped at {point}, and {second.name}", problems))
    return tried, wrong


def stride(kind):
    return 1 if os.environ.get("CADRE_TEST_ALL") else kind.leap


def plain(root):
    t = clean(f"{root}/clean")
    yield Plain, Plain.image(f"{root}/clean"), [case for case in world.cases(t) if case.name in CHOSEN]


def team(root):
    for image, chosen in Team.meetings(root):
        yield Team, image, chosen


def main():
    which, *only = sys.argv[1:]
    root = place()
    try:
        jobs = []
        for kind, base, chosen in {"plain": plain, "team": team}[which](root):
            for i, first in enumerate(chosen):
                for j, second in enumerate(chosen[: i + 1]):
                    # Two that end the same agent wait for each other as long as for one that does not end.
                    if i == j and first.name == "retire":
                        continue
                    if not only or set(only) <= {first.name, second.name}:
                        offsets = [(3 * i + j) % stride(kind), (3 * j + i) % stride(kind)]
                        jobs.append((kind, base, first, second, offsets, root))
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
    print(f"# shown: {len(jobs)} pairs of verbs, either stopped, {tried} interleavings, {len(wrong)} that are neither order")
    return 1 if wrong or tried < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
