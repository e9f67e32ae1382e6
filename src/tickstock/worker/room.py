"""How many answers a worker may have in hand, counted in bars: what its memory holds of a load does
not grow with the load."""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.loading.prices import BARS_PER_SESSION
from tickstock.model import Timeframe

FIRST = 4
"""Calls made before anything is known about their size."""


@dataclass(slots=True)
class Room:
    """Counts the bars of calls that are out, as expected, and of answers that wait for a commit.

    `bars` is how many there may be; a single call may always be out, however large.
    """

    bars: int
    in_hand: int = 0
    largest: int = 0

    def calls(self, out: int) -> int:
        """How many more calls may be made while `out` answers are in hand or on their way."""
        if not self.largest:
            return FIRST - out
        return max((self.bars - self.in_hand) // self.largest, int(out == 0))

    def expect(self, cells: int, timeframe: Timeframe) -> int:
        """Reserve room for a call that is asked for so many missing sessions; answers how much."""
        bars = max(cells, 1) * BARS_PER_SESSION[timeframe]
        self.in_hand += bars
        self.largest = max(self.largest, bars)
        return bars

    def came(self, expected: int, bars: int) -> None:
        """An answer takes the room of what it brought in place of what was expected."""
        self.in_hand += bars - expected

    def leave(self, bars: int) -> None:
        self.in_hand -= bars
