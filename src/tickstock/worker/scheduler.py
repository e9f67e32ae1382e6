"""Performs schedules, in every worker process; the database sees to it that each is done once."""

from __future__ import annotations

import asyncio

from tickstock.service import TickStock
from tickstock.waiting import within
from tickstock.worker.told import Told

LOOK_SECONDS = 5.0


class Scheduler:
    """Looks every few seconds whether a schedule is due."""

    def __init__(self, tick: TickStock, worker: str) -> None:
        self._tick = tick
        self._worker = worker

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop."""
        told = Told("schedules not performed")
        while not stopping.is_set():
            try:
                await asyncio.to_thread(self._tick.schedules.perform_due, self._worker)
            except Exception as e:
                told.trouble(e)  # the worker goes on
            else:
                told.well()
            await within(LOOK_SECONDS, stopping)
