"""Damages every kind of file of a bus, and asks every verb that reads it, doctor, and doctor --fix.

A verb that can't read what it needs exits 75, names the file and changes nothing; doctor names the file; after
doctor --fix doctor is healthy or still names it, and no task and no message is gone.
"""

import os
import shutil
import sys

from check import markers, mail, names, snapshot
from world import SESSION, clean, forked, image, must, place, put, run, write

LIV = {"CADRE_AGENT": "liv", "CADRE_SESSION": SESSION}


def empty(path):
    write(path, "")


def half(path):
    os.truncate(path, os.path.getsize(path) // 2)


def cut(path):
    os.truncate(path, os.path.getsize(path) - 1)


def garbage(path):
    with open(path, "wb") as file:
        file.write(b"\x00\xff garbage \x1b[31m\n\n")


def directory(path):
    os.unlink(path)
    os.mkdir(path)


def gone(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def renamed(to):
    def change(path):
        os.rename(path, os.path.join(os.path.dirname(path), to))

    change.__name__ = f"renamed to {to}"
    return change


def says(text):
    def change(path):
        write(path, text)

    change.__name__ = f"says {text!r}"
    return change


def field(key, value):
    def change(path):
        with open(path) as file:
            lines = [line if not line.startswith(f"{key}: ") else f"{key}: {value}\n" for line in file]
        write(path, "".join(lines))

    change.__name__ = f"{key} {value}"
    return change


WORKERS = 8
TORN = (empty, half, garbage, directory)
HUGE = "9223372036854775807"


class Place:
    """A kind of place: its path in the bus, what is done to it, and the verbs that then exit 75 and name it.

    `named` is what they and doctor name instead of the path itself, where that is the right thing.
    """

    def __init__(self, path, damages, verbs, named=None, **env):
        self.path, self.damages, self.verbs, self.env = path, damages, verbs, env
        self.named = named or [path]

    def names(self, bus, text):
        return any(f"{bus}/{name}" in text for name in self.named)


def claimed(bus, number):
    return next(f"state/claimed/{n}" for n in names(f"{bus}/state/claimed") if n.split(",")[0] == number)


def places(bus, t):
    task = ["task"]
    wanted, held = t["wanted"], t["held"]
    letter = f"mail/human/new/{t['mail-second']}"
    done = [["--as", "alice", *task, "done", "--no-merge", held]]
    return [
        Place("version", (*TORN, gone, cut, says("cadre x y\n")), [[*task, "list"], ["claim"], ["inbox"], ["send", "human", "x"], ["recover"], [*task, "add", "x"], ["init"]]),
        Place(f"tasks/{wanted}/task", (*TORN, gone, cut, field("Priority", "9"), field("Priority", "x")),
              [[*task, "list"], [*task, "show", wanted], ["claim", wanted], [*task, "cancel", wanted], [*task, "edit", "-p", "1", wanted], [*task, "dep", wanted]]),
        Place(f"tasks/{t['waits']}/task", (field("Depends", f"{wanted} x"), field("Depends", HUGE + "0")), [[*task, "list"], [*task, "show", t["waits"]]]),
        Place(f"tasks/{t['middle']}/task", (field("Parent", "x"),), [[*task, "list"], [*task, "show", t["middle"]]]),
        Place(f"tasks/{t['later']}/task", (field("Defer", "soon"),), [[*task, "list"], [*task, "show", t["later"]]]),
        Place(f"tasks/{held}/task", TORN, [[*task, "show", held], *done]),
        # A whole line that is missing only doctor can find.
        Place(f"tasks/{held}/dependents", (empty, cut, garbage, directory), done),
        Place(f"tasks/{held}/dependents", (half, gone), []),
        Place(f"tasks/{t['epic']}/children", (empty, cut, garbage, directory), [["--as", "alice", *task, "done", "--no-merge", t["child-held"]]]),
        Place(f"tasks/{t['past']}/end", TORN, [[*task, "show", t["past"]], [*task, "list", "--json"]]),
        Place("state/blocked/" + t["waits"], (gone, renamed("x" + t["waits"])), [[*task, "list"], [*task, "show", t["waits"]], ["claim", t["waits"]]], [f"tasks/{t['waits']}"]),
        Place(f"state/ready/any/2/0/{wanted}", (renamed("x"), renamed(".x"), renamed(HUGE + "0")), [["--as", "zed", "claim"], ["--as", "zed", "claim", "--wait=1s"]], ["state/ready/any/2/0"]),
        Place(claimed(bus, held), (renamed(f"{held},alice"), renamed("x"), renamed(f"{held},alice,zzz,{HUGE}0,h,b")),
              [*done, [*task, "list"]], ["state/claimed", f"tasks/{held}"]),
        Place(claimed(bus, held), (renamed(f"{held},alice"), renamed("x")), [["recover"]], ["state/claimed"]),
        Place("ids", (empty, garbage, directory, says(f"{HUGE}\n"), says("0\n"), gone), []),
        Place("tasks", (gone,), [[*task, "list"], [*task, "show", wanted], [*task, "add", "x"]]),
        Place("state/claimed", (gone,), [[*task, "list"], [*task, "show", held], ["--as", "zed", "claim"], *done]),
        Place("state/ready", (gone,), [[*task, "list"], ["--as", "zed", "claim"]]),
        Place("import", (gone,), [["recover"], [*task, "import", "-"]]),
        Place("asks/open", (gone,), [["ask", "list"], ["ask", "x"], ["recover"]]),
        Place("journal", (gone,), [["log"]]),
        Place("mail/human/new", (gone,), [["inbox"], ["inbox", "next"]]),
        Place("tmp", (gone,), [[*task, "add", "x"]]),
        Place("agents/liv/card", TORN, [["claim"], ["heartbeat"], ["recover"]], **LIV),
        Place("agents/liv/card", (gone,), [["recover"]]),
        Place("agents/liv/session", TORN, [["claim"], ["heartbeat"], ["recover"]], **LIV),
        Place("agents/liv/state", TORN, [["heartbeat"], ["recover"]], **LIV),
        Place("agents/liv/want", (empty, garbage, directory), [["recover"]]),
        Place("agents/liv/gone", (garbage, directory, says(f"{HUGE}\n")), [["recover"]]),
        Place(f"asks/open/{t['ask']}", TORN, [["ask", "list"], ["ask", "show", t["ask"]], ["ask", "answer", t["ask"], "red"]]),
        Place(letter, (*TORN, cut), [["inbox"], ["inbox", "next"], ["inbox", "show", t["mail-second"]], ["inbox", "search", "x"]]),
        Place("import/900-901", (*TORN, cut, renamed("900-999"), renamed(f"0-{HUGE}"), renamed("901-900")), [["recover"]], ["import"]),
        Place("slots/1", (garbage, directory, half), []),
        Place("merge/queue/1", TORN, []),
        Place("mail/human/order", (empty, half, garbage), []),
        Place("mail/human/order.at", (empty, half, garbage), []),
    ]


RECORD = "".join(f"Title: {n}\nPriority: 2\nBy: human\nCreated: 1\nLength: 0\n\n" for n in ("one", "two"))


def build(bus):
    t = clean(bus)
    must(bus, ["heartbeat", "--state", "idle"], **LIV)
    write(f"{bus}/agents/liv/want", "run\n")
    write(f"{bus}/agents/liv/gone", "4000000000\n")
    write(f"{bus}/slots/1", "liv 1 1 00000000\n")
    write(f"{bus}/merge/queue/1", "Task: 1\nLength: 0\n\n")
    new = "\n".join(names(f"{bus}/mail/human/new"))
    write(f"{bus}/mail/human/order", f"0123abcd\n{new}\n")
    write(f"{bus}/mail/human/order.at", "0123abcd 000000000009\n")
    return t


def everything(bus):
    """All that may not be lost: tasks that have a directory, messages, and the files of each."""
    tasks = {f"task {n}" for n in names(f"{bus}/tasks")} if os.path.isdir(f"{bus}/tasks") else set()
    found = set()
    for at, _, files in os.walk(f"{bus}/mail"):
        found |= {f"message {n.split(':')[0]}" for n in files if "@" in n}
    damaged = "\n".join(names(f"{bus}/damaged")) if os.path.isdir(f"{bus}/damaged") else ""
    return tasks, found, damaged


def content(bus):
    """Every file and what it says, but for locks, bells, the journal and what is being written aside."""
    found = {}
    for at, below, files in os.walk(bus):
        below[:] = [d for d in below if d not in ("tmp", "journal")]
        for name in files:
            if name not in ("lock", "bell", "reader", "assignment", "order", "order.at"):
                with open(f"{at}/{name}", "rb") as file:
                    found[f"{at}/{name}"[len(bus):]] = file.read()
    return found


def trial(kind, damage, base, bus, t):
    """How much was tried, and what was wrong, with one file damaged in one way."""
    wrong, tried = [], 0
    name = f"{kind.path} {damage.__name__}"
    put(base, bus)
    if kind.path.startswith("import/"):
        write(f"{bus}/{kind.path}", RECORD)
        write(f"{bus}/ids", "902\n")
    damage(f"{bus}/{kind.path}")
    damaged = image(bus)
    before = content(bus)
    for words in kind.verbs:
        tried += 1
        put(damaged, bus)
        code, out, err = run(bus, words, "- [ ] x\n" if words[-1] == "-" else "", **kind.env)
        if code != 75 or not kind.names(bus, err) or err.count("\n") > 3 or "\x1b" in err:
            wrong.append(f"{name}: {' '.join(words)} exits {code}: {out.strip()[:80]!r} {err.strip()[:300]!r}")
        now = content(bus)
        changed = sorted(k for k in set(now) | set(before) if now.get(k) != before.get(k))
        # What is well may be seen to by recover, and the lock file of a box may be new.
        if words != ["recover"] and changed:
            wrong.append(f"{name}: {' '.join(words)} changed {changed}")
        elif kind.path in changed:
            wrong.append(f"{name}: {' '.join(words)} changed the damaged file")
    put(damaged, bus)
    if kind.path.startswith("mail/human/order"):
        code, out, err = run(bus, ["inbox", "next"])
        if code != 0 or not out.startswith(t["mail-second"]):
            wrong.append(f"{name}: inbox next exits {code}: {out[:60]!r} {err.strip()!r}")
        return tried + 1, wrong
    tasks, letters, _ = everything(bus)
    code, out, err = run(bus, ["doctor"])
    if code != 75 or not kind.names(bus, out + err):
        wrong.append(f"{name}: doctor exits {code}: {out.strip()[:300]!r} {err.strip()[:200]!r}")
    run(bus, ["doctor", "--fix"])
    code, out, err = run(bus, ["doctor"])
    again, _, _ = run(bus, ["doctor", "--fix"])
    if code not in (0, 75) or (code == 75 and f"{bus}/" not in out):
        wrong.append(f"{name}: doctor after --fix exits {code}: {out.strip()[:300]!r} {err.strip()[:200]!r}")
    if again != code:
        wrong.append(f"{name}: doctor --fix exits {again}, and doctor {code}")
    after, there, aside = everything(bus)
    lost = (tasks - after) | {m for m in letters - there if m.split()[1] not in aside}
    if lost:
        wrong.append(f"{name}: doctor --fix lost {sorted(lost)}")
    return tried + 2, wrong


def main():
    root = place()
    try:
        t = build(f"{root}/base")
        base = image(f"{root}/base")
        trials = [(kind, damage) for kind in places(f"{root}/base", t) for damage in kind.damages]

        def work(first):
            """Every so many-th, in a process of its own: doctor waits most of its time, to look again."""
            bus = f"{root}/bus{first}"
            return [trial(kind, damage, base, bus, t) for kind, damage in trials[first::WORKERS]]

        results = [result for part in forked(work, WORKERS) for result in part]
    finally:
        shutil.rmtree(root, ignore_errors=True)
    tried, wrong = sum(result[0] for result in results), [line for result in results for line in result[1]]
    for line in wrong:
        print(f"# {line}".replace(root, ""))
    print(f"# shown: {tried} looks at damaged files, {len(wrong)} wrong")
    return 1 if wrong or tried < 100 else 0


sys.exit(main())
