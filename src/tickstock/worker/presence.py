"""A worker process says that it is there, and adds what it has counted to the sums in the database.

For people and for metrics; nothing is decided by it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable

import tickstock
from tickstock.errors import TickStockError
from tickstock.store import workers
from tickstock.store.database import Database
from tickstock.waiting import within
from tickstock.worker.told import Told

BEAT_SECONDS = 10.0


class Counts:
    """What is counted here until it is added to the sums in the database. For any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._sums: Counter[tuple[str, str]] = Counter()

    def add(self, name: str, label: str, n: int = 1) -> None:
        with self._lock:
            self._sums[name, label] += n

    def flush(self) -> None:
        """Add them to the sums. Raises what the database raises; nothing is lost then."""
        with self._lock:
            sums, self._sums = self._sums, Counter()
        try:
            with self._database.transaction() as connection:
                workers.add_counts(connection, {key: n for key, n in sums.items() if n})
        except TickStockError:
            with self._lock:
                self._sums += sums
            raise


class Presence:
    """The row of one worker process, from its first beat until it leaves."""

    def __init__(self, database: Database, name: str, vendor: str, counts: Counts) -> None:
        self._database = database
        self._counts = counts
        self._told = Told("presence not told")
        self._me = workers.Me(
            name, socket.gethostname(), os.getpid(), vendor, tickstock.__version__
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Beat until told to stop, then take leave."""
        while not stopping.is_set():
            await self._do(self._beat)
            await within(BEAT_SECONDS, stopping)

    async def leave(self) -> None:
        """The process ends in good order: nobody need wonder where it is."""
        await self._do(self._leave)

    async def _do(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except Exception as e:
            self._told.trouble(e)  # nothing is decided by it: the worker goes on
        else:
            self._told.well()

    def _beat(self) -> None:
        with self._database.transaction() as connection:
            workers.beat(connection, self._me)
        self._counts.flush()

    def _leave(self) -> None:
        self._counts.flush()
        with self._database.transaction() as connection:
            workers.leave(connection, self._me.name)
