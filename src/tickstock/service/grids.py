"""Coverage as a grid: what is expected, held and missing of instruments, by the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tickstock.loading.grid import Grid, build_grid
from tickstock.model import Hole, Instrument, Timeframe
from tickstock.service.dates import Dates
from tickstock.spans import Span
from tickstock.store import coverage
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection


class Grids:
    """Builds grids, for those who plan and for those who look."""

    def __init__(self, dates: Dates, clock: Callable[[], datetime]) -> None:
        self._dates = dates
        self._clock = clock

    def of(
        self,
        connection: Connection,
        chosen: Sequence[Instrument],
        timeframe: Timeframe,
        span: Span,
        *,
        refresh: bool = False,
        spells: Sequence[tuple[Span, ...]] = (),
        told: list[Hole] | None = None,
    ) -> Grid:
        """What is expected, held and missing of these instruments, as the database has it now; by
        the answers about holes that still stand, or by those `told`."""
        now, ids = self._clock(), [i.id for i in chosen]
        calendar = read_calendar(connection)
        if told is None:
            told = coverage.standing_holes(connection, timeframe, ids, now)
        return build_grid(
            timeframe,
            chosen,
            span,
            calendar,
            calendar.published(now, self._dates.limits().publication_lag),
            coverage.held_spans(connection, timeframe, ids),
            told,
            refresh=refresh,
            spells=spells,
        )
