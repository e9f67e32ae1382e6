"""Waiting for events and for the end of tasks, so that a cancellation is never lost.

Before Python 3.12 `asyncio.wait_for` swallows a cancellation that arrives in the moment in which
the awaited thing is done (python/cpython#86296); a task that is to end then goes on.
`asyncio.timeout` does not, and `end` asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

ASK_AGAIN_SECONDS = 1.0


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, so many seconds at most; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, again every second, until all have ended. How they ended is not told.

    Not for tasks that have work to do at their end: that would be cut short.
    """
    rest = set(tasks)
    while rest:
        for task in rest:
            task.cancel()
        done, rest = await asyncio.wait(rest, timeout=ASK_AGAIN_SECONDS)
        await asyncio.gather(*done, return_exceptions=True)
