"""Many at once: 64 processes that claim and send, a message to a hundred, a hundred that wait for a task"""

import os
import select
import subprocess
import time

from measure import Failed, Function, Row
from world import Team


def rows(world):
    team = Team(world, tasks=0, agents=100, worktrees=0)
    count = world.choose(1000, 256)
    many = f"seq {count} | xargs -P 64 -I%"

    def fill():
        team.run("task", "import", "-q", "--again", "-", input="- [ ] a task\n" * count)

    def fill_plain():
        for n in range(count):
            world.write(f"ready/{n}", "")

    def crowd(words, before=None):
        return world.sh(f"{many} {words}", before=before)

    cadre = f"cadre -C {team.at}"
    world.write("claimed/x", "")
    yield Row(
        f"{count} claims by 64", crowd(f"{cadre} --as w% claim", fill), (2, "git"), n=(5, 3),
        git=crowd("git --version"),
        floor=world.floor_program and crowd(f"{world.floor_program} first ready claimed", fill_plain),
        shell=crowd("flock lock sh -c 'set -- ready/*; mv $1 claimed/'", fill_plain),
    )
    world.write("box/x", "")
    yield Row(
        f"{count} messages by 64", crowd(f"{cadre} --as w% send human text"), (2, "git"), n=(5, 3),
        git=crowd("git --version"), floor=world.floor_program and crowd(f"{world.floor_program} save box/% 200"),
        shell=crowd("sh -c 'echo text >box/%.new && sync box/%.new && mv box/%.new box/%'"),
    )
    yield Row(
        "send @all, 100 agents", team.command("send", "@all", "hello"), (2, "floor"), n=(10, 5),
        floor=world.floor(" ".join(f"save box/{n} 200" for n in range(100))), git=world.git_version(),
        shell=world.sh("for n in $(seq 100); do echo hello >box/$n.new; sync box/$n.new; mv box/$n.new box/$n; done"),
    )
    yield from waiting(world)


def waiting(world):
    team = Team(world, "idle", tasks=0, agents=0)
    crowd = Waiting(team)
    yield Row(
        "task add, to a claim that waits", Function(crowd.one, before=crowd.fill), n=(50, 10),
        git=world.git_version(),
    )
    yield Row(
        "50 tasks, to 50 claims that wait", Function(crowd.burst, before=crowd.fill), n=(5, 3),
        git=world.git_version(),
    )
    yield Row("processor time of one of these", Function(lambda: crowd.each), n=(5, 3))


class Waiting:
    """A hundred `claim --wait`; what they print comes through one pipe."""

    def __init__(self, team):
        self.team, self.waiters, self.each = team, [], 0
        self.reader, self.writer = os.pipe()

    def fill(self):
        """Enough of them for the next turn."""
        self.waiters = [one for one in self.waiters if one.poll() is None]
        if len(self.waiters) >= 50:
            return
        while len(self.waiters) < 100:
            words = ["cadre", "--as", f"w{time.monotonic_ns()}", "claim", "--wait=600s"]
            env = self.team.world.env
            self.waiters.append(subprocess.Popen(words, cwd=self.team.at, env=env, stdout=self.writer))
        # Nobody says that they wait: they use no more processor time.
        before = None
        while (now := [used(one.pid) for one in self.waiters]) != before:
            before = now
            time.sleep(0.2)

    def lines(self, count):
        text, deadline = b"", time.monotonic() + 60
        while text.count(b"\n") < count:
            if not select.select([self.reader], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise Failed("a claim that waits has got no task")
            text += os.read(self.reader, 65536)

    def one(self):
        start = time.perf_counter()
        self.team.run("task", "add", "-q", "task")
        self.lines(1)
        return time.perf_counter() - start

    def burst(self):
        before = os.times()
        start = time.perf_counter()
        self.team.run("task", "import", "-q", "--again", "-", input="- [ ] task\n" * 50)
        self.lines(50)
        took = time.perf_counter() - start
        waiters = len(self.waiters)
        while waiters - len(self.waiters) < 50:
            self.waiters = [one for one in self.waiters if one.poll() is None]
        after = os.times()
        self.each = (after.children_user + after.children_system - before.children_user - before.children_system) / 50
        return took


def used(pid):
    """Processor time, in ticks, and the state."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return words[0], words[11], words[12]
