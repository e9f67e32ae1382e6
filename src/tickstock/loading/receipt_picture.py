"""A receipt as a drawing: boxes and words, for receipt_svg and receipt_png to paint. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.receipt import Receipt, ReceiptRow, share
from tickstock.loading.receipt_forms import cause_lines, facts
from tickstock.loading.strip import Cell
from tickstock.model import GapCause
from tickstock.words import cut, plural

SIZE, STEP, LINE = 14, 16, 18
NAME, RIGHT, HEAD = 110, 70, 96
LEGEND_AT = 34
EDGE_OF_PAPER = 8
LEAST_WIDTH = 760
LONGEST_LINE = 110
LONGEST_NAME = 13
LONGEST_TITLE = 80
INK, MUTED, PAPER, EMPTY, EDGE = "#18212d", "#556172", "#ffffff", "#f4f6f8", "#d8dee6"
FULL = "#2f9e66"
TONES = {Colour.BAD: "#d0453b", Colour.GAP: "#c07f00", Colour.NONE: "#c07f00"}


@dataclass(frozen=True, slots=True)
class CellLook:
    """Colour of the inside; colour and width of the edge, which lies within."""

    fill: str
    edge: str = ""
    wide: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A square with its upper left corner, or what of one is filled."""

    x: int
    y: int
    wide: int
    high: int
    look: CellLook


@dataclass(frozen=True, slots=True)
class Label:
    """A line of words from `x` on, or with its middle there; `y` is what the letters stand on."""

    x: int
    y: int
    text: str
    size: int = 12
    colour: str = INK
    middle: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptDrawing:
    """In pixels of a screen."""

    title: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]


LEGEND = (
    ("all held", Cell(1, 1)),
    ("part", Cell(2, 1, GapCause.NEVER_ASKED)),
    ("nothing", Cell(1, 0, GapCause.NEVER_ASKED)),
    ("failed or quarantined", Cell(1, 0, GapCause.FAILED)),
    ("nothing expected", Cell(0, 0)),
)


def draw(receipt: Receipt, most_rows: int | None = None) -> ReceiptDrawing:
    """The map as the view showed it, at most so many symbols of it, and below it what is
    said of it: the date, causes and hash."""
    shown = receipt.rows[:most_rows]
    rows = [*([receipt.total] if receipt.symbols > 1 and shown else []), *shown]
    across = NAME + STEP * len(receipt.columns)
    body = HEAD + STEP * len(rows)
    lines = _lines(receipt, len(shown))
    title = f"Coverage of {receipt.universe}"
    boxes, labels = _legend()
    for n, (tone, text) in enumerate(lines, 1):
        y = body + LINE * n + 4
        boxes += [Box(EDGE_OF_PAPER, y - 11, SIZE, SIZE, tone)] if tone else []
        labels.append(Label(EDGE_OF_PAPER + STEP + 4 if tone else EDGE_OF_PAPER, y, text))
    return ReceiptDrawing(
        title,
        max(LEAST_WIDTH, across + RIGHT),
        body + LINE * len(lines) + 16,
        (*_cells(rows), *boxes),
        (
            Label(EDGE_OF_PAPER, 22, cut(title, LONGEST_TITLE), size=15),
            *_heading(receipt),
            *(
                label
                for number, row in enumerate(rows)
                for label in _of_row(receipt, row, HEAD + STEP * number + 11, across)
            ),
            *labels,
        ),
    )


def _lines(receipt: Receipt, shown: int) -> list[tuple[CellLook | None, str]]:
    """What is said below the map; causes with the look of their cells."""
    said: list[tuple[CellLook | None, str]] = [(None, f"{n}: {text}") for n, text in facts(receipt)]
    if shown < len(receipt.rows):
        said.append((None, f"of {plural(receipt.symbols, 'symbol')} the first {shown:,} are drawn"))
    looks = [_look(Cell(1, 0, line.cause)) for line in receipt.causes]
    looks += [_look(Cell(1, 0, GapCause.NEVER_ASKED))] if receipt.never_heard_of else []
    for look, (name, count, means, some) in zip(looks, cause_lines(receipt), strict=True):
        said.append((look, ": ".join(filter(None, (f"{name} {count}".strip(), means, some)))))
    return [
        (look if n == 0 else None, part)
        for look, line in said
        for n, part in enumerate(_broken(line))
    ]


def _legend() -> tuple[list[Box], list[Label]]:
    boxes: list[Box] = []
    labels: list[Label] = []
    x = EDGE_OF_PAPER
    for text, cell in LEGEND:
        boxes += _squares(cell, x, LEGEND_AT)
        labels.append(Label(x + STEP + 4, LEGEND_AT + 11, text, colour=MUTED))
        x += STEP + 4 + 7 * len(text) + 14
    return boxes, labels


def _heading(receipt: Receipt) -> Iterator[Label]:
    """Years over months, or months over sessions, as far as there is space."""
    names = [str(day)[: 7 if receipt.by_session else 4] for day in receipt.columns]
    at = 0
    for name, of in groupby(names):
        count = len(list(of))
        if count * STEP >= len(name) * 7:
            yield Label(NAME + STEP * at, HEAD - 22, name, colour=MUTED)
        at += count
    for number, day in enumerate(receipt.columns):
        x, letter = NAME + STEP * number + SIZE // 2, _letter(day, by_session=receipt.by_session)
        yield Label(x, HEAD - 6, letter, size=9, colour=MUTED, middle=True)


def _letter(day: date, *, by_session: bool) -> str:
    return str(day.day) if by_session else f"{day:%b}"[0]


def _of_row(receipt: Receipt, row: ReceiptRow, y: int, across: int) -> Iterator[Label]:
    name = row.name or plural(receipt.symbols, "symbol")
    yield Label(EDGE_OF_PAPER, y, cut(name, LONGEST_NAME))
    yield Label(across + 8, y, share(row.held, row.expected))


def _cells(rows: Sequence[ReceiptRow]) -> Iterator[Box]:
    for number, row in enumerate(rows):
        for column, cell in enumerate(row.cells):
            yield from _squares(cell, NAME + STEP * column, HEAD + STEP * number)


def _squares(cell: Cell, x: int, y: int) -> Iterator[Box]:
    look = _look(cell)
    yield Box(x, y, SIZE, SIZE, look)
    if cell.expected and 0 < cell.held < cell.expected:
        inside = SIZE - 2 * look.wide
        filled = max(1, inside * cell.held // cell.expected)
        yield Box(x + look.wide, y + SIZE - look.wide - filled, inside, filled, CellLook(FULL))


def _look(cell: Cell) -> CellLook:
    if not cell.expected:
        return CellLook(EMPTY, EDGE, 1)
    if cell.held >= cell.expected:
        return CellLook(FULL)
    return CellLook(PAPER, TONES[CAUSES[cell.cause].colour if cell.cause else Colour.GAP], 2)


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
