"""A client of the job bus as they are written: publishes, writes a hash, polls its status."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

JOBS, CONTROL = "tickstock.jobs.data_load", "tickstock.jobs.control"
ENDED = ("completed", "completed_with_errors", "failed", "cancelled")


def new_id() -> str:
    return str(uuid.uuid4())


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 40.0) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + seconds
    while True:
        if await condition():
            return
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


@dataclass
class Client:
    """One client program. `seen` has every status it read, by job."""

    redis: Redis
    seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def submit(self, job: dict[str, Any], *, late: float = 0.0) -> str:
        """Publish a job, and `late` seconds after that write its status as a hash."""
        job_id = str(job.setdefault("job_id", new_id()))
        first = {"status": "submitted", "progress": "0", "message": "Job submitted"}
        metadata = {"job_type": str(job.get("job_type"))}
        # Where nothing is said of late, a busy machine must not make it late: the status is a
        # string by then, which a hash cannot be written over.
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.publish(JOBS, json.dumps(job))
            if late:
                await pipe.execute()
                await asyncio.sleep(late)
            pipe.hset(f"tickstock.jobs.status:{job_id}", mapping=first)
            pipe.hset(f"tickstock.jobs.metadata:{job_id}", mapping=metadata)
            await pipe.execute()
        return job_id

    async def add(self, job: dict[str, Any]) -> str:
        """Put a job into the stream instead, and write no hash."""
        job_id = str(job.setdefault("job_id", new_id()))
        await self.redis.xadd(JOBS, {"message": json.dumps(job)})
        return job_id

    async def cancel(self, job_id: str) -> None:
        await self.redis.publish(CONTROL, json.dumps({"job_id": job_id, "action": "cancel"}))

    async def status(self, job_id: str, key: str = "tickstock.jobs.status:") -> dict[str, Any]:
        """What the status key says; a hash (its own, not yet replaced) reads as submitted."""
        name = f"{key}{job_id}"
        kind = await self.redis.type(name)
        if kind != b"string":
            return {"status": "submitted" if kind == b"hash" else "none"}
        found: dict[str, Any] = json.loads(await self.redis.get(name) or b"{}")
        self.seen.setdefault(job_id, []).append(found)
        return found

    async def until(
        self,
        job_id: str,
        wanted: Callable[[dict[str, Any]], bool],
        seconds: float = 40.0,
    ) -> dict[str, Any]:
        """Poll the status until it is as wanted."""
        end = time.monotonic() + seconds
        while True:
            found = await self.status(job_id)
            if wanted(found):
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{job_id} is still {found}")
            await asyncio.sleep(0.02)

    async def ended(self, job_id: str, seconds: float = 40.0) -> dict[str, Any]:
        """The last status."""
        return await self.until(job_id, lambda s: s["status"] in ENDED, seconds)
