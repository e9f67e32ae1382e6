"""A worker process: takes loads from the queue, drains them, writes their verdict."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException

from tickstock.errors import BadSetting, TickStockError
from tickstock.failpoints import reach
from tickstock.loading.report import Report
from tickstock.service import TickStock
from tickstock.service.queue import DRAIN, SILENCE, queue_of
from tickstock.service.vendor import open_vendor
from tickstock.sessions import shipped_calendar
from tickstock.store import ledger
from tickstock.store.ledger import Load
from tickstock.store.listen import LOAD, notifications
from tickstock.vendors import ActionSource, BarSource, Gate
from tickstock.waiting import end, within
from tickstock.worker.actions import Asking
from tickstock.worker.crew import Crew
from tickstock.worker.drain import STOP_PATIENCE, Drain, Policy
from tickstock.worker.finish import End, Ends, Stage
from tickstock.worker.gate import SharedGate
from tickstock.worker.patience import Patience
from tickstock.worker.presence import Counts, Presence
from tickstock.worker.scheduler import Scheduler

log = structlog.get_logger("tickstock.worker")
RESCUE_SECONDS = 5.0
"""How often a worker looks for loads whose worker is gone: with leases of 30 s, somebody else
goes on within 45 s."""
LOADS_AT_ONCE = 16
"""Loads that one process works on side by side. They share its calls; when there are more, they
take turns."""
QUEUE_CONNECTIONS = 4
CLEAN_SECONDS = 60.0
"""How often a worker removes jobs from the queue that nobody needs any more."""
QUEUE_SECONDS = 5.0
"""How long the queue waits for a connection: also what a stop may have to wait for."""
QUEUE_PAUSE = 1.0
"""Seconds until a queue whose connection broke is opened again."""

P = ParamSpec("P")
T = TypeVar("T")
SourceFactory = Callable[[TickStock, tuple[str, ...]], BarSource]


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


def configured_source(tick: TickStock, symbols: tuple[str, ...]) -> BarSource:
    """The vendor of the settings. `symbols` is the listing that invented bars are made for, and
    what is read of files."""
    return open_vendor(tick.settings, shipped_calendar(), tick.clock, symbols)


class Worker:
    """Drains loads in this process. One instance serves one event loop."""

    def __init__(
        self,
        tick: TickStock,
        *,
        policy: Policy | None = None,
        source: SourceFactory = configured_source,
        name: str | None = None,
    ) -> None:
        self._tick = tick
        self._policy = policy or Policy(lease=tick.settings.lease_seconds)
        self._open = source
        self.name = name or worker_name()
        self._drains: dict[uuid.UUID, Drain | None] = {}
        self._gates: dict[tuple[str, float], SharedGate] = {}
        self._counts = Counts(tick.database)
        self._presence = Presence(tick.database, self.name, tick.settings.vendor, self._counts)
        self._patience = Patience(self._patience_left)
        self._ends = Ends(tick.loads, self._patience)
        self._stopping = asyncio.Event()
        self._nudged = asyncio.Event()

    def stop(self) -> None:
        """Ask for a graceful end: fetched answers are committed, the rest is handed back."""
        self._stopping.set()
        for drain in self._drains.values():
            if drain is not None:
                drain.stop()

    async def drain(self, load_id: uuid.UUID) -> Report | None:
        """Work on one load until no call of it is open; answers the verdict if it was ours. A
        fault of ours ends the load as failed, which is its verdict then (see `finish`).

        Raises BadSetting for a load that was planned for another vendor than this process asks,
        and DatabaseUnavailable when the database stays away for longer than the policy's patience.
        """
        if load_id in self._drains or self._stopping.is_set() or self._ends.rests(load_id):
            return None
        self._drains[load_id] = None
        try:
            async with self._ends.of(load_id) as end:
                await self._work_on(load_id, end)
        finally:
            del self._drains[load_id]
        return end.report

    async def leave(self) -> None:
        """Add what was counted to the sums; after the last `drain`, where `run` is not used."""
        await self._presence.leave()

    async def run(self) -> None:
        """Serve the queue until `stop`."""
        work = (self._serve(), self._take_turns(), self._hear(), self._clean())
        parts = {asyncio.create_task(part) for part in work}
        parts.add(asyncio.create_task(self._presence.run(self._stopping)))
        parts.add(asyncio.create_task(Scheduler(self._tick, self.name).run(self._stopping)))
        stop = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait({*parts, stop}, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        for part in parts:
            part.cancel()  # once: what a part does at its end must not be cut short
        await asyncio.gather(*parts, stop, return_exceptions=True)
        await self._presence.leave()
        for task in done - {stop}:
            task.result()

    async def _work_on(self, load_id: uuid.UUID, end: End) -> None:
        load, symbols = await self._patiently(self._read, load_id)
        if load.state.finished or load.paused_at is not None:
            return
        if await self._drain(load, symbols, end):
            end.stage = Stage.VERDICT
            end.report = await self._ends.verdict(load_id)

    def _read(self, load_id: uuid.UUID) -> tuple[Load, tuple[str, ...]]:
        with self._tick.database.transaction() as connection:
            load = ledger.read(connection, load_id)
            ledger.begin_activity(connection, load_id, self.name)
            wanted = ledger.targets(connection, load_id)
            return load, tuple({target.symbol for part in wanted.values() for target in part})

    async def _drain(self, load: Load, symbols: tuple[str, ...], end: End) -> bool:
        """Bars, then splits and dividends; false when the latter are left to another worker."""
        tick = self._tick
        if load.vendor != tick.settings.vendor:
            raise BadSetting(
                f"The load {str(load.id)[:8]} was planned for the vendor {load.vendor}, and this "
                f"process asks {tick.settings.vendor}.",
                f"Set TICKSTOCK_VENDOR={load.vendor} to work on it.",
            )
        calendar = await self._patiently(tick.loads.calendar)
        source = self._open(tick, symbols)
        gate = self._gate(source).of(load.id, load.priority)
        drain = Drain(
            tick.database, source, gate, calendar, load.id, self.name, self._policy,
            share=self._share, count=self._counts.add, clock=tick.clock,
        )  # fmt: skip
        self._drains[load.id] = drain
        end.is_excused = lambda: drain.blames_a_call
        if self._stopping.is_set():
            drain.stop()
        try:
            await drain.run()
            end.stage = Stage.ACTIONS
            is_open, in_vain = await self._patiently(self._look_at, load.id)
            if is_open:
                return False
            if in_vain:
                return True  # splits and dividends would meet the same; the next load asks for them
            return await self._ask_for_actions(load.id, source, gate)
        finally:
            await source.close()

    async def _patiently(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._patience.through(lambda: asyncio.to_thread(work, *args, **kwargs))

    def _patience_left(self) -> float:
        return STOP_PATIENCE if self._stopping.is_set() else self._policy.database_patience

    def _gate(self, source: BarSource) -> SharedGate:
        """One gate for all loads of an account, so that the most urgent call goes first."""
        key = (source.name, source.limits.calls_per_minute)
        if key not in self._gates:
            self._gates[key] = SharedGate(self._tick.database, *key)
        return self._gates[key]

    def _share(self) -> int:
        """How many calls each of the loads that are worked on here may have in hand."""
        return max(1, self._policy.concurrency // max(1, len(self._drains)))

    def _look_at(self, load_id: uuid.UUID) -> tuple[bool, bool]:
        """Whether calls are open, and whether the others were in vain."""
        with self._tick.database.transaction() as connection:
            is_open = ledger.open_calls(connection, load_id)[0] > 0
            return is_open, ledger.in_vain(connection, load_id)

    async def _ask_for_actions(self, load_id: uuid.UUID, source: BarSource, gate: Gate) -> bool:
        if not isinstance(source, ActionSource):
            return True
        asking = Asking(self._tick.actions, source, gate, self.name, self._policy)
        task = asyncio.create_task(asking.run(load_id))
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else False
        finally:
            task.cancel()
            stop.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    # -- the queue ---------------------------------------------------------------------------
    async def _serve(self) -> None:
        """Be woken by the queue, over a new connection when the old one broke."""
        while not self._stopping.is_set():
            try:
                app = self._queue()
                async with app.open_async():
                    await self._until_stopped(app)
            except (ConnectorException, psycopg.Error) as e:
                log.warning("queue away", error=type(e).__name__)
            await self._pause(QUEUE_PAUSE)

    async def _until_stopped(self, app: App) -> None:
        serving = app.run_worker_async(
            queues=[queue_of(self._tick.settings.vendor)],
            name=self.name,
            concurrency=QUEUE_CONNECTIONS,
            install_signal_handlers=False,
            delete_jobs="successful",
            # Its wake-up can be lost between a fetch that found nothing and the wait.
            fetch_job_polling_interval=1.0,
        )
        task = asyncio.create_task(serving)
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # While it waits for a connection of its pool, a cancellation can be lost (see waiting).
            await end([task, stop])
        if not task.cancelled():
            task.result()

    def _queue(self) -> App:
        conninfo = self._tick.database.conninfo
        pool: dict[str, Any] = {"min_size": 1, "max_size": QUEUE_CONNECTIONS}
        pool["timeout"] = QUEUE_SECONDS
        app = App(connector=PsycopgConnector(conninfo=conninfo, **pool))

        @app.task(name=DRAIN)
        async def drain(load_id: str) -> None:
            # The job is done when it has woken somebody: what comes of the load is the ledger's to
            # say, and a job that lasted as long as its load would be left by a worker that dies.
            del load_id
            reach("queue.job")
            self._nudged.set()
            reach("queue.job_done")

        return app

    async def _take_turns(self) -> None:
        """Work on what is open, also what a worker that is gone has left."""
        crew = Crew(LOADS_AT_ONCE, RESCUE_SECONDS)
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping.is_set():
                reach("queue.rescue")
                self._nudged.clear()
                turn = crew.turn(await self._workable(), asyncio.get_running_loop().time())
                for load_id in turn.begin:
                    task = asyncio.create_task(self._take_part(load_id, crew))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                for load_id in turn.hand_back:
                    if drain := self._drains.get(load_id):
                        drain.stop()
                await within(RESCUE_SECONDS, self._nudged)
        finally:
            await asyncio.gather(*tasks)

    async def _take_part(self, load_id: uuid.UUID, crew: Crew) -> None:
        """A load that cannot be worked on is told in the log; its calls stay in the ledger. What
        is raised otherwise, a call answers for: it is asked again, up to the policy's attempts."""
        try:
            await self.drain(load_id)
        except TickStockError as e:
            self._ends.tell(load_id, e)
        except Exception:
            log.exception("load not drained", load=str(load_id))
        finally:
            crew.left(load_id, asyncio.get_running_loop().time())
            self._nudged.set()

    async def _workable(self) -> dict[uuid.UUID, int]:
        try:
            return await asyncio.to_thread(self._find_workable)
        except TickStockError as e:
            log.warning("cannot look for loads", error=str(e))
            return {}

    def _find_workable(self) -> dict[uuid.UUID, int]:
        with self._tick.database.transaction() as connection:
            # Its locks may be in the way of a cancellation, or of any load of the same symbols.
            ledger.end_silent_copies(connection)
            return ledger.workable(connection, [self._tick.settings.vendor])

    async def _hear(self) -> None:
        """Learn at once that a load which is worked on here was cancelled or paused."""
        while not self._stopping.is_set():
            try:
                async for _, payload in notifications(self._tick.database.conninfo, [LOAD]):
                    self._look(payload)
            except (OSError, psycopg.Error) as e:
                log.warning("notifications away", error=type(e).__name__)
            await self._pause(QUEUE_PAUSE)

    def _look(self, payload: str) -> None:
        for load_id, drain in self._drains.items():
            if drain is not None and payload in ("", str(load_id)):
                drain.look()

    async def _clean(self) -> None:
        """Remove jobs from the queue that stand for nothing any more."""
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self._clean_queue)
            except TickStockError as e:
                log.warning("queue not cleaned", error=str(e))
            await self._pause(CLEAN_SECONDS)

    def _clean_queue(self) -> None:
        with self._tick.database.transaction() as connection:
            count = ledger.drop_idle_jobs(connection, DRAIN, SILENCE)
        if count:
            log.info("queue cleaned", jobs=count)

    async def _pause(self, seconds: float) -> None:
        await within(seconds, self._stopping)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """SIGINT and SIGTERM ask for a graceful end; a second one ends at once."""
    loop = asyncio.get_running_loop()

    def once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.default_int_handler)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once, number)
