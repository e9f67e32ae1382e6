"""What is not held and why, and what is held and doubtful."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tickstock.clock import NEW_YORK, midnight
from tickstock.loading.grid import Grid
from tickstock.loading.missing import GapGroup, Stretch, gap_groups, stretches_of
from tickstock.model import Gap, Instrument, Timeframe
from tickstock.service.dates import Dates
from tickstock.service.grids import Grids
from tickstock.service.seen import find_seen
from tickstock.spans import Span
from tickstock.store import coverage, doubts, instruments
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.doubts import Doubted

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Suspects:
    """Bars of one timeframe that somebody should look at."""

    timeframe: Timeframe
    doubtful: tuple[Doubted, ...]
    quarantined: tuple[Doubted, ...]


@dataclass(frozen=True, slots=True)
class MissingView:
    """All gaps of some symbols in `span`, the bars to look at, and symbols never heard of with how
    many sessions of theirs have bars."""

    span: Span
    gaps: tuple[GapGroup, ...]
    suspects: tuple[Suspects, ...]
    unknown: tuple[str, ...]
    unasked: int = 0


class Missing:
    """Finds gaps and doubtful bars."""

    def __init__(
        self, database: Database, grids: Grids, dates: Dates, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._grids = grids
        self._dates = dates
        self._clock = clock

    def find(
        self,
        symbols: Sequence[str],
        timeframes: Sequence[Timeframe],
        span: Span,
        *,
        intervals: Sequence[tuple[Span, ...]] = (),
    ) -> MissingView:
        """What is not held of `symbols` in `span`, by timeframe and cause; with `intervals`, one
        entry a symbol, of those days alone."""
        with self._database.transaction() as connection:
            seen = find_seen(connection, symbols, span, intervals)
            chosen = list({i.id: i for i in seen.instruments}.values())
            gaps = [
                g
                for t in timeframes
                for g in self._gaps(connection, chosen, t, span, seen.intervals)
            ]
            suspects = [_suspects(connection, chosen, t, span, seen.intervals) for t in timeframes]
        unasked = self._dates.sessions_of(seen.unknown.values())
        return MissingView(span, tuple(gaps), tuple(suspects), tuple(seen.unknown), unasked)

    def stretches(
        self, symbols: Sequence[str], timeframe: Timeframe, span: Span
    ) -> tuple[tuple[Stretch, ...], Suspects]:
        """Where and why sessions of `symbols` are not held in `span`, in order, and the bars to
        look at; nothing is said of symbols never heard of."""
        with self._database.transaction() as connection:
            found = instruments.find_held(connection, symbols, span)
            chosen = list({i.id: i for i in found.values()}.values())
            stretches = stretches_of(*self._grid(connection, chosen, timeframe.stored, span))
            return stretches, _suspects(connection, chosen, timeframe.stored, span)

    def _gaps(
        self,
        connection: Connection,
        chosen: Sequence[Instrument],
        timeframe: Timeframe,
        span: Span,
        intervals: Sequence[tuple[Span, ...]],
    ) -> tuple[GapGroup, ...]:
        return gap_groups(*self._grid(connection, chosen, timeframe, span, intervals))

    def _grid(
        self,
        connection: Connection,
        chosen: Sequence[Instrument],
        timeframe: Timeframe,
        span: Span,
        intervals: Sequence[tuple[Span, ...]] = (),
    ) -> tuple[Grid, list[Gap], datetime]:
        """The grid, the answers it was made with, and now."""
        # Answers that have expired too: they say why, until somebody asks again.
        ids = [i.id for i in chosen]
        told = coverage.standing_gaps(connection, timeframe, ids, LONG_AGO)
        told += self._grids.refused(connection, timeframe, ids, span, told)
        grid = self._grids.of(connection, chosen, timeframe, span, intervals=intervals, told=told)
        return grid, told, self._clock()


def _suspects(
    connection: Connection,
    chosen: Sequence[Instrument],
    timeframe: Timeframe,
    span: Span,
    intervals: Sequence[tuple[Span, ...]] = (),
) -> Suspects:
    wanted: dict[Span, list[int]] = defaultdict(list)
    for one, days in zip(chosen, intervals or ((span,),) * len(chosen), strict=True):
        for some in days:
            wanted[some].append(one.id)
    doubtful: list[Doubted] = []
    aside: list[Doubted] = []
    for some, ids in wanted.items():
        args = (connection, timeframe, ids, *_moments(timeframe, some))
        doubtful += doubts.list_doubts(*args)
        aside += doubts.list_quarantined(*args)
    return Suspects(timeframe, tuple(doubtful), tuple(aside))


def _moments(timeframe: Timeframe, span: Span) -> tuple[datetime, datetime]:
    # Day bars are kept under midnight UTC of their date.
    zone = UTC if timeframe is Timeframe.DAY else NEW_YORK
    start, end = (midnight(day, zone) for day in (span.start, span.end))
    return start, end
