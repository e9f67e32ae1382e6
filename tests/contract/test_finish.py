"""Faults while a job is worked on or finished: it ends, says so everywhere, and never repeats."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.conftest import Cluster
from tests.loading_rig import sql, stored
from tests.web_kit import running, settings_for
from tickstock.bridge.intake import store
from tickstock.bridge.messages import read_job
from tickstock.cli.app import run as command_line
from tickstock.errors import DatabaseRefused, OutOfResources
from tickstock.failpoints import arm
from tickstock.loading.report import Report
from tickstock.model import JobState
from tickstock.service import TickStock
from tickstock.service.access import Role
from tickstock.service.doctor import Check, Health, examine
from tickstock.service.job_status import status_of
from tickstock.store import jobs, ledger
from tickstock.store.database import Database
from tickstock.worker import engine, finish, slices
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker

SYMBOLS = ["AAPL", "GOOG", "IBM"]
FIRST, LAST = date(2012, 7, 2), date(2012, 7, 13)
BARS = 3 * 9
QUICK = Policy(lease=5, attempts=2, backoff=0.01, longest_backoff=0.02, outage_seconds=20)
ENDED = "job ended by a fault"


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "REST_SECONDS", 0.05)
    monkeypatch.setattr(engine, "EVERY_FIVE_SECONDS", "* * * * * *")
    monkeypatch.setattr(engine, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(finish, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(finish, "LONGEST_PAUSE", 0.1)


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    return TickStock(settings_for(tmp_path), database)


@contextmanager
def fault(point: str, error: str = "fault") -> Iterator[None]:
    """Whoever comes to `point` meets an error that nobody foresaw, each time."""
    arm(f"{point}@1:{error}")
    try:
        yield
    finally:
        arm("")


def submit(tick: TickStock, *, client_id: str | None = None) -> uuid.UUID:
    request = tick.requests.resolve(symbols=SYMBOLS, first=FIRST, last=LAST)
    return tick.jobs.submit(tick.plans.make(request), client_id=client_id).id


def drain(tick: TickStock, load: uuid.UUID, times: int = 1) -> Report | None:
    """In the foreground; what the last time came to."""

    async def work() -> Report | None:
        worker = Worker(tick, policy=QUICK)
        return [await worker.drain(load) for _ in range(times)][-1]

    return asyncio.run(asyncio.wait_for(work(), 30))


async def serve(tick: TickStock, until: Callable[[], bool]) -> None:
    """A worker process, as long as the condition does not hold."""
    worker = Worker(tick, policy=QUICK)
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(until):
            await asyncio.sleep(0.01)
    worker.stop()
    await task


def told(lines: list[Any], event: str = ENDED) -> int:
    return sum(line["event"] == event for line in lines)


def state(tick: TickStock, load: uuid.UUID) -> JobState:
    return tick.jobs.progress(load).load.state


# --- it ends --------------------------------------------------------------------------------------
IN_FINISHING = (
    "finish.begin", "finish.written", "actions.claimed", "actions.asked",
)  # fmt: skip
BEFORE = ("drain.targets", "ledger.leased")


@pytest.mark.parametrize("point", IN_FINISHING)
def test_whatever_goes_wrong_in_finishing_ends_the_load_as_failed(
    tick: TickStock, lines: list[Any], point: str
) -> None:
    load = submit(tick)
    with fault(point):
        report = drain(tick, load)
        assert drain(tick, load, times=3) is None
    ended = tick.jobs.progress(load).load
    assert (ended.state, ended.report, ended.met_a_fault) == (JobState.FAILED, None, True)
    assert report is not None
    assert report.message == ended.message
    assert "RuntimeError" in ended.message
    assert "ordered" not in ended.message  # what the error says is for the log alone
    assert told(lines) == 1
    assert "ordered" in str(next(x for x in lines if x["event"] == ENDED)["exc_info"])
    assert len(stored(tick.database)) == BARS
    # Fixed, it is finished by the order that its message gives; nothing is asked twice.
    assert tick.jobs.retry(load) == 1
    drain(tick, load)
    again = tick.jobs.progress(load)
    assert (again.load.state, again.percent) == (JobState.COMPLETED, 100)


@pytest.mark.parametrize("point", BEFORE)
def test_a_fault_that_is_no_single_calls_ends_the_load_and_its_calls(
    tick: TickStock, lines: list[Any], point: str
) -> None:
    load = submit(tick)
    with fault(point):
        drain(tick, load)
        assert drain(tick, load, times=3) is None
    assert state(tick, load) is JobState.FAILED
    assert told(lines) == 1
    left = "SELECT count(*) FROM tickstock.calls WHERE state IN ('waiting', 'leased')"
    assert sql(tick.database, left) == [(0,)]
    assert tick.jobs.retry(load) >= 1
    drain(tick, load)
    assert state(tick, load) is JobState.COMPLETED
    assert len(stored(tick.database)) == BARS


@pytest.mark.parametrize("point", ["finish.begin", "drain.targets"])
def test_a_worker_neither_repeats_it_nor_stops_for_it(
    tick: TickStock, lines: list[Any], point: str
) -> None:
    loads = [submit(tick) for _ in range(3)]
    with fault(point):
        asyncio.run(serve(tick, lambda: all(state(tick, x).finished for x in loads)))
    assert {state(tick, load) for load in loads} == {JobState.FAILED}
    assert told(lines) == len(loads)
    for load in loads:
        tick.jobs.retry(load)
    asyncio.run(serve(tick, lambda: all(state(tick, x).finished for x in loads)))
    assert {state(tick, load) for load in loads} == {JobState.COMPLETED}


def test_targets_that_cannot_be_read_end_their_load(tick: TickStock, lines: list[Any]) -> None:
    """What is in the ledger was written by a version that is gone, or by hand."""
    load = submit(tick)
    sql(tick.database, "UPDATE tickstock.load_items SET span = daterange(lower(span), NULL)")
    asyncio.run(serve(tick, lambda: state(tick, load).finished))
    assert state(tick, load) is JobState.FAILED
    assert told(lines) == 1


def test_a_fault_takes_nothing_from_whoever_else_is_at_work(tick: TickStock) -> None:
    """The verdict is made while another worker takes up a call: it is not this one's to end."""
    load = submit(tick)
    drain(tick, load)
    sql(tick.database, "UPDATE tickstock.loads SET finished_at = NULL, state = 'running'")
    sql(tick.database, "UPDATE tickstock.calls SET state = 'waiting' WHERE position = 0")
    with tick.database.transaction() as connection:
        ledger.claim(connection, load, "another", 1, timedelta(seconds=60))
    assert tick.verdicts.fail(load, "a fault", with_open=False) is False
    assert state(tick, load) is JobState.RUNNING


# --- it is the machine's ------------------------------------------------------------------------
@pytest.mark.parametrize("point", [*IN_FINISHING, "drain.targets", "drain.claimed"])
def test_what_the_machine_does_not_give_ends_no_job(
    tick: TickStock, lines: list[Any], point: str
) -> None:
    load = submit(tick)
    with fault(point, "short"), pytest.raises(OutOfResources, match="more memory"):
        drain(tick, load)
    assert not state(tick, load).finished
    assert drain(tick, load) is not None
    assert state(tick, load) is JobState.COMPLETED
    assert len(stored(tick.database)) == BARS
    assert told(lines) == 0


def test_a_worker_waits_until_the_machine_gives_it(tick: TickStock, lines: list[Any]) -> None:
    load = submit(tick)
    with fault("drain.targets", "short"):
        asyncio.run(serve(tick, lambda: told(lines, "job not drained") > 0))
    assert state(tick, load) is not JobState.FAILED
    asyncio.run(serve(tick, lambda: state(tick, load).finished))
    assert state(tick, load) is JobState.COMPLETED


def test_so_does_a_message_and_a_schedule(tick: TickStock) -> None:
    tick.schedules.add("s", "{AAPL}", time(0, 1))
    sql(tick.database, "UPDATE tickstock.schedules SET created_at = created_at - interval '9 days'")
    message = {"job_id": "a", "job_type": "csv_universe_load", "symbols": SYMBOLS, "years": 0.01}
    job = read_job(json.dumps(message).encode())
    with fault("submit.load_added", "short"):
        with pytest.raises(OutOfResources):
            tick.schedules.perform_due("w")
        with pytest.raises(OutOfResources):
            store(tick, job)
    store(tick, job)
    sql(
        tick.database,
        "UPDATE tickstock.schedule_runs SET lease_until = now() - interval '1 second'",
    )
    assert tick.schedules.perform_due("w") == 1


def test_the_page_says_what_is_short(tick: TickStock) -> None:
    with running(tick.database, tick.settings) as page, fault("submit.load_added", "short"):
        client = page.client(Role.ADMIN)
        answer = client.ask("POST", "/api/loads", body={"symbols": ["VTI"], "for": "1w"})
    assert answer.status == 503
    assert "more memory" in answer.text
    assert "InternalError" not in answer.text


def test_a_schedule_that_meets_a_fault_is_performed_once(tick: TickStock, lines: list[Any]) -> None:
    tick.schedules.add("s", "{AAPL}", time(0, 1))
    sql(tick.database, "UPDATE tickstock.schedules SET created_at = created_at - interval '9 days'")
    with fault("submit.load_added"):
        done = [tick.schedules.perform_due("w") for _ in range(3)]
    assert done == [0, 0, 0]
    assert told(lines, "a schedule met a fault of TickStock") == 1
    (planned,) = tick.schedules.planned()
    assert planned.last is not None
    assert "RuntimeError" in planned.last.message


# --- what is no fault -----------------------------------------------------------------------------
def test_a_database_that_takes_no_writes_is_warned_of_once_and_waited_for(
    tick: TickStock, lines: list[Any], tmp_path: Path
) -> None:
    load = submit(tick)
    _read_only(tick.database, "on")
    with Database.open(tick.database.conninfo, tmp_path, migrate=False) as locked:
        asyncio.run(_tries(TickStock(settings_for(tmp_path), locked), load))
    _read_only(tick.database, "off")
    assert told(lines, "job not drained") == 1
    assert told(lines) == 0
    assert not state(tick, load).finished
    drain(tick, load)
    assert state(tick, load) is JobState.COMPLETED


async def _tries(tick: TickStock, load: uuid.UUID) -> None:
    worker, refused = Worker(tick, policy=QUICK), 0
    async with asyncio.timeout(30):
        while refused < 4:
            try:
                await worker.drain(load)
            except DatabaseRefused as error:
                worker._ends.hold_off(load, error)
                refused += 1
            await asyncio.sleep(0.01)


def _read_only(database: Database, word: str) -> None:
    with database.transaction() as connection:
        connection.execute("SET TRANSACTION READ WRITE")
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {word}")


# --- where people look ----------------------------------------------------------------------------
def test_it_is_told_wherever_people_look(
    cluster: Cluster, database: Database, home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    settings = settings_for(tmp_path)
    tick = TickStock(settings, database)
    load = submit(tick, client_id="theirs")
    with fault("finish.begin"):
        drain(tick, load)
    said = tick.jobs.progress(load).load.message
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    monkeypatch.setenv("TICKSTOCK_HOME", str(tmp_path))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "replay")
    for words in (["jobs", "show", str(load)], ["jobs", "list"]):
        assert command_line(words) == 0
        assert "RuntimeError" in capsys.readouterr().out
    assert command_line(["doctor"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "1 job ended by a fault" in out
    assert str(load)[:8] in out
    (detail,) = tick.client_jobs.details([load])
    status = status_of(detail)
    assert (status.status, status.error_message) == ("failed", said)
    assert status.symbols_loaded == len(SYMBOLS)  # whose bars are kept
    with running(database, settings, worker=False) as page:
        client = page.client()
        for path in (f"/jobs/{load}", "/jobs", f"/api/loads/{load}"):
            answer = client.get(path)
            assert answer.status == 200, path
            assert "RuntimeError" in answer.text, path
        assert "Retry" in client.get(f"/jobs/{load}").text


# --- jobs that an earlier version has left -------------------------------------------------------
def test_what_an_earlier_version_left_without_a_verdict_is_finished(
    tick: TickStock, database: Database
) -> None:
    load = submit(tick)
    drain(tick, load)
    sql(database, "UPDATE tickstock.loads SET state = 'running', finished_at = NULL, report = NULL")
    sql(database, "UPDATE tickstock.calls SET done_at = done_at - interval '1 day'")
    assert tick.jobs.progress(load).percent == 99
    check = verdicts(tick)
    assert check.health is Health.FAILURE
    assert str(load)[:8] in check.what
    asyncio.run(serve(tick, lambda: state(tick, load).finished))
    assert state(tick, load) is JobState.COMPLETED
    assert verdicts(tick).health is Health.OK


def verdicts(tick: TickStock) -> Check:
    uri, home = tick.database.conninfo, tick.settings.home
    checks = examine(tick.settings, lambda: Database.open(uri, home, migrate=False), tick.clock, {})
    return {c.name: c for c in checks}["verdicts"]


def test_a_load_that_is_worked_on_is_not_called_stuck(tick: TickStock) -> None:
    load = submit(tick)
    with tick.database.transaction() as connection:
        ledger.claim(connection, load, "w", 1, timedelta(seconds=60))
        assert jobs.unfinished(connection, timedelta(days=7), timedelta(0)) == []
