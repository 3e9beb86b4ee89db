"""Prints what in the Swift files below a directory spells a name of the bus on the disk, or a record's key, where it may
not stand: a name outside Bus/Layout.swift, a key other than where its field is declared. FILE:LINE: WHAT, each."""

import bisect
import pathlib
import re
import sys

# Path components that are git's, an agent program's, or those of an installed cadre: not of the bus.
OTHERS = set(
    """.git .gitattributes HEAD HEAD.lock ORIG_HEAD.lock index index.lock objects refs info exclude attributes modules
    worktrees gitdir gitdir.new commondir logs packed-refs hooks lfs config config.worktree alternates shallow
    info/attributes reftable tables.list etc/gitconfig refs/cadre/work .lock subagents share cadre shell Package.swift .cadre cadre-switch . .new .old x
    """.split()
)


class Source:
    """A file's code and its string literals; comments are neither, what is interpolated is code."""

    def __init__(self, text):
        self.text, self.literals = text, []
        self.code = bytearray(len(text))
        self.scan(0)
        self.literals.sort()
        self.bare = "".join(c if self.code[i] or c == "\n" else " " for i, c in enumerate(text))

    def scan(self, i, inside=False):
        depth = 0
        while i < len(self.text):
            if self.text.startswith("//", i):
                i = (self.text + "\n").index("\n", i)
            elif self.text[i] == '"':
                i = self.literal(i)
            else:
                depth += {"(": 1, ")": -1}.get(self.text[i], 0)
                if inside and depth < 0:
                    return i + 1
                self.code[i] = 1
                i += 1
        return i

    def literal(self, start):
        quote = '"""' if self.text.startswith('"""', start) else '"'
        i = start + len(quote)
        plain = ""
        while not self.text.startswith(quote, i):
            if self.text.startswith("\\(", i):
                i = self.scan(i + 2, inside=True)
                plain += "\0"
            else:
                step = 2 if self.text[i] == "\\" else 1
                plain += self.text[i : i + step]
                i += step
        self.literals.append((start, i + len(quote), plain))
        return i + len(quote)

    def within(self, start, end):
        first = bisect.bisect_left(self.literals, (start,))
        return [one for one in self.literals[first:] if one[0] < end]

    def closing(self, i):
        """Where what opens at `i` ends."""
        pairs = {"(": ")", "[": "]", "{": "}"}
        opening, depth = self.bare[i], 0
        for at in range(i, len(self.bare)):
            depth += (self.bare[at] == opening) - (self.bare[at] == pairs[opening])
            if depth == 0:
                return at
        return len(self.bare)

    def receiver(self, i):
        """What stands before the dot at `i`: `bus.merge` of `bus.merge.appending`."""
        end, depth = i, 0
        while i > 0:
            c = self.text[i - 1]
            if c in ")]":
                depth += 1
            elif c in "([":
                depth -= 1
            if depth < 0 or depth == 0 and not (c.isalnum() or c in "_.?!()[]"):
                break
            i -= 1
        return self.text[i:end]


def paths(source, in_bus):
    bare = source.bare
    for call in re.finditer(r"\b(appending|pushing|FilePath)\(", bare):
        end = source.closing(call.end() - 1)
        receiver = source.receiver(call.start() - 1) if bare[call.start() - 1] == "." else ""
        if re.search(r"(^|\.)root$", receiver):
            yield call.start(), "a path from the bus's root"
        strict = in_bus or re.search(r"\b[bB]us\.", receiver)
        after = 0
        for start, ends, name in source.within(call.end(), end):
            # What another is put together from is no name, unless there is to be none.
            if strict or call[1] != "FilePath" and start >= after:
                yield from named(start, name, strict)
            after = max(after, ends)
    # Names in a list that one of them is taken from.
    for found in re.finditer(r"\[", bare):
        end = source.closing(found.start())
        names = source.within(found.start(), end)
        if not names:
            continue
        after = bare[end + 1 : end + 300]
        loop = re.search(r"\bfor (\w+)(?:: [\w.]+)? in $", bare[: found.start()])
        item = loop[1] if loop else r"\$0"
        use = r"[^{]*\{[^}]*" if loop else r"\.\w*[mM]ap \{[^}]*|\.forEach \{[^}]*|\.contains(?:\(where: )? ?\{[^}]*"
        taken = re.match(rf"(?:{use})\b(appending|pushing)\({item}\)", after)
        if taken:
            receiver = source.receiver(end + 1 + taken.start(1) - 1)
            strict = in_bus or re.search(r"\b[bB]us\.|(^|\.)root$", receiver)
            for start, _, name in names:
                yield from named(start, name, strict)
    # Text that begins with a path of the bus.
    of_bus = r"" if in_bus else r"\b\w*[bB]us\.[^ \"]*"
    for start, end, text in source.literals:
        joined = text.startswith("/") and re.search(rf"{of_bus}\bstring \+ $", source.text[:start])
        if joined or re.search(rf"\\\([^\"]*{of_bus}\bstring\)/", source.text[start:end]):
            yield start, "a path of the bus as text"


def named(start, name, strict):
    parts = [part for part in name.split("\0") if part != ""]
    if strict or not parts or any(part not in OTHERS for part in parts):
        yield start, f'the name "{name}" outside Layout'.replace("\0", "…")


def keys(source):
    seen = set()
    for found in re.finditer(r"\bField(<[\w\[\].]+>)?\(", source.bare):
        literals = source.within(found.end(), source.closing(found.end() - 1))
        before = source.bare[: found.start()]
        if not literals:
            continue
        if not re.search(r"\blet \w+ = $" if found[1] else r"\n\s*\w+ = $", before):
            yield found.start(), "a key where no field is declared"
        # The type whose block this is.
        depth, i = 0, found.start()
        while i > 0 and depth <= 0:
            i -= 1
            depth += (source.bare[i] == "{") - (source.bare[i] == "}")
        for start, _, key in literals:
            if (i, key) in seen:
                yield start, f'the key "{key}" again'.replace("\0", "…")
            seen.add((i, key))
    for found in re.finditer(r"\bRecord\b(?!\.(damaged|check)\b)", source.bare):
        yield found.start(), "a record without a type"


for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.swift")):
    source = Source(path.read_text())
    room = path.relative_to(sys.argv[1]).parts[0]
    faults = []
    if path.name != "Layout.swift" and room != "Storage":
        faults += paths(source, room == "Bus")
    if room != "Storage":
        faults += keys(source)
    if path.name == "Record.swift":
        at = re.search(r"package [^\n{]*\b(subscript|fields|init)\b", source.bare)
        faults += [(at.start(), "keys that other rooms can reach")] if at else []
    for start, what in sorted(set(faults)):
        print(f"{path}:{source.text.count(chr(10), 0, start) + 1}: {what}")
