"""Ticker events of a vendor on loopback: what they tell is one instrument, and nothing is asked
twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.contract.test_whole_market import LATE, SPAN, held_by_instrument, load, read_lists
from tests.loading_rig import Rig, rig, sql
from tickstock.errors import NotEntitled, VendorUnreadable
from tickstock.model import MARKET, JobState, Limits
from tickstock.service.renames import RenamesFound
from tickstock.store.database import Database
from tickstock.testing.vendor_contract import closing
from tickstock.vendors import OpenGate
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
