"""cadre top on a terminal of 160 by 40, with 100 agents, 10,000 tasks and 50,000 files"""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from measure import Failed, Function, Row
from world import Team

# Their keys; in the first six there is something to move through.
VIEWS = {
    "agents": b"1", "tasks, board": b"2", "tasks, tree": b"v", "asks": b"3", "mail": b"5", "day": b"6", "merge": b"4",
    "cost": b"7",
}
IDLE = 20


def rows(world):
    team = Team(world, tasks=10000, agents=100, worktrees=1, files=50000)
    for n in range(1, 31):
        who = team.of(f"a{n}")
        team.run("ask", f"question {n}?", **who)
        team.run("send", "-q", "human", "-s", "subject", "text", **who)
        if n > 1:
            team.run("claim", "-q", **who)
    terminal = Terminal(team)
    # The first reads what is not in memory yet.
    terminal.start()
    git = world.git_version()
    yield Row("first paint", Function(terminal.start), (50, "git"), n=(10, 3), git=git)
    for name, key in VIEWS.items():
        yield Row(
            f"to the view {name}",
            Function(lambda key=key: terminal.press(key), before=lambda key=key: terminal.leave(key)),
            (25, "git"), n=(5, 2), git=git,
        )
    for name, key in list(VIEWS.items())[:6]:
        yield Row(
            f"a key in {name}", Function(terminal.move), (25, "git"), n=(100, 5), git=git,
            begin=lambda key=key: terminal.show(key),
        )
    yield Row(
        "a change, to the screen", Function(terminal.change), (100, "git"), n=(10, 3), git=git,
        begin=lambda: terminal.show(b"1g"),
    )
    yield Row("processor time, idle", Function(terminal.idle), (0.5, None), n=(2, 1), unit="%")
    yield Row("processes started, idle", Function(lambda: terminal.started), (0, None), n=(2, 1), unit="")
    yield Row("memory", Function(terminal.memory), (20, None), n=(1, 1), unit="MB")


class Terminal:
    """A `cadre top` and its terminal."""

    def __init__(self, team):
        self.team, self.pid, self.fd, self.started = team, None, None, 0
        self.presses = self.changes = 0

    def start(self):
        """A new one in place of the last; seconds to the first line with an agent."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)
        start = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.team.at)
            os.execvpe("cadre", ["cadre", "top"], self.team.world.env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.until(b"a1")
        took = time.perf_counter() - start
        self.read(0.3)
        return took

    def until(self, text):
        seen, deadline = b"", time.monotonic() + 20
        while text not in seen:
            if not select.select([self.fd], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise Failed("top does not show '%s'" % text.decode())
            seen += os.read(self.fd, 65536)

    def read(self, quiet, limit=5):
        """Reads until nothing has come for so long; when the last came."""
        last = time.perf_counter()
        end = last + limit
        while time.perf_counter() < end and select.select([self.fd], [], [], quiet)[0]:
            os.read(self.fd, 65536)
            last = time.perf_counter()
        return last

    def show(self, key):
        os.write(self.fd, key)
        self.read(0.5)

    def leave(self, key):
        """To a view that is not this key's; that of the tree begins on the board."""
        self.show(b"2" if key in b"1v" else b"1")

    def press(self, key, patience=5):
        """Seconds from a key to the end of what it draws; None if it draws nothing."""
        start = time.perf_counter()
        os.write(self.fd, key)
        if not select.select([self.fd], [], [], patience)[0]:
            return None
        return self.read(0.03, 1) - start

    def move(self):
        """A key that moves the selection, of which some draw nothing at an end of the list."""
        for _ in range(8):
            self.presses += 1
            if took := self.press(b"jjjkGjjg"[self.presses % 8 :][:1], 0.3):
                return took
        raise Failed("no key draws anything")

    def change(self):
        """Seconds from the start of the verb that changes a note to its being drawn."""
        self.changes += 1
        self.read(0.5)
        start = time.perf_counter()
        self.team.run("heartbeat", "-q", "--note", f"step {self.changes}", **self.team.of("a1"))
        if not select.select([self.fd], [], [], 20)[0]:
            raise Failed("top shows no change")
        return time.perf_counter() - start

    def usage(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            words = file.read().rsplit(")", 1)[1].split()
        # Of its own, and the faults of children that have ended.
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), int(words[8])

    def idle(self):
        self.read(3)
        before, faults = self.usage()
        self.read(IDLE, IDLE)
        after, later = self.usage()
        self.started = int(later != faults)
        return (after - before) / IDLE * 100

    def memory(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024
