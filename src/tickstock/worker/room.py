"""How many bars a process may have in hand, asked for or waiting to be written: what its memory
holds of loads does not grow with them."""

from __future__ import annotations

import asyncio
from collections import deque

from tickstock.model import Call, CallKind, Timeframe
from tickstock.sessions import Calendar

MARKET_BARS = 12_000
"""Bars in a session's answer for all tickers."""
MOST_PER_SESSION = {Timeframe.DAY: 1, Timeframe.HOUR: 16, Timeframe.MINUTE: 960}
"""Bars of a ticker from 4:00 to 20:00."""


def most_bars(call: Call, cells: int, calendar: Calendar) -> int:
    """The most bars that the answer to `call` should hold, of which `cells` sessions are missing.

    Of a file, only the wanted tickers are read.
    """
    if call.kind is CallKind.MARKET_DAY:
        return MARKET_BARS
    if call.kind is CallKind.FLAT_DAY:
        return cells * MOST_PER_SESSION[call.timeframe]
    start, end = calendar.between(call.span)
    return (end - start) * MOST_PER_SESSION[call.timeframe]


class Room:
    """Room for `bars`, shared by the calls of one event loop, which get in by turns.

    More than all of it gets in alone.
    """

    def __init__(self, bars: int) -> None:
        self.bars = bars
        self.taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, bars: int) -> None:
        """Wait until there is room for `bars`, and take it."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((bars, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come, and with it the room, before the cancellation was heard of.
            self.leave(0 if turn.cancelled() else bars)
            raise

    def leave(self, bars: int) -> None:
        """Give back room for `bars`. Fewer than none take more: an answer is there already, however
        much was expected."""
        self.taken -= bars
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            bars, turn = self._waiting[0]
            if self.taken and self.taken + bars > self.bars and not turn.cancelled():
                return
            self._waiting.popleft()
            if not turn.cancelled():
                self.taken += bars
                turn.set_result(None)
