"""Makes messages durable, one after the other: as a job, or as a refusal that is kept."""

from __future__ import annotations

import asyncio

import structlog

from tickstock.bridge.accept import accept
from tickstock.bridge.inbox import Inbox, InboxEntry
from tickstock.bridge.messages import JobMessage, Refusal, read_job
from tickstock.bridge.steady import EXPECTED, Pauses, Warnings
from tickstock.errors import BadInput, Conflict, TickStockError, Transient
from tickstock.failpoints import reach
from tickstock.service import TickStock
from tickstock.shortage import shortage

log = structlog.get_logger("tickstock.bridge")
PATIENT_ATTEMPTS = 5
"""So often a conflict with somebody else's change is tried again before the job is refused."""


class Intake:
    """Empties the inbox into PostgreSQL. While that does not answer, everything waits."""

    def __init__(self, tick: TickStock, inbox: Inbox, warn: Warnings) -> None:
        self._tick = tick
        self._inbox = inbox
        self._warn = warn

    async def run(self) -> None:
        """Settle what comes, until cancelled."""
        while True:
            entry = await self._inbox.first()
            await self._settle(entry)
            self._inbox.done(entry)
            while turned_away := self._inbox.turned_away():
                await self._persist(turned_away)

    async def _settle(self, entry: InboxEntry) -> None:
        reach("bridge.store")
        await self._persist(read_job(entry.data))
        reach("bridge.stored")

    async def _persist(self, read: JobMessage | Refusal) -> None:
        """Come back when it is durable, however long that takes."""
        if isinstance(read, Refusal) and not read.job_id:
            self._warn("a message that nobody can be answered about", BadInput(read.reason))
            return
        pauses, attempt = Pauses(), 0
        while True:
            attempt += 1
            try:
                await asyncio.to_thread(store, self._tick, read, attempt <= PATIENT_ATTEMPTS)
            except Exception as error:
                if attempt > PATIENT_ATTEMPTS and not isinstance(error, EXPECTED):
                    # For ever in the way of all that come after it; nothing can be told of it.
                    log.error("a message is given up", job=read.job_id, exc_info=error)
                    return
                self._warn("a message waits for the database", error)
                await pauses.wait()
            else:
                return


def store(tick: TickStock, read: JobMessage | Refusal, patient: bool = False) -> None:
    """Make a job or its refusal durable. What cannot be a job becomes a refusal.

    Raises a Transient when the database does not answer, and while `patient` a Conflict too; then
    nothing was stored.
    """
    refused = _try(tick, read, patient) if isinstance(read, JobMessage) else read
    if refused is None:
        return
    log.info("job refused", job=refused.job_id, kind=refused.job_type, reason=refused.reason)
    if refused.job_id:
        tick.client_jobs.refuse(refused.job_id, refused.job_type, refused.reason)


def _try(tick: TickStock, job: JobMessage, patient: bool) -> Refusal | None:
    try:
        load_id = accept(tick, job)
    except TickStockError as error:
        if isinstance(error, Transient) or (patient and isinstance(error, Conflict)):
            raise
        return Refusal(job.job_id, job.job_type, str(error))
    except Exception as error:
        if short := shortage(error):
            raise short from error
        log.exception("a job met a fault of TickStock", job=job.job_id)
        reason = f"An error inside TickStock ({type(error).__name__}); its log has the details."
        return Refusal(job.job_id, job.job_type, reason)
    log.info("job accepted", job=job.job_id, load=str(load_id))
    return None
