"""One suite for every source of bars: what each of them promises (`tickstock.vendors`)."""

import csv
import gzip
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import tickstock
from tests.flat_kit import put, synthetic_files
from tests.s3_kit import S3Server
from tickstock.errors import BadFile, BadSetting, CredentialsRefused
from tickstock.model import BarTable, Timeframe
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span, day_of
from tickstock.testing import open_source
from tickstock.testing.vendor_contract import (
    VendorCase,
    VendorContract,
    VendorServerContract,
    closing,
    fetch,
    market,
    ticker,
)
from tickstock.vendors import BarSource
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.registry import find
from tickstock.vendors.replay.market import market_of
from tickstock.vendors.replay.recorded import read_folder
from tickstock.vendors.replay.server import ReplayVendor

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
NOW = NOON.timestamp()
LISTING = ("AAPL", "FB", "KIMpL", "SPY", "ZZTOP")
OWN_BARS = """\
symbol,date,open,high,low,close,volume,vwap,trades
BRK/B,2011-11-07,76.5,77,76.25,76.75,3500000.5,76.61,41000
BRK/B,2011-11-04,76,76.5,75.5,76.25,3000000,,
KIMpL,2011-11-04,25.91,26.25,25.91,25.9102,4369,26.0407,74
"""


def massive_at(url: str) -> BarSource:
    return open_source("massive", api_key="sesame", base_url=url)


@asynccontextmanager
async def massive() -> AsyncIterator[BarSource]:
    async with (
        ReplayVendor(symbols=LISTING, now=lambda: NOW, page_bars=40) as vendor,
        closing(MassiveSource(vendor.url, "sesame")) as source,
    ):
        yield source


def opened(name: str) -> Callable[[], AbstractAsyncContextManager[BarSource]]:
    @asynccontextmanager
    async def manager() -> AsyncIterator[BarSource]:
        async with closing(open_source(name, symbols=LISTING, clock=lambda: NOON)) as source:
            yield source

    return manager


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "bars.csv").write_text(OWN_BARS)
    return folder


SPRING = Span.inclusive(date(2012, 2, 1), date(2012, 5, 31))  # the clock changes on 11 March
SOURCES = ["massive, recorded", "massive, synthetic", "synthetic", "replay", "replay:FOLDER"]
SOURCES += ["replay:market"]
FILED = Span.inclusive(date(2012, 3, 5), date(2012, 3, 16))


@pytest.fixture(scope="module")
def flat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of two weeks around the change of the clock."""
    symbols = [s for s in LISTING if not s.startswith("ZZ")]
    days = Span.inclusive(date(2012, 3, 9), date(2012, 3, 12))
    files = synthetic_files(symbols, FILED, Timeframe.DAY, NOW)
    files |= synthetic_files(["KIMpL"], days, Timeframe.MINUTE, NOW)
    return put(tmp_path_factory.mktemp("flat"), files)


def over_s3(folder: Path) -> Callable[[], AbstractAsyncContextManager[BarSource]]:
    found = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*.gz")}

    @asynccontextmanager
    async def manager() -> AsyncIterator[BarSource]:
        async with S3Server(found) as stub:
            account = {"s3_key_id": stub.key_id, "s3_secret": "secret", "s3_endpoint": stub.url}
            async with closing(open_source("flatfiles", **account)) as source:
                yield source

    return manager


RECORDED = VendorCase(massive, "AAPL", SPRING, 84, "recorded", find("massive")[0], at=massive_at)
REPLAY = find("replay")[0]


def largest() -> str:
    """Of a market of forty, the ticker that is traded most in spring."""
    market = market_of("market=40@2012", shipped_calendar())
    assert market is not None
    bars = market.on(date(2012, 2, 1), NOW)
    return bars.tickers[int(bars.owner[np.argmax(bars.volume * bars.close)])]


class TestOurVendors(VendorContract):
    """Each of ours keeps the promises."""

    @pytest.fixture(params=[*SOURCES, "flatfiles:FOLDER", "flatfiles"])
    def case(
        self, request: pytest.FixtureRequest, own_folder: Path, flat_folder: Path
    ) -> VendorCase:
        autumn = Span.inclusive(date(2011, 11, 1), date(2011, 11, 10))
        hours = {Timeframe.HOUR: 14, Timeframe.MINUTE: 780}
        synthetic = VendorCase(
            opened("synthetic"), "KIMpL", SPRING, 84, "synthetic", find("synthetic")[0],
            intraday="KIMpL", intraday_bars=hours,
        )  # fmt: skip
        files = replace(
            synthetic, open=opened(f"flatfiles:{flat_folder}"), span=FILED, sessions=10,
            origin="massive", spec=find("flatfiles")[0],
        )  # fmt: skip
        recorded = replace(RECORDED, intraday="SPY", intraday_bars=hours)
        return {
            "massive, recorded": recorded,
            "massive, synthetic": replace(synthetic, open=massive, spec=RECORDED.spec),
            "synthetic": synthetic,
            "replay": replace(recorded, open=opened("replay"), spec=REPLAY),
            "replay:FOLDER": VendorCase(
                opened(f"replay:{own_folder}"), "BRK/B", autumn, 2, "recorded", REPLAY
            ),
            "replay:market": VendorCase(
                opened("replay:market=40@2012"), largest(), SPRING, 84, "synthetic", REPLAY
            ),
            "flatfiles:FOLDER": files,
            "flatfiles": replace(files, open=over_s3(flat_folder)),
        }[request.param]


class TestMassiveServer(VendorServerContract):
    """Nothing that a server sends in its place is taken for an answer."""

    @pytest.fixture
    def case(self) -> VendorCase:
        return RECORDED


# --- the recorded bars through the wire ----------------------------------------------------
@pytest.fixture(params=["America/Chicago", "UTC", "Asia/Tokyo"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine's time zone, which must not matter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def truth() -> dict[tuple[str, str], list[float]]:
    """The shipped file, read without any of our own code."""
    (file,) = (Path(tickstock.__file__).parent / "data" / "bars").glob("*.csv.gz")
    with gzip.open(file, "rt") as lines:
        rows = list(csv.reader(lines))[1:]
    return {(r[0], r[1]): [float(x) for x in r[2:]] for r in rows}


def as_rows(bars: BarTable) -> dict[tuple[str, str], list[float]]:
    columns = zip(bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    return {
        (bars.tickers[o], day_of(int(at)).isoformat()): [float(x) for x in values]
        for o, at, values in zip(bars.owner, bars.at, columns, strict=True)
    }


def test_all_recorded_bars_come_through_the_wire_exactly(zone: str) -> None:
    whole = Span(date(1999, 1, 1), date(2014, 1, 1))
    case = VendorCase(opened("replay"), "", whole, 0, "", REPLAY)
    answers = fetch(case, *(ticker(s, whole) for s in ("AAPL", "FB", "GOOG", "IBM", "MSFT")))
    got: dict[tuple[str, str], list[float]] = {}
    for answer in answers:
        assert answer.dropped == ()
        got |= as_rows(answer.bars)
    assert len(got) == 12_154
    assert got == truth()


def test_whole_market_days_are_the_same_bars(zone: str) -> None:
    start, end = shipped_calendar().between(Span(date(2012, 10, 1), date(2013, 3, 2)))
    days = [shipped_calendar().day(i) for i in range(start, end)]
    case = VendorCase(opened("replay"), "", SPRING, 0, "", REPLAY)
    got: dict[tuple[str, str], list[float]] = {}
    for answer in fetch(case, *map(market, days)):
        assert dict(answer.origins) == dict.fromkeys(
            ("AAPL", "FB", "GOOG", "IBM", "MSFT"), "recorded"
        )
        bars = answer.bars
        got |= as_rows(
            bars.rows(np.array([t in dict(answer.origins) for t in bars.tickers])[bars.owner])
        )
    assert got == {k: v for k, v in truth().items() if k[1] >= "2012-10-01"}


# --- opening a source ----------------------------------------------------------------------
def test_massive_needs_a_key() -> None:
    with pytest.raises(
        CredentialsRefused, match="Set MASSIVE_API_KEY, or TICKSTOCK_VENDOR=synthetic"
    ):
        open_source("massive")


@pytest.mark.parametrize("key", ["open sesame", "a\r\nHost: x", "schlüssel", "\x00"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        open_source("massive", api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.massive.com",
        "http://192.168.0.7",
        "http://127.0.0.1.evil.example",
        "https://",
        "api.massive.com",
        "ftp://127.0.0.1",
        "https://user:pass@api.massive.com",
        "https://api.massive.com/path",
        "https://api.massive.com?x=1",
        "https://[::1",
        "https://h:99999",
        "",
    ],
)
def test_a_key_is_only_sent_where_it_is_safe(url: str) -> None:
    with pytest.raises(BadSetting, match="base address") as caught:
        open_source("massive", api_key="sesame", base_url=url)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://api.massive.com/", "http://127.0.0.1:99", "http://localhost", "http://[::1]:8"]
)
def test_safe_addresses_are_taken(url: str, machine_clock: None) -> None:
    source = open_source("massive", api_key="sesame", base_url=url, calls_per_minute=5)
    assert source.limits.calls_per_minute == 5
    assert repr(source) == f"MassiveSource({url.rstrip('/')!r}, name='massive')"


@pytest.mark.parametrize("name", ["", "Massive", "replay:", "yahoo", "massive:x"])
def test_an_unknown_vendor_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match=r"There is no vendor .* Use "):
        open_source(name, api_key="sesame")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,date,open,high,low,close\n", "bars.csv:1: the column 'volume' is missing"),
        (OWN_BARS + "X,2011-11-31,1,1,1,1,1,,\n", "bars.csv:5: this line is not a bar"),
        (OWN_BARS + "X,2011-11-04,1,1,1,nan,1,,\n", "bars.csv:5: this line is not a bar"),
        (OWN_BARS + "X,2011-11-04,1\n", "bars.csv:5: this line is not a bar"),
        (OWN_BARS + ",2011-11-04,1,1,1,1,1,,\n", "bars.csv:5: this line is not a bar"),
        (OWN_BARS + "KIMpL,2011-11-04,1,1,1,1,1,,\n", "bars.csv:5: a second bar of KIMpL"),
    ],
)
def test_a_file_that_is_not_bars_is_named_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(BadFile, match=message):
        open_source(f"replay:{tmp_path}")


def test_a_folder_must_hold_readable_files(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(BadFile, match="holds no CSV file"):
        read_folder(tmp_path)
    (tmp_path / "bars.csv.gz").write_bytes(gzip.compress(OWN_BARS.encode())[:-20])
    with pytest.raises(BadFile, match="cannot be read after line"):
        read_folder(tmp_path)


def test_files_may_be_packed_and_name_their_columns_as_they_like(tmp_path: Path) -> None:
    text = "\ufeffTicker,Date,Open,High,Low,Close,Volume,Adj Close\nA,2012-03-09,1,2,0.5,1.5,10,1\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "b.csv").write_text(OWN_BARS)
    found = read_folder(tmp_path)
    assert found.tickers == ("A", "BRK/B", "KIMpL")
    assert found.all.high.tolist() == [2, 76.5, 77, 26.25]
    assert found.all.trades.tolist() == [-1, -1, 41000, 74]
