"""Reads stored bars: raw or adjusted, as they are or as they were known, in any timeframe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from tickstock.actions import Adjust, Dividend, Split
from tickstock.adjust import SIDES, STALE_DAYS, Closes, PriceFactor, adjusted, rows_of
from tickstock.bars import resampled
from tickstock.clock import NEW_YORK, midnight, new_york_date
from tickstock.crosscheck import ActionFinding, Judgement, judge
from tickstock.model import BarTable, Flags, Instrument, Ints, Timeframe, epoch_day
from tickstock.spans import Span
from tickstock.store import actions, bar_history
from tickstock.store.bar_files import BarFiles
from tickstock.store.bars import Rows
from tickstock.store.connection import Connection
from tickstock.vendors.newyork import dates_of

A = TypeVar("A", Split, Dividend)
ALL_DAYS = (-700_000, 2_900_000)
"""First and last day of all that PostgreSQL's dates can hold of our time, since 1970."""
ALL_SECONDS = (-(2**35), 2**35)


@dataclass(frozen=True, slots=True)
class Reading:
    """Bars, and how they were read. `findings` are doubts about the splits and dividends that were
    applied or left out; `known_at` is None for the present."""

    bars: BarTable
    timeframe: Timeframe
    adjust: Adjust
    known_at: datetime | None
    findings: tuple[ActionFinding, ...]


def read(
    connection: Connection,
    chosen: Sequence[Instrument],
    timeframe: Timeframe,
    span: Span | None,
    *,
    intervals: Sequence[Sequence[Span]] = (),
    adjust: Adjust,
    known_at: datetime | None,
    now: datetime,
    files: BarFiles | None = None,
) -> Reading:
    """Bars of each chosen instrument in turn, in order of time; of all days without a span. With
    `intervals`, one entry an instrument, only those of its days in them.

    Weeks and months are made of the adjusted day bars inside the span. Without `files`, all is read
    from the database.
    """
    stored = timeframe.stored
    table = _table(chosen, _rows(connection, chosen, stored, span, known_at, files))
    judgement = Judgement()
    if adjust is not Adjust.RAW and len(table):
        total = adjust is Adjust.TOTAL
        case = Case(connection, chosen, known_at, new_york_date(known_at or now), files=files)
        judgement = case.judge(table, stored, span, total=total)
        days = table.at if stored is Timeframe.DAY else dates_of(table.at)
        table = adjusted(table, days, judgement.steps(adjust), in_place=True)
    if intervals:
        table = table.rows(_within(table, stored, intervals))
    if timeframe is not stored:
        table = resampled(table, timeframe)
    return Reading(table, timeframe, adjust, known_at, judgement.findings)


def _within(table: BarTable, stored: Timeframe, intervals: Sequence[Sequence[Span]]) -> Flags:
    """The rows on the days that are meant of their owner."""
    inside = np.zeros(len(table), np.bool_)
    owners = np.arange(len(intervals))
    first, end = (np.searchsorted(table.owner, owners, side).tolist() for side in SIDES)
    for owner, of in enumerate(intervals):
        at, flags = table.at[first[owner] : end[owner]], inside[first[owner] : end[owner]]
        for low, high in (bounds(span, stored) for span in of):
            flags |= (at >= low) & (at <= high)
    return inside


@dataclass(frozen=True, slots=True)
class Case:
    """Instruments whose splits and dividends are to be judged, as known `known_at` a moment (None:
    now); what is executed after `today` is left for later. `within`: only those of these days, and
    of the days around them."""

    connection: Connection
    chosen: Sequence[Instrument]
    known_at: datetime | None
    today: date
    within: Span | None = None
    files: BarFiles | None = None

    def judge(
        self, table: BarTable, stored: Timeframe, span: Span | None, *, total: bool
    ) -> Judgement:
        """Judge by the raw bars in `table`, which hold what there is in `span`, and by day bars
        read around those records that lie outside of it. Dividends only for `total`."""
        ids, first, of_owner = np.unique(
            np.array([i.id for i in self.chosen], np.int64), return_index=True, return_inverse=True
        )
        wanted = ids.tolist()
        splits = self._near(
            _in_order(wanted, actions.read_splits(self.connection, wanted, self.known_at))
        )
        dividends: dict[int, list[Dividend]] = {}
        if total:
            found = actions.read_dividends(self.connection, wanted, self.known_at)
            dividends = self._near(_in_order(wanted, found))
        if not splits and not dividends:
            return Judgement()
        inside = span if stored is Timeframe.DAY else Span(date.min, date.min)
        parts = [self._around(ids, _windows(splits, inside) + _windows(dividends, inside))]
        if stored is Timeframe.DAY:
            # Of those with records alone: to sort all bars would take longer than to read them.
            is_judged = np.zeros(len(ids), np.bool_)
            is_judged[[*splits, *dividends]] = True
            rows = rows_of(table.owner, np.flatnonzero(is_judged[of_owner]))
            owner = of_owner[table.owner[rows]]
            parts.append((owner, table.at[rows], table.open[rows], table.close[rows]))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        symbols = [self.chosen[i].symbol for i in first.tolist()]
        found_so = judge(symbols, splits, dividends, Closes.of(*columns), self.today)
        return _for_owners(found_so, of_owner)

    def _near(self, records: dict[int, list[A]]) -> dict[int, list[A]]:
        """The records of the days that are asked about."""
        if self.within is None:
            return records
        first = self.within.start - timedelta(days=STALE_DAYS)
        end = self.within.end + timedelta(days=STALE_DAYS)
        near = {i: [r for r in of if first <= r.day < end] for i, of in records.items()}
        return {i: of for i, of in near.items() if of}

    def _around(self, ids: Ints, wanted: Sequence[tuple[int, int]]) -> tuple[Any, Any, Any, Any]:
        """Day bars around the (place in `ids`, day) pairs: place, day, open, close."""
        pairs = np.array(wanted, np.int64).reshape(-1, 2)
        place, day = pairs[:, 0], pairs[:, 1]
        rows = bar_history.read_known_at(
            self.connection,
            Timeframe.DAY,
            ids[place],
            day - STALE_DAYS,
            day + STALE_DAYS,
            self.known_at,
            self.files,
        )
        return np.searchsorted(ids, rows.instrument), rows.at, rows.open, rows.close


def _in_order(ids: Sequence[int], by_id: Mapping[int, list[A]]) -> dict[int, list[A]]:
    """Records by the place of their instrument in `ids`."""
    return {place: by_id[id_] for place, id_ in enumerate(ids) if id_ in by_id}


def _for_owners(judgement: Judgement, of_owner: Ints) -> Judgement:
    """The steps of each instrument for every owner that stands for it."""
    judged = {s.owner for s in (*judgement.splits, *judgement.distributions)}
    owners: dict[int, list[int]] = {place: [] for place in judged}
    for owner, place in enumerate(of_owner.tolist()):
        if place in judged:
            owners[place].append(owner)

    def spread(steps: Sequence[PriceFactor]) -> tuple[PriceFactor, ...]:
        return tuple(replace(s, owner=owner) for s in steps for owner in owners[s.owner])

    return replace(
        judgement,
        splits=spread(judgement.splits),
        distributions=spread(judgement.distributions),
    )


def _windows(
    records: Mapping[int, Sequence[Split | Dividend]], inside: Span | None
) -> list[tuple[int, int]]:
    """Owner and day of the records whose surroundings are not all in `inside` (None: all days)."""
    if inside is None:
        return []
    low, high = epoch_day(inside.start) + STALE_DAYS, epoch_day(inside.end) - STALE_DAYS
    found = [(owner, epoch_day(r.day)) for owner, rs in records.items() for r in rs]
    return [(owner, day) for owner, day in found if not low <= day < high]


def _rows(
    connection: Connection,
    chosen: Sequence[Instrument],
    stored: Timeframe,
    span: Span | None,
    known_at: datetime | None,
    files: BarFiles | None,
) -> Rows:
    ids = np.unique(np.array([i.id for i in chosen], np.int64))
    low, high = bounds(span, stored)
    lo, hi = np.full(len(ids), low, np.int64), np.full(len(ids), high, np.int64)
    return bar_history.read_known_at(connection, stored, ids, lo, hi, known_at, files)


def bounds(span: Span | None, stored: Timeframe) -> tuple[int, int]:
    """The first and last `at` of a span, both included, in the unit of the stored bars."""
    if stored is Timeframe.DAY:
        return ALL_DAYS if span is None else (epoch_day(span.start), epoch_day(span.last))
    if span is None:
        return ALL_SECONDS
    start = midnight(span.start)
    end = midnight(span.end)
    return int(start.timestamp()), int(end.timestamp()) - 1


def _table(chosen: Sequence[Instrument], rows: Rows) -> BarTable:
    """The rows of each chosen instrument in turn; two tickers may stand for the same one."""
    ids = np.array([i.id for i in chosen], np.int64)
    owner, pick = _owners_of(ids, rows)
    r = rows if pick is None else rows.pick(pick)
    prices = (r.open, r.high, r.low, r.close, r.volume, r.vwap)
    return BarTable(tuple(i.symbol for i in chosen), owner, r.at, *prices, r.trades)


def _owners_of(ids: Ints, rows: Rows) -> tuple[Ints, Ints | None]:
    """The owner of each row of the table, and which row it is; None where all are in order."""
    by_key: Ints | None = None
    instrument = rows.instrument
    if not (np.diff(rows.key()) > 0).all():
        by_key = np.argsort(rows.key(), kind="stable")
        instrument = instrument[by_key]
    start, end = (np.searchsorted(instrument, ids, side) for side in SIDES)
    owner = np.repeat(np.arange(len(ids)), end - start)
    if by_key is None and (np.diff(ids) > 0).all():
        return owner, None
    by_key = np.arange(len(rows)) if by_key is None else by_key
    parts = [by_key[a:b] for a, b in zip(start, end, strict=True)]
    return owner, np.concatenate(parts) if parts else by_key


def span_of(edges: Iterable[datetime | None], timeframe: Timeframe) -> Span | None:
    """From the first bar held to the last one, by the moments of both."""
    # A day bar is named by its date, and kept as midnight UTC of it.
    zone = UTC if timeframe.stored is Timeframe.DAY else NEW_YORK
    moments = [at for at in edges if at]
    if not moments:
        return None
    first, last = (at.astimezone(zone).date() for at in (min(moments), max(moments)))
    return Span.inclusive(first, last)
