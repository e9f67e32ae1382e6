"""Real processes that are killed, frozen and interrupted in the middle of a job."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_run import Shell, ended, until
from tests.kit import span
from tickstock.clock import epoch_now
from tickstock.model import Timeframe
from tickstock.sessions import shipped_calendar
from tickstock.spans import day_of
from tickstock.store.database import Database
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.vendors.synthetic.source import synthetic_bars

KEY = "canary-5e5a3e"
SYMBOLS = tuple(f"S{chr(65 + i // 5)}{chr(65 + i % 5)}" for i in range(70))
UNIVERSE = "{" + ", ".join(SYMBOLS) + "}"
DATES = ("--from", "2024-01-02", "--to", "2024-03-28")
SPAN = span(*DATES[1::2])


@pytest.fixture
def vendor() -> Iterator[ReplayVendor]:
    with serve_in_thread(ReplayVendor(symbols=SYMBOLS, key=KEY, delay=0.3)) as serving:
        yield serving


@pytest.fixture
def shell(database: Database, vendor: ReplayVendor, tmp_path: Path) -> Shell:
    return Shell(
        tmp_path,
        {
            "DATABASE_URI": database.conninfo,
            "TICKSTOCK_VENDOR": "massive",
            "MASSIVE_API_KEY": KEY,
            "MASSIVE_BASE_URL": vendor.url,
            "MASSIVE_CALLS_PER_MINUTE": "0",
            "TICKSTOCK_LEASE_SECONDS": "1",
        },
    )


def query(database: Database, text: str) -> list[Any]:
    with database.transaction() as conn:
        return conn.execute(text).fetchall()


def states(database: Database) -> Counter[str]:
    return Counter(
        dict(query(database, "SELECT state, count(*)::int FROM tickstock.calls GROUP BY 1"))
    )


def done_symbols(database: Database) -> set[str]:
    found = query(database, "SELECT symbol FROM tickstock.calls WHERE state = 'done'")
    return {s for (s,) in found}


def asked(vendor: ReplayVendor) -> Counter[str]:
    """How often each symbol was asked for, splits and dividends aside."""
    paths = [r.path.split("/") for r in vendor.requests if "/aggs/ticker/" in r.path]
    return Counter(p[p.index("ticker") + 1] for p in paths)


def load_id(database: Database) -> str:
    ((found,),) = query(database, "SELECT id FROM tickstock.loads")
    assert isinstance(found, uuid.UUID)
    return str(found)


def truth() -> list[tuple[str, str, float, float, float, float, float]]:
    """What an uninterrupted load stores: the vendor's bars."""
    made = synthetic_bars(sorted(SYMBOLS), Timeframe.DAY, SPAN, shipped_calendar(), epoch_now())
    columns = [getattr(made, c).tolist() for c in ("open", "high", "low", "close", "volume")]
    names = [made.tickers[o] for o in made.owner.tolist()]
    days = [str(day_of(d)) for d in made.at.tolist()]
    return list(zip(names, days, *columns, strict=True))


def stored(database: Database) -> list[Any]:
    return query(
        database,
        "SELECT symbol, at::text, open, high, low, close, volume FROM tickstock.bars_day"
        ' JOIN tickstock.instruments ON id = instrument_id ORDER BY symbol COLLATE "C", at',
    )


def versions(database: Database) -> list[Any]:
    """The physical version of every row that a commit writes."""
    parts = ("bars_day", "coverage", "calls", "holes")
    return [query(database, f"SELECT ctid::text, xmin::text FROM tickstock.{p} ORDER BY 1")
            for p in parts]  # fmt: skip


def begin(shell: Shell, database: Database, done: int) -> subprocess.Popen[str]:
    """A job in the foreground that has got so far."""
    process = shell.start("load", UNIVERSE, *DATES)
    until(lambda: states(database)["done"] >= done or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def freeze(process: subprocess.Popen[str], database: Database) -> None:
    """Stop the process while it is outside of every transaction: from the others the server frees
    us only after a while."""
    inside = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND (state = 'active' OR state LIKE 'idle in transaction%')"
    )
    os.kill(process.pid, signal.SIGSTOP)
    while query(database, inside):
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGSTOP)


def assert_whole(database: Database) -> None:
    assert states(database) == {"done": len(SYMBOLS)}
    assert stored(database) == truth()
    sessions = len({day for _, day, *_ in truth()})
    kept = query(
        database, "SELECT DISTINCT bars::int FROM tickstock.coverage WHERE timeframe = 'day'"
    )
    assert kept == [(sessions,)]
    assert query(database, "SELECT state FROM tickstock.loads") == [("completed",)]
    assert query(database, "SELECT count(*)::int FROM tickstock.bar_revisions") == [(0,)]


@pytest.mark.parametrize("done", [1, 17])
def test_a_killed_load_is_resumed_without_repeating_what_was_finished(
    shell: Shell, database: Database, vendor: ReplayVendor, done: int
) -> None:
    process = begin(shell, database, done)
    process.kill()
    process.communicate()
    finished = done_symbols(database)
    assert done <= len(finished) < len(SYMBOLS)
    assert len(stored(database)) == len(finished) * len(truth()) // len(SYMBOLS)
    resumed = shell.run("jobs", "resume", load_id(database)[:8])
    assert resumed.code == 0, resumed.said
    assert "completed" in resumed.out
    assert_whole(database)
    assert {asked(vendor)[s] for s in finished} == {1}
    assert max(asked(vendor).values()) <= 2


def test_a_worker_takes_over_from_a_load_that_was_killed(
    shell: Shell, database: Database, vendor: ReplayVendor
) -> None:
    process = begin(shell, database, 5)
    process.kill()
    process.communicate()
    finished = done_symbols(database)
    worker = shell.start("worker")
    until(
        lambda: query(database, "SELECT 1 FROM tickstock.loads WHERE finished_at IS NOT NULL"), 45
    )
    worker.send_signal(signal.SIGTERM)
    assert ended(worker).code == 0
    assert_whole(database)
    assert {asked(vendor)[s] for s in finished} == {1}


def test_a_frozen_worker_that_wakes_after_its_lease_changes_nothing(
    shell: Shell, database: Database, vendor: ReplayVendor
) -> None:
    frozen = begin(shell, database, 5)
    freeze(frozen, database)
    try:
        resumed = shell.run("jobs", "resume", load_id(database))
        assert resumed.code == 0, resumed.said
        assert_whole(database)
        before, requests = versions(database), len(vendor.requests)
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    late = ended(frozen)
    assert late.code == 0, late.said
    assert versions(database) == before
    assert len(vendor.requests) == requests
    assert_whole(database)


def test_an_interrupted_load_hands_back_and_says_how_to_go_on(
    shell: Shell, database: Database, vendor: ReplayVendor
) -> None:
    process = begin(shell, database, 5)
    process.send_signal(signal.SIGINT)
    stopped = ended(process)
    assert stopped.code == 130, stopped.said
    assert states(database).keys() == {"done", "waiting"}
    short = load_id(database)[:8]
    assert f"tickstock jobs resume {short}" in stopped.out
    finished = done_symbols(database)
    shown = shell.run("jobs", "list", "--json").json()
    assert [(p["state"], p["load"]) for p in shown] == [("running", load_id(database))]
    resumed = shell.run("jobs", "resume", short)
    assert resumed.code == 0, resumed.said
    assert_whole(database)
    assert {asked(vendor)[s] for s in finished} == {1}


def test_a_load_is_interrupted_while_it_waits_for_its_first_answer(
    shell: Shell, database: Database
) -> None:
    process = shell.start("load", UNIVERSE, *DATES)
    until(lambda: states(database)["leased"] or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    stopped = ended(process)
    assert stopped.code == 130, stopped.said
    assert states(database).keys() <= {"waiting", "done"}
