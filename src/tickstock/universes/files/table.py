"""Tables of symbols: which column holds them, which rows name none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from tickstock.errors import BadFile, BadSymbol
from tickstock.universes.days import HEADERLESS, is_dated
from tickstock.universes.files.dated import DateColumns, has_day_columns
from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import (
    IDENTIFIERS,
    STRONG,
    WEAK,
    columns_of,
    moves_in,
    normal,
    sector_column,
)
from tickstock.universes.files.imported import TOTALS, Gather
from tickstock.universes.files.unlisted import UnlistedRows
from tickstock.universes.files.words import looks_like_symbols, take_cells
from tickstock.universes.known import is_known
from tickstock.universes.markets import is_market_word
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import MAX_LENGTH, read_symbol

PREAMBLE = 60
"""A header is looked for in this many rows."""
_LOOKED_AT = 500
"""Without a header so many rows tell which column holds the symbols."""
_MOST = 0.8
"""The share of a column's cells that look like symbols, for a column of symbols."""
_LEAST_KNOWN = 0.2
_DIGITS = 9
"""No table has as many columns as a number of so many digits says."""
_PROSE = 16


def read_table(rows: Iterable[Row], gather: Gather) -> None:
    """Gather the symbols of a table; what names none is counted by its kind."""
    every = iter(rows)
    first = list(islice(every, PREAMBLE))
    header = find_header(first, gather)
    if gather.is_history and header is not None and len(header.columns) > 1:
        raise _two_columns(header, gather)
    if header is not None:
        for line, _ in first[: header.place]:
            gather.leave_out(line, "heading")
        rest = chain(first[header.place + 1 :], every)
        _RowTable(header, gather).read(rest)
    elif gather.column:
        _by_number(chain(first, every), gather)
    else:
        first += islice(every, _LOOKED_AT - len(first))
        _without_header(first, every, gather)


def names_days(rows: Sequence[Row]) -> bool:
    """Whether a table that begins with these rows may say who was a member when."""
    if rows and all(is_dated([bare(cell) for cell in row]) for _, row in rows):
        return True
    return any(has_day_columns(row) for _, row in rows)


@dataclass(frozen=True, slots=True)
class Header:
    """The row with the column names: its place among the rows, and where the symbols are."""

    place: int
    line: int
    row: list[str]
    columns: list[int]


def find_header(rows: Sequence[Row], gather: Gather) -> Header | None:
    """The first row that is a header. Raises BadFile where the wanted column is not in any."""
    for words in (STRONG, WEAK, IDENTIFIERS):
        for place, (line, row) in enumerate(rows):
            columns = columns_of(row, words)
            if columns and _is_header(rows, place, columns, is_sure=words is STRONG):
                return Header(place, line, row, _wanted(row, columns, gather))
            if words is STRONG and moves_in(row) and not gather.column:
                return Header(place, line, row, [])
    if gather.column and not gather.column.isdecimal():
        return _named(rows, gather)
    return None


def _wanted(row: Sequence[str], columns: list[int], gather: Gather) -> list[int]:
    if not gather.column:
        return columns
    if gather.column.isdecimal():
        return [_place(gather, len(row))]
    if named := columns_of(row, {normal(gather.column)}):
        return named
    raise BadFile(
        f"{gather.name} has no column {shown(gather.column)}.",
        f"It has {', '.join(shown(bare(cell)) for cell in row[:12])}.",
    )


def _place(gather: Gather, width: int) -> int:
    """The column whose number was given. Raises BadFile where there is none of that number."""
    number = int(gather.column[:_DIGITS])
    if not 1 <= number <= width:
        raise BadFile(
            f"{gather.name} has no column {shown(gather.column)}.",
            f"Columns count from 1; it has {width}.",
        )
    return number - 1


def _named(rows: Sequence[Row], gather: Gather) -> Header:
    for place, (line, row) in enumerate(rows):
        if columns := columns_of(row, {normal(gather.column)}):
            return Header(place, line, row, columns)
    raise BadFile(
        f"{gather.name} has no column {shown(gather.column)}.", "Name it, or count it from 1."
    )


def _is_header(rows: Sequence[Row], place: int, columns: Sequence[int], *, is_sure: bool) -> bool:
    """Whether a word that may also be a cell stands over a column: what follows is another word."""
    row = rows[place][1]
    if is_sure:
        return not any(_is_data(cell) for i, cell in enumerate(row) if i not in columns)
    if place + 1 >= len(rows) or any(map(_is_data, row)):
        return False
    after = rows[place + 1][1]
    return any(_cell(after, c) and normal(_cell(after, c)) != normal(row[c]) for c in columns)


def _is_data(cell: str) -> bool:
    """Whether a cell is a number, a date or a known symbol, and so none of a header."""
    text = bare(cell)
    if not text:
        return False
    if text.isalpha():
        return False
    try:
        return is_known(read_symbol(text)[0])
    except BadSymbol as fault:
        return fault.kind in ("number", "date")


@dataclass(slots=True)
class _RowTable:
    """A table under its header."""

    header: Header
    gather: Gather
    width: int = field(init=False)
    sector: int | None = field(init=False)
    dates: DateColumns = field(init=False)
    unlisted: UnlistedRows = field(init=False)
    short: int = 0
    is_begun: bool = False
    """Whether a symbol was met."""
    prose: list[Row] = field(default_factory=list)
    """Lines of text since the last symbol, where the symbols stand."""

    def __post_init__(self) -> None:
        row = self.header.row
        self.width = len(row)
        self.sector = sector_column(row)
        self.dates = DateColumns.of(row, self.gather)
        self.unlisted = UnlistedRows.of(row, self.header.columns)

    def read(self, rows: Iterable[Row]) -> None:
        line = self.header.line
        for line, row in rows:
            self._take(line, row)
        if self.short == line and self.gather.is_cut:
            self.gather.problem(line, "the row ends early, and the file in it: it is cut off.")
        for at, row in self.prose:
            self.gather.leave_out(at, "text", f"{shown(_first(row))} is a line of text")
        self.dates.finish(self.header.line)

    def _take(self, line: int, row: list[str]) -> None:
        if self.dates.are_moves:
            self._take_moves(line, row)
            return
        texts = [text for c in self.header.columns if c < len(row) and (text := bare(row[c]))]
        if len(row) < self.width:
            self.short = line
        if not texts:
            self._take_nameless(line, row, [text for cell in row if (text := bare(cell))])
        elif row == self.header.row:
            self.gather.leave_out(line, "heading")
        elif self.is_begun and self.width > 1 and _is_prose(row, texts[0]):
            self.prose.append((line, row))
        elif len(texts) == 1 or self._agree(line, texts):
            self._take_symbol(line, row, texts[0])

    def _take_symbol(self, line: int, row: Sequence[str], text: str) -> None:
        while self.prose:  # a line of text below which symbols go on is a row that is damaged
            at, damaged = self.prose.pop(0)
            self.gather.problem(at, f"{shown(_first(damaged))} is no symbol, and others follow.")
        self.is_begun = True
        if left_out := self.unlisted.kind(row, text):
            self.gather.leave_out(line, *left_out)
            return
        sector = "" if self.sector is None else _cell(row, self.sector)
        self.dates.take(line, row, text, sector)

    def _take_moves(self, line: int, row: list[str]) -> None:
        if len(row) < self.width:
            self.short = line
        if row == self.header.row:
            self.gather.leave_out(line, "heading")
        else:
            self.dates.take_moves(line, row)

    def _take_nameless(self, line: int, row: Sequence[str], filled: Sequence[str]) -> None:
        """A row whose cell of the symbol is empty or not there."""
        if filled[0].lower() in TOTALS:
            self.gather.leave_out(line, "total", f"{shown(filled[0])} is a total")
        elif len(row) > max(self.header.columns) or len(row) >= self.width:
            what = shown(" ".join(filled), 60)
            self.gather.leave_out(line, "without symbol", f"The row {what} has no symbol")
        elif len(filled) == 1 and (len(filled[0]) > _PROSE or " " in filled[0]):
            self.gather.leave_out(line, "text", f"{shown(filled[0])} is a line of text")
        else:
            self.gather.problem(
                line,
                f"{len(row)} cells where the header has {self.width}: the row ends early (it is"
                f" {shown(' '.join(filled), 60)}).",
            )

    def _agree(self, line: int, texts: Sequence[str]) -> bool:
        """Whether all columns of symbols mean the same one; where not, nothing more is read."""
        if len({_meant(text) for text in texts}) == 1:
            return True
        said = " and ".join(
            f"{shown(bare(self.header.row[c]))} ({shown(text)})"
            for c, text in zip(self.header.columns, texts, strict=False)
        )
        places = " or ".join(str(c + 1) for c in self.header.columns)
        raise BadFile(
            f"{self.gather.name}:{line}: several columns could hold the symbols and do not agree:"
            f" {said}.",
            f"Name the right one: --column {places}.",
        )


def _is_prose(row: Sequence[str], text: str) -> bool:
    """Whether a row is a sentence in its first cell alone."""
    return len(text) > MAX_LENGTH and text.count(" ") > 1 and not any(map(bare, row[1:]))


def _first(row: Sequence[str]) -> str:
    return next(text for cell in row if (text := bare(cell)))


def _two_columns(header: Header, gather: Gather) -> BadFile:
    named = " and ".join(shown(bare(header.row[column])) for column in header.columns)
    places = " or ".join(str(column + 1) for column in header.columns)
    return BadFile(
        f"{gather.name} has two columns of symbols, {named}.",
        f"Keep the right one, or name it: --column {places}.",
    )


def _meant(text: str) -> str:
    try:
        return read_symbol(text)[0]
    except BadSymbol:
        return text


# --- without a header -----------------------------------------------------------------------
def _by_number(rows: Iterable[Row], gather: Gather) -> None:
    every = iter(rows)
    first = list(islice(every, _LOOKED_AT))
    place = _place(gather, max((len(row) for _, row in first), default=0))
    for line, row in chain(first, every):
        if text := _cell(row, place):
            gather.add(line, text)
        else:
            gather.leave_out(line, "without symbol")


def _without_header(first: list[Row], rest: Iterator[Row], gather: Gather) -> None:
    every = chain(first, rest)
    if not first:
        return
    if all(is_dated([bare(cell) for cell in row]) for _, row in first):
        _RowTable(Header(0, first[0][0], list(HEADERLESS), [0]), gather).read(every)
        return
    if gather.is_history:
        DateColumns.of(first[0][1], gather)  # which says what is lacking
    width = max(len(row) for _, row in first)
    if width == 1 or _all_symbols(first, gather):
        take_cells(every, gather)
        return
    column = _symbol_column(first, width, gather)
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    name = f"{words[column]} column" if column < len(words) else f"column {column + 1}"
    gather.remark(first[0][0], f"No header: the {name} is taken for the symbols.")
    header = Header(0, first[0][0], [""] * width, [column])
    _RowTable(header, gather).read(every)


def _all_symbols(rows: Sequence[Row], gather: Gather) -> bool:
    """Whether every cell of a table is a symbol.

    Raises BadFile where the first cells of the rows may be the names of lists.
    """
    filled = [texts for _, row in rows if (texts := [text for c in row if (text := bare(c))])]
    if not filled:
        return False
    if len(rows) > 1 and len({row[0] for row in filled}) == 1:
        return False
    if not all(looks_like_symbols(cell) for row in filled for cell in row[1:]):
        return False
    if len(rows) == 1:
        return all(map(looks_like_symbols, filled[0]))
    doubtful = [row[0] for row in filled if not _is_known(row[0])]
    if any(is_market_word(cell) for row in filled for cell in row):
        return False
    if doubtful and all(len(row) > 1 for row in filled):
        raise BadFile(
            f"{gather.name}:{rows[0][0]}: has no header, and its rows begin with"
            f" {', '.join(map(shown, doubtful[:5]))}: the names of several lists, or symbols?",
            "Put a header above, name the column with --column, or import one list at a time.",
        )
    return not doubtful or all(looks_like_symbols(row[0]) for row in filled)


def _symbol_column(rows: Sequence[Row], width: int, gather: Gather) -> int:
    """The one column that looks like symbols. Raises BadFile where several do."""
    found: dict[int, float] = {}
    for column in range(min(width, 50)):
        cells = [text for _, row in rows if (text := _cell(row, column))]
        is_label = len(cells) > 1 and len(set(cells)) == 1
        if cells and not is_label:
            fits = sum(looks_like_symbols(c) and not is_market_word(c) for c in cells)
            found[column] = fits / len(cells)
    good = [column for column, share in found.items() if share >= _MOST]
    if len(good) > 1:
        known = {c: _known_share(rows, c) for c in good}
        best = max(good, key=known.__getitem__)
        if known[best] >= _MOST and all(known[c] <= _LEAST_KNOWN for c in good if c != best):
            return best
        raise BadFile(
            f"{gather.name}:{rows[0][0]}: has no header, and the columns"
            f" {', '.join(str(c + 1) for c in good)} could all hold the symbols.",
            "Put a header above, or name the column: --column NUMBER.",
        )
    return good[0] if good else max(found, key=found.__getitem__, default=0)


def _known_share(rows: Sequence[Row], column: int) -> float:
    cells = [text for _, row in rows if (text := _cell(row, column))]
    return sum(map(_is_known, cells)) / len(cells)


def _is_known(text: str) -> bool:
    return is_known(_meant(text))


def _cell(row: Sequence[str], column: int | None) -> str:
    return bare(row[column]) if column is not None and column < len(row) else ""
