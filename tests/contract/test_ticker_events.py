"""Ticker events of a vendor on loopback: what they tell is one instrument, and nothing is asked
twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.contract.test_whole_market import LATE, SPAN, held_by_instrument, load, read_lists
from tests.loading_rig import Rig, rig, sql
from tickstock.errors import NotEntitled, VendorUnreadable
from tickstock.model import MARKET, JobState, Limits
from tickstock.service.listings import Refreshed
from tickstock.service.renames import RenamesFound
from tickstock.spans import Span
from tickstock.store.database import Database
from tickstock.testing.vendor_contract import closing
from tickstock.vendors import Gate, OpenGate
from tickstock.vendors.massive.reference import ListingCall, R, TickerRecord
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.synthetic.market import SyntheticMarket

NONE = Limits()


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(tickers=40, span=SPAN, pace=8.0)


@pytest.fixture
def here(database: Database, tmp_path: Path, market: SyntheticMarket) -> Rig:
    return rig(database, tmp_path, vendor={"market": market})


class Broken(Exception):
    """The asking is broken off."""


async def ask(here: Rig, expression: str | None = None, *, most: int = 10_000) -> RenamesFound:
    """Ask the vendor; broken off after so many."""

    def told(number: int, _: str) -> None:
        if number == most:
            raise Broken

    plan = here.tick.renames.plan("massive", NONE, expression)
    async with here.serving() as vendor, closing(MassiveSource(vendor.url, "key")) as source:
        try:
            return await here.tick.renames.ask(plan, source, OpenGate(), told)
        finally:
            here.asked = len(vendor.requests)


def chains(market: SyntheticMarket) -> dict[int, list[str]]:
    """The tickers of each firm that had several, the oldest first."""
    names, found = market.names, defaultdict[int, list[str]](list)
    rows = sorted(zip(names.start.tolist(), names.firm.tolist(), names.ticker, strict=True))
    for start, firm, ticker in rows:
        if start < market.sessions:
            found[firm].append(ticker)
    return {firm: tickers for firm, tickers in found.items() if len(tickers) > 1}


def plain(market: SyntheticMarket) -> dict[int, list[str]]:
    """Those of tickers that nobody else had, which the vendor lists."""
    had = [t for t, s in zip(market.names.ticker, market.names.start.tolist(), strict=True)
           if s < market.sessions]  # fmt: skip
    listed = set(market.listed_on(market.sessions - 1).tolist())
    return {
        firm: tickers
        for firm, tickers in chains(market).items()
        if firm in listed and all(had.count(t) == 1 for t in tickers)
    }


def braces(symbols: Iterator[str]) -> str:
    return "{" + ", ".join(sorted(symbols)) + "}"


def test_a_firm_is_one_instrument_when_asked_before_it_is_loaded(
    here: Rig, market: SyntheticMarket
) -> None:
    tick, firms = here.tick, plain(market)
    assert len(firms) > 1
    asyncio.run(read_lists(here))
    names = braces(tickers[-1] for tickers in firms.values())
    found = asyncio.run(ask(here, names))
    assert (found.asked, found.renamed, found.unknown) == (len(firms), len(firms), 0)
    assert here.asked == len(firms)
    assert found.doubts == ()
    assert load(here, SPAN).load.state is JobState.COMPLETED
    by_firm = defaultdict(set)
    for id_, bars in held_by_instrument(tick.database).items():
        for ticker, _ in bars:
            by_firm[ticker].add(id_)
    for tickers in firms.values():
        ids = {id_ for ticker in tickers for id_ in by_firm[ticker]}
        assert len(ids) == 1, tickers
        [(count,)] = sql(
            tick.database,
            "SELECT count(*) FROM tickstock.tickers WHERE instrument_id = %s"
            " AND source = 'events:massive'",
            ids.pop(),
        )
        assert count == len(tickers)
    first = next(iter(firms.values()))
    both = tick.universes.evaluate(f"({MARKET} @ {SPAN.last}) - {{{first[0]}}}")
    assert first[-1] not in both.symbols


def test_what_is_held_under_two_tickers_is_dated_and_said(
    here: Rig, market: SyntheticMarket
) -> None:
    """Whoever appeared in the market is asked about, and nobody else."""
    tick = here.tick
    load(here, SPAN)
    asyncio.run(read_lists(here))
    [(appeared,)] = sql(
        tick.database,
        "SELECT count(*) FROM tickstock.coverage WHERE first_at::date > %s AND bars > 0",
        market.day(0),
    )
    plan = tick.renames.plan("massive", Limits(calls_per_minute=5))
    assert 0 < len(plan.asked) <= appeared - plan.unknowable
    assert plan.seconds == 12 * len(plan.asked)
    found = asyncio.run(ask(here))
    assert found.renamed
    assert any("stay two instruments" in text for text in found.doubts)
    for firm, tickers in plain(market).items():
        rows = sql(
            tick.database,
            "SELECT symbol, lower(valid), upper(valid) FROM tickstock.tickers"
            " WHERE symbol = ANY (%s)",
            tickers,
        )
        days = {symbol: (since, until) for symbol, since, until in rows}
        for before, after in pairwise(tickers):
            if days[before][1] is not None:
                assert days[before][1] == days[after][0], (firm, days)
    again = tick.renames.plan("massive", NONE)
    assert again.asked == ()
    assert again.answered + again.unknowable == len(plan.asked)
    kept = sql(tick.database, "SELECT count(*), count(*) FILTER (WHERE verdict <> '')"
                              " FROM tickstock.ticker_histories")  # fmt: skip
    assert kept[0][0] == len(plan.asked)
    assert kept[0][1] == len(found.doubts)


def test_an_asking_that_is_broken_off_goes_on(here: Rig, market: SyntheticMarket) -> None:
    names = braces(iter(market.on(SPAN.last, LATE).tickers[:9]))
    with pytest.raises(Broken):
        asyncio.run(ask(here, names, most=4))
    plan = here.tick.renames.plan("massive", NONE, names)
    assert (plan.answered, len(plan.asked)) == (4, 5)
    assert asyncio.run(ask(here, names)).asked == 5
    assert here.asked == 5


def test_a_refusal_is_met_once(here: Rig) -> None:
    here.faults = (Fault(What.NOT_ENTITLED, path="/events"),)
    with pytest.raises(NotEntitled, match="ticker events of AAAA"):
        asyncio.run(ask(here, "{AAAA, BBBB}"))
    assert here.asked == 1
    with pytest.raises(NotEntitled, match="Nobody was asked"):
        asyncio.run(ask(here, "{AAAA, BBBB}"))
    assert here.asked == 0
    assert here.tick.account.events_refused() is not None
    assert here.tick.account.forget() == 1
    here.faults = ()
    assert asyncio.run(ask(here, "{AAAA, BBBB}")).unknown == 2


@pytest.mark.parametrize("what", [What.WEB_PAGE, What.CUT_JSON])
def test_what_cannot_be_read_is_not_kept(here: Rig, market: SyntheticMarket, what: What) -> None:
    here.faults = (Fault(what, path="/events"),)
    ticker = market.on(SPAN.last, LATE).tickers[0]
    with pytest.raises(VendorUnreadable):
        asyncio.run(ask(here, f"{{{ticker}}}"))
    assert here.tick.renames.plan("massive", NONE, f"{{{ticker}}}").asked == (ticker,)


def test_what_is_answered_otherwise_later_is_kept_beside(
    here: Rig, market: SyntheticMarket
) -> None:
    ticker = next(iter(plain(market).values()))[-1]
    asyncio.run(ask(here, f"{{{ticker}}}"))
    sql(here.tick.database, "UPDATE tickstock.ticker_histories SET read_at = '2000-01-01'")
    asyncio.run(ask(here, f"{{{ticker}}}"))
    rows = "SELECT count(*), count(known_until) FROM tickstock.ticker_histories"
    assert sql(here.tick.database, rows) == [(1, 0)]
    sql(
        here.tick.database,
        "UPDATE tickstock.ticker_histories SET read_at = '2000-01-01', cik = '7'",
    )
    asyncio.run(ask(here, f"{{{ticker}}}"))
    assert sql(here.tick.database, rows) == [(2, 1)]


class Firms:
    """The vendor with other numbers for a ticker, or another ticker for a number."""

    name = "massive"

    def __init__(self, source: MassiveSource, change: Callable[[TickerRecord], TickerRecord]):
        self._source, self._change = source, change

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]:
        return await self._source.fetch_listing(call, gate)

    async def fetch_listing_page(
        self, call: ListingCall[R], gate: Gate, after: str = ""
    ) -> tuple[tuple[R, ...], str]:
        records, following = await self._source.fetch_listing_page(call, gate, after)
        changed: Any = tuple(self._change(r) for r in records)  # type: ignore[arg-type]
        return changed, following


async def read_as(
    here: Rig, change: Callable[[TickerRecord], TickerRecord], same: Collection[str] = ()
) -> Refreshed:
    async with here.serving() as vendor, closing(MassiveSource(vendor.url, "key")) as source:
        listings = here.tick.listings
        return await listings.refresh(Firms(source, change), OpenGate(), same=same)


def test_a_ticker_that_is_another_firms_now_is_not_spliced(
    here: Rig, market: SyntheticMarket
) -> None:
    """By the lists as they are read before and after: bars of then are the former firm's."""
    tick, day = here.tick, date(2023, 3, 31)
    first = Span(SPAN.start, date(2023, 4, 1))
    load(here, first)
    asyncio.run(read_lists(here))
    ticker = next(
        t for t in market.on(SPAN.last, LATE).tickers
        if t in market.on(day, LATE).tickers and market.names.ticker.count(t) == 1
    )  # fmt: skip

    def other(record: TickerRecord) -> TickerRecord:
        if record.ticker != ticker:
            return record
        return structs.replace(record, composite_figi="BBG000MM2P62", cik="0001326801")

    found = asyncio.run(read_as(here, other))
    assert [text.partition(" ")[0] for text in found.apart] == [ticker]
    load(here, Span(first.end, date(2023, 5, 1)))
    rows = sql(
        tick.database,
        "SELECT i.cik, min(b.at), max(b.at) FROM tickstock.tickers AS t"
        " JOIN tickstock.instruments AS i ON i.id = t.instrument_id"
        " JOIN tickstock.bars_day AS b ON b.instrument_id = i.id"
        " WHERE t.symbol = %s GROUP BY 1 ORDER BY 2",
        ticker,
    )
    assert [cik == "0001326801" for cik, *_ in rows] == [False, True]
    assert rows[0][2] < first.end <= rows[1][1]


def test_a_person_may_say_that_it_is_the_same_firm(here: Rig, market: SyntheticMarket) -> None:
    load(here, Span(SPAN.start, date(2023, 2, 1)))
    asyncio.run(read_lists(here))
    listed = set(market.on(SPAN.last, LATE).tickers)
    ticker = next(t for t in market.on(date(2023, 1, 31), LATE).tickers if t in listed)

    def other(record: TickerRecord) -> TickerRecord:
        return structs.replace(record, cik="7") if record.ticker == ticker else record

    found = asyncio.run(read_as(here, other, same={ticker}))
    assert found.apart == ()
    rows = "SELECT count(*) FROM tickstock.tickers WHERE symbol = %s"
    assert sql(here.tick.database, rows, ticker) == [(1,)]


def test_a_rename_shows_in_the_lists_by_its_figi(here: Rig, market: SyntheticMarket) -> None:
    """And the ticker events of the new one then make it one instrument."""
    tick = here.tick
    chain = next(iter(plain(market).values()))
    start = next(
        s for t, s in zip(market.names.ticker, market.names.start.tolist(), strict=True)
        if t == chain[-1]
    )  # fmt: skip
    before = datetime.combine(market.day(start - 1), time(23), UTC).timestamp()
    here.vendor["now"] = lambda: before
    load(here, Span(SPAN.start, market.day(start)))
    assert asyncio.run(read_lists(here)).renamed == ()
    here.vendor["now"] = lambda: LATE
    found = asyncio.run(read_lists(here))
    assert (chain[-2], chain[-1]) in found.renamed
    asked = asyncio.run(ask(here, f"{{{chain[-1]}}}"))
    assert (asked.renamed, asked.doubts) == (1, ())
    owners = "SELECT count(DISTINCT instrument_id) FROM tickstock.tickers WHERE symbol = ANY (%s)"
    assert sql(tick.database, owners, chain) == [(1,)]
