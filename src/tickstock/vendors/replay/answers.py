"""What the replay vendor answers: pure, from a request to a page in the vendor's form."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import numpy as np

from tickstock.actions import ActionKind
from tickstock.model import BarTable, Ints, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import ONE_DAY, Span, day_of
from tickstock.vendors.massive.actions import DATES, ActionPage
from tickstock.vendors.massive.actions import PAGE as ACTION_PAGE
from tickstock.vendors.massive.reference import CONSTITUENTS, TICKERS, ListingPage
from tickstock.vendors.massive.wire import BASE_BARS, TIMESPANS, Bar, Envelope
from tickstock.vendors.newyork import dates_of, instants_of
from tickstock.vendors.origin import RECORDED, SYNTHETIC, Origin
from tickstock.vendors.replay.faults import Sending, refusal
from tickstock.vendors.replay.market import ServedMarket
from tickstock.vendors.replay.recorded import RecordedBars
from tickstock.vendors.replay.recorded_actions import RecordedActions
from tickstock.vendors.replay.recorded_listings import RecordedListings
from tickstock.vendors.synthetic.source import synthetic_bars

_TIMEFRAMES = {timespan: timeframe for timeframe, timespan in TIMESPANS.items()}
_BASE = {Timeframe.MINUTE: 1, Timeframe.HOUR: 60, Timeframe.DAY: 1}
_SESSION_END = 16  # o'clock: the stamp of whole-market bars, half days included
_ACTIONS = {("stocks", "v1", kind.value): kind for kind in ActionKind}
EVENTS = ("vX", "reference", "tickers", "{id}", "events")
_GROUPED = ("v2", "aggs", "grouped", "locale", "us", "market", "stocks")


class EventsPage(msgspec.Struct):
    """What surrounds the changes of one ticker."""

    status: str
    request_id: str
    results: dict[str, Any]


class RefusedRequest(Exception):
    """The request is answered with `sending` instead of bars."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.sending: Sending = refusal(status, words)


@dataclass(frozen=True)
class Inventory:
    """The bars on offer: recorded ones, and synthetic ones of the other symbols in `listing`.

    A recorded ticker has recorded bars alone, also outside the recorded range.
    """

    recorded: RecordedBars
    listing: frozenset[str]
    calendar: Calendar
    now: Callable[[], float]
    actions: RecordedActions = field(default_factory=RecordedActions)
    listings: RecordedListings = field(default_factory=RecordedListings)
    market: ServedMarket | None = None
    """In place of all others: a market of which nothing is real."""

    def of(self, symbol: str, timeframe: Timeframe, span: Span) -> tuple[BarTable, Origin]:
        """The bars of one symbol."""
        if self.market is not None:
            return self.market.of(symbol, timeframe, span), Origin(SYNTHETIC)
        if symbol in self.recorded or symbol not in self.listing:
            held = timeframe is Timeframe.DAY
            bars = self.recorded.of(symbol, span) if held else BarTable.empty()
            return bars, Origin(RECORDED)
        bars = synthetic_bars([symbol], timeframe, span, self.calendar, self.now())
        return bars, Origin(SYNTHETIC)

    def on(self, day: date) -> tuple[list[BarTable], Origin]:
        """The day bars of all symbols on one session."""
        if self.market is not None:
            return [self.market.on(day)], Origin(SYNTHETIC)
        if not self.listing:
            return [self.recorded.on(day)], Origin(RECORDED)
        span = Span(day, day + ONE_DAY)
        others = sorted(self.listing.difference(self.recorded.tickers))
        synthetic_table = synthetic_bars(others, Timeframe.DAY, span, self.calendar, self.now())
        origin = Origin(SYNTHETIC, RECORDED, frozenset(self.recorded.tickers))
        return [self.recorded.on(day), synthetic_table], origin


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A request for custom bars. From `start` up to, without, `end`, in epoch seconds."""

    ticker: str
    timeframe: Timeframe
    start: int
    end: int
    until: str  # the end as it stands in the path
    adjusted: bool
    limit: int


def answer(
    segments: tuple[str, ...], query: Mapping[str, str], inventory: Inventory, url: str, most: int
) -> tuple[Envelope | ActionPage | EventsPage, Origin]:
    """The page for a request: decoded path `segments`, its `query`; at most `most` bars, or other
    records, a page.

    Raises:
        Refused: the vendor would refuse this, too.
    """
    if segments[:3] == ("v2", "aggs", "ticker") and len(segments) == 9:
        return _custom_bars(read_asked(segments, query), inventory, url, most)
    if segments[:-1] == _GROUPED:
        return _grouped(segments[-1], query, inventory)
    origin = Origin(RECORDED if inventory.market is None else SYNTHETIC)
    if segments in _ACTIONS:
        return action_page(_ACTIONS[segments], query, inventory, url, most), origin
    if segments in (TICKERS, CONSTITUENTS):
        return listing_page(segments, query, inventory, url, most), origin
    if segments[:3] == EVENTS[:3] and segments[4:] == EVENTS[4:]:
        return _events(segments[3], inventory), origin
    raise RefusedRequest(404, "Not found.")


def _custom_bars(
    asked: ReplayRequest, inventory: Inventory, url: str, most: int
) -> tuple[Envelope, Origin]:
    first, last = dates_of(np.array([asked.start, asked.end - 1]))
    span = Span.inclusive(day_of(int(first)), day_of(int(last)))
    table, origin = inventory.of(asked.ticker, asked.timeframe, span)
    starts = _starts(table, asked.timeframe)
    table = table.rows((starts >= asked.start) & (starts < asked.end))
    page = min(asked.limit // _BASE[asked.timeframe], most)
    bars = _wire(table.rows(np.arange(min(page, len(table)))), asked.timeframe)
    envelope = _envelope(bars, asked.adjusted, asked.ticker, _BASE[asked.timeframe])
    if len(table) > page:
        moment = int(_starts(table, asked.timeframe)[page]) * 1000
        envelope.next_url = f"{url}{_next_target(asked, moment)}"
    return envelope, origin


def _next_target(asked: ReplayRequest, moment: int) -> str:
    """The next page's address. As at the vendor, its cursor holds limit and sort alone."""
    cursor = base64.urlsafe_b64encode(f"limit={asked.limit}&sort=asc".encode()).decode().rstrip("=")
    ticker, timespan = quote(asked.ticker, safe=""), TIMESPANS[asked.timeframe]
    path = f"/v2/aggs/ticker/{ticker}/range/1/{timespan}/{moment}/{asked.until}"
    return f"{path}?cursor={cursor}"


def _grouped(text: str, query: Mapping[str, str], inventory: Inventory) -> tuple[Envelope, Origin]:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RefusedRequest(400, "Could not parse the time parameter: 'date'.") from None
    tables, origin = inventory.on(day)
    bars = [b for t in tables for b in _wire(t, Timeframe.DAY, named=True, hour=_SESSION_END)]
    return _envelope(bars, _is_adjusted(query), None, 1), origin


def action_page(
    kind: ActionKind, query: Mapping[str, str], inventory: Inventory, url: str, most: int
) -> ActionPage:
    """The page of splits or dividends for a request, or for the cursor in it."""
    settings = {**_cursor(query["cursor"])} if "cursor" in query else dict(query)
    day = DATES[kind]
    known = {"limit", "sort", "ticker.any_of", f"{day}.gte", "offset"}
    if set(settings) - known or settings.get("sort") != f"{day}.asc":
        raise RefusedRequest(
            400, f"This replay knows {', '.join(sorted(known))} alone, oldest first."
        )
    asked = frozenset(filter(None, settings.get("ticker.any_of", "").split(",")))
    since = settings.get(f"{day}.gte", "")
    found: Sequence[Any] = (
        inventory.market.actions(kind, asked, since)
        if inventory.market is not None
        else [
            r
            for r in inventory.actions.of(kind)
            if (not asked or r.ticker in asked) and getattr(r, day).isoformat() >= since
        ]
    )
    results, cursor = _paged(found, settings, ACTION_PAGE, most)
    next_url = f"{url}/stocks/v1/{kind}?cursor={cursor}" if cursor else None
    return ActionPage(status="OK", request_id=1, results=results, next_url=next_url)


def listing_page(
    segments: tuple[str, ...],
    query: Mapping[str, str],
    inventory: Inventory,
    url: str,
    most: int,
) -> ListingPage:
    """The page of tickers or constituents for a request, or for the cursor in it."""
    settings = _cursor(query["cursor"]) if "cursor" in query else dict(query)
    try:
        of_market = inventory.market is not None and segments == TICKERS
        held: Any = inventory.market if of_market else inventory.listings
        found, largest = held.select(segments, settings)
    except ValueError as error:
        raise RefusedRequest(400, str(error)) from None
    results, cursor = _paged(found, settings, largest, most)
    next_url = f"{url}/{'/'.join(segments)}?cursor={cursor}" if cursor else None
    return ListingPage(
        status="OK", request_id=1, results=results, count=len(results), next_url=next_url
    )


def _events(id_: str, inventory: Inventory) -> EventsPage:
    found = inventory.market.events(id_) if inventory.market is not None else None
    if found is None:
        raise RefusedRequest(404, "Data not found.")
    return EventsPage(status="OK", request_id="replay", results=found)


def _paged(
    found: Sequence[Any], settings: Mapping[str, str], largest: int, most: int
) -> tuple[list[Any], str]:
    """The records of one page, and the cursor of the next one ("": none)."""
    limit, offset = settings.get("limit", "100"), int(settings.get("offset", "0"))
    if not re.fullmatch(r"\d{1,6}", limit) or not 0 < int(limit) <= largest:
        raise RefusedRequest(400, f"The parameter 'limit' must be from 1 to {largest}.")
    end = offset + min(int(limit), most)
    if len(found) <= end:
        return list(found[offset:end]), ""
    rest = urlencode({**settings, "offset": str(end)})
    return list(found[offset:end]), base64.urlsafe_b64encode(rest.encode()).decode().rstrip("=")


def _envelope(bars: list[Bar], adjusted: bool, ticker: str | None, base: int) -> Envelope:
    """An answer; one without bars has no `results` at all, as at the vendor."""
    return Envelope(
        status="OK",
        adjusted=adjusted,
        results_count=len(bars),
        query_count=len(bars) * base,
        ticker=ticker,
        results=bars or None,
        request_id="replay",
    )


def _wire(
    table: BarTable, timeframe: Timeframe, *, named: bool = False, hour: int = 0
) -> list[Bar]:
    names = [table.tickers[i] for i in table.owner.tolist()] if named else [""] * len(table)
    stamps = _starts(table, timeframe, hour) * 1000
    columns = (table.open, table.high, table.low, table.close, table.volume, stamps)
    vwap = [None if math.isnan(v) else v for v in table.vwap.tolist()]
    trades = [None if n < 0 else n for n in table.trades.tolist()]
    rows = zip(*(c.tolist() for c in columns), vwap, trades, names, strict=True)
    return [Bar(*row) for row in rows]


def _starts(table: BarTable, timeframe: Timeframe, hour: int = 0) -> Ints:
    return instants_of(table.at, hour) if timeframe is Timeframe.DAY else table.at


# --- reading a request -------------------------------------------------------------------
def read_asked(segments: tuple[str, ...], query: Mapping[str, str]) -> ReplayRequest:
    """A request for custom bars; the cursor's parameters, if there is one, come first.

    Raises:
        Refused: a parameter that the vendor, or this stand-in for it, does not take.
    """
    ticker, _, multiplier, timespan, start, until = segments[3:]
    timeframe = _TIMEFRAMES.get(timespan)
    if segments[4] != "range" or multiplier != "1" or timeframe is None:
        raise RefusedRequest(400, "This replay knows range/1 of minute, hour and day alone.")
    settings = {**query, **_cursor(query.get("cursor", ""))}
    begins, ends = _moment(start, "from"), _moment(until, "to", after=True)
    if ends <= begins:
        raise RefusedRequest(400, "The parameter 'to' cannot be a time that occurs before 'from'")
    if settings.get("sort", "asc") != "asc":
        raise RefusedRequest(400, "This replay sorts ascending alone.")
    limit = settings.get("limit", "5000")
    if not re.fullmatch(r"\d{1,6}", limit) or not 0 < int(limit) <= BASE_BARS:
        raise RefusedRequest(400, f"The parameter 'limit' must be from 1 to {BASE_BARS}.")
    return ReplayRequest(ticker, timeframe, begins, ends, until, _is_adjusted(query), int(limit))


def begins_on(segments: tuple[str, ...]) -> date | None:
    """The first day of a request's range or its one day, if it is readable."""
    try:
        if segments[:-1] == _GROUPED:
            return date.fromisoformat(segments[-1])
        return day_of(int(dates_of(np.array([_moment(segments[-2], "from")]))[0]))
    except (ValueError, IndexError, RefusedRequest):
        return None


def _is_adjusted(query: Mapping[str, str]) -> bool:
    return query.get("adjusted", "true").lower() != "false"


def _cursor(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()))
    except ValueError:
        raise RefusedRequest(400, "The cursor cannot be read.") from None


def _moment(text: str, name: str, *, after: bool = False) -> int:
    """Epoch seconds of a date's or a millisecond's begin, or of what comes `after` it."""
    if re.fullmatch(r"\d{1,14}", text):
        return int(text) // 1000 + 1 if after else -(-int(text) // 1000)
    try:
        number = epoch_day(date.fromisoformat(text)) + after
    except ValueError:
        words = (
            f"Could not parse the time parameter: '{name}'. Use YYYY-MM-DD or Unix MS Timestamps"
        )
        raise RefusedRequest(400, words) from None
    return int(instants_of(np.array([number]))[0])
