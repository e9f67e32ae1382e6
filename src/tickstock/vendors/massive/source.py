"""The vendor Massive over REST: which pages an answer has, and what they are together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp

from tickstock.actions import ActionAnswer, ActionCall, AnyCall
from tickstock.errors import CredentialsRefused, NotEntitled, VendorEndless, VendorUnreadable
from tickstock.failpoints import reach
from tickstock.loading.renames import TickerHistory
from tickstock.model import Answer, BarTable, Call, CallKind
from tickstock.vendors import Gate, Limits
from tickstock.vendors.http import Bounds, Http, Reply, Service, Spent, checked_base
from tickstock.vendors.massive import actions, reference
from tickstock.vendors.massive.reference import ListingCall, R
from tickstock.vendors.massive.settings import NO_KEY
from tickstock.vendors.massive.ticker_events import EventsCall, read_ticker_events
from tickstock.vendors.massive.wire import (
    BarPage,
    Question,
    first_question,
    next_question,
    read_page,
    said,
)
from tickstock.vendors.origin import HEADER, VENDOR, Origin, read_origin
from tickstock.vendors.tables import tidy
from tickstock.vendors.words import unreadable
from tickstock.words import plural

BASE_URL = "https://api.massive.com"
PREFIX = "MASSIVE"
"""Of the names of its settings."""


class MassiveSource:
    """Bars from Massive, or from anything that speaks its wire format at `base_url`.

    The key is sent in a header, to `base_url` alone, and appears in no address, error or log.
    `transport` makes the connector of the one session (a proxy, own certificates).

    Raises:
        BadSetting: `base_url` is no plain `https://host` (or `http://` on this machine).
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
        self._base = checked_base(base_url, BASE_URL)
        self._key = _checked_key(api_key)
        service = Service(
            self._base,
            PREFIX,
            headers={"Authorization": f"Bearer {self._key}"},
            secret=self._key,
            words=partial(said, hide=self._key),
        )
        self._http = Http(service, bounds=bounds, transport=transport)

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
        default, exceptions = _origins({_origin(reply) for _, reply in pages}, call, bars.tickers)
        return Answer(
            call,
            bars,
            default,
            exceptions,
            pages=len(pages),
            bytes=sum(reply.wire_bytes for _, reply in pages),
            delayed=any(page.delayed for page, _ in pages),
            dropped=dropped,
            tickers=len(bars.tickers),
            aside=tuple(row for page, _ in pages for row in page.aside),
        )

    async def fetch_actions(self, call: ActionCall, gate: Gate) -> ActionAnswer:
        """All splits or dividends that `call` asks for. Raises as `fetch` does."""
        question, spent = actions.first_question(call), Spent()
        asked: set[Question] = set()
        found: list[actions.Records] = []
        origins: set[Origin] = set()
        while True:
            asked.add(question)
            reply = await self._http.ask(question.target, call, gate, spent=spent)
            found.append(actions.read_page(reply.body, call, self._key))
            origins.add(_origin(reply))
            if not found[-1].next_url:
                break
            question = actions.next_question(question, found[-1].next_url, call)
            self._refuse_endless(question, asked, call)
            self._refuse_same([page.actions for page in found], call)
        if len(origins) > 1:
            raise unreadable(call, "mixes origins from page to page")
        records = actions.once(action for page in found for action in page.actions)
        aside = tuple(row for page in found for row in page.aside)
        return ActionAnswer(call, records, origins.pop().default, len(found), aside)

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]:
        """The listed tickers, or the constituents, that `call` asks for. Raises as `fetch` does."""
        question, spent = call.question, Spent()
        asked: set[Question] = set()
        found: list[tuple[R, ...]] = []
        while True:
            asked.add(question)
            records, next_url = await self._listing_page(question, call, gate, spent)
            found.append(records)
            if not next_url or call.one_page:
                return tuple(record for page in found for record in page)
            question = actions.next_question(question, next_url, call)
            self._refuse_endless(question, asked, call)
            self._refuse_same(found, call)

    async def fetch_listing_page(
        self, call: ListingCall[R], gate: Gate, after: str = ""
    ) -> tuple[tuple[R, ...], str]:
        """As `ListingSource.fetch_listing_page`. Raises as `fetch` does."""
        question = reference.page_question(call, after)
        records, next_url = await self._listing_page(question, call, gate, Spent())
        if not next_url:
            return records, ""
        following = actions.next_question(question, next_url, call)
        self._refuse_endless(following, {question}, call)
        return records, following.target

    async def fetch_ticker_events(self, call: EventsCall, gate: Gate) -> TickerHistory | None:
        """As `EventsSource.fetch_ticker_events`. Raises as `fetch` does."""
        target = call.question.target
        reply = await self._http.ask(target, call, gate, also=(HTTPStatus.NOT_FOUND,))
        if reply.status == HTTPStatus.OK:
            return read_ticker_events(reply.body, call, self._key)
        if said(reply.body) is None:
            raise unreadable(call, "is a 404 that is not in the vendor's form")
        return None

    async def _listing_page(
        self, question: Question, call: ListingCall[R], gate: Gate, spent: Spent
    ) -> tuple[tuple[R, ...], str]:
        try:
            reply = await self._http.ask(question.target, call, gate, spent=spent)
            return reference.read_records(reply.body, call, self._key)
        except NotEntitled as refusal:
            raise reference.advised(call, refusal) from None

    async def close(self) -> None:
        await self._http.close()

    async def _pages(self, call: Call, gate: Gate) -> list[tuple[BarPage, Reply]]:
        question, spent = first_question(call), Spent()
        asked: set[Question] = set()
        pages: list[tuple[BarPage, Reply]] = []
        while True:
            asked.add(question)
            reply = await self._http.ask(question.target, call, gate, spent=spent)
            page = read_page(reply.body, call, self._key)
            pages.append((page, reply))
            reach("fetch.page")
            if not page.next_url:
                return pages
            before, question = question, next_question(question, page.next_url, call)
            self._refuse_endless(question, asked, call)
            has_moved = before.segments != question.segments
            if len(pages) > 1 and not _goes_on(pages[-2][0].bars, page.bars, has_moved):
                raise _endless(call, len(pages))

    def _refuse_endless(self, question: Question, asked: set[Question], call: AnyCall) -> None:
        if question in asked or len(asked) >= self._http.bounds.pages:
            raise _endless(call, len(asked))

    def _refuse_same(self, pages: Sequence[tuple[Any, ...]], call: AnyCall) -> None:
        """A page that leads on must bring what the one before it did not."""
        if len(pages) > 1 and set(pages[-1]) <= set(pages[-2]):
            raise _endless(call, len(pages))


def _goes_on(before: BarTable, after: BarTable, has_moved: bool) -> bool:
    """Whether a page that leads on has gone on itself: bars come by time, and pages may overlap.
    Of one without bars, the address tells."""
    if not len(after):
        return has_moved
    return not len(before) or int(after.at.max()) > int(before.at.max())


def _endless(call: AnyCall, pages: int) -> VendorUnreadable:
    """One page that leads to itself may be asked for again; a circle of them is not gone round."""
    error = unreadable(call, f"does not end after {plural(pages, 'page')}")
    return error if pages == 1 else VendorEndless(error.what, error.hint)


def _checked_key(api_key: str) -> str:
    if not api_key:
        raise CredentialsRefused("No key for massive.", NO_KEY)
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise CredentialsRefused(
            "The key for massive holds a blank or an unprintable sign.", NO_KEY
        )
    return api_key


def _origin(reply: Reply) -> Origin:
    return read_origin(reply.headers.getall(HEADER, []))


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
