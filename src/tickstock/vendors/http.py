"""Asking a vendor over HTTP: within the gate, whole answers, errors in our terms.

One request is one pass of the shared gate. Nothing is retried here but a 429, because only the
gate knows how long everybody has to wait; whoever holds the call decides about all else by the
class of the error.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import ipaddress
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from tickstock.actions import AnyCall
from tickstock.clock import VARIABLE, is_set, utc_now
from tickstock.errors import (
    BadSetting,
    CredentialsRefused,
    TickStockError,
    VendorRefused,
    VendorThrottled,
    VendorTooSlow,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.failpoints import reach
from tickstock.vendors import Gate
from tickstock.vendors.body import Body, read_body
from tickstock.vendors.proxy import proxy_for, refusal, unreachable
from tickstock.vendors.words import ASK_AGAIN, clean, not_entitled, unreadable

TOO_SLOW = (408, 413, 504, 524)
"""Statuses of an answer that took too long, or would be too large."""
_NOTE_BYTES = 64 << 10  # of the body of a refusal, which is read for its words alone
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may cost. Times in seconds.

    `silence` ends an answer that stands still, and `total` one that drips; what is not answered in
    time is asked twice. `call` is for all pages of a call, without what they wait for their turn.
    The largest honest answer, 50,000 bars, is about 7 MB unpacked.
    """

    connect: float = 10.0
    silence: float = 30.0
    total: float = 30.0
    call: float = 120.0
    unpacked_bytes: int = 64 << 20
    pages: int = 200
    throttle_rounds: int = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, fully received and unpacked; `wire_bytes` as they came, still packed."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    wire_bytes: int


@dataclass(slots=True)
class Spent:
    """Seconds that the requests of one call have taken."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """A vendor's server: `base_url`, checked, and the headers that carry the key.

    `prefix` is that of the vendor's settings (`MASSIVE`), for advice. `secret` is never repeated in
    an error. `words` finds what a refusal says in its body; None: not in the vendor's form.
    """

    base_url: str
    prefix: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: str = field(default="", repr=False)
    words: Callable[[bytes], str | None] | None = None


class Http:
    """Requests to one vendor. One instance serves one event loop; `close` it when done.

    `transport` makes the connector of the one session (own certificates). A proxy is the one that
    HTTPS_PROXY names; BadSetting where that is no HTTP proxy.
    """

    def __init__(
        self,
        service: Service,
        *,
        bounds: Bounds | None = None,
        transport: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        refuse_set_clock(service.base_url)
        self._service = service
        self.bounds = bounds or Bounds()
        self._transport = transport or _pooled
        self._session: aiohttp.ClientSession | None = None
        self._proxy = proxy_for(service.base_url, os.environ)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(
        self,
        target: str,
        call: AnyCall,
        gate: Gate,
        *,
        also: Collection[int] = (),
        spent: Spent | None = None,
    ) -> Reply:
        """The answer to one request for `target`, an encoded path with its query. It is asked again
        as long as the vendor says "too many", within reason.

        Any status but 200, and those in `also`, is an error. `spent` is what pages before this one
        took.

        Raises:
            VendorUnavailable, VendorThrottled, VendorUnreadable: worth another try, later.
            VendorRefused, CredentialsRefused, NotEntitled: not before something changes.
        """
        wait = None
        for _ in range(self.bounds.throttle_rounds + 1):
            await gate.enter()
            reach("fetch.send")
            reply = await self._exchange(target, call, spent or Spent())
            reach("fetch.received")
            if reply.status == HTTPStatus.OK or reply.status in also:
                return reply
            if reply.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise self._refusal(reply, call)
            wait = retry_after(reply.headers)
            await gate.push_back(wait)
        raise VendorThrottled(
            f"The vendor refused the call for {call} as one too many, "
            f"{self.bounds.throttle_rounds + 1} times in a row.",
            f"Lower {self._service.prefix}_CALLS_PER_MINUTE if this goes on.",
            wait,
        )

    async def _exchange(self, target: str, call: AnyCall, spent: Spent) -> Reply:
        """Send one request and receive its whole answer, whatever the status."""
        clock = asyncio.get_running_loop().time
        began, left = clock(), self.bounds.call - spent.seconds
        try:
            async with asyncio.timeout(left):
                return await self._send(target, call)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = _failure(error, call, self._service.prefix, self._proxy)
        finally:
            spent.seconds += clock() - began
        # Raised out here, so that no traceback leads to aiohttp's request with its headers.
        raise failure

    async def _send(self, target: str, call: AnyCall) -> Reply:
        session = self._open_session()
        url = URL(self._service.base_url + target, encoded=True)
        async with session.get(
            url, headers=self._service.headers, allow_redirects=False
        ) as response:
            good = response.status == HTTPStatus.OK
            cap = self.bounds.unpacked_bytes if good else _NOTE_BYTES
            encoding = response.headers.get("Content-Encoding", "")
            body, size = b"", 0
            # A refusal counts by its status, even when its words cannot be read.
            with contextlib.nullcontext() if good else contextlib.suppress(VendorUnreadable):
                reader = Body(call, encoding, cap)
                body, size = await read_body(response.content.iter_any(), reader)
            return Reply(response.status, response.headers, body, size)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            bounds = self.bounds
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
        words, status = self._said(reply), reply.status
        told = f"The vendor answered {status} to the call for {call}: {words or 'no reason given'}"
        if status == HTTPStatus.UNAUTHORIZED:
            return CredentialsRefused(told, f"Check {self._service.prefix}_API_KEY.")
        if status == HTTPStatus.FORBIDDEN and words is not None:
            return not_entitled(call, words)
        if status in TOO_SLOW:
            return VendorTooSlow(told, "Try again later, or ask for less at once.")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (425, 499):
            return VendorUnavailable(told, "Try again later.")
        if status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.FORBIDDEN:
            return VendorRefused(told, "Check the symbol and the dates.")
        return VendorUnreadable(told, ASK_AGAIN)

    def _said(self, reply: Reply) -> str | None:
        if self._service.words is not None:
            return self._service.words(reply.body)
        text = reply.body.decode("utf-8", "replace").strip()
        return None if text.startswith("<") else clean(text, self._service.secret)


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


def checked_base(base_url: str, own: str) -> str:
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
    if parts.scheme == "http" and not is_this_machine(host):
        raise BadSetting(f"The vendor's base address for {host} must begin with https.", hint)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def refuse_set_clock(address: str) -> None:
    """Real bars are not asked for on a day that a test has made up. Raises BadSetting."""
    if is_set() and not is_this_machine(urlsplit(address).hostname or ""):
        raise BadSetting(
            f"The clock is set to {utc_now():%Y-%m-%d %H:%M} UTC, and the vendor is a real one.",
            f"{VARIABLE} is for tests alone: unset it.",
        )


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pooled() -> aiohttp.BaseConnector:
    return aiohttp.TCPConnector(limit=0)  # how many at once is the caller's business


def _user_agent() -> str:
    return f"tickstock/{importlib.metadata.version('tickstock')}"


def _failure(error: Exception, call: AnyCall, prefix: str, proxy: str | None) -> TickStockError:
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
            f"Check {prefix}_BASE_URL and the network; SSL_CERT_FILE names your own certificates.",
        )
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return VendorUnavailable("The vendor cannot be reached in time.", "Check the network.")
    if isinstance(error, TimeoutError):
        return VendorTooSlow(f"The vendor took too long to answer the call for {call}.", later)
    if isinstance(error, aiohttp.ClientConnectorError):
        return VendorUnavailable("The vendor cannot be reached.", "Check the network; " + later)
    return VendorUnavailable(f"The vendor's answer for {call} broke off.", later)
