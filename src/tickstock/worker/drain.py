"""Drains one load: claim, fetch, commit, until nothing is left or somebody says stop.

Fetching waits on the network, so it is async; commits run in a thread, one at a time. While one
runs, further answers pile up and make the next batch.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog

from tickstock.clock import Clock, utc_now
from tickstock.errors import (
    Conflict,
    CredentialsRefused,
    DatabaseRefused,
    DatabaseUnavailable,
    NotEntitled,
    TickStockError,
    Transient,
    VendorThrottled,
    VendorTooSlow,
    VendorUnreadable,
)
from tickstock.failpoints import reach
from tickstock.loading.entitlement import Met, is_refused, parts_of_refused
from tickstock.loading.judge import Targets, Wanted, failure_holes, narrowed
from tickstock.model import Answer, Call, Hole, HoleCause, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span, subtract
from tickstock.store import bars, coverage, job_items, jobs, ledger
from tickstock.store.database import Database
from tickstock.store.ledger import Lease
from tickstock.vendors import BarSource, Gate
from tickstock.waiting import within
from tickstock.worker.belief import Belief
from tickstock.worker.commit import Committed, Fetched, commit
from tickstock.worker.heartbeat import Heartbeat
from tickstock.worker.patience import Patience
from tickstock.worker.room import Room, most_bars
from tickstock.worker.second_look import look_again

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")

AGAIN = (Transient, DatabaseRefused, Conflict)
"""Errors after which a call is asked again, up to the policy's attempts. That includes a full disk,
which somebody may have emptied by then."""
NO_ATTEMPT = (VendorThrottled, DatabaseUnavailable)
"""Errors that are nothing against the call: they do not count as an attempt."""
LOOK_SECONDS = 1.0
"""How often to look for calls that others handed back, or that waited for their time."""
STOP_PATIENCE = 3.0
"""Seconds that somebody who said stop waits for a database that is away."""
THREADS = 2
"""While one commits, the other one claims."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try. Times in seconds.

    `concurrency` calls and `bars` may be in hand, of all loads together; `batch` calls, or the
    first few of them that hold `batch_bars`, are committed at once.
    """

    lease: float = 30.0
    concurrency: int = 64
    bars: int = 150_000
    batch: int = 50
    batch_bars: int = 25_000
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
    share: Callable[[], int] | None = None
    """How many calls this load may have in hand now; without it, the policy's `concurrency`."""
    count: Callable[[str, str, int], None] = lambda *_: None
    """Told what happens, for metrics: the name of a sum, its label, and how much to add."""
    committed: int = 0
    has_claimed: bool = False
    """Whether calls were asked for, if there were any."""
    is_whole: bool = False
    """Whether `run` has looked at all answers once more, and left nothing to be done."""
    blames_a_call: bool = False
    """Whether what `run` raised was put down to a call, which is asked again: not for ever."""
    _heart: Heartbeat | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _ready: asyncio.Queue[Fetched | None] = field(default_factory=asyncio.Queue)
    _tasks: dict[Lease, asyncio.Task[None]] = field(default_factory=dict)
    _fetching: set[Lease] = field(default_factory=set)
    _unasked: set[Lease] = field(default_factory=set)
    """Of these: those that wait for room or for the gate, so that nothing is lost with them."""
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _wanted: dict[Timeframe, Wanted] = field(default_factory=dict)
    _met: dict[Timeframe, Met] = field(default_factory=dict)
    _met_by: Counter[tuple[int, type]] = field(default_factory=Counter)
    _belief: Belief = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _room: Room = field(init=False)
    _uncommitted: int = 0
    _refused: CredentialsRefused | None = None
    _crash: BaseException | None = None
    _patience: Patience = field(init=False)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS))
    """The memory that a commit took, the allocator keeps for the thread: so they are few."""

    def __post_init__(self) -> None:
        self._room = Room(self.policy.bars)
        self._belief = Belief(self.calendar, self.clock)
        self._patience = Patience(self._patience_left)

    def stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def end_slice(self) -> None:
        """Claim no more, hand back what the vendor was not asked yet, and end after the rest."""
        self._over.set()
        self._lost(self._unasked)
        self._changed.set()

    def look(self) -> None:
        """Something happened to the load elsewhere: see at once which calls are still ours."""
        if self._heart is not None:
            self._heart.beat_now()
        self._changed.set()

    async def run(self) -> None:
        """Work until nothing of the load can be done here any more.

        Raises:
            DatabaseUnavailable: the database stayed away for longer than the policy's patience.
            Exception: whatever was not foreseen, after the other calls were handed back. The call
                that it happened to is asked again, up to the policy's attempts.
        """
        lease = timedelta(seconds=self.policy.lease)
        self._wanted = await self._patiently(self._read_targets)
        async with Heartbeat(self.database, lease, self._lost) as heart:
            self._heart = heart
            committer = asyncio.create_task(self._commit_all(heart))
            try:
                await self._claim_all(heart, committer)
            finally:
                await self._wind_up(heart, committer)
                if self._crash is None and not self.is_whole:
                    await self._patiently(self._second_look)
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
            most = self.share() if self.share else self.policy.concurrency
            self._room.resize(self.policy.bars * most // self.policy.concurrency)
            free = most - len(self._tasks)
            if self._uncommitted >= 2 * self.policy.batch:
                free = 0
            claimed = await self._patiently(self._claim, free) if free > 0 else []
            self.has_claimed = True
            for lease in claimed:
                self._start(lease, heart)
            if self._over.is_set():  # by now
                self._lost(self._unasked)
            if claimed:
                continue
            if self._tasks or self._uncommitted:
                await self._nap(LOOK_SECONDS)
                continue
            wait = await self._patiently(self._wait_for_more)
            if wait is None:
                self.is_whole = True
                return
            await self._nap(min(wait, LOOK_SECONDS))

    def _start(self, lease: Lease, heart: Heartbeat) -> None:
        # After a freeze we may meet calls whose lease we have lost ourselves.
        self._lost([older for older in self._fetching if older.id == lease.id])
        heart.hold(lease)
        self._fetching.add(lease)
        self._unasked.add(lease)
        task = asyncio.create_task(self._ask(lease, heart))
        self._tasks[lease] = task

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[lease]
            self._fetching.discard(lease)
            self._unasked.discard(lease)
            if not task.cancelled() and (error := task.exception()):
                self._crash, self.blames_a_call = error, False
            self._changed.set()

        task.add_done_callback(ended)

    async def _ask(self, lease: Lease, heart: Heartbeat) -> None:
        """Fetch one call, and settle what is not an answer."""
        try:
            fetched = await self._fetch(lease)
        except CredentialsRefused as error:
            self._refused = error  # every call would meet it: see _wind_up
        except Exception as error:
            heart.drop(lease)
            await self._patiently(self._give_up, [lease], self._told(lease, error))
        else:
            self._uncommitted += 1
            self._ready.put_nowait(fetched)

    async def _fetch(self, lease: Lease) -> Fetched:
        """What was answered, in as much room as it takes."""
        expected = most_bars(lease.call, lease.cells, self.calendar)
        await self._room.enter(expected)
        size = 0
        try:
            targets = self._wanted[lease.call.timeframe].of(lease.call)
            answer = narrowed(await self._answer(lease, targets), targets)
            size = len(answer.bars)
        finally:
            self._room.leave(expected - size)
        return Fetched(lease, answer, targets)

    async def _answer(self, lease: Lease, targets: Targets) -> Answer:
        reach("drain.fetch")
        try:
            self._refuse_known(lease.call)
            self._unasked.discard(lease)
            door = _Door(self.gate, lease, self._unasked)
            answer = await self._belief.ask(lease.call, targets, self.source, door)
        except TickStockError as error:
            self.count("answers", type(error).__name__, 1)
            raise
        finally:
            self._fetching.discard(lease)
        self.count("answers", "bars" if len(answer.bars) else "empty", 1)
        if answer.aside:
            told = {"rows": len(answer.aside), "first": str(answer.aside[0])}
            log.warning("rows put aside", call=str(lease.call), **told)
        reach("drain.fetched")
        return answer

    def _refuse_known(self, call: Call) -> None:
        """Raise NotEntitled for days that the account was refused in calls for other symbols."""
        if is_refused(call, self._met.get(call.timeframe, Met()), self.calendar):
            raise NotEntitled(
                f"The vendor account is not entitled to {call}: calls for other symbols told.",
                "Ask for a span that the plan includes, or change the plan.",
            )

    def _told(self, lease: Lease, error: Exception) -> TickStockError:
        """The error as the ledger gets it. One that nobody foresaw ends this drain."""
        if isinstance(error, DatabaseUnavailable):
            self._patience.tell(error)
        if isinstance(error, TickStockError):
            return error
        log.error("unforeseen error", call=str(lease.call), exc_info=error)
        self._crash, self.blames_a_call = error, True
        return VendorUnreadable(
            f"The answer for {lease.call} met an error inside TickStock ({type(error).__name__}).",
            "The log has the details; please report it.",
        )

    async def _commit_all(self, heart: Heartbeat) -> None:
        """Commit what has arrived, in batches, until the end mark."""
        ended = False
        while not ended:
            batch: list[Fetched] = []
            while not ended and (not batch or self._has_more(batch)):
                fetched = await self._ready.get()
                if fetched is None:
                    ended = True
                else:
                    batch.append(fetched)
            await self._commit(batch, heart)

    def _has_more(self, batch: Sequence[Fetched]) -> bool:
        """Whether another answer has arrived, and the batch can take it."""
        full = len(batch) >= self.policy.batch or _bars_in(batch) >= self.policy.batch_bars
        return not full and not self._ready.empty()

    async def _commit(self, batch: Sequence[Fetched], heart: Heartbeat) -> None:
        if not batch:
            return
        try:
            done = await self._patiently(commit, self.database, batch, self.calendar, self.clock())
        except DatabaseUnavailable:
            raise
        except Exception as error:
            # One answer that the database cannot take must not take the others with it.
            if len(batch) > 1:
                for fetched in batch:
                    await self._commit([fetched], heart)
                return
            lease = batch[0].lease
            await self._patiently(self._give_up, [lease], self._told(lease, error))
        else:
            reach("drain.committed")
            self._note(done, len(batch))
        heart.drop(*(fetched.lease for fetched in batch))
        self._uncommitted -= len(batch)
        self._room.leave(_bars_in(batch))
        self._changed.set()

    def _note(self, done: Committed, size: int) -> None:
        self.committed += size - len(done.refused)
        self.count("bars", "new", done.rows_new)
        self.count("bars", "changed", done.rows_changed)
        if done.refused:
            log.warning("late commit refused", load=str(self.load_id), calls=len(done.refused))

    async def _nap(self, longest: float) -> None:
        """Until something changed here, or `longest` seconds."""
        await within(longest, self._changed)
        self._changed.clear()

    async def _wind_up(self, heart: Heartbeat, committer: asyncio.Task[None]) -> None:
        """Commit what has arrived, and hand back what has not, or fail it with the rest."""
        self._stopping.set()  # whatever it was that ended the claiming
        tasks = list(self._tasks.values())
        self._lost(list(self._fetching))
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ready.put_nowait(None)
        (error,) = await asyncio.gather(committer, return_exceptions=True)
        if error is not None:
            self._crash, self.blames_a_call = error, False
        left = heart.held()
        if self._refused is not None:
            await self._patiently(self._give_up, left, self._refused)
        elif left:
            await self._patiently(self._hand_back, left)

    # -- what runs in a thread ----------------------------------------------------------------
    def _claim(self, most: int) -> list[Lease]:
        lease = timedelta(seconds=self.policy.lease)
        reach("drain.claim")
        with self.database.brief() as connection:
            found = ledger.claim(connection, self.load_id, self.worker, most, lease)
        reach("drain.claimed")
        return found

    def _read_targets(self) -> dict[Timeframe, Wanted]:
        reach("drain.targets")
        with self.database.brief() as connection:
            found = job_items.targets(connection, self.load_id)
            self._belief.learn(ledger.lengths(connection, self.load_id))
        return {timeframe: Wanted(targets) for timeframe, targets in found.items()}

    def _wait_for_more(self) -> float | None:
        """Seconds until a call of others or a postponed one may be claimed; None when none is."""
        reach("drain.look")
        with self.database.brief() as connection:
            count, wait = ledger.open_calls(connection, self.load_id)
            if count:
                ledger.end_silent_copies(connection)
            else:
                count = self._look_again(connection)
            paused = jobs.is_paused(connection, self.load_id)
        return wait + 0.01 if count and not paused else None

    def _second_look(self) -> None:
        with self.database.brief() as connection:
            self._look_again(connection)

    def _look_again(self, connection: Any) -> int:
        """Have asked again what can be told not to be whole by the end alone."""
        wanted = {timeframe: of.targets for timeframe, of in self._wanted.items()}
        return look_again(connection, self.load_id, wanted, self.calendar, self.clock())

    def _give_up(self, leases: Sequence[Lease], error: TickStockError) -> None:
        """Postpone or fail calls, by the class of the error."""
        with self.database.brief() as connection:
            failed = [call for x in leases for call in self._fails(connection, x, error)]
            if isinstance(error, CredentialsRefused):
                failed += ledger.fail_rest(connection, self.load_id, error)
            if failed:
                self._mark_failed(connection, failed, error)
            reach("drain.giving_up")
        reach("drain.given_up")

    def _fails(self, connection: Any, lease: Lease, error: TickStockError) -> list[Call]:
        """Fail the call for good, if that is what the error means, or have it asked again, or its
        parts. Answers what has failed."""
        free = isinstance(error, NO_ATTEMPT)
        self._met_by[lease.id, type(error)] += 1
        often = self._met_by[lease.id, type(error)] >= self._belief.most_tries(lease.call, error)
        left = lease.attempt < self.policy.attempts and not often
        again = isinstance(error, AGAIN) and (free or left)
        if not isinstance(error, DatabaseUnavailable):  # an outage is told once for all calls
            log.warning(
                "call not answered", call=str(lease.call), error=str(error), final=not again
            )
        if isinstance(error, NotEntitled):
            return self._refused_parts(connection, lease, error)
        if isinstance(error, VendorTooSlow) and (parts := self._belief.parts(lease.call)):
            if ledger.fail(connection, lease, error):
                ledger.replace_call(connection, lease, parts)
            return []
        if not again:
            return [lease.call] if ledger.fail(connection, lease, error) else []
        delay = self.policy.delay(lease.attempt, self.dice)
        if isinstance(error, VendorThrottled) and error.retry_after is not None:
            delay = timedelta(seconds=error.retry_after)
        ledger.postpone(connection, lease, delay, error, refund=free)
        return []

    def _refused_parts(self, connection: Any, lease: Lease, error: NotEntitled) -> list[Call]:
        """Have those parts asked that the account may be entitled to; answers the others."""
        call = lease.call
        if not ledger.fail(connection, lease, error):
            return []
        met = ledger.met(connection, self.load_id, call.timeframe, self.calendar)
        self._met[call.timeframe] = met
        parts = parts_of_refused(call, met, self.calendar)
        ledger.replace_call(connection, lease, parts)
        rest = subtract([call.span], [part.span for part in parts])
        return [replace(call, span=span) for span in rest]

    def _mark_failed(self, connection: Any, calls: Sequence[Call], error: TickStockError) -> None:
        entitled = isinstance(error, NotEntitled)
        cause = HoleCause.NOT_ENTITLED if entitled else HoleCause.FAILED
        found: dict[Timeframe, dict[tuple[int, Span], Hole]] = {}
        for call in calls:
            targets = self._wanted[call.timeframe].of(call)
            for hole in failure_holes(call, targets, cause, str(error)[:500], self.clock()):
                found.setdefault(call.timeframe, {})[hole.instrument_id, hole.span] = hole
        bars.lock_instruments(connection, sorted({i for holes in found.values() for i, _ in holes}))
        for timeframe, holes in found.items():
            coverage.replace_holes(connection, timeframe, list(holes), list(holes.values()))

    # -- leases -----------------------------------------------------------------------------
    def _lost(self, leases: Collection[Lease]) -> None:
        """End the fetching of calls that are no longer ours; what is being settled goes on."""
        for lease in self._fetching.intersection(leases):
            self._tasks[lease].cancel()

    def _hand_back(self, leases: Sequence[Lease]) -> None:
        reach("drain.hand_back")
        with self.database.brief() as connection:
            ledger.hand_back(connection, leases)
            reach("drain.handing_back")
        reach("drain.handed_back")

    async def _patiently(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread; wait for a database that is away, to a limit, and do it again
        when it clashed with the work of others (a deadlock, a row that was there first)."""
        loop, done = asyncio.get_running_loop(), partial(work, *args, **kwargs)
        context = contextvars.copy_context()
        return await self._patience.past_clashes(
            lambda: loop.run_in_executor(self._threads, partial(context.copy().run, done))
        )

    def _patience_left(self) -> float:
        return STOP_PATIENCE if self._stopping.is_set() else self.policy.database_patience


@dataclass(slots=True)
class _Door:
    """The gate as a call meets it: until the first time that it is let in, the vendor has not been
    asked."""

    gate: Gate
    lease: Lease
    unasked: set[Lease]
    is_in: bool = False

    async def enter(self) -> None:
        if not self.is_in:
            self.unasked.add(self.lease)
        await self.gate.enter()
        self.is_in = True
        self.unasked.discard(self.lease)

    async def push_back(self, seconds: float | None) -> None:
        await self.gate.push_back(seconds)


def _bars_in(batch: Sequence[Fetched]) -> int:
    return sum(len(fetched.answer.bars) for fetched in batch)
