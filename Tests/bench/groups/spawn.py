"""Starting agents in tmux windows, each with a worktree of 100 files"""

from measure import Row
from world import Team

# What the rows beside it have made.
REMOVE = """rm -rf ../trees && git worktree prune
git for-each-ref --format='%(refname:short)' refs/heads | grep -vx main | xargs -r git branch -qD
tmux -L plain list-windows -t kept -F '#{window_id}' | tail -n +2 | xargs -r -n 1 tmux -L plain kill-window -t"""


def rows(world):
    team = Team(world, tasks=0, agents=0)
    plain = world.repository("alone")
    for server in ("bench", "plain"):
        world.run("tmux", "-L", server, "-f", "/dev/null", "new-session", "-d", "-s", "kept", "sleep 100000")

    def retire():
        names = team.run("agents", "-o", "name")
        team.run("retire", "-q", "--discard", "-", input=names)

    def remove():
        world.run("sh", "-c", REMOVE, at=plain)

    for count, goal, n in ((1, 2, (20, 3)), (world.choose(30, 10), 1.5, (3, 2))):
        script = f"for n in $(seq {count}); do git worktree add -q -b $$-$n {world.at}/trees/$n main &&"
        script += f" tmux -L plain new-window -d -t kept: -c {world.at}/trees/$n 'exec sleep 100000' || exit; done"
        yield Row(
            f"spawn {count}", team.command(
                "spawn", "-q", "--count", str(count), "--no-pull", "--agent", "sh", before=retire
            ),
            (goal, "git"), n=n, git=world.command("sh", "-c", script, at=plain, before=remove),
        )
    yield Row(
        "spawn 1 --headless", team.command(
            "spawn", "-q", "--headless", "--no-pull", "--agent", "sh", before=retire
        ),
        n=(20, 3), git=world.sh(f"git -C {plain} worktree add -q -b $$ {world.at}/trees/$$ main", before=remove),
    )
