"""Who is listed and what funds hold, asked of the replay vendor: right, or the right error."""

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickstock.errors import (
    CredentialsRefused,
    NotEntitled,
    TickStockError,
    VendorRefused,
    VendorThrottled,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.testing import open_source
from tickstock.vendors import OpenGate
from tickstock.vendors.massive.reference import (
    ConstituentRecord,
    ConstituentsCall,
    CusipCall,
    ListingCall,
    ListingSource,
    TickerRecord,
    TickersCall,
    latest,
    read_records,
)
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor

KEY = "canary-11aa"
CALM = Bounds(silence=20.0, total=30.0, unpacked_bytes=4 << 20, throttle_rounds=1)
STOCKS = [TickerRecord(f"S{chr(65 + i)}", "stocks", "CS") for i in range(25)]
FUNDS = [TickerRecord("SPY", "stocks", "ETF"), TickerRecord("OLD", "stocks")]
OLD, NEW = date(2026, 10, 1), date(2026, 11, 18)


def holding(ticker: str | None, day: date = NEW, **other: Any) -> ConstituentRecord:
    return ConstituentRecord("SPY", day, ticker, asset_class="Equity", **other)


HOLDINGS = [holding("AAPL"), holding("MSFT"), holding("GONE", OLD), holding("AAPL", OLD)]
TICKERS = TickersCall("CS")
REPORT = ConstituentsCall("SPY", since=OLD)


def fetch(
    call: ListingCall[Any], *faults: Fault, page: int = 10, bounds: Bounds = CALM
) -> tuple[tuple[Any, ...], ReplayVendor]:
    async def run() -> tuple[tuple[Any, ...], ReplayVendor]:
        async with ReplayVendor(
            tickers=[*STOCKS, *FUNDS],
            constituents=HOLDINGS,
            cusips={"713448108": "SPY"},
            faults=faults,
            key=KEY,
            page_bars=page,
        ) as vendor:
            source = MassiveSource(vendor.url, KEY, bounds=bounds)
            try:
                return await source.fetch_listing(call, OpenGate()), vendor
            finally:
                await source.close()

    return asyncio.run(run())


def test_all_pages_of_the_tickers_of_a_type_on_a_day() -> None:
    found, vendor = fetch(TickersCall("CS", date(2025, 1, 2)))
    assert [r.ticker for r in found] == [r.ticker for r in STOCKS]
    assert len(vendor.requests) == 3
    first = vendor.requests[0].query
    assert "date=2025-01-02" in first
    assert "limit=1000" in first
    assert not any(seen.exposed for seen in vendor.requests)
    assert all(seen.keyed for seen in vendor.requests)


def test_all_tickers_of_every_type() -> None:
    found, vendor = fetch(TickersCall())
    assert {r.ticker for r in found} == {r.ticker for r in (*STOCKS, *FUNDS)}
    assert "type=" not in vendor.requests[0].query


def test_whose_a_cusip_is() -> None:
    found, vendor = fetch(CusipCall("713448108"))
    assert [r.ticker for r in found] == ["SPY"]
    assert len(vendor.requests) == 1
    assert fetch(CusipCall("191216100"))[0] == ()


def test_the_day_of_the_newest_report_is_one_request() -> None:
    found, vendor = fetch(ConstituentsCall("SPY"))
    assert ([r.effective_date for r in found], len(vendor.requests)) == ([NEW], 1)
    found, _ = fetch(ConstituentsCall("SPY", until=OLD))
    assert [r.effective_date for r in found] == [OLD]


def test_the_newest_report_is_the_one_processed_last() -> None:
    found, _ = fetch(REPORT, page=1)
    assert {r.constituent_ticker for r in latest(found)} == {"AAPL", "MSFT"}
    again = holding("MSFT", processed_date=date(2026, 11, 20))
    assert latest([*found, again]) == (again,)
    assert latest([]) == ()


def test_a_fund_that_the_vendor_does_not_know_has_no_records() -> None:
    assert fetch(ConstituentsCall("NONE"))[0] == ()


ERRORS = [
    (What.SERVER_ERROR, VendorUnavailable),
    (What.BAD_GATEWAY, VendorUnavailable),
    (What.RESET, VendorUnavailable),
    (What.CUT_BODY, VendorUnavailable),
    (What.WEB_PAGE, VendorUnreadable),
    (What.REDIRECT, VendorUnreadable),
    (What.GZIP_BOMB, VendorUnreadable),
    (What.CUT_JSON, VendorUnreadable),
    (What.BAD_GZIP, VendorUnreadable),
    (What.UNKNOWN_STATUS, VendorUnreadable),
    (What.NEXT_LOOP, VendorUnreadable),
    (What.UNKNOWN_KEY, CredentialsRefused),
    (What.BAD_REQUEST, VendorRefused),
    (What.NOT_FOUND, VendorRefused),
    (What.THROTTLED, VendorThrottled),
]


@pytest.mark.parametrize(("what", "error"), ERRORS)
@pytest.mark.parametrize("call", [TICKERS, REPORT], ids=["tickers", "constituents"])
def test_faults(call: ListingCall[Any], what: What, error: type[TickStockError]) -> None:
    with pytest.raises(error) as raised:
        fetch(call, Fault(what, seconds=0))
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("what", [What.NOT_ENTITLED, What.REFUSED_INSIDE])
def test_not_entitled_says_what_to_do(what: What) -> None:
    with pytest.raises(NotEntitled, match="paid add-on"):
        fetch(REPORT, Fault(what))
    with pytest.raises(NotEntitled, match="reaches back a limited time"):
        fetch(TICKERS, Fault(what))


def test_a_next_page_on_a_foreign_host_is_asked_of_our_own() -> None:
    found, vendor = fetch(TICKERS, Fault(What.NEXT_FOREIGN_HOST))
    assert len(found) == len(STOCKS)
    assert not any(seen.exposed for seen in vendor.requests)


def test_the_replay_source_knows_listings_too() -> None:
    async def run() -> tuple[TickerRecord, ...]:
        source = open_source("replay")
        assert isinstance(source, ListingSource)
        try:
            return await source.fetch_listing(TICKERS, OpenGate())
        finally:
            await source.close()

    assert {r.ticker for r in asyncio.run(run())} >= {"AAPL", "BRK.B"}


# --- reading ----------------------------------------------------------------------------
def body(results: Sequence[Any], **other: Any) -> bytes:
    return json.dumps({"status": "OK", "results": results, **other}).encode()


@pytest.mark.parametrize(
    ("call", "answer", "words"),
    [
        (TICKERS, body([{"ticker": "A"}], count=2), "announces 2 records and holds 1"),
        (TICKERS, body([{"ticker": ""}]), "impossible"),
        (TICKERS, body([{"ticker": "A", "type": "ETF"}]), "not of type CS"),
        (TICKERS, body([{"ticker": "A", "market": "otc"}]), "not of type CS"),
        (TICKERS, body([{"name": "A"}]), "another form"),
        (TICKERS, body(["A"]), "another form"),
        (TICKERS, b"<html>", "web page"),
        (REPORT, body([{"composite_ticker": "QQQ", "effective_date": "2026-11-18"}]), "'QQQ'"),
        (REPORT, body([{"composite_ticker": "SPY", "effective_date": "2020-01-01"}]), "2020"),
    ],
)
def test_what_was_not_asked_for_is_unreadable(
    call: ListingCall[Any], answer: bytes, words: str
) -> None:
    with pytest.raises(VendorUnreadable, match=words):
        read_records(answer, call)


def test_records_as_the_vendor_documents_them() -> None:
    answer = body(
        [
            {
                "asset_class": "Equity",
                "composite_ticker": "SPY",
                "constituent_name": "CAESARS ENTERTAINMENT INC COMMON STOCK",
                "constituent_rank": 42,
                "constituent_ticker": "CZR",
                "effective_date": "2026-11-18",
                "processed_date": "2026-11-19",
                "weight": 0.0000958005,
            }
        ],
        count=1,
        request_id=1,
    )
    records, next_url = read_records(answer, REPORT)
    assert (records[0].constituent_ticker, next_url) == ("CZR", "")
    old = body([{"ticker": "A", "market": "stocks", "active": True, "cik": "1"}], next_url="x")
    assert read_records(old, TICKERS) == ((TickerRecord("A", "stocks", active=True, cik="1"),), "x")


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=100)
def test_any_answer(data: bytes) -> None:
    with pytest.raises(TickStockError):
        read_records(data, TICKERS)
