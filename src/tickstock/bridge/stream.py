"""The durable way in: a Redis stream, from which an entry goes only when it is in PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tickstock.bridge.connect import JOBS
from tickstock.bridge.inbox import Inbox
from tickstock.failpoints import reach

GROUP = "tickstock"
CONSUMER = "bridge"
"""One name for all bridges: an entry is given out once all the same, no dead names pile up, and
what a dead bridge was given is found under a name that is known."""
FIELD = "message"
BATCH = 10
BLOCK_SECONDS = 2.0

Entry = tuple[bytes, dict[bytes, bytes] | None]


class Stream:
    """Reads the stream as one of the group, and removes what is durable."""

    def __init__(self, redis: Redis, inbox: Inbox, claim_seconds: float) -> None:
        self._redis = redis
        self._inbox = inbox
        self._claim_seconds = claim_seconds

    async def session(self) -> None:
        """Read until the connection breaks, which raises a RedisError."""
        await self._join()
        await self._given_before()
        claimed = time.monotonic()
        while True:
            await self._settle(await self._read(">"))
            if time.monotonic() - claimed >= self._claim_seconds / 3:
                await self._claim()
                claimed = time.monotonic()

    async def _join(self) -> None:
        try:
            # From the beginning: what was added before the first bridge ran is meant too.
            await self._redis.xgroup_create(JOBS, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _given_before(self) -> None:
        """What was given out and not removed when the connection or the bridge last ended."""
        while entries := await self._read("0"):
            await self._settle(entries)

    async def _claim(self) -> None:
        start: Any = "0-0"
        while True:
            idle = int(self._claim_seconds * 1000)
            start, entries, *_ = await self._redis.xautoclaim(
                JOBS, GROUP, CONSUMER, min_idle_time=idle, start_id=start, count=BATCH
            )
            await self._settle(entries)
            if start in (b"0-0", "0-0"):
                return

    async def _read(self, after: str) -> list[Entry]:
        block = int(min(BLOCK_SECONDS, self._claim_seconds) * 1000)
        found: Any = await self._redis.xreadgroup(
            GROUP, CONSUMER, {JOBS: after}, count=BATCH, block=block
        )
        return found[0][1] if found else []

    async def _settle(self, entries: list[Entry]) -> None:
        """Wait until all are durable, then remove them."""
        if not entries:
            return
        await asyncio.gather(*(self._inbox.put(message_of(fields)) for _, fields in entries))
        reach("bridge.acknowledge")
        ids = [entry_id for entry_id, _ in entries]
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xack(JOBS, GROUP, *ids)
            pipe.xdel(JOBS, *ids)
            await pipe.execute()
        reach("bridge.acknowledged")


def message_of(fields: dict[bytes, bytes] | None) -> bytes:
    """The message in an entry: its field `message`, or its only field. Other entries are taken
    for a message written out in fields, whose numbers and lists are then refused as text."""
    if not fields:
        return b""
    if FIELD.encode() in fields:
        return fields[FIELD.encode()]
    if len(fields) == 1:
        return next(iter(fields.values()))
    text = {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in fields.items()}
    return msgspec.json.encode(text)
