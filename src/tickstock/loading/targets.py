"""What a job wants of whom: by symbol, and in columns for answers that speak of a whole market.
Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from tickstock import checksums
from tickstock.model import Answer, Call, Flags, Ints, epoch_day
from tickstock.spans import Span, day_of, intersect, union


@dataclass(frozen=True, slots=True)
class Target:
    """What a job wants of one instrument in one timeframe.

    With `intervals`, only those days of `span`. `listed` and `delisted` are what is known of its
    life. `holds` spans the first and the last day of which a bar was held when work began, and
    `is_known` tells whether any was, in whatever timeframe.
    """

    instrument_id: int
    symbol: str
    span: Span
    intervals: tuple[Span, ...] = ()
    listed: date | None = None
    delisted: date | None = None
    holds: Span | None = None
    is_known: bool = True

    def within(self, span: Span) -> tuple[Span, ...]:
        """The days of `span` that are wanted."""
        return (
            intersect((span & self.span,), self.intervals)
            if self.intervals
            else (span & self.span,)
        )


Targets = Mapping[str, Target]
"""By symbol, within one timeframe."""


@dataclass(frozen=True, slots=True, eq=False)
class AskedSpans:
    """What was asked of instruments: days since 1970, half-open."""

    instrument: Ints
    start: Ints
    end: Ints

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, Span]]) -> AskedSpans:
        rows = [(i, epoch_day(s.start), epoch_day(s.end)) for i, s in pairs]
        return cls(*np.array(rows, np.int64).reshape(-1, 3).T)

    @classmethod
    def union(cls, parts: Sequence[AskedSpans]) -> AskedSpans:
        """All of them by instrument and time; what overlaps or touches is one."""
        instrument = np.concatenate([_NONE, *(p.instrument for p in parts)])
        low = checksums.key_of(instrument, np.concatenate([_NONE, *(p.start for p in parts)]))
        high = checksums.key_of(instrument, np.concatenate([_NONE, *(p.end for p in parts)]))
        some = low < high
        low, high = low[some], high[some]
        order = np.argsort(low, kind="stable")
        low, high = low[order], np.maximum.accumulate(high[order])
        first = np.flatnonzero(np.append(True, low[1:] > high[:-1])[: len(low)])
        last = np.append(first[1:], len(low))[: len(first)] - 1
        low, high = low[first], high[last]
        return cls(checksums.instrument_of(low), checksums.day_of(low), checksums.day_of(high))

    @property
    def columns(self) -> tuple[Ints, Ints, Ints]:
        return self.instrument, self.start, self.end

    def __len__(self) -> int:
        return len(self.instrument)

    def __iter__(self) -> Iterator[tuple[int, Span]]:
        rows = zip(*(c.tolist() for c in self.columns), strict=True)
        return ((i, Span(day_of(start), day_of(end))) for i, start, end in rows)


_NONE: Ints = np.empty(0, np.int64)


def once(column: Ints) -> Ints:
    """Each value of a sorted column."""
    first: Ints = np.flatnonzero(np.append(True, column[1:] != column[:-1])[: len(column)])
    return column[first]


@dataclass(frozen=True, slots=True, eq=False)
class TargetColumns:
    """Targets in columns, each at its place.

    `first` and `last` are the days (since 1970) of its life as far as known, `is_listed` tells
    whether the first is. What is wanted are ranges of days, half-open: range `i` is one of the
    target at `owner[i]`, in order; `by_intervals` are targets that are wanted so.
    """

    symbols: tuple[str, ...]
    targets: npt.NDArray[np.object_]
    ids: Ints
    first: Ints
    last: Ints
    is_listed: Flags
    low: Ints
    high: Ints
    by_intervals: Flags
    owner: Ints
    start: Ints
    end: Ints

    @classmethod
    def of(cls, targets: Sequence[Target]) -> TargetColumns:
        every = np.empty(len(targets), np.object_)
        every[:] = targets
        ranges = [
            (place, epoch_day(span.start), epoch_day(span.end))
            for place, target in enumerate(targets)
            for span in (union(target.intervals) if target.intervals else (target.span,))
        ]
        rows = [
            (
                t.instrument_id,
                epoch_day(t.listed or date.min), epoch_day(t.delisted or date.max),
                t.listed is not None, epoch_day(t.span.start), epoch_day(t.span.end),
                bool(t.intervals),
            )
            for t in targets
        ]  # fmt: skip
        ids, first, last, listed, low, high, dated = np.array(rows, np.int64).reshape(-1, 7).T
        owner, start, end = np.array(ranges, np.int64).reshape(-1, 3).T
        return cls(
            tuple(t.symbol for t in targets), every, ids, first, last, listed > 0, low, high,
            dated > 0, owner, start, end,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.ids)

    def pick(self, kept: Flags) -> TargetColumns:
        """The flagged ones alone."""
        if kept.all():
            return self
        mine = kept[self.owner]
        targets = self.targets[kept]
        return TargetColumns(
            tuple(t.symbol for t in targets), targets, self.ids[kept], self.first[kept],
            self.last[kept], self.is_listed[kept], self.low[kept], self.high[kept],
            self.by_intervals[kept], (np.cumsum(kept) - 1)[self.owner[mine]], self.start[mine],
            self.end[mine],
        )  # fmt: skip

    def within(self, span: Span) -> tuple[Ints, Ints, Ints]:
        """The days of `span` that are wanted, as ranges: place of the target, start and end."""
        start = np.maximum(self.start, np.maximum(self.low, epoch_day(span.start))[self.owner])
        end = np.minimum(self.end, np.minimum(self.high, epoch_day(span.end))[self.owner])
        some = start < end
        return self.owner[some], start[some], end[some]

    def is_inside(self, place: Ints, day: Ints) -> Flags:
        """Whether each day is one of the intervals of the target at `place`, if it has any."""
        starts = checksums.key_of(self.owner, self.start)
        found = np.searchsorted(starts, checksums.key_of(place, day), side="right") - 1
        inside: Flags = (
            (found >= 0) & (self.owner[found] == place) & (day < self.end[found])
        ) | ~self.by_intervals[place]
        return inside


class SharedTargets(dict[str, Target]):
    """What calls for all tickers ask of whom, also in columns, and each symbol's place in them."""

    def __init__(self, columns: TargetColumns) -> None:
        super().__init__(zip(columns.symbols, columns.targets.tolist(), strict=True))
        if len(self) < len(columns):  # of two for one symbol the last one counts
            columns = TargetColumns.of(list(self.values()))
        self.columns = columns
        self.places = dict(zip(columns.symbols, range(len(columns)), strict=True))


def columns_of(targets: Targets) -> TargetColumns:
    if isinstance(targets, SharedTargets):
        return targets.columns
    return TargetColumns.of(list(targets.values()))


class WantedTargets:
    """What a job wants in one timeframe, to be looked up by call."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        self._by_symbol: dict[str, list[Target]] = {}
        for target in targets:
            self._by_symbol.setdefault(target.symbol, []).append(target)
        # On the days from one edge to the next, the targets are the same.
        self._edges = sorted({day for t in targets for day in (t.span.start, t.span.end)})
        self._columns: TargetColumns | None = None
        self._latest: tuple[tuple[int, int], Targets] = ((-1, -1), {})

    def of(self, call: Call) -> Targets:
        """Those targets that a call can speak of, by symbol: on its days no ticker names two
        instruments, and an instrument that was renamed is wanted under each of its tickers."""
        if call.symbol:
            mine = self._by_symbol.get(call.symbol, ())
            return {t.symbol: t for t in mine if t.span & call.span}
        place = bisect_right(self._edges, call.span.start), bisect_left(self._edges, call.span.end)
        if self._latest[0] != place:
            # Answers in hand share it: of many instruments it is larger than they are.
            self._latest = place, self._during(call.span)
        return self._latest[1]

    def under(self, symbol: str) -> Sequence[Target]:
        """Those that calls for a ticker speak of, on whatever days; all where it is empty, as in
        calls for the whole market."""
        return self._by_symbol.get(symbol, ()) if symbol else self.targets

    def _during(self, span: Span) -> SharedTargets:
        every = self._columns = self._columns or TargetColumns.of(self.targets)
        first, end = epoch_day(span.start), epoch_day(span.end)
        return SharedTargets(every.pick(np.maximum(every.low, first) < np.minimum(every.high, end)))


def narrowed(answer: Answer, targets: Targets) -> Answer:
    """The same answer with the bars of wanted tickers alone, all that `judge` looks at: of a whole
    market these may be few."""
    bars = answer.bars
    if isinstance(targets, SharedTargets):
        # The same tickers for all answers in hand: of a whole market they are as large as the bars.
        tickers = targets.columns.symbols
        place = np.array([targets.places.get(t, -1) for t in bars.tickers], np.int64)
    else:
        tickers = tuple(target.symbol for t in bars.tickers if (target := targets.get(t)))
        wanted = np.array([t in targets for t in bars.tickers], np.bool_)
        place = np.where(wanted, np.cumsum(wanted) - 1, -1)
    owner = place[bars.owner]
    answer = replace(answer, tickers=answer.spoke_of)
    if (owner >= 0).all():
        return replace(answer, bars=replace(bars, tickers=tickers, owner=owner))
    kept, owner = bars.rows(owner >= 0), owner[owner >= 0]
    origins = tuple(pair for pair in answer.origins if pair[0] in targets)
    return replace(answer, bars=replace(kept, tickers=tickers, owner=owner), origins=origins)
