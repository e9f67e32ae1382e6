"""Plain lists of symbols: a table with a symbol column, or one symbol a line."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from tickstock.errors import BadSymbol
from tickstock.universes.files.dated import Dates
from tickstock.universes.files.delimited import Row, bare, heading, lines_of
from tickstock.universes.files.imported import MAX_SYMBOLS, Gather
from tickstock.universes.symbol import MAX_LENGTH, SYMBOL, read_symbol

HEADERS = ("symbol", "ticker")
"""Column names, in any case, that hold symbols; a file without one has a symbol first in a row."""
_SECTOR = re.compile(r"(gics[ _])?sector(s|[ _]tags)?")
_SEPARATORS = re.compile(r"[,;|\t]")


def read_table(rows: Iterable[Row], gather: Gather) -> None:
    """Gather the symbols of a table. Blank cells and rows that are too short are passed over, and
    memberships that are over."""
    every = iter(rows)
    start, first = next(every, (1, []))
    column, sector, dates = symbol_column(first), None, None
    if column is not None:
        sector, dates = sector_column(first), Dates.of(gather.name, first, gather.today)
    else:
        every = chain([(start, first)], every)
        if len(first) > 1:
            gather.remark(start, "No header: the first column is taken for the symbols.")
    for line, row in every:
        if dates and not dates.is_member(row):
            gather.leave_out(line, "former member")
        elif text := _cell(row, column or 0):
            gather.add(line, text, _cell(row, sector))
    if dates:
        dates.say(start, gather)


def read_words(text: str, gather: Gather) -> None:
    """Gather the symbols of a text: one or more in a line, with commas or blanks between."""
    for place, (line, cells) in enumerate(_lines(text)):
        if place == 0 and len(cells) == 1 and symbol_column(cells) == 0:
            continue
        for cell in cells:
            for word in _words(cell):
                gather.count_row()
                gather.add(line, word)


def is_words(text: str) -> bool:
    """Whether text is one without columns: no separator anywhere, or all of it in one line."""
    lines = iter(lines_of(text))
    first = next(lines, "")
    if '"' in first or symbol_column(_SEPARATORS.split(first)) is not None:
        return False
    if _SEPARATORS.search(first):
        cells = _SEPARATORS.split(first, MAX_SYMBOLS)
        return next(lines, None) is None and all(_is_symbol(c) for c in cells if c.strip())
    return not any(_SEPARATORS.search(line) or '"' in line for line in lines)


def symbol_column(row: Sequence[str]) -> int | None:
    """The place of the symbol column when `row` is a header."""
    names = heading(row)
    return next((names.index(h) for h in HEADERS if h in names), None)


def sector_column(row: Sequence[str]) -> int | None:
    """The place of the column that names a sector, if there is one."""
    return next((i for i, n in enumerate(heading(row)) if _SECTOR.fullmatch(n)), None)


def _cell(row: Sequence[str], column: int | None) -> str:
    return bare(row[column]) if column is not None and column < len(row) else ""


def _lines(text: str) -> Iterator[Row]:
    for line, written in enumerate(io.StringIO(text, newline=None), 1):
        content = written.partition("#")[0].strip()
        cells = [content] if content.isalnum() else _SEPARATORS.split(content)
        if filled := [text for c in cells if (text := bare(c))]:
            yield line, filled


def _words(cell: str) -> list[str]:
    """A symbol may hold a blank (`BRK B`); where the whole is none, each word may be one."""
    if " " not in cell or (len(cell) <= MAX_LENGTH and _is_symbol(cell)):
        return [cell]
    words = cell.split()
    return words if all(map(SYMBOL.fullmatch, words)) else [cell]


def _is_symbol(text: str) -> bool:
    try:
        read_symbol(text)
    except BadSymbol:
        return False
    return True
