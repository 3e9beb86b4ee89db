"""Kills every verb before each of its mutating operations, and the recover that follows before each of its own.

After any of it and one more recover the bus must be right, a second recover must find nothing to do, and the verb must
have happened wholly or not at all: the bus must look as if it had never been started, or as if it had run through,
the latter if it had printed an id. A verb of several steps may also end in between, if the same call then goes on from
there to where it would have come.
"""

import multiprocessing
import os
import shutil
import sys

import world
from check import differences
from teamcheck import Team
from world import Plain, clean, copy, littered, names, place


def recovered(kind, at, twice=True):
    """Runs recover, and again; what was wrong with that."""
    code, _, err = kind.run(at, ["recover"])
    if code != 0:
        return [f"recover exits {code}: {err.strip()}"]
    if not twice:
        return []
    code, _, err = kind.run(at, ["recover"])
    return [f"the second recover: {code} {err.strip()}"] if code != 0 or "healed" in err else []


def promises(case):
    """Whether what the verb prints are ids that must be there from then on."""
    return case.name.split("-")[0] in ("add", "import", "send", "submit", "plan") or case.name == "ask"


def ids(out):
    return [line.split("\t")[0] for line in out.split("\n") if line]


def judge(kind, case, at, before, after, known, printed, twice):
    """What is wrong with a world once recover has run."""
    wrong = recovered(kind, at, twice) + kind.check(at, known, printed)
    now = kind.snapshot(at)
    if now == after or (now == before and not printed):
        return wrong
    if case.again and not wrong:
        # What was to be thrown away may be kept.
        code, _, err = case.run(at)
        wrong = recovered(kind, at) + kind.check(at, known, printed)
        now = kind.snapshot(at)
        if now == after or (case.discards and {**now, "refs": None} == {**after, "refs": None}):
            return wrong
        wrong.append(f"called again it exits {code}: {err.strip()}")
    return wrong + ["neither done nor undone:" if not printed else "printed and not done:", *differences(now, after)]


def enumerate_case(job):
    kind, base, case, deep, root = job
    at = world.own(root)
    points = recoveries = 0
    wrong = []

    def note(where, problems):
        if problems:
            wrong.append((f"{case.name} {where}", problems))

    kind.put(base, at)
    known = kind.known(at, case)
    recovered(kind, at)
    before = kind.snapshot(at)
    kind.put(base, at)
    read = kind.acknowledged(at)
    code, out, err = case.run(at)
    if code != case.code:
        note("unkilled", [f"exits {code}: {err.strip()}"])
    prints = promises(case)
    note("unkilled", recovered(kind, at) + kind.check(at, known, ids(out) * prints))
    after = kind.snapshot(at)
    # States that were judged, with what had been promised: another crash may lead to the same.
    judged = set()
    for fault in kind.faults:
        for point in range(1, 1000):
            kind.put(base, at)
            code, out, err = case.run(at, fault=f"{fault}:{point}")
            if code != -9:
                break
            points += 1
            mark = kind.signature(at)
            killed = kind.image(at)
            said = ids(out) if prints else []
            if case.name == "inbox-next" and not out and kind.acknowledged(at) > read:
                note(f"killed at {fault} {point}", ["I4: acknowledged, and never printed"])
            if (mark, bool(said)) in judged:
                continue
            judged.add((mark, bool(said)))
            note(f"killed at {fault} {point}", judge(kind, case, at, before, after, known, said, True))
            if not deep:
                continue
            for step in range(1 + point % kind.stride, 1000, kind.stride):
                kind.put(killed, at)
                code, _, _ = kind.run(at, ["recover"], fault=f"kill:{step}")
                if code != -9:
                    break
                recoveries += 1
                mark = kind.signature(at)
                if (mark, bool(said)) in judged:
                    continue
                judged.add((mark, bool(said)))
                note(f"killed at {fault} {point}, recover at {step}", judge(kind, case, at, before, after, known, said, False))
    return points, recoveries, wrong


def plain(root):
    first, second = f"{root}/clean", f"{root}/littered"
    t = clean(first)
    u = littered(copy(first, second), dict(t))
    for base, which in ((first, t), (second, u)):
        for case in world.cases(which):
            yield Plain, Plain.image(base), case, base == first or case.name == "recover", root


def team(root):
    for image, cases in Team.worlds(root):
        for case in cases:
            yield Team, image, case, True, root


def main():
    which, *only = sys.argv[1:]
    root = place()
    try:
        jobs = [job for job in {"plain": plain, "team": team}[which](root) if not only or job[2].name in only]
        with multiprocessing.Pool(os.cpu_count()) as pool:
            results = pool.map(enumerate_case, jobs, chunksize=1)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    points = sum(r[0] for r in results)
    recoveries = sum(r[1] for r in results)
    wrong = [w for r in results for w in r[2]]
    for where, problems in wrong:
        print(f"# {where}")
        for problem in problems:
            print(f"#   {problem}")
    print(f"# shown: {len(jobs)} verb cases, {points} crash points, {recoveries} recover crash points, {len(wrong)} violations")
    return 1 if wrong or points < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
