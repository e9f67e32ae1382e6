"""Two bridges, many clients, bridges killed and begun again: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis

from tests.redis_fixtures import RedisServer
from tests.reliability.form import FORM, record
from tests.reliability.scenarios import KEY, opened
from tests.reliability.zygote import Zygote
from tests.simulator import JOBS, Client, eventually
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread

SYMBOLS = ("SA", "SB", "SC", "SD", "SE")
WRONG = (
    b"",
    b"no JSON",
    b"\xff\xfe",
    b"[1]",
    b"{}",
    b'{"job_id": 7, "symbols": "SA"}',
    b"[" * 9_999,
)
"""What nobody can make a job of."""


def run_jobs(
    forks: Zygote, database: Database, redis: RedisServer, folder: Path, count: int
) -> dict[str, Any]:
    """Send `count` jobs by publishing, while one bridge of two is killed now and then."""
    faults = [Fault(What.SERVER_ERROR, chance=0.1), Fault(What.THROTTLED, chance=0.05, seconds=0)]
    with serve_in_thread(ReplayVendor(key=KEY, faults=faults, symbols=SYMBOLS)) as vendor:
        job = {
            "do": "attend", "uri": database.conninfo, "url": vendor.url, "home": str(folder),
            "log": str(folder / "log"), "redis": redis.url,
        }  # fmt: skip
        with opened(job) as tick, tick.database.transaction() as connection:
            fill_reference(connection)
        pids = [forks.start(job), forks.start(job), forks.start(job | {"do": "work"})]
        try:
            return asyncio.run(_clients(forks, redis, job, pids, count, database))
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                forks.wait(pid)


async def _clients(
    forks: Zygote, redis: RedisServer, job: dict[str, Any], pids: list[int], count: int,
    database: Database,
) -> dict[str, Any]:  # fmt: skip
    kills = 0
    pool = BlockingConnectionPool.from_url(redis.url, max_connections=100, timeout=120)
    async with Redis.from_pool(pool) as connection:
        client = Client(connection)

        async def heard_by(bridges: int) -> None:
            async def as_many() -> bool:
                return bool((await connection.pubsub_numsub(JOBS))[0][1] == bridges)

            await eventually(as_many)

        ids: list[str] = []
        heard = 0

        async def durable(jobs: int) -> bool:
            return await asyncio.to_thread(_loads, database, ids[:jobs]) == jobs

        await heard_by(2)
        for number in range(count):
            symbols = [SYMBOLS[(number + k) % 5] for k in range(2)]
            message = {"job_type": "historical_load", "symbols": symbols, "years": 0.02}
            ids.append(await client.submit(message | {"timespan": "day"}))
            await connection.publish(JOBS, WRONG[number % len(WRONG)])
            if number % 20 == 10:
                # The other one has heard all that this one has in hand, if what was published
                # before it began is durable by now: Redis keeps nothing for those who come later.
                await eventually(lambda heard=heard: durable(heard))
                which = kills % 2
                os.kill(pids[which], signal.SIGKILL)
                await asyncio.to_thread(forks.wait, pids[which])
                await heard_by(1)
                pids[which] = await asyncio.to_thread(forks.start, job)
                await heard_by(2)
                kills, heard = kills + 1, number + 1
        ended = await asyncio.gather(*(client.ended(i, 120) for i in ids))
    with database.transaction() as connection:
        row = connection.execute(
            "SELECT count(*)::int, count(DISTINCT client_id)::int FROM tickstock.loads"
        ).fetchone()
    assert row is not None
    return {
        "jobs": count,
        "loads": row[0],
        "names": row[1],
        "wrong messages": count,
        "client errors": 0,  # any would have ended this
        "bridges killed": kills,
        **Counter(status["status"] for status in ended),
    }


def _loads(database: Database, ids: list[str]) -> int:
    """How many of these jobs are loads."""
    asked = "SELECT count(*)::int FROM tickstock.loads WHERE client_id = ANY (%s)"
    with database.transaction() as connection:
        row = connection.execute(asked, [ids]).fetchone()
    assert row is not None
    return int(row[0])


def test_jobs_of_two_bridges_are_each_one_load(
    forks: Zygote, database: Database, redis_server: RedisServer, tmp_path: Path
) -> None:
    found = run_jobs(forks, database, redis_server, tmp_path, FORM.jobs)
    record("jobs published to two bridges, killed in turn", **found)
    assert found["loads"] == found["names"] == FORM.jobs
    assert found["bridges killed"] >= 2
    good = ("completed", "completed_with_errors")
    assert sum(found.get(state, 0) for state in good) == FORM.jobs
