"""PgQueuer at the tasks of `ledger.py`. Run by that, with a Python that has pgqueuer, asyncpg and
psycopg:

peer_queue.py add URI CALLS       install where needed, and put so many jobs into the queue
peer_queue.py work URI            say ready, wait for a line, empty the queue
peer_queue.py pick-up URI LOADS   milliseconds from adding a job until it begins, as JSON
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager

import asyncpg
from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.types import QueueExecutionMode
from psycopg.conninfo import conninfo_to_dict

BATCH = 50


@asynccontextmanager
async def connected(uri: str):
    parts = conninfo_to_dict(uri)
    connection = await asyncpg.connect(
        host=parts["host"], port=parts.get("port"), user=parts["user"], database=parts["dbname"]
    )
    try:
        yield AsyncpgDriver(connection)
    finally:
        await connection.close()


async def add(uri: str, calls: int) -> None:
    async with connected(uri) as driver:
        queries = Queries(driver)
        if not await queries.schema_is_installed():
            await queries.install()
        await queries.enqueue(["call"] * calls, [None] * calls, [0] * calls)


async def work(uri: str) -> None:
    async with connected(uri) as driver:
        queue = PgQueuer(driver)

        @queue.entrypoint("call")
        async def call(job: object) -> None:
            return

        print("ready", flush=True)
        sys.stdin.readline()
        await queue.run(batch_size=BATCH, mode=QueueExecutionMode.drain)


async def pick_up(uri: str, loads: int) -> None:
    async with connected(uri) as driver, connected(uri) as other:
        queue, begun, times = PgQueuer(driver), asyncio.Event(), []

        @queue.entrypoint("load")
        async def load(job: object) -> None:
            times.append(1000 * (time.perf_counter() - added))
            begun.set()

        serving = asyncio.create_task(queue.run())
        await asyncio.sleep(1.5)
        for _ in range(loads):
            begun.clear()
            added = time.perf_counter()
            await Queries(other).enqueue("load", None)
            await begun.wait()
            await asyncio.sleep(0.02)
        queue.shutdown.set()
        await serving
    print(json.dumps(times))


def main() -> None:
    what, uri, *number = sys.argv[1:]
    asyncio.run(
        {"add": add, "work": work, "pick-up": pick_up}[what](uri, *(int(n) for n in number))
    )


if __name__ == "__main__":
    main()
