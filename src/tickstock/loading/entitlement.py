"""A refused range, of which the account may be entitled to a part. Pure.

Plans include the history from some day on, and may leave out the newest sessions. Which days these
are shows only by asking: a refused call is followed by calls for its parts, laid so that the days
are found by halving, and what other calls of the load have met already is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tickstock.model import Call, CallKind
from tickstock.sessions import Calendar
from tickstock.spans import Span

Range = tuple[int, int]
"""Sessions by their numbers in the calendar, half-open."""
PROBE = 5
"""Sessions before the newest one that every plan includes which includes anything."""
NEVER = 1 << 40


@dataclass(frozen=True, slots=True)
class Met:
    """What ticker calls of one load have met, as numbers of sessions; ends are half-open.

    Calls were answered from session `first` to `last` (equal where none was), so that all days
    between may be asked for. `too_early` is the latest session known to lie before the plan's
    history, `too_late` the earliest that is known to be an end beyond it. `newest` is the latest
    end of a refused call, and `refused_tickers` counts whose the refused ones were.
    """

    first: int = 0
    last: int = 0
    too_early: int = -1
    too_late: int = NEVER
    newest: int = 0
    refused_tickers: int = 0

    @property
    def answered(self) -> bool:
        return self.first < self.last


def met_of(
    refused: Iterable[Span], answered: Span | None, refused_tickers: int, calendar: Calendar
) -> Met:
    """What is known by the spans of refused calls, and the one from the first to the last
    answered call.

    A refused call that ends within the plan's history begins before it. While nothing is answered,
    that is known of calls alone which end before the newest sessions: answers and refusals
    come in any order.
    """
    ranges = [calendar.between(span) for span in refused]
    newest = max((end for _, end in ranges), default=0)
    first, last = calendar.between(answered) if answered else (0, 0)
    sure = last if answered else newest - PROBE + 1
    early = [start for start, end in ranges if end <= sure]
    late = [end for start, end in ranges if answered and start >= first]
    return Met(
        first, last, max(early, default=-1), min(late, default=NEVER), newest, refused_tickers
    )


def is_refused(call: Call, met: Met, calendar: Calendar) -> bool:
    """Whether a call need not be made to be refused: others were, for the same days.

    Of one ticker alone that proves nothing, as it may be the ticker that is refused.
    """
    if call.kind is not CallKind.TICKER or met.refused_tickers < 2 or not met.answered:
        return False
    start, end = calendar.between(call.span)
    return start <= met.too_early < met.first or end >= met.too_late > met.last


def parts_of_refused(call: Call, met: Met, calendar: Calendar) -> tuple[Call, ...]:
    """The calls that take the place of a refused one. What is in none of them is refused too.

    `met` includes the refusal of `call` itself.
    """
    start, end = calendar.between(call.span)
    if call.kind is not CallKind.TICKER or end - start < 2:
        return ()
    found = _parts(start, end, met)
    return tuple(replace(call, span=_span(calendar, a, b)) for a, b in found if a < b)


def _parts(start: int, end: int, met: Met) -> Iterator[Range]:
    low = max(start, met.too_early + 1)
    if met.answered and met.first <= start and end <= met.last:
        return  # the same days were answered for others: it is the ticker that is refused
    if met.answered:
        yield max(start, met.first), min(end, met.last)
        yield from _halves(low, min(end, met.first))
        newest = max(start, met.last), min(end, met.too_late - 1)
        yield from ((-b, -a) for a, b in _halves(-newest[1], -newest[0]))
    elif end == met.newest and end - low > 2 * PROBE:
        probe = end - PROBE
        yield from ((probe, probe + 1), (probe + 1, end), (low, probe))
    else:
        yield from _halves(low, end)


def _halves(start: int, end: int) -> Iterator[Range]:
    """The later half, which can be had if any part can, and the rest."""
    middle = (start + end) // 2
    yield middle, end
    yield start, middle


def _span(calendar: Calendar, start: int, end: int) -> Span:
    return Span.inclusive(calendar.day(start), calendar.day(end - 1))
