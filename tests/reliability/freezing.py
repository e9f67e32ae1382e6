"""A worker that freezes and wakes: two real drains on one ledger, one of which stands still.

Between an answer and its commit, or anywhere else that the seed says, nothing of the first worker
goes on: neither its transactions nor its heartbeat nor its requests. When its leases have run
out, the second one finishes the job. Then the first wakes.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.kit import CALENDAR, answer, bar, plan, sessions, span, ticker_call
from tests.reliability.snapshot import versions
from tickstock.model import Answer, Call
from tickstock.store import jobs, ledger
from tickstock.store.database import Connection, Database
from tickstock.store.instruments import ensure_instruments
from tickstock.vendors import Gate, Limits, OpenGate
from tickstock.worker.drain import Drain
from tickstock.worker.policy import Policy

WEEK = span("2024-07-01", "2024-07-05")
LEASE = 0.03


class Stillness:
    """Whether a worker stands still."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.is_over.set()
        self.begun = threading.Event()

    def begin(self) -> None:
        self.is_over.clear()
        self.begun.set()


class FreezingDatabase:
    """A database whose transactions wait while their worker stands still."""

    def __init__(self, inner: Database, still: Stillness, transactions: int) -> None:
        self._inner = inner
        self._still = still
        self._left = transactions
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._still.begin()
        self._still.is_over.wait(60)
        with self._inner.transaction() as connection:
            yield connection

    brief = transaction


@dataclass
class FreezingSource:
    """Answers at once, with `close` as the price; freezes its worker with answer `freezes`."""

    still: Stillness
    close_at: float
    freezes: int = 0
    asked: int = 0
    name: str = "v"
    limits: Limits = field(default_factory=Limits)

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        await asyncio.to_thread(self.still.is_over.wait, 60)
        self.asked += 1
        if self.asked == self.freezes:
            self.still.begin()
        return answer(call, [bar(call.symbol, d, self.close_at) for d in sessions(WEEK)])

    async def close(self) -> None:
        return


@dataclass(frozen=True)
class Woken:
    """What a worker did after it woke. `changed`: tables in which a row was written."""

    changed: tuple[str, ...]
    asked: int
    froze: bool


def freeze_once(database: Database, seed: int) -> Woken:
    """One run; the calls of earlier ones are left as they are."""
    dice = random.Random(seed)
    load = _submit(database, dice.randint(1, 6))
    still = Stillness()
    in_source = dice.random() < 0.7
    source = FreezingSource(still, 10.0, dice.randint(1, 6) if in_source else 0)
    frozen = FreezingDatabase(database, still, 0 if in_source else dice.randint(1, 12))
    policy = Policy(lease=LEASE, concurrency=dice.randint(1, 4), batch=dice.randint(1, 3))
    first = Drain(frozen, source, OpenGate(), CALENDAR, load, "a", policy)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(asyncio.run, first.run())
        while not (still.begun.wait(0.002) or ended.done()):
            pass
        _finish(database, load)
        before, asked = versions(database), source.asked
        still.is_over.set()
        ended.result(60)
    after = versions(database)
    changed = tuple(table for table in before if before[table] != after[table])
    return Woken(changed, source.asked - asked, still.begun.is_set())


def _finish(database: Database, load: uuid.UUID) -> None:
    """Another worker does the rest, also what the first one holds, when its leases run out."""
    policy = Policy(lease=5.0)
    second = Drain(
        database, FreezingSource(Stillness(), 20.0), OpenGate(), CALENDAR, load, "b", policy
    )
    end = time.monotonic() + 30
    while _open(database, load):
        assert time.monotonic() < end
        asyncio.run(second.run())


def _open(database: Database, load: uuid.UUID) -> int:
    with database.transaction() as connection:
        return ledger.open_calls(connection, load)[0]


def _submit(database: Database, calls: int) -> uuid.UUID:
    symbols = [f"S{i}" for i in range(calls)]
    with database.transaction() as connection:
        # Each run begins with nothing, so that whoever writes can be told by the price.
        for table in ("bars_day", "bar_revisions", "coverage", "holes"):
            connection.execute(f"DELETE FROM tickstock.{table}")
        connection.execute("DELETE FROM tickstock.loads")
        ids = {s: i.id for s, i in ensure_instruments(connection, symbols).items()}
        made = plan([ticker_call(s, WEEK) for s in symbols], ids, WEEK)
        facts: dict[str, Any] = {"expected": 5 * calls, "held": 0, "calls": calls, "seconds": 1}
        return jobs.submit(connection, made, summary=facts, title="t", vendor="v")[0]
