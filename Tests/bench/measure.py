"""What is measured: rows of several sides that are timed in turns, and what one call of a command does."""

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time


OUT, ERR = open(os.memfd_create("out"), "r+b", buffering=0), open(os.memfd_create("err"), "r+b", buffering=0)


class Failed(Exception):
    """Something that is measured does not work."""


class Command:
    """A program with its words; `words` may be a function that gives new ones for each turn. `before` is called before
    each turn and not timed. What it prints goes to a file in memory: some programs do less where that is /dev/null, and a
    disk would be measured too."""

    def __init__(self, world, words, at=None, env=None, input="/dev/null", before=None):
        self.world, self.words, self.at, self.input, self.before = world, words, at or world.at, input, before
        self.env = {**world.env, **(env or {})}

    def prepared(self):
        if self.before:
            self.before()
        words = self.words() if callable(self.words) else self.words
        return [shutil.which(words[0], path=self.env["PATH"]) or words[0], *words[1:]]

    def time(self):
        """Seconds from its start to its end."""
        words = self.prepared()
        actions = [(os.POSIX_SPAWN_OPEN, 0, self.input, os.O_RDONLY, 0)]
        for number, file in ((1, OUT), (2, ERR)):
            file.truncate(0)
            file.seek(0)
            actions.append((os.POSIX_SPAWN_DUP2, file.fileno(), number))
        os.chdir(self.at)
        start = time.perf_counter()
        pid = os.posix_spawn(words[0], words, self.env, file_actions=actions, setsigdef=[signal.SIGPIPE])
        status = os.waitpid(pid, 0)[1]
        took = time.perf_counter() - start
        if status:
            ERR.seek(0)
            said = ERR.read().decode(errors="replace").strip()[-300:]
            raise Failed(f"'{' '.join(words)[:200]}' ends with {os.waitstatus_to_exitcode(status)}: {said}")
        return took

    def traced(self, *tracer):
        """Runs it once more below another program; what that has written, nothing if it can't do its work here."""
        words, path = self.prepared(), self.world.at + "/trace"
        if not shutil.which(tracer[0]):
            return ""
        words = [*tracer, "-o", path, "--", *words]
        with open(self.input, "rb") as file:
            done = subprocess.run(words, cwd=self.at, env=self.env, stdin=file, capture_output=True, check=False)
        if done.returncode:
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def count(self):
        """Processes that it starts, system calls, flushes to the disk, instructions: of all of them together. None for
        what can't be counted here."""
        found, trace = dict.fromkeys(COUNTS), self.traced("strace", "-f", "-qq", "-s", "0", "-e", "signal=none")
        if calls := re.findall(r"^\d+ +(\w+)\((.*)", trace, re.MULTILINE):
            forks = [words for name, words in calls if name in FORKS and "CLONE_THREAD" not in words]
            fsyncs = [name for name, _ in calls if name in ("fsync", "fdatasync")]
            found |= {"processes": len(forks), "system calls": len(calls), "fsyncs": len(fsyncs)}
        perf = self.traced("perf", "stat", "-e", "instructions:u", "-x", ",")
        if number := re.search(r"^(\d+),", perf, re.MULTILINE):
            found["instructions"] = int(number[1])
        return found


COUNTS = ("processes", "system calls", "fsyncs", "instructions")
FORKS = ("fork", "vfork", "clone", "clone3")


class Function:
    """What no single command is: a function that returns seconds, or what the row's unit says."""

    def __init__(self, function, before=None):
        self.function, self.before = function, before

    def time(self):
        if self.before:
            self.before()
        return self.function()


class Row:
    """A thing that cadre does, beside what else would do it.

    name     what it is, within its group
    cadre    a side: a Command or a Function
    floor    the same file operations in a C program
    shell    what a person with a shell would do
    git      what git does that is like it; where nothing is, 'git --version', which is a start and no more
    goal     (2.5, "floor"): the row is to take no more than 2.5 times its floor; (1.5, "small"): of another side, given
             as `small`; (40, None): no more than 40 of its unit
    n        turns, in a full run and a short one
    counts   whether to count what it does, and the most that it may, as {"processes": 0}
    begin    called before its first turn of each round
    """

    def __init__(self, name, cadre, goal=None, n=(50, 20), unit="ms", counts=None, begin=None, **sides):
        self.name, self.goal, self.n, self.unit, self.counts, self.begin = name, goal, n, unit, counts, begin
        self.sides = {"new": cadre, **{who: side for who, side in sides.items() if side}}
        self.times, self.failure = {}, None

    def pair(self, old):
        """With the same row of an older version."""
        new = self.sides.pop("new")
        self.sides = {"new": new, "old": old.sides["new"], **self.sides}
        begin, begin_old = self.begin, old.begin
        self.begin = begin and (lambda: (begin(), begin_old()))

    def measure(self, turns, keep=True):
        """In turns, forwards and backwards, so that none always comes after the same other."""
        if self.failure or not turns:
            return
        try:
            if self.begin:
                self.begin()
            for turn in range(turns):
                sides = list(self.sides)
                for who in sides if turn % 2 == 0 else reversed(sides):
                    took = self.attempt(who)
                    if keep and took is not None:
                        self.times.setdefault(who, []).append(took)
        except Failed as failure:
            self.failure = failure

    def attempt(self, who):
        """An older version may lack what it takes, and is then left out of this row."""
        try:
            return self.sides[who].time()
        except Failed as failure:
            if who != "old":
                raise
            print(f"bench: old: {self.name}: {failure}", file=sys.stderr)
            del self.sides[who]
            self.times.pop(who, None)
            return None

    def ratios(self, of, to):
        """Turn by turn, for then both were timed within a moment."""
        return [a / b for a, b in zip(self.times.get(of, []), self.times.get(to, [])) if b > 0]


def quartiles(values):
    """The lower one, the median, the upper one."""
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")
