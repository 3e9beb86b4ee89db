#!/usr/bin/env python3
"""Runs the sessions that a page shows, in one shell, and compares what they print with what the page says they do.

  session.py [--any] PAGE [SECTION]

PAGE is Markdown, whose sessions are indented by four columns, or a manual page, where they are literal displays; of
one with a SECTION, a heading, only what is below that. A line that begins with `$ ` is run, with the lines after it
that begin with `> `; the others are what it prints, on either stream. `% ` is a line that can't be run here: it and
what is below it is passed over. The shell starts in the directory of the caller. Ids of messages, commits and times may
be others, white space as wide as it likes, and `...` stands for anything. A command has failed if its status is not 0,
unless what it shows is an error of cadre's. One that only looks is run again for a while where it prints something else:
agents take their time. With --any one that shows nothing may print anything.

Prints what is different, and ends with 1 if anything is, or nothing was run.
"""

import os
import re
import subprocess
import sys
import tempfile
import time


def displays(page, section):
    """The displays of the page, each a list of lines."""
    manual = not page.endswith(".md")
    heading = re.compile(r"\.Sh (.*)" if manual else r"## (.*)")
    found, display, within = [], None, not section
    with open(page, encoding="utf-8") as file:
        for line in file.read().split("\n"):
            if heading.match(line):
                within = not section or heading.match(line).group(1) == section
            if manual:
                if line.startswith(".Bd -literal"):
                    display = []
                elif line == ".Ed" and display is not None:
                    found += [display] if within else []
                    display = None
                elif display is not None:
                    display.append(line.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\"))
            elif line.startswith("    "):
                if display is None:
                    display = []
                    found += [display] if within else []
                display.append(line[4:])
            elif line == "" and display is not None:
                display.append("")
            else:
                display = None
    return found


def commands(display):
    """(command, what it shows) of a display."""
    found, shown = [], None
    for line in display:
        if line.startswith("$ "):
            shown = []
            found.append([line[2:], shown])
        elif line.startswith("% "):
            shown = None
        elif shown is not None and not shown and line.startswith("> "):
            found[-1][0] += "\n" + line[2:]
        elif shown is not None:
            shown.append(line)
    return found


def plain(text):
    text = text.replace(os.path.realpath(os.environ["HOME"]), "/home/you")
    text = re.sub(r"\b\d{16}\.[0-9a-f]{8}\.([a-z0-9_-]+)@\S+", r"MESSAGE.\1", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"\b[0-9a-f]{7,64}\b", "COMMIT", text)
    return "\n".join(re.sub(r"\s+", " ", line).rstrip() for line in text.split("\n")).strip("\n")


def matches(printed, shown):
    pattern = re.escape(shown).replace(r"\.\.\.", ".*")
    return re.fullmatch(pattern, printed, re.DOTALL)


def looks(command):
    return "\n" not in command and re.match(r"cadre (--as \S+ )?(agents|peek|status|(task|ask|merge) (list|show)|plan show)\b", command)


class Shell:
    """A shell that is given one command after the other. What it prints goes to a file: agents may keep that open."""

    def __init__(self, out):
        self.out = out
        with open(out, "wb") as file:
            self.bash = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=file, stderr=file)
        self.run("set -o pipefail")

    def run(self, command):
        """What it prints, and its status; None if the shell has ended."""
        begin = os.path.getsize(self.out)
        try:
            self.bash.stdin.write(("{ %s\n} </dev/null\nprintf '\\n\\1 %%d\\n' $?\n" % command).encode())
            self.bash.stdin.flush()
        except BrokenPipeError:
            return None
        while True:
            ended = self.bash.poll() is not None
            with open(self.out, "rb") as file:
                file.seek(begin)
                found = re.search(r"\A(.*)\n\x01 (\d+)\n", file.read().decode("utf-8", "replace"), re.DOTALL)
            if found or ended:
                return found and found.groups()
            time.sleep(0.02)


def main(page, section=None, anything=False):
    wrong, count = [], 0
    with tempfile.TemporaryDirectory(prefix="cadre-session.") as scratch:
        shell = Shell(scratch + "/out")
        for command, shown in [step for display in displays(page, section) for step in commands(display)]:
            count += 1
            shown, end = plain("\n".join(shown)), time.monotonic() + 20
            while True:
                result = shell.run(command)
                printed = result and plain(result[0])
                right = result and (matches(printed, shown) or (anything and not shown))
                if right or not result or not looks(command) or time.monotonic() > end:
                    break
                time.sleep(0.2)
            if not result:
                wrong.append("$ %s\nthe shell has ended" % command)
                break
            if not right:
                wrong.append("$ %s\nprinted:\n%s\nshown:\n%s" % (command, printed, shown))
            if result[1] != "0" and not re.search(r"^cadre [a-z]+: ", shown, re.MULTILINE):
                wrong.append("$ %s\nended with %s" % (command, result[1]))
    print("\n".join(wrong + ["%d commands" % count]))
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--any"]
    sys.exit(main(*words, anything="--any" in sys.argv))
