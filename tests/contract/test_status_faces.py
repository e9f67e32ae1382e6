"""The status that clients read is the same in Redis and at the page's routes, count for count."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.kit import plan, span, ticker_call
from tests.redis_fixtures import RedisServer
from tests.simulator import Client as RedisClient
from tests.web_kit import Client, running, settings_for
from tickstock.bridge import Bridge, Pace, open_redis
from tickstock.errors import VendorRefused, VendorUnavailable
from tickstock.loading.report import ItemResult, make_report
from tickstock.model import GapCause, Timeframe
from tickstock.service import TickStock
from tickstock.service.plans import summary_of
from tickstock.store import jobs, ledger
from tickstock.store.calendar import fill_sessions
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.ledger import Finished

H = "/admin/historical-data"
WEEK = span("2024-07-01", "2024-07-05")
SESSIONS = 4
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")
MINE = ("job_id", "client_job_id", "submitted_at")
"""What the page's routes say besides."""
WRITTEN = ("updated_at", "timestamp")
"""When each face was written."""
RUNNING = {
    "status": "running",
    "progress": 10,
    "message": "2 of 20 sessions held, 3 of 5 calls done",
    "description": "five: 5 symbols, day, 2024-07-01 to 2024-07-05",
    "total_symbols": 5,
    "processed_symbols": 3,
    "successful_symbols": ["AAA", "BBB"],
    "failed_symbols": ["CCC"],
    "current_symbol": "EEE",
    "symbols_loaded": 2,
    "symbols_failed": 1,
    "ohlcv_records_loaded": 150,
    "error_message": "",
}
ENDED = RUNNING | {
    "status": "completed_with_errors",
    "progress": 80,
    "message": "5 symbols, 16 of 20 sessions held (4 failed); 1 symbol failed",
    "processed_symbols": 5,
    "successful_symbols": ["AAA", "BBB", "DDD", "EEE"],
    "current_symbol": "",
    "symbols_loaded": 4,
    "error_message": "CCC: 404 what is that?",
}


@pytest.fixture
def tick(database: Database, home: Path) -> TickStock:
    with database.transaction() as connection:
        fill_sessions(connection)
    return TickStock(settings_for(home), database)


def under_way(tick: TickStock) -> uuid.UUID:
    """Five symbols: two held, of one bars were corrected, one failed for good, one to be asked
    again after a 503, one being asked."""
    with tick.database.transaction() as conn:
        ids = {s: i.id for s, i in ensure_instruments(conn, SYMBOLS).items()}
        made = plan([ticker_call(s, WEEK) for s in SYMBOLS], ids, WEEK)
        load, _ = jobs.submit(
            conn, made, title="five", vendor="v", summary=summary_of(made),
            client_id="theirs",
        )  # fmt: skip
        a, b, c, d, _ = ledger.claim(conn, load, "w", 5, timedelta(hours=1))
        done = [Finished(a.id, SESSIONS, 70, 0, 1), Finished(b.id, SESSIONS, 30, 50, 1)]
        ledger.finish_calls(conn, done)
        ledger.fail(conn, c, VendorRefused("404 what is that?"))
        ledger.postpone(conn, d, timedelta(hours=1), VendorUnavailable("503"), refund=True)
    return load


def end(tick: TickStock, load: uuid.UUID) -> None:
    """The rest is answered too, with nothing that was not held before."""
    with tick.database.transaction() as conn:
        conn.execute("UPDATE tickstock.calls SET not_before = now() WHERE state = 'waiting'")
        ledger.claim(conn, load, "w", 5, timedelta(hours=1))
        rows = conn.execute("SELECT id FROM tickstock.calls WHERE state = 'leased'").fetchall()
        ledger.finish_calls(conn, [Finished(i, SESSIONS, 0, 0, 1) for (i,) in rows])
        items = [ItemResult(s, Timeframe.DAY, 4, 4 * (s != "CCC"), _why(s)) for s in SYMBOLS]
        report = make_report(items)
        jobs.finish(conn, load, report.state, report.message, report.as_dict())


def _why(symbol: str) -> tuple[tuple[GapCause, int], ...]:
    return ((GapCause.FAILED, 4),) if symbol == "CCC" else ()


def in_redis(
    tick: TickStock, server: RedisServer, state: str, job: str = "theirs"
) -> dict[str, Any]:
    """What the bridge writes of a job, once it says `state`."""

    async def look() -> dict[str, Any]:
        async with open_redis(server.url) as redis:
            bridge = Bridge(tick, redis, Pace(hold_back=0.0))
            task = asyncio.create_task(bridge.run())
            try:
                client = RedisClient(redis)
                found = await client.until(job, lambda s: s["status"] == state)
                older = await client.status(job, "job:status:")
                assert {**older, "timestamp": ""} == {**found, "timestamp": ""}
                return found
            finally:
                bridge.stop()
                await asyncio.wait_for(task, 10)

    return asyncio.run(look())


def at_the_page(client: Client, load: uuid.UUID) -> list[dict[str, Any]]:
    """What its three routes say."""
    listed = client.get(f"{H}/jobs/status").json
    ended = listed["jobs"][0]["completed_at"] is not None
    assert (listed["total"], listed["active"]) == (1, 0 if ended else 1)
    by_id = client.get(f"{H}/job/{load}/status").json
    by_theirs = client.get(f"{H}/job/theirs/status").json
    assert (by_id["job_id"], by_id["client_job_id"]) == (str(load), "theirs")
    return [listed["jobs"][0], by_id, by_theirs]


def told(face: dict[str, Any]) -> dict[str, Any]:
    """Without what differs for good reason."""
    return {k: v for k, v in face.items() if k not in (*MINE, *WRITTEN)}


def test_both_faces_say_the_same_of_a_load(
    tick: TickStock, redis_server: RedisServer, database: Database
) -> None:
    load = under_way(tick)
    with running(database, tick.settings, worker=False) as page:
        client = page.client()
        both_say(RUNNING, tick, redis_server, client, load)
        end(tick, load)
        mirrored = both_say(ENDED, tick, redis_server, client, load)
        answer = client.post(f"{H}/job/{load}/cancel").json
        assert (answer.pop("success"), told(answer)) == (False, told(mirrored))


def both_say(
    expected: dict[str, Any], tick: TickStock, server: RedisServer, client: Client, load: uuid.UUID
) -> dict[str, Any]:
    mirrored = in_redis(tick, server, expected["status"])
    assert {name: mirrored[name] for name in expected} == expected
    assert mirrored["started_at"]
    assert (mirrored["completed_at"] is None) == (expected is RUNNING)
    for face in at_the_page(client, load):
        assert told(face) == told(mirrored)
        assert all(datetime.fromisoformat(face[name]).tzinfo is None for name in WRITTEN)
    return mirrored


def test_both_faces_say_why_a_job_was_refused(
    tick: TickStock, redis_server: RedisServer, database: Database
) -> None:
    tick.client_jobs.refuse("empty", "historical_load", "The message names no symbols.")
    mirrored = in_redis(tick, redis_server, "failed", "empty")
    assert mirrored["error_message"] == "The message names no symbols."
    with running(database, tick.settings, worker=False) as page:
        face = page.client().get(f"{H}/job/empty/status").json
    assert told(face) == told(mirrored)
    assert face["job_id"] == face["client_job_id"] == "empty"


def test_a_load_that_is_not_there_is_unknown_on_the_page(
    tick: TickStock, database: Database
) -> None:
    with running(database, tick.settings, worker=False) as page:
        assert page.client().get(f"{H}/job/{uuid.uuid4()}/status").status == 404
