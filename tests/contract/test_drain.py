"""The worker over a real vendor on loopback that fails on order, and a database that goes away."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from tests.conftest import new_folder
from tests.kit import CALENDAR, market_call, plan, sessions, span, ticker_call
from tickstock.config import read_settings
from tickstock.errors import BadSetting, DatabaseRefused, DatabaseUnavailable, VendorThrottled
from tickstock.loading.report import Report
from tickstock.model import Answer, Call, GapCause, JobState, Timeframe, epoch_day
from tickstock.service import TickStock
from tickstock.store import coverage, jobs, ledger, tallies
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.vendors import BarSource, Gate, Limits, OpenGate
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.recorded import shipped_bars
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.worker import engine, slices
from tickstock.worker.drain import Drain
from tickstock.worker.gate import SharedGate
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
MONTH = span("2012-07-02", "2012-07-31")
DAYS = sessions(MONTH)
CALLS = tuple(ticker_call(s, MONTH) for s in SYMBOLS)
TRUTH = {
    (s, at): close
    for s in SYMBOLS
    for at, close in zip(
        shipped_bars().of(s, MONTH).at.tolist(),
        shipped_bars().of(s, MONTH).close.tolist(),
        strict=True,
    )
}
QUICK = Policy(
    lease=5.0, concurrency=4, batch=3, attempts=3, backoff=0.01, longest_backoff=0.02,
    outage_seconds=20.0,
)  # fmt: skip
CALM = Bounds(throttle_rounds=0)
KEY = "canary-5e5a3e"


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    """What was logged; not drawn on a screen, which takes a second for a traceback."""
    with capture_logs() as found:
        yield found


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that looks for work more often."""
    monkeypatch.setattr(engine, "EVERY_FIVE_SECONDS", "* * * * * *")
    monkeypatch.setattr(engine, "PAUSE", 0.1)
    monkeypatch.setattr(engine, "CONNECTION_SECONDS", 2.0)
    monkeypatch.setattr(slices, "REST_SECONDS", 0.1)


# --- setting up ----------------------------------------------------------------------------------
def submit(
    database: Database,
    calls: Sequence[Call] = CALLS,
    *,
    refresh: bool = False,
    vendor: str = "synthetic",
) -> uuid.UUID:
    with database.transaction() as conn:
        ids = {s: i.id for s, i in ensure_instruments(conn, SYMBOLS).items()}
        made = plan(calls, ids, MONTH, refresh=refresh)
        facts = {"expected": len(SYMBOLS) * len(DAYS), "held": 0, "calls": len(calls), "seconds": 1}
        return jobs.submit(conn, made, title="t", vendor=vendor, summary=facts)[0]


@asynccontextmanager
async def facing(
    *faults: Fault, bounds: Bounds = CALM, key: str = KEY, **vendor: Any
) -> AsyncIterator[tuple[MassiveSource, ReplayVendor]]:
    async with ReplayVendor(faults=faults, key=KEY, **vendor) as serving:
        source = MassiveSource(serving.url, key, bounds=bounds)
        try:
            yield source, serving
        finally:
            await source.close()


def drain(
    database: Database, load: uuid.UUID, source: BarSource, gate: Gate | None = None, **policy: Any
) -> Drain:
    return Drain(
        database, source, gate or OpenGate(), CALENDAR, load, "w", replace(QUICK, **policy)
    )  # fmt: skip


def drained(
    database: Database, *faults: Fault, calls: Sequence[Call] = CALLS, bounds: Bounds = CALM,
    **vendor: Any,
) -> tuple[uuid.UUID, Counter[str]]:  # fmt: skip
    """Drain a new job to its end; its id, and how often each symbol was asked for."""
    load = submit(database, calls)

    async def run() -> Counter[str]:
        async with facing(*faults, bounds=bounds, **vendor) as (source, serving):
            await asyncio.wait_for(drain(database, load, source).run(), 60)
            return asked(serving)

    return load, asyncio.run(run())


def asked(vendor: ReplayVendor) -> Counter[str]:
    return Counter(s for r in vendor.requests for s in SYMBOLS if f"/ticker/{s}/" in r.path)


def query(database: Database, text: str, *params: Any) -> list[Any]:
    with database.transaction() as conn:
        return conn.execute(text, params).fetchall()


def stored(database: Database) -> dict[tuple[str, int], float]:
    found = query(
        database,
        "SELECT symbol, (at - DATE '1970-01-01'), close FROM tickstock.bars_day"
        " JOIN tickstock.instruments ON id = instrument_id",
    )
    return {(s, at): close for s, at, close in found}


def states(database: Database, load: uuid.UUID) -> dict[str, int]:
    with database.transaction() as conn:
        return {t.state.value: t.calls for t in tallies.by_state(conn, [load])[load]}


def attempts(database: Database, load: uuid.UUID) -> dict[str, int]:
    found = query(database, "SELECT symbol, attempt FROM tickstock.calls WHERE load_id = %s", load)
    return dict(found)


def gaps(database: Database, symbol: str) -> set[str]:
    found = query(
        database,
        "SELECT DISTINCT cause FROM tickstock.holes JOIN tickstock.instruments"
        " ON id = instrument_id WHERE symbol = %s",
        symbol,
    )
    return {cause for (cause,) in found}


def tick(database: Database, folder: Path, vendor: str = "synthetic", **other: str) -> TickStock:
    settings = read_settings({"TICKSTOCK_VENDOR": vendor, **other}, folder, home=folder)
    return TickStock(settings, database)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(DatabaseUnavailable):  # as far as we look through a database that was killed
            if await asyncio.to_thread(condition):
                return
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


# --- faults of the vendor ------------------------------------------------------------------------
TRANSIENT = (
    What.SERVER_ERROR, What.BAD_GATEWAY, What.CUT_BODY, What.RESET, What.SLOW_DRIP, What.WEB_PAGE,
    What.REDIRECT, What.GZIP_BOMB, What.WRONG_COUNT, What.ADJUSTED, What.UNKNOWN_STATUS,
    What.OTHER_TICKER, What.NEXT_LOOP, What.NOT_A_NUMBER, What.INFINITE, What.CUT_JSON,
    What.BAD_GZIP, What.THROTTLED, What.THROTTLED_EMPTY,
)  # fmt: skip
FREE = (What.THROTTLED, What.THROTTLED_EMPTY)
PASSING = (What.SERVER_ERROR, What.BAD_GATEWAY, What.CUT_BODY, What.RESET, *FREE)
TWICE = [what for what in TRANSIENT if what not in PASSING]
"""Faults of an answer that came, or took all of its time: it is asked for twice, not more often."""


@pytest.mark.parametrize("what", TRANSIENT)
def test_what_passes_is_asked_again_and_the_load_completes(database: Database, what: What) -> None:
    bounds = replace(CALM, total=0.3 if what is What.SLOW_DRIP else 30.0, unpacked_bytes=1 << 20)
    strikes = 1 if what in TWICE else 2
    nth = tuple(range(1, strikes + 1))
    load, times = drained(database, Fault(what, "/ticker/AAPL/", nth=nth), bounds=bounds)
    assert states(database, load) == {"done": 5}
    assert stored(database) == TRUTH
    assert times == {"AAPL": strikes + 1, "FB": 1, "GOOG": 1, "IBM": 1, "MSFT": 1}
    # aiohttp itself asks a second time where a kept connection turns out to be closed.
    spent = {1, 2} if what is What.RESET else {0} if what in FREE else {strikes}
    assert attempts(database, load)["AAPL"] in spent
    assert query(database, "SELECT count(*)::int FROM tickstock.holes") == [(0,)]


@pytest.mark.parametrize("what", [w for w in TWICE if w is not What.SLOW_DRIP])
def test_what_cannot_be_read_is_asked_for_twice(database: Database, what: What) -> None:
    bounds = replace(CALM, unpacked_bytes=1 << 20)
    load, times = drained(database, Fault(what, "/ticker/AAPL/"), bounds=bounds)
    assert states(database, load) == {"done": 4, "failed": 1}
    assert times == {"AAPL": 2, "FB": 1, "GOOG": 1, "IBM": 1, "MSFT": 1}
    assert gaps(database, "AAPL") == {"failed"}


def test_attempts_are_limited_and_one_symbol_stops_no_other(
    database: Database, tmp_path: Path
) -> None:
    load, times = drained(database, Fault(What.SERVER_ERROR, "/ticker/AAPL/"))
    assert times == {"AAPL": 3, "FB": 1, "GOOG": 1, "IBM": 1, "MSFT": 1}
    assert states(database, load) == {"done": 4, "failed": 1}
    assert stored(database) == {k: v for k, v in TRUTH.items() if k[0] != "AAPL"}
    assert gaps(database, "AAPL") == {"failed"}
    report = tick(database, tmp_path).verdicts.finish(load)
    assert report is not None
    assert (report.state, report.failed_symbols) == (JobState.WITH_ERRORS, ("AAPL",))


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_throttling_burns_no_attempts(database: Database, seconds: float | None) -> None:
    often = tuple(range(1, 9))
    load, times = drained(database, Fault(What.THROTTLED, "/ticker/", nth=often, seconds=seconds))
    assert states(database, load) == {"done": 5}
    assert sum(times.values()) == 5 + len(often)
    assert set(attempts(database, load).values()) == {0}


def test_a_throttled_call_waits_as_long_as_the_vendor_said(database: Database) -> None:
    load = submit(database, CALLS[:1])

    async def run() -> list[float]:
        fault = Fault(What.THROTTLED, nth=(1,), seconds=1.0)
        async with facing(fault) as (source, serving):
            await drain(database, load, source).run()
            return [seen.at for seen in serving.requests]

    first, second = asyncio.run(run())
    assert 0.95 <= second - first < 5


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        (What.BAD_REQUEST, GapCause.FAILED),
        (What.NOT_FOUND, GapCause.FAILED),
        (What.NOT_ENTITLED, GapCause.NOT_ENTITLED),
        (What.REFUSED_INSIDE, GapCause.NOT_ENTITLED),
    ],
)
def test_a_refusal_of_one_symbol_is_final_for_it_alone(
    database: Database, what: What, cause: GapCause
) -> None:
    load, times = drained(database, Fault(what, "/ticker/IBM/"))
    found = states(database, load)
    if cause is GapCause.FAILED:
        assert times["IBM"] == 1
        assert found == {"done": 4, "failed": 1}
    else:  # perhaps the account is entitled to other days: that is asked, too
        assert found == {"done": 4, "failed": 1}
        assert times["IBM"] <= 3
        with database.transaction() as connection:
            asked = "SELECT asked FROM tickstock.calls WHERE load_id = %s AND symbol = 'IBM'"
            assert connection.execute(asked, [load]).fetchall() == [(times["IBM"],)]
    assert gaps(database, "IBM") == {cause.value}
    assert len(stored(database)) == 4 * len(DAYS)


def test_an_empty_answer_is_a_gap_and_no_coverage(database: Database, tmp_path: Path) -> None:
    load, _ = drained(database, Fault(What.EMPTY, "/ticker/IBM/"))
    assert gaps(database, "IBM") == {"vendor_empty"}
    report = tick(database, tmp_path).verdicts.finish(load)
    assert report is not None
    assert (report.state, report.failed_symbols) == (JobState.WITH_ERRORS, ("IBM",))


def many(count: int = 60) -> list[Call]:
    """As many different calls: a session of one symbol each."""
    return [ticker_call(s, span(str(d))) for s in SYMBOLS for d in DAYS][:count]


def test_a_refused_key_ends_the_load_with_few_calls(database: Database, tmp_path: Path) -> None:
    load = submit(database, many())

    async def run(gate: Gate) -> int:
        async with facing(key="wrong-key") as (source, serving):
            await asyncio.wait_for(drain(database, load, source, gate).run(), 30)
            return len(serving.requests)

    assert asyncio.run(run(OpenGate())) <= QUICK.concurrency
    assert states(database, load) == {"failed": 60}
    report = tick(database, tmp_path).verdicts.finish(load)
    assert report is not None
    assert report.state is JobState.FAILED
    assert gaps(database, "MSFT") == set()  # of which nothing was to be asked
    assert gaps(database, "FB") == {"failed"}


def test_a_refused_key_does_not_wait_for_the_budget_of_calls_in_vain(database: Database) -> None:
    load = submit(database, many())

    async def run() -> int:
        gate = SharedGate(database, "synthetic", 0.1)  # one each ten minutes
        async with facing(key="wrong-key") as (source, serving):
            await asyncio.wait_for(drain(database, load, source, gate).run(), 60)
            return len(serving.requests)

    assert asyncio.run(run()) == 1
    assert states(database, load) == {"failed": 60}


def test_answers_that_came_before_the_key_was_refused_are_kept(database: Database) -> None:
    load, _ = drained(database, Fault(What.UNKNOWN_KEY, "/ticker/MSFT/"))
    assert states(database, load) == {"done": 4, "failed": 1}
    assert len(stored(database)) == 4 * len(DAYS)


# --- faults of our own ---------------------------------------------------------------------------
@dataclass
class Wrapped:
    """A source whose answers are changed on the way."""

    inner: BarSource
    change: Callable[[Answer], Answer]

    def __post_init__(self) -> None:
        self.name, self.limits = self.inner.name, self.inner.limits

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        return self.change(await self.inner.fetch(call, gate))

    async def close(self) -> None:
        await self.inner.close()


def raising(found: Answer) -> Answer:
    if found.call.symbol == "GOOG":
        raise KeyError("unforeseen")
    return found


def broken(found: Answer) -> Answer:
    """Columns of different lengths, which only the commit meets."""
    if found.call.symbol != "GOOG":
        return found
    return replace(found, bars=replace(found.bars, close=found.bars.close[:3]))


@pytest.mark.parametrize(("change", "kind"), [(raising, KeyError), (broken, ValueError)])
def test_an_unforeseen_error_ends_the_drain_and_leaves_no_lease(
    database: Database, change: Callable[[Answer], Answer], kind: type[Exception]
) -> None:
    load = submit(database)

    async def run() -> None:
        async with facing() as (source, _):
            await asyncio.wait_for(drain(database, load, Wrapped(source, change)).run(), 20)

    for turn in (1, 2):
        with pytest.raises(kind):
            asyncio.run(run())
        assert states(database, load).keys() <= {"done", "waiting"}
        assert attempts(database, load)["GOOG"] == turn
    # At its last attempt the call fails for good, and the others get done.
    with suppress(kind):
        asyncio.run(run())
    asyncio.run(run())
    assert states(database, load) == {"done": 4, "failed": 1}
    assert stored(database) == {k: v for k, v in TRUTH.items() if k[0] != "GOOG"}
    ((said,),) = query(database, "SELECT error FROM tickstock.calls WHERE state = 'failed'")
    assert kind.__name__ in said
    assert "unforeseen" not in said


def test_a_mixed_origin_fails_its_call_and_no_other_of_the_batch(database: Database) -> None:
    load = submit(database)
    with database.transaction() as conn:
        goog = ensure_instruments(conn, ["GOOG"])["GOOG"].id
        conn.execute(
            "INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, bars)"
            " VALUES (%s, 'day', 'synthetic', 1)",
            (goog,),
        )

    async def run() -> None:
        async with facing() as (source, _):
            await drain(database, load, source, batch=50).run()

    asyncio.run(run())
    assert states(database, load) == {"done": 4, "failed": 1}
    assert {s for s, _ in stored(database)} == set(SYMBOLS) - {"GOOG"}


# --- others at the same tables -------------------------------------------------------------------
def test_a_bar_that_an_outsider_inserts_meanwhile_is_no_failure(database: Database) -> None:
    load = submit(database, CALLS[:1])
    with database.transaction() as conn:
        aapl = ensure_instruments(conn, ["AAPL"])["AAPL"].id
    blocked = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND cardinality(pg_blocking_pids(pid)) > 0"
    )

    async def run() -> None:
        async with facing() as (source, _):
            with psycopg.connect(database.conninfo) as outsider:
                outsider.execute(
                    "INSERT INTO tickstock.bars_day VALUES (%s, %s, 1, 1, 1, 1, 1)", (aapl, DAYS[3])
                )
                task = asyncio.create_task(drain(database, load, source).run())
                await until(lambda: query(database, blocked))
                outsider.commit()
            await task

    asyncio.run(run())
    assert states(database, load) == {"done": 1}
    assert attempts(database, load) == {"AAPL": 0}
    assert stored(database) == {k: v for k, v in TRUTH.items() if k[0] == "AAPL"}
    assert query(database, "SELECT close FROM tickstock.bar_revisions") == [(1.0,)]


@dataclass
class Counting:
    """A source that answers at once, and counts."""

    answered: int = 0
    name: str = "synthetic"
    limits: Limits = field(default_factory=Limits)

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        self.answered += 1
        return Answer(call, shipped_bars().of(call.symbol, call.span), "recorded")

    async def close(self) -> None:
        return


@pytest.mark.parametrize(("bars", "answers"), [(1, 1), (2 * len(DAYS), 2), (300_000, 5)])
def test_no_more_bars_are_in_hand_than_there_is_room_for(
    database: Database, bars: int, answers: int
) -> None:
    load = submit(database)
    waiting = (
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'tickstock.bars_day'::regclass"
    )

    async def run() -> int:
        source = Counting()
        with psycopg.connect(database.conninfo) as other:
            other.execute("LOCK TABLE tickstock.bars_day IN EXCLUSIVE MODE")
            working = drain(database, load, source, bars=bars, concurrency=64).run()
            task = asyncio.create_task(working)
            await until(lambda: query(database, waiting))
            in_hand = source.answered
        await task
        return in_hand

    assert asyncio.run(run()) == answers
    assert states(database, load) == {"done": 5}
    assert stored(database) == TRUTH


def test_two_workers_share_a_load_and_repeat_nothing(database: Database) -> None:
    load = submit(database, many())

    async def run() -> int:
        async with facing(delay=0.005) as (source, serving):
            workers = [drain(database, load, source) for _ in range(3)]
            await asyncio.gather(*(w.run() for w in workers))
            assert sum(w.committed for w in workers) == 60
            return len(serving.requests)

    assert asyncio.run(run()) == 60
    assert states(database, load) == {"done": 60}


def test_a_cancelled_load_ends_soon_and_takes_nothing_more(database: Database) -> None:
    load = submit(database, many())

    async def run() -> None:
        async with facing(delay=0.05) as (source, _):
            task = asyncio.create_task(drain(database, load, source).run())
            await until(lambda: states(database, load).get("done", 0) >= 4)
            with database.transaction() as conn:
                jobs.cancel(conn, load, "enough")
                kept = conn.execute("SELECT count(*)::int FROM tickstock.bars_day").fetchone()
            await asyncio.wait_for(task, 10)
            assert len(stored(database)) == (kept or (0,))[0]

    asyncio.run(run())
    assert states(database, load).keys() == {"done", "cancelled"}


# --- stopping ------------------------------------------------------------------------------------
def test_a_graceful_stop_hands_calls_back_and_repeats_none_that_is_done(database: Database) -> None:
    load = submit(database, many())

    async def run() -> tuple[int, int]:
        async with facing(delay=0.05) as (source, serving):
            first = drain(database, load, source)
            task = asyncio.create_task(first.run())
            await until(lambda: states(database, load).get("done", 0) >= 8)
            first.stop()
            await asyncio.wait_for(task, 30)
            found = states(database, load)
            assert found.keys() == {"done", "waiting"}
            assert first.committed == found["done"]
            left = query(
                database, "SELECT max(attempt) FROM tickstock.calls WHERE state = 'waiting'"
            )
            assert left == [(0,)]
            before = len(serving.requests)
            await drain(database, load, source).run()
            return found["waiting"], len(serving.requests) - before

    waiting, asked_after = asyncio.run(run())
    assert asked_after == waiting
    assert states(database, load) == {"done": 60}
    assert stored(database) == {k: v for k, v in TRUTH.items() if k in stored(database)}


def test_stopping_before_the_start_is_stopping(database: Database) -> None:
    load = submit(database)

    async def run() -> int:
        async with facing() as (source, serving):
            one = drain(database, load, source)
            one.stop()
            await one.run()
            return len(serving.requests)

    assert asyncio.run(run()) == 0
    assert states(database, load) == {"waiting": 5}


# --- leases --------------------------------------------------------------------------------------
def test_a_slow_answer_keeps_its_lease(database: Database) -> None:
    load = submit(database, CALLS[:2])

    async def run() -> None:
        async with facing(delay=1.2) as (source, serving):
            await asyncio.gather(
                *(drain(database, load, source, lease=0.4).run() for _ in range(2))
            )
            assert len(serving.requests) == 2

    asyncio.run(run())
    assert query(database, "SELECT DISTINCT attempt, lost FROM tickstock.calls") == [(0, 0)]
    assert states(database, load) == {"done": 2}


def test_a_lease_lost_while_fetching_ends_the_fetch(database: Database) -> None:
    load = submit(database, CALLS[:1])

    async def run() -> None:
        async with facing(delay=600.0) as (source, serving):
            one = drain(database, load, source, lease=0.6)
            task = asyncio.create_task(one.run())
            await until(lambda: serving.requests)
            with database.transaction() as conn:
                conn.execute("UPDATE tickstock.calls SET lease_until = now() - interval '1 second'")
                (lease,) = ledger.claim(conn, load, "another", 1, timedelta(seconds=60))
                assert ledger.fence_check(conn, [lease])
                ledger.finish_calls(conn, [ledger.Finished(lease.id, 0, 0, 0, 1)])
            await asyncio.wait_for(task, 60)
            assert one.committed == 0

    asyncio.run(run())
    assert states(database, load) == {"done": 1}


def test_after_a_freeze_one_claims_ones_own_lost_call_again(database: Database) -> None:
    load = submit(database, CALLS[:1])

    async def run() -> int:
        async with facing(delay=0.5) as (source, serving):
            one = drain(database, load, source, lease=0.3)
            task = asyncio.create_task(one.run())
            await until(lambda: serving.requests)
            time.sleep(0.1)  # the loop is meant to stand still
            with database.transaction() as conn:  # as if nobody had renewed for long
                conn.execute("UPDATE tickstock.calls SET lease_until = now() - interval '1 hour',"
                             " fence = fence + 1")  # fmt: skip
            await asyncio.wait_for(task, 20)
            assert one.committed == 1
            return len(serving.requests)

    assert asyncio.run(run()) == 2
    assert states(database, load) == {"done": 1}
    assert stored(database) == {k: v for k, v in TRUTH.items() if k[0] == "AAPL"}


# --- the database goes away ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def house() -> Iterator[Path]:
    """A home of this file's own, whose server is killed."""
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def own(house: Path) -> Iterator[Database]:
    with Database.open(None, house) as opened:
        with opened.transaction() as conn:
            conn.execute("DELETE FROM tickstock.loads")
            conn.execute("TRUNCATE tickstock.bars_day, tickstock.coverage, tickstock.holes")
        yield opened


def kill(database: Database) -> None:
    ((text,),) = query(database, "SELECT pg_read_file('postmaster.pid')")
    os.kill(int(text.split()[0]), signal.SIGKILL)


async def kill_now_and_then(database: Database, load: uuid.UUID, at: Iterable[int]) -> None:
    for count in at:
        await until(lambda count=count: states(database, load).get("done", 0) >= count)
        await asyncio.to_thread(kill, database)


def test_a_database_that_is_killed_under_a_load_loses_and_repeats_nothing(
    own: Database, lines: list[Any]
) -> None:
    load = submit(own, many(100))

    async def run() -> None:
        async with facing(delay=0.02) as (source, serving):
            one = drain(own, load, source)
            killing = asyncio.create_task(kill_now_and_then(own, load, (10, 40, 70)))
            await asyncio.wait_for(one.run(), 60)
            await killing
            # Asked again is only what was claimed when the answer to the claim got lost.
            assert len(serving.requests) <= 100 + 3 * QUICK.concurrency

    begun = time.monotonic()
    asyncio.run(run())
    away = [line for line in lines if line["event"] == "database away"]
    assert len(away) <= time.monotonic() - begun + 1
    assert states(own, load) == {"done": 100}
    assert stored(own) == {k: v for k, v in TRUTH.items() if k in stored(own)}
    assert len(stored(own)) == 100
    assert query(own, "SELECT sum(bars)::int, max(bars)::int FROM tickstock.coverage") == [
        (100, 21)
    ]


@pytest.mark.usefixtures("brisk")
def test_a_worker_process_survives_its_database(own: Database, house: Path) -> None:
    serving = tick(own, house)

    async def run() -> None:
        async with facing(delay=0.02) as (source, _):
            held = Held(source)
            worker = Worker(serving, policy=QUICK, source=lambda *_: held)
            task = asyncio.create_task(worker.run())
            first = await asyncio.to_thread(submit_queued, serving, many(60))
            await kill_now_and_then(own, first, (10, 30))
            await until(lambda: ended(own, first), 60)
            second = await asyncio.to_thread(submit_queued, serving, many(60))
            await until(lambda: ended(own, second), 60)
            worker.stop()
            await asyncio.wait_for(task, 20)

    asyncio.run(run())
    assert len(stored(own)) == 60


@dataclass
class Held:
    """A source that several drains use, and that outlives them."""

    inner: BarSource

    def __post_init__(self) -> None:
        self.name, self.limits = self.inner.name, self.inner.limits
        self.fetch = self.inner.fetch

    async def close(self) -> None:
        return


def submit_queued(serving: TickStock, calls: Sequence[Call]) -> uuid.UUID:
    """A job with its job in the queue."""
    from tickstock.service.queue import defer_drain

    load = submit(serving.database, calls)
    with serving.database.transaction() as conn:
        defer_drain(conn, load, "synthetic", 0)
    return load


def ended(database: Database, load: uuid.UUID) -> bool:
    with database.transaction() as conn:
        return jobs.read(conn, load).state.finished


def test_a_database_that_stays_away_is_told_in_time(own: Database, house: Path) -> None:
    load = submit(own, many())
    address = own.conninfo  # without the care of the one who would start it again

    async def run() -> None:
        with Database.open(address, house, migrate=False) as plain:
            async with facing(delay=0.02) as (source, _):
                one = drain(plain, load, source, outage_seconds=0.5)
                task = asyncio.create_task(one.run())
                await until(lambda: states(own, load).get("done", 0) >= 4)
                await asyncio.to_thread(kill, own)
                with pytest.raises(DatabaseUnavailable):
                    await asyncio.wait_for(task, 60)  # by itself it would be ten minutes

    asyncio.run(run())


def test_a_database_that_takes_no_writes_ends_the_drain_with_its_reason(database: Database) -> None:
    load = submit(database)
    with database.transaction() as conn:
        name = conn.info.dbname
        conn.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with Database.open(database.conninfo, Path("/nowhere"), migrate=False) as locked:

        async def run() -> None:
            async with facing() as (source, _):
                await asyncio.wait_for(drain(locked, load, source).run(), 20)

        with pytest.raises(DatabaseRefused, match="read-only"):
            asyncio.run(run())
    assert states(database, load) == {"waiting": 5}


def test_a_commit_that_the_database_cannot_take_is_tried_again_then_fails_alone(
    database: Database,
) -> None:
    load = submit(database)
    with database.transaction() as conn:
        goog = ensure_instruments(conn, ["GOOG"])["GOOG"].id
        conn.execute(f"CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF"
                     f" NEW.instrument_id = {goog} THEN RAISE EXCEPTION 'no space' USING ERRCODE ="
                     f" '53100'; END IF; RETURN NEW; END $$")  # fmt: skip
        conn.execute("CREATE TRIGGER t BEFORE INSERT ON tickstock.bars_day FOR EACH ROW"
                     " EXECUTE FUNCTION no_space()")  # fmt: skip

    async def run() -> Counter[str]:
        async with facing() as (source, serving):
            await asyncio.wait_for(drain(database, load, source).run(), 30)
            return asked(serving)

    times = asyncio.run(run())
    assert states(database, load) == {"done": 4, "failed": 1}
    assert times["GOOG"] == QUICK.attempts
    ((said,),) = query(database, "SELECT error FROM tickstock.calls WHERE state = 'failed'")
    assert "no space" in said
    assert {s for s, _ in stored(database)} == set(SYMBOLS) - {"GOOG"}


# --- the verdict ---------------------------------------------------------------------------------
def test_no_verdict_is_written_while_somebody_else_is_at_work(
    database: Database, tmp_path: Path
) -> None:
    load = submit(database, CALLS[:1])
    serving = tick(database, tmp_path)
    with database.transaction() as conn:
        ledger.claim(conn, load, "another", 1, timedelta(seconds=60))
    assert serving.verdicts.finish(load) is None


def test_a_verdict_sees_the_call_that_ends_while_it_is_being_made(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker stops, and looks, while another commits the last call."""
    load = submit(database, CALLS)
    serving = tick(database, tmp_path)
    looked, committed = threading.Event(), threading.Event()
    results = serving.verdicts._results

    def slow(connection: Any, load_id: uuid.UUID) -> Any:
        found = results(connection, load_id)
        looked.set()
        committed.wait(1.0)
        return found

    monkeypatch.setattr(serving.verdicts, "_results", slow)
    verdicts: list[Report | None] = []
    stopped = threading.Thread(target=lambda: verdicts.append(serving.verdicts.finish(load)))
    stopped.start()
    looked.wait(0.5)

    async def run() -> None:
        async with facing() as (source, _):
            await drain(database, load, source).run()

    asyncio.run(run())
    committed.set()
    stopped.join(20)
    assert verdicts == [None]
    report = serving.verdicts.finish(load)
    assert report is not None
    assert (report.state, report.held) == (JobState.COMPLETED, len(TRUTH))


def test_a_refresh_that_fails_is_not_called_completed(database: Database, tmp_path: Path) -> None:
    first, _ = drained(database)
    serving = tick(database, tmp_path)
    done = serving.verdicts.finish(first)
    assert done is not None
    assert done.state is JobState.COMPLETED
    for faults, state, failed in (
        ([Fault(What.NOT_FOUND, "/ticker/AAPL/")], JobState.WITH_ERRORS, ("AAPL",)),
        ([Fault(What.NOT_FOUND)], JobState.FAILED, SYMBOLS),
        ([], JobState.COMPLETED, ()),
    ):
        load = submit(database, refresh=True)

        async def run(load: uuid.UUID = load, faults: list[Fault] = faults) -> None:
            async with facing(*faults) as (source, _):
                await drain(database, load, source).run()

        asyncio.run(run())
        report = serving.verdicts.finish(load)
        assert report is not None
        assert (report.state, report.failed_symbols) == (state, failed)


def test_a_failed_refresh_of_a_whole_market_day_concerns_every_symbol(
    database: Database, tmp_path: Path
) -> None:
    drained(database)
    load = submit(database, [market_call(DAYS[0])], refresh=True)

    async def run() -> None:
        async with facing(Fault(What.NOT_FOUND)) as (source, _):
            await drain(database, load, source).run()

    asyncio.run(run())
    report = tick(database, tmp_path).verdicts.finish(load)
    assert report is not None
    assert report.failed_symbols == SYMBOLS


# --- the worker around it ------------------------------------------------------------------------
def test_a_load_for_another_vendor_is_refused(database: Database, tmp_path: Path) -> None:
    load = submit(database, vendor="another")

    async def run() -> None:
        async with facing() as (source, serving):
            worker = Worker(tick(database, tmp_path), policy=QUICK, source=lambda *_: source)
            with pytest.raises(BadSetting, match="another"):
                await worker.drain(load)
            assert not serving.requests

    asyncio.run(run())
    assert states(database, load) == {"waiting": 5}


def test_one_process_drains_a_load_once_however_often_it_is_told_to(
    database: Database, tmp_path: Path
) -> None:
    load = submit(database)

    async def run() -> int:
        async with facing(delay=0.1) as (source, serving):
            worker = Worker(tick(database, tmp_path), policy=QUICK, source=lambda *_: Held(source))
            reports = await asyncio.gather(*(worker.drain(load) for _ in range(4)))
            assert sum(r is not None for r in reports) == 1
            assert await worker.drain(load) is None  # it has ended
            return len(serving.requests)

    assert asyncio.run(run()) == 5


@pytest.mark.usefixtures("brisk")
def test_a_worker_takes_over_what_a_dead_one_left_and_goes_on_after_a_crash(
    database: Database, tmp_path: Path
) -> None:
    left = submit(database, CALLS[:3])
    poison = submit(database, [ticker_call("GOOG", MONTH)])
    with database.transaction() as conn:
        ledger.claim(conn, left, "dead", 2, timedelta(seconds=0.5))

    async def run() -> None:
        async with facing() as (source, _):
            held = Held(Wrapped(source, lambda a: raising(a) if len(a.bars) == len(DAYS) else a))
            worker = Worker(tick(database, tmp_path), policy=QUICK, source=lambda *_: held)
            task = asyncio.create_task(worker.run())
            await until(lambda: ended(database, left) and ended(database, poison))
            worker.stop()
            await asyncio.wait_for(task, 10)

    asyncio.run(run())
    assert states(database, poison) == {"failed": 1}


def test_a_stopped_worker_hands_everything_back(database: Database, tmp_path: Path) -> None:
    serving = tick(database, tmp_path)
    load = submit_queued(serving, many())

    async def run() -> None:
        async with facing(delay=0.1) as (source, _):
            worker = Worker(serving, policy=QUICK, source=lambda *_: Held(source))
            task = asyncio.create_task(worker.run())
            await until(lambda: states(database, load).get("done", 0) >= 4)
            worker.stop()
            await asyncio.wait_for(task, 10)

    asyncio.run(run())
    assert states(database, load).keys() == {"done", "waiting"}


# --- coverage of what was drained ----------------------------------------------------------------
def test_market_days_and_ticker_calls_of_one_load_agree(database: Database) -> None:
    calls = [*(market_call(d) for d in DAYS[:10]), *(ticker_call(s, MONTH) for s in SYMBOLS[:3])]
    load, _ = drained(database, calls=calls)
    assert states(database, load) == {"done": 13}
    found = stored(database)
    assert found == {k: v for k, v in TRUTH.items() if k in found}
    early = {epoch_day(d) for d in DAYS[:10]}
    assert len(found) == 3 * len(DAYS) + 2 * len(early)
    with database.transaction() as conn:
        ids = {s: i.id for s, i in ensure_instruments(conn, SYMBOLS).items()}
        kept = coverage.summaries(conn, Timeframe.DAY, list(ids.values()))
    assert {s: kept[i].bars for s, i in ids.items()} == Counter(s for s, _ in found)


def test_an_endless_429_neither_fails_nor_ends_and_says_what_it_waits_for(
    database: Database, tmp_path: Path
) -> None:
    load = submit(database, CALLS[:1])

    async def run() -> None:
        async with facing(Fault(What.THROTTLED, seconds=0.0)) as (source, serving):
            one = drain(database, load, source)
            task = asyncio.create_task(one.run())
            await until(lambda: len(serving.requests) > 3 * QUICK.attempts)
            one.stop()
            await asyncio.wait_for(task, 10)

    asyncio.run(run())
    assert states(database, load) == {"waiting": 1}
    (told,) = tick(database, tmp_path).jobs.progress(load).errors
    assert told.kind == VendorThrottled.__name__
