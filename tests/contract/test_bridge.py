"""The bridge as clients see it: a real Redis server, a real database, a real worker."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis.asyncio import Redis

from tests.conftest import Cluster, new_folder
from tests.redis_fixtures import Cable, RedisServer
from tests.simulator import CONTROL, JOBS, Client, eventually, new_id
from tickstock.bridge import Bridge, DataLoadJobHandler, Pace, channels, connect, open_redis
from tickstock.bridge.connect import open_like
from tickstock.clock import machine_now, utc_now
from tickstock.config import Settings
from tickstock.errors import BadExpression, BadSetting, UnknownUniverse
from tickstock.service import TickStock
from tickstock.store.calendar import fill_sessions
from tickstock.store.database import Database
from tickstock.vendors import BarSource, Limits
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.vendors.replay.source import ReplaySource
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker

CANARY = "canary-9f2c"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "status": str,
    "progress": int,
    "message": str,
    "description": str,
    "total_symbols": int,
    "processed_symbols": int,
    "successful_symbols": list,
    "failed_symbols": list,
    "current_symbol": str,
    "symbols_loaded": int,
    "symbols_failed": int,
    "ohlcv_records_loaded": int,
    "error_message": str,
    "started_at": (str, type(None)),
    "completed_at": (str, type(None)),
    "updated_at": str,
    "timestamp": str,
}
SLOW = Policy(concurrency=1)
QUICK = Pace(hold_back=0.5)
"""Shorter than usual, where it is not this that is shown: these clients are quick too."""


# --- a bridge, a worker and a client, side by side ----------------------------------------------
@pytest.fixture(scope="module")
def stocked(cluster: Cluster, template: str, home: Path) -> Iterator[str]:
    """A database with sessions and the shipped universes, to be cloned."""
    name = cluster.create(template)
    with Database.open(cluster.uri(name), home, migrate=False) as database:
        with database.transaction() as connection:
            fill_sessions(connection)
        tick = TickStock(Settings(home=home), database)
        tick.universes.apply(tick.universes.plan_organize(), reason="test")
    yield name
    cluster.drop(name)


@pytest.fixture
def settings(cluster: Cluster, stocked: str, home: Path, tmp_path: Path) -> Iterator[Settings]:
    """A database of the test's own, the replay vendor, and a folder for CSV files."""
    name = cluster.create(stocked)
    folder = tmp_path / "universes"
    folder.mkdir()
    yield Settings(
        home=home,
        vendor="replay",
        csv_dir=folder,
        database_uri=cluster.uri(name),
        massive_api_key=CANARY,
    )
    cluster.drop(name)


@pytest.fixture
def tick(settings: Settings) -> Iterator[TickStock]:
    with TickStock.open(settings) as opened:
        yield opened


@asynccontextmanager
async def running(
    tick: TickStock,
    server: RedisServer,
    *,
    bridges: int = 1,
    pace: Pace = QUICK,
    worker: Worker | None = None,
) -> AsyncIterator[Client]:
    """A client, with everything running; ended gracefully, which must not take long."""
    async with AsyncExitStack() as stack:
        parts: list[Bridge | Worker] = [worker] if worker else []
        redis = [await stack.enter_async_context(open_redis(server.url)) for _ in range(bridges)]
        parts += [Bridge(tick, one, pace) for one in redis]
        many = Redis.from_url(server.url, max_connections=500)
        client = Client(await stack.enter_async_context(many))
        tasks = [asyncio.create_task(part.run()) for part in parts]
        try:
            await subscribed(client.redis, bridges)
            if worker:
                await listens(tick)
            yield client
        finally:
            for part in parts:
                part.stop()
            await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def listens(tick: TickStock) -> None:
    """Wait until the worker can be woken: it looks by itself every five seconds only."""
    sessions = "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"

    async def can_be_woken() -> bool:
        return count(tick, f"{sessions} AND query LIKE '%procrastinate%'") > 0

    await eventually(can_be_woken)


async def subscribed(redis: Redis, bridges: int) -> None:
    async def all_listen() -> bool:
        return bool((await redis.pubsub_numsub(CONTROL))[0][1] >= bridges)

    await eventually(all_listen)


def go(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def slow(delay: float) -> Callable[[TickStock, tuple[str, ...]], BarSource]:
    """A vendor that takes its time for every answer."""
    return lambda tick, symbols: ReplaySource(ReplayVendor(symbols=symbols, delay=delay), Limits())


def count(tick: TickStock, what: str) -> int:
    with tick.database.transaction() as connection:
        row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
        return int(row[0])


def naive_now() -> datetime:
    """As clients see it: local, without a zone."""
    return machine_now().astimezone().replace(tzinfo=None)


def csv_load(**fields: Any) -> dict[str, Any]:
    return {"job_type": "csv_universe_load", "years": 0.003} | fields


def test_the_words_of_clients_for_universes(tick: TickStock) -> None:
    members = tick.universes.members
    read = tick.universes.client_members
    assert read("etf_universe:core_etfs") == members("etf_universe:core_etfs")
    assert set(read("core_etfs")) == set(members("etf_universe:core_etfs"))
    assert set(read(" SPY : nasdaq100 ")) == {"SPY", *members("stock_universe:index_nasdaq100")}
    assert read("SPY:QQQ") == ("QQQ", "SPY")
    with pytest.raises(UnknownUniverse, match="nothing"):
        read("SPY:nothing")
    for unreadable in ("", ":", "SPY:", "x" * 10_001, "SPY:\0", "a b c:SPY"):
        with pytest.raises(BadExpression):
            read(unreadable)


# --- every message type -------------------------------------------------------------------------
def test_every_message_type_is_loaded_and_told_as_the_contract_says(
    tick: TickStock, settings: Settings, redis_server: RedisServer
) -> None:
    (settings.csv_dir / "mine.csv").write_bytes("\ufeffSymbol,Name\r\nXLF,a\r\nXLK,b\r\n".encode())
    etfs = list(tick.universes.members("etf_universe:core_etfs"))
    bonds = list(tick.universes.members("etf_universe:sector_bonds"))
    all_etfs = list(tick.universes.members("etf_universe:master_all_etfs"))
    history = {"job_type": "historical_load", "years": 0.02}
    cases: list[tuple[dict[str, Any], list[str], str]] = [
        (csv_load(symbols=["QQQ", "SPY"], source="etf_universe:etf_core"), ["QQQ", "SPY"], "day"),
        (csv_load(universe_key="etf_universe:core_etfs", include_ohlcv=True), etfs, "day"),
        (csv_load(universe_key="core_etfs", csv_file="mine.csv"), etfs, "day"),
        (csv_load(universe_key="SPY:bonds"), ["SPY", *bonds], "day"),
        (csv_load(csv_file="mine.csv", universe_type="etf", symbols=[]), ["XLF", "XLK"], "day"),
        (
            csv_load(symbols=["SPY"], timeframes=["1min", "hour", "day", "week", "month"]),
            ["SPY"],
            "1min, hour, day, week, month",
        ),
        (history | {"symbols": ["BRK-B"], "timespan": "day"}, ["BRK.B"], "day"),
        (history | {"symbols": ["DIA"], "timespan": "minute"}, ["DIA"], "minute"),
        (
            {
                "job_type": "multi_timeframe_load",
                "symbols": ["GLD"],
                "timeframes": ["hour", "week"],
                "years": 0.005,
                "job_id": "any text at all",
            },
            ["GLD"],
            "hour, week",
        ),
        (
            {"job_type": "universe_seed", "universe_type": "ETF", "years": 0.02, "refresh": True},
            all_etfs,
            "day",
        ),
    ]

    async def test() -> None:
        async with running(tick, redis_server, worker=Worker(tick)) as client:
            ids = [await client.submit(job | {"requested_by": "ann"}) for job, _, _ in cases]
            for job_id, (job, symbols, frames) in zip(ids, cases, strict=True):
                status = await client.ended(job_id)
                assert status["status"] == "completed", (job, status)
                assert sorted(status["successful_symbols"]) == sorted(set(symbols))
                assert status["progress"] == 100
                assert status["symbols_loaded"] == status["total_symbols"] == len(set(symbols))
                assert f", {frames}, " in status["description"]
                assert list(status) == list(FIELDS)
                for name, kind in FIELDS.items():
                    assert isinstance(status[name], kind), name
                assert await client.status(job_id, "job:status:") == status
                assert 86_000 < await client.redis.ttl(f"tickstock.jobs.status:{job_id}") <= 86_400
                metadata = await client.redis.hgetall(f"tickstock.jobs.metadata:{job_id}")
                assert metadata == {b"job_type": job["job_type"].encode()}

    go(test())
    assert count(tick, "tickstock.loads WHERE requested_by = 'ann'") == len(cases)


@pytest.mark.dates
def test_a_day_is_a_session_and_times_are_local(tick: TickStock, redis_server: RedisServer) -> None:
    async def test() -> None:
        async with running(tick, redis_server, worker=Worker(tick)) as client:
            before = naive_now() - timedelta(seconds=1)
            one = await client.submit(csv_load(symbols=["SPY", "QQQ"], years=0.003))
            two = await client.submit(csv_load(symbols=["SPY", "QQQ"], years=0.005))
            none = await client.submit(csv_load(symbols=["DIA"], include_ohlcv=False))
            found = [await client.ended(x) for x in (one, two)]
            assert [s["message"].split(", ")[1] for s in found] == [
                "2 of 2 sessions held",
                "4 of 4 sessions held",
            ]
            for name in ("started_at", "completed_at", "updated_at"):
                at = datetime.fromisoformat(found[0][name])
                assert before < at < naive_now(), name
            at = datetime.fromisoformat(found[0]["timestamp"]).astimezone()
            assert timedelta(0) < utc_now() - at < timedelta(hours=1)
            empty = await client.ended(none)
            assert (empty["status"], empty["progress"]) == ("completed", 100)
            assert empty["message"].startswith("No bars were asked for")
            assert (empty["processed_symbols"], empty["ohlcv_records_loaded"]) == (0, 0)

    go(test())
    assert count(tick, "tickstock.bars_day JOIN tickstock.instruments ON id = instrument_id"
                       " WHERE symbol = 'DIA'") == 0  # fmt: skip


# --- the hash that clients write late -----------------------------------------------------------
def test_two_hundred_late_hashes_break_neither_side(
    tick: TickStock, redis_server: RedisServer
) -> None:
    async def test() -> None:
        dice = random.Random(1)
        worker = Worker(tick)
        async with running(tick, redis_server, worker=worker, pace=Pace()) as client:
            jobs = [csv_load(symbols=["SPY"], source=f"try {n}") for n in range(200)]
            late = [dice.uniform(0, 0.8) for _ in jobs]
            # A client whose key is a string by then gets WRONGTYPE here, and the test fails.
            tries = [client.submit(j, late=s) for j, s in zip(jobs, late, strict=True)]
            ids = await asyncio.gather(*tries)
            for job_id in ids:
                assert (await client.ended(job_id, 30))["status"] == "completed"

    go(test())
    assert count(tick, "tickstock.loads") == 200


def test_a_hash_written_over_the_status_is_replaced(
    tick: TickStock, redis_server: RedisServer
) -> None:
    async def test() -> None:
        pace = Pace(hold_back=0.5, heartbeat=0.3)
        async with running(tick, redis_server, pace=pace) as client:
            job_id = await client.submit(csv_load(symbols=["SPY"]))
            await client.until(job_id, lambda s: "timestamp" in s)
            for key in (f"tickstock.jobs.status:{job_id}", f"job:status:{job_id}"):
                await client.redis.delete(key)
                await client.redis.hset(key, mapping={"status": "submitted"})
            await client.until(job_id, lambda s: "timestamp" in s)

    go(test())


# --- alive --------------------------------------------------------------------------------------
def test_a_waiting_job_shows_that_it_is_alive(tick: TickStock, redis_server: RedisServer) -> None:
    async def test() -> None:
        async with running(tick, redis_server, pace=Pace(hold_back=0.5, heartbeat=0.2)) as client:
            job_id = await client.submit(csv_load(symbols=["SPY"]))
            first = await client.until(job_id, lambda s: "timestamp" in s)
            assert first["status"] == "submitted"
            assert first["progress"] == 0
            later = await client.until(job_id, lambda s: s["timestamp"] > first["timestamp"])
            assert later == first | {"timestamp": later["timestamp"]}

    go(test())


def test_progress_is_sessions_held_and_100_only_at_the_end(
    tick: TickStock, redis_server: RedisServer
) -> None:
    symbols = ["SPY", "QQQ", "IWM", "DIA", "VOO", "VTI"]

    async def test() -> None:
        worker = Worker(tick, policy=SLOW, source=slow(0.15))
        pace = Pace(hold_back=0.1, poll=0.05)
        async with running(tick, redis_server, worker=worker, pace=pace) as client:
            heard = client.redis.pubsub()
            await heard.subscribe("tickstock.jobs.status")
            job_id = await client.submit(csv_load(symbols=symbols, years=1))
            last = await client.ended(job_id)
            told = []
            while (message := await heard.get_message(timeout=0.2)) is not None:
                told += [json.loads(message["data"])] if message["type"] == "message" else []
            await heard.aclose()
            seen = [s for s in client.seen[job_id] if "progress" in s]
            assert last["progress"] == 100
            assert last["processed_symbols"] == len(symbols)
            during = [s for s in seen if s["status"] == "running"]
            assert len({s["progress"] for s in during}) >= 2
            assert all(0 <= s["progress"] < 100 for s in during)
            assert all(
                s["processed_symbols"] == s["progress"] * 6 // 100 or s["progress"] % 17
                for s in during
            )
            assert {s["current_symbol"] for s in during} & set(symbols)
            assert [s["progress"] for s in seen] == sorted(s["progress"] for s in seen)
            assert told[-1]["job_id"] == job_id
            assert told[-1]["status"] == "completed"
            assert len(told) == len({(t["status"], t["progress"], t["current_symbol"],
                                      t["processed_symbols"]) for t in told})  # fmt: skip

    go(test())


# --- cancel -------------------------------------------------------------------------------------
def test_a_cancel_takes_effect_long_before_the_load_would_end(
    tick: TickStock, redis_server: RedisServer
) -> None:
    async def cancelled(client: Client, symbols: list[str]) -> None:
        job_id = await client.submit(csv_load(symbols=symbols, years=1))
        await client.until(job_id, lambda s: s.get("processed_symbols", 0) > 0)
        await client.cancel(job_id)
        last = await client.until(job_id, lambda s: s["status"] == "cancelled")
        assert "Cancelled by a client" in last["message"]
        assert 0 < last["progress"] < 100
        assert 0 < last["processed_symbols"] < len(symbols)

    async def test() -> None:
        worker = Worker(tick, policy=SLOW, source=slow(0.3))
        async with running(tick, redis_server, worker=worker) as client:
            await cancelled(client, [f"A{n:02}" for n in range(60)])
            # The wish may come before the job itself.
            early = new_id()
            await client.cancel(early)
            await client.submit(csv_load(symbols=["XLF"], years=2, job_id=early))
            assert (await client.ended(early))["status"] == "cancelled"

    go(test())


def test_cancel_all_ends_the_jobs_of_clients_and_no_other(
    tick: TickStock, redis_server: RedisServer
) -> None:
    plan = tick.plans.make(tick.requests.resolve("core_etfs", duration="1mo"))
    ours = tick.jobs.submit(plan)

    async def test() -> None:
        async with running(tick, redis_server) as client:
            ids = [await client.submit(csv_load(symbols=[s])) for s in ("SPY", "QQQ", "IWM")]
            for garbage in (b"", b"{", b"[]", b'{"action": 7}', b'{"job_id": "x"}', b"\xff" * 99):
                await client.redis.publish(CONTROL, garbage)
            all_of_them = {"command": "cancel_all", "reason": "maintenance"}
            await client.redis.publish(CONTROL, json.dumps(all_of_them))
            for job_id in ids:
                last = await client.ended(job_id)
                assert last["status"] == "cancelled"
                assert last["message"].startswith("Cancelled with all jobs: maintenance.")

    go(test())
    assert not tick.jobs.progress(ours.id).load.state.finished


# --- once ---------------------------------------------------------------------------------------
def test_a_job_heard_many_times_by_two_bridges_is_one_load(
    tick: TickStock, redis_server: RedisServer
) -> None:
    async def test() -> None:
        async with running(tick, redis_server, bridges=2, worker=Worker(tick)) as client:
            # Ids that read like the beginnings of one another, and of ids of jobs.
            ids = ["a", "ab", "abc", "0", "1", new_id()]
            jobs = [csv_load(universe_key="core_etfs", job_id=i) for i in ids]
            for job in jobs * 3:
                await client.redis.publish(JOBS, json.dumps(job))
                await client.add(job)
            for job_id in ids:
                assert (await client.ended(job_id))["status"] == "completed"
            await emptied(client.redis)

    go(test())
    assert count(tick, "tickstock.loads") == 6
    assert count(tick, "tickstock.bars_day") == 10


async def emptied(redis: Redis) -> None:
    """Wait until the stream holds nothing, and nothing of it is given out."""

    async def nothing_left() -> bool:
        pending = await redis.xpending(JOBS, "tickstock")
        return not await redis.xlen(JOBS) and not pending["pending"]

    await eventually(nothing_left)


# --- the durable way in -------------------------------------------------------------------------
def test_what_is_in_the_stream_waits_for_a_bridge_and_is_never_lost(
    tick: TickStock, redis_server: RedisServer
) -> None:
    async def test() -> None:
        async with open_redis(redis_server.url) as redis:
            before = await Client(redis).add(csv_load(symbols=["SPY"]))
            bad = {"years": "1", "job_id": "flat", "job_type": "historical_load"}
            await redis.xadd(JOBS, bad)
            await redis.xadd(JOBS, {"one": "two", "three": "four"})
        async with running(tick, redis_server, worker=Worker(tick)) as client:
            assert (await client.ended(before))["status"] == "completed"
            assert "Expected float" in (await client.ended("flat"))["error_message"]
            await emptied(client.redis)
        async with open_redis(redis_server.url) as redis:
            left = await Client(redis).add(csv_load(symbols=["QQQ"]))
            for name in ("bridge", "another"):  # given to bridges that then died
                await redis.xreadgroup("tickstock", name, {JOBS: ">"}, count=1)
                lost = await Client(redis).add(csv_load(symbols=["IWM"]))
            await redis.xreadgroup("tickstock", "another", {JOBS: ">"}, count=1)
        pace = Pace(hold_back=0.5, claim=0.5)
        async with running(tick, redis_server, worker=Worker(tick), pace=pace) as client:
            assert (await client.ended(left))["status"] == "completed"
            assert (await client.ended(lost))["status"] == "completed"
            await emptied(client.redis)

    go(test())


# --- outages ------------------------------------------------------------------------------------
def test_redis_killed_during_a_load_stops_nothing_but_the_mirror(
    tick: TickStock, redis_server: RedisServer
) -> None:
    async def test() -> None:
        worker = Worker(tick, policy=SLOW, source=slow(0.2))
        with structlog.testing.capture_logs() as logs:
            async with running(tick, redis_server, worker=worker) as client:
                quick = await client.submit(csv_load(symbols=["GLD"]))
                refused = await client.submit(csv_load(symbols=["not a symbol"]))
                assert (await client.ended(quick))["status"] == "completed"
                assert (await client.ended(refused))["status"] == "failed"
                symbols = ["SPY", "QQQ", "IWM", "DIA", "VOO", "VTI"]
                job_id = await client.submit(csv_load(symbols=symbols, years=1))
                await client.until(job_id, lambda s: s["status"] == "running")
                redis_server.kill()
                down = time.monotonic()
                load_id = tick.client_jobs.find(job_id)

                async def load_ended() -> bool:
                    return tick.jobs.progress(load_id).load.state.finished

                await eventually(load_ended)
                down = time.monotonic() - down
                assert tick.jobs.progress(load_id).percent == 100
                await asyncio.to_thread(redis_server.start)
                await subscribed(client.redis, 1)
                assert (await client.ended(job_id))["status"] == "completed"
                assert (await client.ended(quick))["status"] == "completed"
                assert (await client.ended(refused))["error_message"]
                again = await client.submit(csv_load(symbols=["XLE"]))
                assert (await client.ended(again))["status"] == "completed"
        warnings = [x for x in logs if x["log_level"] == "warning"]
        assert 1 <= len(warnings) <= down + 5
        assert not [x for x in warnings if x.get("exc_info")]

    go(test())


def test_a_half_open_connection_is_noticed_and_the_mirror_catches_up(
    tick: TickStock, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "PING_SECONDS", 0.2)
    monkeypatch.setattr(channels, "DEAF_SECONDS", 1.0)
    monkeypatch.setattr(connect, "SECONDS", 1.0)

    async def test() -> None:
        worker = Worker(tick, policy=SLOW, source=slow(0.2))
        async with (
            Cable(redis_server) as cable,
            open_redis(cable.url) as far,
            running(tick, redis_server, bridges=0, worker=worker) as client,
        ):
            bridge = Bridge(tick, far, QUICK)
            task = asyncio.create_task(bridge.run())
            await subscribed(client.redis, 1)
            job_id = await client.submit(csv_load(symbols=["SPY", "QQQ", "IWM"], years=1))
            await client.until(job_id, lambda s: s["status"] == "running")
            cable.cut()
            assert (await client.ended(job_id))["status"] == "completed"
            await subscribed(client.redis, 2)  # the old one, for the server, is still there
            again = await client.submit(csv_load(symbols=["XLE"]))
            assert (await client.ended(again))["status"] == "completed"
            bridge.stop()
            async with asyncio.timeout(20):
                await task

    go(test())


def test_a_new_bridge_mirrors_what_is_true(tick: TickStock, redis_server: RedisServer) -> None:
    async def test() -> None:
        worker = Worker(tick)
        async with running(tick, redis_server, worker=worker) as client:
            done = await client.submit(csv_load(symbols=["SPY"]))
            refused = await client.submit(csv_load(universe_key="etf_universe:nothing"))
            await client.ended(done)
            await client.ended(refused)
        async with open_redis(redis_server.url) as redis:
            await redis.flushall()
        async with running(tick, redis_server) as client:
            assert (await client.ended(done))["progress"] == 100
            assert "nothing" in (await client.ended(refused))["error_message"]
            # A refused job that is sent again in order is loaded, and the refusal is overruled.
            await client.redis.delete(f"tickstock.jobs.status:{refused}")
            await client.submit(csv_load(symbols=["QQQ"], job_id=refused))
            await client.until(refused, lambda s: s["status"] == "submitted" and "timestamp" in s)

    go(test())


class Relay:
    """PostgreSQL behind a socket of ours, so that a test can take it away and give it back."""

    def __init__(self, conninfo: str) -> None:
        where = conninfo_to_dict(conninfo)
        self._target = f"{where['host']}/.s.PGSQL.{where.get('port', 5432)}"
        self.folder = new_folder()
        self.conninfo = make_conninfo(conninfo, host=str(self.folder), port=5432)
        self._pairs: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.up()

    def up(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        (self.folder / ".s.PGSQL.5432").unlink()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for side in self._pairs:
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._pairs += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for side in (source, sink):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        source.close()


@pytest.fixture
def relay(settings: Settings) -> Iterator[Relay]:
    made = Relay(settings.database_uri.get_secret_value())
    yield made
    with suppress(OSError):
        made.down()
    made.folder.rmdir()


def test_what_is_heard_while_postgresql_is_away_is_kept(
    tick: TickStock, settings: Settings, relay: Relay, redis_server: RedisServer
) -> None:
    async def test() -> None:
        with Database.open(relay.conninfo, settings.home, migrate=False) as behind:
            pace = Pace(hold_back=0.5, heartbeat=0.3)
            away = TickStock(settings, behind)
            async with running(away, redis_server, pace=pace) as client:
                waiting = await client.submit(csv_load(symbols=["GLD"]))
                await client.until(waiting, lambda s: "timestamp" in s)
                relay.down()
                ids = [await client.submit(csv_load(symbols=["SPY"])) for _ in range(5)]
                cancelled = await client.submit(csv_load(symbols=["SPY"]))
                await client.cancel(cancelled)
                streamed = await client.add(csv_load(symbols=["QQQ"]))
                alive = await client.until(waiting, lambda s: "does not answer" in s["message"])
                await client.until(waiting, lambda s: s["timestamp"] > alive["timestamp"])
                assert alive["status"] == "submitted"
                assert await client.redis.xlen(JOBS) == 1
                assert count(tick, "tickstock.loads") == 1
                relay.up()
                for job_id in (*ids, streamed):
                    await client.until(job_id, lambda s: "timestamp" in s)
                assert (await client.ended(cancelled))["status"] == "cancelled"
                await emptied(client.redis)

    go(test())
    assert count(tick, "tickstock.loads") == 8


# --- input from anybody -------------------------------------------------------------------------
REFUSED: list[tuple[dict[str, Any], str]] = [
    (csv_load(), "names no symbols"),
    (csv_load(symbols="SPY"), "symbols does not fit"),
    (csv_load(symbols=[1, 2]), "does not fit"),
    (csv_load(symbols=["x" * 65]), "length <= 64"),
    (csv_load(symbols=["SPY", "not a symbol"]), "'not a symbol'"),
    (csv_load(symbols=["S"] * 20_001), "length <= 20000"),
    (csv_load(symbols=["SPY"], years=0), "0 years"),
    (csv_load(symbols=["SPY"], years=-1), "-1 years"),
    (csv_load(symbols=["SPY"], years=50.1), "50.1 years"),
    (csv_load(symbols=["SPY"], years="1"), "Expected float"),
    (csv_load(symbols=["SPY"], years=True), "got bool"),
    (csv_load(symbols=["SPY"], years=float("nan")), "not JSON"),
    (csv_load(symbols=["SPY"], timeframes=["fortnight"]), "not a timeframe"),
    (csv_load(symbols=["SPY"], timeframes="day"), "timeframes does not fit"),
    (csv_load(symbols=["SPY"], include_ohlcv="no"), "Expected bool"),
    (csv_load(universe_key="etf_universe:nothing"), "etf_universe:nothing"),
    (csv_load(universe_key="app_settings:secrets"), "app_settings"),
    (csv_load(universe_key=":::"), "names no universe"),
    (csv_load(universe_key="x'; DROP TABLE cache_entries; --"), "neither the key"),
    ({"job_type": "historical_load", "symbols": ["SPY"], "timespan": "week"}, "timespan"),
    ({"job_type": "historical_load"}, "names no symbols"),
    ({"job_type": "multi_timeframe_load", "symbols": ["SPY"]}, "timeframes is missing"),
    ({"job_type": "universe_seed"}, "universe_type"),
    ({"job_type": "universe_seed", "universe_type": "DAX"}, "SP500"),
    ({"job_type": "pattern_scan"}, "job_type 'pattern_scan' is not known"),
    ({"job_type": {"a": 1}}, "job_type"),
    ({}, "job_type"),
    ({"job_type": "historical_load", "symbols": ["SPY"], "job_id": "x" * 201}, "length <= 200"),
    (csv_load(symbols=["SPY"], padding="x" * (1 << 20)), "at most 1,048,576"),
]  # fmt: skip
OUTSIDE = (
    "../secret.csv", "..", ".", "/etc/passwd", "a/../../secret.csv", "link.csv", "folder.csv",
    "secret.csv\0.txt", "..\\secret.csv", "C:\\secret.csv", "//host/share.csv", "missing.csv",
    "~/secret.csv", "%2e%2e/secret.csv", "secret.csv:stream", ".hidden.csv", "x" * 200 + ".csv",
)  # fmt: skip


def test_what_cannot_be_followed_is_answered_with_the_reason(
    tick: TickStock, settings: Settings, redis_server: RedisServer
) -> None:
    (settings.csv_dir.parent / "secret.csv").write_text(f"symbol\n{CANARY.upper()}\n")
    (settings.csv_dir / "link.csv").symlink_to(settings.csv_dir.parent / "secret.csv")
    (settings.csv_dir / "folder.csv").mkdir()
    (settings.csv_dir / ".hidden.csv").write_text("symbol\nSPY\n")
    paths = [(csv_load(csv_file=name), "is not the name of a CSV file") for name in OUTSIDE]

    async def test() -> None:
        async with running(tick, redis_server) as client:
            sent = [(await client.submit(dict(job)), why) for job, why in (*REFUSED, *paths)]
            for job_id, why in sent:
                last = await client.ended(job_id)
                assert (last["status"], last["progress"]) == ("failed", 0)
                assert why in last["error_message"]
                assert list(last) == list(FIELDS)
            everything = await dump(client.redis)
            assert CANARY not in everything.lower()

    go(test())
    assert count(tick, "tickstock.loads") == 0


def test_garbage_never_stops_the_bridge(tick: TickStock, redis_server: RedisServer) -> None:
    dice = random.Random(7)
    good = json.dumps(csv_load(symbols=["SPY"], job_id="mangled")).encode()

    def mangled() -> bytes:
        data = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        return bytes(data[: dice.randint(0, len(data))])

    garbage = [
        b"", b"null", b"[]", b"0", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000,
        b'{"job_id":"\\ud800"}', b'{"job_id":"\\u0000"}', b'{"job_id":{}}', b'{"job_id":""}',
        b'{"job_id":null,"job_type":null}', b"x" * (2 << 20), b"<html>", b'{"job_id":1e999}',
        *(mangled() for _ in range(300)),
    ]  # fmt: skip

    async def test() -> None:
        async with running(tick, redis_server, worker=Worker(tick)) as client:
            for data in garbage:
                await client.redis.publish(JOBS, data)
            for data in garbage[:40]:
                await client.redis.xadd(JOBS, {"message": data})
            job_id = await client.submit(csv_load(symbols=["SPY"]))
            assert (await client.ended(job_id))["status"] == "completed"
            await emptied(client.redis)

    go(test())


def test_no_secret_reaches_redis(tick: TickStock, redis_server: RedisServer) -> None:
    async def test() -> None:
        async with ReplayVendor(key="another", symbols=["SPY"]) as vendor:

            def source(_: TickStock, __: tuple[str, ...]) -> BarSource:
                return MassiveSource(vendor.url, CANARY, name="replay", limits=Limits())

            async with running(tick, redis_server, worker=Worker(tick, source=source)) as client:
                heard = client.redis.pubsub()
                await heard.psubscribe("*")
                job_id = await client.submit(csv_load(symbols=["SPY"]))
                await client.submit(csv_load(symbols=["SPY"], csv_file="x.csv", source=3))
                last = await client.ended(job_id)
                assert last["status"] == "failed"
                assert last["failed_symbols"] == ["SPY"]
                assert "Unknown API Key" in last["error_message"]
                told = await dump(client.redis)
                while (message := await heard.get_message(timeout=0.3)) is not None:
                    told += str(message)
                await heard.aclose()
                assert job_id in told
                assert CANARY not in told

    go(test())


async def dump(redis: Redis) -> str:
    """All that is in Redis, keys and values."""
    found = []
    async for key in redis.scan_iter():
        kind = await redis.type(key)
        value = await (redis.hgetall(key) if kind == b"hash" else redis.dump(key))
        found.append(f"{key!r} {value!r}")
    return "\n".join(found)


# --- universes ----------------------------------------------------------------------------------
def test_a_changed_universe_is_published(tick: TickStock, redis_server: RedisServer) -> None:
    async def test() -> None:
        async with open_redis(redis_server.url) as redis, redis.pubsub() as heard:
            await heard.subscribe("tickstock.universe.updated")
            async with running(tick, redis_server):
                # While nobody looked, anything may have changed.
                assert (await next_notification(heard))["universe"] == "*"
                with tick.database.transaction() as connection:
                    connection.execute(
                        "UPDATE cache_entries SET value = '[\"SPY\"]' WHERE key = 'core_etfs'"
                    )
                told = await next_notification(heard)
                del told["timestamp"]
                named = {"type": "etf_universe", "key": "core_etfs"}
                assert told == {"universe": "etf_universe:core_etfs"} | named

    go(test())


async def next_notification(heard: Any) -> dict[str, Any]:
    async with asyncio.timeout(40):
        async for message in heard.listen():
            if message["type"] == "message":
                found: dict[str, Any] = json.loads(message["data"])
                return found
    raise AssertionError("nothing more is published")


# --- the other doors ----------------------------------------------------------------------------
def test_the_handler_of_old_loads_what_is_published(
    settings: Settings, redis_server: RedisServer
) -> None:
    with closing(redis_server.client()) as redis:
        handler = DataLoadJobHandler(redis, settings)
        assert len(handler._load_symbols_from_cache("etf_universe", "core_etfs")) == 10
        with pytest.raises(ValueError, match="nothing"):
            handler._load_symbols_from_cache("etf_universe", "nothing")
        handler._execute_csv_universe_load(csv_load(job_id="direct", symbols=["SPY"]))
        handler.start()
        try:

            async def test() -> None:
                async with open_like(redis) as own:
                    await subscribed(own, 1)
                    client = Client(own)
                    assert (await client.ended("direct"))["status"] == "completed"
                    published = await client.submit(csv_load(universe_key="core_etfs"))
                    assert (await client.ended(published))["status"] == "completed"

            go(test())
        finally:
            handler.stop()
        assert redis.ping()


def test_the_command_serves_until_it_is_told_to_stop(
    settings: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    environment = os.environ | {
        "TICKSTOCK_HOME": str(tmp_path),
        "DATABASE_URI": settings.database_uri.get_secret_value(),
        "REDIS_URL": redis_server.url,
    }
    command = [sys.executable, "-c", "from tickstock.cli import main; main(['bridge'])"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:

        async def test() -> None:
            async with open_redis(redis_server.url) as redis:
                await subscribed(redis, 1)
                assert process.poll() is None
                client = Client(redis)
                job_id = await client.submit(csv_load(symbols=["SPY"]))
                status = await client.until(job_id, lambda s: "timestamp" in s)
                assert status["status"] == "submitted"

        try:
            go(test())
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize("url", ["http://x", "redis://u:secret@h:port/0", "nothing", ""])
def test_an_address_that_cannot_be_read_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BadSetting) as refused:
        open_redis(url)
    assert "secret" not in str(refused.value)
