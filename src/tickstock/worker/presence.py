"""Who a worker process is, and what it adds to the sums in the database.

For people and for metrics; nothing is decided by it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections import Counter

import tickstock
from tickstock.errors import TickStockError
from tickstock.store import workers
from tickstock.store.database import Database
from tickstock.worker.trouble import TroubleLog


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
            with self._database.brief() as connection:
                workers.add_counts(connection, {key: n for key, n in sums.items() if n})
        except TickStockError:
            with self._lock:
                self._sums += sums
            raise


class Presence:
    """The row of one worker process, until it leaves."""

    def __init__(self, database: Database, name: str, vendor: str, counts: Counts) -> None:
        self._database = database
        self._counts = counts
        self._trouble = TroubleLog("presence not told")
        self._me = workers.Me(
            name, socket.gethostname(), os.getpid(), vendor, tickstock.__version__
        )

    async def leave(self) -> None:
        """The process ends in good order: nobody need wonder where it is."""
        try:
            await asyncio.to_thread(self._leave)
        except Exception as e:
            self._trouble.trouble(e)  # nothing is decided by it

    def introduce(self, engine_id: int) -> None:
        """Under which number the job engine knows this process, and keeps whether it is alive."""
        with self._database.brief() as connection:
            workers.introduce(connection, self._me, engine_id)

    def _leave(self) -> None:
        self._counts.flush()
        with self._database.brief() as connection:
            workers.leave(connection, self._me.name)
