"""A receipt to be sent and printed: as Markdown, and as a picture (SVG). Pure.

The picture has its colours in attributes: pages that allow no styles but their own show it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from html import escape
from itertools import groupby

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.receipt import Receipt, ReceiptRow, share, some_of
from tickstock.loading.strip import Cell
from tickstock.words import plural, sessions_held

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]+")
"""What XML cannot have, and no text needs."""
SIZE, STEP, LINE = 14, 16, 18
NAME, RIGHT, HEAD = 110, 70, 66
LEAST_WIDTH = 760
LONGEST_LINE = 110
LONGEST_NAME = 13
INK, MUTED, PAPER, EMPTY, EDGE = "#18212d", "#556172", "#ffffff", "#f4f6f8", "#d8dee6"
FULL = "#2f9e66"
TONES = {Colour.BAD: "#d0453b", Colour.GAP: "#c07f00", Colour.NONE: "#c07f00"}


# --- Markdown ---------------------------------------------------------------------------------
def as_markdown(receipt: Receipt) -> str:
    """The figures as Markdown; names that others gave mean nothing in it."""
    lines = [
        f"# Coverage of {_plain(receipt.universe)}",
        "",
        *(f"- {name}: {_plain(text)}" for name, text in facts(receipt)),
    ]
    if receipt.causes or receipt.never_heard_of:
        lines += ["", "| Not held, by cause | Sessions | Means | Examples |", "|---|---:|---|---|"]
        lines += [f"| {' | '.join(map(_plain, line))} |" for line in cause_lines(receipt)]
    lines += ["", f"| {_rows_shown(receipt)} | Held | Sessions |", "|---|---:|---:|"]
    lines += [
        f"| {_plain(row.name)} | {share(row.held, row.expected)} | {row.held:,} of"
        f" {row.expected:,} |"
        for row in receipt.rows
    ]
    return "\n".join([*lines, ""])


def facts(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """What a receipt tells, line by line."""
    yield "made", f"{receipt.made_at:%Y-%m-%d %H:%M:%S} UTC"
    yield "bars", f"{receipt.timeframe}, {receipt.days}"
    held, expected = receipt.held, receipt.expected
    yield "held", f"{share(held, expected)}, {sessions_held(held, expected)}"
    if receipt.chosen:
        yield "symbols shown", receipt.chosen
    yield "survivorship", receipt.survivorship.removeprefix("survivorship: ")
    if receipt.synthetic:
        yield "synthetic", f"bars of {plural(receipt.synthetic, 'symbol')} are made up"
    yield "content hash", content_of(receipt)


def content_of(receipt: Receipt) -> str:
    """The hash of the bars, or why there is none."""
    count = plural(receipt.content.bars, "bar")
    if receipt.content.sha256:
        return f"sha256:{receipt.content.sha256} of {count}, raw"
    return f"none: {count} are more than are read for one" if receipt.content.bars else "no bar"


def cause_lines(receipt: Receipt) -> Iterator[tuple[str, str, str, str]]:
    """Causes of what is not held: name, sessions, what it means, examples."""
    for line in receipt.causes:
        name = line.cause.replace("_", " ")
        yield name, f"{line.sessions:,}", CAUSES[line.cause].text, ", ".join(line.examples)
    if receipt.never_heard_of:
        names = some_of(receipt.some_never_heard_of, receipt.never_heard_of)
        yield "never heard of", "", plural(receipt.never_heard_of, "symbol"), names


def _rows_shown(receipt: Receipt) -> str:
    last = receipt.first_row + len(receipt.rows) - 1
    if not receipt.rows or (receipt.first_row == 1 and last == receipt.symbols):
        return plural(receipt.symbols, "symbol")
    return f"Symbols {receipt.first_row:,} to {last:,} of {receipt.symbols:,}"


def _plain(text: str) -> str:
    """On one line, with no character that means something in Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", " ".join(UNPRINTABLE.sub(" ", text).split()))


# --- the picture ------------------------------------------------------------------------------
def as_svg(receipt: Receipt) -> str:
    """The map as the view showed it, with the date, causes and hash below."""
    across = NAME + STEP * len(receipt.columns)
    width = max(LEAST_WIDTH, across + RIGHT)
    rows = [*([receipt.total] if receipt.symbols > 1 and receipt.rows else []), *receipt.rows]
    below = [f"{name}: {text}" for name, text in facts(receipt)]
    below += [
        ": ".join(filter(None, (f"{name} {count}".strip(), means, some)))
        for name, count, means, some in cause_lines(receipt)
    ]
    lines = [part for line in below for part in _broken(line)]
    body = HEAD + STEP * len(rows)
    height = body + 14 + LINE * len(lines) + 6
    title = f"Coverage of {receipt.universe}"
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}',
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f"<title>{_text(title)}</title>",
        f'<rect {size} fill="{PAPER}"/>',
        f'<text x="8" y="20" font-size="15" font-weight="bold">{_text(_cut(title, 90))}</text>',
        *_heading(receipt),
        *_cells(rows),
        *(
            part
            for number, row in enumerate(rows)
            for part in _row_text(receipt, row, HEAD + STEP * number + 11, across)
        ),
        *(
            f'<text x="8" y="{body + 14 + LINE * (n + 1) - 5}">{_text(line)}</text>'
            for n, line in enumerate(lines)
        ),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _heading(receipt: Receipt) -> Iterator[str]:
    """Years over months, or months over sessions, as far as there is space."""
    names = [str(day)[: 7 if receipt.by_session else 4] for day in receipt.columns]
    at = 0
    for name, of in groupby(names):
        count = len(list(of))
        if count * STEP >= len(name) * 7:
            yield f'<text x="{NAME + STEP * at}" y="{HEAD - 22}" fill="{MUTED}">{name}</text>'
        at += count
    for number, day in enumerate(receipt.columns):
        x = NAME + STEP * number + SIZE // 2
        letter = _letter(day, by_session=receipt.by_session)
        yield (
            f'<text x="{x}" y="{HEAD - 6}" font-size="9" text-anchor="middle" fill="{MUTED}">'
            f"{letter}</text>"
        )


def _letter(day: date, *, by_session: bool) -> str:
    return str(day.day) if by_session else f"{day:%b}"[0]


def _row_text(receipt: Receipt, row: ReceiptRow, y: int, across: int) -> Iterator[str]:
    name = row.name or plural(receipt.symbols, "symbol")
    yield f'<text x="8" y="{y}">{_text(_cut(name, LONGEST_NAME))}</text>'
    yield f'<text x="{across + 8}" y="{y}">{share(row.held, row.expected)}</text>'


def _cells(rows: Sequence[ReceiptRow]) -> Iterator[str]:
    """Cells of one look are one path: a fortieth of the text of a rectangle each."""
    drawn: dict[tuple[str, str, int], list[str]] = {}
    for number, row in enumerate(rows):
        for column, cell in enumerate(row.cells):
            x, y = NAME + STEP * column, HEAD + STEP * number
            look = _look(cell)
            inside = SIZE - look[2]  # an edge lies half within and half without
            start = f"M{x + look[2] / 2:g} {y + look[2] / 2:g}"
            drawn.setdefault(look, []).append(f"{start}h{inside}v{inside}h-{inside}z")
            filled = _filled(cell)
            if filled:
                top = y + SIZE - filled
                drawn.setdefault((FULL, "", 0), []).append(f"M{x} {top}h{SIZE}v{filled}h-{SIZE}z")
    for (fill, edge, wide), shapes in drawn.items():
        stroke = f' stroke="{edge}" stroke-width="{wide}"' if edge else ""
        yield f'<path fill="{fill}"{stroke} d="{"".join(shapes)}"/>'


def _look(cell: Cell) -> tuple[str, str, int]:
    """Colour of the inside, colour and width of the edge."""
    if not cell.expected:
        return EMPTY, EDGE, 1
    if cell.held >= cell.expected:
        return FULL, "", 0
    return PAPER, TONES[CAUSES[cell.cause].colour if cell.cause else Colour.GAP], 2


def _filled(cell: Cell) -> int:
    """How high the part of a cell is that is held, where it is neither nothing nor all."""
    part = cell.expected and cell.held < cell.expected
    return SIZE * cell.held // cell.expected if part else 0


def _broken(text: str) -> Iterator[str]:
    """In lines that fit."""
    line = ""
    for word in " ".join(text.split()).split(" "):
        if line and len(line) + len(word) >= LONGEST_LINE:
            yield line
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    yield line


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(text: str) -> str:
    return escape(UNPRINTABLE.sub(" ", text))
