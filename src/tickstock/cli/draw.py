"""Pictures in characters: coverage strips and price charts. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.text import Text

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.strip import Cell, Strip
from tickstock.words import scale

BLOCKS = "▁▂▃▄▅▆▇█"
FULL, NONE, OUTSIDE = "█", "·", " "
LEGEND = "█ all held   ▁▂▃▄▅▆▇ part   · nothing held   (blank) not listed or not published"
INKS = {Colour.BAD: "red", Colour.GAP: "yellow", Colour.NONE: "dim"}


def strip_lines(strip: Strip, width: int) -> list[Text]:
    """One line a symbol, one character a month; the newest months when there are too many."""
    name = max((len(s) for s in strip.symbols), default=6) + 1
    room = max(12, width - name - 8)
    months = strip.months[-room:]
    lines = [Text(" " * name + _years(months), style="dim")]
    for symbol, row in zip(strip.symbols, strip.rows, strict=True):
        line = Text(f"{symbol:<{name}}")
        for cell in row[-room:]:
            line.append(*_mark(cell))
        expected, held = sum(c.expected for c in row), sum(c.held for c in row)
        line.append(f" {100 * held / expected:5.1f} %" if expected else "     - ", style="dim")
        lines.append(line)
    return lines


def _mark(cell: Cell) -> tuple[str, str]:
    if not cell.expected:
        return OUTSIDE, ""
    if cell.held >= cell.expected:
        return FULL, "green"
    colour = INKS[CAUSES[cell.cause].colour if cell.cause else Colour.GAP]
    if not cell.held:
        return NONE, colour
    return BLOCKS[min(6, 7 * cell.held // cell.expected)], colour


def _years(months: Sequence[date]) -> str:
    """A ruler: each year's number where its first month stands, as far as there is room."""
    out = [" "] * len(months)
    free = 0
    for i, month in enumerate(months):
        begins = i == 0 or month.year != months[i - 1].year
        if begins and i >= free and i + 4 <= len(months):
            out[i : i + 4] = str(month.year)
            free = i + 5
    return "".join(out)


def chart_lines(
    days: Sequence[date], closes: Sequence[float], width: int, height: int = 10
) -> list[str]:
    """Closing prices as a filled curve, with a scale of prices and the first and last day."""
    if not closes:
        return ["(no bars)"]
    low, high = min(closes), max(closes)
    span = (high - low) or 1.0
    marks = scale([low + span * (row + 0.5) / height for row in range(height)])
    margin = max(9, *map(len, marks))
    columns = max(1, min(width - margin - 2, len(closes)))
    picked = [closes[i * (len(closes) - 1) // max(1, columns - 1)] for i in range(columns)]
    levels = [(p - low) / span * (height * 8 - 1) + 1 for p in picked]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = "".join(_column(level - row * 8) for level in levels)
        lines.append(f"{marks[row]:>{margin}} ┤{cells}")
    left, right = f"{days[0]}", f"{days[-1]}"
    lines.append(" " * (margin + 2) + left + right.rjust(max(len(right) + 1, columns - len(left))))
    return lines


def _column(level: float) -> str:
    if level >= 8:
        return FULL
    return BLOCKS[int(level) - 1] if level >= 1 else " "
