"""Draws results as SVG: how far each row is from its goal, and how it grows; in a grey that can be read on white and on
black, without a background."""

import math
import re
from xml.sax.saxutils import escape

INK, GOOD, BAD, WIDTH, NAMES = "#808080", "#3d9970", "#d9822b", 860, 300
COLOURS = ("#4a90d9", "#3d9970", "#d9822b", "#b266cc", "#c94f4f", "#7f9c2e", "#808080")
STYLE = "text{font:12px system-ui,sans-serif;fill:%s}.h{font-weight:700}.e{text-anchor:end}.m{text-anchor:middle}" % INK


def text(x, y, words, style=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(words)}</text>'


def stroke(x1, y1, x2, y2, dash=""):
    more = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{INK}" stroke-opacity=".5"{more}/>'


def bars(results, top):
    """The ratio of each row as a part of its goal, on a logarithmic scale from a tenth to ten times."""
    rows = [found for found in results if found.get("ratio")]
    out = [text(0, top, "Each row by its goal: left of the line it is met", "h")]
    room = WIDTH - NAMES - 60

    def place(value):
        return NAMES + room * (math.log10(min(max(value, 0.1), 10)) + 1) / 2

    bottom = top + 30 + 18 * len(rows)
    for value, label in ((0.1, "1/10"), (1, "goal"), (10, "10 x")):
        out += [stroke(place(value), top + 24, place(value), bottom, "" if value == 1 else "2 3")]
        out += [text(place(value), top + 20, label, "m")]
    for n, found in enumerate(rows):
        y, part = top + 40 + 18 * n, found["ratio"] / found["goal"]
        of = f"x {found['goal of']}" if found["goal of"] else found["unit"]
        out.append(text(NAMES - 8, y, f"{found['row']} ({found['ratio']:.3g} {of})", "e"))
        out.append(
            f'<rect x="{NAMES}" y="{y - 9}" width="{max(place(part) - NAMES, 2):.1f}" height="10" '
            f'fill="{GOOD if part <= 1 else BAD}"/>'
        )
    return out, bottom + 40


def growth(results, top):
    """Rows with a number of tasks in their name: time by that, both logarithmic."""
    lines = {}
    for found in results:
        if match := re.fullmatch(r"(.*), ([\d,]+) tasks", found["row"]):
            lines.setdefault(match[1], []).append((int(match[2].replace(",", "")), found["median"]))
    points = [point for line in lines.values() for point in line]
    if len({x for x, _ in points}) < 2:
        return [], top
    left, right, height = 60, WIDTH - 140, 260
    xs, ys = [math.log10(x) for x, _ in points], [math.log10(y) for _, y in points]
    low, high = math.floor(min(ys)), math.ceil(max(ys))

    def place(x, y):
        across = (math.log10(x) - min(xs)) / (max(xs) - min(xs))
        return left + (right - left) * across, top + 20 + height * (high - math.log10(y)) / (high - low)

    out = [text(0, top, "Milliseconds, by the number of tasks", "h")]
    for power in range(low, high + 1):
        y = place(10 ** min(xs), 10**power)[1]
        out += [stroke(left, y, right, y, "2 3"), text(left - 8, y + 4, f"{10**power:g}", "e")]
    for x in sorted({x for x, _ in points}):
        out.append(text(place(x, 10**low)[0], top + height + 38, f"{x:,}", "m"))
    last = -math.inf
    named = sorted(lines.items(), key=lambda item: place(*item[1][-1])[1])
    for n, (name, line) in enumerate(named):
        colour = COLOURS[n % len(COLOURS)]
        path = "L".join("%.1f %.1f" % place(*point) for point in sorted(line))
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = place(*max(line))
        # Names do not lie on each other.
        last = max(y + 4, last + 14)
        out.append(f'<text x="{x + 8:.1f}" y="{last:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return out, top + height + 60


def draw(results):
    above, middle = bars(results, 16)
    below, bottom = growth(results, middle)
    size = f'viewBox="0 0 {WIDTH} {bottom:.0f}" width="{WIDTH}" height="{bottom:.0f}"'
    top = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">', "<title>cadre, measured</title>"]
    return "\n".join([*top, f"<style>{STYLE}</style>", *above, *below, "</svg>"]) + "\n"
