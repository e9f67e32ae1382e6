"""Going on whatever happens: with growing pauses, and at most one line a second in the log."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from redis.exceptions import RedisError

from tickstock.errors import TickStockError
from tickstock.outages import OUTAGES

log = structlog.get_logger("tickstock.bridge")
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
STEADY_SECONDS = 10.0
"""What has run this long starts again with the first pause."""
EXPECTED = (RedisError, TickStockError, OSError)
"""Outages and refusals. Anything else is a fault of ours and is logged with its traceback."""


class Warnings:
    """Tells of failures, one line a second; the others are counted in the next line. That Redis is
    away, or the database, is told by `outages`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = float("-inf")
        self._unsaid = 0

    def __call__(self, part: str, error: Exception) -> None:
        if OUTAGES.is_said([error]):
            return
        if self._clock() - self._last < 1.0:
            self._unsaid += 1
            return
        self._last = self._clock()
        unsaid, self._unsaid = self._unsaid, 0
        log.warning(
            "the bridge goes on after a failure",
            part=part,
            error=error,
            unsaid=unsaid,
            exc_info=None if isinstance(error, EXPECTED) else error,
        )


class Pauses:
    """How long to wait before the next attempt: doubling, with jitter, in seconds."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def reset(self) -> None:
        self._next = FIRST_PAUSE

    async def wait(self) -> None:
        pause, self._next = self._next, min(self._next * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))


Session = Callable[[], Coroutine[Any, Any, None]]
"""Serves one connection; ends, mostly by raising, when that does."""


async def keep_going(part: str, session: Session, warn: Warnings) -> None:
    """Run `session` again and again, until cancelled."""
    pauses = Pauses()
    while True:
        began = time.monotonic()
        try:
            await session()
        except Exception as error:
            warn(part, error)
        if time.monotonic() - began > STEADY_SECONDS:
            pauses.reset()
        await pauses.wait()
