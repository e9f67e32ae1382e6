"""What a worker process makes of the engine's tasks: it works on a job for a while, then puts the
next task at the end of the queue, if the job is not at its end."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

import structlog

from tickstock.errors import TickStockError
from tickstock.failpoints import reach
from tickstock.service.queue import defer_drain, queue_of
from tickstock.store import tasks
from tickstock.store.database import Database

log = structlog.get_logger("tickstock.worker")
PLACES = 16
"""Slices that one process does side by side."""
SLICE_SECONDS = 5.0
"""When every place is taken, a slice makes room so soon for another job of the same priority."""
LONGEST_SECONDS = 300.0
"""No slice is longer."""
LOOK_SECONDS = 2.0
"""How often a slice looks whether others wait for its place, or could help it."""
REST_SECONDS = 5.0
"""Until a job is begun again of which nothing can be done now."""
OFFERS = 6
"""So often, between two looks, a job is offered to other processes again after this one has taken
the task itself: the engine gives a task to whoever asks first."""
OFFER_SECONDS = 0.25
"""At most so long after it was taken."""
NEAR_SECONDS = 1.0
"""A slice is begun though its first call may be claimed only so much later."""
ALIVE = timedelta(seconds=30)


class SliceWorker(Protocol):
    """What works on jobs."""

    name: str

    async def drain(self, load_id: uuid.UUID) -> object:
        """Work on a job until no call of it is open, or the slice is over."""

    def has_begun(self, load_id: uuid.UUID) -> bool:
        """Whether it has got so far as to ask for calls of the job."""

    def end_slice(self, load_id: uuid.UUID) -> None:
        """Bring what has been asked to its end, hand back the rest."""

    def rests(self, load_id: uuid.UUID) -> bool:
        """Whether a job that could not be worked on here is not to be tried again yet."""

    def hold_off(self, load_id: uuid.UUID, error: TickStockError) -> None:
        """The job cannot be worked on here."""

    async def through_outages(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do it in a thread, again while the database is away."""


class Slices:
    """The slices that are being done here."""

    def __init__(self, database: Database, worker: SliceWorker, vendor: str) -> None:
        self._database = database
        self._worker = worker
        self._vendor = vendor
        self.places = PLACES
        self._at_work: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._offers: dict[uuid.UUID, int] = {}
        """How often the job may be offered again before the next look."""

    async def perform(self, load_id: uuid.UUID) -> None:
        """Do a slice. Who works on the job already has all hands of this process for it.

        The slice does not end with a cancellation of this: it may stem from an engine that has lost
        its connection, and the answers that were fetched wait for the database.
        """
        if load_id in self._at_work:
            await self._offer_again(load_id)
            return
        task = asyncio.create_task(self._slice(load_id), name=f"slice of {load_id}")
        self._at_work[load_id] = task
        await asyncio.shield(task)

    async def _offer_again(self, load_id: uuid.UUID) -> None:
        """The task was meant for another process."""
        if not self._offers.get(load_id):
            return
        self._offers[load_id] -= 1
        await asyncio.sleep(random.uniform(0, OFFER_SECONDS))
        try:
            await asyncio.to_thread(self._look, load_id, is_old=False)
        except TickStockError as e:
            log.debug("job not offered", load=str(load_id), error=e)

    async def ended(self) -> None:
        """Wait for the end of the slices that were told to end."""
        while self._at_work:
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def _slice(self, load_id: uuid.UUID) -> None:
        rest = REST_SECONDS if self._worker.rests(load_id) else 0.0
        watch = asyncio.create_task(self._watch(load_id), name=f"watch over {load_id}")
        try:
            if not rest and await self._worker.through_outages(self._is_due, load_id):
                await self._worker.drain(load_id)
        except TickStockError as e:
            self._worker.hold_off(load_id, e)
            rest = REST_SECONDS
        except Exception:  # a call answers for it, which is asked again up to so many attempts
            log.exception("job not drained", load=str(load_id))
            rest = REST_SECONDS
        finally:
            is_over = watch.done()
            watch.cancel()
            del self._at_work[load_id]
            self._offers.pop(load_id, None)
        reach("slice.over")
        try:
            await self._worker.through_outages(self._offer_next, load_id, rest, is_over)
        except TickStockError as e:
            log.warning("next slice not offered", load=str(load_id), error=e)
        reach("slice.offered")

    async def _watch(self, load_id: uuid.UUID) -> None:
        """Share the job with other processes; end the slice when its time is over."""
        clock, begun = asyncio.get_running_loop().time, 0.0
        while not begun or clock() - begun < LONGEST_SECONDS:
            # Not in step with the others: one of them makes room at a time.
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))
            if not begun:  # it counts from the first claim, or a slow machine would come to nothing
                begun = clock() if self._worker.has_begun(load_id) else 0.0
            is_old = begun > 0.0 and clock() - begun >= SLICE_SECONDS
            self._offers[load_id] = OFFERS
            try:
                if await asyncio.to_thread(self._look, load_id, is_old):
                    break
            except TickStockError as e:
                log.debug("slice not looked at", load=str(load_id), error=e)
        self._worker.end_slice(load_id)

    # -- what runs in a thread ----------------------------------------------------------------
    def _is_due(self, load_id: uuid.UUID) -> bool:
        with self._database.transaction() as connection:
            found = tasks.readiness(connection, load_id)
        return found is not None and found.is_due and found.seconds <= NEAR_SECONDS

    def _offer_next(self, load_id: uuid.UUID, rest: float, is_over: bool) -> None:
        """Put the next slice at the end of the queue; later, where nothing can be done now: calls
        are with others, or wait for their time, or others see to the verdict."""
        with self._database.brief() as connection:
            found = tasks.readiness(connection, load_id)
            if found is None or not found.is_due:
                return
            wait = found.seconds if found.open_calls or is_over else REST_SECONDS
            wait = max(rest, min(wait, REST_SECONDS))
            defer_drain(connection, load_id, found.vendor, found.priority, wait)

    def _look(self, load_id: uuid.UUID, is_old: bool) -> bool:
        """Whether the slice is over, for the sake of another job."""
        at_work = tuple(self._at_work)  # which changes meanwhile
        with self._database.brief() as connection:
            mine = tasks.readiness(connection, load_id)
            if mine is None or not mine.is_due:
                return False
            if len(at_work) >= self.places:
                others = tasks.most_urgent(connection, queue_of(self._vendor), at_work)
                if others is not None:
                    return others > mine.priority or (is_old and others == mine.priority)
            if tasks.could_be_shared(connection, load_id, ALIVE):
                defer_drain(connection, load_id, mine.vendor, mine.priority)
        return False
