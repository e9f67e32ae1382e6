"""The sessions of the exchange, and days that were closed at short notice, entered by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from tickstock.clock import NEW_YORK
from tickstock.errors import BadDates, BadInput
from tickstock.spans import Span
from tickstock.store import calendar
from tickstock.store.calendar import Closure
from tickstock.store.database import Database

REGULAR_CLOSE = (16, 0)


@dataclass(frozen=True, slots=True)
class Session:
    """A session by its New York date; `opens` and `closes` are instants in UTC."""

    day: date
    opens: datetime
    closes: datetime

    @property
    def is_short(self) -> bool:
        """Whether it ends before 16:00 in New York."""
        end = self.closes.astimezone(NEW_YORK)
        return (end.hour, end.minute) < REGULAR_CLOSE


class Sessions:
    """Which days are sessions. What `close` and `reopen` change holds for all plans from then
    on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, span: Span) -> list[Session]:
        """The sessions in a span of New York dates. Raises BadDates beyond the calendar."""
        with self._database.transaction() as connection:
            known = calendar.read_calendar(connection)
        first, end = known.between(span)
        return [
            Session(
                known.day(n),
                datetime.fromtimestamp(int(known.opens[n]), UTC),
                datetime.fromtimestamp(int(known.closes[n]), UTC),
            )
            for n in range(first, end)
        ]

    def closures(self) -> list[Closure]:
        """The days closed by hand."""
        with self._database.transaction() as connection:
            return calendar.closures(connection)

    def close(self, day: date, reason: str) -> None:
        """Take a day for closed that the shipped calendar has as a session, as 9 January 2025 was
        before it became known. Raises BadDates where it is none, BadInput without a reason."""
        if not reason.strip():
            raise BadInput("A closure needs a reason.", "Say why, for those who wonder later.")
        with self._database.transaction() as connection:
            calendar.read_calendar(connection).index(day)
            calendar.add_closure(connection, day, reason.strip())

    def reopen(self, day: date) -> None:
        """Take back a `close`. Raises BadDates where the day was not closed by hand."""
        with self._database.transaction() as connection:
            if not calendar.remove_closure(connection, day):
                raise BadDates(
                    f"{day} was not closed by hand.", "`tickstock sessions list` shows which were."
                )
