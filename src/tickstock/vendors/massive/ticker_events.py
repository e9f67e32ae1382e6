"""The vendor's wire format for what became of tickers: under which ones a firm traded, since when.

Pure. Source: the vendor's REST documentation of `/vX/reference/tickers/{id}/events`, which it calls
experimental; its dates are known to be wrong at times, so an answer is evidence and not the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, runtime_checkable

import msgspec

from tickstock.loading.renames import TickerHistory
from tickstock.universes.identifiers import is_figi
from tickstock.vendors import Gate
from tickstock.vendors.massive.actions import ActionPage, good_page
from tickstock.vendors.massive.wire import Question
from tickstock.vendors.words import MALFORMED, clean, unreadable

EVENTS = ("vX", "reference", "tickers")
TICKER_CHANGE = "ticker_change"
_LONGEST_TICKER = 32
_EARLIEST = date(1900, 1, 1)


class ChangedTicker(msgspec.Struct, gc=False, frozen=True):
    """The ticker that an event is about."""

    ticker: str


class EventRecord(msgspec.Struct, gc=False, frozen=True):
    """One event as it is written on the wire."""

    type: str
    day: date = msgspec.field(name="date")
    ticker_change: ChangedTicker | None = None


class EventsRecord(msgspec.Struct, gc=False, frozen=True):
    """All that is said of one firm."""

    events: list[EventRecord]
    name: str | None = None
    composite_figi: str | None = None
    cik: str | None = None


class TickerEventsPage(ActionPage):
    """What surrounds it."""

    results: Any = None


_PAGE = msgspec.json.Decoder(TickerEventsPage)


@dataclass(frozen=True, slots=True)
class EventsCall:
    """Under which tickers the firm traded that has a FIGI, or that holds a ticker now."""

    id: str

    def __str__(self) -> str:
        return f"the ticker events of {self.id}"

    @property
    def question(self) -> Question:
        return Question((*EVENTS, self.id, "events"), (("types", TICKER_CHANGE),))


@runtime_checkable
class EventsSource(Protocol):
    """A source that also knows ticker events. Raises as `BarSource.fetch` does."""

    name: str

    async def fetch_ticker_events(self, call: EventsCall, gate: Gate) -> TickerHistory | None:
        """What is said of one; None where the vendor knows nothing of it."""
        ...


def read_ticker_events(body: bytes, call: EventsCall, hide: str = "") -> TickerHistory:
    """The history in an answer with HTTP status 200, oldest ticker first. Events of another kind
    are left out.

    Raises:
        NotEntitled: a refusal inside a 200.
        VendorUnreadable: not JSON, another form or status, impossible tickers or days, or the
            history of another firm.
    """
    page = good_page(body, call, hide, _PAGE)
    try:
        record = msgspec.convert(page.results, EventsRecord)
    except MALFORMED as error:
        raise unreadable(call, f"is in another form: {clean(str(error), hide)}") from None
    changes = [(e.day, e.ticker_change) for e in record.events if e.type == TICKER_CHANGE]
    found: list[tuple[date, str]] = []
    for day, change in reversed(changes):  # newest first; of one day too
        if change is None or not 0 < len(change.ticker) <= _LONGEST_TICKER:
            raise unreadable(call, "holds a change without a ticker or to an impossible one")
        if day < _EARLIEST:
            raise unreadable(call, f"holds a change of {day}")
        found.append((day, change.ticker))
    figi = record.composite_figi or ""
    if is_figi(call.id) and figi and figi != call.id:
        raise unreadable(call, f"is of {clean(figi, hide)!r}")
    found.sort(key=lambda one: one[0])
    name = clean(record.name or "", hide)
    return TickerHistory(call.id, tuple(found), name, figi, record.cik or "")
