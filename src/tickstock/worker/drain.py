"""Drains one load: claim, fetch, commit, until nothing is left or somebody says stop.

Fetching waits on the network, so it is async; commits run in a thread, one at a time. While one
runs, further answers pile up and make the next batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import structlog

from tickstock.errors import (
    CredentialsRefused,
    DatabaseUnavailable,
    NotEntitled,
    Terminal,
    TickStockError,
    Transient,
    VendorThrottled,
)
from tickstock.loading.judge import Targets, failure_holes
from tickstock.model import Call, HoleCause, Timeframe
from tickstock.sessions import Calendar
from tickstock.store import coverage, ledger
from tickstock.store.database import Database
from tickstock.store.ledger import Lease
from tickstock.vendors import BarSource, Gate
from tickstock.worker.commit import Committed, Fetched, commit
from tickstock.worker.heartbeat import Heartbeat

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try. Times in seconds."""

    lease: float = 30.0
    concurrency: int = 16
    batch: int = 50
    attempts: int = 5
    backoff: float = 1.0
    longest_backoff: float = 60.0
    database_patience: float = 600.0

    def delay(self, attempt: int, dice: random.Random) -> timedelta:
        """Exponential with full jitter, so that many workers do not come back in step."""
        top = min(self.backoff * 2 ** (attempt - 1), self.longest_backoff)
        return timedelta(seconds=dice.uniform(top / 2, top))


@dataclass(slots=True)
class Drain:
    """One load being drained in this process. `run` returns when no call of it is open here.

    `stop` asks for a graceful end: what is fetched is committed, the rest is handed back.
    """

    database: Database
    source: BarSource
    gate: Gate
    calendar: Calendar
    load_id: uuid.UUID
    worker: str
    policy: Policy = field(default_factory=Policy)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    dice: random.Random = field(default_factory=random.Random)
    committed: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _ready: asyncio.Queue[Fetched | None] = field(default_factory=asyncio.Queue)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _targets: dict[Timeframe, Targets] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _uncommitted: int = 0
    _crash: BaseException | None = None

    def stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Work until nothing of the load can be done here any more.

        Raises:
            DatabaseUnavailable: the database stayed away for longer than the policy's patience.
        """
        lease = timedelta(seconds=self.policy.lease)
        self._targets = await self._patiently(self._read_targets)
        with Heartbeat(self.database, lease, self._lost) as heart:
            committer = asyncio.create_task(self._commit_all(heart))
            try:
                await self._claim_all(heart, committer)
            finally:
                await self._wind_up(heart, committer)

    async def _claim_all(self, heart: Heartbeat, committer: asyncio.Task[None]) -> None:
        while not self._stopping.is_set() and not committer.done() and self._crash is None:
            free = self.policy.concurrency - len(self._tasks)
            if self._uncommitted >= 2 * self.policy.batch:
                free = 0
            claimed = await self._patiently(self._claim, free) if free > 0 else []
            for lease in claimed:
                self._start(lease, heart)
            if claimed:
                continue
            if self._tasks or self._uncommitted:
                await self._nap(self.policy.lease / 3)
                continue
            wait = await self._patiently(self._wait_for_more)
            if wait is None:
                return
            await self._nap(min(wait, self.policy.lease / 3))

    def _start(self, lease: Lease, heart: Heartbeat) -> None:
        heart.hold(lease)
        task = asyncio.create_task(self._fetch(lease, heart))
        self._tasks[lease.id] = task

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.pop(lease.id, None)
            if task.cancelled():
                heart.drop(lease)
            elif error := task.exception():
                self._crash = error
            self._changed.set()

        task.add_done_callback(ended)

    async def _fetch(self, lease: Lease, heart: Heartbeat) -> None:
        try:
            answer = await self.source.fetch(lease.call, self.gate)
        except TickStockError as e:
            heart.drop(lease)
            await self._patiently(self._give_up, lease, e)
            return
        self._uncommitted += 1
        self._ready.put_nowait(Fetched(lease, answer, self._targets[lease.call.timeframe]))

    async def _commit_all(self, heart: Heartbeat) -> None:
        """Commit what has arrived, in batches, until the end mark."""
        ended = False
        while not ended:
            batch = [await self._ready.get()]
            while not self._ready.empty() and len(batch) < self.policy.batch:
                batch.append(self._ready.get_nowait())
            ended = None in batch
            await self._commit([f for f in batch if f is not None], heart)

    async def _commit(self, batch: Sequence[Fetched], heart: Heartbeat) -> None:
        if not batch:
            return
        try:
            done = await self._patiently(commit, self.database, batch, self.calendar, self.clock())
        except Terminal as e:
            # One answer that the database cannot take must not take the others with it.
            if len(batch) > 1:
                for fetched in batch:
                    await self._commit([fetched], heart)
                return
            await self._patiently(self._give_up, batch[0].lease, e)
        else:
            self._note(done, len(batch))
        for fetched in batch:
            heart.drop(fetched.lease)
        self._uncommitted -= len(batch)
        self._changed.set()

    def _note(self, done: Committed, size: int) -> None:
        self.committed += size - len(done.refused)
        if done.refused:
            log.warning("late commit refused", load=str(self.load_id), calls=len(done.refused))

    async def _nap(self, longest: float) -> None:
        """Until something changed here, or `longest` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), longest)
        self._changed.clear()

    async def _wind_up(self, heart: Heartbeat, committer: asyncio.Task[None]) -> None:
        """Commit what has arrived, hand the rest back, and say what went wrong."""
        tasks = list(self._tasks.values())
        held = [lease for lease in heart.held() if lease.id in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ready.put_nowait(None)
        await committer
        if held:
            await self._patiently(self._hand_back, held)
        if self._crash is not None:
            raise self._crash

    # -- what runs in a thread ----------------------------------------------------------------
    def _claim(self, most: int) -> list[Lease]:
        lease = timedelta(seconds=self.policy.lease)
        with self.database.transaction() as connection:
            return ledger.claim(connection, self.load_id, self.worker, most, lease)

    def _read_targets(self) -> dict[Timeframe, Targets]:
        with self.database.transaction() as connection:
            items = ledger.items(connection, self.load_id)
        found: dict[Timeframe, dict[str, Any]] = {}
        for item in items:
            found.setdefault(item.timeframe, {})[item.symbol] = item.target
        return dict(found)

    def _wait_for_more(self) -> float | None:
        """Seconds until a call of others or a postponed one may be claimed; None when none is."""
        with self.database.transaction() as connection:
            count, wait = ledger.open_calls(connection, self.load_id)
        return wait + 0.01 if count else None

    def _give_up(self, lease: Lease, error: TickStockError) -> None:
        """Postpone or fail a call, by the class of its error."""
        final = not isinstance(error, Transient) or (
            lease.attempt >= self.policy.attempts and not isinstance(error, VendorThrottled)
        )
        log.warning("call not answered", call=str(lease.call), error=str(error), final=final)
        with self.database.transaction() as connection:
            if not final:
                delay = self.policy.delay(lease.attempt, self.dice)
                refund = isinstance(error, VendorThrottled)
                if isinstance(error, VendorThrottled) and error.retry_after is not None:
                    delay = timedelta(seconds=error.retry_after)
                ledger.postpone(connection, lease, delay, error, refund=refund)
                return
            if not ledger.fail(connection, lease, error):
                return
            failed = [lease.call]
            if isinstance(error, CredentialsRefused):
                failed += ledger.fail_rest(connection, self.load_id, error)
            self._mark_failed(connection, failed, error)

    def _mark_failed(self, connection: Any, calls: Sequence[Call], error: TickStockError) -> None:
        entitled = isinstance(error, NotEntitled)
        cause = HoleCause.NOT_ENTITLED if entitled else HoleCause.FAILED
        for timeframe in {c.timeframe for c in calls}:
            targets = self._targets[timeframe]
            holes = {
                (h.instrument_id, h.span): h
                for c in calls
                if c.timeframe is timeframe
                for h in failure_holes(c, targets, cause, str(error)[:500], self.clock())
            }
            asked = list(holes)
            coverage.replace_holes(connection, timeframe, asked, list(holes.values()))

    # -- leases -----------------------------------------------------------------------------
    def _lost(self, ids: set[int]) -> None:
        for id_ in ids:
            if task := self._tasks.get(id_):
                task.cancel()

    def _hand_back(self, leases: Sequence[Lease]) -> None:
        with self.database.transaction() as connection:
            ledger.hand_back(connection, leases)

    async def _patiently(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread; wait for a database that is away, to a limit."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.policy.database_patience
        pause = 0.1
        while True:
            try:
                return await asyncio.to_thread(work, *args, **kwargs)
            except DatabaseUnavailable as e:
                if loop.time() + pause > give_up:
                    raise
                log.warning("database away", error=str(e))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
