"""What programs and scripts call all the time"""

import json
import os

from measure import Function, Row
from world import Team

NOTHING = {"processes": 0}


def rows(world):
    team = Team(world)
    for n in range(20):
        world.write(f"ready/{n}", "")
    for name in ("claimed/x", "box/x", "read/x", "journal", "ids", "last"):
        world.write(name, "1\n")
    yield from starts(world, team)
    yield from agents(world, team)
    yield from tasks(world, team)
    yield from mail(world, team)
    yield from lists(world, team)


def starts(world, team):
    yield Row(
        "--version", team.command("--version"), (1.5, "git"), git=world.git_version(), floor=world.floor("stat /")
    )
    yield Row(
        "path bus", team.command("path", "bus"), (3, "git"), shell=world.sh("cd .. && pwd"),
        floor=world.floor(team.begins), git=world.command("git", "rev-parse", "--git-dir", at=team.at),
    )
    size = os.path.getsize(world.binary) / 1e6
    yield Row("size of the program", Function(lambda: size), (40, None), n=(1, 1), unit="MB")


def agents(world, team):
    """What an agent's program calls."""
    me, at, bus = team.of("a1"), f"{team.bus}/agents/a1", team.bus
    tool = {"session_id": "5c1b", "transcript_path": world.write("transcript", '{"type":"assistant"}\n' * 200)}
    tool |= {"cwd": me["at"], "hook_event_name": "PostToolUse", "permission_mode": "default", "tool_name": "Bash"}
    tool |= {"tool_input": {"command": "git status --short"}}
    tool |= {"tool_response": {"stdout": " M dir0/file1\n" * 40, "stderr": "", "interrupted": False}}
    call = world.write("call", json.dumps(tool))
    begins = f"{team.caller} {team.settings} read {at}/card read {at}/session read {at}/state read {at}/alive"
    yield Row(
        "hook PostToolUse", team.command("hook", "PostToolUse", input=call, **me), (2.5, "floor"), counts=NOTHING,
        floor=world.floor(
            f"input {begins} read {at}/conversation list {bus}/asks/open list {bus}/state/claimed "
            f"list {bus}/mail/a1/new stat {bus}/mail/a1/cur write state 200", input=call
        ),
        shell=world.sh("jq -r .tool_name >state.new && mv state.new state", input=call), git=world.git_version(),
    )
    yield Row(
        "heartbeat", team.command("heartbeat", "--state", "working", "--note", "at it", **me), (2, "floor"),
        floor=world.floor(f"{begins} list {bus}/state/claimed write state 200"), counts=NOTHING,
        shell=world.sh("echo working >state.new && mv state.new state"), git=world.git_version(),
    )
    yield Row(
        "prime", team.command("prime", **me), (2, "floor"), counts=NOTHING,
        floor=world.floor(
            f"{begins} list {bus}/state/claimed list {bus}/mail/a1/new stat {bus}/mail/a1/cur read {at}/handoff "
            f"read {world.at}/usr/share/cadre/roles/worker.md"
        ),
        shell=world.sh(f"cat {at}/card; ls claimed; ls box | wc -l"), git=world.git_version(),
    )


def tasks(world, team):
    """The way of a task, for a caller without a supervisor."""
    bus, begins = team.bus, f"{team.caller} {team.settings}"
    claimed, ready = (lambda: world.write("claimed/x", "")), (lambda: world.write("ready/0", ""))
    team.run("--as", "bench", "claim", "-q")

    def hold():
        team.run("task", "add", "-q", "-p", "0", "--to", "done", "task")
        team.run("--as", "done", "claim", "-q")

    yield Row(
        "task add", team.command("task", "add", "-p", "4", "a task"), (2, "floor"), counts=NOTHING | {"fsyncs": 3},
        floor=world.floor(
            f"{team.caller} lock lock list {bus}/import list {bus}/state/edit read ids write ids 4 save task 120 "
            "write marker 0 sync . append journal 120"
        ),
        shell=world.sh("flock lock sh -c 'n=$(($(cat last) + 1)); echo a task >task$n; sync task$n; echo $n >last'"),
        git=world.command("git", "hash-object", "-w", "--stdin", input=world.write("task", "a task"), at=team.at),
    )
    yield Row(
        "claim --as", team.command(
            "--as", "bench", "claim", before=lambda: team.run("--as", "bench", "claim", "--release", "-q")
        ),
        (2, "floor"), counts=NOTHING,
        floor=world.floor(f"{begins} first ready claimed read {bus}/tasks/1/task append journal 120", before=ready),
        shell=world.sh('for t in ready/*; do mv "$t" claimed/ 2>/dev/null && echo "$t" && break; done', before=ready),
        git=world.git_version(),
    )
    yield Row(
        "claim --release", team.command(
            "--as", "holder", "claim", "--release", before=lambda: team.run("--as", "holder", "claim", "-q")
        ),
        (2, "floor"), counts=NOTHING,
        floor=world.floor(
            f"{begins} lock lock list {bus}/import list {bus}/state/edit list {bus}/state/claimed "
            f"read {bus}/tasks/1/task move claimed/x ready/x append journal 120", before=claimed
        ),
        shell=world.sh("mv claimed/x ready/x", before=claimed), git=world.git_version(),
    )
    yield Row(
        "task done --no-merge", team.command("--as", "done", "task", "done", "--no-merge", before=hold), (2, "floor"),
        counts=NOTHING,
        floor=world.floor(
            f"{begins} lock lock list {bus}/import list {bus}/state/edit list {bus}/state/claimed "
            f"read {bus}/tasks/1/task save result 120 move claimed/x done append journal 120", before=claimed
        ),
        shell=world.sh("echo done >result; mv claimed/x done", before=claimed), git=world.git_version(),
    )


def mail(world, team):
    box, message = f"{team.bus}/mail/human", lambda: world.write("box/x", "From: a\n\ntext\n")
    yield Row(
        "send", team.command("send", "human", "-s", "subject", "text"), (2, "floor"), counts=NOTHING,
        floor=world.floor(f"{team.caller} stat {box}/new lock sender save box/sent 200 append journal 120"),
        shell=world.sh("echo text >new && sync new && mv new box/$$"), git=world.git_version(),
    )
    yield Row(
        "inbox next", team.command("inbox", "next", before=lambda: team.run("send", "-q", "human", "text")),
        (2, "floor"), counts=NOTHING,
        floor=world.floor(
            f"{team.caller} lock reader list {box}/new stat {box}/cur read box/x move box/x read/x append journal 120",
            before=message,
        ),
        shell=world.sh('set -- box/*; cat "$1" && mv "$1" read/', before=message), git=world.git_version(),
    )


def lists(world, team):
    bus, cards = team.bus, f"scan {team.bus}/agents card scan {team.bus}/agents session scan {team.bus}/agents state"
    yield Row(
        "task list", team.command("task", "list"), (3, "floor"), counts=NOTHING,
        floor=world.floor(f"{team.begins} list {bus}/state/claimed list {bus}/state/blocked scan {bus}/tasks task"),
        shell=world.sh(f"grep -h ^Title {bus}/tasks/*/task"), git=world.git_version(),
    )
    yield Row(
        "agents", team.command("agents"), (3, "floor"), counts=NOTHING,
        floor=world.floor(f"{team.begins} {cards} list {bus}/state/claimed"),
        shell=world.sh(f"grep -h ^State {bus}/agents/*/state"),
        git=world.command("git", "worktree", "list", at=team.at),
    )
    yield Row(
        "status", team.command("status"), (3, "floor"), counts=NOTHING,
        floor=world.floor(
            f"{team.begins} {cards} read {bus}/counts list {bus}/state/ready list {bus}/mail/human/new "
            f"stat {bus}/state/claimed stat {bus}/state/blocked stat {bus}/asks/open stat {bus}/merge/queue"
        ),
        shell=world.sh("ls ready | wc -l; ls claimed | wc -l; ls box | wc -l"), git=world.git_version(),
    )
    yield Row("recover", team.command("recover"), (3, "git"), git=world.git_version())
