"""The vendor's wire format: how a call becomes a request, and an answer becomes bars.

Pure. Everything in an answer is untrusted: whatever is not as the vendor documents it becomes an
error that says what was received, never "no data". Sources of the rules: the vendor's OpenAPI and
its REST documentation for custom bars and the daily market summary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec
import numpy as np

from tickstock.actions import AnyCall
from tickstock.model import Aside, BarTable, Call, CallKind, Ints, Timeframe, epoch_day
from tickstock.vendors.calls import checked
from tickstock.vendors.newyork import LATEST, dates_of
from tickstock.vendors.tables import is_another_form
from tickstock.vendors.words import MALFORMED, clean, not_entitled, unreadable

TIMESPANS = {Timeframe.MINUTE: "minute", Timeframe.HOUR: "hour", Timeframe.DAY: "day"}
BASE_BARS = 50_000
"""The most base bars (minutes, or days) that one page may read: the vendor's own limit."""

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,14}")
_LONGEST_NEXT = 8_192
_LONGEST_TICKER = 32
_MOST_TRADES = 2**31 - 1


class Bar(msgspec.Struct, gc=False, omit_defaults=True):
    """One bar as it is written on the wire. `t` is the window's start in Unix milliseconds."""

    o: float
    h: float
    low: float = msgspec.field(name="l")
    c: float
    v: float
    t: int
    vw: float | None = None
    n: int | None = None
    ticker: str = msgspec.field(default="", name="T")


class Envelope(msgspec.Struct, gc=False, omit_defaults=True):
    """What surrounds the bars. Everything may be missing; `read_page` says what must not."""

    status: str = ""
    adjusted: bool | None = None
    results_count: int | None = msgspec.field(default=None, name="resultsCount")
    query_count: int | None = msgspec.field(default=None, name="queryCount")
    ticker: str | None = None
    results: list[Any] | None = None
    next_url: str | None = None
    request_id: Any = None  # documented as text, seen as a number and as an object
    error: Any = None
    message: Any = None


class Answered(Envelope):
    """An answer whose bars can all be read."""

    results: list[Bar] | None = None


class BarHead(msgspec.Struct, gc=False):
    """What tells whose a bar is, and of when, that cannot be read as a whole."""

    t: Any = None
    ticker: Any = msgspec.field(default=None, name="T")


_ANSWERED = msgspec.json.Decoder(Answered)
_ENVELOPE = msgspec.json.Decoder(Envelope)


# --- asking ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Question:
    """One request: decoded path segments and sorted query pairs. Equal requests are equal."""

    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]

    @property
    def target(self) -> str:
        """Path and query, percent-encoded. A ticker cannot leave its segment: `/` and a lone
        `.` or `..`, which a server may take for a step in the path, are encoded too."""
        return "/" + "/".join(map(_escape, self.segments)) + "?" + urlencode(self.query)


def _escape(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in (".", "..") else quote(segment, safe="")


def first_question(call: Call) -> Question:
    """The request that opens `call`.

    Raises:
        BadInput: see `checked`.
    """
    first, last = checked(call).span.start.isoformat(), call.span.last.isoformat()
    if call.kind is CallKind.MARKET_DAY:
        path = ("v2", "aggs", "grouped", "locale", "us", "market", "stocks", first)
        return Question(path, (("adjusted", "false"),))
    timespan = TIMESPANS[call.timeframe]
    pairs = (("adjusted", "false"), ("limit", str(BASE_BARS)), ("sort", "asc"))
    return Question(
        ("v2", "aggs", "ticker", call.symbol, "range", "1", timespan, first, last), pairs
    )


def next_question(asked: Question, next_url: str, call: Call) -> Question:
    """The request for the page that `next_url`, found in an answer for `call`, names.

    Only its path and query count: host and scheme are ours, whatever it says. The path may
    differ from the asked one in the two moments of a range alone. A key is taken out. `adjusted`
    is put back, because cursors do not carry it.

    Raises:
        VendorUnreadable: it leads anywhere else.
    """
    segments, pairs = next_address(next_url, call)
    if not _same_endpoint(asked.segments, segments):
        raise unreadable(call, "leads to a next page of something else")
    kept = [(k, v) for k, v in pairs if k.lower() != "adjusted"]
    return Question(segments, tuple(sorted([*kept, ("adjusted", "false")])))


def next_address(next_url: str, call: AnyCall) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The decoded path segments and query pairs of `next_url`, without a key.

    Raises:
        VendorUnreadable: it is malformed or too long.
    """
    try:
        if len(next_url) > _LONGEST_NEXT:
            raise ValueError
        parts = urlsplit(next_url)
        segments = tuple(unquote(s, errors="strict") for s in parts.path.split("/")[1:])
        pairs = parse_qsl(parts.query, strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise unreadable(call, "gives a malformed address for the next page") from None
    return segments, [(k, v) for k, v in pairs if k.lower() != "apikey"]


def _same_endpoint(asked: tuple[str, ...], found: tuple[str, ...]) -> bool:
    if asked[2] != "ticker":
        return asked == found
    return asked[:-2] == found[:-2] and all(map(_MOMENT.fullmatch, found[-2:]))


# --- reading -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class BarPage:
    """One page, read: bars as they came, and where the next page is ("" for the last). `aside` are
    the rows that are no bars."""

    bars: BarTable
    next_url: str
    delayed: bool
    aside: tuple[Aside, ...] = ()


def read_page(body: bytes, call: Call, hide: str = "") -> BarPage:
    """The bars in one answer with HTTP status 200. `hide` is never repeated in an error.

    A row that is no bar is put aside, and the rest is kept. Of a single ticker's that is done where
    its time can be read: so it is known of which session a bar is lacking.

    Raises:
        NotEntitled: a refusal inside a 200.
        VendorUnreadable: not JSON, another form, another status, fewer bars than announced,
            split-adjusted bars, bars of another ticker, more than single rows that are no bars.
    """
    found = _envelope(body, call)
    if found.status == "NOT_AUTHORIZED":
        raise not_entitled(call, _said(found, hide))
    rows = found.results or []
    if fault := _fault_of(found, rows, call, hide):
        raise unreadable(call, fault)
    bars, aside = _sorted_out(rows, call, hide)
    return BarPage(
        _table(bars, call), found.next_url or "", found.status == "DELAYED", tuple(aside)
    )


def _envelope(body: bytes, call: Call) -> Envelope:
    """With the bars read, where all of them can be."""
    try:
        return _ANSWERED.decode(body)
    except MALFORMED:
        pass  # perhaps a single row, which is looked for below
    try:
        return _ENVELOPE.decode(body)
    except MALFORMED as error:
        kind = "is a web page" if body.lstrip()[:1] == b"<" else f"cannot be read: {error}"
    raise unreadable(call, kind)


def _sorted_out(rows: list[Any], call: Call, hide: str) -> tuple[list[Bar], list[Aside]]:
    """The rows that are bars, and the others."""
    if not rows or (isinstance(rows[0], Bar) and _all_good(rows, call)):
        return rows, []
    bars: list[Bar] = []
    aside: list[Aside] = []
    for number, row in enumerate(rows, 1):
        try:
            bar = row if isinstance(row, Bar) else msgspec.convert(row, Bar)
            why = _lack(bar, call)
        except MALFORMED as error:
            bar, why = row, str(error)
        if why:
            aside.append(_aside(number, bar, clean(why, hide), call))
        else:
            bars.append(bar)
    if is_another_form(len(aside), len(rows)):
        raise unreadable(call, f"holds rows that are no bars: {clean(str(aside[0]), hide)}")
    return bars, aside


def _all_good(bars: list[Bar], call: Call) -> bool:
    """Whether no bar of many lacks anything: the quick way to tell."""
    stamps, counts = [b.t for b in bars], [-1 if b.n is None else b.n for b in bars]
    if min(stamps) < 0 or max(stamps) >= LATEST * 1000 or max(counts) > _MOST_TRADES:
        return False
    if call.kind is CallKind.TICKER:
        return min(counts) >= -1
    return min(counts) >= -1 and all(map(_is_ticker, {b.ticker for b in bars}))


def _is_ticker(name: str) -> bool:
    printable = name.isascii() and name.isprintable() and " " not in name
    return printable and 0 < len(name) <= _LONGEST_TICKER


def _lack(bar: Bar, call: Call) -> str:
    """Why this cannot be a bar; empty if it can. A stamp outside 1970 to 2100 is in another unit,
    or nonsense."""
    if not 0 <= bar.t < LATEST * 1000:
        return "a time that is not in Unix milliseconds"
    if bar.n is not None and not -1 <= bar.n <= _MOST_TRADES:
        return "an impossible number of trades"
    if call.kind is not CallKind.TICKER and not _is_ticker(bar.ticker):
        return "no ticker, or an impossible one"
    return ""


def _aside(number: int, row: Any, why: str, call: Call) -> Aside:
    """A row that is no bar, by what of it can be read."""
    head = BarHead(row.t, row.ticker) if isinstance(row, Bar) else _head(row)
    place = f"row {number}"
    if call.kind is not CallKind.TICKER:
        ticker = clean(head.ticker, "", _LONGEST_TICKER) if isinstance(head.ticker, str) else ""
        return Aside(place, ticker, why, epoch_day(call.span.start))
    if not isinstance(head.t, int) or not 0 <= head.t < LATEST * 1000:
        raise unreadable(call, f"has a bar at no known time ({why})")
    at = np.array([head.t // 1000], np.int64)
    moment = dates_of(at) if call.timeframe is Timeframe.DAY else at
    return Aside(place, call.symbol, why, int(moment[0]))


def _head(row: Any) -> BarHead:
    try:
        return msgspec.convert(row, BarHead)
    except MALFORMED:
        return BarHead()


def _fault_of(found: Envelope, bars: list[Any], call: Call, hide: str) -> str:
    """What is wrong with the answer as a whole, as the end of a sentence; empty if nothing."""
    if found.status not in ("OK", "DELAYED"):
        return (
            f"has the status {clean(found.status, hide)!r} ({_said(found, hide) or 'unexplained'})"
        )
    if found.adjusted is not False:
        return "is not marked as unadjusted (adjusted must be false)"
    if found.results_count != len(bars):
        return f"announces {found.results_count} bars and holds {len(bars)}"
    if call.kind is CallKind.TICKER and found.ticker not in (None, call.symbol):
        return f"is about {clean(str(found.ticker), hide)!r}"
    return ""


def _said(found: Envelope, hide: str) -> str:
    """The vendor's words: under `error` or `message`, depending on the kind of refusal."""
    words = found.message if isinstance(found.message, str) else found.error
    return clean(words, hide) if isinstance(words, str) else ""


def said(body: bytes, hide: str = "") -> str | None:
    """The vendor's words in the body of a refusal; None if it is not the vendor's form."""
    try:
        return _said(_ENVELOPE.decode(body), hide)
    except MALFORMED:
        return None


def _table(bars: list[Bar], call: Call) -> BarTable:
    if not bars:
        return BarTable.empty()
    tickers, owner = _owners(bars, call)
    seconds = np.array([b.t for b in bars], np.int64) // 1000
    at = dates_of(seconds) if call.timeframe is Timeframe.DAY else seconds
    numbers: list[list[float]] = [
        [b.o for b in bars],
        [b.h for b in bars],
        [b.low for b in bars],
        [b.c for b in bars],
        [b.v for b in bars],
        [np.nan if b.vw is None else b.vw for b in bars],
    ]
    columns: list[Any] = [np.array(column, np.float64) for column in numbers]
    columns.append(np.array([-1 if b.n is None else b.n for b in bars], np.int64))
    return BarTable(tickers, owner, at, *columns)


def _owners(bars: list[Bar], call: Call) -> tuple[tuple[str, ...], Ints]:
    if call.kind is CallKind.TICKER:
        return (call.symbol,), np.zeros(len(bars), np.int64)
    names = [b.ticker for b in bars]
    tickers = tuple(sorted(set(names)))
    place = {t: i for i, t in enumerate(tickers)}
    return tickers, np.fromiter((place[n] for n in names), np.int64, len(names))
