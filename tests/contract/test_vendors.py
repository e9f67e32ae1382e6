"""One suite for every source of bars: what each of them promises (`tickstock.vendors`)."""

import asyncio
import csv
import gzip
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import tickstock
from tests.flat_kit import S3Stub, put, synthetic_files
from tickstock.errors import BadFile, BadInput, BadSetting, CredentialsRefused
from tickstock.model import COLUMNS, Answer, BarTable, Call, CallKind, Timeframe, epoch_day
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span, day_of, days_of
from tickstock.vendors import BarSource, OpenGate
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.massive.wire import tidy
from tickstock.vendors.open import S3Account, open_source
from tickstock.vendors.replay.recorded import read_folder
from tickstock.vendors.replay.server import ReplayVendor

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC).timestamp()
LISTING = ("AAPL", "FB", "KIMpL", "SPY", "ZZTOP")
OWN_BARS = """\
symbol,date,open,high,low,close,volume,vwap,trades
BRK/B,2011-11-07,76.5,77,76.25,76.75,3500000.5,76.61,41000
BRK/B,2011-11-04,76,76.5,75.5,76.25,3000000,,
KIMpL,2011-11-04,25.91,26.25,25.91,25.9102,4369,26.0407,74
"""


class CountingGate(OpenGate):
    """A budget without a limit that counts who passes."""

    def __init__(self) -> None:
        self.passed = 0

    async def enter(self) -> None:
        self.passed += 1


@dataclass(frozen=True)
class Case:
    """A source, and what it is known to hold: day bars of `symbol` in `span`.

    `files`: it answers by session alone, for all tickers.
    """

    open: Callable[[], AbstractAsyncContextManager[BarSource]]
    symbol: str
    span: Span
    sessions: int
    origin: str
    intraday: str = ""
    files: bool = False


@asynccontextmanager
async def closing(source: BarSource) -> AsyncIterator[BarSource]:
    try:
        yield source
    finally:
        await source.close()


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
        async with closing(open_source(name, symbols=LISTING, now=lambda: NOW)) as source:
            yield source

    return manager


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "bars.csv").write_text(OWN_BARS)
    return folder


SPRING = Span.inclusive(date(2012, 2, 1), date(2012, 5, 31))  # the clock changes on 11 March
SOURCES = ["massive, recorded", "massive, synthetic", "synthetic", "replay", "replay:FOLDER"]
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
        async with S3Stub(found) as stub:
            account = S3Account(stub.key_id, "secret", stub.url)
            async with closing(open_source("flatfiles", s3=account)) as source:
                yield source

    return manager


@pytest.fixture(params=[*SOURCES, "flatfiles:FOLDER", "flatfiles"])
def case(request: pytest.FixtureRequest, own_folder: Path, flat_folder: Path) -> Case:
    autumn = Span.inclusive(date(2011, 11, 1), date(2011, 11, 10))
    return {
        "massive, recorded": Case(massive, "AAPL", SPRING, 84, "recorded"),
        "massive, synthetic": Case(massive, "KIMpL", SPRING, 84, "synthetic", "KIMpL"),
        "synthetic": Case(opened("synthetic"), "KIMpL", SPRING, 84, "synthetic", "KIMpL"),
        "replay": Case(opened("replay"), "AAPL", SPRING, 84, "recorded", "SPY"),
        "replay:FOLDER": Case(opened(f"replay:{own_folder}"), "BRK/B", autumn, 2, "recorded"),
        "flatfiles:FOLDER": Case(
            opened(f"flatfiles:{flat_folder}"), "KIMpL", FILED, 10, "massive", "KIMpL", files=True
        ),
        "flatfiles": Case(over_s3(flat_folder), "KIMpL", FILED, 10, "massive", "KIMpL", files=True),
    }[request.param]


def ticker(symbol: str, span: Span, timeframe: Timeframe = Timeframe.DAY) -> Call:
    return Call(CallKind.TICKER, timeframe, span, symbol)


def market(day: date) -> Call:
    return Call(CallKind.MARKET_DAY, Timeframe.DAY, Span(day, day + timedelta(1)))


def fetch(case: Case, *calls: Call, gate: OpenGate | None = None) -> list[Answer]:
    async def run() -> list[Answer]:
        async with case.open() as source:
            ask = by_files if case.files else type(source).fetch
            return [await ask(source, call, gate or OpenGate()) for call in calls]

    return asyncio.run(run())


async def by_files(source: BarSource, call: Call, gate: OpenGate) -> Answer:
    """The answer to a call put together from the files of its days."""
    days = list(days_of(call.span))
    asked = [Call(CallKind.FLAT_DAY, call.timeframe, Span(d, d + timedelta(1))) for d in days]
    answers = [await source.fetch(c, gate) for c in asked]
    bars, dropped = tidy([only(a.bars, call.symbol) for a in answers], call)
    return replace(answers[0], call=call, bars=bars, dropped=dropped, pages=len(answers))


def only(bars: BarTable, ticker: str) -> BarTable:
    if not ticker or ticker not in bars.tickers:
        return bars if not ticker else BarTable.empty()
    mine = bars.rows(bars.owner == bars.tickers.index(ticker))
    return replace(mine, tickers=(ticker,), owner=np.zeros(len(mine), np.int64))


def same(a: BarTable, b: BarTable) -> bool:
    return all(np.array_equal(getattr(a, c), getattr(b, c), equal_nan=True) for c in COLUMNS)


# --- the promises ------------------------------------------------------------------------
def test_day_bars_are_the_sessions_of_the_span(case: Case) -> None:
    call = ticker(case.symbol, case.span)
    (answer,) = fetch(case, call)
    assert answer.call == call
    assert answer.bars.tickers == (case.symbol,)
    assert len(answer.bars) == case.sessions
    assert (np.diff(answer.bars.at) > 0).all()
    assert np.isin(answer.bars.at, shipped_calendar().days).all()
    assert all(day_of(d) in case.span for d in answer.bars.at.tolist())
    assert answer.dropped == ()


def test_every_answer_names_its_origin(case: Case) -> None:
    (answer,) = fetch(case, ticker(case.symbol, case.span))
    assert (answer.origin, answer.origins) == (case.origin, ())


def test_asking_again_gives_the_same(case: Case) -> None:
    call = ticker(case.symbol, case.span)
    first, again = fetch(case, call, call)
    assert same(first.bars, again.bars)


def test_a_part_of_the_span_gives_a_part_of_the_bars(case: Case) -> None:
    begins = [case.span.start + timedelta(n) for n in (0, 3, 30, 38, 59)]
    parts = [part for d in begins if (part := Span(d, d + timedelta(5)) & case.span)]
    whole, *rest = fetch(case, *(ticker(case.symbol, span) for span in (case.span, *parts)))
    for answer, part in zip(rest, parts, strict=True):
        days = whole.bars.at
        wanted = (days >= epoch_day(part.start)) & (days < epoch_day(part.end))
        assert len(answer.bars) == wanted.sum() > 0
        assert same(answer.bars, whole.bars.rows(wanted))


def test_the_whole_market_on_a_day_has_the_bars_of_its_tickers(case: Case) -> None:
    (alone,) = fetch(case, ticker(case.symbol, case.span))
    for at in alone.bars.at[:2].tolist():
        (answer,) = fetch(case, market(day_of(at)))
        bars = answer.bars
        mine = bars.rows(bars.owner == bars.tickers.index(case.symbol))
        one = alone.bars.rows(alone.bars.at == at)
        assert all(
            np.array_equal(getattr(mine, c), getattr(one, c), equal_nan=True) for c in COLUMNS[1:]
        )
        assert dict(answer.origins).get(case.symbol, answer.origin) == case.origin
        assert set(dict(answer.origins)) <= set(bars.tickers)
        assert list(bars.tickers) == sorted(set(bars.tickers))
        assert (np.diff(bars.owner) > 0).all()


def test_nothing_is_known_of_a_symbol_with_other_case(case: Case) -> None:
    if case.origin == "recorded":
        (answer,) = fetch(case, ticker(case.symbol.lower(), case.span))
        assert len(answer.bars) == 0
    elif case.files:
        assert len(fetch(case, ticker("KIMPL", case.span))[0].bars) == 0
    else:
        one, other = fetch(case, *(ticker(s, case.span) for s in ("KIMpL", "KIMPL")))
        assert not np.array_equal(one.bars.close, other.bars.close)


def test_an_unknown_symbol_and_a_closed_day_are_empty(case: Case) -> None:
    saturday = Span.inclusive(date(2012, 3, 10), date(2012, 3, 11))
    answers = fetch(
        case, ticker("ZZTOP", case.span), ticker(case.symbol, saturday), market(saturday.start)
    )
    assert [len(a.bars) for a in answers] == [0, 0, 0]


def test_a_ticker_cannot_leave_its_place(case: Case) -> None:
    answers = fetch(
        case, *(ticker(f"ZZ{s}", case.span) for s in ("/../..", "?x=1", "#", "%2e", " "))
    )
    assert [len(a.bars) for a in answers] == [0] * 5


def test_each_request_passes_the_gate(case: Case) -> None:
    gate = CountingGate()
    answers = fetch(case, ticker(case.symbol, case.span), market(date(2012, 3, 9)), gate=gate)
    assert gate.passed == sum(a.pages for a in answers)


def test_what_cannot_be_asked_is_refused(case: Case) -> None:
    case = replace(case, files=False)
    flat = Call(CallKind.FLAT_DAY, Timeframe.DAY, Span(case.span.start, case.span.start))
    for call in (
        flat,
        ticker(case.symbol, case.span, Timeframe.WEEK),
        ticker("", case.span),
        ticker(case.symbol, Span(case.span.start, case.span.start)),
        Call(CallKind.MARKET_DAY, Timeframe.DAY, case.span),
        Call(CallKind.MARKET_DAY, Timeframe.HOUR, market(case.span.start).span),
    ):
        with pytest.raises(BadInput):
            fetch(case, call)


def test_intraday_bars_lie_in_their_sessions(case: Case) -> None:
    days = Span.inclusive(date(2012, 3, 9), date(2012, 3, 12))  # 14:30Z, then 13:30Z
    for frame, count in ((Timeframe.HOUR, 14), (Timeframe.MINUTE, 780)):
        if case.files and frame is Timeframe.HOUR:
            continue  # no files of these
        (answer,) = fetch(case, ticker(case.intraday or case.symbol, days, frame))
        bars = answer.bars
        if not case.intraday:
            assert len(bars) == 0
            continue
        assert len(bars) == count
        calendar = shipped_calendar()
        session = calendar.sessions_of(bars.at)
        assert (session >= 0).all()
        assert (bars.at < calendar.closes[session]).all()
        assert (bars.at > calendar.opens[session] - 3600).all()
        assert answer.origin == ("massive" if case.files else "synthetic")


def test_a_source_can_be_closed_twice(case: Case) -> None:
    async def run() -> None:
        async with case.open() as source:
            ask = by_files if case.files else type(source).fetch
            await ask(source, ticker(case.symbol, case.span), OpenGate())
            await source.close()
            await source.close()

    asyncio.run(run())


def test_many_calls_at_once(case: Case) -> None:
    async def run() -> list[Answer]:
        async with case.open() as source:
            calls = [ticker(case.symbol, case.span)] * 20 + [ticker("ZZTOP", case.span)] * 20
            ask = by_files if case.files else type(source).fetch
            return await asyncio.gather(*(ask(source, c, OpenGate()) for c in calls))

    assert [len(a.bars) for a in asyncio.run(run())] == [case.sessions] * 20 + [0] * 20


def test_a_source_tells_its_name_and_limits(case: Case) -> None:
    async def run() -> None:
        async with case.open() as source:
            assert source.name in ("massive", "synthetic", "replay", "flatfiles")
            assert source.limits.base_bars == 50_000
            assert source.limits.publication_lag >= timedelta(0)

    asyncio.run(run())


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
    case = Case(opened("replay"), "", whole, 0, "")
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
    case = Case(opened("replay"), "", SPRING, 0, "")
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
def test_safe_addresses_are_taken(url: str) -> None:
    source = open_source("massive", api_key="sesame", base_url=url, calls_per_minute=5)
    assert source.limits.calls_per_minute == 5
    assert repr(source) == f"MassiveSource({url.rstrip('/')!r}, name='massive')"


@pytest.mark.parametrize("name", ["", "Massive", "replay:", "yahoo", "massive:x"])
def test_an_unknown_vendor_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match="Use massive, flatfiles"):
        open_source(name, api_key="sesame")


@pytest.mark.parametrize(
    ("text", "complaint"),
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
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(BadFile, match=complaint):
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
