"""What time it is. The one place in the package where this machine's clock is read.

Two clocks count here, and neither is held against the other. This one tells which day it is for
people: which sessions are published, what the last week is, what has expired. The database's
(`store/moment.py`) dates everything that is kept, and rules leases, budgets and due times.
Durations are measured by `time.monotonic`, which is none of both.

For tests alone, the environment variable TICKSTOCK_TEST_NOW, read once, has this clock stand still
at a moment: `2028-02-29T15:00Z`. A process that could put real bars under a wrong date refuses it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from tickstock.errors import BadSetting

Clock = Callable[[], datetime]
VARIABLE = "TICKSTOCK_TEST_NOW"


def utc_now() -> datetime:
    """This moment, in UTC."""
    return machine_now() if _held is None else _held


def machine_now() -> datetime:
    """What this machine's clock says, also where `utc_now` stands still: to hold it against the
    database's."""
    return datetime.now(UTC)


def epoch_now() -> float:
    """This moment, in seconds since the epoch."""
    return utc_now().timestamp()


def hold(moment: str) -> None:
    """Stand still from now on at what TICKSTOCK_TEST_NOW would have said; go, if that is empty.

    Raises BadSetting for a moment that cannot be read or has no zone.
    """
    global _held  # noqa: PLW0603 -- there is one time in a process
    _held = _moment(moment) if moment else None


def held() -> datetime | None:
    """Where the clock stands still, for tests; None where it goes."""
    return _held


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


_held: datetime | None = None
hold(os.environ.get(VARIABLE, ""))
