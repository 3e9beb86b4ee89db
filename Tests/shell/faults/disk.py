"""Runs every verb on a full disk and on a read-only one.

It does what it can without space, or exits 75 and has done nothing; afterwards all is right.
"""

import os
import shutil
import subprocess
import sys

from check import check, differences, names, snapshot
from world import cases, clean, image, littered, place, put, run


def mount(at, *options):
    return subprocess.run(["mount", *options, at], capture_output=True).returncode == 0


def fill(at):
    """Takes all space, and then all that is left in single pages."""
    with open(f"{at}/filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def trial(disk, base, case, known, full):
    """What went wrong with one verb on one kind of disk."""
    bus = put(base, f"{disk}/bus")
    run(bus, ["recover"])
    before = snapshot(bus)
    put(base, bus)
    case.run(bus)
    run(bus, ["recover"])
    after = snapshot(bus)
    put(base, bus)
    if full:
        fill(disk)
    elif not mount(disk, "-o", "remount,ro"):
        return 70, ["unable to remount"]
    code, out, err = case.run(bus)
    looks, _, said = run(bus, ["task", "list"])
    if full:
        os.unlink(f"{disk}/filler")
    else:
        mount(disk, "-o", "remount,rw")
    wrong = []
    if code not in (0, 75):
        wrong.append(f"exits {code}: {err.strip()}")
    if code == 75 and (f"'{disk}/" not in err or err.count("\n") > 4):
        wrong.append(f"names no file: {err.strip()}")
    if code == 0 and not full and after != before:
        wrong.append("succeeds on a read-only disk")
    if looks != 0:
        wrong.append(f"task list exits {looks}: {said.strip()}")
    for _ in range(2):
        again, _, said = run(bus, ["recover"])
        if again != 0:
            wrong.append(f"recover exits {again}: {said.strip()}")
    wrong += check(bus, known)
    now = snapshot(bus)
    expected = after if code == 0 else before
    if now != expected:
        wrong += [f"exits {code} and is neither done nor undone:", *differences(now, expected)]
    return code, wrong


def main():
    only = sys.argv[1:]
    root = place()
    disk = f"{root}/disk"
    os.mkdir(disk)
    if not mount(disk, "-t", "tmpfs", "-o", "size=4m,mode=700", "none"):
        os.rmdir(disk)
        os.rmdir(root)
        print("# shown: skipped, no mounting here: verbs on a full and on a read-only disk")
        return 0
    tried, refused, wrong = 0, 0, []
    try:
        t = clean(f"{root}/clean")
        base, known = image(f"{root}/clean"), names(f"{root}/clean/tasks")
        u = littered(f"{root}/clean", t)
        littered_base = image(f"{root}/clean")
        for case in cases(u):
            if case.name == "doctor-fix" or (only and case.name not in only):
                continue
            for full in (True, False):
                tried += 1
                start = littered_base if case.name == "recover" else base
                code, problems = trial(disk, start, case, known, full)
                refused += code == 75
                if problems:
                    wrong.append((f"{case.name} on a {'full' if full else 'read-only'} disk", problems))
    finally:
        subprocess.run(["umount", disk])
        shutil.rmtree(root, ignore_errors=True)
    for where, problems in wrong:
        print(f"# {where}")
        for problem in problems:
            print(f"#   {problem}")
    print(f"# shown: {tried} verbs on a full or a read-only disk, {refused} of them refused, {len(wrong)} wrong")
    return 1 if wrong or tried < 2 else 0


sys.exit(main())
