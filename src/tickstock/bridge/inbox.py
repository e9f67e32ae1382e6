"""Where messages wait until they are durable."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from tickstock.bridge.messages import Refusal, refusal
from tickstock.failpoints import reach

MOST_MESSAGES = 1_000
MOST_BYTES = 64 * 1024 * 1024
MOST_TURNED_AWAY = 10_000
FULL = (
    f"{MOST_MESSAGES:,} jobs were waiting for TickStock's database already, so this one was not"
    " taken. Send it again."
)


@dataclass(frozen=True, slots=True, eq=False)
class InboxEntry:
    """One message. `settled` is there where somebody waits for it to be durable."""

    data: bytes
    settled: asyncio.Future[None] | None = None


class Inbox:
    """First in, first out. An entry stays in until it is `done` with.

    Published messages cannot be held back: beyond the limits they are turned away, and their
    refusals wait in turn. Messages of the stream wait in Redis, so that few of them are in here.
    """

    def __init__(self) -> None:
        self._waiting: deque[InboxEntry] = deque()
        self._bytes = 0
        self._turned_away: deque[Refusal] = deque(maxlen=MOST_TURNED_AWAY)
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._turned_away)

    def offer(self, data: bytes) -> bool:
        """Take a published message; False when there is no room for it."""
        if len(self._waiting) >= MOST_MESSAGES or self._bytes + len(data) > MOST_BYTES:
            self._turned_away.append(refusal(data, FULL))
            return False
        self._put(InboxEntry(data))
        return True

    def put(self, data: bytes) -> asyncio.Future[None]:
        """Take a message for whose end somebody waits."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(InboxEntry(data, settled))
        return settled

    async def first(self) -> InboxEntry:
        """The oldest entry, which stays in."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting[0]

    def done(self, entry: InboxEntry) -> None:
        """The entry, which is the oldest, is durable."""
        self._waiting.remove(entry)
        self._bytes -= len(entry.data)
        if entry.settled is not None and not entry.settled.done():
            entry.settled.set_result(None)
        if not self._waiting:
            self._empty.set()

    def turned_away(self) -> Refusal | None:
        """The oldest message that there was no room for, which is taken out."""
        return self._turned_away.popleft() if self._turned_away else None

    def job_ids(self) -> set[str]:
        """The ids of all jobs that wait."""
        return {refusal(entry.data, "").job_id for entry in self._waiting} - {""}

    async def emptied(self) -> None:
        """Wait until every entry is done with."""
        await self._empty.wait()

    def _put(self, entry: InboxEntry) -> None:
        reach("bridge.heard")
        self._waiting.append(entry)
        self._bytes += len(entry.data)
        self._filled.set()
        self._empty.clear()
