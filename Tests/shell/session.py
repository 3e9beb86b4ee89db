#!/usr/bin/env python3
"""Runs the sessions that a page shows, in one shell, and compares what they print with what the page says they do.

  session.py [--any] PAGE [SECTION]

PAGE is Markdown, whose sessions are indented by four columns, or a manual page, where they are literal displays; of
one with a SECTION, a heading, only what is below that. A line that begins with `$ ` is run, with the lines after it
that begin with `> `; the others are what it prints, on either stream. `% ` is a line that can't be run here: it and
what is below it is passed over. The shell starts in the directory of the caller. Ids of messages, commits and times may
be others, white space as wide as it likes, and `...` stands for anything. A command has failed if its status is not 0,
unless what it shows is an error of cadre's. With --any one that shows nothing may print anything.

Prints what is different, and ends with 1 if anything is, or nothing was run.
"""

import os
import re
import subprocess
import sys
import tempfile


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


def main(page, section=None, anything=False):
    steps = [step for display in displays(page, section) for step in commands(display)]
    script = "".join("%s\nprintf '\\n\\1 %%d\\n' $?\n" % command for command, _ in steps)
    with tempfile.TemporaryDirectory(prefix="cadre-session.") as scratch:
        with open(scratch + "/script", "w") as file:
            file.write("set -o pipefail\n" + script)
        # A file: agents that are started here may keep it open.
        with open(scratch + "/out", "wb") as out:
            subprocess.run(["bash", scratch + "/script"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        with open(scratch + "/out", encoding="utf-8", errors="replace") as file:
            parts = re.split(r"\n\x01 (\d+)\n", file.read())
    wrong = [] if steps else ["no session in it"]
    for index, (command, shown) in enumerate(steps):
        if 2 * index + 1 >= len(parts):
            wrong.append("$ %s\nwas not run, or did not end" % command)
            break
        printed, status = plain(parts[2 * index]), parts[2 * index + 1]
        shown = plain("\n".join(shown))
        if not matches(printed, shown) and (shown or not anything):
            wrong.append("$ %s\nprinted:\n%s\nshown:\n%s" % (command, printed, shown))
        if status != "0" and not re.search(r"^cadre [a-z]+: ", shown, re.MULTILINE):
            wrong.append("$ %s\nended with %s" % (command, status))
    if wrong:
        print("\n".join(wrong))
    else:
        print("%d commands" % len(steps))
    return 1 if wrong else 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--any"]
    sys.exit(main(*words, anything="--any" in sys.argv))
