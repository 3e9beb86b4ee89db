"""Worlds with a repository in them: agents with worktrees, branches, a merge queue, a target with a gate.

A world is a directory: `repository` with the bus in it, a worktree for each agent, and `gates`, what the gate saw: the
tree as git writes it, and what came of it. Paths are in files of git's and of the bus, so a world is always put where the
path is as long as the one it was made at (see `put`).
"""

import os
import shutil
import subprocess

import world
from check import names
from world import Case, write

GIT = shutil.which("git")
DATE = "2030-01-01T00:00:00Z"
GATE = 't=$(git write-tree); if test -e bad; then r=fail; else r=pass; fi; echo "$t $r" >>../../../../../gates; test $r = pass'

# A git that is its caller's last, at the n-th call that changes something.
WRAPPER = """#!/bin/sh
for word in "$@"; do
  case $word in
  update-ref | checkout | merge | commit | add | worktree | read-tree | rebase | switch)
    echo >>"$WRAP_COUNT"
    [ "$(wc -l <"$WRAP_COUNT")" = "$WRAP_AT" ] || exec "$WRAP_GIT" "$@"
    # One that is talked to ends when its caller does.
    case " $* " in *" --stdin "*) "$WRAP_GIT" "$@" 2>/dev/null ;; *) "$WRAP_GIT" "$@" >/dev/null 2>&1 ;; esac
    kill -KILL "$PPID"
    exit
    ;;
  esac
done
exec "$WRAP_GIT" "$@"
"""


def bus(at):
    return f"{at}/repository/.git/cadre"


def token(name):
    return f"{name:0>10}"


def environment(at, **more):
    base = world.environment(bus(at), **more)
    for who in ("AUTHOR", "COMMITTER"):
        base |= {f"GIT_{who}_DATE": DATE, f"GIT_{who}_NAME": "Tester", f"GIT_{who}_EMAIL": "tester@example.invalid"}
    return {**base, "GIT_CONFIG_NOSYSTEM": "1"}


def command(at, words, who=None, stdin="", fault=None, **more):
    """Exit code, standard output and error of a cadre, run by an agent in its worktree or by a person."""
    if who:
        more |= {"CADRE_AGENT": who, "CADRE_SESSION": token(who)}
    if fault and fault.startswith("git:"):
        count = f"{at}.count"
        write(count, "")
        bin = wrapper(at)
        more |= {"WRAP_AT": fault[4:], "WRAP_COUNT": count, "WRAP_GIT": GIT, "PATH": f"{bin}:{os.environ['PATH']}"}
    elif fault:
        more["CADRE_FAULT"] = fault
    done = subprocess.run(
        [world.CADRE, *words], env=environment(at, **more), cwd=f"{at}/{who or 'repository'}", input=stdin.encode(), capture_output=True
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def wrapper(at):
    bin = os.path.dirname(at) + "/bin"
    if not os.path.exists(f"{bin}/git"):
        os.makedirs(bin, exist_ok=True)
        own = f"{bin}/git.{os.getpid()}"
        write(own, WRAPPER)
        os.chmod(own, 0o755)
        os.rename(own, f"{bin}/git")
    return bin


def image(at):
    directories, files = world.image(at)
    here = at.encode()
    return directories, {name: data.replace(here, b"\0WORLD\0") if here in data else data for name, data in files.items()}


def put(image, at):
    """Puts a world at a path as long as its first one was: a record tells the length of its body."""
    directories, files = image
    here = at.encode()
    world.put((directories, {name: data.replace(b"\0WORLD\0", here) for name, data in files.items()}), at)
    return at


class World:
    """Builds one. The methods that begin tasks leave their ids in `t`."""

    def __init__(self, at):
        self.at, self.t = at, {}
        os.makedirs(f"{at}/repository")
        write(f"{at}/gates", "")
        self.git("init", "-q", "-b", "main", "--template=")
        for key, value in (("user.name", "Tester"), ("user.email", "tester@example.invalid"), ("cadre.gate", GATE), ("cadre.protected", "guarded"), ("cadre.mergeAttempts", "2")):
            self.git("config", key, value)
        self.change("repository", "common", "first")
        self.must(["init", "-q"])

    def git(self, *words, where="repository"):
        done = subprocess.run([GIT, *words], env=environment(self.at), cwd=f"{self.at}/{where}", capture_output=True, check=True)
        return done.stdout.decode().strip()

    def must(self, words, who=None, **more):
        code, out, err = command(self.at, words, who, **more)
        if code != 0:
            raise SystemExit(f"world: {words} of {who} exits {code}: {err}")
        return out.split("\n")[0].split("\t")[0]

    def change(self, where, file, text, commit=True):
        write(f"{self.at}/{where}/{file}", text + "\n")
        if commit:
            self.git("add", "-A", where=where)
            self.git("commit", "-qm", f"{where} writes {file}", where=where)

    def agent(self, name, **card):
        self.git("worktree", "add", "-q", "--detach", f"../{name}", "main")
        at = f"{bus(self.at)}/agents/{name}"
        world.agent(bus(self.at), name, token(name), **card)
        with open(f"{at}/card") as file:
            fields = file.read()
        write(f"{at}/card", f"Worktree: {self.at}/{name}\nGitDir: {self.at}/repository/.git/worktrees/{name}\n" + fields)
        write(f"{at}/alive", "")

    def begin(self, name, title, *options):
        """An agent that holds a task, with another that depends on it."""
        if not os.path.exists(f"{self.at}/{name}"):
            self.agent(name)
        self.t[title] = self.must(["task", "add", title, *options])
        self.t[f"after-{title}"] = self.must(["task", "add", f"after {title}", "-d", self.t[title]])
        self.must(["claim", "-q", self.t[title]], name)

    def submit(self, name, title, file, text, *options):
        self.begin(name, title, *options)
        self.change(name, file, text)
        self.must(["task", "done", "-q"], name)

    def branch(self, name, file, text):
        self.git("branch", name, "main")
        self.more(name, file, text)

    def more(self, name, file, text):
        self.git("worktree", "add", "-q", "../elsewhere", name)
        self.change("elsewhere", file, text)
        self.git("worktree", "remove", "../elsewhere")

    def run(self):
        command(self.at, ["merge", "run", "--once"])

    def image(self):
        self.git("gc", "-q")
        shutil.rmtree(f"{bus(self.at)}/merge/worktree", ignore_errors=True)
        self.git("worktree", "prune")
        return image(self.at)


# The worlds, each small, since recover looks at each agent's worktree with git.


def work(w):
    w.begin("ann", "clean")
    w.change("ann", "one", "ann's")
    w.begin("bob", "dirty")
    w.change("bob", "two", "bob's")
    w.change("bob", "two", "bob's and more", commit=False)
    w.change("bob", "three", "bob's", commit=False)
    w.change("repository", "common", "second")
    w.branch("topic", "four", "topic's")


def queue(w):
    w.submit("cid", "queued", "five", "cid's")
    w.submit("dee", "guarded", "guarded", "dee's", "-p", "0")
    w.run()
    w.branch("again", "six", "again's")
    w.t["again"] = w.must(["merge", "submit", "again"])
    w.branch("newer", "seven", "newer's")
    w.t["newer"] = w.must(["merge", "submit", "newer"])
    w.more("newer", "seven", "newer's and more")


def back(w):
    w.begin("eli", "returned")
    w.change("eli", "common", "eli's")
    w.begin("gus", "stuck")
    w.change("gus", "bad", "gus's")
    w.change("repository", "common", "second")
    w.must(["task", "done", "-q"], "eli")
    w.run()
    w.must(["task", "done", "-q"], "gus")
    w.run()
    w.must(["claim", "-q", w.t["stuck"]], "gus")
    w.change("gus", "eight", "gus's")
    w.must(["task", "done", "-q"], "gus")
    w.run()


def ended(w):
    w.submit("fay", "landed", "nine", "fay's")
    w.run()


def dead(w):
    w.agent("dan", restart="never")
    w.begin("dan", "dead")
    w.change("dan", "ten", "dan's")


def half(w):
    """An entry that was written, and its marker that has not moved."""
    w.begin("hal", "half")
    w.change("hal", "eleven", "hal's")
    base = image(w.at)
    for point in range(1, 100):
        put(base, w.at)
        command(w.at, ["task", "done"], "hal", fault=f"kill:{point}")
        if names(f"{bus(w.at)}/merge/queue") and names(f"{bus(w.at)}/state/claimed"):
            return
    raise SystemExit("world: no point leaves an entry whose task is claimed")


def conflict(w):
    w.begin("ivy", "conflicting")
    w.change("ivy", "common", "ivy's")
    w.change("repository", "common", "second")
    w.must(["task", "done", "-q"], "ivy")


def red(w):
    w.submit("joe", "failing", "bad", "joe's")


def guards(w):
    w.submit("lea", "guarding", "guarded", "lea's")


def sticks(w):
    """An entry that comes back for the second time."""
    red(w)
    w.run()
    w.must(["claim", "-q", w.t["failing"]], "joe")
    w.change("joe", "fourteen", "joe's")
    w.must(["task", "done", "-q"], "joe")


def loses(w):
    w.begin("kim", "behind")
    w.change("kim", "twelve", "kim's")
    w.change("repository", "common", "second")


def given(w):
    """Work that a person has taken from an agent, to give it up."""
    w.begin("max", "given")
    w.change("max", "thirteen", "max's")
    w.must(["claim", "-q", "--release", w.t["given"]])
    w.must(["claim", "-q", w.t["given"]])


def meeting(w):
    """One for verbs that meet: work that came back, that is held, in the queue, and held for a review."""
    w.begin("eli", "returned")
    w.change("eli", "common", "eli's")
    w.change("repository", "common", "second")
    w.must(["task", "done", "-q"], "eli")
    w.run()
    w.begin("ann", "clean")
    w.change("ann", "one", "ann's")
    w.submit("cid", "queued", "five", "cid's")
    w.submit("dee", "guarded", "guarded", "dee's", "-p", "0")
    w.run()


def moot(w):
    """One where a person has brought in what waits in the queue, and its branch has gone on."""
    w.branch("newer", "seven", "newer's")
    w.t["newer"] = w.must(["merge", "submit", "newer"])
    w.git("merge", "-q", "newer")
    w.more("newer", "seven", "newer's and more")


def meetings(where, t):
    """Whoever may meet. An agent that is retired runs none of them: it would be ended."""
    task, merge = ["task"], ["merge"]
    if where is moot:
        return [
            TeamCase("run", [*merge, "run", "--once"]),
            TeamCase("submit-newer", [*merge, "submit", "newer"]),
            TeamCase("withdraw", [*merge, "cancel", t["newer"]]),
            TeamCase("cancel-review", [*task, "cancel", t["newer"]]),
        ]
    return [
        TeamCase("done", [*task, "done"], "ann"),
        TeamCase("submit-agent", [*merge, "submit", "ann"]),
        TeamCase("release", ["claim", "--release", t["clean"]]),
        TeamCase("cancel-held", [*task, "cancel", t["clean"]]),
        TeamCase("run", [*merge, "run", "--once"]),
        TeamCase("approve", [*merge, "approve", t["guarded"]]),
        TeamCase("approve-ask", ["ask", "approve", f"review-{t['guarded']}"]),
        TeamCase("reject", [*merge, "reject", t["guarded"]]),
        TeamCase("retry-held", [*merge, "retry", t["guarded"]]),
        TeamCase("withdraw", [*merge, "cancel", t["queued"]]),
        TeamCase("cancel-review", [*task, "cancel", t["queued"]]),
        TeamCase("cancel-guarded", [*task, "cancel", t["guarded"]]),
        TeamCase("edit-review", [*task, "edit", "-p", "1", t["queued"]]),
        TeamCase("retry", [*merge, "retry", t["returned"]]),
        TeamCase("claim-returned", ["claim", t["returned"]], "eli"),
        TeamCase("cancel-returned", [*task, "cancel", t["returned"]]),
        TeamCase("retire", ["retire", "cid"]),
        TeamCase("recover", ["recover"]),
    ]


WORLDS = [work, queue, back, ended, dead, half, conflict, red, guards, sticks, loses, given]
MEETINGS = [meeting, moot]


class TeamCase(Case):
    """Run by an agent in its worktree, or by a person."""

    def __init__(self, name, words, who=None, again=False, code=0):
        super().__init__(name, words)
        self.who, self.again, self.code = who, again, code
        self.discards = "--discard" in words

    def run(self, at, fault=None):
        return command(at, self.words, self.who, self.stdin, fault, **self.env)

    def start(self, at, fault=None):
        more = {"CADRE_AGENT": self.who, "CADRE_SESSION": token(self.who)} if self.who else {}
        return world.started(self.words, self.stdin, environment(at, **more), fault, f"{at}/{self.who or 'repository'}")


def cases(where, t):
    task, merge = ["task"], ["merge"]

    def of(*all):
        return [TeamCase(*c) for c in all]

    again = True
    if where is work:
        return of(
            ("done", [*task, "done"], "ann"),
            ("done-commit", [*task, "done", "--commit", "-m", "all"], "bob", again),
            ("submit-agent", [*merge, "submit", "ann"], None),
            ("submit-branch", [*merge, "submit", "topic"], None, again),
            ("set", ["agents", "set", "ann", "role", "reviewer"], None),
            ("stop", ["stop", "ann"], None, again),
            ("pause", ["pause", "bob"], None, again),
            ("retire", ["retire", "ann"], None, again),
            ("retire-discard", ["retire", "--discard", "bob"], None, again),
            ("release", ["claim", "--release", t["clean"]], None),
            ("cancel-held", [*task, "cancel", t["clean"]], None),
            ("fail-held", [*task, "fail", "--why", "no way"], "ann"),
        )
    if where is queue:
        return of(
            ("submit-again", [*merge, "submit", "again"], None),
            ("submit-newer", [*merge, "submit", "newer"], None),
            ("approve", [*merge, "approve", t["guarded"]], None, again),
            ("approve-ask", ["ask", "approve", f"review-{t['guarded']}"], None),
            ("reject", [*merge, "reject", t["guarded"], "--why", "not so"], None, again),
            ("retry-held", [*merge, "retry", t["guarded"]], None, again),
            ("withdraw", [*merge, "cancel", t["queued"]], "cid", again),
            ("run-lands", [*merge, "run", "--once"], None, again),
            ("cancel-review", [*task, "cancel", t["queued"]], None),
            ("cancel-guarded", [*task, "cancel", t["guarded"]], None),
            ("edit-review", [*task, "edit", "-p", "0", "--title", "other", t["queued"]], None),
            ("retire-review", ["retire", "cid"], None, again),
        )
    if where is back:
        return of(
            ("claim-returned", ["claim", t["returned"]], "eli", again),
            ("retry", [*merge, "retry", t["returned"]], None),
            ("retry-stuck", [*merge, "retry", t["stuck"]], None, again),
            ("reject-stuck", [*merge, "reject", t["stuck"]], None, again),
            ("cancel-returned", [*task, "cancel", t["returned"]], None),
            ("cancel-stuck", [*task, "cancel", t["stuck"]], None),
            ("edit-returned", [*task, "edit", "-p", "0", t["returned"]], None),
            ("retire-returned", ["retire", "eli"], None, again),
        )
    if where is ended:
        return of(
            ("reopen-landed", [*task, "reopen", t["landed"]], None),
            ("claim-after-landed", ["claim", t["after-landed"]], "fay", again),
            ("stop-idle", ["stop", "fay"], None),
            ("pause-idle", ["pause", "fay"], None, again),
            ("retire-idle", ["retire", "fay"], None, again),
        )
    if where is dead:
        return of(("recover-dead", ["recover"], None))
    if where is half:
        return of(("recover-half", ["recover"], None), ("done-half", [*task, "done"], "hal"))
    if where is conflict:
        return of(("run-conflict", [*merge, "run", "--once"], None, again))
    if where is red:
        return of(("run-fails", [*merge, "run", "--once"], None, again))
    if where is guards:
        return of(("run-holds", [*merge, "run", "--once"], None, again))
    if where is sticks:
        return of(("run-sticks", [*merge, "run", "--once"], None, again, 1))
    if where is given:
        return of(("done-no-merge", [*task, "done", "--no-merge", t["given"]]))
    return of(
        ("update", [*merge, "update"], "kim", again),
        ("update-rebase", [*merge, "update", "--rebase"], "kim", again),
    )


def build(root, make):
    """The image of a world, made at `root/0`, and its tasks."""
    w = World(f"{root}/0")
    make(w)
    made = w.image()
    shutil.rmtree(w.at)
    return made, w.t
