"""The replay vendor: a real server on this machine that speaks Massive's wire format.

It serves recorded day bars and, if asked to, synthetic bars of other symbols; every answer says
in a header which is which (`origin.py`). Faults can be scripted, a key required, a call limit
enforced; every request is noted. For tests, for demonstrations, and for working offline.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from tickstock.actions import Dividend, Split
from tickstock.clock import epoch_now
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.vendors.massive.actions import ActionPage
from tickstock.vendors.massive.reference import ConstituentRecord, TickerRecord
from tickstock.vendors.massive.wire import BASE_BARS, Envelope
from tickstock.vendors.origin import HEADER
from tickstock.vendors.replay import faults
from tickstock.vendors.replay.answers import (
    EventsPage,
    Inventory,
    RefusedRequest,
    answer,
    begins_on,
)
from tickstock.vendors.replay.faults import Fault, Manner, Script, Sending
from tickstock.vendors.replay.market import ServedMarket
from tickstock.vendors.replay.recorded import SHIPPED, read_folder, shipped_bars
from tickstock.vendors.replay.recorded_actions import read_actions
from tickstock.vendors.replay.recorded_listings import RecordedListings
from tickstock.vendors.synthetic.market import SyntheticMarket
from tickstock.waiting import within

_GZIP = 16 + zlib.MAX_WBITS
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` requests in any `seconds`; more are answered with 429."""

    calls: int
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came: the raw path, the query, when (monotonic s), and what it got.

    `keyed` tells whether a key came in the header, `exposed` whether one stood in the address.
    """

    method: str
    path: str
    query: str
    at: float
    keyed: bool
    exposed: bool
    agent: str
    status: int


class ReplayVendor:
    """Serves the bars in `folder` (by default, those that come with TickStock) as Massive does.

        async with ReplayVendor(symbols=["SPY"]) as vendor:
            source = MassiveSource(vendor.url, "any key")

    Args:
        folder: CSV files, see `recorded.py` and `recorded_actions.py`.
        splits, dividends: served beside those in the folder, in place of those with their ids.
        tickers, constituents: who is listed, and what funds hold; by default nobody and nothing.
        cusips: whose they are.
        market: served in place of all others; nothing of it is real.
        symbols: the listing that is filled with synthetic bars, where `fill_synthetic` says so.
        faults: what goes wrong; the first that strikes a request is played.
        key: the one key that is accepted; by default any.
        rate: the call limit; requests beyond it get 429 and are counted in `violations`.
        delay: seconds before each answer.
        page_bars: the most bars on a page, to see paging with few bars.
        now: epoch seconds; synthetic bars end with the last session closed by then.

    Raises:
        BadFile: the folder cannot be read.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        splits: Iterable[Split] = (),
        dividends: Iterable[Dividend] = (),
        tickers: Iterable[TickerRecord] = (),
        constituents: Iterable[ConstituentRecord] = (),
        cusips: Mapping[str, str] | None = None,
        market: SyntheticMarket | None = None,
        symbols: Iterable[str] = (),
        fill_synthetic: bool = True,
        calendar: Calendar | None = None,
        faults: Iterable[Fault] = (),
        key: str | None = None,
        rate: Rate | None = None,
        delay: float = 0.0,
        page_bars: int = BASE_BARS,
        now: Callable[[], float] = epoch_now,
    ) -> None:
        self._inventory = Inventory(
            shipped_bars() if folder is None else read_folder(folder),
            frozenset(symbols if fill_synthetic else ()),
            calendar or shipped_calendar(),
            now,
            read_actions(folder or SHIPPED).with_more(splits, dividends),
            RecordedListings(tuple(tickers), tuple(constituents), cusips or {}),
            ServedMarket(market, now) if market is not None else None,
        )
        self._script = Script(faults)
        self._key = key
        self._rate = rate
        self._delay = delay
        self._page_bars = page_bars
        self._granted: deque[float] = deque()
        self._runner: web.ServerRunner | None = None
        self._stopping = asyncio.Event()
        self.url = ""
        self.requests: list[Seen] = []
        self.violations = 0

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        sending = self._decide(request, path, query)
        bearer = request.headers.get("Authorization", "")
        exposed = "apikey" in query.lower()
        agent = request.headers.get("User-Agent", "")
        status = 0 if sending.manner is Manner.RESET else sending.status
        at = time.monotonic()
        seen = Seen(request.method, path, query, at, bool(bearer), exposed, agent, status)
        self.requests.append(seen)
        if self._delay and await within(self._delay, self._stopping):
            sending = replace(sending, manner=Manner.RESET)
        return await self._send(request, sending)

    def _decide(self, request: web.BaseRequest, path: str, query: str) -> Sending:
        if self._over_limit():
            return faults.TOO_MANY
        target = f"{path}?{query}"
        segments = tuple(map(unquote, path.split("/")[1:]))
        fault = self._script.pick(target, begins_on(segments))
        if fault and (sending := faults.instead(fault)):
            return sending
        pairs = dict(parse_qsl(query))
        if refused := self._refuse_key(request.headers.get("Authorization"), pairs):
            return refused
        try:
            page, origin = answer(segments, pairs, self._inventory, self.url, self._page_bars)
        except RefusedRequest as refused_by:
            return refused_by.sending
        if fault and not isinstance(page, EventsPage):
            page = _changed(page, fault, self.url + target)
        body, lines = msgspec.json.encode(page), tuple(origin.header_lines())
        sending = Sending(200, body, _JSON, lines)
        sending = faults.spoiled(sending, fault) if fault else sending
        return _packed(sending) if "gzip" in request.headers.get("Accept-Encoding", "") else sending

    def _refuse_key(self, header: str | None, query: dict[str, str]) -> Sending | None:
        given = (header or "").removeprefix("Bearer ") or query.get("apiKey", "")
        if not given:
            return faults.NO_KEY
        return None if self._key in (None, given) else faults.UNKNOWN_KEY

    def _over_limit(self) -> bool:
        if self._rate is None:
            return False
        now = time.monotonic()
        while self._granted and self._granted[0] <= now - self._rate.seconds:
            self._granted.popleft()
        if len(self._granted) >= self._rate.calls:
            self.violations += 1
            return True
        self._granted.append(now)
        return False

    async def _send(self, request: web.BaseRequest, sending: Sending) -> web.StreamResponse:
        headers = CIMultiDict(sending.headers)
        headers.extend([(HEADER, line) for line in sending.origin])
        if sending.packed:
            headers["Content-Encoding"] = "gzip"
        if sending.manner is Manner.WHOLE:
            return web.Response(status=sending.status, body=sending.body, headers=headers)
        response = web.StreamResponse(status=sending.status, headers=headers)
        # A client that leaves in the middle is what these manners are for.
        with contextlib.suppress(ConnectionError):
            await self._send_badly(request, response, sending)
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _send_badly(
        self, request: web.BaseRequest, response: web.StreamResponse, sending: Sending
    ) -> None:
        if sending.manner is Manner.RESET:
            return
        short = sending.manner is Manner.SHORT
        response.content_length = len(sending.body) // 2 if short else len(sending.body)
        await response.prepare(request)
        if short:
            await response.write(sending.body)  # of which no more than announced is sent
            return
        if sending.manner is Manner.CUT:
            await response.write(sending.body[: len(sending.body) // 2])
            return
        for i in range(len(sending.body)):
            await response.write(sending.body[i : i + 1])
            if await within(sending.pause, self._stopping):
                return


def _changed(page: Envelope | ActionPage, fault: Fault, here: str) -> Envelope | ActionPage:
    if isinstance(page, ActionPage):
        return faults.changed_actions(page, fault, here)
    return faults.changed(page, fault, here)


def _packed(sending: Sending) -> Sending:
    if sending.packed or len(sending.body) < 500:
        return sending
    return replace(sending, body=zlib.compress(sending.body, 1, wbits=_GZIP), packed=True)


@contextlib.contextmanager
def serve_in_thread(vendor: ReplayVendor) -> Iterator[ReplayVendor]:
    """Run `vendor` beside code that has no event loop of its own; its `url` is set inside."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="replay-vendor", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(vendor.__aenter__(), loop).result(10)
        try:
            yield vendor
        finally:
            asyncio.run_coroutine_threadsafe(vendor.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
