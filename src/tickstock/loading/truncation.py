"""Answers that look cut off, and what to ask again. Pure.

A vendor that leaves bars out says nothing about it: the answer is well formed and too short. What
a call should have held is compared with what it held. An answer is asked again only where
there is a reason, so that an honest one costs no further call: a first bar that comes late is no
reason by itself, as names are listed every week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from tickstock.loading.bits import runs
from tickstock.model import Answer, Flags

MOST_DEPTH = 2
"""How often a part of an answer is asked again in turn."""
LONG = 3
"""Sessions in a row that are missing at once: a lost page, not a quiet day."""
DENSE = 0.9
"""Share of the sessions held outside of such runs. A ticker with less trades seldom."""
PAGES = frozenset({100, 500, 1000, 5000, 10_000, 50_000})
"""Numbers of bars at which an answer ends because it is full."""
HORIZON = timedelta(days=3)
MOST_YEARS = 20
"""An account's history begins a whole number of years ago, up to this many."""
MANY, FEW = 20, 0.5
"""A session of all tickers is too thin with fewer than this share of at least so many."""


@dataclass(frozen=True, slots=True)
class HeldRange:
    """What one answer holds of one ticker, session by session of what was asked.

    `expected`: wanted, and within what is known of the instrument's life; `life_known` tells
    whether anything is. `first` is the day of the first bar.
    """

    expected: Flags
    held: Flags
    life_known: bool
    first: date | None


def suspicious_runs(answer: Answer, of: HeldRange, now: datetime) -> list[tuple[int, int]]:
    """Half-open runs of sessions that the answer should have held, and that are to be asked again.

    A run that is all of the answer is given in halves, where it is long enough.
    """
    missing = of.expected & ~of.held
    long_ = [(a, b) for a, b in runs(missing) if b - a >= LONG]
    if not long_ or not _is_dense(of, long_):
        return []
    found = [(a, b) for a, b in long_ if of.life_known or _is_cut(answer, of, a, b, now)]
    if found == [(0, len(of.held))] and len(of.held) >= 2 * LONG:
        middle = len(of.held) // 2
        return [(0, middle), (middle, len(of.held))]
    return found


def _is_dense(of: HeldRange, long_: list[tuple[int, int]]) -> bool:
    outside = of.expected.copy()
    for a, b in long_:
        outside[a:b] = False
    count = int(outside.sum())
    return not count or int((outside & of.held).sum()) >= DENSE * count


def _is_cut(answer: Answer, of: HeldRange, start: int, end: int, now: datetime) -> bool:
    """Whether a run of a ticker of unknown life has the look of a cut."""
    have = np.flatnonzero(of.held)
    if not len(have):
        return False
    if have[0] < start and end <= have[-1]:
        return True  # bars before and after it
    if len(answer.bars) in PAGES:
        return True
    return end <= have[0] and of.first is not None and _years_ago(of.first, now)


def _years_ago(day: date, now: datetime) -> bool:
    """Whether a day is a whole number of years before now, more or less."""
    return any(
        abs(day - _years_before(now.date(), years)) <= HORIZON for years in range(1, MOST_YEARS + 1)
    )


def _years_before(day: date, years: int) -> date:
    """The same date `years` earlier; of 29 February, the 28th."""
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return date(day.year - years, day.month, last)


def is_thin(expected: int, held: int) -> bool:
    """Whether a session of all tickers lacks too many of the `expected` ones."""
    return expected >= MANY and held < FEW * expected
