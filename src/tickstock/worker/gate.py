"""The call budget that all workers of one vendor account share."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta

from tickstock.failpoints import reach
from tickstock.store import budget
from tickstock.store.database import Database
from tickstock.vendors import Gate
from tickstock.worker.call_scheduler import CallScheduler

MARGIN = 1.05
"""Grants are paced this much slower than the limit: the vendor's clock is not ours."""
BATCH_SECONDS = 0.1
"""Fast limits take this much at once, so that the database is not asked per call."""
LATE_SHARE = 0.05
LATE_SECONDS = 0.02
"""A grant used later than this after its time could meet the next ones: it is given up."""
WINDOW = 60.0
"""Seconds over which the vendor counts: how long a 429 without Retry-After holds us back."""


class SharedGate:
    """Evenly paced grants out of one database row; a 429 pushes everybody back.

    Args:
        calls_per_minute: the account's limit; 0 where none binds.
        window: seconds to hold back after a 429 that names no time.
    """

    def __init__(
        self,
        database: Database,
        vendor: str,
        calls_per_minute: float,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._vendor = vendor
        self._spacing = 60.0 / calls_per_minute * MARGIN if calls_per_minute else 0.0
        self._late = max(LATE_SHARE * self._spacing, LATE_SECONDS)
        self._window = window if calls_per_minute else 1.0
        self._clock = clock
        self._grants: deque[float] = deque()
        self._scheduler = CallScheduler()
        self._held_until = 0.0

    def of(self, who: Hashable, priority: int) -> Gate:
        """The gate as `who` meets it: the most urgent go first, all of one priority in turn."""
        return _Ticket(self, who, priority)

    async def enter(self, who: Hashable = None, priority: int = 0) -> None:
        """Wait until one request may be sent."""
        while not await self._enter(who, priority):
            pass

    async def push_back(self, seconds: float | None) -> None:
        """Nobody, here or elsewhere, asks before `seconds` are over."""
        delay = self._window if seconds is None else seconds
        self._grants.clear()
        self._held_until = max(self._held_until, self._clock() + delay)
        if self._spacing:
            await asyncio.to_thread(self._push_back, timedelta(seconds=delay))

    async def _enter(self, who: Hashable, priority: int) -> bool:
        """As `enter`; false when somebody more urgent came while we waited for our grant."""
        async with self._scheduler.take(who, priority):
            while not await self._granted(priority):
                if self._scheduler.is_outranked(priority):
                    return False
            return True

    async def _granted(self, priority: int) -> bool:
        """Wait for the next grant; False when it was missed, or taken back meanwhile."""
        due = await self._next_grant(priority)
        if due is None:
            return False
        held = self._held_until
        await asyncio.sleep(max(due, held) - self._clock())
        if self._held_until != held:
            return False
        return not self._spacing or self._clock() - due <= self._late

    async def _next_grant(self, priority: int) -> float | None:
        """When the next request may be sent, by our clock; None after a wait for it."""
        if not self._spacing:
            return self._clock()
        if not self._grants:
            n = max(1, int(BATCH_SECONDS / self._spacing))
            wait = await asyncio.to_thread(self._take, n, priority)
            if wait > 0:
                await asyncio.sleep(wait)
                return None
            start = self._clock() + wait
            self._grants.extend(start + i * self._spacing for i in range(n))
        return self._grants.popleft()

    def _take(self, n: int, priority: int) -> float:
        spacing, late = timedelta(seconds=self._spacing), timedelta(seconds=self._late)
        reach("budget.take")
        following = self._scheduler.next_priority()
        with self._database.brief() as connection:
            wait = budget.take(connection, self._vendor, n, spacing, late, priority, following)
        reach("budget.taken")
        return wait

    def _push_back(self, delay: timedelta) -> None:
        reach("budget.push_back")
        with self._database.brief() as connection:
            budget.push_back(connection, self._vendor, delay)
        reach("budget.pushed_back")


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A gate for one of those who share it."""

    gate: SharedGate
    who: Hashable
    priority: int

    async def enter(self) -> None:
        await self.gate.enter(self.who, self.priority)

    async def push_back(self, seconds: float | None) -> None:
        await self.gate.push_back(seconds)
