"""What is held: coverage with its causes, and the bars themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tickstock.actions import ActionKind, Adjust
from tickstock.errors import UnknownUniverse
from tickstock.frames import Kind, frame
from tickstock.loading.grid import Grid
from tickstock.model import BarTable, Instrument, Timeframe
from tickstock.service.dates import Dates
from tickstock.service.grids import Grids
from tickstock.service.reading import Reading, read, span_of
from tickstock.service.seen import find_seen
from tickstock.spans import Span
from tickstock.store import actions, bar_history, coverage, instruments
from tickstock.store.bar_files import BarFiles
from tickstock.store.bar_history import Revision
from tickstock.store.connection import Connection
from tickstock.store.coverage import Summary
from tickstock.store.database import Database
from tickstock.vendors.origin import SYNTHETIC


@dataclass(frozen=True, slots=True)
class CoverageView:
    """The grid of a universe over a span, what is kept about each symbol, and symbols never
    heard of: they are not in the grid, and `unasked` are their published sessions in the span."""

    grid: Grid
    summaries: dict[str, Summary]
    unknown: tuple[str, ...]
    unasked: int = 0


class Holdings:
    """Reads coverage and bars."""

    def __init__(
        self,
        database: Database,
        dates: Dates,
        grids: Grids,
        clock: Callable[[], datetime],
        files: BarFiles | None = None,
    ) -> None:
        self._files = files
        self._database = database
        self._dates = dates
        self._grids = grids
        self._clock = clock

    def coverage(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        span: Span | None = None,
        *,
        intervals: Sequence[tuple[Span, ...]] = (),
    ) -> CoverageView:
        """Expected, held and missing sessions. Without a span: all that is held of any of them;
        with `intervals`, those of the days in them alone, one entry a symbol."""
        with self._database.transaction() as connection:
            return self.coverage_in(connection, symbols, timeframe, span, intervals=intervals)

    def coverage_in(
        self,
        connection: Connection,
        symbols: Sequence[str],
        timeframe: Timeframe,
        span: Span | None = None,
        *,
        intervals: Sequence[tuple[Span, ...]] = (),
    ) -> CoverageView:
        """As `coverage`, as a transaction sees it."""
        seen = find_seen(connection, symbols, span, intervals)
        ids = [i.id for i in seen.instruments]
        kept = coverage.summaries(connection, timeframe.stored, ids)
        span = span or span_of(_edges(kept.values()), timeframe) or self._dates.span("1mo")
        grid = self._grids.of(
            connection, seen.instruments, timeframe.stored, span, intervals=seen.intervals
        )
        named = {i.symbol: kept[i.id] for i in seen.instruments if i.id in kept}
        unasked = self._dates.sessions_of(days or (span,) for days in seen.unknown.values())
        return CoverageView(grid, named, tuple(seen.unknown), unasked)

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        span: Span | None = None,
        *,
        intervals: Sequence[tuple[Span, ...]] = (),
        adjust: Adjust = Adjust.SPLITS,
        known_at: datetime | None = None,
    ) -> BarTable:
        """As `read`, the bars alone."""
        return self.read(
            symbols, timeframe, span, intervals=intervals, adjust=adjust, known_at=known_at
        ).bars

    def read(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        span: Span | None = None,
        *,
        intervals: Sequence[tuple[Span, ...]] = (),
        adjust: Adjust = Adjust.SPLITS,
        known_at: datetime | None = None,
    ) -> Reading:
        """Bars by symbol in the order asked for, then by time, and doubts about their adjustment.

        Times as in `BarTable`; weeks and months are made of adjusted day bars. With `known_at` (an
        instant), bars, splits and dividends are as this database knew them then. With `intervals`,
        one entry a symbol, only the bars of those days, which lie in `span`.

        Raises:
            UnknownUniverse: a symbol that the database has never heard of; one without bars is
                no error.
        """
        with self._database.transaction() as connection:
            seen = find_seen(connection, symbols, span, intervals)
            _refuse_unknown([*seen.unknown])
            return read(
                connection,
                seen.instruments,
                timeframe,
                span,
                intervals=seen.intervals,
                adjust=adjust,
                known_at=known_at,
                now=self._clock(),
                files=self._files,
            )

    def frame(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe = Timeframe.DAY,
        span: Span | None = None,
        *,
        adjust: Adjust = Adjust.SPLITS,
        known_at: datetime | None = None,
        kind: Kind = "polars",
    ) -> Any:
        """As `bars`, as a polars or pandas frame or an Arrow table; see `tickstock.frames`.

        Raises:
            BadInput: the library for it is not installed.
        """
        bars = self.bars(symbols, timeframe, span, adjust=adjust, known_at=known_at)
        return frame(bars, timeframe, kind)

    def span(self, symbols: Sequence[str], timeframe: Timeframe) -> Span | None:
        """From the first bar held of any of these symbols to the last; None where none is."""
        with self._database.transaction() as connection:
            _, kept = _found(connection, symbols, timeframe)
        return span_of(_edges(kept.values()), timeframe)

    def origins(
        self, symbols: Sequence[str], timeframe: Timeframe, span: Span | None = None
    ) -> dict[str, str]:
        """Whose bars are held, of the symbols of which any are."""
        with self._database.transaction() as connection:
            found, kept = _found(connection, symbols, timeframe, span)
        return {s: kept[i.id].origin for s, i in found.items() if i.id in kept}

    def instrument(self, symbol: str) -> Instrument:
        """Whose ticker a symbol is, or was last. Raises UnknownUniverse as `read` does."""
        with self._database.transaction() as connection:
            (found,) = self._known(connection, (symbol,))
            return found

    def starting(self, text: str, most: int) -> list[str]:
        """Tickers that begin with a text, the shortest first."""
        with self._database.transaction() as connection:
            return instruments.starting(connection, text, most)

    def never_asked(
        self, symbols: Sequence[str], timeframe: Timeframe = Timeframe.DAY
    ) -> tuple[str, ...]:
        """Symbols with real bars whose splits nobody has asked for: read as they were printed,
        however they are to be adjusted."""
        with self._database.transaction() as connection:
            found, kept = _found(connection, symbols, timeframe)
            known = actions.read_known(connection, [i.id for i in found.values()])
        real = {id_ for id_, summary in kept.items() if summary.origin != SYNTHETIC}
        asked = {id_ for id_, kind in known if kind is ActionKind.SPLITS}
        return tuple(s for s in symbols if s in found and found[s].id in real - asked)

    def revisions(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe = Timeframe.DAY,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[tuple[str, Revision]]:
        """Stored bars that a later answer replaced, by symbol and time."""
        symbols = tuple(dict.fromkeys(symbols))
        with self._database.transaction() as connection:
            chosen = self._known(connection, symbols)
            ids = [i.id for i in chosen]
            found = bar_history.revisions(connection, timeframe.stored, ids, since, until)
        names = {i.id: i.symbol for i in reversed(chosen)}
        place = {id_: n for n, id_ in enumerate(dict.fromkeys(ids))}
        return [(names[r.instrument_id], r) for r in sorted(found, key=_by_symbol(place))]

    def _known(
        self, connection: Connection, symbols: Sequence[str], span: Span | None = None
    ) -> list[Instrument]:
        seen = find_seen(connection, symbols, span)
        _refuse_unknown([*seen.unknown])
        return list(seen.instruments)


def _refuse_unknown(unknown: Sequence[str]) -> None:
    if unknown:
        raise UnknownUniverse(
            f"Nothing was ever loaded for {', '.join(unknown[:5])}.",
            "Load it first: tickstock load {" + unknown[0] + "} --for 1y",
        )


def _found(
    connection: Connection, symbols: Sequence[str], timeframe: Timeframe, span: Span | None = None
) -> tuple[dict[str, Instrument], dict[int, Summary]]:
    """The instruments that symbols mean, and what is kept about those that hold anything."""
    found = instruments.find_held(connection, symbols, span)
    ids = [i.id for i in found.values()]
    return found, coverage.summaries(connection, timeframe.stored, ids)


def _by_symbol(place: Mapping[int, int]) -> Callable[[Revision], tuple[int, datetime, datetime]]:
    return lambda r: (place[r.instrument_id], r.at, r.replaced_at)


def _edges(kept: Iterable[Summary]) -> list[datetime | None]:
    return [at for summary in kept for at in (summary.first_at, summary.last_at)]
