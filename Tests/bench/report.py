"""Results as a table, and as data."""

import os
import platform
import subprocess
import tempfile

from measure import COUNTS, quartiles

SCALE = {"ms": 1000, "s": 1}
COLUMNS = ("n", "median", "quartiles", "floor", "shell", "git", "goal", "ratio", "met")
OLD = ("old", "new/old", "its quartiles")
WIDTHS = dict(zip(COLUMNS + OLD, (4, 8, 15, 8, 8, 8, 12, 7, 4, 8, 8, 14)))
NAME = 34


def machine(top, binary, compared):
    """What the figures depend on."""

    def said(*words):
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()

    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    place = tempfile.gettempdir()
    describe = ("git", "-C", top, "describe", "--always", "--abbrev=10")
    found = {"cadre": f"{said(binary, '--version')}, a tree at {said(*describe, '--dirty')}"}
    if compared:
        found["compared with"] = f"{compared}, {said(*describe, compared)}"
    return found | {
        "git, tmux": f"{said('git', '--version')}, {said('tmux', '-V')}",
        "machine": f"{os.cpu_count()} x {models[0] if models else platform.machine()}, Linux {platform.release()}",
        "files": f"{said('stat', '-fc', '%T', place)} at {place}",
        "load before": load(),
    }


def load():
    return "%.2f %.2f %.2f" % os.getloadavg()


def result(group, row):
    """A row as data. Times are in its unit."""
    scale = SCALE.get(row.unit, 1)
    medians = {who: quartiles(values)[1] * scale for who, values in row.times.items()}
    low, middle, high = [value * scale for value in quartiles(row.times["new"])]
    found = {
        "group": group, "row": row.name, "n": len(row.times["new"]), "unit": row.unit,
        "median": middle, "quartiles": [low, high], **{who: medians.get(who) for who in ("floor", "shell", "git")},
    }
    if row.goal:
        limit, of = row.goal
        ratios = row.ratios("new", of) if of else [middle]
        ratio = quartiles(ratios)[1] if ratios else None
        found |= {"goal": limit, "goal of": of, "ratio": ratio, "met": None if ratio is None else ratio <= limit}
    if row.times.get("old"):
        ratio = quartiles(row.ratios("new", "old"))
        found |= {"old": medians["old"], "new/old": ratio[1], "new/old quartiles": [ratio[0], ratio[2]]}
    if row.counts is not None:
        found |= {"counts": row.sides["new"].count(), "limits": row.counts}
        if "old" in row.sides:
            found["old counts"] = row.sides["old"].count()
    return found


def number(value):
    """With three digits that count."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def pair(values):
    return "-".join(map(number, values)) if values else "-"


def goal(found):
    if "goal" not in found:
        return "-"
    return f"{found['goal']:g} " + (f"x {found['goal of']}" if found["goal of"] else found["unit"])


def head(title, compare):
    columns = COLUMNS + (OLD if compare else ())
    return title.ljust(NAME) + "".join(name.rjust(WIDTHS[name]) for name in columns)


def line(found, compare):
    cells = {
        "n": str(found["n"]), "median": number(found["median"]), "quartiles": pair(found["quartiles"]),
        **{who: number(found[who]) for who in ("floor", "shell", "git")}, "goal": goal(found),
        "ratio": number(found.get("ratio")), "met": {True: "yes", False: "no", None: "-"}[found.get("met")],
        "old": number(found.get("old")), "new/old": number(found.get("new/old")),
        "its quartiles": pair(found.get("new/old quartiles")),
    }
    name = found["row"] if found["unit"] in ("ms", "") else f"{found['row']}, {found['unit']}"
    columns = COLUMNS + (OLD if compare else ())
    return name.ljust(NAME) + "".join(cells[column].rjust(WIDTHS[column]) for column in columns)


def counts(results):
    """The second table: what one call does, which is the same on each machine; in brackets an older version's."""
    if not results:
        return []
    columns = [name for name in COUNTS if any(found["counts"][name] is not None for found in results)]
    lines = ["", "one call".ljust(NAME) + "".join(name.rjust(22) for name in columns)]
    for found in results:
        cells = []
        for name in columns:
            value, limit = found["counts"][name], found["limits"].get(name)
            cell = "-" if value is None else f"{value:,}"
            if limit is not None and value is not None:
                cell += f" {'>' if value > limit else '<='} {limit}"
            if "old counts" in found:
                old = found["old counts"][name]
                cell += " (-)" if old is None else f" ({old:,})"
            cells.append(cell.rjust(22))
        lines.append(found["row"].ljust(NAME) + "".join(cells))
    return lines
