"""An agent's work in its worktree, from the claim to the queue"""

import itertools

from measure import Row
from world import Team


def rows(world):
    team = Team(world, tasks=0)
    number = itertools.count()
    # Beside it a worktree without cadre.
    plain = world.repository("alone")
    for name in ("one", "two"):
        world.run("git", "worktree", "add", "-q", "-b", name, f"{world.at}/{name}", at=plain)
    world.write("claimed/x", "")
    caller, clean = team.of("a1"), "git status --porcelain"

    def clear():
        """The agent has ended its task, without commits, and there is another one."""
        team.run("task", "done", "-q", "--no-merge", **caller)
        team.run("task", "add", "-q", "a task")

    def begin(commit):
        team.run("task", "add", "-q", "a task")
        team.run("claim", "-q", **team.of("a2"))
        with open(f"{team.of('a2')['at']}/file{next(number)}", "w", encoding="utf-8") as file:
            file.write("new\n")
        if commit:
            world.run("git", "add", "-A", **team.of("a2"))
            world.run("git", "commit", "-qm", "a change", **team.of("a2"))

    def change():
        with open(f"{world.at}/two/file{next(number)}", "w", encoding="utf-8") as file:
            file.write("new\n")

    team.run("task", "add", "-q", "a task")
    team.run("claim", "-q", **caller)
    yield Row(
        "claim in a worktree", team.command("claim", before=clear, **caller), (3, "git"), counts={"processes": 6},
        n=(30, 5), git=world.changing(
            lambda: ["git", "checkout", "-q", "-b", f"topic{next(number)}", "main"], at=f"{world.at}/one"
        ),
        shell=world.sh(
            f'mv ready/x claimed/ && cd {world.at}/one && test -z "$({clean})" && git switch -q -c "again$$" main',
            before=lambda: world.write("ready/x", ""),
        ),
    )
    yield Row(
        "merge submit", team.command("merge", "submit", before=lambda: begin(True), **team.of("a2")), (3, "git"),
        counts={"processes": 5}, n=(30, 5), git=world.sh(
            f'test -z "$({clean})" && git update-ref refs/queue/$$ HEAD', at=f"{world.at}/two"
        ),
        shell=world.sh(f"git -C {world.at}/two rev-parse HEAD >queue"),
    )
    yield Row(
        "task done -m", team.command("task", "done", "-m", "a change", before=lambda: begin(False), **team.of("a2")),
        (1.5, "git"), counts={}, n=(30, 5), git=world.sh(
            "git add -A && git commit -qm 'a change' && git update-ref refs/queue/$$ HEAD",
            at=f"{world.at}/two", before=change,
        ),
    )
