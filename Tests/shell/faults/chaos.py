#!/usr/bin/env python3
"""usage: CADRE_BIN=DIR chaos.py [--seconds N] [--seed N] [--agents N] [--tasks N] [--keep]

A team of `sh` agents at work on tasks that meet in the same file, depend on each other, fail and hang, while everything
around them breaks: programs, supervisors, verbs, the runner, gates, git and the tmux server are killed, the disk fills,
worktrees and branches are removed, and a person commits and leaves changes in the way. Then the breaking stops, and
within a bounded time all has ended or an ask is open. What is true then is read from files, processes and git alone:

  each printed task is in one state, each message in one box               (check.py)
  done work is on the target exactly once, and nothing else of a task is
  each value that cadre gave the target is one that the gate passed, by what the gate itself wrote down
  what has not ended is asked about
  no process, worktree or branch of a task that has ended is left once all agents are retired

Which thing breaks when follows from the seed, which is printed; how the processes then interleave does not.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import check as plain

BIN = os.path.realpath(os.environ["CADRE_BIN"])
# Room enough for the repository, and little enough to be filled at once.
DISK = "512m"
SETTLING = 120

GATE = """#!/bin/sh
# Writes down the tree that it judges, as git names it, and what it says of it.
export GIT_DIR={at}/repository/.git GIT_WORK_TREE=$PWD GIT_INDEX_FILE={at}/gate/index.$$
git add -A . || exit 75
tree=$(git write-tree) || exit 75
rm -f "$GIT_INDEX_FILE"
sleep 0.$(($$ % 4))
if [ -e bad ]; then result=fail; else result=pass; fi
echo "$tree $result" >>{at}/gate/log || exit 75
[ $result = pass ]
"""


class World:
    def __init__(self, at, seed):
        self.at, self.repository = at, f"{at}/repository"
        self.server = f"cadre-chaos-{os.getpid()}"
        self.random = random.Random(seed)
        self.printed, self.kinds = set(), {}
        self.killed = {}
        self.slow = []
        self.environment = {
            "HOME": f"{at}/home", "PATH": f"{at}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
            "CADRE_TMUX": self.server, "TMPDIR": "/tmp", "USER": os.environ.get("USER", "tester"), "TERM": "xterm",
        }
        for name in ("home", "bin", "gate", "marks", "repository"):
            os.makedirs(f"{at}/{name}")
        os.symlink(f"{BIN}/cadre", f"{at}/bin/cadre")
        with open(f"{at}/gate/run", "w") as file:
            file.write(GATE.format(at=at))
        self.git("config", "--global", "user.name", "Tester")
        self.git("config", "--global", "user.email", "tester@example.invalid")
        self.git("init", "-q", "-b", "main")
        self.write("shared", "first\n")
        self.write("person", "")
        self.git("add", "-A")
        self.git("commit", "-qm", "first")
        # So many starts again are no sign of a program that can't run.
        for key, value in (("gate", f"sh {at}/gate/run"), ("program", "sh"), ("maxRestarts", "1000"), ("maxAttempts", "1000")):
            self.git("config", f"cadre.{key}", value)
        self.cadre("init", "-q")

    @property
    def bus(self):
        return f"{self.repository}/.git/cadre"

    def write(self, name, text):
        with open(f"{self.repository}/{name}", "w") as file:
            file.write(text)

    def run(self, *words, stdin=None, timeout=60):
        try:
            done = subprocess.run(words, cwd=self.repository, env=self.environment, input=stdin, capture_output=True, timeout=timeout, text=True)
        except subprocess.TimeoutExpired:
            print(f"# '{' '.join(words[:4])}' did not end within {timeout} s", flush=True)
            return 124, "", ""
        return done.returncode, done.stdout, done.stderr

    def git(self, *words):
        code, out, err = self.run("git", *words)
        return out if code == 0 else None

    def cadre(self, *words, stdin=None):
        return self.run(f"{self.at}/bin/cadre", *words, stdin=stdin)

    # What the team does

    def task(self, number):
        """Adds one of the kinds of tasks; its id counts from when it is printed."""
        wait = f"sleep {self.random.choice(['0', '0.1', '0.3', '0.8', '2'])}"
        pick = number % 20
        options, done = [], sorted(self.printed_tasks())
        if pick in (1, 6, 11, 16):
            kind, body = "shared", f"{wait}\necho 'of {number}' >>shared\n"
        elif pick == 3:
            kind, body = "fails", f"{wait}\necho some >unfinished-{number}\nexit 3\n"
        elif pick == 7:
            kind, body = "bad", f"{wait}\necho bad >bad\n"
        elif pick in (9, 14):
            mark = f"{self.at}/marks/{number}"
            kind, body = "own", f"{wait}\nif [ ! -e {mark} ]; then touch {mark}; exit 75; fi\nmkdir -p work\necho 'of {number}' >work/{number}\n"
        elif pick == 12:
            kind, body = "answer", f"{wait}\necho 'the answer of {number}'\n"
        else:
            kind, body = "own", f"{wait}\nmkdir -p work\necho 'of {number}' >work/{number}\n"
            if pick in (5, 10, 15) and done:
                for other in self.random.sample(done, min(2, len(done))):
                    options += ["-d", str(other)]
        code, out, _ = self.cadre("task", "add", "-p", str(self.random.randint(0, 4)), *options, f"the {kind} {number}", "-", stdin=body)
        if code == 0 and out.strip().isdigit():
            self.printed.add(out.strip())
            self.kinds[int(out)] = (kind, number)

    def printed_tasks(self):
        return [int(name) for name in self.printed if name.isdigit()]

    def mail(self):
        code, out, _ = self.cadre("send", "@all", "-s", "how far are you?", "tell me")
        if code == 0:
            self.printed |= {line.split("\t")[0] for line in out.splitlines()}

    # What breaks

    def processes(self):
        """All processes of this world: pid and command line."""
        mark = f"HOME={self.at}/home".encode()
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark not in file.read().split(b"\0"):
                        continue
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = [word.decode(errors="replace") for word in file.read().split(b"\0")[:-1]]
            except OSError:
                continue
            if words:
                yield int(name), words

    def kind(self, words):
        program = os.path.basename(words[0])
        if program.startswith("tmux"):
            return "server" if "new-session" in words or words[0].startswith("tmux: server") else "tmux"
        if program.startswith("cadre"):
            if "supervise" in words:
                return "supervisor"
            return "runner" if words[1:3] == ["merge", "run"] else "verb"
        if program == "git":
            return "git"
        if any(word.startswith(f"{self.at}/gate") for word in words):
            return "gate"
        return "program"

    def kill(self, kind):
        # A kind's processes live for some milliseconds.
        for _ in range(20):
            # The person's own calls of git are the person's to mend.
            found = [pid for pid, words in self.processes() if self.kind(words) == kind and not (kind == "git" and parent(pid) == os.getpid())]
            if found:
                break
            time.sleep(0.02)
        else:
            return
        try:
            os.kill(self.random.choice(sorted(found)), signal.SIGKILL)
            self.killed[kind] = self.killed.get(kind, 0) + 1
        except ProcessLookupError:
            pass

    def lose_server(self, random):
        self.kill("server")
        self.cadre("up")

    def remove_worktree(self):
        place = f"{self.repository}.cadre"
        names = sorted(os.listdir(place)) if os.path.isdir(place) else []
        if names:
            shutil.rmtree(f"{place}/{self.random.choice(names)}", ignore_errors=True)

    def remove_branch(self):
        names = (self.git("for-each-ref", "--format=%(refname)", "refs/heads/cadre/") or "").split()
        if names:
            self.git("update-ref", "-d", self.random.choice(names))

    def commit(self):
        # Where the disk is full, the file is empty.
        with contextlib.suppress(OSError):
            self.write("person", f"{time.time()}\n")
        self.git("commit", "-qm", "the person's own", "person")

    def dirty(self, random):
        with contextlib.suppress(OSError):
            self.write("shared", "in the way\n")
        time.sleep(random.random() * 3)
        self.restore()

    def restore(self):
        for _ in range(100):
            if self.git("checkout", "HEAD", "--", "shared", "person") is not None:
                return
            time.sleep(0.1)

    def fill(self, random):
        path = f"{self.at}/filled"
        try:
            with open(path, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 20))
        except OSError:
            pass
        time.sleep(random.random() * 2)
        os.unlink(path)

    def pause(self, random):
        name = f"w{random.randint(1, self.agents)}"
        self.cadre(random.choice(["pause", "stop"]), name)
        time.sleep(random.random())
        self.cadre("resume", name)
        self.cadre("up", name)

    def breaks(self, disk):
        """Breaks something; what takes its time goes on beside the rest, once at a time."""
        quick = [(kind, weight) for kind, weight in (("program", 8), ("supervisor", 4), ("verb", 8), ("runner", 4), ("gate", 4), ("git", 4))]
        slow = [(self.lose_server, 2), (self.dirty, 2), (self.pause, 2)] + ([(self.fill, 1)] if disk else [])
        other = [(self.remove_worktree, 1), (self.remove_branch, 1), (self.commit, 3), (self.mail, 1)]
        what = self.random.choices(*zip(*(quick + slow + other)))[0]
        if isinstance(what, str):
            self.kill(what)
        elif (what, 2) in slow or (what, 1) in slow:
            seed = self.random.random()
            self.slow = [thread for thread in self.slow if thread.is_alive()]
            if what.__name__ not in [thread.name for thread in self.slow]:
                thread = threading.Thread(target=what, args=(random.Random(seed),), name=what.__name__)
                self.slow.append(thread)
                thread.start()
        else:
            what()

    # What is true at the end

    def open_asks(self):
        return {name: plain.record(f"{self.bus}/asks/open/{name}") for name in plain.names(f"{self.bus}/asks/open")}

    def unsettled(self):
        """Tasks that have not ended and that no ask is about: (id, state). What is to be tried again by itself is to end."""
        asks = self.open_asks()
        asked = set()
        queue = {n: (plain.record(f"{self.bus}/merge/queue/{n}") or ({},))[0] for n in plain.names(f"{self.bus}/merge/queue")}
        again = {n for n, fields in queue.items() if fields.get("State") in ("waiting", "landing") and {"Retry-At", "Look-At"} & set(fields)}
        for name, (fields, body) in asks.items():
            if name.removeprefix("merge-") in again:
                continue
            asked |= {int(n) for n in re.findall(r"-(\d+)$", name)}
            asked |= {int(n) for n in re.findall(r"[Tt]asks? (\d+)", body.decode(errors="replace"))}
            asked |= {int(n) for n in re.findall(r"\b(\d+)\b", fields.get("Task", ""))}
        tasks = {int(n): plain.Task(self.bus, int(n)) for n in plain.names(f"{self.bus}/tasks")}
        where = {number: state for number, state, _ in plain.markers(self.bus)}

        def settled(number, seen=()):
            if where.get(number) in ("done", "cancelled") or number in asked:
                return True
            # It waits for one that was asked about.
            return where.get(number) == "blocked" and any(settled(o, (*seen, number)) for o in tasks[number].depends if where.get(o) != "done" and o not in seen)

        return sorted((number, where.get(number, "nowhere")) for number in tasks if not settled(number))

    def wrong(self):
        yield from plain.check(self.bus, self.printed)
        for number, state in self.unsettled():
            yield f"task {number} ({self.kinds.get(number)}) is {state} and no ask is about it"
        where = {number: state for number, state, _ in plain.markers(self.bus)}
        landed = {}
        for line in self.git("log", "--format=%H %(trailers:key=Cadre-Task,valueonly,separator=%x2C)", "main").splitlines():
            commit, _, task = line.partition(" ")
            if task:
                landed.setdefault(int(task), []).append(commit)
        shared = self.git("show", "main:shared").splitlines()
        for number, (kind, name) in sorted(self.kinds.items()):
            commits = landed.get(number, [])
            work = {"own": self.git("show", f"main:work/{name}"), "shared": "\n".join(l for l in shared if l == f"of {name}") + "\n"}.get(kind)
            if where.get(number) == "done" and kind in ("own", "shared") and (len(commits) != 1 or work != f"of {name}\n"):
                yield f"task {number} ({kind} {name}) is done; landed {commits}, and the target has {work!r}"
            if where.get(number) == "done" and kind in ("fails", "bad"):
                yield f"task {number} ({kind}) is done"
            if where.get(number) != "done" and (commits or (work or "").strip()):
                yield f"task {number} ({kind} {name}) is {where.get(number)}; landed {commits}, and the target has {work!r}"
        with open(f"{self.at}/gate/log") as file:
            passed = {line.split()[0] for line in file if line.endswith(" pass\n")}
        for line in self.git("log", "-g", "--format=%H %T %gs", "main").splitlines():
            commit, tree, why = line.split(" ", 2)
            if not why.startswith("commit") and tree not in passed:
                yield f"the target held {commit} ({why}), and the gate did not pass {tree}"
        if status := self.git("status", "--porcelain"):
            yield f"the person's checkout is not as the target is:\n{status}"
        for place, _, files in os.walk(f"{self.repository}/.git"):
            for name in files:
                if name.endswith(".lock") and not place.startswith(self.bus):
                    yield f"{place}/{name} was left"

    def left(self):
        """What is left when all agents are retired."""
        for pid, words in self.processes():
            if self.kind(words) not in ("server", "tmux"):
                yield f"process {pid} is left: {' '.join(words)[:200]}"
        trees = [line[9:] for line in (self.git("worktree", "list", "--porcelain") or "").splitlines() if line.startswith("worktree ")]
        # The runner keeps its own.
        trees = [tree for tree in trees if tree != self.repository and not tree.startswith(self.bus)]
        if trees or os.path.isdir(f"{self.repository}.cadre"):
            yield f"worktrees are left: {trees}"
        where = {number: state for number, state, _ in plain.markers(self.bus)}
        for name in (self.git("for-each-ref", "--format=%(refname)", "refs/heads/cadre/") or "").split():
            number = int(re.match(r"refs/heads/cadre/(\d+)", name)[1])
            if where.get(number) == "done":
                yield f"the branch {name} of a task that is done is left"

    def tell(self):
        """How things stand, for who looks for the reason."""
        for words in (["agents", "-o", "name,state,task,note"], ["task", "list"], ["merge", "list"], ["ask", "list"], ["status"], ["doctor"], ["merge", "run"]):
            code, out, err = self.cadre(*words)
            print(f"# {' '.join(words)}: {code}", *(out + err).splitlines(), sep="\n#   ", flush=True)
        for pid, words in sorted(self.processes()):
            print(f"#   {pid} {self.kind(words)}: {' '.join(words)[:150]}", flush=True)

    def end(self):
        self.run("tmux", "-L", self.server, "kill-server")
        for _ in range(200):
            found = list(self.processes())
            if not found:
                break
            for pid, _ in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def wait_for(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def play(world, options, disk):
    """Prints what is wrong, a line each; the number of lines."""
    world.agents = options.agents
    number = 0
    for number in range(1, options.tasks // 2 + 1):
        world.task(number)
    code, _, err = world.cadre("spawn", "-q", "--agent", "sh", "--count", str(options.agents), "w")
    assert code == 0, err
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        if number < options.tasks:
            number += 1
            world.task(number)
        world.breaks(disk)
        time.sleep(world.random.random() * 0.4)
    for thread in world.slow:
        thread.join()
    while number < options.tasks:
        number += 1
        world.task(number)
    world.restore()
    begin = time.monotonic()
    world.cadre("up", *(f"w{n}" for n in range(1, options.agents + 1)))
    settled = wait_for(SETTLING, lambda: not world.unsettled())
    print(f"# {sum(world.killed.values())} killed: {world.killed}; settled after {time.monotonic() - begin:.0f} s", flush=True)
    wrong = list(world.wrong())
    if not settled:
        world.tell()
    if settled:
        code, out, err = world.cadre("doctor")
        wrong += [f"doctor says {line}" for line in out.splitlines() if code and not line.startswith("note")]
    names = [f"w{n}" for n in range(1, options.agents + 1)]
    code, _, err = world.cadre("retire", "-q", "--discard", *names)
    if code:
        wrong.append(f"retire: {code} {err}")
    # A git that was killed may not have removed a branch.
    world.cadre("recover")
    if not wait_for(10, lambda: not list(world.left())):
        wrong += list(world.left())
    for line in wrong:
        print(f"# WRONG: {line}", flush=True)
    return len(wrong)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--agents", type=int, default=12)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    # A file system of its own that can be filled, where the machine lets us have one.
    disk = os.environ.get("CADRE_CHAOS_DISK")
    if disk is None:
        alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        can = subprocess.run([*alone, "true"], capture_output=True).returncode == 0
        os.environ["CADRE_CHAOS_DISK"] = "1" if can else ""
        words = [sys.executable, *sys.argv, "--seed", str(seed)]
        os.execvp(*(("unshare", [*alone, *words]) if can else (sys.executable, words)))
    at = os.path.realpath(tempfile.mkdtemp(prefix="cadre-chaos."))
    disk = bool(disk) and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", at], capture_output=True).returncode == 0
    print(f"# seed {seed}, {options.agents} agents, {options.tasks} tasks, {options.seconds} s, {'a disk that fills' if disk else 'no disk to fill'}", flush=True)
    world = World(at, seed)
    try:
        count = play(world, options, disk)
    finally:
        if options.keep:
            shutil.copytree(at, f"{at}.kept", symlinks=True, ignore_dangling_symlinks=True)
            print(f"# kept: {at}.kept")
        world.end()
        if disk:
            subprocess.run(["umount", "-l", at], capture_output=True)
        shutil.rmtree(at, ignore_errors=True)
    sys.exit(1 if count else 0)


main()
