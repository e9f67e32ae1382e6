"""The vendor's wire format for splits and dividends: what is asked, and how an answer is read.

Pure. Sources: the vendor's REST documentation for `/stocks/v1/splits` and `/stocks/v1/dividends`,
which replace `/v3/reference/...` since February 2026. As for bars, everything in an answer is
untrusted, and nothing unreadable is ever taken for "no splits".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import msgspec

from tickstock.actions import Action, ActionCall, ActionKind, AnyCall, Dividend, Split
from tickstock.model import Aside
from tickstock.vendors.massive.wire import Question, next_address
from tickstock.vendors.tables import is_another_form
from tickstock.vendors.words import MALFORMED, clean, not_entitled, unreadable

PAGE = 5_000
"""The most records on a page: the vendor's own limit."""
DATES = {ActionKind.SPLITS: "execution_date", ActionKind.DIVIDENDS: "ex_dividend_date"}
_LONGEST_ID = 200
_LONGEST_TICKER = 32


class SplitRecord(msgspec.Struct, gc=False, omit_defaults=True):
    """One split as it is written on the wire."""

    ticker: str
    execution_date: date
    split_from: float
    split_to: float
    id: str | None = None
    adjustment_type: str | None = None

    def action(self) -> Split:
        named = self.id or _made_id(
            self.ticker, self.execution_date, self.split_from, self.split_to
        )
        kind = self.adjustment_type or ""
        return Split(named, self.ticker, self.execution_date, self.split_from, self.split_to, kind)


class DividendRecord(msgspec.Struct, gc=False, omit_defaults=True):
    """One dividend as it is written on the wire."""

    ticker: str
    ex_dividend_date: date
    cash_amount: float
    currency: str | None = None
    id: str | None = None
    distribution_type: str | None = None
    declaration_date: date | None = None
    record_date: date | None = None
    pay_date: date | None = None

    def action(self) -> Dividend:
        kind = self.distribution_type or ""
        named = self.id or _made_id(
            self.ticker, self.ex_dividend_date, self.cash_amount, kind, self.pay_date
        )
        return Dividend(
            named, self.ticker, self.ex_dividend_date, self.cash_amount, self.currency or "",
            kind, self.declaration_date, self.record_date, self.pay_date,
        )  # fmt: skip


class ActionPage(msgspec.Struct, gc=False, omit_defaults=True):
    """What surrounds the records, which are read for themselves once the page is known good."""

    status: str = ""
    results: list[Any] | None = None
    next_url: str | None = None
    request_id: Any = None
    error: Any = None
    message: Any = None


Page = TypeVar("Page", bound=ActionPage)
_PAGE = msgspec.json.Decoder(ActionPage)
_RECORDS: dict[ActionKind, Any] = {
    ActionKind.SPLITS: SplitRecord,
    ActionKind.DIVIDENDS: DividendRecord,
}


def _made_id(*parts: object) -> str:
    """An id for a record without one: it says the same as long as the record does."""
    return "made:" + hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


# --- asking ------------------------------------------------------------------------------
def first_question(call: ActionCall) -> Question:
    """The request that opens `call`, oldest records first."""
    day = DATES[call.kind]
    pairs = [("limit", str(PAGE)), ("sort", f"{day}.asc")]
    if call.tickers:
        pairs.append(("ticker.any_of", ",".join(call.tickers)))
    if call.since is not None:
        pairs.append((f"{day}.gte", call.since.isoformat()))
    return Question(("stocks", "v1", call.kind.value), tuple(sorted(pairs)))


def next_question(asked: Question, next_url: str, call: AnyCall) -> Question:
    """The request for the page that `next_url` names, on our own host and the same endpoint.

    Raises:
        VendorUnreadable: it leads anywhere else.
    """
    segments, pairs = next_address(next_url, call)
    if segments != asked.segments:
        raise unreadable(call, "leads to a next page of something else")
    return Question(segments, tuple(sorted(pairs)))


# --- reading -----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Records:
    """One page, read, and where the next page is ("" for the last). `aside` are the records that
    cannot be read, or were not asked for."""

    actions: tuple[Action, ...]
    next_url: str
    aside: tuple[Aside, ...] = ()


def read_page(body: bytes, call: ActionCall, hide: str = "") -> Records:
    """The records in one answer with HTTP status 200. `hide` is never repeated in an error.

    Numbers that cannot be true (a split of 0 shares) are passed on: they are the vendor's facts,
    and judged on reading. A record that cannot be read is put aside, and the rest is kept.

    Raises:
        NotEntitled: a refusal inside a 200.
        VendorUnreadable: not JSON, another form or status, more than single records that cannot be
            read or were not asked for.
    """
    page = good_page(body, call, hide, _PAGE)
    found: list[Action] = []
    aside: list[Aside] = []
    results = page.results or []
    for number, row in enumerate(results, 1):
        try:
            found.append(_record(row, call))
        except MALFORMED as error:
            ticker = row.get("ticker") if isinstance(row, dict) else None
            named = clean(ticker, hide, _LONGEST_TICKER) if isinstance(ticker, str) else ""
            aside.append(Aside(f"record {number}", named, clean(str(error), hide)))
    if is_another_form(len(aside), len(results)):
        raise unreadable(call, f"holds {aside[0]}")
    return Records(tuple(found), page.next_url or "", tuple(aside))


def good_page(body: bytes, call: AnyCall, hide: str, form: msgspec.json.Decoder[Page]) -> Page:
    """The page in an answer, when its status is a good one.

    Raises:
        NotEntitled: a refusal inside a 200.
        VendorUnreadable: not JSON, another form or status.
    """
    page = _decoded(body, call, form)
    words = page.message if isinstance(page.message, str) else page.error
    said = clean(words, hide) if isinstance(words, str) else ""
    if page.status == "NOT_AUTHORIZED":
        raise not_entitled(call, said)
    if page.status not in ("OK", "DELAYED"):
        shown = clean(page.status, hide)
        raise unreadable(call, f"has the status {shown!r} ({said or 'unexplained'})")
    return page


def _decoded(body: bytes, call: AnyCall, form: msgspec.json.Decoder[Page]) -> Page:
    try:
        return form.decode(body)
    except MALFORMED as error:
        kind = "is a web page" if body.lstrip()[:1] == b"<" else f"cannot be read: {error}"
    raise unreadable(call, kind)


def _record(row: Any, call: ActionCall) -> Action:
    """One record. ValueError where it cannot be read, or was not asked for."""
    try:
        record: SplitRecord | DividendRecord = msgspec.convert(row, _RECORDS[call.kind])
    except MALFORMED as error:
        raise ValueError(f"a record in another form: {error}") from None
    action = record.action()
    if not 0 < len(action.ticker) <= _LONGEST_TICKER or len(action.id) > _LONGEST_ID:
        raise ValueError("a record without a ticker or with an impossible one")
    if call.tickers and action.ticker not in call.tickers:
        raise ValueError(f"a record of {clean(action.ticker)!r}")
    if call.since is not None and action.day < call.since:
        raise ValueError(f"a record of {action.day}")
    return action


def once(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Each id of a ticker once, the last one said: pages may overlap."""
    return tuple({(a.ticker, a.id): a for a in actions}.values())
