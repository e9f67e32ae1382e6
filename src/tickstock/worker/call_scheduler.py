"""Who goes next at a gate that many share."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Waiter:
    who: Hashable
    priority: int
    number: int
    turn: asyncio.Future[None]


class CallScheduler:
    """Lets in one at a time: the most urgent first, of these who was let in longest ago."""

    def __init__(self) -> None:
        self._waiting: list[_Waiter] = []
        self._served: dict[Hashable, int] = {}
        self._count = itertools.count(1)
        self._taken = False

    @contextlib.asynccontextmanager
    async def take(self, who: Hashable, priority: int) -> AsyncIterator[None]:
        """Wait for the turn, and keep it while inside."""
        await self._begin(who, priority)
        try:
            yield
        finally:
            self._pass_on()

    def is_outranked(self, priority: int) -> bool:
        """Whether somebody more urgent than that waits."""
        following = self.next_priority()
        return following is not None and following > priority

    def next_priority(self) -> int | None:
        """How urgent the most urgent of those is who wait; None where nobody does."""
        return max((w.priority for w in self._waiting), default=None)

    async def _begin(self, who: Hashable, priority: int) -> None:
        if not self._taken:
            self._taken = True
            self._served[who] = next(self._count)
            return
        turn = asyncio.get_running_loop().create_future()
        waiter = _Waiter(who, priority, next(self._count), turn)
        self._waiting.append(waiter)
        try:
            await turn
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:  # the turn came in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        waiting = [w for w in self._waiting if not w.turn.done()]
        if not waiting:
            self._taken = False
            self._served.clear()
            return
        chosen = min(waiting, key=lambda w: (-w.priority, self._served.get(w.who, 0), w.number))
        self._waiting.remove(chosen)
        self._served[chosen.who] = next(self._count)
        chosen.turn.set_result(None)
