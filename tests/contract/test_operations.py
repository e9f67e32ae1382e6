"""Steering jobs and workers: pause, clone, prune, priorities, turns, presence, schedules."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import pytest
from procrastinate.worker import Worker as EngineWorker
from structlog.testing import capture_logs

from tests.worker_kit import (
    QUICK,
    SYMBOLS,
    Watched,
    execute,
    query,
    state,
    submit,
    until,
    working,
)  # fmt: skip
from tickstock.cli.watch import held_up
from tickstock.clock import machine_now
from tickstock.config import Settings, read_settings
from tickstock.errors import BadInput, Conflict, UnknownUniverse
from tickstock.model import JobState
from tickstock.service import TickStock
from tickstock.service.queue import queue_of
from tickstock.service.system import look
from tickstock.store import jobs, ledger, workers
from tickstock.store.database import Database
from tickstock.store.jobs import Job
from tickstock.store.losses import SILENCE
from tickstock.worker import engine, slices
from tickstock.worker.run import Worker

LEASE = timedelta(seconds=5)


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "EVERY_FIVE_SECONDS", "* * * * * *")
    monkeypatch.setattr(engine, "PAUSE", 0.1)


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    return TickStock(
        read_settings({"TICKSTOCK_VENDOR": "synthetic"}, tmp_path, home=tmp_path), database
    )


def leased(tick: TickStock) -> int:
    return int(query(tick, "SELECT count(*) FROM tickstock.calls WHERE state = 'leased'")[0][0])


# --- pause, resume ------------------------------------------------------------------------------
def test_a_paused_load_is_asked_nothing_and_goes_on_where_it_was(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS[:12])

    async def run() -> tuple[list[str], int]:
        source = Watched(tick, most=3)
        async with working(tick, source):
            await until(lambda: tick.jobs.progress(load.id).calls == 3 and len(source.asked) > 3)
            assert await asyncio.to_thread(tick.steering.pause, load.id)
            source.opened.set()
            assert leased(tick) == 0  # handed back at once
            paused = tick.jobs.progress(load.id)
            assert paused.paused
            assert paused.standstill is not None
            await asyncio.sleep(0.2)  # what was waiting at the gate notices
            before = len(source.asked)
            await asyncio.sleep(0.3)
            assert len(source.asked) == before
            later = tick.jobs.progress(load.id)
            assert later.calls == paused.calls
            assert later.seconds_left == paused.seconds_left  # it stands still too
            assert await asyncio.to_thread(tick.steering.resume, load.id)
            await until(lambda: state(tick, load) is JobState.COMPLETED)
        return source.asked, before - later.calls

    asked, on_their_way = asyncio.run(run())
    assert set(asked) == set(SYMBOLS[:12])
    assert on_their_way <= QUICK.concurrency
    assert len(asked) == 12 + on_their_way  # each is asked for again, and nothing else is


def test_pausing_again_or_what_has_ended_says_no(tick: TickStock) -> None:
    load = submit(tick, "S01")
    assert not tick.steering.resume(load.id)
    assert tick.steering.pause(load.id)
    assert not tick.steering.pause(load.id)
    assert tick.jobs.cancel(load.id)
    assert not tick.jobs.progress(load.id).paused
    assert not tick.steering.pause(load.id)
    assert not tick.steering.resume(load.id)


def test_no_claim_slips_past_a_pause(tick: TickStock) -> None:
    """Claims and a pause at the same moment, many times: after the pause nothing is leased."""
    load = submit(tick, *SYMBOLS)
    begin = threading.Event()

    def claim(name: str) -> None:
        begin.wait()
        for _ in range(10):
            with tick.database.transaction() as conn:
                found = ledger.claim(conn, load.id, name, 2, LEASE)
            with tick.database.transaction() as conn:
                ledger.hand_back(conn, found[:1])

    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            begin.clear()
            jobs = [pool.submit(claim, f"w{n}") for n in range(3)]
            begin.set()
            assert tick.steering.pause(load.id)
            assert leased(tick) == 0
            for job in jobs:
                job.result()
        assert leased(tick) == 0
        assert tick.steering.resume(load.id)


def test_a_process_that_works_on_one_load_ends_when_it_is_paused(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS[:20])

    async def run() -> None:
        worker = Worker(tick, policy=QUICK, source=lambda *_: Watched(tick))
        task = asyncio.create_task(worker.drain(load.id))
        await until(lambda: tick.jobs.progress(load.id).calls >= 2)
        tick.steering.pause(load.id)
        worker.stop()
        assert await asyncio.wait_for(task, 10) is None
        assert await worker.drain(load.id) is None

    asyncio.run(run())
    assert tick.jobs.progress(load.id).paused


# --- clone, prune -------------------------------------------------------------------------------
def done(tick: TickStock, load: Job) -> None:
    async def run() -> None:
        worker = Worker(tick, policy=QUICK, source=lambda *_: Watched(tick, 0.0))
        await worker.drain(load.id)
        await worker.leave()

    asyncio.run(run())


def test_a_clone_asks_for_the_same_and_is_planned_anew(tick: TickStock) -> None:
    first = submit(tick, "S01", "S02", title="mine")
    second = tick.steering.clone(first.id, "ann")
    assert second.id != first.id
    assert (second.parent_id, second.title, second.requested_by) == (first.id, "mine", "ann")
    assert second.request == first.request
    assert second.summary["calls"] == 2
    done(tick, first)
    third = tick.steering.clone(first.id)
    assert (third.summary["calls"], third.request) == (0, first.request)


def test_old_loads_are_forgotten_and_no_bar_with_them(tick: TickStock) -> None:
    old, young, open_ = submit(tick, "S01"), submit(tick, "S02"), submit(tick, "S03")
    done(tick, old)
    done(tick, young)
    execute(tick, "UPDATE tickstock.loads SET finished_at = now() - interval '91 days'"
                  " WHERE id = %s", old.id)  # fmt: skip
    bars = query(tick, "SELECT count(*) FROM tickstock.bars_hour")
    assert tick.steering.prune(dry_run=True)[0] == 1
    assert tick.steering.prune(timedelta(days=92))[0] == 0
    assert tick.steering.prune()[0] == 1  # by the setting: 90 days
    left = {i for (i,) in query(tick, "SELECT id FROM tickstock.loads")}
    assert left == {young.id, open_.id}
    assert query(tick, "SELECT count(*) FROM tickstock.bars_hour") == bars
    assert bars[0][0] > 0


# --- who goes first -----------------------------------------------------------------------------
def test_a_small_request_passes_a_large_one_that_is_under_way(tick: TickStock) -> None:
    large = submit(tick, *SYMBOLS)

    async def run() -> None:
        source = Watched(tick, pace=120.0)  # on a busy machine it takes seconds to be picked up
        async with working(tick, source):
            await until(lambda: len(source.asked) >= 3)
            small = await asyncio.to_thread(lambda: submit(tick, "NEW"))
            before = len(source.asked)
            assert small.priority > large.priority
            await until(lambda: state(tick, small) is JobState.COMPLETED)
            assert source.asked.index("NEW") <= before + 8
            assert tick.jobs.progress(large.id).calls < len(SYMBOLS)

    asyncio.run(run())
    assert leased(tick) == 0


def test_loads_of_one_priority_are_worked_on_side_by_side(tick: TickStock) -> None:
    submit(tick, *SYMBOLS[:15])
    submit(tick, *SYMBOLS[15:30])

    async def run() -> list[str]:
        source = Watched(tick)
        async with working(tick, source):
            await until(lambda: len(source.asked) >= 16)
            return list(source.asked)

    asked = asyncio.run(run())
    both = [sum(s in part for s in asked[4:16]) for part in (SYMBOLS[:15], SYMBOLS[15:30])]
    assert min(both) >= 4


def test_with_one_place_an_urgent_load_gets_it_and_gives_it_back(
    tick: TickStock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(slices, "PLACES", 1)
    large = submit(tick, *SYMBOLS[:20], priority=-5)

    async def run() -> list[str]:
        source = Watched(tick)
        async with working(tick, source):
            await until(lambda: len(source.asked) >= 3)
            urgent = await asyncio.to_thread(lambda: submit(tick, "NEW"))
            await until(lambda: state(tick, urgent) is JobState.COMPLETED)
            assert not state(tick, large).finished
            await until(lambda: state(tick, large) is JobState.COMPLETED)
        return source.asked

    asked = asyncio.run(run())
    assert set(asked) == {*SYMBOLS[:20], "NEW"}
    assert len(asked) <= 21 + QUICK.concurrency  # those in flight when it made room


def test_a_given_priority_counts_more_than_the_size(tick: TickStock) -> None:
    submit(tick, "S01", priority=-1)
    large = submit(tick, *SYMBOLS[:15], priority=50)
    first = "SELECT (procrastinate_fetch_job_v2(ARRAY[%s], NULL)).args ->> 'load_id'"
    assert query(tick, first, queue_of("synthetic")) == [(str(large.id),)]


# --- workers ------------------------------------------------------------------------------------
def test_by_default_somebody_else_goes_on_within_45_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    assert Settings().lease_seconds + engine.BEAT_SECONDS <= 45
    assert SILENCE.total_seconds() >= 3 * engine.BEAT_SECONDS


def test_a_worker_is_known_while_it_runs_and_what_it_did_is_counted(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS[:4])

    async def run() -> None:
        async with working(tick, Watched(tick, 0.0)) as worker:
            await until(lambda: state(tick, load) is JobState.COMPLETED)
            found = look(tick.database, tick.settings, tick.clock)
            assert found.alive == 1
            assert [w.name for w in found.workers] == [worker.name]

    asyncio.run(run())
    assert look(tick.database, tick.settings, tick.clock).workers == ()
    with tick.database.transaction() as conn:
        sums = workers.counts(conn)
    bars = query(tick, "SELECT count(*) FROM tickstock.bars_hour")[0][0]
    assert sums["answers", "bars"] == 4
    assert sums["bars", "new"] == bars > 0


def test_an_ended_load_leaves_no_job_behind(tick: TickStock) -> None:
    load = submit(tick, "S01")
    assert len(query(tick, "SELECT FROM procrastinate_jobs")) == 1
    done(tick, load)
    assert query(tick, "SELECT FROM procrastinate_jobs") == []


def test_who_waits_for_a_dead_workers_leases_is_told_so(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS[:5])
    with tick.database.transaction() as conn:
        ledger.claim(conn, load.id, "host:1:dead", 3, LEASE)
    progress = tick.jobs.progress(load.id)
    until_ = progress.holders[0].until.astimezone()
    told = f"3 calls are leased by worker host:1:dead until {until_:%H:%M:%S}"
    assert held_up(progress, "me") == told
    assert held_up(progress, "") == ""  # who only looks on does not wait
    with tick.database.transaction() as conn:
        ledger.claim(conn, load.id, "me", 1, LEASE)
    assert held_up(tick.jobs.progress(load.id), "me") == ""


def test_the_time_left_is_by_the_pace_of_now_not_by_the_first_start(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS[:10])
    execute(tick, "UPDATE tickstock.loads SET state = 'running',"
                  " started_at = now() - interval '10 days' WHERE id = %s", load.id)  # fmt: skip
    with tick.database.transaction() as conn:
        jobs.begin_activity(conn, load.id, "me")
        leases = ledger.claim(conn, load.id, "me", 5, LEASE)
        ledger.finish_calls(conn, [ledger.Finished(x.id, 1, 1, 0, 1) for x in leases])
    left = tick.jobs.progress(load.id).seconds_left
    assert left is not None
    assert left < 60


# --- schedules ----------------------------------------------------------------------------------
AT = time_of_day(1, 0)


def universe(tick: TickStock, *symbols: str) -> str:
    return "{" + ", ".join(symbols or SYMBOLS[:2]) + "}"


def since(tick: TickStock, days: float) -> None:
    """As if the schedules had been added so long ago."""
    execute(tick, "UPDATE tickstock.schedules SET created_at = now() - %s", timedelta(days=days))


def loads(tick: TickStock) -> list[Job]:
    return [p.load for p in tick.jobs.newest(50)]


@pytest.mark.dates
def test_a_schedule_is_due_after_it_was_added_not_before(tick: TickStock) -> None:
    made = tick.schedules.add("daily", universe(tick), AT, after_close=True)
    assert made.next is not None
    assert made.next > machine_now()
    assert tick.schedules.perform_due("w") == 0
    assert [p.schedule.name for p in tick.schedules.planned()] == ["daily"]
    tick.schedules.remove("daily")
    assert tick.schedules.planned() == []


def test_of_many_workers_one_performs_it_once(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    since(tick, 1)
    with ThreadPoolExecutor(6) as pool:
        counts = [*pool.map(tick.schedules.perform_due, [f"w{n}" for n in range(6)])]
    assert sorted(counts) == [0, 0, 0, 0, 0, 1]
    (load,) = loads(tick)
    assert load.requested_by == "schedule daily"
    assert tick.schedules.perform_due("w") == 0


@pytest.mark.dates
def test_what_was_missed_is_made_up_for_by_one_load(tick: TickStock) -> None:
    # Due times are the database's; so that the days are too, both clocks have to agree.
    tick = TickStock(tick.settings, tick.database, machine_now)
    tick.schedules.add("daily", universe(tick), AT, duration="1d")
    since(tick, 20)
    assert tick.schedules.perform_due("w") == 1
    (load,) = loads(tick)
    last = tick.schedules.planned()[0].last
    assert last is not None
    assert last.missed in (19, 18)
    assert (last.state, last.load_id) == ("submitted", load.id)
    first = datetime.fromisoformat(load.request["from"]).date()
    wanted = tick.dates.span("1d").last
    assert datetime.fromisoformat(load.request["to"]).date() == wanted
    assert (wanted - first).days >= 15  # all days that the missed runs would have loaded


def test_what_fails_is_told_and_the_next_due_time_is_not_lost(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    execute(tick, "UPDATE tickstock.schedules SET universe = 'etf_universe:gone'")
    since(tick, 1)
    assert tick.schedules.perform_due("w") == 0
    last = tick.schedules.planned()[0].last
    assert last is not None
    assert last.state == "failed"
    assert "gone" in last.message
    assert tick.schedules.perform_due("w") == 0
    execute(tick, "UPDATE tickstock.schedules SET universe = %s", universe(tick))
    execute(tick, "UPDATE tickstock.schedule_runs SET due_at = due_at - interval '1 day'")
    assert tick.schedules.perform_due("w") == 1


def test_a_worker_that_dies_over_it_is_taken_over_and_the_load_is_still_one(
    tick: TickStock,
) -> None:
    """Killed after the job was submitted and before that was written down."""
    tick.schedules.add("daily", universe(tick), AT)
    since(tick, 1)
    assert tick.schedules.perform_due("dead") == 1
    execute(tick, "UPDATE tickstock.schedule_runs SET state = 'running', load_id = NULL,"
                  " lease_until = now() - interval '1 second'")  # fmt: skip
    assert tick.schedules.perform_due("other") == 1
    assert len(loads(tick)) == 1
    assert tick.schedules.planned()[0].last.load_id == loads(tick)[0].id  # type: ignore[union-attr]


def test_while_somebody_is_at_it_nobody_else_is(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    since(tick, 1)
    assert tick.schedules.perform_due("a") == 1
    execute(tick, "UPDATE tickstock.schedule_runs SET state = 'running', load_id = NULL,"
                  " lease_until = now() + interval '1 minute'")  # fmt: skip
    assert tick.schedules.perform_due("b") == 0


def test_a_schedule_of_another_vendor_is_left_to_its_workers(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    execute(tick, "UPDATE tickstock.schedules SET vendor = 'massive'")
    since(tick, 1)
    assert tick.schedules.perform_due("w") == 0
    assert loads(tick) == []


def test_it_can_be_run_at_once_besides_its_times(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    load = tick.schedules.run_now("daily", "ann")
    assert load.requested_by == "ann"
    assert tick.schedules.planned()[0].last is None
    with pytest.raises(BadInput, match="no schedule"):
        tick.schedules.run_now("other")


def test_what_cannot_be_a_schedule_is_refused_when_it_is_added(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    with pytest.raises(Conflict, match="already"):
        tick.schedules.add("daily", universe(tick), AT)
    with pytest.raises(BadInput, match="name"):
        tick.schedules.add("a b", universe(tick), AT)
    with pytest.raises(UnknownUniverse):
        tick.schedules.add("x", "etf_universe:nowhere", AT)
    with pytest.raises(BadInput, match="duration"):
        tick.schedules.add("x", universe(tick), AT, duration="soon")
    with pytest.raises(BadInput, match="timeframe"):
        tick.schedules.add("x", universe(tick), AT, timeframes="tick")
    with pytest.raises(BadInput, match="no schedule"):
        tick.schedules.remove("x")


def test_a_running_worker_performs_schedules(tick: TickStock) -> None:
    tick.schedules.add("daily", universe(tick), AT)
    since(tick, 1)

    async def run() -> None:
        async with working(tick, Watched(tick, 0.0)):
            await until(lambda: [x.state for x in loads(tick)] == [JobState.COMPLETED])

    asyncio.run(run())
    assert isinstance(loads(tick)[0].id, uuid.UUID)


# --- the end of a worker --------------------------------------------------------------------------
def test_a_worker_ends_though_a_cancellation_was_lost(
    tick: TickStock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As can happen inside the queue's pool of connections, before Python 3.12."""
    original, deaf = EngineWorker.run, 0

    async def run_worker(worker: EngineWorker) -> None:
        nonlocal deaf
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            deaf += 1
        await original(worker)

    monkeypatch.setattr(EngineWorker, "run", run_worker)
    monkeypatch.setattr(engine, "GRACE", 0.1)
    monkeypatch.setattr(engine, "CONNECTION_SECONDS", 0.5)

    async def run() -> None:
        worker = Worker(tick)
        task = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.3, worker.stop)
        async with asyncio.timeout(20):
            await task

    asyncio.run(run())
    assert deaf == 1
