"""The status line: what a redraw costs, and how long a change takes to the screen"""

import os
import pty
import select
import time

from measure import Failed, Function, Row
from world import Team

SEGMENT = "#(git -C /tmp status 2>&1 | head -n 1 | awk '{ print $1 }')"


def rows(world):
    team = Team(world, tasks=0, agents=0)
    client = Client(team)
    yield Row("redraw: an empty line", Function(lambda: client.redraw("", 100)), n=(4, 2))
    for name, text, count in (
        ("#{cadre_status}", "#{cadre_status}", 100), ("#(cadre status)", "#(cadre status)", 5),
        ("#(git and awk)", SEGMENT, 5),
    ):
        # tmux runs a shell segment once a second at most.
        yield Row(
            f"redraw: {name}", Function(lambda text=text, count=count: client.redraw(text, count, "#(" in text)),
            n=(4, 1),
        )
    yield Row("an ask, to the screen", Function(client.push), (100, "git"), n=(5, 3), git=world.git_version())
    yield Row(
        "supervisor, 20 reports a second", Function(lambda: client.busy(reports=True)), (5, None), n=(2, 1), unit="%",
    )
    yield Row("supervisor, silence", Function(client.busy), (0.5, None), n=(2, 1), unit="%")


class Client:
    """A client of a tmux server with the plugin, and a supervisor that tells it what changes."""

    def __init__(self, team):
        world = team.world
        self.team, self.world, self.asked = team, world, 0
        size = ("-x", "120", "-y", "10")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "me", "-c", team.at, *size, "sleep 100000")
        for option, value in (("status-interval", "0"), ("status-left", ""), ("status-right-length", "200")):
            self.tmux("set", "-g", option, value)
        self.tmux("run-shell", os.path.realpath(f"{world.at}/usr/share/cadre/../cadre.tmux"))
        team.run("spawn", "-q", "--no-worktree", "--no-pull", "--agent", "exec sleep 100000", "it")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("tmux", ["tmux", "-L", "bench", "attach", "-t", "=me"], world.env)
        self.read(1)
        self.server = self.tmux("display-message", "-p", "#{pid}").strip()
        self.supervisor = team.run("agents", "-o", "pid").strip()
        for n in range(1, 101):
            team.agent(f"a{n}")

    def tmux(self, *words):
        return self.world.run("tmux", "-L", "bench", *words)

    def read(self, quiet):
        text = b""
        while select.select([self.fd], [], [], quiet)[0]:
            text += os.read(self.fd, 65536)
        return text

    def line(self, text):
        self.tmux("set", "-g", "status-right", text)
        self.read(0.5)

    def redraw(self, text, count, slow=False):
        """Seconds of processor time of tmux and all that it starts, for a redraw."""
        self.line("#{bench} " + text)
        before = ticks(self.server) + ticks(self.pid)
        for n in range(count):
            self.tmux("set-environment", "-gh", "bench", str(n), ";", "refresh-client", "-S")
            if slow:
                time.sleep(1.1)
        self.read(0.3)
        return (ticks(self.server) + ticks(self.pid) - before) / count

    def push(self):
        self.line("[#{cadre_asks}]")
        self.asked += 1
        start = time.perf_counter()
        self.team.run("ask", "-q", f"question {self.asked}")
        deadline, text = time.monotonic() + 10, b""
        while b"%d ask" % self.asked not in text:
            if not select.select([self.fd], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise Failed("the ask is not drawn")
            text += os.read(self.fd, 65536)
        return time.perf_counter() - start

    def busy(self, reports=False, seconds=10):
        """Processor time of the supervisor, in per cent of a core, while agents report or not."""
        self.line("[#{cadre_status}]")
        before, start = ticks(self.supervisor), time.monotonic()
        n = 0
        while time.monotonic() < start + seconds:
            for who in (n % 100 + 1, (n + 50) % 100 + 1) if reports else ():
                self.report(f"a{who}", "idle" if n % 2 else "working")
            n += 1
            self.read(0.1)
        return (ticks(self.supervisor) - before) / seconds * 100

    def report(self, name, state):
        path = f"{self.team.bus}/agents/{name}/state"
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(f"State: {state}\nSource: test\nTime: 1\nSince: 1\nLength: 0\n\n")
        os.rename(f"{path}.new", path)


def ticks(pid):
    """Seconds of processor time, with that of its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
