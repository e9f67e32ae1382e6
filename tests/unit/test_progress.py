"""How far a job is: pace, time left, standstill, and what became of every call."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tickstock.cli.watch import calls_made, standing
from tickstock.model import CallState, JobState
from tickstock.service.client_jobs import JobDetail
from tickstock.service.job_status import status_of
from tickstock.service.progress import Halt, Progress, make_progress
from tickstock.store.client_jobs import SymbolsSoFar
from tickstock.store.jobs import Job
from tickstock.store.tallies import Holder, Tally
from tickstock.store.workers import Attendance

NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
HERE = Attendance(1, NOON)
AFTER = timedelta(hours=1)
REQUEST = {"symbols": ["SPY"], "timeframes": ["day"], "from": "2024-06-03", "to": "2024-06-28"}


def seconds(count: float) -> datetime:
    return NOON + timedelta(seconds=count)


def load(state: JobState = JobState.RUNNING, **other: Any) -> Job:
    fields: dict[str, Any] = {
        "id": uuid.UUID(int=1), "client_id": "j", "title": "t", "requested_by": "",
        "request": REQUEST, "vendor": "replay", "priority": 0, "state": state,
        "summary": {"calls": 3000, "expected": 3000, "held": 0, "seconds": 36_000.0},
        "message": "Cancelled." if state is JobState.CANCELLED else "", "report": None,
        "created_at": NOON, "started_at": NOON, "finished_at": None, "paused_at": None,
        "active_since": NOON, "parent_id": None,
    }  # fmt: skip
    return Job(**fields | other)


def done(calls: int, lately: int, last: datetime) -> Tally:
    return Tally(CallState.DONE, calls, calls, calls, 0, 0, lately, last)


def waiting(calls: int) -> Tally:
    return Tally(CallState.WAITING, calls, calls, 0, 0, 0)


def look(of: Job, *counts: Tally, now: datetime, by: Attendance = HERE) -> Progress:
    return make_progress(of, counts, None, (), attendance=by, now=now)


def test_after_a_long_break_the_pace_is_that_of_the_last_minute() -> None:
    # Begun anew a minute ago, ten days after the first start: 60 calls since.
    begun = NOON + timedelta(days=10)
    counts = done(2000, 60, begun + timedelta(seconds=59)), waiting(1000)
    found = look(load(active_since=begun), *counts, now=begun + timedelta(seconds=60))
    assert found.calls_a_minute == pytest.approx(60)
    assert found.seconds_left == pytest.approx(1000 * (60 + 36) / 63)  # 3 calls count as planned


def test_only_the_last_minute_counts_of_a_long_run() -> None:
    # Since noon, but only what ended in the minute before the last call is counted lately.
    found = look(load(), done(2000, 30, seconds(7200)), waiting(1000), now=seconds(7201))
    assert found.calls_a_minute == pytest.approx(60 * 30 / 61)


def test_before_the_first_call_the_plan_tells_the_time() -> None:
    found = look(load(active_since=None, started_at=None), waiting(3000), now=seconds(1))
    assert (found.seconds_left, found.calls_a_minute) == (36_000.0, None)


def test_the_vendors_wait_comes_on_top() -> None:
    by = Attendance(1, NOON, 40.0)
    counts = done(5, 5, seconds(50)), waiting(10)
    free, held = (look(load(), *counts, now=seconds(60), by=x) for x in (HERE, by))
    assert held.seconds_left == pytest.approx((free.seconds_left or 0) + 40)
    assert standing(held) == "the vendor wants no call for 40 s"


@pytest.mark.parametrize(
    ("of", "by", "why"),
    [
        (load(paused_at=seconds(70)), HERE, Halt.PAUSED),
        (load(), Attendance(0, seconds(70)), Halt.NO_WORKER),
    ],
)
def test_at_a_standstill_all_figures_stand(of: Job, by: Attendance, why: Halt) -> None:
    counts = done(20, 20, seconds(60)), waiting(10)
    first, later = (look(of, *counts, now=seconds(90) + x, by=by) for x in (timedelta(), AFTER))
    assert first.standstill
    assert (first.standstill.why, first.standstill.since) == (why, seconds(70))
    figures = ("seconds", "seconds_left", "calls_a_minute", "calls", "calls_open")
    assert [getattr(first, f) for f in figures] == [getattr(later, f) for f in figures]
    assert first.seconds == 70
    assert first.seconds_left
    word = "paused" if why is Halt.PAUSED else "waiting for a worker"
    assert standing(first) == f"{word} for 20 s"
    # The status of clients says no figure that goes on by itself: it is news only once.
    said = [status_of(JobDetail(p, SymbolsSoFar()), UTC).message for p in (first, later)]
    assert said[0] == said[1]
    assert why is Halt.PAUSED or said[0].startswith("Waiting for a worker since 12:01:10; ")


def test_who_has_a_call_in_hand_or_has_just_ended_one_is_a_worker() -> None:
    counts = done(20, 20, seconds(60)), waiting(10)
    nobody = Attendance()
    assert look(load(), *counts, now=seconds(62), by=nobody).standstill is None
    assert look(load(), *counts, now=seconds(66), by=nobody).lacks_worker
    mine = (Holder("me", 1, seconds(90)),)
    held = make_progress(load(), counts, None, (), mine, nobody, now=seconds(66))
    assert held.standstill is None
    # After the last call splits and dividends are asked for, by somebody who holds no call.
    assert look(load(), done(30, 0, NOON), now=seconds(66), by=nobody).standstill is None


def test_after_a_cancel_what_was_not_asked_is_no_call_made() -> None:
    counts = (
        done(1300, 0, NOON),
        Tally(CallState.FAILED, 21, 21, 0, 0, 0, 0, NOON),
        Tally(CallState.CANCELLED, 1679, 1679, 0, 0, 0, 0, NOON),
    )
    found = look(load(JobState.CANCELLED, finished_at=seconds(9)), *counts, now=seconds(99))
    assert (found.calls, found.calls_failed, found.calls_not_asked) == (1321, 21, 1679)
    assert (found.calls_open, found.seconds_left, found.seconds) == (0, 0.0, 9)
    assert calls_made(found) == "1,321 of 3,000 calls made, 21 failed, 1,679 not asked"
    status = asdict(status_of(JobDetail(found, SymbolsSoFar()), UTC))
    assert status["message"] == "Cancelled. 1,321 of 3,000 calls were made, 1,679 not asked."
