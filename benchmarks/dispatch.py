"""How loads come to workers: whole worker processes over the queue, and a vendor of our own making
that answers without bars.

    python benchmarks/dispatch.py [--calls 3000] [--loads 40] [--only rates]

rates      calls a second of one job in 1, 2 and 4 processes
pick-up    from a job's submission until a worker that waits has claimed its first call; the same
           while that works on another job, and while two processes work on more jobs than they
           have places for
takeover   seconds from SIGKILL of the one worker until another one has ended the job

Quote ratios of one run: `PYTHONPATH=OTHER/src` measures another state of the source.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parent))
from ledger import VENDOR, WEEK, Instant, opened, settings

from tickstock.loading.plan import Item, Plan, PlannedCall
from tickstock.loading.request import LoadRequest
from tickstock.model import Answer, Call, CallKind, Timeframe
from tickstock.service import TickStock
from tickstock.service.queue import defer_drain
from tickstock.store import instruments, jobs
from tickstock.vendors import Gate
from tickstock.worker.run import Worker

URGENT = 30
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


class Slow(Instant):
    """Answers after `delay` seconds."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        await asyncio.sleep(self.delay)
        return await super().fetch(call, gate)


def submit(tick: TickStock, calls: int, priority: int = 0) -> uuid.UUID:
    """A job with its task, both in one transaction."""
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
        load, _ = jobs.submit(
            connection, plan, title="b", vendor=VENDOR, summary=facts, priority=priority
        )
        defer_drain(connection, load, VENDOR, priority)
    return load


def work(uri: str, home: str, delay: float) -> None:
    """Be a worker."""
    quiet()
    with opened(uri, home) as tick:
        asyncio.run(Worker(tick, source=lambda *_: Slow(delay)).run())


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class Bench:
    def __init__(self, tick: TickStock, home: str) -> None:
        self.tick = tick
        self.home = home

    @contextmanager
    def workers(self, count: int, delay: float) -> Iterator[list[Any]]:
        """So many worker processes, ready for work; killed in the end."""
        self.execute("DELETE FROM tickstock.workers")
        given = (self.tick.database.conninfo, self.home, delay)
        started = [FORKS.Process(target=work, args=given) for _ in range(count)]
        for process in started:
            process.start()
        try:
            while self.query("SELECT count(*) FROM tickstock.workers") != count:
                time.sleep(0.05)
            time.sleep(1.5)  # until they listen
            yield started
        finally:
            for process in started:
                process.kill()
                process.join()
            self.execute("DELETE FROM tickstock.loads")
            self.execute("DELETE FROM procrastinate_jobs")

    def query(self, text: str, *params: Any) -> Any:
        with self.tick.database.transaction() as connection:
            row = connection.execute(text, params).fetchone()
        assert row is not None
        return row[0]

    def execute(self, text: str) -> None:
        with self.tick.database.transaction() as connection:
            connection.execute(text)

    def ended(self, load: uuid.UUID) -> None:
        asked = "SELECT finished_at IS NOT NULL FROM tickstock.loads WHERE id = %s"
        while not self.query(asked, load):
            time.sleep(0.02)

    # -- figures ----------------------------------------------------------------------------
    def rates(self, calls: int, _: int) -> dict[str, Any]:
        found = {}
        for processes in (1, 2, 4):
            with self.workers(processes, 0.0):
                load = submit(self.tick, calls)
                self.ended(load)
                asked = "SELECT finished_at - started_at FROM tickstock.loads WHERE id = %s"
                seconds = self.query(asked, load).total_seconds()
            found[f"calls a second in {processes}"] = round(calls / seconds)
        return found

    def pick_up(self, _: int, loads: int) -> dict[str, Any]:
        with self.workers(1, 0.0):
            idle = self._picked_up(loads)
        with self.workers(1, 0.05):
            submit(self.tick, 20_000)
            time.sleep(1.0)
            busy = self._picked_up(loads)
        with self.workers(2, 0.05):
            for _ in range(20):
                submit(self.tick, 2_000)
            time.sleep(3.0)
            full = self._picked_up(loads)
        return {"idle": idle, "beside a job": busy, "all places taken": full}

    def _picked_up(self, loads: int) -> dict[str, float]:
        """Milliseconds until urgent loads, submitted one by one, have claimed a call."""
        times = list[float]()
        for _ in range(loads):
            load = submit(self.tick, 1, URGENT)
            self.ended(load)
            asked = "SELECT started_at - created_at FROM tickstock.loads WHERE id = %s"
            times.append(1000 * self.query(asked, load).total_seconds())
        times.sort()
        return {
            "p50": round(statistics.median(times), 1),
            "p95": round(times[int(len(times) * 0.95)], 1),
        }

    def takeover(self, _: int, __: int) -> dict[str, Any]:
        found = {}
        for calls in (40, 400):
            with self.workers(1, 1.0) as first:
                load = submit(self.tick, calls)
                leased = "SELECT count(*) FROM tickstock.calls WHERE state = 'leased'"
                while self.query(leased) < 40:
                    time.sleep(0.02)
                first[0].kill()
                begun = time.monotonic()
                with self.workers(1, 0.0):
                    self.ended(load)
                    found[f"seconds with {calls} calls"] = round(time.monotonic() - begun, 1)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--loads", type=int, default=40)
    parser.add_argument("--only", choices=["rates", "pick_up", "takeover"])
    given = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory(prefix="tsb-") as folder:
        Path(folder).chmod(0o711)
        with TickStock.open(settings(folder)) as tick:
            bench = Bench(tick, folder)
            for name in [given.only] if given.only else ["rates", "pick_up", "takeover"]:
                found = getattr(bench, name)(given.calls, given.loads)
                print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
