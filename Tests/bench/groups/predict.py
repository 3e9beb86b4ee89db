"""Prediction of conflicts among 30 branches of 10,000 files, of which one renames 2,000"""

import itertools

from measure import Row
from world import WHO, Team

BRANCHES = 30


def rows(world):
    files = world.choose(10000, 1000)
    team = Team(world, tasks=0, agents=0, files=files)
    world.run("git", "fast-import", "--quiet", at=team.at, input=history(files))
    names, number = [f"topic{n}" for n in range(1, BRANCHES + 1)], itertools.count()
    for name in names:
        team.run("merge", "submit", "-q", name)

    def commit(branch):
        blob = world.run("git", "hash-object", "-w", "--stdin", at=team.at, input=str(next(number))).strip()
        listing = world.run("git", "ls-tree", branch, at=team.at).splitlines()
        lines = [line for line in listing if not line.endswith(f"\tmore{branch}")]
        tree = world.run("git", "mktree", at=team.at, input="\n".join([*lines, f"100644 blob {blob}\tmore{branch}\n"]))
        tip = world.run("git", "commit-tree", "-p", branch, "-m", "more", tree.strip(), at=team.at)
        world.run("git", "update-ref", f"refs/heads/{branch}", tip.strip(), at=team.at)

    def merges(branch):
        """What tells the same of one branch."""
        return f"for n in main {' '.join(names)}; do git merge-tree --write-tree {branch} $n || exit; done"

    check = ("merge", "check")
    yield Row(
        "merge check: after a commit on each", team.command(*check, before=lambda: [commit(name) for name in names]),
        (1, "git"), n=(3, 1), git=world.sh("\n".join(f"({merges(name)}) || exit" for name in names), at=team.at),
    )
    for what, branch in (("after a commit", "topic7"), ("after one that renames", "topic1")):
        yield Row(
            f"merge check: {what}", team.command(*check, before=lambda branch=branch: commit(branch)), (1, "git"),
            n=(10, 2), git=world.sh(merges(branch), at=team.at),
        )
    yield Row("merge check: nothing new", team.command(*check), n=(10, 2), git=world.git_version())


def history(files):
    """Branches of 5 commits from main; the first renames a fifth of the files."""
    out = []
    for branch in range(1, BRANCHES + 1):
        for commit in range(5):
            out.append(f"commit refs/heads/topic{branch}\ncommitter {WHO}\ndata 7\na topic\n")
            if commit == 0:
                out.append("from refs/heads/main^0\n")
                if branch == 1:
                    out += [f"R dir{n} renamed{n}\n" for n in range(files // 500)]
            n, text = files // 5 + branch * 5 + commit, f"changed by {branch} in {commit}\n"
            out.append(f"M 100644 inline dir{n // 100}/file{n}\ndata {len(text)}\n{text}\n")
    return "".join(out)
