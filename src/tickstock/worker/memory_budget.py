"""How many bars a job may have in hand, asked for or waiting to be written: what the memory of a
worker holds of a job does not grow with it."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np

from tickstock.loading.prices import MARKET_BARS
from tickstock.model import Call, CallKind, Timeframe, epoch_day
from tickstock.sessions import Calendar

MOST_PER_SESSION = {Timeframe.DAY: 1, Timeframe.HOUR: 16, Timeframe.MINUTE: 960}
"""Bars of a ticker from 4:00 to 20:00."""


def most_bars(call: Call, cells: int, calendar: Calendar) -> int:
    """How many bars the answer to `call` may hold. Of a file only the wanted tickers are read, for
    which `cells` sessions are missing."""
    if call.kind is CallKind.MARKET_DAY:
        return MARKET_BARS
    if call.kind is CallKind.FLAT_DAY:
        return cells * MOST_PER_SESSION[call.timeframe]
    edges = np.array([epoch_day(call.span.start), epoch_day(call.span.end)])
    return int(np.diff(calendar.before(edges))[0]) * MOST_PER_SESSION[call.timeframe]


class MemoryBudget:
    """A budget of `bars`, which calls enter in order. One that needs more than all of it enters
    alone. Belongs to one event loop."""

    def __init__(self, bars: int) -> None:
        self.taken = 0
        self._bars = bars
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, bars: int) -> None:
        """Wait until `bars` more may be held, and take them."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((bars, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            # It may have been let in just before.
            self.leave(0 if turn.cancelled() else bars)
            raise

    def leave(self, bars: int) -> None:
        """Give `bars` back; fewer than none are taken without waiting."""
        self.taken -= bars
        self._let_in()

    def resize(self, bars: int) -> None:
        self._bars = bars
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            bars, turn = self._waiting[0]
            if not turn.cancelled():
                if self.taken and self.taken + bars > self._bars:
                    return
                self.taken += bars
                turn.set_result(None)
            self._waiting.popleft()
