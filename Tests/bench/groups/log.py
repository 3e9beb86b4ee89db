"""A long journal"""

from measure import Row
from world import Team


def rows(world):
    team = Team(world, tasks=0, worktrees=0)
    size = world.choose(1000000, 50000)
    journal = f"{team.bus}/journal"
    days = [f"{journal}/2026-01-{day:02d}.host.jsonl" for day in range(1, 11)]
    for number, path in enumerate(days):
        with open(path, "w", encoding="utf-8") as file:
            for n in range(number * size // 10, (number + 1) * size // 10):
                time = f"2026-01-{number + 1:02d}T{n % 86400 // 3600:02d}:{n % 3600 // 60:02d}:{n % 60:02d}Z"
                words = f'"event":"claimed","by":"a{n % 30}","task":{n % 20000},"token":"{n:010x}"'
                file.write(f'{{"time":"{time}",{words}}}\n')
    every = " ".join(days)
    yield Row(
        f"log -n 200 of {size:,}", team.command("log", "-n", "200"), (3, "shell"),
        shell=world.command("tail", "-n", "200", days[-1]), git=world.git_version(),
    )
    yield Row(
        f"log --task of {size:,}", team.command("log", "--task", "5"), (2, "shell"), n=(10, 3),
        shell=world.command("grep", "-hE", '"task":5[,}]', *days),
        git=world.git_version(),
    )
    yield Row(
        f"log of {size:,}", team.command("log"), n=(3, 1),
        shell=world.sh(f"cat {every} | sed -E 's/[{{}}\"]//g; s/,/\\t/g'"),
    )
