"""Tells open pages that something has changed, so that they ask again.

One connection per process listens to the database; each open page holds one stream of server-sent
events. A nudge carries no data: the database is the only memory. Between nudges the stream beats,
and says whether the database answers: a page that hears neither says that it is blind.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tickstock.errors import TickStockError, TooManyAttempts
from tickstock.store.listen import LOAD, PULSE, UNIVERSE, notifications
from tickstock.waiting import within

log = structlog.get_logger("tickstock.web")
EVENTS = {UNIVERSE: "universes", LOAD: "loads"}
BEAT = 0.5
"""Seconds after which a silent stream says something: pages tell in three seconds what is lost."""
PULSE_SECONDS = 1.0
SILENCE = 2.0
"""The database is asked for a sign of life every second, and is away after two without one."""
LONGEST_STREAM = 600.0
"""A stream ends after this time; the browser opens another one, which checks the session again."""
LONGEST_WAIT = 2.0
MOST_STREAMS, MOST_OF_ONE = 128, 8
"""Streams at once, in all and of one session. Browsers open six connections to a server at most."""


class Live:
    """`run` listens until cancelled; `open` gives what one page reads; `close` ends all streams."""

    def __init__(
        self, conninfo: str, most: int = MOST_STREAMS, most_of_one: int = MOST_OF_ONE
    ) -> None:
        self._conninfo = conninfo
        self._most, self._most_of_one = most, most_of_one
        self._pages: dict[OpenPage, str] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.listening = asyncio.Event()
        self._answered = -SILENCE

    async def run(self) -> None:
        wait = 0.5
        while True:
            try:
                listening = notifications(self._conninfo, list(EVENTS), PULSE_SECONDS)
                async for channel, _ in listening:
                    wait = 0.5
                    self.listening.set()
                    self._answered = asyncio.get_running_loop().time()
                    if channel == PULSE:
                        continue
                    # A fresh connection may have missed something of any kind.
                    self._nudge([EVENTS[channel]] if channel else list(EVENTS.values()))
            except TickStockError as e:
                log.warning("not listening to the database", error=e)
            self.listening.clear()
            self._answered = -SILENCE
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    @property
    def sees(self) -> bool:
        """Whether the database answered just now. Only on the loop."""
        return asyncio.get_running_loop().time() - self._answered < SILENCE

    def _nudge(self, events: list[str]) -> None:
        for page in list(self._pages):
            page.nudge(events)

    def close(self) -> None:
        """End every stream, and begin no other."""
        self._closed = True
        for page in list(self._pages):
            page.nudge([])

    def open(self, session: str) -> StreamingResponse:
        """Server-sent events for one page of a session; from any thread.

        Raises TooManyAttempts for one too many.
        """
        page = OpenPage()
        with self._lock:
            open_ = Counter(self._pages.values())
            if len(self._pages) >= self._most or open_[session] >= self._most_of_one:
                raise TooManyAttempts(
                    "Too many pages are open at once.", "Close some of them.", LONGEST_STREAM
                )
            self._pages[page] = session
        return _Stream(self._events(page), lambda: self._pages.pop(page, None))

    async def _events(self, page: OpenPage) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_STREAM
        yield "retry: 1000\nevent: hello\ndata:\n\n"
        while not self._closed and loop.time() < end:
            events = await page.next()
            said = "".join(f"event: {e}\ndata:\n\n" for e in events)
            yield f"{said}event: beat\ndata: {'sees' if self.sees else 'blind'}\n\n"
        if not self._closed:
            yield "event: bye\ndata:\n\n"  # all is well: the page opens another one


class _Stream(StreamingResponse):
    """Tells its end, also when it never began: the reader may be gone by then."""

    def __init__(self, events: AsyncIterator[str], ended: Callable[[], object]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


class OpenPage:
    """What one open page has not been told yet: kinds of events, each at most once."""

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._changed = asyncio.Event()

    def nudge(self, events: list[str]) -> None:
        self._pending.update(events)
        self._changed.set()

    async def next(self) -> list[str]:
        """What has happened, after some time also nothing."""
        await within(BEAT, self._changed)
        self._changed.clear()
        events, self._pending = sorted(self._pending), set()
        return events
