"""What a source makes of a vendor that fails: the right error or the right bars, never silence."""

import asyncio
import logging
import shutil
import ssl
import subprocess
import time
import traceback
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest
from aiohttp import web

from tickstock.errors import (
    CredentialsRefused,
    NotEntitled,
    TickStockError,
    Transient,
    VendorEndless,
    VendorRefused,
    VendorThrottled,
    VendorTooSlow,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe
from tickstock.spans import Span
from tickstock.vendors import OpenGate
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.recorded import shipped_bars
from tickstock.vendors.replay.server import Rate, ReplayVendor, serve_in_thread

KEY = "canary-5e5a3e"
SPAN = Span.inclusive(date(2005, 3, 28), date(2005, 4, 29))  # 25 sessions; the clock changes
CALL = Call(CallKind.TICKER, Timeframe.DAY, SPAN, "AAPL")
DAY = Call(CallKind.MARKET_DAY, Timeframe.DAY, Span.inclusive(date(2005, 4, 4), date(2005, 4, 4)))
CALM = Bounds(silence=20.0, total=30.0, unpacked_bytes=4 << 20, throttle_rounds=2)
HASTY = replace(CALM, total=0.4)  # for the faults that only time ends
RECORDED = shipped_bars()
TRUTH = RECORDED.of("AAPL", SPAN)
PAGES = 3  # of ten bars


class NotingGate(OpenGate):
    """A budget without a limit that notes what happened at it, in order."""

    def __init__(self) -> None:
        self.events: list[str | float | None] = []

    async def enter(self) -> None:
        self.events.append("enter")

    async def push_back(self, seconds: float | None) -> None:
        self.events.append(seconds)


@asynccontextmanager
async def facing(
    *faults: Fault, bounds: Bounds = CALM, page_bars: int = 10, rate: Rate | None = None
) -> AsyncIterator[tuple[MassiveSource, ReplayVendor]]:
    async with ReplayVendor(faults=faults, key=KEY, page_bars=page_bars, rate=rate) as vendor:
        source = MassiveSource(vendor.url, KEY, bounds=bounds)
        try:
            yield source, vendor
        finally:
            await source.close()


def fetch(*faults: Fault, call: Call = CALL, bounds: Bounds | None = None) -> Answer:
    slow = any(fault.what is What.SLOW_DRIP for fault in faults)

    async def run() -> Answer:
        async with facing(*faults, bounds=bounds or (HASTY if slow else CALM)) as (source, _):
            return await source.fetch(call, OpenGate())

    return asyncio.run(run())


def numbers(bars: BarTable) -> list[list[float]]:
    return [getattr(bars, c).tolist() for c in ("at", "open", "high", "low", "close", "volume")]


# --- every kind of fault ---------------------------------------------------------------------
ERRORS: dict[What, type[TickStockError]] = {
    What.THROTTLED: VendorThrottled,
    What.THROTTLED_EMPTY: VendorThrottled,
    What.SERVER_ERROR: VendorUnavailable,
    What.BAD_GATEWAY: VendorUnavailable,
    What.CUT_BODY: VendorUnavailable,
    What.RESET: VendorUnavailable,
    What.SLOW_DRIP: VendorTooSlow,
    What.WEB_PAGE: VendorUnreadable,
    What.REDIRECT: VendorUnreadable,
    What.GZIP_BOMB: VendorUnreadable,
    What.WRONG_COUNT: VendorUnreadable,
    What.ADJUSTED: VendorUnreadable,
    What.UNKNOWN_STATUS: VendorUnreadable,
    What.OTHER_TICKER: VendorUnreadable,
    What.NEXT_LOOP: VendorUnreadable,
    What.NEXT_FOREIGN_PATH: VendorUnreadable,
    What.NOT_A_NUMBER: VendorUnreadable,
    What.INFINITE: VendorUnreadable,
    What.CUT_JSON: VendorUnreadable,
    What.WRONG_LENGTH: VendorUnreadable,
    What.BAD_GZIP: VendorUnreadable,
    What.UNKNOWN_KEY: CredentialsRefused,
    What.NOT_ENTITLED: NotEntitled,
    What.REFUSED_INSIDE: NotEntitled,
    What.BAD_REQUEST: VendorRefused,
    What.NOT_FOUND: VendorRefused,
}
HARMLESS = {
    What.NEXT_FOREIGN_HOST,
    What.DELAYED,
    What.DUPLICATES,
    What.UNSORTED,
    What.OUT_OF_RANGE,
    What.BARE,
    What.PAGES_OVERLAP,
}
CHANGED = {
    What.RESTATED, What.EMPTY, What.PAGE_MISSING, What.IMPOSSIBLE, What.SPOILT_ROW, What.HALF,
    What.HALF_SESSION,
}  # fmt: skip


def test_every_kind_of_fault_is_expected() -> None:
    assert set(ERRORS) | HARMLESS | CHANGED == set(What)


@pytest.mark.parametrize("page", range(1, PAGES))
@pytest.mark.parametrize("what", ERRORS)
def test_a_fault_on_any_page_is_an_error_of_its_kind(what: What, page: int) -> None:
    faults = [Fault(what, nth=tuple(range(page, 20)))]
    with pytest.raises(ERRORS[what]) as caught:
        fetch(*faults)
    # A page that leads to itself may be asked for again, a circle of pages is not gone round.
    circle = what is What.NEXT_LOOP and page > 1
    assert type(caught.value) is (VendorEndless if circle else ERRORS[what])
    assert "AAPL" in str(caught.value)


@pytest.mark.parametrize(
    "what", sorted(ERRORS.keys() - {What.OTHER_TICKER, What.NEXT_FOREIGN_PATH})
)
def test_a_fault_of_a_whole_market_answer_is_an_error_of_its_kind(what: What) -> None:
    with pytest.raises(ERRORS[what]):
        fetch(Fault(what), call=DAY)


@pytest.mark.parametrize("what", sorted(HARMLESS))
def test_a_harmless_fault_leaves_the_right_bars(what: What) -> None:
    answer = fetch(Fault(what))
    assert numbers(answer.bars) == numbers(TRUTH)
    assert answer.delayed == (what is What.DELAYED)
    assert dict(answer.dropped) == {
        What.DUPLICATES: {"duplicate": 25},
        What.PAGES_OVERLAP: {"duplicate": 15},
        What.OUT_OF_RANGE: {"out_of_range": 2 * PAGES},
    }.get(what, {})


def test_restated_bars_are_taken_as_given() -> None:
    bars = fetch(Fault(What.RESTATED)).bars
    assert np.array_equal(bars.at, TRUTH.at)
    assert np.array_equal(bars.open, TRUTH.open)
    assert (bars.volume > TRUTH.volume).all()


def test_a_missing_page_leaves_a_gap_and_no_wrong_bar() -> None:
    bars = fetch(Fault(What.PAGE_MISSING, nth=(1,))).bars
    held = np.isin(TRUTH.at, bars.at)
    assert 0 < (~held).sum() <= 7
    assert numbers(bars) == numbers(TRUTH.rows(held))


def test_an_impossible_bar_is_handed_on_for_others_to_judge() -> None:
    bars = fetch(Fault(What.IMPOSSIBLE, nth=(1,))).bars
    assert bars.low[0] == -TRUTH.low[0]
    assert numbers(bars.rows(np.arange(1, 25))) == numbers(TRUTH.rows(np.arange(1, 25)))


def test_an_answer_without_bars_is_empty() -> None:
    answer = fetch(Fault(What.EMPTY))
    assert (len(answer.bars), answer.origin) == (0, "recorded")


# --- requests ----------------------------------------------------------------------------
def test_pages_are_asked_with_the_key_in_the_header_and_unadjusted() -> None:
    async def run() -> None:
        async with facing() as (source, vendor):
            gate = NotingGate()
            answer = await source.fetch(CALL, gate)
            assert answer.pages == len(vendor.requests) == len(gate.events) == PAGES
            assert answer.bytes > 0
            for seen in vendor.requests:
                assert seen.keyed
                assert not seen.exposed
                assert "adjusted=false" in seen.query
                assert seen.agent.startswith("tickstock/")

    asyncio.run(run())


def test_answers_are_packed_on_the_way() -> None:
    """A bar is about 75 bytes of JSON."""
    decade = Call(CallKind.TICKER, Timeframe.DAY, Span(date(2001, 1, 1), date(2011, 1, 1)), "IBM")

    async def run() -> Answer:
        async with facing(page_bars=50_000) as (source, _):
            return await source.fetch(decade, OpenGate())

    answer = asyncio.run(run())
    assert answer.pages == 1
    assert len(answer.bars) * 5 < answer.bytes < len(answer.bars) * 50


def test_a_foreign_host_in_next_url_gets_nothing() -> None:
    """The fault names vendor.invalid and plants a key; all pages come from our own host."""

    async def run() -> None:
        async with facing(Fault(What.NEXT_FOREIGN_HOST)) as (source, vendor):
            await source.fetch(CALL, OpenGate())
            assert [s.exposed for s in vendor.requests] == [False] * PAGES

    asyncio.run(run())


def test_the_path_arrives_as_it_was_meant() -> None:
    async def run() -> None:
        async with facing() as (source, vendor):
            for symbol in ("BRK/B", "KIMpL", "..", "a b"):
                answer = await source.fetch(
                    Call(CallKind.TICKER, Timeframe.DAY, SPAN, symbol), OpenGate()
                )
                assert len(answer.bars) == 0
            tickers = [seen.path.split("/")[4] for seen in vendor.requests]
            assert tickers == ["BRK%2FB", "KIMpL", "%2E%2E", "a%20b"]

    asyncio.run(run())


def test_pages_without_end_are_given_up() -> None:
    async def run() -> int:
        bounds = Bounds(pages=5)
        async with facing(page_bars=1, bounds=bounds) as (source, vendor):
            with pytest.raises(VendorUnreadable, match="does not end after 5 pages"):
                await source.fetch(CALL, OpenGate())
            return len(vendor.requests)

    assert asyncio.run(run()) == 5


# --- too many requests -------------------------------------------------------------------
def test_a_429_holds_everybody_back_and_is_asked_again() -> None:
    async def run() -> None:
        throttled = Fault(What.THROTTLED, nth=(2, 3), seconds=7)
        async with facing(throttled) as (source, vendor):
            gate = NotingGate()
            answer = await source.fetch(CALL, gate)
            assert numbers(answer.bars) == numbers(TRUTH)
            assert gate.events == ["enter", "enter", 7, "enter", 7, "enter", "enter"]
            assert [s.status for s in vendor.requests] == [200, 429, 429, 200, 200]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("what", "seconds"),
    [(What.THROTTLED, 30.0), (What.THROTTLED, None), (What.THROTTLED_EMPTY, None)],
)
def test_a_429_without_end_is_given_up(what: What, seconds: float | None) -> None:
    async def run() -> None:
        async with facing(Fault(what, seconds=seconds)) as (source, vendor):
            gate = NotingGate()
            with pytest.raises(VendorThrottled) as caught:
                await source.fetch(CALL, gate)
            assert caught.value.retry_after == seconds
            assert gate.events == ["enter", seconds] * 3
            assert len(vendor.requests) == 3

    asyncio.run(run())


def test_the_replay_vendor_enforces_a_call_limit() -> None:
    async def run() -> None:
        async with facing(rate=Rate(2, seconds=60)) as (source, vendor):
            with pytest.raises(VendorThrottled):
                await source.fetch(CALL, OpenGate())
            assert [s.status for s in vendor.requests] == [200, 200, 429, 429, 429]
            assert vendor.violations == 3

    asyncio.run(run())


def test_errors_but_429_are_not_retried_here() -> None:
    async def run() -> None:
        async with facing(Fault(What.SERVER_ERROR)) as (source, vendor):
            with pytest.raises(VendorUnavailable):
                await source.fetch(CALL, OpenGate())
            assert len(vendor.requests) == 1

    asyncio.run(run())


# --- what is said ------------------------------------------------------------------------
def test_a_plan_that_begins_later_refuses_a_part_of_the_range() -> None:
    limit = Fault(What.NOT_ENTITLED, before=date(2005, 4, 11))

    async def run() -> None:
        async with facing(limit) as (source, _):
            late = Span.inclusive(date(2005, 4, 11), SPAN.last)
            answer = await source.fetch(
                Call(CallKind.TICKER, Timeframe.DAY, late, "AAPL"), OpenGate()
            )
            assert len(answer.bars) == 15
            with pytest.raises(NotEntitled, match=r"AAPL day 2005-03-28\.\.2005-04-29.*timeframe"):
                await source.fetch(CALL, OpenGate())

    asyncio.run(run())


def test_a_wrong_key_is_refused() -> None:
    async def run() -> None:
        async with ReplayVendor(key="another") as vendor:
            source = MassiveSource(vendor.url, KEY)
            with pytest.raises(CredentialsRefused, match="Unknown API Key"):
                await source.fetch(CALL, OpenGate())
            await source.close()

    asyncio.run(run())


def test_a_vendor_that_is_not_there_is_unavailable() -> None:
    async def run() -> None:
        async with ReplayVendor() as vendor:
            pass
        source = MassiveSource(vendor.url, KEY)
        with pytest.raises(VendorUnavailable, match="cannot be reached"):
            await source.fetch(CALL, OpenGate())
        await source.close()

    asyncio.run(run())


def test_a_vendor_that_falls_silent_is_given_up() -> None:
    """The next byte would come in ten minutes."""
    with pytest.raises(VendorUnavailable, match="too long"):
        fetch(Fault(What.SLOW_DRIP, seconds=600), bounds=Bounds(silence=0.2))


def test_a_slow_drip_is_given_up_although_it_never_falls_silent() -> None:
    with pytest.raises(VendorUnavailable, match="too long"):
        fetch(Fault(What.SLOW_DRIP, seconds=0.01), bounds=Bounds(silence=5, total=0.3))


# --- the key -----------------------------------------------------------------------------
def everything_told(error: BaseException | None) -> str:
    """All that any log could print of an error and of what led to it."""
    told = ""
    while error is not None:
        told += "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
        told += repr(vars(error))
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize("what", What)
def test_the_key_is_never_told(what: What, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    try:
        told = repr(fetch(Fault(what)))
    except TickStockError as error:
        told = everything_told(error)
    assert KEY not in told + caplog.text


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def ask_server(handler: Handler, tls: ssl.SSLContext | None = None) -> TickStockError:
    """What a call to a server of one's own making fails with."""

    async def run() -> TickStockError:
        runner = web.ServerRunner(web.Server(handler, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        base = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        source = MassiveSource(base, KEY)
        try:
            with pytest.raises(TickStockError) as caught:
                await source.fetch(CALL, OpenGate())
        finally:
            await source.close()
            await runner.cleanup()
        return caught.value

    return asyncio.run(run())


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
@pytest.mark.parametrize("verdict", ["ERROR", "NOT_AUTHORIZED", KEY])
def test_a_vendor_that_repeats_the_key_is_not_quoted(status: int, verdict: str) -> None:
    async def echo(request: web.BaseRequest) -> web.Response:
        words = f"the header was {request.headers['Authorization']}"
        return web.json_response(
            {"status": verdict, "error": words, "message": words}, status=status
        )

    assert KEY not in everything_told(ask_server(echo))


def test_nonsense_instead_of_http_is_unreadable_and_keeps_the_key() -> None:
    async def nonsense(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        request.transport.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        request.transport.close()
        return web.Response()

    error = ask_server(nonsense)
    assert type(error) is VendorUnreadable
    assert KEY not in everything_told(error)


@pytest.mark.parametrize("status", [201, 204, 206, 301, 304, 307])
def test_any_other_success_is_not_an_answer(status: int) -> None:
    async def odd(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"})

    assert type(ask_server(odd)) is VendorUnreadable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, VendorUnreadable),
        (404, VendorRefused),
        (503, VendorUnavailable),
        (499, VendorUnavailable),
        (408, VendorTooSlow),
        (413, VendorTooSlow),
    ],
)
def test_a_refusal_counts_by_its_status_whatever_its_body(
    status: int, kind: type[TickStockError]
) -> None:
    async def packed(request: web.BaseRequest) -> web.Response:
        headers = {"Content-Encoding": "gzip"}
        return web.Response(status=status, body=b"not gzip at all", headers=headers)

    assert type(ask_server(packed)) is kind


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_an_untrusted_certificate_gets_no_key(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key,
            "-out",
            certificate,
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    keys = []

    async def note(request: web.BaseRequest) -> web.Response:
        keys.append(request.headers.get("Authorization"))
        return web.Response()

    error = ask_server(note, tls)
    assert type(error) is VendorUnavailable
    assert "certificate" in str(error)
    assert keys == []


# --- under fire --------------------------------------------------------------------------
STORM = [What.THROTTLED, What.BAD_GATEWAY, What.CUT_BODY, What.RESET, What.WRONG_COUNT,
         What.NOT_A_NUMBER, What.BAD_GZIP, What.NEXT_LOOP, What.ADJUSTED, What.DUPLICATES,
         What.UNSORTED, What.OUT_OF_RANGE]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_whoever_keeps_asking_gets_the_truth_and_nothing_else(seed: int) -> None:
    faults = [Fault(what, chance=0.06, seed=100 * seed + i) for i, what in enumerate(STORM)]
    symbols = ("AAPL", "GOOG", "IBM", "MSFT")

    async def insist(source: MassiveSource, symbol: str) -> tuple[BarTable, int]:
        for attempt in range(200):
            try:
                call = Call(CallKind.TICKER, Timeframe.DAY, SPAN, symbol)
                return (await source.fetch(call, OpenGate())).bars, attempt
            except Transient:
                continue
        raise AssertionError("no answer in 200 attempts")

    async def run() -> list[tuple[BarTable, int]]:
        async with facing(*faults, bounds=Bounds()) as (source, _):
            return [await insist(source, s) for s in symbols]

    found = asyncio.run(run())
    for symbol, (bars, _) in zip(symbols, found, strict=True):
        assert numbers(bars) == numbers(RECORDED.of(symbol, SPAN))
    assert sum(attempts for _, attempts in found) > 0


# --- the replay vendor itself --------------------------------------------------------------
def get(url: str, key: str = "any") -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, msgspec.json.decode(error.read())


AGGS = "/v2/aggs/ticker/AAPL/range/1/day"


def test_a_thread_serves_the_wire_format_to_any_client() -> None:
    with serve_in_thread(ReplayVendor(page_bars=2)) as vendor:
        status, page = get(f"{vendor.url}{AGGS}/2005-04-01/2005-04-06?adjusted=false")
        assert (status, page["status"], page["adjusted"]) == (200, "OK", False)
        assert (page["ticker"], page["queryCount"], page["resultsCount"]) == ("AAPL", 2, 2)
        first, second = page["results"]
        assert first == {
            "o": 42.09,
            "h": 42.18,
            "l": 40.57,
            "c": 40.89,
            "v": 22903000.0,
            "t": 1112331600000,
        }
        assert second["t"] == 1112587200000  # 04:00Z after 05:00Z: midnight in New York
        status, page = get(str(page["next_url"]))
        assert page["adjusted"] is True  # the cursor does not carry it
        assert [b["t"] for b in page["results"]] == [1112673600000, 1112760000000]
        assert "next_url" not in page


def test_whole_market_bars_are_stamped_at_the_end_of_the_session() -> None:
    with serve_in_thread(ReplayVendor()) as vendor:
        _, page = get(f"{vendor.url}/v2/aggs/grouped/locale/us/market/stocks/2005-04-01")
        assert {b["T"] for b in page["results"]} == {"AAPL", "GOOG", "IBM", "MSFT"}
        assert {b["t"] for b in page["results"]} == {1112389200000}  # 21:00Z, 16:00 in New York


def test_an_empty_answer_has_no_results() -> None:
    with serve_in_thread(ReplayVendor()) as vendor:
        status, page = get(f"{vendor.url}{AGGS}/2005-04-02/2005-04-03")
        assert (status, page["resultsCount"]) == (200, 0)
        assert "results" not in page


@pytest.mark.parametrize(
    ("path", "key", "status", "kind", "words"),
    [
        (f"{AGGS}/2005-04-01/2005-04-06", "", 401, "ERROR", "API Key was not provided"),
        (f"{AGGS}/2005-04-01/2005-04-06", "wrong", 401, "ERROR", "Unknown API Key"),
        (f"{AGGS}/yesterday/2005-04-06", KEY, 400, "ERROR", "Could not parse the time parameter"),
        (f"{AGGS}/2005-04-06/2005-04-01", KEY, 400, "ERROR", "a time that occurs before 'from'"),
        (f"{AGGS}/2005-04-01/2005-04-06?limit=0", KEY, 400, "ERROR", "'limit'"),
        (f"{AGGS}/2005-04-01/2005-04-06?sort=desc", KEY, 400, "ERROR", "ascending"),
        (f"{AGGS}/2005-04-01/2005-04-06?cursor=%ff", KEY, 400, "ERROR", "cursor"),
        (f"{AGGS[:-3]}week/2005-04-01/2005-04-06", KEY, 400, "ERROR", "minute, hour and day"),
        ("/v2/aggs/grouped/locale/us/market/stocks/now", KEY, 400, "ERROR", "Could not parse"),
        ("/v9/secrets", KEY, 404, "NOT_FOUND", "Not found"),
        ("/", KEY, 404, "NOT_FOUND", "Not found"),
    ],
)
def test_refusals_have_the_vendors_form(
    path: str, key: str, status: int, kind: str, words: str
) -> None:
    with serve_in_thread(ReplayVendor(key=KEY)) as vendor:
        got, page = get(vendor.url + path, key)
        assert (got, page["status"]) == (status, kind)
        assert words in str(page["error" if kind == "ERROR" else "message"])


def test_a_limit_counts_base_bars() -> None:
    with serve_in_thread(ReplayVendor(symbols=["SPY"])) as vendor:
        path = "/v2/aggs/ticker/SPY/range/1/hour/2012-04-02/2012-04-02?limit=150"
        _, page = get(vendor.url + path)
        assert (page["resultsCount"], page["queryCount"]) == (2, 120)
        assert "next_url" in page


def test_recorded_and_synthetic_bars_are_told_apart() -> None:
    async def run() -> None:
        symbols = ["AAPL", "FB", "SPY", "ZZTOP"]
        async with ReplayVendor(symbols=symbols) as vendor:
            source = MassiveSource(vendor.url, "any")
            april = Span.inclusive(date(2005, 4, 4), date(2005, 4, 4))
            found = {
                s: await source.fetch(Call(CallKind.TICKER, Timeframe.DAY, april, s), OpenGate())
                for s in (*symbols, "MSFT", "QQQ")
            }
            market = await source.fetch(DAY, OpenGate())
            await source.close()
        told = {s: (a.origin, len(a.bars)) for s, a in found.items()}
        assert told == {
            "AAPL": ("recorded", 1),
            "FB": ("recorded", 0),  # before its first recorded day: never filled up
            "SPY": ("synthetic", 1),
            "ZZTOP": ("synthetic", 0),
            "MSFT": ("recorded", 1),
            "QQQ": ("recorded", 0),  # not in the listing
        }
        assert market.bars.tickers == ("AAPL", "GOOG", "IBM", "MSFT", "SPY")
        assert market.origin == "synthetic"
        assert dict(market.origins) == dict.fromkeys(("AAPL", "GOOG", "IBM", "MSFT"), "recorded")

    asyncio.run(run())


def test_recorded_bars_are_not_filled_up_with_synthetic_ones() -> None:
    async def run() -> None:
        async with ReplayVendor(symbols=["AAPL", "SPY"], fill_synthetic=False) as vendor:
            source = MassiveSource(vendor.url, "any")
            market = await source.fetch(DAY, OpenGate())
            await source.close()
        assert (market.origin, market.origins) == ("recorded", ())
        assert "SPY" not in market.bars.tickers

    asyncio.run(run())


def test_answers_can_be_delayed() -> None:
    async def run() -> float:
        async with ReplayVendor(delay=0.2) as vendor:
            source = MassiveSource(vendor.url, "any")
            started = time.monotonic()
            await asyncio.gather(*(source.fetch(CALL, OpenGate()) for _ in range(10)))
            took = time.monotonic() - started
            await source.close()
        return took

    assert asyncio.run(run()) >= 0.2
