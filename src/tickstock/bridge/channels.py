"""Hears what clients publish: jobs and wishes to cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tickstock.bridge.cancels import Cancels
from tickstock.bridge.connect import CONTROL, JOBS
from tickstock.bridge.inbox import Inbox
from tickstock.bridge.messages import Refusal, read_job, refusal
from tickstock.bridge.steady import Warnings
from tickstock.errors import BadInput, Transient

PING_SECONDS = 5.0
DEAF_SECONDS = 15.0
"""Without so much as an answer to a ping for so long, the connection is half open."""


class Channels:
    """One subscription. `connected` is called whenever it stands anew: the server may be a new
    one, that has forgotten everything."""

    def __init__(
        self,
        redis: Redis,
        inbox: Inbox,
        cancels: Cancels,
        connected: Callable[[], None],
        warn: Warnings,
    ) -> None:
        self._redis = redis
        self._inbox = inbox
        self._cancels = cancels
        self._connected = connected
        self._warn = warn

    async def session(self) -> None:
        """Subscribe and listen until the connection breaks, which raises a RedisError."""
        pubsub = self._redis.pubsub()
        try:
            await pubsub.subscribe(JOBS, CONTROL)
            await self._listen(pubsub)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _listen(self, pubsub: Any) -> None:
        heard = time.monotonic()
        while True:
            message = await pubsub.get_message(timeout=PING_SECONDS)
            if message is not None:
                heard = time.monotonic()
                self._take(message)
            elif time.monotonic() - heard > DEAF_SECONDS:
                raise RedisConnectionError("Redis does not answer on the subscribed connection.")
            else:
                await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        channel = message["channel"]
        if message["type"] == "subscribe":
            self._connected()
        elif message["type"] != "message":
            return
        elif channel == CONTROL.encode():
            self._cancels.wish(message["data"])
        else:
            self._offer(message["data"])

    def _offer(self, data: bytes) -> None:
        """Nonsense, which nobody can be told of, takes no job's place."""
        if not refusal(data, "").job_id:
            read = read_job(data)
            reason = read.reason if isinstance(read, Refusal) else "It has no job_id."
            self._warn("a message that nobody can be answered about", BadInput(reason))
        elif not self._inbox.offer(data):
            waiting = f"{len(self._inbox):,} messages wait for the database."
            self._warn("no room for a published job", Transient(waiting))
