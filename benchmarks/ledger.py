"""Calls a second through the ledger, with a vendor that answers at once with nothing to store:

    python benchmarks/ledger.py [--calls 3000] [--rounds 3]

ledger, 1 or 2 processes   claim, fetch, judge, commit under the fence: all but writing bars
procrastinate, 1 or 2      the queue alone, one job for each call, concurrency 64

And the pick-up time: from a load's submission until a worker that waits has claimed its first
call, over the queue with its notifications. Figures are medians of the rounds; quote the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from procrastinate import App, PsycopgConnector

from tickstock.config import Settings, read_settings
from tickstock.loading.plan import Item, Plan, PlannedCall
from tickstock.loading.request import LoadRequest
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe
from tickstock.service import TickStock
from tickstock.service.queue import defer_drain
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.store import instruments, ledger
from tickstock.vendors import Gate, Limits, OpenGate
from tickstock.worker.drain import Drain, Policy
from tickstock.worker.run import Worker

VENDOR = "instant"
WEEK = Span(date.fromisoformat("2024-07-01"), date.fromisoformat("2024-07-06"))
POLICY = Policy(lease=30.0)


class Instant:
    """Answers at once, without bars."""

    name = VENDOR
    limits = Limits()

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        await gate.enter()
        return Answer(call, BarTable.empty(), "massive")

    async def close(self) -> None:
        return


def settings(home: str, **more: str) -> Settings:
    return read_settings({"TICKSTOCK_VENDOR": VENDOR, **more}, Path(home), home=Path(home))


def opened(uri: str, home: str) -> TickStock:
    return TickStock.open(settings(home, DATABASE_URI=uri))


def submit(tick: TickStock, calls: int, *, defer: bool = False) -> uuid.UUID:
    names = [f"S{i:05}" for i in range(calls)]
    with tick.database.transaction() as connection:
        ids = {s: i.id for s, i in instruments.ensure_instruments(connection, names).items()}
        asked = [Call(CallKind.TICKER, Timeframe.DAY, WEEK, s) for s in names]
        plan = Plan(
            LoadRequest("bench", tuple(names), (Timeframe.DAY,), WEEK),
            tuple(PlannedCall(call, 4) for call in asked),
            tuple(Item(i, s, Timeframe.DAY, WEEK, 4, 0) for s, i in ids.items()),
            (), 0, 0, 0.0, 0.0, exact=True, digest="",
        )  # fmt: skip
        facts = {"expected": 4 * calls, "held": 0, "calls": calls, "seconds": 1}
        load, _ = ledger.submit(
            connection, plan, title="b", vendor=VENDOR, summary=facts, request={"refresh": False}
        )
        if defer:
            defer_drain(connection, load, VENDOR, 0)
    return load


# --- what the other processes do -----------------------------------------------------------------
def drain(uri: str, home: str, load: str) -> None:
    with opened(uri, home) as tick:
        name = f"bench-{uuid.uuid4().hex[:4]}"
        source, calendar = Instant(), shipped_calendar()
        args = (tick.database, source, OpenGate(), calendar, uuid.UUID(load), name, POLICY)
        _ready()
        asyncio.run(Drain(*args).run())


def queue(uri: str, home: str, _: str) -> None:
    app = queue_app(uri)

    async def run() -> None:
        async with app.open_async():
            _ready()
            await app.run_worker_async(
                queues=["bench"], concurrency=64, wait=False, delete_jobs="successful"
            )

    asyncio.run(run())


def queue_app(uri: str) -> App:
    app = App(connector=PsycopgConnector(conninfo=uri, min_size=4, max_size=16))

    @app.task(name="bench.call", queue="bench")
    async def call(n: int) -> None:
        return

    return app


def _ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def timed(what: str, processes: int, uri: str, home: str, load: str) -> float:
    """Seconds from the moment that all processes are ready until the last has ended."""
    command = [sys.executable, __file__, "--do", what, uri, home, load]
    started: list[Any] = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    begun = time.perf_counter()
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        assert process.wait(600) == 0
    return time.perf_counter() - begun


# --- figures -------------------------------------------------------------------------------------
def rate_of_ledger(tick: TickStock, home: str, calls: int, processes: int) -> float:
    load = submit(tick, calls)
    return calls / timed("drain", processes, tick.database.conninfo, home, str(load))


def rate_of_queue(tick: TickStock, home: str, calls: int, processes: int) -> float:
    uri = tick.database.conninfo

    async def defer() -> None:
        app = queue_app(uri)
        async with app.open_async():
            await app.tasks["bench.call"].batch_defer_async(*({"n": n} for n in range(calls)))

    asyncio.run(defer())
    return calls / timed("queue", processes, uri, home, "")


def pick_up_times(tick: TickStock, loads: int) -> list[float]:
    """Milliseconds until a waiting worker has claimed, for loads submitted one by one."""

    async def run() -> None:
        worker = Worker(tick, source=lambda *_: Instant())
        serving = asyncio.create_task(worker.run())
        await asyncio.sleep(1.5)
        for _ in range(loads):
            load = await asyncio.to_thread(submit, tick, 1, defer=True)
            while not (await asyncio.to_thread(tick.loads.progress, load)).load.state.finished:
                await asyncio.sleep(0.02)
        worker.stop()
        await serving

    with tick.database.transaction() as connection:
        last = connection.execute("SELECT clock_timestamp()").fetchone()
    asyncio.run(run())
    asked = "SELECT started_at - created_at FROM tickstock.loads WHERE created_at > %s"
    with tick.database.transaction() as connection:
        return [1000 * gap.total_seconds() for (gap,) in connection.execute(asked, last)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loads", type=int, default=60)
    parser.add_argument("--do", nargs=4, metavar=("WHAT", "URI", "HOME", "LOAD"))
    given = parser.parse_args()
    if given.do:
        {"drain": drain, "queue": queue}[given.do[0]](*given.do[1:])
        return
    with tempfile.TemporaryDirectory(prefix="tsb-") as folder:
        Path(folder).chmod(0o711)
        with TickStock.open(settings(folder)) as tick:
            report(tick, folder, given.calls, given.rounds, given.loads)


def report(tick: TickStock, folder: str, calls: int, rounds: int, loads: int) -> None:
    for name, measure in (("ledger", rate_of_ledger), ("procrastinate", rate_of_queue)):
        for processes in (1, 2):
            rates = [measure(tick, folder, calls, processes) for _ in range(rounds)]
            print(f"{name}, {processes} process(es): {statistics.median(rates):,.0f} calls/s")
    times = sorted(pick_up_times(tick, loads))
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"pick-up of {len(times)} loads: p50 {p50:.1f} ms, p95 {p95:.1f} ms")


if __name__ == "__main__":
    main()
