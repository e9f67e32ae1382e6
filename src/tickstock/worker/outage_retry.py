"""Waiting for a database that is away. That it is goes into the log by `outages`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tickstock.errors import Conflict, DatabaseUnavailable, Transient

T = TypeVar("T")
SHORTEST, LONGEST = 0.1, 2.0
"""Seconds between two attempts, doubled each time."""
CLASHES = 5
"""How often one piece of work in the database may clash with another's before it is an error."""
CLASH_PAUSE = 0.1
"""Seconds until it is done again; twice as many the second time, and so on."""


class OutageRetry:
    """Does what needs the database, again and again while that is away.

    Args:
        seconds: how long an outage may last; asked anew each time.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds

    async def through(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives. Raises DatabaseUnavailable when the outage lasts for longer."""
        away_since: float | None = None  # not since we began: we may have been frozen meanwhile
        pause = SHORTEST
        while True:
            try:
                return await ask()
            except DatabaseUnavailable:
                now = asyncio.get_running_loop().time()
                away_since = away_since or now
                if now + pause >= away_since + self._seconds():
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST)

    async def past_clashes(self, ask: Callable[[], Awaitable[T]]) -> T:
        """As `through`; again where it clashed with the work of others (a deadlock, a row that was
        there first)."""
        for clash in range(1, CLASHES):
            try:
                return await self.through(ask)
            except DatabaseUnavailable:
                raise
            except (Transient, Conflict):
                await asyncio.sleep(CLASH_PAUSE * clash)
        return await self.through(ask)
