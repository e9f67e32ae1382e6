"""What time it is. The one place in the package where this machine's clock is read.

Two clocks count here, and neither is held against the other. This one tells which day it is for
people: which sessions are published, what the last week is, what has expired. The database's
(`store/moment.py`) dates everything that is kept, and rules leases, budgets and due times.
Durations are measured by `time.monotonic`, which is none of both; how long a lease is good, by
`awake_or_not`.

For tests alone, the environment variable TICKSTOCK_TEST_NOW, read once, sets this clock: it begins
at `2028-02-29T15:00Z` when the process does, and goes on from there. A process that could put real
bars under a wrong date refuses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tickstock.errors import BadSetting

Clock = Callable[[], datetime]
NEW_YORK = ZoneInfo("America/New_York")
"""Where sessions have their dates."""
VARIABLE = "TICKSTOCK_TEST_NOW"


def new_york_date(at: datetime) -> date:
    """The date in New York at a moment."""
    return at.astimezone(NEW_YORK).date()


def midnight(day: date, zone: tzinfo = NEW_YORK) -> datetime:
    """The moment at which a date begins, in New York or in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def utc_now() -> datetime:
    """This moment, in UTC."""
    return machine_now() + _ahead


def machine_now() -> datetime:
    """What this machine's clock says, also where `utc_now` was set: to hold it against the
    database's."""
    return datetime.now(UTC)


def awake_or_not() -> float:
    """Seconds that go on while this machine sleeps, where it has a clock that tells them. Good for
    differences alone."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def epoch_now() -> float:
    """This moment, in seconds since the epoch."""
    return utc_now().timestamp()


def set_clock(moment: str) -> None:
    """Begin now at what TICKSTOCK_TEST_NOW would have said; at what is true, if that is empty.

    Raises BadSetting for a moment that cannot be read or has no zone.
    """
    global _ahead  # there is one time in a process
    _ahead = _moment(moment) - machine_now() if moment else timedelta(0)


def is_set() -> bool:
    """Whether the clock was set, as only tests do."""
    return bool(_ahead)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadSetting(
            f"{VARIABLE} is {text[:40]!r}, which is no moment with a zone.",
            "It is for tests alone. Unset it, or write 2028-02-29T15:00Z.",
        )
    return found.astimezone(UTC)


_ahead = timedelta(0)
set_clock(os.environ.get(VARIABLE, ""))
