"""A refused range, of which the account may be entitled to a part. Pure.

Plans include the history from some day on, and may leave out the newest sessions. Which days these
are shows only by asking: a refused call is followed by calls for its parts, laid so that the days
are found by halving, and what other calls of the load have met already is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from tickstock.model import Call, CallKind
from tickstock.sessions import Calendar
from tickstock.spans import Span

Range = tuple[int, int]
PROBE = 5
"""Sessions before the end of a range that are newer than what some plans include."""


@dataclass(frozen=True, slots=True)
class Met:
    """What ticker calls of one load have met. Ends are half-open; None for none.

    `answered_start` and `answered_end` are the earliest start and the latest end of answered
    calls: the days between may be asked for. `refused_start` is the latest start of calls that were
    refused for beginning too early, `refused_end` the earliest end of those refused for ending
    too late; while none is answered, of all refused ones. `refused_tickers` counts whose they were.
    """

    refused_start: date | None = None
    refused_end: date | None = None
    answered_start: date | None = None
    answered_end: date | None = None
    refused_tickers: int = 0


def is_refused(call: Call, met: Met) -> bool:
    """Whether a call need not be made to be refused: others were, for the same days.

    Of one ticker alone that proves nothing, as it may be the ticker that is refused.
    """
    if call.kind is not CallKind.TICKER or met.refused_tickers < 2 or met.answered_start is None:
        return False
    start, end = met.refused_start, met.refused_end
    too_early = start is not None and call.span.start <= start < met.answered_start
    last = met.answered_end
    too_late = end is not None and last is not None and call.span.end >= end > last
    return too_early or too_late


def parts_of_refused(call: Call, met: Met, calendar: Calendar) -> tuple[Call, ...]:
    """The calls that take the place of a refused one. What is in none of them is refused too.

    `met` includes the refusal of `call` itself.
    """
    start, end = calendar.between(call.span)
    if call.kind is not CallKind.TICKER or end - start < 2:
        return ()
    found = _parts(start, end, _Numbers(met, calendar))
    return tuple(replace(call, span=_span(calendar, a, b)) for a, b in found if a < b)


class _Numbers:
    """`Met` as session numbers; what is not known is out of reach."""

    def __init__(self, met: Met, calendar: Calendar) -> None:
        def number(day: date | None, unknown: int) -> int:
            return unknown if day is None else calendar.between(Span(day, day))[0]

        self.answered = met.answered_start is not None
        self.first = number(met.answered_start, 0)
        self.last = number(met.answered_end, 0)
        self.too_early = number(met.refused_start, -1)
        self.too_late = number(met.refused_end, len(calendar) + 1)


def _parts(start: int, end: int, met: _Numbers) -> Iterator[Range]:
    if met.answered and met.first <= start and end <= met.last:
        return  # the same days were answered for others: it is the ticker that is refused
    if met.answered:
        yield max(start, met.first), min(end, met.last)
        yield from _halves(max(start, met.too_early + 1), min(end, met.first))
        newest = max(start, met.last), min(end, met.too_late - 1)
        yield from ((-b, -a) for a, b in _halves(-newest[1], -newest[0]))
    elif (met.too_early, met.too_late) == (start, end) and end - start > 2 * PROBE:
        # The first refusal: any plan has this session, if it has one at all.
        probe = end - PROBE
        yield from ((probe, probe + 1), (probe + 1, end), (start, probe))
    else:
        for a, b in _halves(start, end):
            yield from _possible(a, b, met)


def _possible(start: int, end: int, met: _Numbers) -> Iterator[Range]:
    """What of a part may be had while nothing was answered yet: no plan has a range that begins no
    later than one refused call and ends no earlier than one."""
    if start > met.too_early or end < met.too_late:
        yield start, end
    elif end > met.too_early + 1:
        yield met.too_early + 1, end
    elif start < met.too_late - 1:
        yield start, met.too_late - 1


def _halves(start: int, end: int) -> Iterator[Range]:
    """The later half, which can be had if any part can, and the rest."""
    middle = (start + end) // 2
    yield middle, end
    yield start, middle


def _span(calendar: Calendar, start: int, end: int) -> Span:
    return Span.inclusive(calendar.day(start), calendar.day(end - 1))
