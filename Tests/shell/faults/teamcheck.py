"""Judges a world with a repository in it, from its files and with git alone: the bus as check.py does, the merge queue,
the branches and the target.

I5  each tip that was submitted, given back or committed by an agent is reachable from a reference, or has landed
I7  each value of the target passed the gate as that tree, by what the gate itself wrote down
and besides: the target holds each tip once, and only of tasks that are done; an entry and its task's marker agree; who
has to decide about an entry was asked; no git was left with a lock.
"""

import os
import subprocess

import check as plain
import team
from check import Damaged, names, read, record
from team import GIT, bus, environment

LASTING = ("queued", "gating", "held", "waiting", "stuck")


def git(at, *words):
    done = subprocess.run([GIT, "--no-optional-locks", *words], env=environment(at), cwd=f"{at}/repository", capture_output=True)
    if done.returncode != 0:
        raise Damaged(f"git {words[0]}: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def entries(at, where):
    return {int(name): record(f"{bus(at)}/merge/{where}/{name}")[0] for name in names(f"{bus(at)}/merge/{where}")}


def references(at):
    """All references, and the HEAD of each worktree of an agent: a branch's name or a commit."""
    found = {}
    for line in (read(f"{at}/repository/.git/packed-refs") or b"").decode().split("\n"):
        if line[:1] not in ("", "#", "^"):
            commit, name = line.split(" ")
            found[name] = commit
    top = f"{at}/repository/.git"
    for place, _, files in os.walk(f"{top}/refs"):
        for name in files:
            found[f"{place}/{name}"[len(top) + 1 :]] = read(f"{place}/{name}").decode().strip()
    for name in agents(at):
        head = read(f"{top}/worktrees/{name}/HEAD")
        if head:
            found[f"HEAD of {name}"] = head.decode().strip()
    return found


def agents(at):
    return [name for name in names(f"{bus(at)}/agents") if os.path.exists(f"{bus(at)}/agents/{name}/card")]


def log(at):
    """What landed, first the last: (commit, tree, task, tip); task is None for what a person committed."""
    found = []
    for line in git(at, "log", "--first-parent", "--format=%H %T %(trailers:key=Cadre-Task,valueonly,separator=%x2C) %(trailers:key=Cadre-Tip,valueonly,separator=%x2C)", "main").split("\n"):
        words = line.split(" ")
        if len(words) == 4:
            found.append((words[0], words[1], int(words[2]) if words[2] else None, words[3]))
    return found


def check(at, tips=(), printed=()):
    """What is wrong, a line each. `tips` are commits of agents' that cadre has seen."""
    wrong = plain.check(bus(at), printed)
    try:
        return wrong + list(problems(at, set(tips)))
    except Damaged as damage:
        return wrong + [str(damage)]


def problems(at, tips):
    where = {number: (state, rest) for number, state, rest in plain.markers(bus(at))}
    waiting, left = entries(at, "queue"), entries(at, "done")
    asks = names(f"{bus(at)}/asks/open")

    reviews = {name.split(",")[0]: name for name in names(f"{bus(at)}/state/review")}
    for number in sorted(set(map(int, reviews)) - set(waiting)):
        yield f"task {number} is in review and no entry owns it"
    for number, entry in waiting.items():
        if reviews.get(str(number)) != f"{number},{entry['Author']},{entry['Token']}":
            yield f"the entry of task {number} ({entry['State']}) is in the queue and its task is in {where.get(number)}"
        if entry["State"] not in LASTING:
            yield f"the entry of task {number} is still {entry['State']}"
        if entry["State"] == "held" and f"review-{number}" not in asks + names(f"{bus(at)}/asks/done"):
            yield f"task {number} is held and nobody was asked"
        if entry["State"] == "stuck" and f"merge-{number}" not in asks + names(f"{bus(at)}/asks/done"):
            yield f"task {number} is stuck and nobody was asked"
    for number, entry in left.items():
        if entry["State"] not in ("landed", "returning", "withdrawn"):
            yield f"the last entry of task {number} ended as {entry['State']}"
    for ask in asks:
        if ask.split("-")[0] in ("merge", "review") and int(ask.split("-")[1]) not in waiting:
            yield f"ask {ask} is open and there is no entry"

    landed = log(at)
    once = [tip for _, _, task, tip in landed if task is not None]
    for tip in set(once):
        if once.count(tip) > 1:
            yield f"the target holds {tip} {once.count(tip)} times"
    for number, (state, _) in where.items():
        end = plain.Task(bus(at), number).end
        commit = end and end[0].get("Commit")
        if state == "done" and commit and commit not in [c for c, *_ in landed]:
            yield f"task {number} is done by {commit}, which the target has not"
        mine = [tip for _, _, task, tip in landed if task == number]
        if mine and state != "done" and not (number in left and left[number]["State"] == "landed" and number not in waiting):
            yield f"task {number} is {state} and {mine} has landed"
    for number, entry in waiting.items():
        if entry["Tip"] in once:
            yield f"task {number} waits in the queue and its tip has landed"

    passed = {line.split(" ")[0] for line in read(f"{at}/gates").decode().split("\n") if line.endswith(" pass")}
    for commit, tree, task, _ in landed:
        if task is not None and tree not in passed:
            yield f"I7: the gate did not pass {tree} of {commit}"
    values = {line.split(" ")[1] for line in read(f"{at}/repository/.git/logs/refs/heads/main").decode().split("\n") if line}
    for commit in values - {c for c, *_ in landed}:
        yield f"I7: the target held {commit} once and does not any more"

    tips = set(tips) | {e["Tip"] for e in list(waiting.values()) + [e for e in left.values() if e["State"] != "landed"]}
    for number in where:
        returned = record(f"{bus(at)}/tasks/{number}/returned")
        if returned:
            tips.add(returned[0]["Tip"])
    reachable = set(git(at, "rev-list", "--all").split())
    for tip in tips - reachable - set(once):
        yield f"I5: no reference holds the tip {tip}"
    if git(at, "status", "--porcelain"):
        yield "the person's worktree is not as the target is"
    for place, _, files in os.walk(f"{at}/repository/.git"):
        for name in files:
            if name.endswith(".lock"):
                yield f"{place}/{name} was left"


def snapshot(at):
    """All that matters of a world, without what differs from run to run."""
    snap = plain.snapshot(bus(at))
    try:
        # And without how far the gate came with what then did not land.
        unlike = ("Time", "Token", "Index-Stamp", "Tried", "Old", "Tree", "Gate")
        for where in ("queue", "done"):
            snap[f"merge {where}"] = {
                number: {k: v for k, v in e.items() if k not in unlike and (k != "Commit" or e["State"] == "landed")}
                for number, e in entries(at, where).items()
            }
        # A tip may be kept for nothing, and a branch stay whose work has landed; that none is lost is for check() to say.
        landed = {tip for _, _, task, tip in log(at) if task is not None}
        snap["refs"] = {n: value for n, value in references(at).items() if not n.startswith("refs/cadre/") and value not in landed}
        more = {}
        for name in names(f"{bus(at)}/tasks"):
            for file in ("returned", "branch"):
                found = record(f"{bus(at)}/tasks/{name}/{file}")
                if found:
                    over = file == "branch" and snap["merge done"].get(int(name), {}).get("State") == "landed"
                    more[f"{name}/{file}"] = ({k: v for k, v in found[0].items() if k != "Time" and not (over and k == "Base")}, found[1])
        for name in agents(at):
            more[f"card of {name}"] = record(f"{bus(at)}/agents/{name}/card")[0]
            more[f"want of {name}"] = read(f"{bus(at)}/agents/{name}/want")
            tree = f"{at}/{name}"
            more[f"files of {name}"] = {n: read(f"{tree}/{n}") for n in names(tree) if n != ".git"} if os.path.exists(tree) else None
        snap["more"] = more
        snap["target"] = [(tree, task, tip) for _, tree, task, tip in log(at)]
    except Damaged as damage:
        snap["damaged"] = {"git": str(damage)}
    return snap


def signature(at):
    """Two worlds of the same signature are the same for whoever goes on in them."""
    found = []
    for place, directories, files in os.walk(at):
        inside = place[len(at) :]
        directories[:] = sorted(d for d in directories if (inside, d) not in ((f"/repository/.git/cadre", "tmp"), (f"/repository/.git/cadre", "journal")))
        for name in sorted(files):
            if name not in ("lock", "bell", "index", "COMMIT_EDITMSG") and "/logs/" not in f"{inside}/" and "/objects/" not in f"{inside}/":
                found.append((inside, name, read(f"{place}/{name}")))
        found.append((inside, "", b""))
    return hash(tuple(found))


class Team:
    """How a world with a repository is put, run and judged."""

    faults = ("kill", "git")
    stride = 1 if os.environ.get("CADRE_TEST_ALL") else 5
    leap = 40
    put, image, run = staticmethod(team.put), staticmethod(team.image), staticmethod(team.command)
    snapshot, signature = staticmethod(snapshot), staticmethod(signature)

    @staticmethod
    def worlds(root):
        for make in team.WORLDS:
            made, t = team.build(root, make)
            yield made, team.cases(make, t)

    @staticmethod
    def meetings(root):
        for make in team.MEETINGS:
            made, t = team.build(root, make)
            yield made, team.meetings(make, t)

    @staticmethod
    def known(at, case):
        """What must not be lost: tasks, and the work on each branch."""
        tips = [] if case.discards else [commit for name, commit in references(at).items() if name.startswith(("refs/heads/", "refs/cadre/"))]
        return names(f"{bus(at)}/tasks"), tips

    @staticmethod
    def check(at, known, printed=()):
        return check(at, known[1], [*known[0], *printed])

    @staticmethod
    def acknowledged(at):
        return len(names(f"{bus(at)}/mail/human/cur"))
