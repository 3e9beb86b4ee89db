"""Landing entries that are ready, with a gate that is trivial"""

import os
import shutil

from measure import Row
from world import WHO, Team

GATE = "test -s README"
# What a person would do without a queue, and the least that git can do: neither could be taken up where it was cut off.
SQUASH = f"for n in $(seq COUNT); do git merge -q --squash topic$n && git commit -qm topic$n && {GATE} || exit; done"
PLUMBING = """set -e
at=$(git rev-parse main)
for n in $(seq COUNT); do
  tree=$(git merge-tree --write-tree $at topic$n)
  at=$(git commit-tree -p $at -m topic$n $tree)
done
git update-ref refs/heads/main $at
git reset -q --hard"""


def rows(world):
    count = world.choose(100, 20)
    team = Team(world, tasks=0, worktrees=0)
    topics(world, team.at, count)
    for n in range(1, count + 1):
        team.run("merge", "submit", "-q", f"topic{n}")
    # As it is before the landing, to be put back for each turn.
    ready = f"{world.at}/ready"
    shutil.copytree(team.at, ready, symlinks=True)

    def put(batch=None):
        team.copied(ready)
        if batch:
            world.run("git", "config", "cadre.mergeBatch", str(batch), at=team.at)
            team.run("init", "-q")
        world.run("git", "reset", "-q", "--hard", at=team.at)
        os.sync()

    def script(text):
        return world.command("sh", "-c", text.replace("COUNT", str(count)), at=team.at, before=put)

    for batch, goal in ((1, 2), (5, 1), (20, 1)):
        yield Row(
            f"land {count}, batch {batch}", team.command("merge", "run", before=lambda batch=batch: put(batch)),
            (goal, "git"), n=(5, 3), unit="s", floor=script(PLUMBING), git=script(SQUASH),
        )


def topics(world, at, count):
    """Branches without worktrees, each with a commit on a file of its own."""
    parts = []
    for n in range(1, count + 1):
        text = "".join(f"line {line} of topic {n}\n" for line in range(20))
        parts.append(f"commit refs/heads/topic{n}\ncommitter {WHO}\ndata 7\na topic\nfrom refs/heads/main^0\n")
        parts.append(f"M 100644 inline topics/file{n}\ndata {len(text)}\n{text}\n")
    world.run("git", "fast-import", "--quiet", at=at, input="".join(parts))
