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
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import msgspec

from tickstock.errors import BadDates, BadFile, BadSymbol
from tickstock.spans import ONE_DAY, Span, union
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
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import read_symbol

FOREVER = date.max
"""The end of a spell of a member still."""
MAX_SHOWN = 10

ACTIONS = {"add": True, "added": True, "+": True, "remove": False, "removed": False, "-": False}


@dataclass(frozen=True, slots=True, order=True)
class Spell:
    """`symbol` is a member on the days of `span`; `FOREVER` ends it for a member still."""

    symbol: str
    span: Span


@dataclass(frozen=True, slots=True)
class History:
    """What a source says about the members of a universe on `days`, and on no other day.

    Of each symbol the spells are disjoint, do not touch, and begin inside `days`. Days before the
    first one are unknown, which is not the same as empty.
    """

    days: Span
    spells: tuple[Spell, ...] = field(repr=False)
    source: str = ""

    def members(self, day: date) -> tuple[str, ...]:
        """The members on a day, sorted. Raises BadDates for one the source does not speak about."""
        if day not in self.days:
            raise BadDates(
                f"The source does not say who was in it on {day}.",
                f"It speaks about {self.days}.",
            )
        return tuple(sorted(spell.symbol for spell in self.spells if day in spell.span))

    @property
    def digest(self) -> str:
        """Names the content: equal digests say the same about the same days."""
        rows = [(s.symbol, str(s.span.start), str(s.span.end)) for s in self.spells]
        text = msgspec.json.encode([str(self.days.start), str(self.days.end), rows])
        return hashlib.sha256(text).hexdigest()


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


def make_history(spells: Iterable[Spell], days: Span, source: str = "") -> History:
    """A history of these spells: sorted, joined where they overlap or touch, within `days`.

    A spell that reaches the end of `days` goes on for ever: the source does not end it.
    """
    by_symbol: dict[str, list[Span]] = defaultdict(list)
    for spell in spells:
        within = spell.span & Span(days.start, FOREVER)
        if within.start < days.end:
            by_symbol[spell.symbol].append(within)
    joined = tuple(
        Spell(symbol, span if span.end < days.end else Span(span.start, FOREVER))
        for symbol in sorted(by_symbol)
        for span in union(by_symbol[symbol])
    )
    return History(days, joined, source)


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
            raise BadFile(f"{name}:{reader.line_num}: not CSV: {e}.", "Mend the quotes.") from e
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
    days = sorted(lists)
    ends = [*days[1:], FOREVER]
    spells = [
        Spell(symbol, Span(day, end))
        for day, end in zip(days, ends, strict=True)
        for symbol in lists[day]
    ]
    return spells, days


def _read_changes(table: _SpellTable, today: Sequence[str]) -> _Read:
    changes = sorted(_changes(table), key=lambda change: change[0])
    spells = _backwards(table, changes[::-1], today) if today else _forwards(table, changes)
    return spells, [day for day, *_ in changes]


def _changes(table: _SpellTable) -> Iterator[tuple[date, bool, str, int]]:
    for line, row in table.rows:
        symbol, day = table.symbol(line, row), table.day(line, row["date"])
        joins = ACTIONS.get(row["action"].lower())
        if joins is None:
            table.faults.append(
                f"{table.name}:{line}: {shown(row['action'])} is neither add nor remove."
            )
        elif day is not None:
            yield day, joins, symbol, line


def _forwards(table: _SpellTable, changes: Iterable[tuple[date, bool, str, int]]) -> list[Spell]:
    since: dict[str, date] = {}
    spells: list[Spell] = []
    for day, joins, symbol, line in changes:
        if joins == (symbol in since):
            table.faults.append(_contradiction(table, line, symbol, joins))
        elif joins:
            since[symbol] = day
        else:
            spells.append(Spell(symbol, Span(since.pop(symbol), day)))
    return [*spells, *(Spell(symbol, Span(day, FOREVER)) for symbol, day in since.items())]


def _backwards(
    table: _SpellTable, changes: Sequence[tuple[date, bool, str, int]], today: Sequence[str]
) -> list[Spell]:
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
