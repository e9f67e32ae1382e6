"""Keeps the leases of calls in flight, from a thread that a busy event loop cannot starve."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from tickstock.clock import awake_or_not
from tickstock.errors import TickStockError
from tickstock.failpoints import reach
from tickstock.store import ledger
from tickstock.store.database import Database
from tickstock.store.ledger import Lease

log = structlog.get_logger("tickstock.worker")


class Heartbeat:
    """Renews every third of the lease time; tells the loop which leases are lost.

    Used as an async context manager around the work. `hold` and `drop` may be called from any
    thread; what is lost is dropped. Until when a lease is good is counted from before it was asked
    for, by our own clock.
    """

    def __init__(
        self, database: Database, lease: timedelta, lost: Callable[[Sequence[Lease]], None]
    ) -> None:
        self._database = database
        self._lease = lease
        self._lost = lost
        self._held: dict[int, Lease] = {}
        self._good: dict[int, float] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def hold(self, lease: Lease, asked: float) -> None:
        """Renew a lease that was asked for at `asked` (see `awake_or_not`)."""
        with self._lock:
            self._held[lease.id] = lease
            self._good[lease.id] = asked + self._lease.total_seconds()

    def drop(self, *leases: Lease) -> None:
        """Stop renewing these, and only these: the same call may be held again by a newer lease."""
        with self._lock:
            for lease in leases:
                if self._held.get(lease.id) == lease:
                    del self._held[lease.id], self._good[lease.id]

    def held(self) -> list[Lease]:
        with self._lock:
            return list(self._held.values())

    def is_overdue(self, lease: Lease) -> bool:
        """Whether the lease may be another's by now, for all that we know."""
        with self._lock:
            is_held = self._held.get(lease.id) == lease
            return not is_held or awake_or_not() >= self._good[lease.id]

    def beat_now(self) -> None:
        """Look at once which leases are still ours: somebody may have ended or paused the job."""
        self._wake.set()

    async def __aenter__(self) -> Heartbeat:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        self._wake.set()
        # It may be waiting for a database that is away; the event loop does not wait with it.
        await asyncio.to_thread(self._thread.join)

    def _beat(self) -> None:
        while True:
            self._wake.wait(self._lease.total_seconds() / 3)
            self._wake.clear()
            if self._ended:
                return
            if leases := self.held():
                self._renew(leases)

    def _renew(self, leases: list[Lease]) -> None:
        try:
            gone = self.renew(leases)
        except TickStockError as e:
            # Not renewed is not yet lost: the fence decides at the commit.
            log.warning("leases not renewed", error=e)
            return
        if gone:
            self._loop.call_soon_threadsafe(self._lost, gone)

    def renew(self, leases: Sequence[Lease]) -> list[Lease]:
        """Hold on to leases; those that are lost. For any thread but the loop's."""
        reach("heartbeat.renew")
        asked = awake_or_not()
        with self._database.brief() as connection:
            ours = ledger.renew(connection, leases, self._lease)
        reach("heartbeat.renewed")
        with self._lock:
            for lease in leases:
                if ours.get(lease.id) and self._held.get(lease.id) == lease:
                    self._good[lease.id] = asked + self._lease.total_seconds()
        gone = [lease for lease in leases if lease.id not in ours]
        self.drop(*gone)
        return gone
