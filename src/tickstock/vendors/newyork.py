"""New York dates and instants of whole columns, correct across every change of the clock.

A vendor stamps bars with UTC instants; sessions are named by New York dates. The offset between
the two changes twice a year and did so by other rules in other years, so it is looked up in the
time zone database, never assumed. Good from 1970 to 2100.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import numpy as np

from tickstock.clock import NEW_YORK
from tickstock.model import Ints

DAY = 86_400
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
"""Instants from here on are not of this program's time."""


def dates_of(instants: Ints) -> Ints:
    """New York dates, as days since 1970-01-01, of `instants` in epoch seconds."""
    return (instants + _offset(instants)) // DAY


def instants_of(days: Ints, hour: int = 0) -> Ints:
    """Epoch seconds of `hour` o'clock in New York on `days` (days since 1970-01-01).

    Right for every hour but 1 to 3, in which the clock is changed.
    """
    local = days * DAY + hour * 3600
    # At five hours' distance, the winter offset, the lookup falls on the same side of the change
    # (2:00 local) as the asked hour, whichever offset holds.
    return local - _offset(local + 5 * 3600)


def _offset(instants: Ints) -> Ints:
    since, offsets = _changes()
    return offsets[np.searchsorted(since, instants, side="right") - 1]


@cache
def _changes() -> tuple[Ints, Ints]:
    """The instants from which an offset (seconds east of UTC) holds, and the offsets."""
    step = 14 * DAY  # no two changes lie this close together
    since, offsets = [-(1 << 62)], [_offset_at(0)]
    for start in range(0, LATEST, step):
        after = _offset_at(start + step)
        if after != offsets[-1]:
            since.append(_first_with(after, start, start + step))
            offsets.append(after)
    return np.array(since, np.int64), np.array(offsets, np.int64)


def _first_with(offset: int, low: int, high: int) -> int:
    """The first instant in `(low, high]` with `offset`, which holds at `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset_at(middle) == offset else (middle, high)
    return high


def _offset_at(instant: int) -> int:
    offset = datetime.fromtimestamp(instant, NEW_YORK).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
