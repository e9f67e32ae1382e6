"""Tells clients that a universe has changed."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from redis.asyncio import Redis

from tickstock.bridge.connect import UNIVERSES
from tickstock.clock import Clock
from tickstock.service.job_status import local

ALL = "*"
"""Any universe may have changed: the table was emptied, or nobody was looking."""
MOST = 1_000


class UniverseNotifications:
    """Changed universes, by name, until they are published."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._changed: dict[str, None] = {}
        self._new = asyncio.Event()

    def add(self, universe: str) -> None:
        """`type:key`, or nothing for all."""
        if len(self._changed) >= MOST:
            self._changed = {ALL: None}
        self._changed[universe or ALL] = None
        self._new.set()

    async def session(self) -> None:
        """Publish what changes until Redis does not answer, which raises a RedisError."""
        while True:
            await self._new.wait()
            while self._changed:
                universe = next(iter(self._changed))
                # Taken out first: it may change again while this waits for Redis.
                del self._changed[universe]
                try:
                    await self._redis.publish(UNIVERSES, notification_of(universe, self._clock()))
                except BaseException:
                    self.add(universe)
                    raise
            self._new.clear()


def notification_of(universe: str, now: datetime) -> bytes:
    """The message about one universe; type and key are empty where all are meant."""
    kind, _, key = universe.rpartition(":")
    body = {
        "universe": universe,
        "type": kind,
        "key": "" if universe == ALL else key,
        "timestamp": local(now),
    }
    return msgspec.json.encode(body)
