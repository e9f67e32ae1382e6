"""Performs schedules, in every worker process; the database sees to it that each is done once."""

from __future__ import annotations

import asyncio

import structlog

from tickstock.errors import TickStockError
from tickstock.service import TickStock
from tickstock.waiting import within

log = structlog.get_logger("tickstock.worker")
LOOK_SECONDS = 5.0


class Scheduler:
    """Looks every few seconds whether a schedule is due."""

    def __init__(self, tick: TickStock, worker: str) -> None:
        self._tick = tick
        self._worker = worker

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop."""
        while not stopping.is_set():
            try:
                await asyncio.to_thread(self._tick.schedules.perform_due, self._worker)
            except TickStockError as e:
                log.warning("schedules not performed", error=str(e))
            except Exception:
                log.exception("schedules not performed")  # the worker goes on
            await within(LOOK_SECONDS, stopping)
