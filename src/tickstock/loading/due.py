"""When a schedule is due, in the time of the exchange."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from tickstock.clock import NEW_YORK, new_york_date
from tickstock.errors import BadInput
from tickstock.sessions import CLOSES, OPENS, Calendar
from tickstock.spans import ONE_DAY

LOOK_AHEAD = timedelta(days=30)
"""No two sessions are further apart."""


@dataclass(frozen=True, slots=True)
class DueRule:
    """Every day at a New York time; or, with `after_close`, every session some time after its
    close.

    `at` is then meant for a day that closes at 16:00, so that `18:30` is two and a half hours after
    the close, on half days as well; a time before the open is on the day after.
    """

    at: time
    after_close: bool = False

    def __post_init__(self) -> None:
        if self.after_close and OPENS <= self.at < CLOSES:
            raise BadInput(
                f"{self.at:%H:%M} is not after the close: the exchange is open then.",
                "Give a time from 16:00 on, or before 09:30 for the day after.",
            )

    @property
    def delay(self) -> timedelta:
        """How long after the close it is due, where that is what it goes by."""
        delay = datetime.combine(date.min, self.at) - datetime.combine(date.min, CLOSES)
        return delay if self.at >= CLOSES else delay + ONE_DAY


def parse_time(text: str) -> time:
    """A time of day like `18:30`. BadInput otherwise."""
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # a time, no moment
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a time of day.", "Write it like 18:30.") from None


def due_times(
    rule: DueRule, after: datetime, until: datetime, calendar: Calendar
) -> list[datetime]:
    """All due times later than `after` and not later than `until`, in order, in UTC.

    A time that the clock leaves out in spring is due as much later; one that comes twice in autumn
    is due the first time. Sessions that the calendar does not know are never due.
    """
    found = _after_closes if rule.after_close else _by_the_clock
    return [at for at in found(rule, after, until, calendar) if after < at <= until]


def next_due(rule: DueRule, after: datetime, calendar: Calendar) -> datetime | None:
    """The first due time after `after`; None where the calendar ends before."""
    found = due_times(rule, after, after + LOOK_AHEAD, calendar)
    return found[0] if found else None


def _after_closes(
    rule: DueRule, after: datetime, until: datetime, calendar: Calendar
) -> list[datetime]:
    due = calendar.closes + int(rule.delay.total_seconds())
    edges = [int(after.timestamp()), int(until.timestamp())]
    start, end = np.searchsorted(due, edges, side="right")
    # One more on the left: seconds are cut off above.
    return [datetime.fromtimestamp(at, UTC) for at in due[max(0, start - 1) : end].tolist()]


def _by_the_clock(rule: DueRule, after: datetime, until: datetime, _: Calendar) -> list[datetime]:
    first, last = map(new_york_date, (after, until))
    days = (first + n * ONE_DAY for n in range(-1, (last - first).days + 2))
    return [datetime.combine(day, rule.at, NEW_YORK).astimezone(UTC) for day in days]
