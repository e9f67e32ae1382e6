"""Days, as people write them and the vendor has them: sessions, spans, what is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

from tickstock.config import Settings
from tickstock.errors import BadDates
from tickstock.loading.request import Duration, duration_span
from tickstock.service.vendor import vendor_limits
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.spans import ONE_DAY, Span
from tickstock.store.calendar import read_calendar
from tickstock.store.database import Database
from tickstock.vendors import Limits


class Dates:
    """Which days are sessions, which have bars, and which are meant."""

    def __init__(
        self, database: Database, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def calendar(self) -> Calendar:
        with self._database.transaction() as connection:
            return read_calendar(connection)

    def warning(self) -> str | None:
        """What whoever plans should know of the list of sessions; None where all is well."""
        return shipped_calendar().ending(self._clock())

    def published(self) -> date:
        """The last session that has final bars."""
        return self.calendar().last_published(self._clock(), self.limits().publication_lag)

    def sessions_of(self, days: Iterable[Sequence[Span]]) -> int:
        """How many sessions that have final bars are in all of these days."""
        calendar = self.calendar()
        last = calendar.last_published(self._clock(), self.limits().publication_lag)
        come = Span(date.min, last + ONE_DAY)
        # Of thousands of symbols most are meant on the same days.
        meant = Counter(span & come for of in days for span in of)
        edges = [(calendar.between(span), count) for span, count in meant.items()]
        return sum(count * (end - first) for (first, end), count in edges)

    def limits(self) -> Limits:
        """What the configured vendor can do, as far as settings tell."""
        return vendor_limits(self._settings, shipped_calendar(), self._clock())

    def span(
        self,
        duration: str | Duration | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> Span:
        """The days of a duration (`1d`, `3mo`, `1 Year`), or from `first` to `last`, both in."""
        calendar, limits = self.calendar(), self.limits()
        if first is None and last is None:
            lag = limits.publication_lag
            return duration_span(duration or "1y", calendar, self._clock(), lag)
        if duration is not None:
            raise BadDates(
                f"Both a duration ({duration}) and dates were given.", "Give one of them."
            )
        if first is None:
            raise BadDates(f"A last date ({last}) was given without a first one.", "Add --from.")
        end = last or calendar.last_published(self._clock(), limits.publication_lag)
        if last is None and first > end:
            raise BadDates(
                f"{first} is later than {end}, the newest session that has final bars.",
                "Give an earlier first date.",
            )
        return Span.inclusive(first, end)
