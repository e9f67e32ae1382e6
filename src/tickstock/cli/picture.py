"""Pictures as SVG, for a page or a README. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from tickstock.words import scale

WIDTH, HEIGHT = 900, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 50, 60
STEPS = 4
STYLE = """<style>text{font:13px sans-serif;fill:#1f2933}.title{font-weight:bold;font-size:15px}
.note{font-size:12px;fill:#52606d}.grid{stroke:#cbd2d9}.line{stroke:#2a6f97;fill:none;stroke-width:2}
.area{fill:#2a6f97;fill-opacity:.2}</style>"""


def chart_svg(title: str, note: str, days: Sequence[date], values: Sequence[float]) -> str:
    """Values over days as a filled curve from zero, with a title and a note below."""
    most = max([*values, 1e-9])
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    steps = max(len(values) - 1, 1)
    points = [
        (LEFT + across * i / steps, TOP + down * (1 - value / most))
        for i, value in enumerate(values)
    ]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    base = TOP + down
    marks = scale([most * step / STEPS for step in range(STEPS + 1)])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">',
        STYLE,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="28" class="title">{escape(title)}</text>',
    ]
    for step, mark in enumerate(marks):
        y = base - down * step / STEPS
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark}</text>')
    lines.append(f'<path class="area" d="M{LEFT} {base}L{line}L{WIDTH - RIGHT} {base}Z"/>')
    lines.append(f'<path class="line" d="M{line}"/>')
    for place, day, anchor in ((LEFT, days[0], "start"), (WIDTH - RIGHT, days[-1], "end")):
        lines.append(f'<text x="{place}" y="{base + 20}" text-anchor="{anchor}">{day}</text>')
    lines.append(f'<text x="{LEFT}" y="{HEIGHT - 14}" class="note">{escape(note)}</text>')
    return "\n".join([*lines, "</svg>", ""])
