"""Slices of jobs: whose turn it is, what is left at their ends, and tasks that got lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.worker_kit import SYMBOLS, Watched, execute, query, state, submit, until, working
from tickstock.config import read_settings
from tickstock.model import JobState
from tickstock.service import TickStock
from tickstock.service.queue import queue_of, schedules_queue_of
from tickstock.store.database import Database
from tickstock.worker import engine, slices


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "EVERY_FIVE_SECONDS", "* * * * * *")
    monkeypatch.setattr(engine, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(slices, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(slices, "REST_SECONDS", 0.1)


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    return TickStock(
        read_settings({"TICKSTOCK_VENDOR": "synthetic"}, tmp_path, home=tmp_path), database
    )


def test_with_one_place_loads_of_one_priority_take_turns(
    tick: TickStock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And neither waits for the end of the other."""
    monkeypatch.setattr(slices, "PLACES", 1)
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.2)
    parts = SYMBOLS[:20], SYMBOLS[20:]
    for part in parts:
        submit(tick, *part)

    async def run() -> list[str]:
        source = Watched(tick)
        async with working(tick, source, concurrency=2):
            await until(lambda: all({*source.asked} & {*part} for part in parts))
            return list(source.asked)

    asked = asyncio.run(run())
    assert max(len({*asked} & {*part}) for part in parts) < 20


def test_an_alone_load_keeps_its_place(tick: TickStock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "PLACES", 1)
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)
    load = submit(tick, *SYMBOLS[:20])
    ends = list[Any]()

    async def run() -> None:
        async with working(tick, Watched(tick)) as worker:
            monkeypatch.setattr(worker, "end_slice", ends.append)
            await until(lambda: state(tick, load) is JobState.COMPLETED)

    asyncio.run(run())
    assert ends == []


def test_at_the_end_of_a_slice_what_was_asked_is_kept_and_the_next_follows(
    tick: TickStock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is thrown away; the job is done by many slices, each call by one."""
    monkeypatch.setattr(slices, "LONGEST_SECONDS", 0.15)
    load = submit(tick, *SYMBOLS[:10])

    async def run() -> list[str]:
        source = Watched(tick)
        async with working(tick, source, concurrency=3):
            await until(lambda: state(tick, load) is JobState.COMPLETED, 40)
        return source.asked

    assert sorted(asyncio.run(run())) == sorted(SYMBOLS[:10])
    # What was handed back is not counted.
    assert query(tick, "SELECT DISTINCT attempt, lost FROM tickstock.calls") == [(0, 0)]
    assert query(tick, "SELECT FROM procrastinate_jobs WHERE task_name = 'tickstock.drain'") == []


def test_a_load_whose_task_got_lost_is_found(tick: TickStock) -> None:
    """As when a process dies between the end of a slice and the next task, or after an upgrade."""
    load = submit(tick, *SYMBOLS[:3])
    execute(tick, "DELETE FROM procrastinate_jobs")

    async def run() -> None:
        async with working(tick, Watched(tick)):
            await until(lambda: state(tick, load) is JobState.COMPLETED)

    asyncio.run(run())


def test_the_task_of_a_dead_worker_is_taken_out_and_its_load_done(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS[:3])
    execute(tick, "INSERT INTO procrastinate_workers (last_heartbeat)"
                  " VALUES (now() - '1 min'::interval)")  # fmt: skip
    execute(tick, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id)"
                  " FROM procrastinate_workers)")  # fmt: skip

    async def run() -> None:
        async with working(tick, Watched(tick)):
            await until(lambda: state(tick, load) is JobState.COMPLETED)
            await until(lambda: not query(tick, "SELECT FROM procrastinate_jobs WHERE worker_id IN"
                                " (SELECT id FROM procrastinate_workers"
                                "  WHERE last_heartbeat < now() - '50 s'::interval)"))  # fmt: skip

    asyncio.run(run())


def test_a_task_of_an_earlier_release_is_a_slice_too(tick: TickStock) -> None:
    """It had no lock, and the job's id alone."""
    load = submit(tick, *SYMBOLS[:3])
    execute(tick, "UPDATE procrastinate_jobs SET queueing_lock = NULL")

    async def run() -> None:
        async with working(tick, Watched(tick)):
            await until(lambda: state(tick, load) is JobState.COMPLETED)

    asyncio.run(run())


def test_two_processes_share_a_load(tick: TickStock) -> None:
    load = submit(tick, *SYMBOLS)

    async def run() -> None:
        source = Watched(tick)
        async with working(tick, source, concurrency=2), working(tick, source, concurrency=2):
            asked = "SELECT count(DISTINCT worker) FROM tickstock.calls"
            await until(lambda: query(tick, asked) == [(2,)])
            await until(lambda: state(tick, load) is JobState.COMPLETED)

    asyncio.run(run())
    assert query(tick, "SELECT DISTINCT attempt, lost FROM tickstock.calls") == [(0, 0)]


def test_queues_are_told_apart_and_short_enough_for_a_channel() -> None:
    names = [queue_of(v) for v in ("massive", "replay", "replay:/a", "replay:/b" * 90)]
    names += [schedules_queue_of("massive", e) for e in ("DEFAULT", "T" * 64)]
    assert len(set(names)) == len(names)
    assert max(len(f"procrastinate_queue_v1#{name}") for name in names) < 64
