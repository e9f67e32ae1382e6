"""The status of a job, and when it is written."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tickstock.bridge.mirror import Pace, Shown, is_due, next_look, published
from tickstock.bridge.notifications import ALL, UniverseNotifications, notification_of
from tickstock.bridge.steady import Warnings
from tickstock.bridge.stream import message_of
from tickstock.model import Call, CallKind, JobState, Timeframe
from tickstock.service.client_jobs import JobDetail
from tickstock.service.job_status import NO_BARS, local, refusal_status, status_of
from tickstock.service.progress import Progress
from tickstock.spans import Span
from tickstock.store.client_jobs import JobHead, RefusedJob, SymbolsSoFar
from tickstock.store.jobs import Job
from tickstock.store.tallies import CallError

NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
DAY = Span.inclusive(NOON.date(), NOON.date())


def progress(state: JobState, *errors: CallError, **fields: Any) -> Progress:
    request = {
        "symbols": ["SPY", "QQQ", "IWM"],
        "timeframes": ["day"],
        "from": "2024-06-03",
        "to": "2024-06-28",
    }
    ended = NOON + timedelta(minutes=1) if state.finished else None
    load = Job(
        id=uuid.uuid4(),
        client_id="j1",
        title="etf_core",
        requested_by="ann",
        request=request | fields.pop("request", {}),
        summary={},
        vendor="replay",
        priority=0,
        state=state,
        message="the verdict" if ended else "",
        report=None,
        created_at=NOON,
        started_at=NOON,
        finished_at=ended,
        paused_at=fields.pop("paused_at", None),
        active_since=None,
        parent_id=None,
    )
    usual = Progress(load, 60, 20, 3, 1, 0, 20, 1, 33, None, None, None, tuple(errors))
    return replace(usual, **fields)


def status(of: Progress, **symbols: tuple[str, ...]) -> dict[str, Any]:
    return asdict(status_of(JobDetail(of, SymbolsSoFar(**symbols)), UTC))


# --- what it says -------------------------------------------------------------------------------
def test_a_running_load() -> None:
    call = Call(CallKind.TICKER, Timeframe.DAY, DAY, "QQQ")
    assert status(progress(JobState.RUNNING, current=call), good=("SPY",)) == {
        "status": "running",
        "progress": 33,
        "message": "20 of 60 sessions held, 1 of 3 calls done",
        "description": "etf_core: 3 symbols, day, 2024-06-03 to 2024-06-28",
        "total_symbols": 3,
        "processed_symbols": 1,
        "successful_symbols": ("SPY",),
        "failed_symbols": (),
        "current_symbol": "QQQ",
        "symbols_loaded": 1,
        "symbols_failed": 0,
        "ohlcv_records_loaded": 21,
        "error_message": "",
        "started_at": "2024-07-01T12:00:00.000",
        "completed_at": None,
        "updated_at": "",
        "timestamp": "",
    }


def test_a_paused_load_says_so() -> None:
    paused = status(progress(JobState.RUNNING, paused_at=NOON))
    assert (paused["status"], paused["message"]) == ("running", "Paused; 20 of 60 sessions held")


def test_errors_are_told_when_the_load_has_ended() -> None:
    errors = [
        CallError("NotEntitled", 2, "Not in your plan.", "IWM", 2),
        CallError("VendorUnavailable", 1, "No answer.", "QQQ", 0),
    ]
    ended = status(progress(JobState.WITH_ERRORS, *errors), good=("SPY", "QQQ"), failed=("IWM",))
    assert ended["status"] == "completed_with_errors"
    assert ended["message"] == "the verdict"
    assert ended["error_message"] == "IWM: Not in your plan. (2 times)"
    assert (ended["symbols_loaded"], ended["symbols_failed"]) == (2, 1)
    assert ended["completed_at"] == "2024-07-01T12:01:00.000"
    assert status(progress(JobState.RUNNING, *errors))["error_message"] == ""
    assert status(progress(JobState.CANCELLED, *errors))["error_message"] == ""
    assert status(progress(JobState.FAILED))["error_message"] == "the verdict"


def test_a_load_of_which_no_bars_were_asked_says_so() -> None:
    job = {"job": {"bars": False, "timeframes": ["1min", "week"]}}
    ended = status(progress(JobState.COMPLETED, request=job, percent=100))
    assert ended["message"] == NO_BARS
    assert ", 1min, week, " in ended["description"]


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (UTC, "2024-07-01T12:00:00.000"),
        (ZoneInfo("America/New_York"), "2024-07-01T08:00:00.000"),
        (timezone(timedelta(hours=5, minutes=45)), "2024-07-01T17:45:00.000"),
    ],
)
def test_times_are_local_and_naive(zone: Any, said: str) -> None:
    assert local(NOON, zone) == said
    assert local(None, zone) is None


def test_a_refusal() -> None:
    told = refusal_status(RefusedJob("j1", "", "No symbols.", NOON, 2.0), UTC)
    assert (told.status, told.progress, told.error_message) == ("failed", 0, "No symbols.")
    assert told.completed_at == "2024-07-01T12:00:00.000"


def test_what_is_published_has_no_long_lists() -> None:
    told = published("j1", refusal_status(RefusedJob("j1", "", "No.", NOON, 2.0), UTC))
    assert told.startswith(b'{"job_id":"j1","status":"failed"')
    assert b"failed_symbols" not in told


# --- when it is written -------------------------------------------------------------------------
def head(state: JobState = JobState.SUBMITTED, age: float = 5.0) -> JobHead:
    return JobHead("j1", uuid.uuid4(), state, NOON if state.finished else None, age)


def shown(state: JobState, at: float = 0.0) -> Shown:
    ended = NOON if state.finished else None
    return Shown("j1", state, ended, refusal_status(RefusedJob("j1", "", "", NOON, 1.0)), NOON, at)


def test_a_young_job_is_left_to_its_client() -> None:
    pace = Pace()
    assert not is_due(head(age=0.99), None, 0.0, pace)
    assert is_due(head(age=1.0), None, 0.0, pace)
    assert not is_due(head(JobState.FAILED, 0.5), shown(JobState.RUNNING), 999.0, pace)
    assert next_look([head(age=0.75)], pace) == pytest.approx(0.25)
    assert next_look([head(age=0.9999)], pace) == pace.least


def test_what_has_not_moved_is_written_for_the_heartbeat_only() -> None:
    pace = Pace(heartbeat=30)
    for state in (JobState.SUBMITTED, JobState.COMPLETED):
        assert not is_due(head(state), shown(state), 29.0, pace)
        assert is_due(head(state), shown(state), 30.0, pace)
    assert is_due(head(JobState.RUNNING), shown(JobState.RUNNING), 0.1, pace)
    assert is_due(head(JobState.CANCELLED), shown(JobState.RUNNING), 0.1, pace)


def test_looks_are_frequent_while_something_is_open() -> None:
    pace = Pace()
    assert next_look([], pace) == pace.idle
    assert next_look([head(JobState.COMPLETED)], pace) == pace.idle
    assert next_look([head(JobState.COMPLETED), head()], pace) == pace.poll


def test_the_heartbeat_is_within_what_clients_wait() -> None:
    assert Pace().heartbeat + Pace().idle < 120


# --- the small things beside --------------------------------------------------------------------
def test_warnings_are_one_line_a_second() -> None:
    import structlog

    now = [100.0]
    warn = Warnings(lambda: now[0])
    with structlog.testing.capture_logs() as lines:
        for _ in range(1_000):
            warn("mirror", RedisError("gone"))
            now[0] += 0.01
    assert len(lines) == 10
    assert sum(line["unsaid"] for line in lines) + len(lines) >= 900


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (None, b""),
        ({}, b""),
        ({b"message": b"{}", b"other": b"x"}, b"{}"),
        ({b"data": b"{}"}, b"{}"),
        ({b"job_id": b"j1", b"years": b"\xff"}, b'{"job_id":"j1","years":"\xef\xbf\xbd"}'),
    ],
)
def test_the_message_in_an_entry(fields: Any, message: bytes) -> None:
    assert message_of(fields) == message


class MovingRedis(Redis):
    """What the first message is about changes meanwhile; from the third on Redis is away."""

    def __init__(self) -> None:
        self.published: list[bytes] = []
        self.notifications = UniverseNotifications(self, lambda: NOON)

    def __del__(self) -> None:
        """It never had a connection to close."""

    async def publish(self, _channel: object, message: Any, **_: Any) -> int:
        self.published.append(message)
        if len(self.published) == 1:
            self.notifications.add("etf_universe:core_etfs")
        if len(self.published) >= 3:
            raise RedisError
        return 1


def test_what_changes_while_it_is_published_is_published_again() -> None:
    redis = MovingRedis()

    async def session() -> None:
        redis.notifications.add("etf_universe:core_etfs")
        redis.notifications.add("stock_universe:theme_x")
        with pytest.raises(RedisError):
            await redis.notifications.session()
        with pytest.raises(RedisError):
            await redis.notifications.session()

    asyncio.run(session())
    keys = [json.loads(message)["key"] for message in redis.published]
    assert keys == ["core_etfs", "theme_x", "core_etfs", "core_etfs"]


def test_notification() -> None:
    assert b'"type":"etf_universe","key":"core_etfs"' in notification_of(
        "etf_universe:core_etfs", NOON
    )
    assert b'"universe":"*","type":"","key":""' in notification_of(ALL, NOON)
