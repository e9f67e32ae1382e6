"""What can go wrong at a vendor, on order: scripted faults for the replay vendor.

A fault either takes the place of the answer, or changes the bars in it, or spoils its bytes.
"""

from __future__ import annotations

import enum
import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache

import msgspec

from tickstock.vendors.massive.actions import ActionPage
from tickstock.vendors.massive.wire import Bar, Envelope

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000


class What(enum.StrEnum):
    """Each kind of fault. In brackets: what a careful reader makes of it."""

    # instead of an answer
    THROTTLED = "429"  # with Retry-After, if the fault names seconds [waits]
    THROTTLED_EMPTY = "429 without a body"  # [waits]
    SERVER_ERROR = "500"  # [unavailable]
    BAD_GATEWAY = "502 with a web page"  # [unavailable]
    WEB_PAGE = "200 with a web page"  # [unreadable]
    REDIRECT = "302 to another host"  # [unreadable]
    UNKNOWN_KEY = "401"  # [credentials refused]
    NOT_ENTITLED = "403"  # [not entitled]
    REFUSED_INSIDE = "NOT_AUTHORIZED in a 200"  # [not entitled]
    BAD_REQUEST = "400"  # [refused]
    NOT_FOUND = "404"  # [refused]
    GZIP_BOMB = "gzip bomb"  # [unreadable]
    # changed bars
    WRONG_COUNT = "one bar less than announced"  # [unreadable]
    ADJUSTED = "marked as adjusted"  # [unreadable]
    UNKNOWN_STATUS = "unknown status in a 200"  # [unreadable]
    OTHER_TICKER = "another ticker's bars"  # [unreadable]
    NEXT_LOOP = "next_url leads back"  # [unreadable]
    NEXT_FOREIGN_PATH = "next_url leads to another ticker"  # [unreadable]
    NEXT_FOREIGN_HOST = "next_url names another host and a key"  # [own host, all bars]
    PAGE_MISSING = "next_url jumps over a week"  # [bars missing, none wrong]
    DELAYED = "DELAYED"  # [all bars, marked]
    DUPLICATES = "each bar twice, the first one wrong"  # [each once, the last]
    UNSORTED = "newest first"  # [sorted]
    OUT_OF_RANGE = "a bar before and one after"  # [left out]
    RESTATED = "other volume and close"  # [as given]
    EMPTY = "no bars"  # [no bars]
    BARE = "no vwap, no trades"  # [all bars, without them]
    PAGES_OVERLAP = "next_url goes back by some bars"  # [each bar once]
    IMPOSSIBLE = "a price below zero"  # [that bar put aside]
    SPOILT_ROW = "a price that is no number"  # [that row put aside]
    HALF = "half of the bars, as if they were all"  # [bars missing, none wrong]
    HALF_SESSION = "two bars of a session, as if they were all"  # [bars missing, none wrong]
    # spoiled bytes
    NOT_A_NUMBER = "NaN"  # [unreadable]
    INFINITE = "Infinity"  # [unreadable]
    CUT_JSON = "half of the JSON"  # [unreadable]
    BAD_GZIP = "broken gzip"  # [unreadable]
    CUT_BODY = "connection lost in the middle"  # [unavailable]
    RESET = "connection reset"  # [unavailable]
    SLOW_DRIP = "a byte at a time"  # [unavailable]
    WRONG_LENGTH = "Content-Length of half the body"  # [unreadable]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and when it strikes.

    `path` is a regular expression searched in path and query. Of the requests that it finds,
    those numbered in `nth` are struck (from 1; all, if empty), each with `chance`, drawn from
    `seed`, the request, and how often that came: so the order of requests is without influence.
    `before` limits it to ranges that begin before a date. `seconds` is the Retry-After
    of THROTTLED, and the pause between the bytes of SLOW_DRIP.
    """

    what: What
    path: str = ""
    nth: tuple[int, ...] = ()
    chance: float = 1.0
    seed: int = 0
    before: date | None = None
    seconds: float | None = None
    megabytes: int = 32

    def strikes(self, number: int, target: str, times: int) -> bool:
        """Whether the `number`th request that `path` finds is struck: `target`, which comes for the
        `times`th time."""
        if self.nth and number not in self.nth:
            return False
        drawn = random.Random(f"{self.seed}:{times}:{target}").random()
        return drawn < self.chance


class Script:
    """Faults in order of precedence: the first one that strikes a request is played."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = [(fault, re.compile(fault.path)) for fault in faults]
        self._found = [0] * len(self._faults)
        self._times: Counter[str] = Counter()

    def pick(self, target: str, begins: date | None) -> Fault | None:
        """The fault for the request `target`, whose range begins on `begins`."""
        struck = None
        self._times[target] += 1
        for i, (fault, path) in enumerate(self._faults):
            late = fault.before is not None and (begins is None or begins >= fault.before)
            if late or not path.search(target):
                continue
            self._found[i] += 1
            if struck is None and fault.strikes(self._found[i], target, self._times[target]):
                struck = fault
        return struck


class Manner(enum.Enum):
    """How an answer is sent."""

    WHOLE = enum.auto()
    CUT = enum.auto()
    RESET = enum.auto()
    DRIP = enum.auto()
    SHORT = enum.auto()


@dataclass(frozen=True, slots=True)
class Sending:
    """An answer as it goes out. `packed` bodies are gzip already."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: tuple[str, ...] = ()
    packed: bool = False
    manner: Manner = Manner.WHOLE
    pause: float = 0.0


def refusal(status: int, words: str) -> Sending:
    """A refusal in the vendor's form: words under `message` for 403 and 404, else `error`."""
    kind = {403: "NOT_AUTHORIZED", 404: "NOT_FOUND"}.get(status, "ERROR")
    slot = "error" if kind == "ERROR" else "message"
    text = {"status": kind, "request_id": "replay", slot: words}
    return Sending(status, msgspec.json.encode(text), {"Content-Type": "application/json"})


NO_KEY = refusal(401, "API Key was not provided")
UNKNOWN_KEY = refusal(401, "Unknown API Key")
NOT_ENTITLED = refusal(
    403, "Your plan doesn't include this data timeframe. Please upgrade your plan."
)
TOO_MANY = refusal(429, "You've exceeded the maximum requests per minute, please wait.")
_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_HTML = {"Content-Type": "text/html"}


def instead(fault: Fault) -> Sending | None:
    """What is sent in place of an answer; None if the fault needs the answer."""
    match fault.what:
        case What.THROTTLED:
            wait = {} if fault.seconds is None else {"Retry-After": f"{fault.seconds:.0f}"}
            return replace(TOO_MANY, headers={**TOO_MANY.headers, **wait})
        case What.GZIP_BOMB:
            return Sending(body=_bomb(fault.megabytes), packed=True)
        case _:
            return _INSTEAD.get(fault.what)


_INSTEAD = {
    What.THROTTLED_EMPTY: Sending(429),
    What.SERVER_ERROR: refusal(500, "internal error"),
    What.BAD_GATEWAY: Sending(502, _PAGE, _HTML),
    What.WEB_PAGE: Sending(200, _PAGE, _HTML),
    What.REDIRECT: Sending(302, b"", {"Location": "https://vendor.invalid/"}),
    What.UNKNOWN_KEY: UNKNOWN_KEY,
    What.NOT_ENTITLED: NOT_ENTITLED,
    What.REFUSED_INSIDE: replace(NOT_ENTITLED, status=200),
    What.BAD_REQUEST: refusal(400, "Could not parse the time parameter: 'from'."),
    What.NOT_FOUND: refusal(404, "Data not found."),
    What.RESET: Sending(manner=Manner.RESET),
}


@cache
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    return b"".join([*(packer.compress(zeros) for _ in range(megabytes)), packer.flush()])


# --- changed bars ------------------------------------------------------------------------
def changed(page: Envelope, fault: Fault, here: str) -> Envelope:
    """`page` as the fault has it. `here` is the address of the page itself."""
    if change := _FIELDS.get(fault.what):
        return msgspec.structs.replace(page, **change)
    if change_bars := _BARS.get(fault.what):
        bars = change_bars(page.results or [])
        return msgspec.structs.replace(page, results=bars or None, results_count=len(bars))
    if fault.what is What.SPOILT_ROW and page.results:
        spoilt = msgspec.to_builtins(page.results[0]) | {"c": "twelve"}
        return msgspec.structs.replace(page, results=[spoilt, *page.results[1:]])
    if fault.what is What.WRONG_COUNT:
        count = page.results_count or 0
        bars = page.results or []
        return msgspec.structs.replace(page, results=bars[:-1], results_count=max(count, 1))
    if fault.what is What.NEXT_LOOP:
        return msgspec.structs.replace(page, next_url=here)
    if page.next_url and fault.what in _NEXT:
        return msgspec.structs.replace(page, next_url=_NEXT[fault.what](page.next_url))
    return page


def changed_actions(page: ActionPage, fault: Fault, here: str) -> ActionPage:
    """As `changed`, of splits and dividends; a fault that only bars can have changes nothing."""
    if fault.what in (What.DELAYED, What.UNKNOWN_STATUS):
        return msgspec.structs.replace(page, status=_FIELDS[fault.what]["status"])
    if fault.what is What.EMPTY:
        return msgspec.structs.replace(page, results=None, next_url=None)
    if fault.what is What.DUPLICATES:
        return msgspec.structs.replace(page, results=(page.results or []) * 2)
    if fault.what is What.SPOILT_ROW and page.results:
        return msgspec.structs.replace(page, results=[{"ticker": 7}, *page.results])
    if fault.what is What.NEXT_LOOP:
        return msgspec.structs.replace(page, next_url=here)
    if fault.what is What.NEXT_FOREIGN_PATH and page.next_url:
        return msgspec.structs.replace(page, next_url=page.next_url.replace("/v1/", "/v2/"))
    if fault.what is What.NEXT_FOREIGN_HOST and page.next_url:
        return msgspec.structs.replace(page, next_url=_NEXT[fault.what](page.next_url))
    return page


_FIELDS: dict[What, dict[str, object]] = {
    What.ADJUSTED: {"adjusted": True},
    What.DELAYED: {"status": "DELAYED"},
    What.UNKNOWN_STATUS: {"status": "PARTIAL"},
    What.OTHER_TICKER: {"ticker": "OTHER"},
}


def _twice(bars: list[Bar]) -> list[Bar]:
    return [copy for b in bars for copy in (msgspec.structs.replace(b, c=b.c + 1, n=None), b)]


def _with_neighbours(bars: list[Bar]) -> list[Bar]:
    if not bars:
        return bars
    early = msgspec.structs.replace(bars[0], t=bars[0].t - 400 * _DAY_MS)
    late = msgspec.structs.replace(bars[-1], t=bars[-1].t + 400 * _DAY_MS)
    return [early, *bars, late]


def restated(bar: Bar) -> Bar:
    """The bar as a vendor may give it a day later: corrected trades, more volume."""
    return msgspec.structs.replace(bar, c=round((bar.h + bar.low) / 2, 2), v=round(bar.v * 1.02))


def _with_half_session(bars: list[Bar]) -> list[Bar]:
    """Of the session in the middle the first two bars alone. Trading begins at 4:00 in New York, at
    8:00 or 9:00 UTC, and ends before 2:00."""
    days = [(b.t - 5 * _HOUR_MS) // _DAY_MS for b in bars]
    if not days:
        return bars
    odd = days[len(days) // 2]
    first = days.index(odd)
    return [b for i, b in enumerate(bars) if days[i] != odd or i < first + 2]


_BARS: dict[What, Callable[[list[Bar]], list[Bar]]] = {
    What.DUPLICATES: _twice,
    What.UNSORTED: lambda bars: bars[::-1],
    What.OUT_OF_RANGE: _with_neighbours,
    What.RESTATED: lambda bars: [restated(b) for b in bars],
    What.EMPTY: lambda _: [],
    What.BARE: lambda bars: [msgspec.structs.replace(b, vw=None, n=None) for b in bars],
    What.HALF: lambda bars: bars[: (len(bars) + 1) // 2],
    What.HALF_SESSION: _with_half_session,
    What.IMPOSSIBLE: lambda bars: (
        [msgspec.structs.replace(b, low=-b.low) for b in bars[:1]] + bars[1:]
    ),
}


def _moved(next_url: str, later: int) -> str:
    return re.sub(r"/(\d{12,13})/", lambda m: f"/{int(m[1]) + later}/", next_url, count=1)


_NEXT: dict[What, Callable[[str], str]] = {
    What.PAGE_MISSING: lambda url: _moved(url, 7 * _DAY_MS),
    What.PAGES_OVERLAP: lambda url: _moved(url, -7 * _DAY_MS if "/day/" in url else -_HOUR_MS),
    What.NEXT_FOREIGN_PATH: lambda url: re.sub(r"/ticker/[^/]+/", "/ticker/OTHER/", url),
    What.NEXT_FOREIGN_HOST: lambda url: (
        re.sub(r"^http://[^/]+", "https://vendor.invalid", url) + "&apiKey=planted"
    ),
}


# --- spoiled bytes -----------------------------------------------------------------------
def spoiled(sending: Sending, fault: Fault) -> Sending:
    """`sending`, packed if it is to be, as the fault has it."""
    match fault.what:
        case What.NOT_A_NUMBER | What.INFINITE:
            word = b"NaN" if fault.what is What.NOT_A_NUMBER else b"-Infinity"
            body = re.sub(rb'"c":[^,}]+', b'"c":' + word, sending.body, count=1)
            return replace(sending, body=body)
        case What.CUT_JSON:
            return replace(sending, body=sending.body[: len(sending.body) // 2])
        case What.BAD_GZIP:
            return replace(sending, body=b"\x1f\x8b" + sending.body, packed=True)
        case What.CUT_BODY:
            return replace(sending, manner=Manner.CUT)
        case What.WRONG_LENGTH:
            return replace(sending, manner=Manner.SHORT)
        case What.SLOW_DRIP:
            return replace(sending, manner=Manner.DRIP, pause=fault.seconds or 0.05)
        case _:
            return sending
