"""Commits the answers of one job, in batches: while one is written, further ones pile up."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

import structlog

from tickstock.clock import Clock
from tickstock.errors import DatabaseUnavailable
from tickstock.failpoints import reach
from tickstock.sessions import Calendar
from tickstock.store.database import Database
from tickstock.store.ledger import Lease
from tickstock.worker.commit import Committed, commit
from tickstock.worker.fetched import Fetched
from tickstock.worker.fetching import Count
from tickstock.worker.heartbeat import Heartbeat
from tickstock.worker.memory_budget import MemoryBudget
from tickstock.worker.policy import Policy

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")


class ThroughOutages(Protocol):
    """Runs work in a thread, again and again while the database is away."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


@dataclass(slots=True)
class Committer:
    """Takes answers and commits them; `settle` is for those that the database cannot take.
    `changed` is set whenever something was committed."""

    database: Database
    load_id: uuid.UUID
    calendar: Calendar
    clock: Clock
    policy: Policy
    memory: MemoryBudget
    count: Count
    through_outages: ThroughOutages
    settle: Callable[[Lease, Exception, int], Awaitable[None]]
    changed: asyncio.Event
    committed: int = 0
    uncommitted: int = 0
    _ready: asyncio.Queue[Fetched | None] = field(default_factory=asyncio.Queue)

    def add(self, fetched: Fetched) -> None:
        self.uncommitted += 1
        self._ready.put_nowait(fetched)

    def end(self) -> None:
        """`run` returns when all that was added until now is committed."""
        self._ready.put_nowait(None)

    async def run(self, heart: Heartbeat) -> None:
        """Commit what has arrived, in batches, until the end mark."""
        ended = False
        while not ended:
            batch: list[Fetched] = []
            while not ended and (not batch or self._has_more(batch)):
                fetched = await self._ready.get()
                if fetched is None:
                    ended = True
                else:
                    batch.append(fetched)
                del fetched  # while the next one is waited for, this one need not be held
            await self._commit(batch, heart)

    def _has_more(self, batch: Sequence[Fetched]) -> bool:
        """Whether another answer has arrived, and the batch can take it."""
        full = len(batch) >= self.policy.batch or _bars_in(batch) >= self.policy.batch_bars
        return not full and not self._ready.empty()

    async def _commit(self, batch: Sequence[Fetched], heart: Heartbeat) -> None:
        if not batch:
            return
        try:
            done = await self.through_outages(
                commit, self.database, batch, self.calendar, self.clock()
            )
        except DatabaseUnavailable:
            raise
        except Exception as error:
            # One answer that the database cannot take must not take the others with it.
            if len(batch) > 1:
                for fetched in batch:
                    await self._commit([fetched], heart)
                return
            await self.settle(batch[0].lease, error, batch[0].asked)
        else:
            reach("drain.committed")
            self._note(done, len(batch))
        heart.drop(*(fetched.lease for fetched in batch))
        self.uncommitted -= len(batch)
        self.memory.leave(_bars_in(batch))
        self.changed.set()

    def _note(self, done: Committed, size: int) -> None:
        self.committed += size - len(done.refused)
        self.count("bars", "new", done.rows_new)
        self.count("bars", "changed", done.rows_changed)
        if done.refused:
            log.warning("late commit refused", load=str(self.load_id), calls=len(done.refused))


def _bars_in(batch: Sequence[Fetched]) -> int:
    return sum(len(fetched.answer.bars) for fetched in batch)
