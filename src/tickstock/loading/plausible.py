"""Whether an answer can be true, by what is known beside it. Pure.

An answer that is well formed may still lack what it should hold. It is judged by mass: a whole
market by its own usual size and by the names that hold the sessions on both sides, an intraday
session by that symbol's usual number of bars, an empty answer by its neighbours. What is not
believed is asked again, and then said to have failed; it never counts as "the vendor has none".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from tickstock.model import Answer, Call, CallKind, Flags, Floats, Ints, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import Span

# --- a whole market ------------------------------------------------------------------------
NEAR = 10
"""Sessions on each side by which one is judged."""
LEAST_MARKET = 20
"""Tickers of a market that is large enough to have a usual size."""
LEAST_SIZES = 2
"""Sessions by which the usual size of a market is known."""
SMALL_MARKET = 0.75
"""Of its usual size. On the thinnest honest days, as after Thanksgiving, some 5 % do not trade."""
RARE = 0.002
"""How often a name that trades daily is missing for a reason of its own: halted, newly delisted."""
UNLIKELY = 1e-4
"""The chance by which so many names are missing at once, below which that is not believed."""


def is_whole_empty(answer: Answer) -> bool:
    """Whether an answer for all tickers, on a day on which the exchange was open, has none."""
    return not answer.call.symbol and not answer.spoke_of


def is_newest(call: Call, calendar: Calendar, now: datetime) -> bool:
    """Whether a call for one session asks for the last one that has closed."""
    return calendar.between(call.span)[1] == calendar.published(now, timedelta(0))


def small_markets(sizes: Mapping[int, int]) -> dict[int, int]:
    """Sessions (by number) with far fewer tickers than those around them: the usual count each."""
    known = sorted(sizes)
    at = np.array(known, np.int64)
    counts = np.array([sizes[i] for i in known], np.int64)
    found = {}
    for i, session in enumerate(known):
        near = np.abs(at - session) <= NEAR
        near[i] = False
        others = counts[near & (counts > 0)]
        if len(others) < LEAST_SIZES:
            continue
        usual = int(np.median(others))
        if usual >= LEAST_MARKET and counts[i] < SMALL_MARKET * usual:
            found[session] = usual
    return found


def lacking_names(
    held: Flags, judged: Sequence[int], doubted: Sequence[int] = ()
) -> dict[int, Ints]:
    """Which of the `judged` columns of `held` (names by sessions) lack more names than chance
    explains: for each, the rows that hold a session on both sides and not this one.

    A name counts by how often it trades around: thin ones explain themselves. `doubted` columns are
    not believed already, and speak neither for nor against a name.
    """
    nobody = np.logical_not(held.any(axis=0))
    found: dict[int, Ints] = {}
    for _ in range(2):  # what is found first does not speak against the others
        asides = np.array(nobody, np.bool_)
        asides[np.array([*doubted, *found], np.int64)] = True
        found |= _lacking(held, judged, asides)
    return found


def names_beside(held: Flags, column: int) -> Ints:
    """The rows that hold a session soon before or after `column`, and not this one."""
    before = held[:, max(column - NEAR, 0) : column].any(axis=1)
    after = held[:, column + 1 : column + 1 + NEAR].any(axis=1)
    return np.flatnonzero((before | after) & ~held[:, column])


def _lacking(held: Flags, judged: Sequence[int], asides: Flags) -> dict[int, Ints]:
    rows, columns = held.shape
    sums = np.zeros((rows, columns + 1), np.int32)
    np.cumsum(held & ~asides, axis=1, out=sums[:, 1:], dtype=np.int32)
    good = np.concatenate(([0], np.cumsum(~asides)))
    found = {}
    for column in judged:
        low, high = max(column - NEAR, 0), min(column + 1 + NEAR, columns)
        before, after = sums[:, column] - sums[:, low], sums[:, high] - sums[:, column + 1]
        is_first, is_last = good[column] == good[low], good[high] == good[column + 1]
        if is_first and is_last:
            continue
        present = (before > 0) | is_first
        present &= (after > 0) | is_last
        lacking = np.flatnonzero(present & ~held[:, column])
        if len(lacking) < 2:
            continue
        seen = (good[column] - good[low]) + (good[high] - good[column + 1])
        share = (before + after)[present] / seen
        if not _may_be_chance(len(lacking), float(np.maximum(1 - share, RARE).sum())):
            found[column] = lacking
    return found


def _may_be_chance(count: int, mean: float) -> bool:
    """Whether so many events are not too unlikely where `mean` are expected (Poisson)."""
    if count <= mean:
        return True
    # The largest term of the tail bounds it within a factor that does not matter here.
    logarithm = count * math.log(mean) - mean - math.lgamma(count + 1)
    return logarithm > math.log(UNLIKELY)


# --- an intraday session -------------------------------------------------------------------
FULL_MINUTES = 390
LEAST_BARS = {Timeframe.MINUTE: 60, Timeframe.HOUR: 5}
"""Bars of a session of a symbol that is not thin: less says nothing about half of it."""
STEADY = 0.5
"""Of the usual number, the lower quartile at least, where it varies little."""
HALF = 0.6
"""Of the lower quartile: with less, a part of the session is missing. Where the number varies, by
as much less."""
HARDLY = 0.1
"""Of the few other sessions there are, where it is not known how much the number varies."""
SURE_FROM = 3
"""Other sessions from which a usual number is known."""


def half_sessions(bars: Ints, minutes: Ints, timeframe: Timeframe, others: Floats) -> Flags:
    """Which sessions of one symbol, with so many bars, in a session of so many minutes, are not
    whole. `others` are the bars of sessions beside them, as of a session of full length."""
    scaled = bars * (FULL_MINUTES / np.maximum(minutes, 1))
    flags = np.zeros(len(bars), np.bool_)
    for i in range(len(bars)):
        usual = np.sort(np.concatenate((np.delete(scaled, i), others)))
        flags[i] = _is_part(float(scaled[i]), usual, LEAST_BARS[timeframe])
    return flags


BURST = 3
"""Bars of a thin ticker come in bursts: so many count as one."""
AT_AN_EDGE = 0.1
"""How often a burst falls to the open or the close at least, where many trade alone."""


def is_cut_short(bars: Ints, first: int, last: int, minutes: int) -> bool:
    """Whether a file of minutes holds a part of its session alone: it is unlikely that all tickers,
    of which each has so many `bars`, trade from minute `first` to minute `last` alone, of so many
    `minutes`. Each may be halted, or thin; not all at once."""
    unseen = max(first, minutes - 1 - last) / minutes
    if unseen <= 0 or not len(bars):
        return False
    bursts = np.maximum(bars / BURST, 1.0)
    seen = math.log(max(1 - unseen, AT_AN_EDGE))
    logarithm = np.maximum(bursts * seen, math.log(RARE)).sum()
    return bool(logarithm < math.log(UNLIKELY))


def is_short(answer: Answer, calendar: Calendar) -> bool:
    """Whether an intraday answer of a ticker has too few sessions to tell what is usual."""
    if answer.call.kind is not CallKind.TICKER or answer.call.timeframe not in LEAST_BARS:
        return False
    return 0 < len(np.unique(calendar.sessions_of(answer.bars.at))) <= SURE_FROM


def full_lengths(counts: Mapping[date, int], calendar: Calendar) -> Floats:
    """Bars by day, as of sessions of full length."""
    days = np.array([epoch_day(day) for day in counts], np.int64)
    place = calendar.before(days)
    minutes = (calendar.closes[place] - calendar.opens[place]) // 60
    return np.array([*counts.values()], np.float64) * (FULL_MINUTES / minutes)


def _is_part(bars: float, usual: Floats, least: int) -> bool:
    if not len(usual):
        return False
    middle, low = float(usual[len(usual) // 2]), float(usual[len(usual) // 4])
    if middle < least:
        return False
    if len(usual) < SURE_FROM:
        return bars < HARDLY * low
    return low >= STEADY * middle and bars < HALF * low * (low / middle)


# --- an empty answer -----------------------------------------------------------------------
CONFIRMATIONS = 20
"""Empty answers of a job that are asked again while each of them proves true."""
BESIDE = timedelta(days=7)
"""Between spans that lie side by side."""


@dataclass(slots=True)
class Empties:
    """What of one job was answered with nothing, to tell what has to be asked twice.

    An empty answer within what is held of a symbol is always asked again. Others are the rule for
    what is delisted, or was never there: one beside another explains it, and after so many
    that proved true the rest is believed for a short time, until one has proved wrong.
    """

    spans: dict[str, set[Span]]
    asked_again: int = 0
    was_wrong: bool = False

    @classmethod
    def none(cls) -> Empties:
        return cls({})

    def is_explained(self, call: Call) -> bool:
        """Whether another empty answer for the same symbol lies beside this one."""
        near = Span(call.span.start - BESIDE, call.span.end + BESIDE)
        others = self.spans.get(call.symbol, ())
        return any(other & near for other in others if other != call.span)

    def note(self, call: Call) -> None:
        self.spans.setdefault(call.symbol, set()).add(call.span)

    def prove_wrong(self, call: Call) -> None:
        """The second answer had bars: the vendor's empty ones are not to be trusted."""
        self.was_wrong = True
        self.spans[call.symbol].discard(call.span)

    def is_doubtful(self, call: Call, holds: Span | None) -> bool:
        """Whether an empty answer is to be confirmed. `holds`: from the first to the last day of
        which any bar is held."""
        if holds is not None and call.span & holds:
            return True
        if self.was_wrong:
            return True
        return not self.is_explained(call) and self.asked_again < CONFIRMATIONS


def is_empty_of_ticker(answer: Answer) -> bool:
    return answer.call.kind is CallKind.TICKER and not len(answer.bars) and not answer.aside
