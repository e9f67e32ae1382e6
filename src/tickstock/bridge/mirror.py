"""Mirrors what the ledger says of jobs into Redis, where clients look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import msgspec
from redis.asyncio import Redis

from tickstock.bridge.connect import STATUS, status_keys
from tickstock.errors import TickStockError
from tickstock.failpoints import reach
from tickstock.model import JobState
from tickstock.service import TickStock
from tickstock.service.job_status import JobStatus, local, refusal_status, status_of
from tickstock.store.client_jobs import JobHead, RefusedJob
from tickstock.waiting import within

EXPIRES = 86_400
ALL = timedelta(seconds=EXPIRES)
"""After a restart of the bridge or of Redis, so far back jobs that ended are mirrored again."""
LATELY = timedelta(minutes=2)
PART = 200
"""So many jobs are read and written at a time: after a restart there may be thousands."""
LONG_LISTS = ("successful_symbols", "failed_symbols")
"""Left out of what is published: thousands of symbols twice a second. They are in the key."""
AWAY = "TickStock's database does not answer; this is how far the job was."


@dataclass(frozen=True, slots=True)
class Pace:
    """When to look and to write, in seconds.

    `hold_back`: a client publishes its job and then writes the status key as a hash. A string
    that stands there by then makes that write fail, so a young job is left to its client.
    `claim`: an entry of the stream that was given out so long ago, and is still there, was given
    to a bridge that died.
    """

    hold_back: float = 1.0
    poll: float = 0.5
    idle: float = 5.0
    heartbeat: float = 30.0
    least: float = 0.02
    claim: float = 30.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What was last written of a job: `status` without the times of change and of writing, which
    are `changed` and `at` (monotonic seconds)."""

    job_id: str
    state: JobState
    finished_at: datetime | None
    status: JobStatus
    changed: datetime
    at: float


def is_due(job: JobHead | RefusedJob, shown: Shown | None, now: float, pace: Pace) -> bool:
    """Whether the job's status may have to be written."""
    if job.age < pace.hold_back:
        return False
    if shown is None or (job.state, job.finished_at) != (shown.state, shown.finished_at):
        return True
    return job.state is JobState.RUNNING or now - shown.at >= pace.heartbeat


def next_look(jobs: Sequence[JobHead | RefusedJob], pace: Pace) -> float:
    """Seconds until something may be due by itself."""
    young = [pace.hold_back - job.age for job in jobs if job.age < pace.hold_back]
    usual = pace.poll if any(not job.state.finished for job in jobs) else pace.idle
    return max(min([usual, *young]), pace.least)


class Mirror:
    """Writes a status when it has changed, and from time to time to show that it is alive."""

    def __init__(self, tick: TickStock, redis: Redis, pace: Pace, part: int = PART) -> None:
        self._part = part
        self._tick = tick
        self._redis = redis
        self._pace = pace
        self._shown: dict[str, Shown] = {}
        self._all = True
        self._moved = asyncio.Event()

    def nudge(self) -> None:
        """Something has moved: look now."""
        self._moved.set()

    def forget(self) -> None:
        """Redis may have lost everything: write all of it again."""
        self._shown = {}
        self._all = True
        self._moved.set()

    async def session(self) -> None:
        """Look and write until Redis or the database does not answer, which is raised."""
        while True:
            self._moved.clear()
            try:
                wait = await self._look()
            except TickStockError:
                await self._keep_alive()
                raise
            await asyncio.sleep(self._pace.least)
            await within(wait, self._moved)

    async def _look(self) -> float:
        """Write what is due; answers the seconds until the next look."""
        shown = self._shown  # `forget` puts another in its place, which then learns nothing here
        window = ALL if self._all else LATELY
        heads, refused = await asyncio.to_thread(self._tick.client_jobs.heads, window)
        jobs: list[JobHead | RefusedJob] = [*heads, *refused]
        now = time.monotonic()
        due = [job for job in jobs if is_due(job, shown.get(job.client_id), now, self._pace)]
        for start in range(0, len(due), self._part):
            found = await asyncio.to_thread(self._read, due[start : start + self._part], now)
            reach("mirror.write")
            await self._write(shown, found)
            reach("mirror.written")
        for gone in shown.keys() - {job.client_id for job in jobs}:
            del shown[gone]
        if shown is self._shown:
            self._all = False
        return next_look(jobs, self._pace)

    def _read(self, due: Sequence[JobHead | RefusedJob], now: float) -> list[Shown]:
        """What is to be shown of those that are due, as it is at this moment."""
        at = self._tick.clock()
        found = [
            Shown(job.client_id, job.state, job.at, refusal_status(job), job.at, now)
            for job in due
            if isinstance(job, RefusedJob)
        ]
        loads = [job.load_id for job in due if isinstance(job, JobHead)]
        for detail in self._tick.client_jobs.details(loads) if loads else ():
            load = detail.progress.load
            changed = load.finished_at or at
            status = status_of(detail)
            job_id = load.client_id or ""
            found.append(Shown(job_id, load.state, load.finished_at, status, changed, now))
        return found

    async def _write(self, shown: dict[str, Shown], found: Sequence[Shown]) -> None:
        """Write what differs from what is shown, and what was not written for long."""
        wanted: list[tuple[Shown, bool]] = []
        for new in found:
            old = shown.get(new.job_id)
            if old is None or old.status != new.status:
                wanted.append((new, True))
            elif new.at - old.at >= self._pace.heartbeat:
                wanted.append((replace(new, changed=old.changed), False))
            else:
                shown[new.job_id] = replace(new, changed=old.changed, at=old.at)
        if wanted:
            await self._send(wanted)
            shown |= {new.job_id: new for new, _ in wanted}

    async def _send(self, part: Sequence[tuple[Shown, bool]]) -> None:
        now = local(self._tick.clock())
        async with self._redis.pipeline(transaction=False) as pipe:
            for new, is_change in part:
                status = new.status.stamped(local(new.changed), now)
                for key in status_keys(new.job_id):
                    pipe.set(key, msgspec.json.encode(status), ex=EXPIRES)
                if is_change:
                    pipe.publish(STATUS, published(new.job_id, status))
            await pipe.execute()

    async def _keep_alive(self) -> None:
        """The database is away, and with it the truth: open jobs are said to be where they were."""
        now = time.monotonic()
        for old in list(self._shown.values()):
            if not old.state.finished and now - old.at >= self._pace.heartbeat:
                away = replace(old, status=replace(old.status, message=AWAY), at=now)
                await self._send([(away, False)])
                self._shown[old.job_id] = away


def published(job_id: str, status: JobStatus) -> bytes:
    """The message about a changed status: without the lists of symbols, which are in the key."""
    body = {"job_id": job_id} | asdict(status)
    return msgspec.json.encode({k: v for k, v in body.items() if k not in LONG_LISTS})
