"""What a process does until it is killed, and what another does then. Each may be begun again."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog

from tickstock.bridge import Bridge, Pace, open_redis
from tickstock.cache_operations import UniverseOrganizer
from tickstock.config import Settings, read_settings
from tickstock.errors import DatabaseUnavailable
from tickstock.failpoints import arm
from tickstock.model import Answer, Call, CallKind, Timeframe
from tickstock.service import TickStock
from tickstock.spans import Span
from tickstock.store import database, jobs, losses
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.vendors import BarSource, Gate
from tickstock.vendors.massive.source import MassiveSource
from tickstock.worker import engine, slices
from tickstock.worker.gate import SharedGate
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker, configured_source

Job = dict[str, Any]
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIRST, LAST = date(2012, 7, 2), date(2012, 7, 31)
KEY = "canary-5e5a3e"
QUICK = Policy(
    lease=0.4, concurrency=2, batch=2, attempts=9, backoff=0.01, longest_backoff=0.02,
    outage_seconds=20.0,
)  # fmt: skip


def perform(job: Job) -> None:
    """Do `job["do"]` on the database `job["uri"]`, with `job["point"]` armed."""
    database.SILENCE = job.get("silence", database.SILENCE)
    if group := job.get("group"):
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()), "ascii")
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    arm(job.get("point", ""))
    SCENARIOS[job["do"]](job)


def settings(job: Job) -> Settings:
    return read_settings(
        {
            "DATABASE_URI": job["uri"],
            "TICKSTOCK_VENDOR": "massive",
            "MASSIVE_API_KEY": job.get("key", KEY),
            "MASSIVE_BASE_URL": job.get("url", "http://127.0.0.1:9"),
            "MASSIVE_CALLS_PER_MINUTE": str(job.get("limit", 60_000)),
        },
        Path(job["home"]),
        home=Path(job["home"]),
    )


def brisk(job: Job) -> None:
    """Let the engine find dead workers as fast as `job["gone"]` says, if it says anything."""
    if gone := job.get("gone", 1.0):
        engine.EVERY_FIVE_SECONDS = "* * * * * *"
        engine.SILENCE, engine.BEAT_SECONDS = timedelta(seconds=gone), gone / 4
        losses.SILENCE = engine.SILENCE


def policy(job: Job) -> Policy:
    named = ("lease", "concurrency", "batch")
    return replace(QUICK, **{name: job[name] for name in named if name in job})


def opened(job: Job) -> TickStock:
    database = Database.open(job["uri"], Path(job["home"]), migrate=False)
    return TickStock(settings(job), database)


# --- loads ---------------------------------------------------------------------------------------
def submit(job: Job) -> None:
    """Plan a job of the five symbols and submit it, under the client's name `job-1`, if no other
    is given."""
    with opened(job) as tick:
        request = tick.requests.resolve(
            symbols=SYMBOLS, first=FIRST, last=LAST, refresh=job.get("refresh", True)
        )
        tick.jobs.submit(tick.plans.make(request), client_id=job.get("name", "job-1"))


def drain(job: Job) -> None:
    """Work on the job until it has ended, as `tickstock load` does."""
    with opened(job) as tick:
        load = tick.jobs.find("job-1")
        worker = Worker(tick, policy=policy(job))
        asyncio.run(_drain(tick, worker, load))


async def _drain(tick: TickStock, worker: Worker, load: uuid.UUID) -> None:
    while not await asyncio.to_thread(has_ended, tick, load):
        await worker.drain(load)
        await asyncio.sleep(0.01)


def has_ended(tick: TickStock, load: uuid.UUID) -> bool:
    try:
        with tick.database.transaction() as connection:
            return jobs.read(connection, load).state.finished
    except DatabaseUnavailable:
        return False


def interrupted(job: Job) -> None:
    """Begin the job, be told to stop while answers are awaited, then begin again and end it."""
    with opened(job) as tick:
        load = tick.jobs.find("job-1")

        async def run() -> None:
            worker = Worker(tick, policy=policy(job))
            stopping = asyncio.create_task(_stop_with_calls_in_hand(tick, worker, load))
            await worker.drain(load)
            stopping.cancel()
            await _drain(tick, Worker(tick, policy=policy(job)), load)

        asyncio.run(run())


async def _stop_with_calls_in_hand(tick: TickStock, worker: Worker, load: uuid.UUID) -> None:
    """However slow the machine is: a worker that has none has nothing to hand back."""

    def in_hand() -> bool:
        asked = (
            "SELECT FROM tickstock.calls WHERE load_id = %s AND worker = %s AND state = 'leased'"
        )
        with tick.database.transaction() as connection:
            return connection.execute(asked, [load, worker.name]).fetchone() is not None

    while not await asyncio.to_thread(in_hand):
        await asyncio.sleep(0.005)
    worker.stop()


def serve(job: Job) -> None:
    """Serve the queue until the job has ended."""
    brisk(job)
    slices.LONGEST_SECONDS, slices.LOOK_SECONDS = 0.1, 0.05
    with opened(job) as tick:
        load = tick.jobs.find("job-1")

        async def run() -> None:
            worker = Worker(tick, policy=policy(job))
            serving = asyncio.create_task(worker.run())
            while not await asyncio.to_thread(has_ended, tick, load):
                await asyncio.sleep(0.02)
            while await asyncio.to_thread(_is_queued, tick):
                await asyncio.sleep(0.02)
            worker.stop()
            await serving

        asyncio.run(run())


def _is_queued(tick: TickStock) -> bool:
    """Whether a job of the queue waits; one whose worker died does so no more."""
    asked = "SELECT FROM procrastinate_jobs WHERE status = 'todo'"
    with tick.database.transaction() as connection:
        return connection.execute(asked).fetchone() is not None


def cancel(job: Job) -> None:
    with opened(job) as tick:
        tick.jobs.cancel(tick.jobs.find("job-1"), "enough")


# --- the rest ------------------------------------------------------------------------------------
def organize(job: Job) -> None:
    """Bring the universes to the shipped definitions."""
    with opened(job) as tick:
        UniverseOrganizer(database=tick.database, settings=tick.settings).organize()


def migrate(job: Job) -> None:
    with Database.open(job["uri"], Path(job["home"]), migrate=False) as database:
        database.migrate(after=fill_reference)


def bridge(job: Job) -> None:
    """Serve the job bus until every message of the stream is durable and mirrored."""
    with opened(job) as tick:

        async def run() -> None:
            redis = open_redis(job["redis"])
            bridge = Bridge(tick, redis, Pace(hold_back=0.05, poll=0.05, claim=0.3))
            serving = asyncio.create_task(bridge.run())
            while await redis.xlen("tickstock.jobs.data_load") or not await _mirrored(redis, job):
                await asyncio.sleep(0.02)
            bridge.stop()
            await serving
            await redis.aclose()

        asyncio.run(run())


async def _mirrored(redis: Any, job: Job) -> bool:
    keys = [f"tickstock.jobs.status:{job_id}" for job_id in job["jobs"]]
    return bool(await redis.exists(*keys) == len(keys))


# --- until killed --------------------------------------------------------------------------------
def ask(job: Job) -> None:
    """Ask for one bar again and again, as often as the gate lets four tasks through."""
    span = Span.inclusive(FIRST, FIRST)
    call = Call(CallKind.TICKER, Timeframe.DAY, span, "IBM")

    async def run(tick: TickStock) -> None:
        source, gate = MassiveSource(job["url"], KEY), SharedGate(tick.database, "v", job["limit"])

        async def work() -> None:
            while True:
                await source.fetch(call, gate)

        await asyncio.gather(*(work() for _ in range(4)))

    with opened(job) as tick:
        asyncio.run(run(tick))


def attend(job: Job) -> None:
    """Be a bridge."""
    with opened(job) as tick:
        asyncio.run(Bridge(tick, open_redis(job["redis"])).run())


def work(job: Job) -> None:
    """Be a worker; `look` says how soon it offers others a share of its jobs, `rest` how soon it
    comes back to one, and an answer for a ticker that is `deadly` is its end."""
    brisk(job)
    slices.LOOK_SECONDS = job.get("look", slices.LOOK_SECONDS)
    slices.REST_SECONDS = job.get("rest", slices.REST_SECONDS)

    def source(tick: TickStock, symbols: tuple[str, ...]) -> Deadly:
        end = END[job.get("end", "kill")]
        return Deadly(configured_source(tick, symbols), job.get("deadly", ""), end)

    more = {"source": source} if "deadly" in job else {}
    with opened(job) as tick:
        asyncio.run(Worker(tick, policy=policy(job), **more).run())


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def take_all_memory() -> None:
    """Until the kernel ends the process, as it does where its group has so much and no more."""
    taken = list[bytes]()
    while True:
        taken.append(os.urandom(1 << 20))


def run_out_of_memory() -> None:
    """As an allocation fails where the process itself has a limit."""
    raise MemoryError


END: dict[str, Callable[[], None]] = {
    "kill": kill, "memory": take_all_memory, "refused": run_out_of_memory,
}  # fmt: skip


class Deadly:
    """A vendor one of whose answers no process survives, as one that takes all memory."""

    def __init__(self, inner: BarSource, symbol: str, end: Callable[[], None]) -> None:
        self._inner = inner
        self._symbol = symbol
        self._end = end
        self.name, self.limits = inner.name, inner.limits

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        answer = await self._inner.fetch(call, gate)
        if call.symbol == self._symbol:
            self._end()
        return answer

    async def close(self) -> None:
        await self._inner.close()


SCENARIOS: dict[str, Callable[[Job], None]] = {
    f.__name__: f
    for f in (
        submit, drain, interrupted, serve, cancel, organize, migrate, bridge, ask, attend, work,
    )
}  # fmt: skip
