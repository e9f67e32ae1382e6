"""Drains one job: claim, fetch, commit, until nothing is left or somebody says stop.

Fetching waits on the network, so it is async; commits run in a thread, one at a time. What is done
where: `fetching`, `committing`, and for calls that were not answered `settling`.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import uuid
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from tickstock.clock import Clock, awake_or_not, utc_now
from tickstock.errors import (
    CredentialsRefused,
    FenceLost,
    TickStockError,
    VendorUnreadable,
)
from tickstock.failpoints import reach
from tickstock.loading.targets import WantedTargets
from tickstock.model import Timeframe
from tickstock.sessions import Calendar
from tickstock.shortage import shortage
from tickstock.store import job_items, jobs, ledger
from tickstock.store.account_limits import Account
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.ledger import Lease
from tickstock.vendors import BarSource, Gate
from tickstock.waiting import within
from tickstock.worker.belief import Belief
from tickstock.worker.committing import Committer
from tickstock.worker.entitled import Entitled
from tickstock.worker.fetching import Count, Fetcher
from tickstock.worker.heartbeat import Heartbeat
from tickstock.worker.lane import Lane
from tickstock.worker.memory_budget import MemoryBudget
from tickstock.worker.outage_retry import OutageRetry
from tickstock.worker.policy import Policy
from tickstock.worker.second_look import look_again
from tickstock.worker.settling import Settler

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")

LOOK_SECONDS = 1.0
"""How often to look for calls that others handed back, or that waited for their time."""
STOP_SECONDS = 3.0
"""Seconds that somebody who said stop waits for a database that is away."""
THREADS = 2
"""While one commits, the other one claims."""


@dataclass(slots=True)
class Drain:
    """One job being drained in this process. `run` returns when no call of it is open here.

    `stop` asks for a graceful end: what is fetched is committed, the rest is handed back.
    `end_slice` waits for what the vendor has been asked, too.
    """

    database: Database
    source: BarSource
    gate: Gate
    calendar: Calendar
    load_id: uuid.UUID
    worker: str
    policy: Policy = field(default_factory=Policy)
    clock: Clock = utc_now
    dice: random.Random = field(default_factory=random.Random)
    account: Account | None = None
    """Whose account is asked; without it, nothing is kept of what it includes."""
    share: Callable[[], int] | None = None
    """How many calls this job may have in hand now; without it, the policy's `concurrency`."""
    count: Count = lambda *_: None
    lane: Lane = field(default_factory=Lane)
    """That of the process, for calls that workers were lost with."""
    has_claimed: bool = False
    """Whether calls were asked for, if there were any."""
    is_whole: bool = False
    """Whether `run` has looked at all answers once more, and left nothing to be done."""
    blames_a_call: bool = False
    """Whether what `run` raised was put down to a call, which is asked again: not for ever."""
    _heart: Heartbeat | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[Lease, asyncio.Task[None]] = field(default_factory=dict)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _wanted: dict[Timeframe, WantedTargets] = field(default_factory=dict)
    _is_alone: bool = False
    """Whether a call is in hand that workers were lost with: then it is the only one."""
    _belief: Belief = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _memory: MemoryBudget = field(init=False)
    _settler: Settler = field(init=False)
    _fetcher: Fetcher = field(init=False)
    _committer: Committer = field(init=False)
    _refused: CredentialsRefused | None = None
    _crash: BaseException | None = None
    _retry: OutageRetry = field(init=False)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS))
    """The memory that a commit took, the allocator keeps for the thread: so they are few."""

    def __post_init__(self) -> None:
        self._memory = MemoryBudget(self.policy.bars)
        self._belief = Belief(self.calendar, self.clock)
        self._retry = OutageRetry(self._seconds_left)
        entitled = Entitled(self.source, self.calendar, self.clock)
        self._fetcher = Fetcher(
            entitled, self.gate, self.calendar, self._belief, self._memory, self.count,
            self._wanted,
        )  # fmt: skip
        self._settler = Settler(
            self.database, self.load_id, self.clock, self.policy, self.dice, self._belief,
            self._wanted, entitled, self.calendar, self.account,
        )  # fmt: skip
        self._committer = Committer(
            self.database, self.load_id, self.calendar, self.clock, self.policy, self._memory,
            self.count, self._through_outages, self._settle, self._changed,
        )  # fmt: skip

    @property
    def committed(self) -> int:
        """How many calls were committed."""
        return self._committer.committed

    def stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def end_slice(self) -> None:
        """Claim no more, hand back what the vendor was not asked yet, and end after the rest."""
        self._over.set()
        self._lost(self._fetcher.unasked)
        self._changed.set()

    def look(self) -> None:
        """Something happened to the job elsewhere: see at once which calls are still ours."""
        if self._heart is not None:
            self._heart.beat_now()
        self._changed.set()

    async def run(self) -> None:
        """Work until nothing of the job can be done here any more.

        Raises:
            DatabaseUnavailable: the database stayed away for longer than the policy allows.
            Exception: whatever was not foreseen, after the other calls were handed back. The call
                that it happened to is asked again, up to the policy's attempts.
        """
        lease = timedelta(seconds=self.policy.lease)
        self._wanted |= await self._through_outages(self._read_targets)
        async with Heartbeat(self.database, lease, self._lost) as heart:
            self._heart = heart
            committer = asyncio.create_task(
                self._committer.run(heart), name=f"commits of {self.load_id}"
            )
            try:
                await self._claim_all(heart, committer)
            finally:
                try:
                    await self._wind_up(heart, committer)
                    if self._crash is None and not self.is_whole:
                        await self._through_outages(self._second_look)
                finally:
                    self.lane.leave(self)  # or nobody in this process ever has it again
                    self._threads.shutdown(wait=False)
        if self._crash is not None:
            raise self._crash

    async def _claim_all(self, heart: Heartbeat, committer: asyncio.Task[None]) -> None:
        while not (self._stopping.is_set() or committer.done() or self._crash or self._refused):
            if self._over.is_set():
                if not self._tasks:
                    return
                await self._nap(LOOK_SECONDS)
                continue
            free, alone = self._free()
            claimed, asked = list[Lease](), 0.0
            if free > 0:
                claimed, asked = await self._through_outages(self._claim, free, alone)
            is_still = self._is_alone and free == 0
            self._is_alone = is_still or any(lease.lost for lease in claimed)
            if alone and not self._is_alone:
                self.lane.leave(self)
            self.has_claimed = True
            for lease in claimed:
                self._start(lease, heart, asked)
            if self._over.is_set():  # by now
                self._lost(self._fetcher.unasked)
            if claimed:
                continue
            if self._tasks or self._committer.uncommitted:
                await self._nap(LOOK_SECONDS)
                continue
            wait = await self._through_outages(self._wait_for_more)
            if wait is None:
                self.is_whole = True
                return
            await self._nap(min(wait, LOOK_SECONDS) if alone else LOOK_SECONDS)

    def _free(self) -> tuple[int, bool]:
        """How many calls may be claimed now, and whether it may be one that workers were lost
        with: not beside others, and one at a time in this process."""
        most = self.share() if self.share else self.policy.concurrency
        self._memory.resize(self.policy.bars * most // self.policy.concurrency)
        has_none = not self._tasks and not self._committer.uncommitted
        is_full = self._committer.uncommitted >= 2 * self.policy.batch
        if is_full or (self._is_alone and not has_none):
            return 0, False
        return most - len(self._tasks), has_none and self.lane.take(self)

    def _start(self, lease: Lease, heart: Heartbeat, asked: float) -> None:
        # After a freeze we may meet calls whose lease we have lost ourselves.
        self._lost([older for older in self._fetcher.fetching if older.id == lease.id])
        heart.hold(lease, asked)
        self._fetcher.begin(lease)
        task = asyncio.create_task(self._ask(lease, heart), name=f"call {lease.id}")
        self._tasks[lease] = task

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[lease]
            self._fetcher.end(lease)
            if not task.cancelled() and (error := task.exception()):
                self._crash, self.blames_a_call = error, False
            self._changed.set()

        task.add_done_callback(ended)

    async def _ask(self, lease: Lease, heart: Heartbeat) -> None:
        """Fetch one call, and settle what is not an answer."""
        try:
            fetched = await self._fetcher.fetch(lease, _Hold(self, lease, heart))
        except CredentialsRefused as error:
            self._refused = error  # every call would meet it: see _wind_up
        except FenceLost as error:
            heart.drop(lease)
            log.warning("call not asked", call=str(lease.call), error=str(error))
        except Exception as error:
            heart.drop(lease)
            await self._settle(lease, error, self._fetcher.asked.pop(lease, 0))
            self._fetcher.recall()
        else:
            self._committer.add(fetched)

    async def hold_on(self, lease: Lease, heart: Heartbeat) -> None:
        """Raise FenceLost unless the lease is still ours, which by our clock it need not be."""
        if await self._through_outages(heart.renew, [lease]):
            raise FenceLost(f"The lease of the call {lease.call} has gone to another worker.")

    async def _settle(self, lease: Lease, error: Exception, asked: int) -> None:
        await self._give_up({lease: asked}, self._ledger_error(lease, error))

    async def _give_up(self, asked: Mapping[Lease, int], error: TickStockError) -> None:
        given = [self._settler.met(lease, error, count) for lease, count in asked.items()]
        await self._through_outages(self._settler.give_up, given, error)

    def _ledger_error(self, lease: Lease, error: Exception) -> TickStockError:
        """The error as the ledger gets it. One that nobody foresaw ends this drain."""
        if isinstance(error, TickStockError):
            return error
        if short := shortage(error):
            return short
        log.error("unforeseen error", call=str(lease.call), exc_info=error)
        self._crash, self.blames_a_call = error, True
        return VendorUnreadable(
            f"The answer for {lease.call} met an error inside TickStock ({type(error).__name__}).",
            "The log has the details; please report it.",
        )

    async def _nap(self, longest: float) -> None:
        """Until something changed here, or `longest` seconds."""
        await within(longest, self._changed)
        self._changed.clear()

    async def _wind_up(self, heart: Heartbeat, committer: asyncio.Task[None]) -> None:
        """Commit what has arrived, and hand back what has not, or fail it with the rest."""
        self._stopping.set()  # whatever it was that ended the claiming
        tasks = list(self._tasks.values())
        self._lost(list(self._fetcher.fetching))
        await asyncio.gather(*tasks, return_exceptions=True)
        self._committer.end()
        (error,) = await asyncio.gather(committer, return_exceptions=True)
        if error is not None:
            self._crash, self.blames_a_call = error, False
        left = {lease: self._fetcher.asked[lease] for lease in heart.held()}
        if self._refused is not None:
            await self._give_up(left, self._refused)
        elif left:
            await self._through_outages(self._hand_back, left)

    # -- what runs in a thread ----------------------------------------------------------------
    def _claim(self, most: int, alone: bool) -> tuple[list[Lease], float]:
        """Leases, and when they were asked for by our clock."""
        lease, asked = timedelta(seconds=self.policy.lease), awake_or_not()
        reach("drain.claim")
        with self.database.brief() as connection:
            if alone:
                self._settler.set_aside(connection)
            found = ledger.claim(
                connection, self.load_id, self.worker, most, lease, alone=alone
            )  # fmt: skip
        reach("drain.claimed")
        return found, asked

    def _read_targets(self) -> dict[Timeframe, WantedTargets]:
        reach("drain.targets")
        with self.database.brief() as connection:
            found = job_items.targets(connection, self.load_id)
            self._belief.learn(ledger.lengths(connection, self.load_id))
            self._settler.begin_account(connection, found)
        return {timeframe: WantedTargets(targets) for timeframe, targets in found.items()}

    def _wait_for_more(self) -> float | None:
        """Seconds until a call of others or a postponed one may be claimed; None when none is."""
        reach("drain.look")
        self._settler.keep_account()
        with self.database.brief() as connection:
            count, wait = ledger.open_calls(connection, self.load_id)
            if count:
                ledger.end_silent_copies(connection)
            else:
                count = self._look_again(connection)
            paused = jobs.is_paused(connection, self.load_id)
        return wait + 0.01 if count and not paused else None

    def _second_look(self) -> None:
        self._settler.keep_account()
        with self.database.brief() as connection:
            self._look_again(connection)

    def _look_again(self, connection: Connection) -> int:
        """Have asked again what can be told not to be whole by the end alone."""
        wanted = {timeframe: of.targets for timeframe, of in self._wanted.items()}
        return look_again(connection, self.load_id, wanted, self.calendar, self.clock())

    # -- leases -----------------------------------------------------------------------------
    def _lost(self, leases: Collection[Lease]) -> None:
        """End the fetching of calls that are no longer ours; what is being settled goes on."""
        for lease in self._fetcher.fetching.intersection(leases):
            self._tasks[lease].cancel()

    def _hand_back(self, asked: Mapping[Lease, int]) -> None:
        reach("drain.hand_back")
        with self.database.brief() as connection:
            ledger.hand_back(connection, list(asked), list(asked.values()))
            reach("drain.handing_back")
        reach("drain.handed_back")

    async def _through_outages(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread; wait for a database that is away, to a limit, and do it again
        when it clashed with the work of others (a deadlock, a row that was there first)."""
        loop, done = asyncio.get_running_loop(), partial(work, *args, **kwargs)
        context = contextvars.copy_context()
        return await self._retry.past_clashes(
            lambda: loop.run_in_executor(self._threads, partial(context.copy().run, done))
        )

    def _seconds_left(self) -> float:
        return STOP_SECONDS if self._stopping.is_set() else self.policy.outage_seconds


@dataclass(frozen=True, slots=True)
class _Hold:
    """The lease of one call, as the gate looks at it."""

    drain: Drain
    lease: Lease
    heart: Heartbeat

    def is_overdue(self) -> bool:
        return self.heart.is_overdue(self.lease)

    async def renew(self) -> None:
        await self.drain.hold_on(self.lease, self.heart)
