"""A place of its own for what is measured: a home, an installed cadre, a tmux server, teams of agents."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import time

from measure import Command, Failed

WHO = "bench <bench@example.invalid> 1700000000 +0000"
AGENTS = 30


class World:
    """One for each version that is measured and each group. `short` says that it is to take seconds."""

    def __init__(self, at, binary, share, floor, short):
        self.at, self.short, self.binary = at, short, binary
        # As an installed one: what comes with it is in share/cadre.
        for name in ("home", "tmux", "plain", "usr/bin", "usr/share"):
            os.makedirs(f"{at}/{name}")
        shutil.copy(binary, f"{at}/usr/bin/cadre")
        os.symlink(share, f"{at}/usr/share/cadre")
        keep = ("PATH", "TMPDIR", "LOGNAME", "USER", "SHELL")
        self.env = {name: os.environ[name] for name in keep if name in os.environ}
        self.env |= {
            "HOME": f"{at}/home", "PATH": f"{at}/usr/bin:" + os.environ["PATH"], "TMUX_TMPDIR": f"{at}/tmux",
            "CADRE_TMUX": "bench", "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", "TERM": "xterm-256color",
        }
        self.floor_program = floor
        self.run("git", "config", "--global", "user.name", "bench")
        self.run("git", "config", "--global", "user.email", "bench@example.invalid")
        self.run("git", "config", "--global", "init.defaultBranch", "main")

    def run(self, *words, at=None, input="", env=None):
        """What it prints."""
        done = subprocess.run(
            words, cwd=at or self.at, env={**self.env, **(env or {})}, input=input, capture_output=True, text=True
        )
        if done.returncode:
            raise Failed("'%s' ends with %d: %s" % (" ".join(words), done.returncode, done.stderr.strip()[-300:]))
        return done.stdout

    def choose(self, full, short):
        return short if self.short else full

    def write(self, name, text):
        """A file below `plain`, where that which does without cadre has its files; its path."""
        path = f"{self.at}/plain/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    # Sides of rows.

    def command(self, *words, **more):
        return Command(self, list(words), **more)

    def changing(self, words, **more):
        """A command whose words are others each time."""
        return Command(self, words, **more)

    def git_version(self):
        return self.command("git", "--version")

    def sh(self, script, **more):
        """A person's pick, in the directory `plain`."""
        return Command(self, ["sh", "-c", script], **{"at": f"{self.at}/plain", **more})

    def floor(self, steps, **more):
        """The steps of floor.c, in words; None where there is no compiler."""
        if not self.floor_program:
            return None
        return Command(self, [self.floor_program, *steps.split()], **{"at": f"{self.at}/plain", **more})

    def repository(self, name, files=100):
        """A repository with files of 20 lines; its path."""
        at = f"{self.at}/{name}"
        self.run("git", "init", "-q", at)
        parts = [f"commit refs/heads/main\ncommitter {WHO}\ndata 5\nfiles\n"]
        for n in range(files):
            text = "".join(f"line {line} of file {n}\n" for line in range(20))
            parts.append(f"M 100644 inline dir{n // 100}/file{n}\ndata {len(text)}\n{text}\n")
        parts.append("M 100644 inline README\ndata 6\nhello\n\n")
        self.run("git", "fast-import", "--quiet", at=at, input="".join(parts))
        self.run("git", "reset", "-q", "--hard", at=at)
        return at

    def end(self):
        """Ends all that runs in this world, and removes it."""
        if not os.path.exists(self.at):
            return
        for server in ("bench", "plain"):
            subprocess.run(["tmux", "-L", server, "kill-server"], env=self.env, capture_output=True, check=False)
        end_all(("HOME", f"{self.at}/home"))
        os.chdir("/")
        shutil.rmtree(self.at, ignore_errors=True)


def end_all(variable):
    """Ends all processes with this variable in their environment."""
    mark, deadline = "=".join(variable).encode(), time.monotonic() + 20
    found = True
    while found and time.monotonic() < deadline:
        found = False
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    found = True
                    os.kill(int(pid), signal.SIGKILL)


def record(fields):
    return "".join(f"{key}: {value}\n" for key, value in fields.items()) + "Length: 0\n\n"


class Team:
    """A project as users have one: a gate, settings in git's configuration and in .cadre, tasks of which half wait for
    others, and thirty agents that live. They are cards, sessions and locks; supervisors would do something beside what
    is measured. The first `worktrees` of them have a worktree of their own."""

    def __init__(self, world, name="team", tasks=100, agents=AGENTS, worktrees=2, files=100):
        self.world, self.at, self.locks = world, world.repository(name, files), {}
        world.run("git", "config", "-f", ".cadre", "cadre.rule", "Each change comes with a test.", at=self.at)
        world.run("git", "add", ".cadre", at=self.at)
        world.run("git", "commit", "-qm", "settings", at=self.at)
        settings = {"gate": "test -s README", "program": "sh", "maxAgents": "200", "spawnRate": "200", "silence": "1h"}
        for key, value in settings.items():
            world.run("git", "config", f"cadre.{key}", value, at=self.at)
        world.run("git", "config", "cadre.allow", "Bash(git status*)", at=self.at)
        self.run("init", "-q")
        self.bus = self.run("path", "bus").strip()
        # What each verb that changes something reads first, as steps of floor.c: the bus, who calls, the settings.
        git = f"{self.at}/.git"
        self.begins = f"stat {git} stat {git}/HEAD stat {git}/objects stat {self.bus} read {self.bus}/version"
        self.caller = f"{self.begins} parents"
        self.settings = f"read {self.bus}/configuration stat {world.at}/home/.gitconfig stat {git}/config"
        self.settings += f" stat {self.bus}/target read {git}/refs/heads/main read {self.bus}/settings"
        if tasks:
            self.add(tasks)
        for n in range(1, agents + 1):
            self.agent(f"a{n}", worktree=n <= worktrees)

    def run(self, *words, **more):
        return self.world.run("cadre", *words, **{"at": self.at, **more})

    def command(self, *words, **more):
        return Command(self.world, ["cadre", *words], **{"at": self.at, **more})

    def add(self, tasks):
        """Half of them ready, half waiting for one of these."""
        lines = []
        for n in range(tasks // 2):
            lines.append(json.dumps({"title": f"task {n}", "body": "What is to be done, in a line or two.\n" * 3}))
            lines.append(json.dumps({"title": f"waits for {n}", "depends": [2 * n]}))
        self.run("task", "import", "-q", "-", input="\n".join(lines) + "\n")

    def agent(self, name, worktree=False):
        """Made aside, and there as a whole: supervisors remove what is not."""
        aside, place = f"{self.world.at}/agent", f"{self.bus}/agents/{name}"
        os.makedirs(aside)
        card = {"Program": "claude", "Role": "worker", "Created": 1700000000}
        if worktree:
            path = f"{self.at}.cadre/{name}"
            self.world.run("git", "worktree", "add", "-q", "--detach", path, at=self.at)
            card |= {"Worktree": path, "GitDir": self.world.run("git", "rev-parse", "--absolute-git-dir", at=path)[:-1]}
        for part in ("tmp", "new", "cur"):
            os.makedirs(f"{self.bus}/mail/{name}/{part}")
        state = {"State": "working", "Source": "hook", "Time": 1700000000, "Since": 1700000000}
        for file, fields in (("session", {"Token": f"00000000{name}", "Number": 1}), ("state", state), ("card", card)):
            with open(f"{aside}/{file}", "w", encoding="utf-8") as out:
                out.write(record(fields))
        self.lock(name, aside)
        os.rename(aside, place)

    def lock(self, name, place=None):
        """That it lives."""
        path = f"{place or self.bus + '/agents/' + name}/alive"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # struct flock: a lock of the open file description on all of the file (F_OFD_SETLK).
        fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        self.locks[name] = fd

    def copied(self, at):
        """In place of the team's repository comes a copy of this one."""
        for fd in self.locks.values():
            os.close(fd)
        shutil.rmtree(self.at)
        shutil.copytree(at, self.at, symlinks=True)
        for name in self.locks:
            self.lock(name)

    def of(self, name):
        """For a call of an agent's, from where it works."""
        path = f"{self.at}.cadre/{name}"
        env = {"CADRE_AGENT": name, "CADRE_SESSION": f"00000000{name}"}
        return {"at": path if os.path.isdir(path) else self.at, "env": env}
