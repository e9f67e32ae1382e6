"""What should be held, what is held, and why the rest is not: instruments by sessions.

Expected = sessions of the span ∩ the instrument's listed lifetime ∩ already published.
Every cell of the span that is not held has exactly one cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tickstock.loading.bits import Bits
from tickstock.loading.causes import REMEMBERED, SETTLED
from tickstock.model import Gap, GapCause, Instrument, Ints, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import Span, day_of

FAR_PAST, FAR_FUTURE = epoch_day(date.min), epoch_day(date.max)


@dataclass(frozen=True, eq=False)
class DaySpans:
    """Spans of days, flat: the instrument's id, first day and end (half-open) of each.

    Days as days since 1970-01-01; three columns of the same length, in any order.
    """

    instrument: Ints
    start: Ints
    end: Ints

    @property
    def columns(self) -> tuple[Ints, Ints, Ints]:
        return self.instrument, self.start, self.end


class HeldSpans(DaySpans):
    """Those that are held."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of one timeframe: a row per instrument, a column per session of the span.

    `days[j]` is the date of column `j` as days since 1970-01-01. `missing` is what has to be
    asked for: not held and not answered for the time being, or, to refresh, all that is expected.
    `gaps` gives for each cause the cells that are not held because of it. `intervals[i]` are the
    only days that are wanted of instrument `i`, where the job is of a universe as it was; else
    `intervals` is empty.
    """

    timeframe: Timeframe
    instruments: tuple[Instrument, ...]
    days: Ints
    expected: Bits
    held: Bits
    missing: Bits
    gaps: Mapping[GapCause, Bits]
    intervals: tuple[tuple[Span, ...], ...] = ()

    def counts(self) -> dict[GapCause, int]:
        """Cells not held, by cause; causes without any are left out."""
        counted = {cause: cells.count() for cause, cells in self.gaps.items()}
        return {cause: count for cause, count in counted.items() if count}

    def examples(self, cause: GapCause, most: int = 3) -> tuple[tuple[str, Span], ...]:
        """The first run of cells with `cause` of each of the first instruments that have some."""
        cells = self.gaps[cause]
        rows = np.flatnonzero(cells.packed.any(axis=1))[:most]
        row, start, end = Bits(cells.packed[rows], cells.columns).runs()
        _, firsts = np.unique(row, return_index=True)
        return tuple(
            (self.instruments[rows[row[i]]].symbol, self.span(int(start[i]), int(end[i])))
            for i in firsts
        )

    def span(self, start: int, end: int) -> Span:
        """The days from column `start` to the last one before `end`."""
        return Span.inclusive(day_of(int(self.days[start])), day_of(int(self.days[end - 1])))


def build_grid(
    timeframe: Timeframe,
    instruments: Sequence[Instrument],
    span: Span,
    calendar: Calendar,
    published: int,
    held: HeldSpans,
    standing: Iterable[Gap] | Mapping[GapCause, DaySpans] = (),
    *,
    refresh: bool = False,
    intervals: Sequence[tuple[Span, ...]] = (),
) -> Grid:
    """The grid of `instruments` over the sessions of `span`.

    `published` is how many of the calendar's sessions are final for the vendor. `standing` are
    gaps whose answer has not expired yet, one by one or by cause. An instrument is listed on both
    of its bounds; an unknown bound counts as always. Spans and gaps of other instruments are
    ignored.
    With `intervals` (one entry an instrument), no cell outside of them is expected or a gap.
    """
    first, stop = calendar.between(span)
    columns = stop - first
    listed, expected = _lifetimes(instruments, calendar, first, columns, published)
    rows = _Rows(instruments, calendar, first, columns)
    wanted = rows.all()
    if intervals:
        wanted = rows.of_intervals(intervals)
        listed, expected = listed & wanted, expected & wanted
    have = rows.bits(held.instrument, held.start, held.end) & expected
    gaps = {GapCause.NOT_LISTED: wanted - listed, GapCause.NOT_PUBLISHED: listed - expected}
    open_ = expected - have
    missing = expected if refresh else open_
    told = standing if isinstance(standing, Mapping) else by_cause(standing)
    for cause, cells in _standing(rows, told).items():
        # That a session was not published yet is known by its day, or was found by asking for it.
        gaps[cause] = cells & open_ | gaps.get(cause, Bits.empty(len(listed), columns))
        open_ = open_ - cells
        if cause in SETTLED and not refresh:
            missing = missing - cells
    gaps[GapCause.NEVER_ASKED] = open_
    days = calendar.days[first:stop]
    chosen = tuple(instruments)
    return Grid(timeframe, chosen, days, expected, have, missing, gaps, tuple(intervals))


class _Rows:
    """Turns spans of days by instrument id into cells of the grid."""

    def __init__(
        self, instruments: Sequence[Instrument], calendar: Calendar, first: int, columns: int
    ) -> None:
        ids = np.array([i.id for i in instruments], np.int64)
        self._order = np.argsort(ids, kind="stable")
        self._sorted_ids = ids[self._order]
        self._calendar, self._first, self._columns = calendar, first, columns

    def all(self) -> Bits:
        return Bits.pack(np.ones((len(self._order), self._columns), np.bool_))

    def of_intervals(self, intervals: Sequence[tuple[Span, ...]]) -> Bits:
        flat = [
            (row, epoch_day(s.start), epoch_day(s.end))
            for row, of in enumerate(intervals)
            for s in of
        ]
        row, start, end = np.array(flat, np.int64).reshape(-1, 3).T
        low = self._calendar.before(start) - self._first
        high = self._calendar.before(end) - self._first
        return Bits.from_ranges(len(self._order), self._columns, row, low, high)

    def bits(self, ids: Ints, start: Ints, end: Ints) -> Bits:
        rows, columns = len(self._order), self._columns
        if not rows:
            return Bits.empty(rows, columns)
        place = np.minimum(np.searchsorted(self._sorted_ids, ids), rows - 1)
        known = self._sorted_ids[place] == ids
        if not known.all():
            place, start, end = place[known], start[known], end[known]
        low = self._calendar.before(start) - self._first
        high = self._calendar.before(end) - self._first
        return Bits.from_ranges(rows, columns, self._order[place], low, high)


def _lifetimes(
    instruments: Sequence[Instrument],
    calendar: Calendar,
    first: int,
    columns: int,
    published: int,
) -> tuple[Bits, Bits]:
    """The cells on which each instrument is listed, and those of them that are published."""
    since = [FAR_PAST if i.listed is None else epoch_day(i.listed) for i in instruments]
    until = [FAR_FUTURE if i.delisted is None else epoch_day(i.delisted) for i in instruments]
    start = calendar.before(np.array(since, np.int64)) - first
    end = calendar.before(np.array(until, np.int64) + 1) - first
    count, row = len(instruments), np.arange(len(instruments))
    listed = Bits.from_ranges(count, columns, row, start, end)
    final = Bits.from_ranges(count, columns, row, start, np.minimum(end, published - first))
    return listed, final


def by_cause(gaps: Iterable[Gap]) -> dict[GapCause, DaySpans]:
    """The days of gaps, flat, of each cause that has some."""
    found: dict[GapCause, list[tuple[int, int, int]]] = {}
    for gap in gaps:
        days = gap.instrument_id, epoch_day(gap.span.start), epoch_day(gap.span.end)
        found.setdefault(gap.cause, []).append(days)
    return {cause: DaySpans(*np.array(flat, np.int64).T) for cause, flat in found.items()}


def joined(
    first: Mapping[GapCause, DaySpans], second: Mapping[GapCause, DaySpans]
) -> dict[GapCause, DaySpans]:
    """The days of both, by cause."""
    return {**first, **second, **{
        cause: DaySpans(*(np.concatenate(columns) for columns in zip(
            first[cause].columns, second[cause].columns, strict=True)))
        for cause in first.keys() & second.keys()
    }}  # fmt: skip


def gaps_of(cause: GapCause, told: Mapping[GapCause, DaySpans]) -> Iterator[Gap]:
    """The days of one cause as gaps."""
    if cause in told:
        for one, start, end in zip(*(c.tolist() for c in told[cause].columns), strict=True):
            yield Gap(one, Span(day_of(start), day_of(end)), cause)


def _standing(rows: _Rows, told: Mapping[GapCause, DaySpans]) -> dict[GapCause, Bits]:
    """Cells by remembered cause, the strongest cause first."""
    found = {cause: told[cause] for cause in REMEMBERED if cause in told}
    return {cause: rows.bits(of.instrument, of.start, of.end) for cause, of in found.items()}
