"""The vendor Massive over REST.

One request is one pass of the shared gate. Nothing is retried here but a 429, because only the
gate knows how long everybody has to wait; whoever holds the call decides about all else by the
class of the error.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from tickstock.actions import ActionAnswer, ActionCall, AnyCall
from tickstock.errors import (
    BadSetting,
    CredentialsRefused,
    NotEntitled,
    TickStockError,
    VendorRefused,
    VendorThrottled,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.failpoints import reach
from tickstock.model import Answer, Call, CallKind
from tickstock.vendors import Gate, Limits, actions, reference
from tickstock.vendors.body import Body, read_body
from tickstock.vendors.origin import HEADER, VENDOR, Origin, read_origin
from tickstock.vendors.proxy import proxy_for, refusal, unreachable
from tickstock.vendors.reference import ListingCall, R
from tickstock.vendors.wire import (
    ASK_AGAIN,
    Page,
    Question,
    first_question,
    next_question,
    not_entitled,
    read_page,
    said,
    tidy,
    unreadable,
)

BASE_URL = "https://api.massive.com"
NO_KEY = "Set MASSIVE_API_KEY, or TICKSTOCK_VENDOR=synthetic to try without one."

_NOTE_BYTES = 64 << 10  # of the body of a refusal, which is read for its words alone
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may cost. Times in seconds.

    `silence` ends an answer that stands still, `total` one that drips. The largest honest answer,
    50,000 bars, is about 7 MB unpacked.
    """

    connect: float = 10.0
    silence: float = 30.0
    total: float = 120.0
    unpacked_bytes: int = 64 << 20
    pages: int = 200
    throttle_rounds: int = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """What an answer says beside its bars; `wire_bytes` as they came, still packed."""

    origin: Origin
    wire_bytes: int


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, fully received and unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: Sent


class MassiveSource:
    """Bars from Massive, or from anything that speaks its wire format at `base_url`.

    The key is sent in a header, to `base_url` alone, and appears in no address, error or log.
    `transport` makes the connector of the one session (a proxy, own certificates).

    Raises:
        BadSetting: `base_url` is no plain `https://host` (or `http://` on this machine), or
            HTTPS_PROXY names no HTTP proxy.
        CredentialsRefused: no key, or one that cannot be sent in a header.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        name: str = VENDOR,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        transport: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self._base = checked_base(base_url)
        self._key = _checked_key(api_key)
        self._bounds = bounds or Bounds()
        self._transport = transport or _pooled
        self._session: aiohttp.ClientSession | None = None
        self._proxy = proxy_for(self._base, os.environ)

    def __repr__(self) -> str:
        return f"MassiveSource({self._base!r}, name={self.name!r})"

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        """All bars of `call`, from as many pages as there are.

        Raises:
            BadInput: the vendor cannot be asked this.
            VendorUnavailable, VendorThrottled, VendorUnreadable: worth another try, later.
            VendorRefused, CredentialsRefused, NotEntitled: not before something changes.
        """
        pages = await self._pages(call, gate)
        bars, dropped = tidy([page.bars for page, _ in pages], call)
        default, exceptions = _origins({sent.origin for _, sent in pages}, call, bars.tickers)
        return Answer(
            call,
            bars,
            default,
            exceptions,
            pages=len(pages),
            bytes=sum(sent.wire_bytes for _, sent in pages),
            delayed=any(page.delayed for page, _ in pages),
            dropped=dropped,
        )

    async def fetch_actions(self, call: ActionCall, gate: Gate) -> ActionAnswer:
        """All splits or dividends that `call` asks for. Raises as `fetch` does."""
        question = actions.first_question(call)
        asked: set[Question] = set()
        found: list[actions.Records] = []
        origins: set[Origin] = set()
        while True:
            asked.add(question)
            reply = await self._ask(question, call, gate)
            found.append(actions.read_page(reply.body, call, self._key))
            origins.add(reply.sent.origin)
            if not found[-1].next_url:
                break
            question = actions.next_question(question, found[-1].next_url, call)
            self._refuse_endless(question, asked, call)
        if len(origins) > 1:
            raise unreadable(call, "mixes origins from page to page")
        records = actions.once(action for page in found for action in page.actions)
        return ActionAnswer(call, records, origins.pop().default, len(found))

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]:
        """The listed tickers, or the constituents, that `call` asks for. Raises as `fetch` does."""
        question = call.question
        asked: set[Question] = set()
        found: list[R] = []
        while True:
            asked.add(question)
            try:
                reply = await self._ask(question, call, gate)
                records, next_url = reference.read_records(reply.body, call, self._key)
            except NotEntitled as refusal:
                raise reference.advised(call, refusal) from None
            found += records
            if not next_url or call.one_page:
                return tuple(found)
            question = actions.next_question(question, next_url, call)
            self._refuse_endless(question, asked, call)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _pages(self, call: Call, gate: Gate) -> list[tuple[Page, Sent]]:
        question = first_question(call)
        asked: set[Question] = set()
        pages: list[tuple[Page, Sent]] = []
        while True:
            asked.add(question)
            reply = await self._ask(question, call, gate)
            page = read_page(reply.body, call, self._key)
            pages.append((page, reply.sent))
            reach("fetch.page")
            if not page.next_url:
                return pages
            question = next_question(question, page.next_url, call)
            self._refuse_endless(question, asked, call)

    def _refuse_endless(self, question: Question, asked: set[Question], call: AnyCall) -> None:
        if question in asked or len(asked) >= self._bounds.pages:
            raise unreadable(call, f"does not end after {len(asked)} pages")

    async def _ask(self, question: Question, call: AnyCall, gate: Gate) -> Reply:
        """One page, asked again as long as the vendor says "too many", within reason."""
        wait = None
        for _ in range(self._bounds.throttle_rounds + 1):
            await gate.enter()
            reach("fetch.send")
            reply = await self._exchange(question, call)
            reach("fetch.received")
            if reply.status == HTTPStatus.OK:
                return reply
            if reply.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise self._refusal(reply, call)
            wait = retry_after(reply.headers)
            await gate.push_back(wait)
        raise VendorThrottled(
            f"The vendor refused the call for {call} as one too many, "
            f"{self._bounds.throttle_rounds + 1} times in a row.",
            "Lower MASSIVE_CALLS_PER_MINUTE if this goes on.",
            wait,
        )

    async def _exchange(self, question: Question, call: AnyCall) -> Reply:
        """Send one request and receive its whole answer, whatever the status."""
        try:
            return await self._send(question, call)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = _failure(error, call, self._proxy)
        # Raised out here, so that no traceback leads to aiohttp's request with its headers.
        raise failure

    async def _send(self, question: Question, call: AnyCall) -> Reply:
        session = self._open_session()
        url = URL(self._base + question.target, encoded=True)
        headers = {"Authorization": f"Bearer {self._key}"}
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            good = response.status == HTTPStatus.OK
            cap = self._bounds.unpacked_bytes if good else _NOTE_BYTES
            encoding = response.headers.get("Content-Encoding", "")
            body, size = b"", 0
            # A refusal counts by its status, even when its words cannot be read.
            with contextlib.nullcontext() if good else contextlib.suppress(VendorUnreadable):
                reader = Body(call, encoding, cap)
                body, size = await read_body(response.content.iter_any(), reader)
            origin = read_origin(response.headers.getall(HEADER, []))
            return Reply(response.status, response.headers, body, Sent(origin, size))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            bounds = self._bounds
            self._session = aiohttp.ClientSession(
                connector=self._transport(),
                proxy=self._proxy,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # body.py does it, with a cap
                headers={"User-Agent": _user_agent(), "Accept-Encoding": "gzip"},
                timeout=aiohttp.ClientTimeout(
                    total=bounds.total, sock_connect=bounds.connect, sock_read=bounds.silence
                ),
            )
        return self._session

    def _refusal(self, reply: Reply, call: AnyCall) -> TickStockError:
        """What a status other than 200 and 429 means for the call."""
        words, status = said(reply.body, self._key), reply.status
        told = f"The vendor answered {status} to the call for {call}: {words or 'no reason given'}"
        if status == HTTPStatus.UNAUTHORIZED:
            return CredentialsRefused(told, "Check MASSIVE_API_KEY.")
        if status == HTTPStatus.FORBIDDEN and words is not None:
            return not_entitled(call, words)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (408, 425, 499):
            return VendorUnavailable(told, "Try again later.")
        if status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.FORBIDDEN:
            return VendorRefused(told, "Check the symbol and the dates.")
        return VendorUnreadable(told, ASK_AGAIN)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the Retry-After header, at most an hour; None if it says nothing clear.

    A date counts from the answer's own Date, so that no clock of ours is needed.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT)
    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return min(max((until - now).total_seconds(), 0.0), _LONGEST_WAIT)
    except (ValueError, TypeError):
        return None


def checked_base(base_url: str, own: str = BASE_URL) -> str:
    """`https://host[:port]`; plain http only to this machine, as it would show the key."""
    hint = f"The vendor's own is {own}."
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadSetting("The vendor's base address is malformed.", hint) from None
    plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if not host or not plain or parts.scheme not in ("http", "https"):
        raise BadSetting("The vendor's base address must be just https://host.", hint)
    if parts.scheme == "http" and not _is_this_machine(host):
        raise BadSetting(f"The vendor's base address for {host} must begin with https.", hint)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_key(api_key: str) -> str:
    if not api_key:
        raise CredentialsRefused("No key for massive.", NO_KEY)
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise CredentialsRefused(
            "The key for massive holds a blank or an unprintable sign.", NO_KEY
        )
    return api_key


def _pooled() -> aiohttp.BaseConnector:
    return aiohttp.TCPConnector(limit=0)  # how many at once is the caller's business


def _user_agent() -> str:
    return f"tickstock/{importlib.metadata.version('tickstock')}"


def _failure(error: Exception, call: AnyCall, proxy: str | None) -> TickStockError:
    """The error of the HTTP library in our terms. No text of it is passed on."""
    later = "Try again later."
    if proxy and isinstance(error, aiohttp.ClientHttpProxyError):
        return refusal(proxy, error.status)
    if proxy and isinstance(error, aiohttp.ClientProxyConnectionError):
        return unreachable(proxy)
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.InvalidURL):
        return unreadable(call, "is not proper HTTP")
    if isinstance(error, aiohttp.ClientSSLError):
        return VendorUnavailable(
            "No trusted connection to the vendor can be made: its certificate or TLS does not fit.",
            "Check MASSIVE_BASE_URL and the network; SSL_CERT_FILE names certificates of your own.",
        )
    if isinstance(error, TimeoutError):
        return VendorUnavailable(f"The vendor took too long to answer the call for {call}.", later)
    if isinstance(error, aiohttp.ClientConnectorError):
        return VendorUnavailable("The vendor cannot be reached.", "Check the network; " + later)
    return VendorUnavailable(f"The vendor's answer for {call} broke off.", later)


def _origins(
    found: set[Origin], call: Call, tickers: tuple[str, ...]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The answer's origin and the exceptions to it among its `tickers`."""
    if len(found) > 1:
        raise unreadable(call, "mixes origins from page to page")
    (origin,) = found
    if call.kind is CallKind.TICKER:
        return origin.of(call.symbol), ()
    return origin.default, tuple((t, origin.other) for t in tickers if t in origin.tickers)
