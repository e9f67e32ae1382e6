"""The vendor's wire format for who is listed and what a fund holds.

Pure. Sources: the vendor's REST documentation for `/v3/reference/tickers` (all tickers, on any day)
and `/etf-global/v1/constituents` (a paid add-on). As for bars, everything in an answer is
untrusted, and nothing unreadable is ever taken for "no members".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from tickstock.errors import NotEntitled
from tickstock.vendors import Gate
from tickstock.vendors.massive.actions import ActionPage, good_page
from tickstock.vendors.massive.wire import Question, next_address
from tickstock.vendors.words import MALFORMED, clean, unreadable

TICKERS = ("v3", "reference", "tickers")
CONSTITUENTS = ("etf-global", "v1", "constituents")
TICKERS_PAGE, CONSTITUENTS_PAGE = 1_000, 5_000
"""The most records on a page: the vendor's own limits."""
_LONGEST_TICKER = 32


class TickerRecord(msgspec.Struct, gc=False, frozen=True, omit_defaults=True):
    """One ticker as it is written on the wire. Older records have no type."""

    ticker: str
    market: str = ""
    type: str | None = None
    name: str | None = None
    active: bool | None = None
    primary_exchange: str | None = None
    composite_figi: str | None = None
    share_class_figi: str | None = None
    cik: str | None = None
    delisted_utc: str | None = None


class ConstituentRecord(msgspec.Struct, gc=False, frozen=True, omit_defaults=True):
    """One holding of a fund as it is written on the wire. Cash may have no ticker."""

    composite_ticker: str
    effective_date: date
    constituent_ticker: str | None = None
    constituent_name: str | None = None
    asset_class: str | None = None
    security_type: str | None = None
    currency_traded: str | None = None
    processed_date: date | None = None


class ListingPage(ActionPage):
    """What surrounds the records. `count` is how many there are on this page."""

    count: int | None = None


_PAGE = msgspec.json.Decoder(ListingPage)
R = TypeVar("R", TickerRecord, ConstituentRecord)


# --- asking ------------------------------------------------------------------------------
class ListingCall(Generic[R]):
    """What is asked of a listing, and what its records must be like."""

    record: type[R]
    advice: ClassVar[str]
    """What to do when the account is not entitled to it."""

    @property
    def question(self) -> Question:
        """The request that opens the call."""
        raise NotImplementedError

    @property
    def one_page(self) -> bool:
        """Whether the first page is all that is wanted."""
        return False

    def fault(self, record: R) -> str:
        """What is wrong with a record, as the end of a sentence; empty if nothing."""
        raise NotImplementedError


@dataclass(frozen=True)
class TickersCall(ListingCall[TickerRecord]):
    """All tickers, or those of one type in the vendor's word (`CS`, `ETF`): listed now, or on
    `day`; or those no longer listed."""

    type: str = ""
    day: date | None = None
    active: bool = True

    record = TickerRecord
    advice = "The plan reaches back a limited time; ask for a later day, or change the plan."

    def __str__(self) -> str:
        which = f"the tickers of type {self.type}" if self.type else "all tickers"
        which = which if self.active else f"{which} no longer listed"
        return which + (f" on {self.day}" if self.day else "")

    @property
    def question(self) -> Question:
        active = "true" if self.active else "false"
        pairs = {"market": "stocks", "active": active, "sort": "ticker", "order": "asc"}
        pairs |= {"limit": str(TICKERS_PAGE)} | ({"type": self.type} if self.type else {})
        pairs |= {"date": self.day.isoformat()} if self.day else {}
        return Question(TICKERS, tuple(sorted(pairs.items())))

    def fault(self, record: TickerRecord) -> str:
        if not 0 < len(record.ticker) <= _LONGEST_TICKER:
            return "holds a record without a ticker or with an impossible one"
        is_other = self.type and record.type not in (None, self.type)
        if record.market not in ("", "stocks") or is_other:
            return f"holds {clean(record.ticker)!r}, which is not of type {self.type or 'stock'}"
        return ""


@dataclass(frozen=True)
class CusipCall(ListingCall[TickerRecord]):
    """Whose CUSIP it is. The answer does not repeat it."""

    cusip: str

    record = TickerRecord
    advice = "Give the list a column with tickers."

    def __str__(self) -> str:
        return f"the ticker with the CUSIP {self.cusip}"

    @property
    def question(self) -> Question:
        pairs = {"market": "stocks", "cusip": self.cusip, "limit": "10", "active": "true"}
        return Question(TICKERS, tuple(sorted(pairs.items())))

    def fault(self, record: TickerRecord) -> str:
        if not 0 < len(record.ticker) <= _LONGEST_TICKER:
            return "holds a record without a ticker or with an impossible one"
        return ""


@dataclass(frozen=True)
class ConstituentsCall(ListingCall[ConstituentRecord]):
    """What a fund holds by its reports effective from `since` to `until`, both included.

    Without `since` it is one record of the newest report, which tells its day.
    """

    fund: str
    since: date | None = None
    until: date | None = None

    record = ConstituentRecord
    advice = "Constituents of ETFs are a paid add-on of the vendor; import a holdings file instead."

    def __str__(self) -> str:
        return f"the constituents of {self.fund}"

    @property
    def question(self) -> Question:
        pairs = {"composite_ticker": self.fund, "sort": "effective_date.desc"}
        pairs["limit"] = str(CONSTITUENTS_PAGE) if self.since else "1"
        for name, day in (("gte", self.since), ("lte", self.until)):
            pairs |= {f"effective_date.{name}": day.isoformat()} if day else {}
        return Question(CONSTITUENTS, tuple(sorted(pairs.items())))

    @property
    def one_page(self) -> bool:
        return self.since is None

    def fault(self, record: ConstituentRecord) -> str:
        if record.composite_ticker != self.fund:
            return f"holds a record of {clean(record.composite_ticker)!r}"
        if not (self.since or date.min) <= record.effective_date <= (self.until or date.max):
            return f"holds a record of {record.effective_date}"
        return ""


@runtime_checkable
class ListingSource(Protocol):
    """A source of bars that also knows listings. Raises as `BarSource.fetch` does."""

    name: str

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]: ...

    async def fetch_listing_page(
        self, call: ListingCall[R], gate: Gate, after: str = ""
    ) -> tuple[tuple[R, ...], str]:
        """One page: the first, or that which the page before it named; and what names the next
        one, empty after the last."""
        ...


# --- reading -----------------------------------------------------------------------------
def page_question(call: ListingCall[Any], after: str) -> Question:
    """The request for the page that was named by an earlier one; without a name for the first.

    Raises:
        VendorUnreadable: it leads anywhere else.
    """
    if not after:
        return call.question
    segments, pairs = next_address(after, call)
    if segments != call.question.segments:
        raise unreadable(call, "leads to a next page of something else")
    return Question(segments, tuple(sorted(pairs)))


def read_records(body: bytes, call: ListingCall[R], hide: str = "") -> tuple[tuple[R, ...], str]:
    """The records in one answer with HTTP status 200, and where the next page is ("": nowhere).

    Raises:
        NotEntitled: a refusal inside a 200.
        VendorUnreadable: not JSON, another form or status, fewer records than announced, records
            that were not asked for.
    """
    page = good_page(body, call, hide, _PAGE)
    found = page.results or []
    if page.count is not None and page.count != len(found):
        raise unreadable(call, f"announces {page.count} records and holds {len(found)}")
    form: Any = list[call.record]  # type: ignore[name-defined]
    try:
        records: list[R] = msgspec.convert(found, form)
    except MALFORMED as error:
        raise unreadable(call, f"holds a record in another form: {error}") from None
    for record in records:
        if fault := call.fault(record):
            raise unreadable(call, fault)
    return tuple(records), page.next_url or ""


def latest(records: Iterable[ConstituentRecord]) -> tuple[ConstituentRecord, ...]:
    """Those of the newest report: the last day it is effective on, as processed last."""
    found = [(r.effective_date, r.processed_date or date.min, r) for r in records]
    newest = max(((day, done) for day, done, _ in found), default=None)
    return tuple(r for day, done, r in found if (day, done) == newest)


def advised(call: ListingCall[Any], refusal: NotEntitled) -> NotEntitled:
    """The same refusal with what to do about this call."""
    return NotEntitled(refusal.what, call.advice)
