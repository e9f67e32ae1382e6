"""Ranges that are too long to be answered in time, and what to ask instead. Pure.

A vendor that takes too long over a range, or answers too much, may answer a part of it. What one
call has met holds for the others of the load in the same timeframe: so each is cut at once to
a length that is known to work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from tickstock.model import Call, CallKind
from tickstock.sessions import Calendar
from tickstock.spans import Span

TWICE = 2
"""Ranges of a length, or shorter, that were not answered in time: then it is too long."""
SHORTEST = 5
"""Sessions. Where so few take too long, it is not for their number."""
NEVER = 1 << 40


@dataclass(slots=True)
class Lengths:
    """What was met in one timeframe of a load, in sessions: `works` is the longest range that was
    answered, `too_long` the shortest that was not, TWICE, as `slow` ones were once."""

    works: int = 0
    too_long: int = NEVER
    slow: tuple[int, ...] = ()

    @property
    def is_probing(self) -> bool:
        """Whether some length is known not to work, and none that does."""
        return self.too_long < NEVER and not self.works

    def answered(self, sessions: int) -> None:
        if sessions < self.too_long:
            self.works = max(self.works, sessions)

    def not_in_time(self, sessions: int) -> None:
        self.slow = (*self.slow, sessions)
        if sum(n <= sessions for n in self.slow) >= TWICE:
            self.too_long = min(self.too_long, sessions)
            self.works = self.works if self.works < self.too_long else 0

    def parts(self, call: Call, calendar: Calendar) -> tuple[Call, ...]:
        """The calls that take the place of one that is too long; none where it is not, or where
        its length is not the reason."""
        start, end = calendar.between(call.span)
        count = end - start
        if call.kind is not CallKind.TICKER or count < self.too_long:
            return ()
        longest = self.works or count // 2
        if longest < SHORTEST:
            return ()
        pieces = -(-count // longest)
        edges = [start + count * i // pieces for i in range(pieces + 1)]
        return tuple(
            replace(call, span=Span.inclusive(calendar.day(a), calendar.day(b - 1)))
            for a, b in pairwise(edges)
        )
