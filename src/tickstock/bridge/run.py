"""The bridge: all its parts, running side by side until told to stop."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from redis.asyncio import Redis

from tickstock.bridge.cancels import Cancels
from tickstock.bridge.channels import Channels
from tickstock.bridge.connect import is_away, watch
from tickstock.bridge.inbox import Inbox
from tickstock.bridge.intake import Intake
from tickstock.bridge.mirror import Mirror, Pace
from tickstock.bridge.notifications import UniverseNotifications
from tickstock.bridge.steady import Session, Warnings, keep_going
from tickstock.bridge.stream import Stream
from tickstock.outages import OUTAGES, REDIS
from tickstock.service import TickStock
from tickstock.store.listen import LOAD, UNIVERSE, notifications
from tickstock.waiting import end

log = structlog.get_logger("tickstock.bridge")
GRACE_SECONDS = 5.0
"""So long a stopping bridge goes on making durable what it has heard."""


class Bridge:
    """Turns messages into durable loads, and mirrors how they fare. Any number may run at once.

    The jobs are worked on by workers, here or elsewhere. One instance serves one event loop.
    """

    def __init__(self, tick: TickStock, redis: Redis, pace: Pace | None = None) -> None:
        self._tick = tick
        self._redis = redis
        OUTAGES.recognize(REDIS, is_away)
        self._stopping = asyncio.Event()
        self._warn = Warnings()
        self._inbox = Inbox()
        self._intake = Intake(tick, self._inbox, self._warn)
        self._cancels = Cancels(tick, self._inbox, self._warn)
        pace = pace or Pace()
        self._mirror = Mirror(tick, redis, pace)
        self._notifications = UniverseNotifications(redis, tick.clock)
        self._channels = Channels(
            redis, self._inbox, self._cancels, self._mirror.forget, self._warn
        )
        self._stream = Stream(redis, self._inbox, pace.claim)

    def stop(self) -> None:
        """Ask for a graceful end: what was heard is made durable first."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`. Neither Redis nor PostgreSQL going away ends it."""
        ears = [
            self._task("listening to Redis", self._channels.session),
            self._task("reading the stream", self._stream.session),
        ]
        rest = [
            asyncio.create_task(self._intake.run(), name="bridge: intake"),
            asyncio.create_task(self._cancels.run(), name="bridge: cancels"),
            self._task("mirroring", self._mirror.session),
            self._task("publishing universes", self._notifications.session),
            self._task("listening to PostgreSQL", self._notice),
            self._task("asking for Redis", lambda: watch(self._redis)),
        ]
        try:
            await self._until_stopped([*ears, *rest])
        finally:
            await end(ears)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._inbox.emptied()
            await end(rest)
            OUTAGES.settle(REDIS)
            if len(self._inbox):
                log.error("messages were heard and are lost", messages=len(self._inbox))

    async def _until_stopped(self, parts: list[asyncio.Task[None]]) -> None:
        stop = asyncio.create_task(self._stopping.wait(), name="bridge: stop")
        try:
            done, _ = await asyncio.wait([stop, *parts], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
        for part in done - {stop}:
            part.result()

    def _task(self, part: str, session: Session) -> asyncio.Task[None]:
        return asyncio.create_task(keep_going(part, session, self._warn), name=f"bridge: {part}")

    async def _notice(self) -> None:
        """Pass on what PostgreSQL notifies of until the connection breaks, which is raised."""
        conninfo = self._tick.database.conninfo
        async for channel, payload in notifications(conninfo, [LOAD, UNIVERSE]):
            if channel != UNIVERSE:
                self._mirror.nudge()
            if channel != LOAD:
                self._notifications.add(payload)
