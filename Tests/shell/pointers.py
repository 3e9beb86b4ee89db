"""Prints which comments in the Swift files below a directory point to a type, a member or a file that is not there.
FILE:LINE: WHAT, each."""

import pathlib
import re
import sys

DECLARED = re.compile(
    r"\b(?:struct|class|enum|protocol|extension|typealias|actor|case|func|let|var)\s+`?([A-Za-z]\w*)")
POINTER = re.compile(r"\b[Ss]ee `?([A-Z]\w+)(?:\.(?!swift)([A-Za-z]\w*))?")
PATH = re.compile(r"\b((?:[A-Z]\w+/)*[A-Z]\w+\.swift)")

root = pathlib.Path(sys.argv[1])
texts = {path: path.read_text() for path in sorted(root.rglob("*.swift"))}
names = {name for text in texts.values() for name in DECLARED.findall(text)} | {path.stem for path in texts}
paths = ["/" + str(path) for path in texts] + ["/Package.swift"]
for path, text in texts.items():
    for number, line in enumerate(text.split("\n"), 1):
        comment = re.match(r"\s*//+(.*)", line)
        if not comment:
            continue
        for pointer in POINTER.finditer(comment[1]):
            if any(name and name not in names for name in pointer.groups()):
                print(f"{path}:{number}: {pointer[0]}")
        for place in PATH.findall(comment[1]):
            if not any(path.endswith("/" + place) for path in paths):
                print(f"{path}:{number}: {place}")
