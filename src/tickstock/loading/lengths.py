"""Ranges that are too long to be answered in time, and what to ask instead. Pure.

A vendor that takes too long over a range, or answers too much, may answer a part of it. What one
call has met holds for the others of the job in the same timeframe: so each is cut at once to
a length that is known to work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from tickstock.model import Call, CallKind
from tickstock.sessions import Calendar
from tickstock.spans import Span

TWICE = 2
"""Ranges of about a length, or shorter, that were not answered in time: then it is too long."""
ALIKE = 1.25
"""How much longer one range may be than another of about its length: parts of one range differ by
weekends and holidays, and each length need not be asked for twice."""
SHORTEST = 7
"""Days. Where so few take too long, it is not for their number."""
NEVER = 1 << 40


@dataclass(slots=True)
class Lengths:
    """What was met in one timeframe of a job, in days: `works` is the longest range that was
    answered, `too_long` the shortest that was not, TWICE, as `slow` ones were once. `has_cut`
    tells whether some range was cut for that."""

    works: int = 0
    too_long: int = NEVER
    has_cut: bool = False
    slow: tuple[int, ...] = ()

    @property
    def is_probing(self) -> bool:
        """Whether some length is known not to work, and none that does."""
        return self.has_cut and not self.works

    @property
    def is_hopeless(self) -> bool:
        """Whether parts were not answered in time either, down to the shortest."""
        return self.is_probing and self.too_long // 2 < SHORTEST

    def answered(self, days: int) -> None:
        if days < self.too_long:
            self.works = max(self.works, days)

    def not_in_time(self, days: int) -> None:
        self.slow = (*self.slow, days)
        if sum(n <= ALIKE * days for n in self.slow) >= TWICE:
            self.too_long = min(self.too_long, days)
            self.works = self.works if self.works < self.too_long else 0

    def parts(self, call: Call, calendar: Calendar) -> tuple[Call, ...]:
        """The calls that take the place of one that is too long; none where it is not, or where
        its length is not the reason."""
        longest = self.works or call.span.days // 2
        if call.kind is not CallKind.TICKER or call.span.days < self.too_long:
            return ()
        start, end = calendar.between(call.span)
        pieces = min(-(-call.span.days // max(longest, 1)), end - start)
        if longest < SHORTEST or pieces <= 1:
            return ()
        self.has_cut = True
        edges = [start + (end - start) * i // pieces for i in range(pieces + 1)]
        return tuple(
            replace(call, span=Span.inclusive(calendar.day(a), calendar.day(b - 1)))
            for a, b in pairwise(edges)
        )
