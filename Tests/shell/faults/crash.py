"""Kills every verb before each of its mutating operations, and the recover that follows before each of its own.

After any of it and one more recover the bus must be right, a second recover must find nothing to do, and the verb must
have happened wholly or not at all: the bus must look as if it had never been started, or as if it had run through,
the latter if it had printed an id.
"""

import multiprocessing
import os
import shutil
import sys

from check import check, differences, names, signature, snapshot
from world import cases, clean, copy, image, littered, place, put, run


def recovered(bus, twice=True):
    """Runs recover, and again; what was wrong with that."""
    code, _, err = run(bus, ["recover"])
    if code != 0:
        return [f"recover exits {code}: {err.strip()}"]
    if not twice:
        return []
    code, _, err = run(bus, ["recover"])
    return [f"the second recover: {code} {err.strip()}"] if code != 0 or "healed" in err else []


def promises(case):
    """Whether what the verb prints are ids that must be there from then on."""
    return case.name.split("-")[0] in ("add", "import", "send") or case.name == "ask"


def ids(out):
    return [line.split("\t")[0] for line in out.split("\n") if line]


def judge(bus, before, after, known, printed, twice):
    """What is wrong with a bus once recover has run."""
    wrong = recovered(bus, twice) + check(bus, known + printed)
    now = snapshot(bus)
    if now != after and (printed or now != before):
        wrong += ["neither done nor undone:" if not printed else "printed and not done:", *differences(now, after)]
    return wrong


def enumerate_case(job):
    base, case, known, deep, root = job
    at = f"{root}/{multiprocessing.current_process().pid}"
    points = recoveries = 0
    wrong = []

    def note(where, problems):
        if problems:
            wrong.append((f"{case.name} {where}", problems))

    bus = put(base, at)
    recovered(bus)
    before = snapshot(bus)
    put(base, at)
    read = len(names(f"{bus}/mail/human/cur"))
    code, out, err = case.run(bus)
    if code != 0:
        note("unkilled", [f"exits {code}: {err.strip()}"])
    prints = promises(case)
    note("unkilled", recovered(bus) + check(bus, known + ids(out) * prints))
    after = snapshot(bus)
    # States that were judged, with what had been promised: another crash may lead to the same.
    judged = set()
    for point in range(1, 1000):
        put(base, at)
        code, out, err = case.run(bus, fault=f"kill:{point}")
        if code != -9:
            break
        points += 1
        mark = signature(bus)
        killed = image(bus)
        said = ids(out) if prints else []
        problems = judge(bus, before, after, known, said, True)
        if case.name == "inbox-next" and not out and len(names(f"{bus}/mail/human/cur")) > read:
            problems.append("I4: acknowledged, and never printed")
        note(f"killed at {point}", problems)
        if not deep or (mark, bool(said)) in judged:
            continue
        judged.add((mark, bool(said)))
        for step in range(1, 1000):
            put(killed, at)
            code, _, _ = run(bus, ["recover"], fault=f"kill:{step}")
            if code != -9:
                break
            recoveries += 1
            mark = signature(bus)
            if (mark, bool(said)) in judged:
                continue
            judged.add((mark, bool(said)))
            note(f"killed at {point}, recover at {step}", judge(bus, before, after, known, said, False))
    return points, recoveries, wrong


def main():
    only = sys.argv[1:]
    root = place()
    try:
        first, second = f"{root}/clean", f"{root}/littered"
        t = clean(first)
        u = littered(copy(first, second), dict(t))
        jobs = []
        for base, which in ((first, t), (second, u)):
            known = [n for n in names(f"{base}/tasks")]
            for case in cases(which):
                if only and case.name not in only:
                    continue
                jobs.append((image(base), case, known, base == first or case.name == "recover", root))
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
