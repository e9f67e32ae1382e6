"""The job engine in a worker process: procrastinate hands it tasks, hears whether it is alive, and
makes one of the many perform what comes around again and again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.worker import Worker as EngineWorker

from tickstock.failpoints import reach
from tickstock.service.queue import DRAIN
from tickstock.store.connection import DRIVER_ERROR
from tickstock.store.losses import SILENCE
from tickstock.waiting import end, within
from tickstock.worker.trouble import TroubleLog

log = structlog.get_logger("tickstock.worker")
TEND = "tickstock.tend"
SCHEDULES = "tickstock.schedules"
EVERY_FIVE_SECONDS = "* * * * * */5"
EVERY_MINUTE = "* * * * *"
BEAT_SECONDS = 5.0
FORGOTTEN_SECONDS = 86400.0
"""So long a worker that fell silent is shown to people."""
POLL_SECONDS = 1.0
"""How often to look for tasks whose time has come, and for those whose notification came just while
another was fetched."""
FIRST = 1_000_000
"""The priority of what keeps the others going: it takes the next free place."""
CONNECTIONS = 4
CONNECTION_SECONDS = 5.0
"""How long the engine waits for a connection: also what a stop may have to wait for."""
PAUSE = 1.0
"""Seconds until an engine whose connection broke is opened again."""
GRACE = 3.0
"""Seconds that tasks have to end when the engine does; slices then go on without it."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """What a worker process does for the engine. The last three run in a thread."""

    slice: Callable[[uuid.UUID], Awaitable[None]]
    stopped: Callable[[uuid.UUID], None]
    """Somebody has paused or ended the job, of which a slice is being done here."""
    introduce: Callable[[int], None]
    tend: Callable[[], None]
    schedules: Callable[[], None]


class _Manager(JobManager):
    """Tells under which number the engine knows this process, before it gets its first task."""

    def __init__(self, connector: BaseConnector, introduce: Callable[[int], None]) -> None:
        super().__init__(connector)
        self._introduce = introduce

    async def register_worker(self) -> int:
        number = await super().register_worker()
        try:
            await asyncio.to_thread(self._introduce, number)
        except Exception as e:
            TroubleLog("worker not introduced").trouble(e)  # nothing is decided by it
        return number


class Engine:
    """Serves two queues: `loads`, and `schedules` with what comes around every minute.

    Args:
        places: how many tasks may be done side by side.
    """

    def __init__(
        self, conninfo: str, name: str, loads: str, schedules: str, places: int, tasks: Tasks
    ) -> None:
        self._conninfo = conninfo
        self._name = name
        self._loads = loads
        self._schedules = schedules
        self._places = places
        self._tasks = tasks

    async def run(self, stopping: asyncio.Event) -> None:
        """Until trouble to stop; over a new connection when the old one broke."""
        while not stopping.is_set():
            try:
                app = self._app()
                async with app.open_async():
                    await self._until_stopped(app, stopping)
            except (ConnectorException, DRIVER_ERROR) as e:
                log.warning("queue away", error=e.__cause__ or e)
            await within(PAUSE, stopping)

    async def _until_stopped(self, app: App, stopping: asyncio.Event) -> None:
        worker = EngineWorker(
            app,
            queues=[self._loads, self._schedules],
            name=self._name,
            concurrency=self._places,
            install_signal_handlers=False,
            delete_jobs="always",
            fetch_job_polling_interval=POLL_SECONDS,
            update_heartbeat_interval=BEAT_SECONDS,
            stalled_worker_timeout=FORGOTTEN_SECONDS,
            shutdown_graceful_timeout=GRACE,
        )
        task = asyncio.create_task(worker.run(), name="engine")
        stop = asyncio.create_task(stopping.wait(), name="engine: stop")
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                worker.stop()
                await asyncio.wait({task}, timeout=GRACE + CONNECTION_SECONDS)
        finally:
            # While it waits for a connection of its pool, a cancellation can be lost (see waiting).
            await end([task, stop])
        if not task.cancelled():
            task.result()

    def _app(self) -> App:
        pool: dict[str, Any] = {"min_size": 1, "max_size": CONNECTIONS}
        pool["timeout"] = CONNECTION_SECONDS
        # As everywhere: behind PgBouncer the next transaction may be in another session.
        pool["kwargs"] = {"prepare_threshold": None}
        app = App(connector=PsycopgConnector(conninfo=self._conninfo, **pool))
        app.job_manager = _Manager(app.connector, self._tasks.introduce)
        self._add_slices(app)
        self._add_tending(app)
        self._add_schedules(app)
        return app

    def _add_slices(self, app: App) -> None:
        @app.task(name=DRAIN)
        async def drain(load_id: str) -> None:
            reach("queue.slice")
            try:
                await self._tasks.slice(uuid.UUID(load_id))
            except asyncio.CancelledError:
                # By whoever paused or ended the job, or because the engine lost its connection.
                self._tasks.stopped(uuid.UUID(load_id))
                raise
            reach("queue.slice_done")

    def _add_tending(self, app: App) -> None:
        trouble = TroubleLog("jobs not tended")

        @app.periodic(cron=EVERY_FIVE_SECONDS, periodic_id=self._loads)
        @app.task(
            name=TEND, queue=self._loads, queueing_lock=f"{TEND} {self._loads}", priority=FIRST,
            pass_context=True,
        )  # fmt: skip
        async def tend(context: JobContext, timestamp: int) -> None:
            del timestamp
            reach("queue.tend")
            await self._remove_stalled(context.app.job_manager)
            await _perform(trouble, self._tasks.tend)
            reach("queue.tended")

    def _add_schedules(self, app: App) -> None:
        trouble = TroubleLog("schedules not performed")

        @app.periodic(cron=EVERY_MINUTE, periodic_id=self._schedules)
        @app.task(
            name=SCHEDULES, queue=self._schedules, queueing_lock=f"{SCHEDULES} {self._schedules}",
            priority=FIRST,
        )  # fmt: skip
        async def schedules(timestamp: int) -> None:
            del timestamp
            await _perform(trouble, self._tasks.schedules)

    async def _remove_stalled(self, manager: JobManager) -> None:
        """Take out the tasks of workers that are gone. Of a job that is open, tending then begins
        a new one."""
        for queue in (self._loads, self._schedules):
            silent = SILENCE.total_seconds()
            for job in await manager.get_stalled_jobs(queue=queue, seconds_since_heartbeat=silent):
                try:
                    await manager.finish_job(job, Status.ABORTED, delete_job=True)
                except ConnectorException as e:
                    log.info("stalled task not removed", task=job.id, error=e)
                else:
                    log.warning("task of a worker that is gone", task=job.call_string)


async def _perform(trouble: TroubleLog, work: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(work)
    except Exception as e:
        trouble.trouble(e)  # the worker goes on
    else:
        trouble.well()
