"""A worker process: takes jobs from the queue, drains them, writes their verdict."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog

from tickstock.errors import BadSetting, TickStockError
from tickstock.loading.report import Report
from tickstock.model import MARKET
from tickstock.service import TickStock
from tickstock.service.queue import defer_drain, queue_of, schedules_queue_of
from tickstock.service.vendor import account_of, open_vendor
from tickstock.sessions import shipped_calendar
from tickstock.store import job_items, jobs, ledger, tasks
from tickstock.store.jobs import Job
from tickstock.vendors import ActionSource, BarSource, Gate
from tickstock.worker.actions import Asking
from tickstock.worker.allocator import give_back_large_blocks
from tickstock.worker.drain import STOP_SECONDS, Drain
from tickstock.worker.engine import Engine, Tasks
from tickstock.worker.finish import End, Ends, Stage
from tickstock.worker.gate import SharedGate
from tickstock.worker.lane import Lane
from tickstock.worker.outage_retry import OutageRetry
from tickstock.worker.policy import Policy
from tickstock.worker.presence import Counts, Presence
from tickstock.worker.refolding import Refolding
from tickstock.worker.slices import Slices

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")
SourceFactory = Callable[[TickStock, tuple[str, ...]], BarSource]


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


def configured_source(tick: TickStock, symbols: tuple[str, ...]) -> BarSource:
    """The vendor of the settings. `symbols` is the listing that synthetic bars are made for, and
    what is read of files."""
    return open_vendor(tick.settings, shipped_calendar(), tick.clock, symbols)


class Worker:
    """Drains jobs in this process. One instance serves one event loop."""

    def __init__(
        self,
        tick: TickStock,
        *,
        policy: Policy | None = None,
        source: SourceFactory = configured_source,
        name: str | None = None,
    ) -> None:
        give_back_large_blocks()
        self._tick = tick
        self._policy = policy or Policy(lease=tick.settings.lease_seconds)
        self._open = source
        self.name = name or worker_name()
        self._drains: dict[uuid.UUID, Drain | None] = {}
        self._gates: dict[tuple[str, float], SharedGate] = {}
        self._counts = Counts(tick.database)
        self._presence = Presence(tick.database, self.name, tick.settings.vendor, self._counts)
        self._retry = OutageRetry(self._seconds_left)
        self._ends = Ends(tick.verdicts, self._retry)
        self._over: set[uuid.UUID] = set()
        self._lane = Lane()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask for a graceful end: fetched answers are committed, the rest is handed back."""
        self._stopping.set()
        for drain in self._drains.values():
            if drain is not None:
                drain.stop()

    async def drain(self, load_id: uuid.UUID) -> Report | None:
        """Work on one job until no call of it is open; answers the verdict if it was ours. A
        fault of ours ends the job as failed, which is its verdict then (see `finish`).

        Raises BadSetting for a job that was planned for another vendor than this process asks,
        and DatabaseUnavailable when the database stays away for longer than the policy allows.
        """
        if load_id in self._drains or self._stopping.is_set() or self._ends.rests(load_id):
            return None
        self._drains[load_id] = None
        try:
            async with self._ends.of(load_id) as end:
                await self._work_on(load_id, end)
        finally:
            del self._drains[load_id]
            self._over.discard(load_id)
            await asyncio.to_thread(self._flush)
        return end.report

    async def leave(self) -> None:
        """Add what was counted to the sums; after the last `drain`, where `run` is not used."""
        await self._presence.leave()

    async def run(self) -> None:
        """Do what the job engine hands out, until `stop`."""
        settings = self._tick.settings
        slices = Slices(self._tick.database, self, settings.vendor)
        engine = Engine(
            self._tick.database.conninfo, self.name, queue_of(settings.vendor),
            schedules_queue_of(settings.vendor, settings.environment), slices.places,
            Tasks(
                slices.perform, self._look, self._presence.introduce, self._tend,
                self._perform_schedules,
            ),
        )  # fmt: skip
        refolding = asyncio.create_task(
            Refolding(self._tick.bar_files, self._policy.refold_seconds).run(self._stopping),
            name="worker: refolding",
        )
        try:
            await engine.run(self._stopping)
        finally:
            self.stop()
            await refolding
            await slices.ended()
            await self._presence.leave()

    def has_begun(self, load_id: uuid.UUID) -> bool:
        """Whether it has got so far as to ask for calls of the job."""
        drain = self._drains.get(load_id)
        return drain is not None and drain.has_claimed

    def end_slice(self, load_id: uuid.UUID) -> None:
        """Bring what the vendor was asked to its end, and leave the rest to the next slice."""
        self._over.add(load_id)
        if drain := self._drains.get(load_id):
            drain.end_slice()

    def rests(self, load_id: uuid.UUID) -> bool:
        """Whether a job that could not be worked on here is not to be tried again yet."""
        return self._ends.rests(load_id)

    def hold_off(self, load_id: uuid.UUID, error: TickStockError) -> None:
        """The job cannot be worked on here; logged when that is new."""
        self._ends.hold_off(load_id, error)

    async def through_outages(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a thread, again while the database is away, as long as the policy says."""
        return await self._retry.through(lambda: asyncio.to_thread(work, *args, **kwargs))

    async def _work_on(self, load_id: uuid.UUID, end: End) -> None:
        load, symbols = await self.through_outages(self._read, load_id)
        if load.state.finished or load.paused_at is not None:
            return
        in_vain = await self._drain(load, symbols, end)
        if in_vain is not None:
            end.stage = Stage.VERDICT
            end.report = await self._ends.verdict(load_id, in_vain=in_vain)

    def _read(self, load_id: uuid.UUID) -> tuple[Job, tuple[str, ...]]:
        with self._tick.database.brief() as connection:
            load = jobs.read(connection, load_id)
            wanted = job_items.targets(connection, load_id)
            jobs.begin_activity(connection, load_id, self.name)
            symbols = {target.symbol for part in wanted.values() for target in part}
            # Of a whole market all are wanted, which no names say.
            return load, () if MARKET in symbols else tuple(symbols)

    async def _drain(self, load: Job, symbols: tuple[str, ...], end: End) -> bool | None:
        """Bars, then splits and dividends; whether it was in vain to ask for the latter. None when
        something is left to be asked, here or elsewhere."""
        tick = self._tick
        if load.vendor != tick.settings.vendor:
            raise BadSetting(
                f"The job {str(load.id)[:8]} was planned for the vendor {load.vendor}, and this "
                f"process asks {tick.settings.vendor}.",
                f"Set TICKSTOCK_VENDOR={load.vendor} to work on it.",
            )
        calendar = await self.through_outages(tick.dates.calendar)
        source = self._open(tick, symbols)
        gate = self._gate(source).of(load.id, load.priority)
        drain = Drain(
            tick.database, source, gate, calendar, load.id, self.name, self._policy,
            share=self._share, count=self._counts.add, lane=self._lane, clock=tick.clock,
            account=account_of(tick.settings),
        )  # fmt: skip
        self._drains[load.id] = drain
        end.is_excused = lambda: drain.blames_a_call
        if self._stopping.is_set():
            drain.stop()
        if load.id in self._over:
            drain.end_slice()
        try:
            await drain.run()
            end.stage = Stage.ACTIONS
            is_open, in_vain = await self.through_outages(self._look_at, load.id)
            if is_open:
                return None
            # After bars in vain they would meet the same; the next job asks for them.
            if in_vain or not isinstance(source, ActionSource):
                return True
            return False if await self._ask_for_actions(load.id, source, gate) else None
        finally:
            await source.close()

    def _seconds_left(self) -> float:
        return STOP_SECONDS if self._stopping.is_set() else self._policy.outage_seconds

    def _gate(self, source: BarSource) -> SharedGate:
        """One gate for all jobs of an account, so that the most urgent call goes first."""
        key = (source.name, source.limits.calls_per_minute)
        if key not in self._gates:
            self._gates[key] = SharedGate(self._tick.database, *key)
        return self._gates[key]

    def _share(self) -> int:
        """How many calls each of the jobs that are worked on here may have in hand."""
        return max(1, self._policy.concurrency // max(1, len(self._drains)))

    def _look_at(self, load_id: uuid.UUID) -> tuple[bool, bool]:
        """Whether calls are open, and whether the others were in vain."""
        with self._tick.database.transaction() as connection:
            is_open = ledger.open_calls(connection, load_id)[0] > 0
            return is_open, jobs.in_vain(connection, load_id)

    async def _ask_for_actions(self, load_id: uuid.UUID, source: ActionSource, gate: Gate) -> bool:
        """False when there is more to ask."""
        asking = Asking(
            self._tick.actions, source, gate, self.name, self._policy, lambda: load_id in self._over
        )
        task = asyncio.create_task(asking.run(load_id), name=f"actions of {load_id}")
        stop = asyncio.create_task(self._stopping.wait(), name="worker: stop")
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else False
        finally:
            task.cancel()
            stop.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    # -- what the job engine asks for ----------------------------------------------------------
    def _look(self, load_id: uuid.UUID) -> None:
        if drain := self._drains.get(load_id):
            drain.look()

    def _flush(self) -> None:
        """What was counted, for metrics. Nothing is lost if the database is away."""
        with contextlib.suppress(TickStockError):
            self._counts.flush()

    def _tend(self) -> None:
        """See to it that of every open job a task is there, and end what would keep others."""
        vendor = self._tick.settings.vendor
        with self._tick.database.brief() as connection:
            # Its locks may be in the way of a cancellation, or of any load of the same symbols.
            ledger.end_silent_copies(connection)
            for load_id, priority in tasks.unattended(connection, vendor).items():
                defer_drain(connection, load_id, vendor, priority)

    def _perform_schedules(self) -> None:
        self._tick.schedules.perform_due(self.name)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """SIGINT and SIGTERM ask for a graceful end; a second one ends at once."""
    loop = asyncio.get_running_loop()

    def once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.default_int_handler)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once, number)
