"""Dated membership as sources write it: spells, dated snapshots, or a stream of changes.

Three forms of CSV, told apart by their header:

- spells: `symbol,opt-in,opt-out` (or `starts,ends`, `from,until`): a member from the first date up
  to, and without, the second, which is empty for a member still. With `first,last` or `from,to`
  both dates are inside, as everywhere that people write dates.
- snapshots: `date,symbol`, one line a member: each day's list stands until the next one.
- changes: `date,action,symbol` with `add` or `remove` (also `+`, `-`, `added`, `removed`).

The symbols stand under any heading that lists have for them (`ticker`). A file without a header
whose rows are a symbol and two dates is one of spells, both dates inside. Dates may have a time;
`NaT`, an empty cell, and an end from 2050 on, say "a member still". Commas, semicolons and tabs may
separate. Other columns are ignored. Pure: text in, values out.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tickstock.errors import BadFile, BadSymbol
from tickstock.spans import ONE_DAY, Span
from tickstock.universes.days import (
    HEADERLESS,
    UP_TO,
    UP_TO_AND_WITH,
    day_in,
    is_dated,
    is_no_day,
    is_open,
)
from tickstock.universes.files.delimited import bare, delimiter_of, is_comment
from tickstock.universes.files.headers import FIRST, STRONG, columns_of, heading
from tickstock.universes.membership import (
    ACTIONS,
    FOREVER,
    History,
    Move,
    Spell,
    from_changes,
    from_lists,
    make_history,
)
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import read_symbol

MAX_SHOWN = 10


def read_history(
    name: str,
    text: str,
    *,
    through: date | None = None,
    source: str = "",
    today: Sequence[str] = (),
) -> History:
    """The history in a CSV file of one of the three forms; `name` is for messages.

    Args:
        through: the last day that the source speaks about; without it, its last date.
        today: for a stream of changes, the members after the last change. Without them the
            stream begins with an empty universe.

    Raises BadFile, with the line of every date, symbol and action that cannot be read.
    """
    table = _SpellTable.of(name, text)
    spells, dates = _FORMS[table.form](table, today)
    if table.faults:
        raise table.refusal()
    if not dates or not spells:
        raise BadFile(f"{name} names no member on any day.", "Is it the right file?")
    last = max(dates) if through is None else through
    if last < min(dates):
        raise BadFile(
            f"{name} begins on {min(dates)}, after the last day {last} that it is good for.",
            "Give a later day.",
        )
    return make_history(spells, Span.inclusive(min(dates), last), source)


# --- the table ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _SpellTable:
    """The rows of a file by column, with what is wrong in them."""

    name: str
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    columns: tuple[str, ...]
    faults: list[str]

    @classmethod
    def of(cls, name: str, text: str) -> _SpellTable:
        reader = csv.reader(
            io.StringIO(text.lstrip("\ufeff"), newline=""),
            delimiter=delimiter_of(text),
            strict=True,
        )
        try:
            every = [
                (reader.line_num, cells)
                for row in reader
                if any(cells := [bare(cell) for cell in row]) and not is_comment(row[0], len(row))
            ]
        except csv.Error as e:
            raise BadFile(f"{name}:{reader.line_num}: not CSV: {e}.", "Fix the quotes.") from e
        if every and all(is_dated(cells) for _, cells in every):
            head, rows = list(HEADERLESS), every
        else:
            head, rows = _headings(name, every[0][1] if every else []), every[1:]
        cells_of = tuple((line, dict(zip(head, cells, strict=False))) for line, cells in rows)
        return cls(name, cells_of, tuple(head), [])

    @property
    def form(self) -> str:
        if "symbol" in self.columns and self.edges:
            return "spells"
        if {"date", "action", "symbol"} <= set(self.columns):
            return "changes"
        if {"date", "symbol"} <= set(self.columns):
            return "snapshots"
        raise BadFile(
            f"{self.name} has the columns {shown(', '.join(self.columns), 120)}.",
            "A history has symbol,starts,ends or date,symbol or date,action,symbol.",
        )

    @property
    def edges(self) -> tuple[str, str, bool] | None:
        """The two date columns of spells, and whether the second is the last day inside."""
        for names, inside in ((UP_TO, False), (UP_TO_AND_WITH, True)):
            for first, second in names.items():
                if first in self.columns and second in self.columns:
                    return first, second, inside
        return None

    def symbol(self, line: int, row: Mapping[str, str]) -> str:
        try:
            return read_symbol(row.get("symbol", ""))[0]
        except BadSymbol as e:
            self.faults.append(f"{self.name}:{line}: {e.what}")
            return ""

    def day(self, line: int, text: str) -> date | None:
        day = day_in(text)
        if day is None:
            self.faults.append(f"{self.name}:{line}: {shown(text)} is not a date (YYYY-MM-DD).")
        return day

    def end(self, line: int, text: str) -> date | None:
        """The end of a membership, `FOREVER` where there is none yet."""
        if is_no_day(text):
            return FOREVER
        day = self.day(line, text)
        return FOREVER if day and is_open(day) else day

    def refusal(self) -> BadFile:
        more = len(self.faults) - MAX_SHOWN
        tail = f"\n  and {more} more" if more > 0 else ""
        listed = "\n  ".join(self.faults[:MAX_SHOWN])
        return BadFile(f"The history cannot be read:\n  {listed}{tail}\n", "Nothing was read.")


def _headings(name: str, row: Sequence[str]) -> list[str]:
    """The names of the columns; the one that holds the symbols is called so."""
    head, symbols = heading(row), columns_of(row, STRONG)
    if len(symbols) > 1:
        named = " and ".join(shown(row[column]) for column in symbols)
        raise BadFile(f"{name} has two columns of symbols, {named}.", "Keep the right one.")
    return [FIRST if place in symbols else column for place, column in enumerate(head)]


_Read = tuple[list[Spell], list[date]]


def _read_spells(table: _SpellTable, today: Sequence[str]) -> _Read:
    del today
    first, second, inside = table.edges or ("", "", False)
    spells: list[Spell] = []
    dates: list[date] = []
    for line, row in table.rows:
        symbol, start = table.symbol(line, row), table.day(line, row.get(first, ""))
        until = table.end(line, row.get(second, ""))
        if start is None or until is None:
            continue
        end = until + ONE_DAY if inside and until < FOREVER else until
        if end < start:
            table.faults.append(f"{table.name}:{line}: {symbol} leaves before it joins.")
            continue
        dates += [start] if end == FOREVER else [start, end]
        if start < end:
            spells.append(Spell(symbol, Span(start, end)))
    return spells, dates


def _read_snapshots(table: _SpellTable, today: Sequence[str]) -> _Read:
    del today
    lists: dict[date, set[str]] = defaultdict(set)
    for line, row in table.rows:
        symbol, day = table.symbol(line, row), table.day(line, row["date"])
        if day is not None:
            lists[day].add(symbol)
    return from_lists(lists), sorted(lists)


def _read_changes(table: _SpellTable, today: Sequence[str]) -> _Read:
    changes = sorted(_changes(table), key=lambda change: change[0])
    spells = _backwards(table, changes[::-1], today) if today else _forwards(table, changes)
    return spells, [day for day, *_ in changes]


def _changes(table: _SpellTable) -> Iterator[Move]:
    for line, row in table.rows:
        symbol, day = table.symbol(line, row), table.day(line, row["date"])
        joins = ACTIONS.get(row["action"].lower())
        if joins is None:
            table.faults.append(
                f"{table.name}:{line}: {shown(row['action'])} is neither add nor remove."
            )
        elif day is not None:
            yield day, joins, symbol, line


def _forwards(table: _SpellTable, changes: Iterable[Move]) -> list[Spell]:
    spells, odd = from_changes(changes)
    table.faults.extend(_contradiction(table, line, name, joins) for _, joins, name, line in odd)
    return spells


def _backwards(table: _SpellTable, changes: Sequence[Move], today: Sequence[str]) -> list[Spell]:
    """From the members of today back: who joined was no member before, who left was one."""
    until = dict.fromkeys(today, FOREVER)
    spells: list[Spell] = []
    for day, joins, symbol, line in changes:
        if joins != (symbol in until):
            table.faults.append(_contradiction(table, line, symbol, joins))
        elif joins:
            spells.append(Spell(symbol, Span(day, until.pop(symbol))))
        else:
            until[symbol] = day
    first = min((day for day, *_ in changes), default=FOREVER)
    return [*spells, *(Spell(s, Span(first, end)) for s, end in until.items() if first < end)]


def _contradiction(table: _SpellTable, line: int, symbol: str, joins: bool) -> str:
    does, held = ("joins", "in it") if joins else ("leaves", "not in it")
    return f"{table.name}:{line}: {symbol} {does}, and by the other lines it was {held} already."


_FORMS: Mapping[str, Callable[[_SpellTable, Sequence[str]], _Read]] = {
    "spells": _read_spells,
    "snapshots": _read_snapshots,
    "changes": _read_changes,
}
