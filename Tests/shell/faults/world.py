"""The buses that faults are tried on, the verbs that are tried, and how one is run."""

import multiprocessing
import os
import shutil
import subprocess
import tempfile

import check
from check import names

CADRE = os.environ["CADRE_BIN"] + "/cadre"
FAR = "2090-01-01T00:00:00Z"
SESSION = "aaaaaaaaaa"


def place():
    """A directory for many small files: in memory, where there is such a place."""
    memory = "/dev/shm"
    return tempfile.mkdtemp(prefix="cadre-faults.", dir=memory if os.access(memory, os.W_OK) else None)


def own(root):
    """A place in it for the calling process of a pool alone."""
    return f"{root}/{multiprocessing.current_process()._identity[0]}"


def forked(work, count):
    """What `work` returns for 0, 1, …, each called in a process of its own, which has all that the caller has."""
    def call(number, end):
        end.send(work(number))

    pipes = [multiprocessing.Pipe(duplex=False) for _ in range(count)]
    fork = multiprocessing.get_context("fork")
    for number, (_, end) in enumerate(pipes):
        fork.Process(target=call, args=(number, end)).start()
        end.close()
    # Of one that has failed there is only an end.
    return [heard.recv() for heard, _ in pipes]


def environment(bus, **more):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "CADRE_DIR": bus, **more}


def run(bus, words, stdin="", fault=None, **more):
    """Exit code (negative: the signal), standard output and error."""
    if fault:
        more["CADRE_FAULT"] = fault
    done = subprocess.run([CADRE, *words], env=environment(bus, **more), input=stdin.encode(), capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def must(bus, words, stdin="", out=0, **more):
    """That word of the first line which it prints."""
    code, text, err = run(bus, words, stdin, **more)
    if code != 0:
        raise SystemExit(f"world: {words} exits {code}: {err}")
    return text.split("\n")[0].split("\t")[out]


def image(bus):
    """A bus as it is now, to be put back as often as needed: its directories, and its files with their bytes."""
    directories, files = [], {}
    for at, below, here in os.walk(bus):
        directories += [os.path.relpath(f"{at}/{name}", bus) for name in below]
        for name in here:
            with open(f"{at}/{name}", "rb") as file:
                files[os.path.relpath(f"{at}/{name}", bus)] = file.read()
    return directories, files


def put(image, to):
    """Makes the directory like the image, touching only what differs."""
    directories, files = image
    os.makedirs(to, mode=0o700, exist_ok=True)
    present, wanted = set(), set(directories)
    below = [""]
    while below:
        at = below.pop()
        with os.scandir(f"{to}/{at}") as entries:
            for entry in entries:
                name = at + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name in wanted:
                        present.add(name)
                        below.append(name + "/")
                    else:
                        shutil.rmtree(entry.path)
                elif name not in files:
                    os.unlink(entry.path)
                elif entry.stat().st_size == len(files[name]) and (not files[name] or same(entry.path, files[name])):
                    present.add(name)
    for name in directories:
        if name not in present:
            os.mkdir(f"{to}/{name}", 0o700)
    for name, data in files.items():
        if name not in present:
            with open(f"{to}/{name}", "wb") as file:
                file.write(data)
    return to


def same(path, data):
    with open(path, "rb") as file:
        return file.read() == data


def copy(bus, to):
    return put(image(bus), to)


def agent(bus, name, token, restart="on-failure"):
    os.makedirs(f"{bus}/agents/{name}")
    for part in ("tmp", "new", "cur"):
        os.makedirs(f"{bus}/mail/{name}/{part}")
    write(f"{bus}/agents/{name}/card", f"Program: sh\nRole: worker\nRestart: {restart}\nCreated: 1\nLength: 0\n\n")
    write(f"{bus}/agents/{name}/session", f"Token: {token}\nNumber: 1\nHost: h\nBoot: 00000000\nLength: 0\n\n")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def reclaim(bus, number, until, token=None):
    """Gives the claim of a task another end, and another token."""
    for name in names(f"{bus}/state/claimed"):
        words = name.split(",")
        if words[0] == str(number):
            words[3] = str(until)
            words[2] = token or words[2]
            os.rename(f"{bus}/state/claimed/{name}", f"{bus}/state/claimed/{','.join(words)}")


def clean(bus):
    """A bus with a task in every state that lasts. Returns the tasks' ids by what they are."""
    t = {}

    def add(name, *words):
        t[name] = must(bus, ["task", "add", name, *words])

    def claim(name, who, *words):
        must(bus, ["--as", who, "claim", t[name], *words])

    def done(name):
        claim(name, "eve")
        must(bus, ["--as", "eve", "task", "done", "--no-merge", t[name], "--result", f"result of {name}"])

    must(bus, ["init"])
    agent(bus, "liv", SESSION)
    add("any")
    add("role", "--role", "worker", "-p", "0")
    add("for", "--to", "bob")
    add("wanted")
    add("waits", "-d", t["wanted"])
    add("later", "--defer", FAR)
    add("leased")
    claim("leased", "alice", "--ttl", "3000d")
    add("held")
    add("after-held", "-d", t["held"])
    add("after-both", "-d", t["held"], "-d", t["wanted"])
    claim("held", "alice", "--ttl", "3000d")
    add("carded", "-p", "0")
    must(bus, ["claim", "-q", t["carded"]], CADRE_AGENT="liv", CADRE_SESSION=SESSION)
    add("after-carded", "-d", t["carded"])
    add("review")
    claim("review", "rob")
    for name in names(f"{bus}/state/claimed"):
        if name.split(",")[0] == t["review"]:
            os.rename(f"{bus}/state/claimed/{name}", f"{bus}/state/review/{','.join(name.split(',')[:3])}")
    add("after-review", "-d", t["review"])
    add("past")
    done("past")
    add("after-past", "-d", t["past"])
    add("failed")
    add("after-failed", "-d", t["failed"])
    claim("failed", "eve")
    must(bus, ["--as", "eve", "task", "fail", "--why", "no way", t["failed"]])
    add("dropped")
    add("after-dropped", "-d", t["dropped"])
    must(bus, ["task", "cancel", t["dropped"]])
    add("epic")
    add("after-epic", "-d", t["epic"])
    add("child-done", "--parent", t["epic"])
    add("child-held", "--parent", t["epic"])
    done("child-done")
    claim("child-held", "alice", "--ttl", "3000d")
    add("upper")
    add("middle", "--parent", t["upper"])
    add("lower", "--parent", t["middle"])
    add("lower-waits", "--parent", t["middle"], "-d", t["lower"])
    add("old-epic")
    add("old-child", "--parent", t["old-epic"])
    done("old-child")
    add("after-old-epic", "-d", t["old-epic"])
    add("leaving-epic")
    add("stays", "--parent", t["leaving-epic"])
    add("leaves", "--parent", t["leaving-epic"])
    add("after-leaving", "-d", t["leaving-epic"])
    done("stays")
    for name in ("planned", "waiting", "approved", "plan-epic"):
        add(name, "--plan")
        claim(name, "alice", "--ttl", "3000d")
        if name != "planned":
            t[f"ask-{name}"] = must(bus, ["--as", "alice", "plan", "submit", t[name], "-"], f"plan of {name}\n", out=1)
    must(bus, ["plan", "approve", t["approved"]])
    add("plan-child", "--parent", t["plan-epic"])
    done("plan-child")
    for text in ("first", "second", "third"):
        t[f"mail-{text}"] = must(bus, ["--as", "alice", "send", "human", "-s", text, f"the {text} text"])
    must(bus, ["inbox", "ack", t["mail-first"]])
    t["ask"] = must(bus, ["--as", "alice", "ask", "which one?", "--options", "red,blue"])
    t["ask-liv"] = must(bus, ["ask", "and where?"], CADRE_AGENT="liv")
    t["moot"] = must(bus, ["ask", "what else?"])
    must(bus, ["ask", "answer", t["moot"], "nothing"])
    return t


def littered(bus, t):
    """The same with all that a recovery finds to do: dead owners and changes that a crash cut short."""
    for name in ("expired", "dead", "worn"):
        t[name] = must(bus, ["task", "add", name])
        t[f"after-{name}"] = must(bus, ["task", "add", f"after {name}", "-d", t[name]])
    agent(bus, "dan", "bbbbbbbbbb", restart="never")
    must(bus, ["--as", "ed", "claim", t["expired"]])
    reclaim(bus, t["expired"], 1)
    must(bus, ["--as", "dan", "claim", t["dead"]])
    reclaim(bus, t["dead"], 0, "bbbbbbbbbb")
    must(bus, ["--as", "ed", "claim", t["worn"]])
    reclaim(bus, t["worn"], 1)
    for token in ("1111111111", "2222222222"):
        write(f"{bus}/tasks/{t['worn']}/died,{token}", "")
    t["due"] = must(bus, ["task", "add", "due", "--defer", FAR])
    at = [f"{g}/{n}" for g in names(f"{bus}/state/deferred") for n in names(f"{bus}/state/deferred/{g}") if n.endswith("," + t["due"])]
    os.makedirs(f"{bus}/state/deferred/0")
    os.rename(f"{bus}/state/deferred/{at[0]}", f"{bus}/state/deferred/0/1,{t['due']}")
    task = f"{bus}/tasks/{t['due']}/task"
    with open(task) as file:
        lines = [line if not line.startswith("Defer:") else "Defer: 1\n" for line in file]
    write(task, "".join(lines))
    for name, state, words in (
        ("settle", "settle", ["--as", "kim", "task", "done", "--no-merge"]),
        ("edit", "edit", ["--as", "kim", "claim", "--release"]),
    ):
        t[name] = must(bus, ["task", "add", name])
        t[f"after-{name}"] = must(bus, ["task", "add", f"after {name}", "-d", t[name]])
        must(bus, ["--as", "kim", "claim", t[name]])
    # One at a time, since the next writer would finish the first: killed on copies, at the first operation after
    # which the marker is where it is wanted, and the marker then moved the same way here.
    for name, state, words in (
        ("settle", "settle", ["--as", "kim", "task", "done", "--no-merge"]),
        ("edit", "edit", ["--as", "kim", "claim", "--release"]),
    ):
        for point in range(1, 100):
            trial = copy(bus, bus + ".trial")
            run(trial, [*words, t[name]], fault=f"kill:{point}")
            if any(n.split(",")[0] == t[name] for n in names(f"{trial}/state/{state}")):
                break
        else:
            raise SystemExit(f"world: no point leaves a marker in {state}")
        if name == "settle":
            base = trial + ".settled"
            copy(trial, base)
            shutil.rmtree(bus)
            os.rename(base, bus)
        else:
            old = next(n for n in names(f"{bus}/state/claimed") if n.split(",")[0] == t[name])
            os.rename(f"{bus}/state/claimed/{old}", f"{bus}/state/edit/{t[name]}")
        shutil.rmtree(trial)
    return t


class Case:
    # A verb of several steps, which goes on from where a killed one stopped when it is called again.
    again = False
    # What it exits with.
    code = 0
    # Whether a person throws work away by it.
    discards = False

    def __init__(self, name, words, stdin="", **env):
        self.name, self.words, self.stdin, self.env = name, words, stdin, env

    def run(self, bus, fault=None):
        return run(bus, self.words, self.stdin, fault, **self.env)

    def start(self, bus, fault=None):
        """The process, that says nothing."""
        return started(self.words, self.stdin, environment(bus, **self.env), fault)


class Several(Case):
    """A verb of several steps."""

    again = True


def started(words, stdin, env, fault=None, directory=None):
    process = subprocess.Popen(
        [CADRE, *words], env=env | ({"CADRE_FAULT": fault} if fault else {}), cwd=directory,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    process.stdin.write(stdin.encode())
    process.stdin.close()
    return process


class Plain:
    """How a bus without a repository is put, run and judged."""

    faults = ("kill",)
    # Of recover's operations every so many-th is one to be killed at.
    stride = 1 if os.environ.get("CADRE_TEST_ALL") else 3
    # The same of the operations of a verb that another meets.
    leap = 12
    put, image, run = staticmethod(put), staticmethod(image), staticmethod(run)
    snapshot, signature = staticmethod(check.snapshot), staticmethod(check.signature)

    @staticmethod
    def known(bus, case):
        """What must not be lost."""
        return names(f"{bus}/tasks")

    @staticmethod
    def check(bus, known, printed=()):
        return check.check(bus, [*known, *printed])

    @staticmethod
    def acknowledged(bus):
        return len(names(f"{bus}/mail/human/cur"))


CHECKLIST = "- [ ] goal\n  - [ ] one\n  - [ ] two\n- [ ] apart\n"


def cases(t):
    """Every verb that changes something, in each of the situations that it tells apart."""
    liv = {"CADRE_AGENT": "liv", "CADRE_SESSION": SESSION}
    task, alice = ["task"], ["--as", "alice"]
    return [
        Case("add", [*task, "add", "new", "with a body"]),
        Case("add-depends", [*task, "add", "new", "-d", t["wanted"], "-d", t["past"]]),
        Case("add-child", [*task, "add", "new", "--parent", t["middle"], "-d", t["wanted"]]),
        Case("add-first-child", [*task, "add", "new", "--parent", t["any"]]),
        Case("add-deferred", [*task, "add", "new", "--defer", FAR, "--to", "bob"]),
        Case("edit-title", [*task, "edit", t["any"], "--title", "another"]),
        Case("edit-priority", [*task, "edit", "-p", "0", t["wanted"]]),
        Case("edit-claimed", [*task, "edit", "-p", "0", t["held"]]),
        Case("edit-parent", [*task, "edit", "--parent", t["middle"], t["any"]]),
        Case("edit-leave", [*task, "edit", "--parent", "", t["leaves"]]),
        Case("edit-defer-epic", [*task, "edit", "--defer", FAR, t["upper"]]),
        Case("edit-due", [*task, "edit", "--defer", "2001-01-01T00:00:00Z", t["later"]]),
        Case("note", [*task, "note", t["any"], "a line"]),
        Case("dep-add", [*task, "dep", t["any"], "--add", t["wanted"]]),
        Case("dep-remove", [*task, "dep", t["waits"], "--remove", t["wanted"]]),
        Case("dep-epic", [*task, "dep", t["upper"], "--add", t["wanted"]]),
        Case("claim-best", ["--as", "zed", "claim"]),
        Case("claim", ["--as", "zed", "claim", t["wanted"]]),
        Case("claim-for", ["--as", "bob", "claim"]),
        Case("claim-session", ["claim"], **liv),
        Case("renew", [*alice, "claim", "--renew", t["leased"]]),
        Case("release", [*alice, "claim", "--release", t["held"]]),
        Case("revoke", ["claim", "--release", t["child-held"]]),
        Case("done", [*alice, *task, "done", "--no-merge", t["leased"], "--result", "made"]),
        Case("done-dependents", [*alice, *task, "done", "--no-merge", t["held"]]),
        Case("done-session", [*task, "done", "--no-merge", t["carded"]], **liv),
        Case("done-epic", [*alice, *task, "done", "--no-merge", t["child-held"]]),
        Case("fail", [*alice, *task, "fail", "--why", "no way", t["held"]]),
        Case("cancel-ready", [*task, "cancel", t["wanted"]]),
        Case("cancel-claimed", [*task, "cancel", t["held"]]),
        Case("cancel-deferred", [*task, "cancel", t["later"]]),
        Case("cancel-review", [*task, "cancel", t["review"]]),
        Case("cancel-epic", [*task, "cancel", t["upper"]]),
        Case("cancel-child", [*task, "cancel", t["leaves"]]),
        Case("reopen-done", [*task, "reopen", t["past"]]),
        Case("reopen-failed", [*task, "reopen", t["failed"]]),
        Case("reopen-cancelled", [*task, "reopen", t["dropped"]]),
        Case("reopen-child", [*task, "reopen", t["old-child"]]),
        Case("import", [*task, "import", "-"], CHECKLIST),
        Case("send", [*alice, "send", "human", "-s", "news", "text"]),
        Case("send-agent", ["send", "liv", "text"]),
        Case("inbox-next", ["inbox", "next"]),
        Case("inbox-ack", ["inbox", "ack", t["mail-second"]]),
        Case("ask", ["--as", "alice", "ask", "and now?"]),
        Case("answer", ["ask", "answer", t["ask"], "red"]),
        Case("answer-agent", ["ask", "answer", t["ask-liv"], "there"]),
        Case("plan-submit", [*alice, "plan", "submit", t["planned"], "-"], "a plan\n"),
        Case("plan-replace", [*alice, "plan", "submit", t["waiting"], "-"], "another plan\n"),
        Case("plan-again", [*alice, "plan", "submit", t["approved"], "-"], "another plan\n"),
        Case("plan-approve", ["plan", "approve", t["waiting"]]),
        Case("plan-reject", ["plan", "reject", "--why", "no", t["waiting"]]),
        Case("plan-epic", ["plan", "approve", t["plan-epic"]]),
        Case("approve-plan", ["ask", "approve", t["ask-waiting"], "go on"]),
        Case("done-planned", [*alice, *task, "done", "--no-merge", t["approved"]]),
        Case("fail-planned", [*alice, *task, "fail", "--why", "no way", t["waiting"]]),
        Case("cancel-planned", [*task, "cancel", t["waiting"]]),
        Case("release-planned", [*alice, "claim", "--release", t["waiting"]]),
        Several("edit-no-plan", [*task, "edit", "--no-plan", t["waiting"]]),
        Case("heartbeat", ["heartbeat", "--state", "working", "--note", "busy"], **liv),
        Case("heartbeat-lease", [*alice, "heartbeat"]),
        Case("recover", ["recover"]),
        Case("doctor-fix", ["doctor", "--fix", "-q"]),
    ]
