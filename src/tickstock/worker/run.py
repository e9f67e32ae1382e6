"""A worker process: takes loads from the queue, drains them, writes their verdict."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from collections.abc import Callable

import structlog
from procrastinate import App, JobContext, PsycopgConnector

from tickstock.errors import TickStockError
from tickstock.loading.report import Report
from tickstock.service import TickStock
from tickstock.service.queue import DRAIN, QUEUE
from tickstock.store import ledger
from tickstock.vendors import BarSource
from tickstock.vendors.open import open_source
from tickstock.worker.drain import Drain, Policy
from tickstock.worker.gate import SharedGate

log = structlog.get_logger("tickstock.worker")
RESCUE_SECONDS = 5.0
"""How often a worker looks for loads whose worker is gone: with leases of 30 s, somebody else
goes on within 45 s."""

SourceFactory = Callable[[TickStock, tuple[str, ...]], BarSource]


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


def configured_source(tick: TickStock, symbols: tuple[str, ...]) -> BarSource:
    """The vendor of the settings. `symbols` is the listing that invented bars are made for."""
    settings = tick.settings
    limits = tick.loads.limits()
    key = settings.massive_api_key
    return open_source(
        settings.vendor,
        api_key=key.get_secret_value() if key else "",
        base_url=settings.massive_base_url,
        calls_per_minute=limits.calls_per_minute,
        publication_lag=limits.publication_lag,
        symbols=symbols,
    )


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
        self._policy = policy or Policy()
        self._open = source
        self.name = name or worker_name()
        self._drains: dict[uuid.UUID, Drain] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask for a graceful end: fetched answers are committed, the rest is handed back."""
        self._stopping.set()
        for drain in self._drains.values():
            drain.stop()

    async def drain(self, load_id: uuid.UUID) -> Report | None:
        """Work on one load until no call of it is open; answers the verdict if it was ours."""
        if load_id in self._drains or self._stopping.is_set():
            return None
        tick = self._tick
        symbols = await asyncio.to_thread(self._symbols, load_id)
        source = self._open(tick, symbols)
        gate = SharedGate(tick.database, source.name, source.limits.calls_per_minute)
        drain = Drain(
            tick.database,
            source,
            gate,
            await asyncio.to_thread(tick.loads.calendar),
            load_id,
            self.name,
            self._policy,
        )
        self._drains[load_id] = drain
        try:
            await drain.run()
        finally:
            del self._drains[load_id]
            await source.close()
        return await asyncio.to_thread(tick.loads.finish, load_id)

    async def run(self) -> None:
        """Serve the queue until `stop`."""
        app = self._queue()
        async with app.open_async():
            queue = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    name=self.name,
                    concurrency=4,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                )
            )
            rescue = asyncio.create_task(self._rescue())
            stop = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait({queue, rescue, stop}, return_when="FIRST_COMPLETED")
            self.stop()
            queue.cancel()
            await asyncio.gather(queue, rescue, return_exceptions=True)
            for task in done - {stop}:
                task.result()

    def _symbols(self, load_id: uuid.UUID) -> tuple[str, ...]:
        with self._tick.database.transaction() as connection:
            return tuple({i.symbol for i in ledger.items(connection, load_id)})

    def _queue(self) -> App:
        app = App(connector=PsycopgConnector(conninfo=self._tick.database.conninfo))

        @app.task(name=DRAIN, queue=QUEUE, pass_context=True)
        async def drain(_: JobContext, load_id: str) -> None:
            await self._drain_safely(uuid.UUID(load_id))

        return app

    async def _drain_safely(self, load_id: uuid.UUID) -> None:
        """A load that cannot be worked on is told in the log; its calls stay in the ledger."""
        try:
            report = await self.drain(load_id)
        except TickStockError as e:
            log.error("load not drained", load=str(load_id), error=str(e))
        else:
            if report is not None:
                log.info(
                    "load ended", load=str(load_id), state=report.state, message=report.message
                )

    async def _rescue(self) -> None:
        """Take over what a worker that is gone has left, which no job in the queue stands for."""
        while not self._stopping.is_set():
            try:
                found = await asyncio.to_thread(self._workable)
            except TickStockError as e:
                log.warning("cannot look for loads", error=str(e))
                found = []
            for load_id in found:
                await self._drain_safely(load_id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RESCUE_SECONDS)

    def _workable(self) -> list[uuid.UUID]:
        vendors = [self._tick.settings.vendor]
        with self._tick.database.transaction() as connection:
            return [i for i in ledger.workable(connection, vendors) if i not in self._drains]


def stop_on_signals(stop: Callable[[], None]) -> None:
    """SIGINT and SIGTERM ask for a graceful end; a second one ends at once."""
    loop = asyncio.get_running_loop()

    def once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.default_int_handler)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once, number)
