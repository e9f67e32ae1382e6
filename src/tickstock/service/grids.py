"""Coverage as a grid: what is expected, held and missing of instruments, by the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from tickstock.config import Settings
from tickstock.loading.account import AccountLimits, gaps_of_account, published_to
from tickstock.loading.grid import Grid, build_grid, by_cause, gaps_of, joined
from tickstock.model import Gap, GapCause, Instrument, Timeframe
from tickstock.service.account import standing_limits
from tickstock.service.dates import Dates
from tickstock.spans import Span
from tickstock.store import coverage
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection


class Grids:
    """Builds grids, for those who plan and for those who look."""

    def __init__(self, dates: Dates, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._dates = dates
        self._settings = settings
        self._clock = clock

    def account(self, connection: Connection) -> AccountLimits:
        """What is known of the account, and stands."""
        return standing_limits(connection, self._settings, self._clock)

    def refused(
        self,
        connection: Connection,
        timeframe: Timeframe,
        ids: Sequence[int],
        span: Span,
        told: Iterable[Gap],
    ) -> list[Gap]:
        """What of `span` the account does not include, beside what is `told` already."""
        limits, known = self._dates.limits(), self.account(connection)
        return list(gaps_of_account(timeframe, ids, span, limits, known, told))

    def of(
        self,
        connection: Connection,
        chosen: Sequence[Instrument],
        timeframe: Timeframe,
        span: Span,
        *,
        refresh: bool = False,
        intervals: Sequence[tuple[Span, ...]] = (),
        told: list[Gap] | None = None,
    ) -> Grid:
        """What is expected, held and missing of these instruments, as the database has it now; by
        the answers about gaps that still stand, or by those `told`."""
        now, ids, limits = self._clock(), [i.id for i in chosen], self._dates.limits()
        calendar, known = read_calendar(connection), self.account(connection)
        standing = None if told is None else by_cause(told)
        if standing is None:
            standing = coverage.standing_days(connection, timeframe, ids, now)
            if not refresh:
                said = gaps_of(GapCause.NOT_ENTITLED, standing)
                refused = by_cause(self.refused(connection, timeframe, ids, span, said))
                standing = joined(standing, refused)
        return build_grid(
            timeframe,
            chosen,
            span,
            calendar,
            published_to(timeframe, calendar, limits, known, now),
            coverage.held_spans(connection, timeframe, ids),
            standing,
            refresh=refresh,
            intervals=intervals,
        )
