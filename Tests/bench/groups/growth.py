"""How cadre grows with the list of tasks, of which a twentieth has landed"""

import shutil

from measure import Row
from world import Team


def rows(world):
    sizes = world.choose((100, 1000, 10000, 100000), (100, 3000))
    teams = {size: history(world, size) for size in sizes}
    for size in sizes:
        yield from grown(world, size, teams[size], teams[sizes[0]] if size > sizes[0] else None, size == sizes[-1])


def history(world, size):
    team = Team(world, f"team{size}", tasks=size - size // 20, worktrees=1)
    landed(world, team, size // 20)
    return team


def landed(world, team, count):
    """Tasks that have landed: one that has, and copies of what it has left."""
    world.run("git", "branch", "topic", at=team.at)
    tip = world.run("git", "commit-tree", "-p", "topic", "-m", "topic", tree(world, team), at=team.at).strip()
    world.run("git", "update-ref", "refs/heads/topic", tip, at=team.at)
    first = int(team.run("merge", "submit", "topic"))
    team.run("merge", "run", "-q")
    bus, kept = team.bus, world.run("git", "rev-parse", f"refs/cadre/work/task-{first}", at=team.at).strip()
    with open(f"{bus}/merge/done/{first}", encoding="utf-8") as file:
        entry = file.read()
    names = []
    for number in range(first + 1, first + count):
        shutil.copytree(f"{bus}/tasks/{first}", f"{bus}/tasks/{number}")
        with open(f"{bus}/merge/done/{number}", "w", encoding="utf-8") as file:
            file.write(entry.replace(f"Task: {first}\n", f"Task: {number}\n"))
        with open(f"{bus}/state/done/{number}", "w", encoding="utf-8"):
            names.append(f"create refs/cadre/work/task-{number} {kept}\n")
    world.run("git", "update-ref", "--stdin", at=team.at, input="".join(names))
    with open(f"{bus}/ids", "w", encoding="utf-8") as file:
        file.write(f"{first + count}\n")


def tree(world, team):
    """One with a file more."""
    blob = world.run("git", "hash-object", "-w", "--stdin", at=team.at, input="topic\n").strip()
    listing = world.run("git", "ls-tree", "main", at=team.at) + f"100644 blob {blob}\ttopic\n"
    return world.run("git", "mktree", at=team.at, input=listing).strip()


def grown(world, size, team, small, largest):
    bus, caller, worker = team.bus, team.of("a1"), ("--as", "bench")

    def small_side(*words, **more):
        """The same with the smallest list."""
        return small and small.command(*words, **more)

    def release(team):
        return lambda: team.run(*worker, "claim", "--release", "-q")

    by_small = (1.5, "small") if small else None
    for of in filter(None, (team, small)):
        of.run(*worker, "claim", "-q")
    turns = (30, 5) if size <= 10000 else (10, 3)
    yield Row(
        f"task list, {size:,} tasks", team.command("task", "list"), (3, "floor"), n=turns,
        floor=world.floor(f"list {bus}/state/claimed list {bus}/state/blocked scan {bus}/tasks task"),
        shell=world.sh(f"find {bus}/tasks -name task -exec grep -h ^Title {{}} +"), git=world.git_version(),
    )
    yield Row(
        f"status, {size:,} tasks", team.command("status"), by_small, n=turns, small=small_side("status"),
        shell=world.sh(f"find {bus}/state/ready -type f | wc -l; ls {bus}/state/blocked | wc -l"),
        git=world.git_version(),
    )
    yield Row(
        f"prime, {size:,} tasks", team.command("prime", **caller), by_small, n=turns,
        small=small_side("prime", **(small or team).of("a1")), git=world.git_version(),
    )
    yield Row(
        f"claim, {size:,} tasks", team.command(*worker, "claim", before=release(team)), by_small, n=turns,
        small=small_side(*worker, "claim", before=release(small or team)), git=world.git_version(),
    )
    yield Row(
        f"doctor, {size:,} tasks", team.command("doctor"), (4, "floor") if largest else None,
        n=(10, 2) if size <= 10000 else (3, 1),
        floor=world.floor(
            f"scan {bus}/tasks task scan {bus}/tasks end scan {bus}/tasks branch list {bus}/state/blocked "
            f"list {bus}/state/done list {bus}/merge/done"
        ),
        git=world.command("git", "fsck", "--connectivity-only", at=team.at),
    )
