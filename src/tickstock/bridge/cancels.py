"""Carries out wishes to cancel, also those that come before the job they mean."""

from __future__ import annotations

import asyncio
import time

import structlog

from tickstock.bridge.inbox import Inbox
from tickstock.bridge.messages import Refusal, read_control
from tickstock.bridge.steady import Pauses, Warnings
from tickstock.errors import BadInput
from tickstock.service import TickStock

log = structlog.get_logger("tickstock.bridge")
KEPT_SECONDS = 60.0
"""A job that arrives within this time after the wish to cancel it is cancelled."""
LOOK_SECONDS = 0.2
MOST = 10_000


class Cancels:
    """Wishes wait here until their job is found, however long the database is away."""

    def __init__(self, tick: TickStock, inbox: Inbox, warn: Warnings) -> None:
        self._tick = tick
        self._inbox = inbox
        self._warn = warn
        self._wishes: dict[str, tuple[str, float]] = {}
        self._all: str | None = None
        self._new = asyncio.Event()

    def wish(self, data: bytes) -> None:
        """Take a message of the control channel."""
        read = read_control(data)
        if isinstance(read, Refusal):
            self._warn("a control message that is not understood", BadInput(read.reason))
        elif read.job_id:
            self._want(read.job_id, read.reason)
        else:
            self._all = read.reason
            for job_id in self._inbox.job_ids():
                self._want(job_id, read.reason)
        self._new.set()

    def _want(self, job_id: str, reason: str) -> None:
        if len(self._wishes) < MOST:
            self._wishes[job_id] = reason, time.monotonic() + KEPT_SECONDS

    async def run(self) -> None:
        """Cancel what is wished, until cancelled itself."""
        pauses = Pauses()
        while True:
            await self._new.wait()
            try:
                await self._carry_out()
            except Exception as error:
                self._warn("a cancel waits for the database", error)
                await pauses.wait()
            else:
                pauses.reset()
                await asyncio.sleep(LOOK_SECONDS)

    async def _carry_out(self) -> None:
        self._new.clear()
        try:
            await self._cancel()
        finally:
            if self._wishes or self._all is not None:
                self._new.set()

    async def _cancel(self) -> None:
        if self._all is not None:
            reason = self._all
            count = await asyncio.to_thread(self._tick.client_jobs.cancel_all, reason)
            self._all = None
            log.info("all jobs cancelled", jobs=count, reason=reason)
        tried = time.monotonic()
        wishes = dict(self._wishes)
        if not wishes:
            return
        reasons = {job_id: reason for job_id, (reason, _) in wishes.items()}
        found = await asyncio.to_thread(self._tick.client_jobs.cancel, reasons)
        for job_id, (_, until) in wishes.items():
            if job_id in found or until < tried:
                del self._wishes[job_id]
                log.info(
                    "cancel carried out" if job_id in found else "no job to cancel", job=job_id
                )
