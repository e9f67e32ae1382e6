"""A small request passes a huge backfill, also where another process works on that."""

from __future__ import annotations

import os
import signal
from itertools import dropwhile
from pathlib import Path

from tests.cli_run import until
from tests.reliability.form import record
from tests.reliability.scenarios import KEY, opened
from tests.reliability.zygote import Zygote
from tickstock.service import TickStock
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread

HUGE = tuple(f"H{n:02}" for n in range(90))
SMALL = tuple(f"S{n}" for n in range(10))
PER_MINUTE = 600.0


def submit(tick: TickStock, symbols: tuple[str, ...], priority: int | None = None) -> None:
    """A job with a call for each symbol."""
    request = tick.requests.resolve(symbols=symbols, duration="1y")
    plan = tick.plans.make(request)
    assert len(plan.calls) == len(symbols)
    tick.jobs.submit(plan, priority=priority)


def test_it_passes_what_two_processes_are_at(
    forks: Zygote, database: Database, tmp_path: Path
) -> None:
    with serve_in_thread(ReplayVendor(symbols=HUGE + SMALL, key=KEY)) as vendor:
        job = {
            "do": "work", "uri": database.conninfo, "url": vendor.url, "home": str(tmp_path),
            "log": str(tmp_path / "log"), "limit": PER_MINUTE, "lease": 20.0, "concurrency": 20,
        }  # fmt: skip

        def asked() -> list[str]:
            paths = [seen.path for seen in vendor.requests]
            return [path.split("/")[4] for path in paths if "/aggs/ticker/" in path]

        with opened(job) as tick:
            with tick.database.transaction() as connection:
                fill_reference(connection)
            submit(tick, HUGE, priority=0)
            workers = [forks.start(job), forks.start(job)]
            try:
                until(lambda: _at_work(database) == 2)
                submit(tick, SMALL)
                until(lambda: set(SMALL) <= set(asked()), 60)
                found = asked()
            finally:
                for pid in workers:
                    os.kill(pid, signal.SIGKILL)
                    forks.wait(pid)
    later = list(dropwhile(lambda symbol: symbol not in SMALL, found))
    between = [s for s in later[: max(map(later.index, SMALL))] if s in HUGE]
    record(
        "small request beside a huge backfill, two processes and one limit",
        calls=len(SMALL),
        calls_of_the_backfill_in_between=len(between),
    )
    # Were only one process to give way, the other one would take every second turn.
    assert len(between) <= 4, found


def _at_work(database: Database) -> int:
    """How many processes have calls of the backfill in hand."""
    asked = "SELECT count(DISTINCT worker)::int FROM tickstock.calls WHERE state = 'leased'"
    with database.transaction() as connection:
        row = connection.execute(asked).fetchone()
    assert row is not None
    return int(row[0])
