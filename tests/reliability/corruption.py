"""What may happen to a database by accident or by a foreign hand, one kind after another, and what
`verify` has to name for each. None of it is done by TickStock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tickstock.model import Timeframe
from tickstock.store.bars import TABLES

VALUES = ("open", "high", "low", "close", "volume", "vwap", "trades")
COLUMNS = ", ".join(VALUES)
FEW = 4
"""Cells of a timeframe that are left for those who need a certain one."""


@dataclass(frozen=True)
class Cell:
    """The bars of a symbol on a day, by their times as text."""

    timeframe: Timeframe
    symbol: str
    instrument: int
    day: date
    at: tuple[str, ...]

    @property
    def moment(self) -> str:
        """The type of its times."""
        return "date" if self.timeframe is Timeframe.DAY else "timestamptz"

    @property
    def table(self) -> str:
        return f"tickstock.{TABLES[self.timeframe]}"


@dataclass
class Scene:
    """What a round may still spoil, each thing once: a cell, what is kept of a symbol, a job, a
    call. The bars of `coverage` are left alone, those of `others` are in `cells`. `free`: days
    without a session, with a time on each."""

    dice: random.Random
    run: Callable[..., Any]
    cells: dict[Timeframe, list[Cell]]
    coverage: list[tuple[Timeframe, str, int]]
    others: list[tuple[Timeframe, str, int]]
    jobs: list[str]
    calls: list[tuple[str, int]]
    free: tuple[tuple[date, str], ...]
    used: set[Any] = field(default_factory=set)

    def cell(self, timeframe: Timeframe | None = None) -> Cell:
        many = [t for t, cells in self.cells.items() if len(self.whole(cells)) > FEW]
        found: Cell = self.take(self.cells[timeframe or self.dice.choice(many)])
        return found

    def whole(self, among: Sequence[Any]) -> list[Any]:
        return [o for o in among if o not in self.used]

    def take(self, among: Sequence[Any]) -> Any:
        """One of them that is still whole."""
        one = self.dice.choice(self.whole(among))
        self.used.add(one)
        return one

    def empty_day(self, cell: Cell) -> tuple[date, str]:
        """A day on which a symbol has no bar, and a time on it."""
        found = [f for f in self.free if (cell.instrument, cell.timeframe, f) not in self.used]
        one = self.dice.choice(found)
        self.used.add((cell.instrument, cell.timeframe, one))
        return one


@dataclass(frozen=True)
class Expected:
    """What has to be named: by the check of which timeframe (None: of any), whose it is, the day if
    it is of one, and words of what is said."""

    timeframe: Timeframe | None
    symbol: str
    day: date | None
    says: str = ""


@dataclass(frozen=True)
class Kind:
    """One way to spoil something: does it, and says what has to be named."""

    name: str
    spoil: Callable[[Scene], list[Expected]]


def kinds() -> Iterator[Kind]:
    for column in VALUES:
        yield Kind(f"bar, {column} changed", _changing(column))
    for name, spoil in BARS.items():
        yield Kind(name, spoil)
    for name, (change, says) in COVERAGE.items():
        yield Kind(f"coverage, {name}", _of_coverage(change, says))
    for name, change in JOBS.items():
        yield Kind(f"job, {name}", _of_job(change))
    for name, change in CALLS.items():
        yield Kind(f"call, {name}", _of_call(change))


# --- bars ------------------------------------------------------------------------------------
def _named(*cells: Cell) -> list[Expected]:
    return [Expected(c.timeframe, c.symbol, c.day) for c in cells]


def _changing(column: str) -> Callable[[Scene], list[Expected]]:
    """Another value, near or far: the next number, a digit, half, the value of another column."""

    def spoil(s: Scene) -> list[Expected]:
        cell = s.cell()
        at = s.dice.choice(cell.at)
        whole = [f"{column} + 1", f"{column} * 2", "0"]
        near = [f"{column} * 1.0000000000000004", f"{column} + 0.01", f"{column} * 0.5", "4242.42"]
        value = s.dice.choice(whole if column == "trades" else near)
        if column in ("vwap", "trades"):
            value = s.dice.choice([value, "NULL"])
        found = s.run(
            f"UPDATE {cell.table} SET {column} = {value} WHERE instrument_id = %s AND at = %s"
            f" AND {column} IS DISTINCT FROM {value} RETURNING 1", cell.instrument, at
        )  # fmt: skip
        if found:
            return _named(cell)
        s.run(f"UPDATE {cell.table} SET {column} = 77 WHERE instrument_id = %s AND at = %s"
              " RETURNING 1", cell.instrument, at)  # fmt: skip
        return _named(cell)

    return spoil


def _exchanged(s: Scene) -> list[Expected]:
    cell = s.cell()
    for at in cell.at:
        one, two = s.dice.sample(VALUES[:5], 2)
        if s.run(
            f"UPDATE {cell.table} SET {one} = {two}, {two} = {one}"
            f" WHERE instrument_id = %s AND at = %s AND {one} <> {two} RETURNING 1",
            cell.instrument, at,
        ):  # fmt: skip
            return _named(cell)
    return _deleted_from(s, cell)


def _deleted_from(s: Scene, cell: Cell) -> list[Expected]:
    s.run(f"DELETE FROM {cell.table} WHERE instrument_id = %s AND at = %s RETURNING 1",
          cell.instrument, s.dice.choice(cell.at))  # fmt: skip
    return _named(cell)


def _deleted(s: Scene) -> list[Expected]:
    return _deleted_from(s, s.cell())


def _day_deleted(s: Scene) -> list[Expected]:
    cell = s.cell()
    _delete_all(s, cell)
    return _named(cell)


def _delete_all(s: Scene, cell: Cell) -> None:
    s.run(f"DELETE FROM {cell.table} WHERE instrument_id = %s AND at = ANY (%s::{cell.moment}[])"
          " RETURNING 1", cell.instrument, list(cell.at))  # fmt: skip


def _deleted_with_coverage(s: Scene) -> list[Expected]:
    """By somebody who puts the count and the held days right."""
    kept = s.take(s.others)
    timeframe, symbol, instrument = kept
    cell = s.take([c for c in s.cells[timeframe] if c.symbol == symbol])
    _delete_all(s, cell)
    s.run(
        "UPDATE tickstock.coverage AS c SET bars = (SELECT count(*) FROM tickstock."
        f"{TABLES[timeframe]} AS b WHERE b.instrument_id = c.instrument_id),"
        " held = held - datemultirange(daterange(%s, %s, '[]'))"
        " WHERE c.instrument_id = %s AND timeframe = %s RETURNING 1",
        cell.day, cell.day, instrument, timeframe,
    )  # fmt: skip
    return _named(cell)


def _insert(s: Scene, cell: Cell, instrument: int, at: str, source: str) -> None:
    s.run(
        f"INSERT INTO {cell.table} (instrument_id, at, {COLUMNS})"
        f" SELECT %s, %s::{cell.moment}, {COLUMNS} FROM {cell.table}"
        " WHERE instrument_id = %s AND at = %s"
        " RETURNING 1",
        instrument, at, cell.instrument, source,
    )  # fmt: skip


def _doubled(s: Scene) -> list[Expected]:
    cell = s.cell()
    day, at = s.empty_day(cell)
    _insert(s, cell, cell.instrument, at, s.dice.choice(cell.at))
    return [Expected(cell.timeframe, cell.symbol, day)]


def _inserted(s: Scene) -> list[Expected]:
    cell = s.cell()
    day, at = s.empty_day(cell)
    s.run(
        f"INSERT INTO {cell.table} (instrument_id, at, open, high, low, close, volume)"
        " VALUES (%s, %s, 10, 11, 9, 10, 100) RETURNING 1", cell.instrument, at
    )  # fmt: skip
    return [Expected(cell.timeframe, cell.symbol, day)]


def _copied_over(s: Scene, one: Cell, other: Cell) -> None:
    """The values of the first bar of a cell in place of another's."""
    s.run(
        f"UPDATE {one.table} AS b SET ({COLUMNS}) = (SELECT {COLUMNS} FROM {other.table}"
        " WHERE instrument_id = %s AND at = %s) WHERE instrument_id = %s AND at = %s RETURNING 1",
        other.instrument, other.at[0], one.instrument, one.at[0],
    )  # fmt: skip


def _copied(s: Scene) -> list[Expected]:
    one = s.cell()
    _copied_over(s, one, s.cell(one.timeframe))
    return _named(one)


def _swapped(s: Scene) -> list[Expected]:
    one = s.cell()
    other = s.cell(one.timeframe)
    s.run(
        f"UPDATE {one.table} AS b SET ({COLUMNS}) = (SELECT {COLUMNS} FROM {one.table} AS o"
        " WHERE (o.instrument_id, o.at) <> (b.instrument_id, b.at) AND (o.instrument_id = %s AND"
        " o.at = %s OR o.instrument_id = %s AND o.at = %s)) WHERE b.instrument_id = %s AND"
        " b.at = %s OR b.instrument_id = %s AND b.at = %s RETURNING 1",
        *(one.instrument, one.at[0], other.instrument, other.at[0]) * 2,
    )  # fmt: skip
    return _named(one, other)


def _moved(s: Scene) -> list[Expected]:
    cell = s.cell()
    day, at = s.empty_day(cell)
    s.run(f"UPDATE {cell.table} SET at = %s WHERE instrument_id = %s AND at = %s RETURNING 1",
          at, cell.instrument, cell.at[0])  # fmt: skip
    return [*_named(cell), Expected(cell.timeframe, cell.symbol, day)]


def _moved_a_little(s: Scene) -> list[Expected]:
    timeframe = s.dice.choice([t for t in s.cells if t is not Timeframe.DAY])
    cell = s.cell(timeframe)
    s.run(f"UPDATE {cell.table} SET at = at + interval '0.25 s' WHERE instrument_id = %s AND"
          " at = %s RETURNING 1", cell.instrument, cell.at[-1])  # fmt: skip
    return _named(cell)


def _to_another(s: Scene) -> list[Expected]:
    """A bar becomes another symbol's, in place of the one that is there."""
    other = s.cell()
    same = [c for c in s.cells[other.timeframe] if c.day == other.day]
    if not s.whole(same):
        return _to_another(s)
    one = s.take(same)
    _deleted_at(s, other, one.at[0])
    s.run(f"UPDATE {one.table} SET instrument_id = %s WHERE instrument_id = %s AND at = %s"
          " RETURNING 1", other.instrument, one.instrument, one.at[0])  # fmt: skip
    return _named(one, other)


def _deleted_at(s: Scene, cell: Cell, at: str) -> None:
    s.run(f"DELETE FROM {cell.table} WHERE instrument_id = %s AND at = %s RETURNING 1",
          cell.instrument, at)  # fmt: skip


def _of_nobody(s: Scene) -> list[Expected]:
    cell = s.cell()
    number = 900_000 + len(s.used)
    _insert(s, cell, number, cell.at[0], cell.at[0])
    return [Expected(cell.timeframe, f"instrument {number}", None, "does not exist")]


def _sum_changed(s: Scene) -> list[Expected]:
    """Not the bars: what is kept about a write of them."""
    cell = s.cell(s.dice.choice([Timeframe.HOUR, Timeframe.MINUTE]))
    day = (cell.day - date(1970, 1, 1)).days.to_bytes(4, "little")
    s.run(
        "INSERT INTO tickstock.bar_checksums (timeframe, instruments, counts, days, sums)"
        " VALUES (%s, ARRAY[%s], ARRAY[1], %s, '\\x0badcafe') RETURNING 1",
        cell.timeframe, cell.instrument, day,
    )  # fmt: skip
    return _named(cell)


BARS: dict[str, Callable[[Scene], list[Expected]]] = {
    "bar, two columns exchanged": _exchanged,
    "bar deleted": _deleted,
    "all bars of a day deleted": _day_deleted,
    "all bars of a day deleted, and the coverage put right": _deleted_with_coverage,
    "bar doubled, on another day": _doubled,
    "bar inserted by a stranger": _inserted,
    "bar copied over another symbol's or day's": _copied,
    "two bars swapped": _swapped,
    "bar moved to another day": _moved,
    "bar moved by less than a second": _moved_a_little,
    "bar moved to another symbol": _to_another,
    "bar of no instrument": _of_nobody,
    "checksum itself changed": _sum_changed,
}


# --- what is kept about them -------------------------------------------------------------------
def _of_coverage(change: str, says: str) -> Callable[[Scene], list[Expected]]:
    def spoil(s: Scene) -> list[Expected]:
        timeframe, symbol, instrument = s.take(s.coverage)
        assert s.run(f"{change} WHERE timeframe = %s AND instrument_id = %s RETURNING 1",
                     timeframe, instrument)  # fmt: skip
        return [Expected(timeframe, symbol, None, says)]

    return spoil


_SET = "UPDATE tickstock.coverage SET"
_FIRST = "datemultirange(daterange(lower(held), lower(held) + 1))"
COVERAGE = {
    "count too high": (f"{_SET} bars = bars + 1", "bars are counted"),
    "count too low": (f"{_SET} bars = bars - 1", "bars are counted"),
    "held day lost": (f"{_SET} held = held - {_FIRST}", "do not count as held"),
    "held days added": (f"{_SET} held = held + '{{[2001-01-02,2001-01-09)}}'", "have no bar"),
    "first bar moved": (f"{_SET} first_at = first_at + interval '1 day'", "the first bar is noted"),
    "last bar moved": (f"{_SET} last_at = last_at - interval '1 min'", "the last bar is noted"),
    "origin changed": (f"{_SET} origin = 'massive'", "the origin or the time"),
    "time changed": (f"{_SET} updated_at = updated_at + interval '1 s'", "the origin or the time"),
    "touched as if written": (f"{_SET} updated_at = clock_timestamp()", "the origin or the time"),
    "row deleted": ("DELETE FROM tickstock.coverage", "0 bars are counted"),
}


# --- the ledger --------------------------------------------------------------------------------
def _of_job(change: str) -> Callable[[Scene], list[Expected]]:
    def spoil(s: Scene) -> list[Expected]:
        job = s.take(s.jobs)
        assert s.run(f"{change} RETURNING 1", *[job] * change.count("%s"))
        return [Expected(None, f"job {job[:8]}", None)]

    return spoil


def _of_call(change: str) -> Callable[[Scene], list[Expected]]:
    def spoil(s: Scene) -> list[Expected]:
        job, call = s.take([c for c in s.calls if c[0] not in s.used])
        assert s.run(f"{change} RETURNING 1", call)
        says = "was none of its" if change.startswith("INSERT") else f"call {call}"
        return [Expected(None, f"job {job[:8]}", None, says)]

    return spoil


_JOB = "UPDATE tickstock.loads SET"
JOBS = {
    "state changed": f"{_JOB} state = CASE state WHEN 'completed' THEN 'failed'"
    " ELSE 'completed' END WHERE id = %s",
    "state open again": f"{_JOB} state = 'running' WHERE id = %s",
    "message changed": f"{_JOB} message = message || '!' WHERE id = %s",
    "report changed": f"{_JOB} report = '{{\"a\": 1}}' WHERE id = %s",
    "request changed": f"{_JOB} request = request || '{{\"a\": 1}}' WHERE id = %s",
    "time of its end changed": f"{_JOB} finished_at = finished_at + interval '1 ms' WHERE id = %s",
    "end removed": f"{_JOB} finished_at = NULL WHERE id = %s",
    "count of an item changed": "UPDATE tickstock.load_items SET expected = expected + 1"
    " WHERE load_id = %s",
    "items deleted": "DELETE FROM tickstock.load_items WHERE load_id = %s",
    "calls deleted": "DELETE FROM tickstock.calls WHERE load_id = %s",
}
_CALL = "UPDATE tickstock.calls SET"
_THIS = "WHERE id = %s"
CALLS = {
    "state changed": f"{_CALL} state = 'failed' {_THIS}",
    "open again": f"{_CALL} state = 'waiting' {_THIS}",
    "sessions held changed": f"{_CALL} held = held + 1 {_THIS}",
    "bars new changed": f"{_CALL} rows_new = rows_new - 1 {_THIS}",
    "bars changed changed": f"{_CALL} rows_changed = rows_changed + 1 {_THIS}",
    "pages changed": f"{_CALL} pages = pages + 1 {_THIS}",
    "span changed": f"{_CALL} span = daterange(lower(span), upper(span) + 1) {_THIS}",
    "symbol changed": f"{_CALL} symbol = symbol || 'X' {_THIS}",
    "time changed": f"{_CALL} done_at = done_at + interval '1 s' {_THIS}",
    "attempts changed": f"{_CALL} attempt = attempt + 1 {_THIS}",
    "deleted": f"DELETE FROM tickstock.calls {_THIS}",
    "doubled": "INSERT INTO tickstock.calls (load_id, position, kind, timeframe, symbol, span,"
    " cells, state, held, rows_new, rows_changed, pages, done_at) SELECT load_id, position, kind,"
    f" timeframe, symbol, span, cells, state, held, rows_new, rows_changed, pages, done_at"
    f" FROM tickstock.calls {_THIS}",
}
