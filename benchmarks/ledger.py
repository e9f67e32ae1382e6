"""Calls a second through the ledger, with a vendor that answers at once with nothing to store:

    python benchmarks/ledger.py [--calls 3000] [--rounds 3] [--peer PYTHON]

ledger          claim, fetch, judge, commit under the fence: all but writing bars
procrastinate   the queue alone, one job for each call, concurrency 64
pgqueuer        another queue in PostgreSQL, alone, batches of 50; needs a Python that has pgqueuer,
                asyncpg and psycopg, in an environment of its own (`--peer`)

each in 1 and 2 processes. And the pick-up time: from a job's submission until a worker that waits
has claimed its first call, over the queue with its notifications; of the others, from adding a job
until it begins. Rates are medians of the rounds; quote the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector

from tickstock.config import Settings, read_settings
from tickstock.loading.plan import Item, Plan, PlannedCall
from tickstock.loading.request import LoadRequest
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe
from tickstock.service import TickStock
from tickstock.service.queue import defer_drain
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.store import instruments, jobs
from tickstock.vendors import Gate, Limits, OpenGate
from tickstock.worker.drain import Drain
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker

VENDOR = "synthetic"
WEEK = Span(date.fromisoformat("2024-07-01"), date.fromisoformat("2024-07-06"))
POLICY = Policy(lease=30.0)
PEER = Path(__file__).with_name("peer_queue.py")
PEER_PYTHON = "TICKSTOCK_PEER_PYTHON"
TITLES = {
    "ledger": "calls through the ledger, vendor answers at once",
    "procrastinate": "empty jobs through procrastinate alone",
    "pgqueuer": "empty jobs through PgQueuer alone",
}


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
        load, _ = jobs.submit(connection, plan, title="b", vendor=VENDOR, summary=facts)
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


def timed(processes: int, command: list[str]) -> float:
    """Seconds from the moment that all processes are ready until the last has ended."""
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
@dataclass
class Bench:
    tick: TickStock
    home: str
    peer: str | None

    @property
    def uri(self) -> str:
        return self.tick.database.conninfo

    def _ours(self, what: str, load: str = "") -> list[str]:
        return [sys.executable, __file__, "--do", what, self.uri, self.home, load]

    def _peers(self, *arguments: object) -> list[str]:
        assert self.peer is not None
        return [self.peer, str(PEER), *map(str, arguments)]

    def ledger(self, calls: int, processes: int) -> float:
        load = submit(self.tick, calls)
        return calls / timed(processes, self._ours("drain", str(load)))

    def procrastinate(self, calls: int, processes: int) -> float:
        async def defer() -> None:
            app = queue_app(self.uri)
            async with app.open_async():
                await app.tasks["bench.call"].batch_defer_async(*({"n": n} for n in range(calls)))

        asyncio.run(defer())
        return calls / timed(processes, self._ours("queue"))

    def pgqueuer(self, calls: int, processes: int) -> float:
        subprocess.run(self._peers("add", self.uri, calls), check=True)
        return calls / timed(processes, self._peers("work", self.uri))

    def ledger_pick_up(self, loads: int) -> list[float]:
        return pick_up_times(self.tick, loads)

    def procrastinate_pick_up(self, loads: int) -> list[float]:
        return asyncio.run(queue_pick_up(self.uri, loads))

    def pgqueuer_pick_up(self, loads: int) -> list[float]:
        command = self._peers("pick-up", self.uri, loads)
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        found: list[float] = json.loads(run.stdout)
        return found


async def queue_pick_up(uri: str, loads: int) -> list[float]:
    """Milliseconds until a waiting worker of the queue alone begins a job."""
    app, begun, times = queue_app(uri), asyncio.Event(), list[float]()

    @app.task(name="bench.load", queue="bench.load")
    async def load() -> None:
        times.append(1000 * (time.perf_counter() - added))
        begun.set()

    async with app.open_async():
        working = app.run_worker_async(queues=["bench.load"], install_signal_handlers=False)
        serving = asyncio.create_task(working)
        await asyncio.sleep(1.5)
        for _ in range(loads):
            begun.clear()
            added = time.perf_counter()
            await app.tasks["bench.load"].defer_async()
            await begun.wait()
            await asyncio.sleep(0.02)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    return times


def pick_up_times(tick: TickStock, loads: int) -> list[float]:
    """Milliseconds until a waiting worker has claimed, for jobs submitted one by one."""

    async def run() -> None:
        worker = Worker(tick, source=lambda *_: Instant())
        serving = asyncio.create_task(worker.run())
        await asyncio.sleep(1.5)
        for _ in range(loads):
            load = await asyncio.to_thread(submit, tick, 1, defer=True)
            while not (await asyncio.to_thread(tick.jobs.progress, load)).load.state.finished:
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loads", type=int, default=60)
    parser.add_argument(
        "--peer", help="a Python with pgqueuer", default=os.environ.get(PEER_PYTHON)
    )
    parser.add_argument("--figures", type=Path, help="a file to add them to, as JSON")
    parser.add_argument("--do", nargs=4, metavar=("WHAT", "URI", "HOME", "LOAD"))
    given = parser.parse_args()
    if given.do:
        {"drain": drain, "queue": queue}[given.do[0]](*given.do[1:])
        return
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    with tempfile.TemporaryDirectory(prefix="tsb-") as folder:
        Path(folder).chmod(0o711)
        with TickStock.open(settings(folder)) as tick:
            found = report(Bench(tick, folder, given.peer), given.calls, given.rounds, given.loads)
    for one in found:
        print(", ".join(f"{name} {value}" for name, value in one.items()))
    if given.figures:
        lines = [json.dumps(one) + "\n" for one in found]
        given.figures.write_text("".join(lines), encoding="utf-8")


def report(bench: Bench, calls: int, rounds: int, loads: int) -> list[dict[str, Any]]:
    names = ["ledger", "procrastinate", *(["pgqueuer"] if bench.peer else [])]
    found = []
    for name in names:
        figures: dict[str, Any] = {"what": TITLES[name]}
        for processes in (1, 2):
            rates = [getattr(bench, name)(calls, processes) for _ in range(rounds)]
            unit = f"a second in {processes} process{'es' * (processes > 1)}"
            figures[unit] = round(statistics.median(rates))
        times = sorted(getattr(bench, f"{name}_pick_up")(loads))
        figures["pick-up ms p50"] = round(times[len(times) // 2], 1)
        figures["p95"] = round(times[int(len(times) * 0.95)], 1)
        found.append(figures)
    return found


if __name__ == "__main__":
    main()
