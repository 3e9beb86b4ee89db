"""Reads a bus as cadre-bus(5) describes it, without any code of cadre's.

check() lists what is wrong with it once recover has run; snapshot() is all that matters of it, without times, tokens
and random names, so that two runs of the same thing compare equal.
"""

import hashlib
import os
import re
import time

ENDED = ("done", "failed", "cancelled")
STATES = ENDED + ("edit", "blocked", "deferred", "ready", "claimed", "review", "settle")


class Damaged(Exception):
    pass


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def names(path):
    return sorted(os.listdir(path))


def record(path):
    """The headers and the body of a record; None if there is no such file."""
    data = read(path)
    if data is None:
        return None
    head, gap, body = data.partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\n") if ": " in line)
    if not gap or len(body) != int(fields.pop("Length", "-1")):
        raise Damaged(f"{path} is not a whole record")
    return fields, body


def numbers(path):
    return {int(line) for line in (read(path) or b"").split()}


class Task:
    def __init__(self, bus, number):
        self.id = number
        self.at = f"{bus}/tasks/{number}"
        found = record(f"{self.at}/task")
        if found is None:
            raise Damaged(f"{self.at}/task is missing")
        self.fields, self.body = found
        self.depends = [int(word) for word in self.fields.get("Depends", "").split()]
        self.parent = int(self.fields["Parent"]) if "Parent" in self.fields else None
        self.defer = int(self.fields.get("Defer", 0))
        self.end = record(f"{self.at}/end")
        self.died = sum(name.startswith("died,") for name in names(self.at))
        self.plan = record(f"{self.at}/plan")
        self.epic = os.path.exists(f"{self.at}/children")

    def planning(self):
        """Whether it can't be handed in, for want of an approved plan."""
        if self.plan is None or self.plan[0]["State"] == "withdrawn":
            return "Plan" in self.fields
        return self.plan[0]["State"] != "approved"

    def queue(self):
        until = int(self.fields.get("For-Until", 0))
        if "For" in self.fields and (until == 0 or until > time.time()):
            return ("first=" if until else "for=") + self.fields["For"]
        if self.epic:
            return "epic"
        return "role=" + self.fields["Role"] if "Role" in self.fields else "any"


def markers(bus):
    """All markers: (id, state, what the rest of the name says)."""
    found = []
    state = f"{bus}/state"
    for place in ("edit", "blocked") + ENDED:
        found += [(int(name), place, ()) for name in names(f"{state}/{place}")]
    for queue in names(f"{state}/ready"):
        for priority in names(f"{state}/ready/{queue}"):
            if not priority.isdigit():
                continue
            for bucket in names(f"{state}/ready/{queue}/{priority}"):
                for name in names(f"{state}/ready/{queue}/{priority}/{bucket}"):
                    found.append((int(name), "ready", (queue, priority)))
                    if int(name) // 100 != int(bucket):
                        raise Damaged(f"{name} is in bucket {bucket}")
    for group in names(f"{state}/deferred"):
        for name in names(f"{state}/deferred/{group}"):
            due, number = name.split(",")
            found.append((int(number), "deferred", (due,)))
    for place, parts in (("claimed", 6), ("review", 3), ("settle", 4)):
        for name in names(f"{state}/{place}"):
            words = name.split(",")
            if len(words) != parts:
                raise Damaged(f"{place}/{name} is not a marker's name")
            rest = (words[1],) + ((words[3] == "0",) if place == "claimed" else ()) + ((words[3],) if parts == 4 else ())
            found.append((int(words[0]), place, rest))
    return found


def boxes(bus):
    return [name for name in names(f"{bus}/mail") if not name.startswith(".")]


def mail(bus):
    """All messages: (box, read or not, id, its text)."""
    found = []
    for box in boxes(bus):
        for part in ("new", "cur"):
            for name in names(f"{bus}/mail/{box}/{part}"):
                found.append((box, part, name.split(":")[0], read(f"{bus}/mail/{box}/{part}/{name}")))
    return found


def check(bus, printed=()):
    """What is wrong, a line each. `printed` are the ids of tasks and messages that were promised to someone."""
    try:
        return list(problems(bus, set(printed)))
    except Damaged as damage:
        return [str(damage)]


def problems(bus, printed):
    where = {}
    for number, state, rest in markers(bus):
        if number in where:
            yield f"I1: task {number} is in {where[number][0]} and in {state}"
        where[number] = (state, rest)
    tasks = {int(name): Task(bus, int(name)) for name in names(f"{bus}/tasks")}
    for number in sorted(set(where) - set(tasks)):
        yield f"I1: a marker of task {number}, which is not there"
    for number in sorted(set(tasks) - set(where)):
        yield f"I1: task {number} has no marker"
    for number in sorted(set(tasks) & set(where)):
        yield from one(bus, tasks, where, tasks[number], *where[number])
    if tasks and int(read(f"{bus}/ids")) <= max(tasks):
        yield "I1: the counter is behind"
    if names(f"{bus}/import"):
        yield "I1: an import is not finished"
    seen = {}
    for box, part, name, text in mail(bus):
        if name in seen:
            yield f"I4: message {name} is in {seen[name]} and in {box}/{part}"
        seen[name] = f"{box}/{part}"
        if not text.startswith(b"From: ") or b"\n\n" not in text:
            yield f"I4: message {name} is not whole"
    for name in printed:
        if name not in seen and (not str(name).isdigit() or int(name) not in tasks):
            yield f"printed {name} is not there"
    for name in names(f"{bus}/asks/open"):
        if os.path.exists(f"{bus}/asks/done/{name}") and name.isdigit():
            yield f"ask {name} is open and answered"
        fields, body = record(f"{bus}/asks/open/{name}")
        if fields.get("Kind") == "plan":
            plan = tasks[int(fields["Task"])].plan
            if plan is None or plan[0]["State"] != "submitted" or plan[0]["Ask"] != name or not body.endswith(b"\n\n" + plan[1]):
                yield f"ask {name} is about a plan that is not {plan}"


def one(bus, tasks, where, task, state, rest):
    number = task.id
    if state in ("edit", "settle"):
        yield f"task {number} is still in {state}"
    if state in ENDED:
        if task.end is None or task.end[0].get("State") != state:
            yield f"I2: task {number} is {state} and its end says {task.end}"
    elif task.end is not None:
        yield f"I2: task {number} is {state} and has an end"
    if task.plan and hashlib.sha256(task.plan[1]).hexdigest() != task.plan[0]["Digest"]:
        yield f"the plan of {number} is not the one of its digest"
    if state in ("done", "review") and task.planning():
        yield f"task {number} is {state} and its plan is {task.plan}"
    for other in task.depends:
        if number not in numbers(f"{bus}/tasks/{other}/dependents"):
            yield f"I3: {other} does not know that {number} depends on it"
    if task.parent and number not in numbers(f"{bus}/tasks/{task.parent}/children"):
        yield f"I3: {task.parent} does not know its child {number}"
    if state in ("ready", "blocked", "deferred"):
        above = where[task.parent][0] if task.parent else "ready"
        if task.defer > time.time():
            right = ("deferred", (str(task.defer),))
        elif any(where[other][0] != "done" for other in task.depends) or above in ("blocked", "deferred", "cancelled"):
            right = ("blocked", ())
        else:
            right = ("ready", (task.queue(), task.fields["Priority"]))
        if (state, rest) != right:
            yield f"I3: task {number} is in {state} {rest} and belongs in {right}"
    below = [where[child.id][0] for child in tasks.values() if child.parent == number]
    over = all(s in ("done", "cancelled") for s in below)
    if below and state == "done" and not over:
        yield f"I3: epic {number} is done, its children are {below}"
    if below and over and "done" in below and not task.planning() and state not in ("done", "cancelled", "failed"):
        yield f"I3: epic {number} is {state}, its children have ended"
    if state in ("failed", "cancelled"):
        waiting = [t.id for t in tasks.values() if number in t.depends and where[t.id][0] in ("blocked", "deferred")]
        ask = f"{'failed' if state == 'failed' else 'blocked'}-{number}"
        if waiting and not any(os.path.exists(f"{bus}/asks/{p}/{ask}") for p in ("open", "done")):
            yield f"I3: {waiting} wait for {state} {number} and nobody was asked"


def snapshot(bus):
    """All that matters, without what differs from run to run."""
    try:
        where = {number: (state, rest) for number, state, rest in markers(bus)}
        tasks = {}
        for number in sorted(int(name) for name in names(f"{bus}/tasks")):
            task = Task(bus, number)
            end = task.end and ({k: v for k, v in task.end[0].items() if k not in ("Time", "Token")}, task.end[1])
            fields = {k: v for k, v in task.fields.items() if k not in ("Created", "For-Until")}
            notes = re.sub(rb"(?m)^## \S+", b"##", read(f"{task.at}/notes") or b"")
            plan = task.plan and ({k: v for k, v in task.plan[0].items() if k not in ("Time", "Decided")}, task.plan[1])
            plans = {name: record(f"{task.at}/{name}")[1] for name in names(task.at) if name.startswith("plan,")}
            tasks[number] = (where.get(number), fields, task.body, end, task.died, task.epic, notes, plan, plans)
        asks = {}
        for place in ("open", "done"):
            for name in names(f"{bus}/asks/{place}"):
                fields, body = record(f"{bus}/asks/{place}/{name}")
                asks[place, name] = (fields.get("Answer"), body)
        # As a set: a letter that cadre writes itself is promised at least once.
        letters = sorted({(b, p, re.sub(rb"(?m)^(Date|Message-ID):.*\n", b"", text)) for b, p, _, text in mail(bus)})
        agents = {}
        for name in names(f"{bus}/agents"):
            report = record(f"{bus}/agents/{name}/state")
            agents[name] = report and {k: v for k, v in report[0].items() if k not in ("Time", "Since")}
        return {"tasks": tasks, "asks": asks, "mail": letters, "agents": agents}
    except Damaged as damage:
        return {"damaged": str(damage)}


def differences(one, two):
    """Where two snapshots differ, for a person."""
    out = []
    for part in sorted(set(one) | set(two)):
        a, b = one.get(part, {}), two.get(part, {})
        if isinstance(a, dict) and isinstance(b, dict):
            out += [f"{part} {key}: {a.get(key)} | {b.get(key)}" for key in sorted(set(a) | set(b), key=str) if a.get(key) != b.get(key)]
        elif a != b:
            out += [f"{part}: {[x for x in a if x not in b]} | {[x for x in b if x not in a]}"]
    return out


def signature(bus):
    """Every file of the bus and what is in it, but for what no step depends on."""
    found = []
    for at, directories, files in os.walk(bus):
        directories[:] = sorted(d for d in directories if at != bus or d not in ("tmp", "journal"))
        found += [(at[len(bus):], "", b"")]
        found += [(at[len(bus):], name, read(f"{at}/{name}")) for name in sorted(files) if name not in ("lock", "bell")]
    return hash(tuple(found))
