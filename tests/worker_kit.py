"""Jobs of the synthetic vendor for a worker, and a worker for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tickstock.model import Answer, Call, JobState
from tickstock.service import TickStock
from tickstock.store.jobs import Job
from tickstock.vendors import Gate, OpenGate
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker, configured_source

QUICK = Policy(lease=5.0, concurrency=8, batch=3, backoff=0.01, longest_backoff=0.02)
PACE = 1200.0
"""Calls a minute: one each 50 ms."""
SYMBOLS = tuple(f"S{n:02}" for n in range(40))


@dataclass
class Watched:
    """The synthetic vendor behind a call limit; `asked` tells who was asked for, in order. After
    `most` calls it answers nobody until `opened` is set."""

    tick: TickStock
    pace: float = PACE
    asked: list[str] = field(default_factory=list)
    most: int | None = None
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._inner = configured_source(self.tick, SYMBOLS)
        self.name = "watched"
        self.limits = replace(self._inner.limits, calls_per_minute=self.pace)

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        await gate.enter()
        self.asked.append(call.symbol)
        if self.most is not None and len(self.asked) > self.most:
            await self.opened.wait()
        return await self._inner.fetch(call, OpenGate())

    async def close(self) -> None:
        return


def submit(tick: TickStock, *symbols: str, **other: Any) -> Job:
    """A job of one call a symbol."""
    request = tick.requests.resolve(symbols=symbols, duration="1w", timeframes="hour")
    return tick.jobs.submit(tick.plans.make(request), **other)


def state(tick: TickStock, load: Job) -> JobState:
    return tick.jobs.progress(load.id).load.state


def query(tick: TickStock, text: str, *params: Any) -> list[Any]:
    with tick.database.transaction() as conn:
        return conn.execute(text, params).fetchall()


def execute(tick: TickStock, text: str, *params: Any) -> None:
    with tick.database.transaction() as conn:
        conn.execute(text, params)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def working(tick: TickStock, source: Watched, **policy: Any) -> AsyncIterator[Worker]:
    worker = Worker(tick, policy=replace(QUICK, **policy), source=lambda *_: source)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(task, 10)
