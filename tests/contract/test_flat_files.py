"""Flat files, from a folder and from a server that speaks S3: what is read, and what is refused."""

import asyncio
import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from isal import isal_zlib

from tests.flat_kit import HEADER, key_on, packed, put, session_files, synthetic_files
from tests.s3_kit import S3Server
from tickstock.config import read_settings
from tickstock.errors import (
    BadInput,
    BadSetting,
    CredentialsRefused,
    NotEntitled,
    TickStockError,
    VendorRefused,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.loading.grid import HeldSpans, build_grid
from tickstock.loading.planner import make_plan
from tickstock.loading.request import LoadRequest
from tickstock.model import (
    COLUMNS,
    Answer,
    BarTable,
    Call,
    CallKind,
    Instrument,
    Timeframe,
    epoch_day,
)
from tickstock.service.vendor import vendor_limits
from tickstock.sessions import shipped_calendar
from tickstock.spans import ONE_DAY, Span
from tickstock.testing import open_source
from tickstock.vendors import OpenGate
from tickstock.vendors.flatfiles import FILE_LAG, flatcsv
from tickstock.vendors.flatfiles.files import FolderFiles
from tickstock.vendors.flatfiles.source import FlatFiles
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.vendors.synthetic.source import synthetic_bars

DAY, MINUTE = Timeframe.DAY, Timeframe.MINUTE
THAT_DAY = date(2024, 3, 7)
NOON = 1_709_830_800_000_000_000
MIDNIGHT = 1_709_787_600_000_000_000
NOW = datetime(2025, 6, 2, tzinfo=UTC).timestamp()
SECRET = "secretSECRETsecret"


def call_on(day: date, timeframe: Timeframe = DAY) -> Call:
    return Call(CallKind.FLAT_DAY, timeframe, Span(day, day + ONE_DAY))


def line(ticker: str, stamp: int = MIDNIGHT, close: float = 12.5, volume: str = "900") -> str:
    return f"{ticker},{volume},12,{close},13,11.5,{stamp},17"


def read(
    data: bytes, wanted: Sequence[str] = (), timeframe: Timeframe = DAY
) -> tuple[BarTable, dict[str, int]]:
    found = flatcsv.read_flat_file(data, call_on(THAT_DAY, timeframe), wanted)
    assert not found.aside
    return found.bars, dict(found.dropped)


def rows(bars: BarTable) -> list[tuple[object, ...]]:
    columns = [getattr(bars, c).tolist() for c in ("at", "open", "high", "low", "close", "volume")]
    owners = (bars.tickers[o] for o in bars.owner)
    return list(zip(owners, *columns, bars.trades.tolist(), strict=True))


# --- what is in a file -----------------------------------------------------------------------
def test_columns_are_found_by_name_and_nothing_is_made_up() -> None:
    bars, dropped = read(packed([line("A", volume="9099.618093"), line("KIMpL")]))
    at = epoch_day(THAT_DAY)
    assert rows(bars) == [
        ("A", at, 12.0, 13.0, 11.5, 12.5, 9099.618093, 17),
        ("KIMpL", at, 12.0, 13.0, 11.5, 12.5, 900.0, 17),
    ]
    assert np.isnan(bars.vwap).all()
    assert dropped == {}
    other = "window_start,ticker,otc,low,high,close,open,volume,transactions"
    again, _ = read(packed([f'{MIDNIGHT},"A",0,11.5,13,12.5,12,9099.618093,17'], other))
    assert rows(again) == rows(bars)[:1]


@pytest.mark.parametrize("hour", [0, 16])
@pytest.mark.parametrize("day", [date(2023, 3, 10), date(2023, 3, 13), date(2023, 11, 6)])
def test_the_day_is_the_new_york_date_of_the_stamp(hour: int, day: date) -> None:
    span = Span(day, day + ONE_DAY)
    bars = synthetic_bars(["A", "B"], DAY, span, shipped_calendar(), NOW)
    (data,) = session_files(bars, DAY, hour=hour).values()
    found = flatcsv.read_flat_file(data, call_on(day)).bars
    assert found.at.tolist() == [epoch_day(day)] * 2


def test_of_repeated_rows_the_last_is_kept_and_the_rest_is_counted() -> None:
    bars, dropped = read(packed([line("A", close=12.1), line("A", close=11), line("B"), line("A")]))
    assert [(r[0], r[5]) for r in rows(bars)] == [("A", 12.5), ("B", 12.5)]
    assert dropped == {"duplicate": 2}


def test_wanted_tickers_are_read_in_any_order_of_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = sorted(
        {f"{a}{b}p{c}"[:n] for a in "AZ" for b in "BY" for c in "CX" for n in range(1, 5)}
    )
    moments = [NOON + 60_000_000_000 * i for i in range(30)]
    lines = [line(name, at, 11.5 + i / 100) for name in names for i, at in enumerate(moments)]
    wanted = names[::3]
    rng = np.random.default_rng(1)
    mixed = [lines[i] for i in rng.permutation(len(lines))]
    for step, taken in ((64, 11), (1000, 64), (64, 1 << 20), (flatcsv.STEP, flatcsv.PACKED_STEP)):
        monkeypatch.setattr(flatcsv, "STEP", step)  # pieces that end anywhere
        monkeypatch.setattr(flatcsv, "PACKED_STEP", taken)
        sorted_, _ = read(packed(lines), wanted, MINUTE)
        unsorted, _ = read(packed(mixed), wanted, MINUTE)
        assert sorted_.tickers == tuple(wanted)
        assert len(sorted_) == len(wanted) * 30
        assert rows(sorted_) == rows(unsorted)
        everything, _ = read(packed(mixed), (), MINUTE)
        assert [r for r in rows(everything) if r[0] in wanted] == rows(sorted_)


def test_a_prefix_is_another_ticker() -> None:
    bars, _ = read(packed([line("A"), line("AA"), line("AAA.WS"), line("B")]), ["A", "AAA.WS"])
    assert [r[0] for r in rows(bars)] == ["A", "AAA.WS"]


@pytest.mark.parametrize("inflater", [zlib, isal_zlib])
def test_the_rest_of_a_file_is_not_copied_for_each_piece(
    monkeypatch: pytest.MonkeyPatch, inflater: Any
) -> None:
    """What the inflater does not come to, it gives back as a copy; that of a whole file, a hundred
    times, took as long as all the rest."""
    given: list[int] = []

    class Counting:
        def __init__(self, form: int) -> None:
            self._inflater = inflater.decompressobj(form)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inflater, name)

        def decompress(self, packed: bytes, most: int) -> bytes:
            given.append(len(packed))
            return bytes(self._inflater.decompress(packed, most))

    data = packed([line(f"T{i}", close=11 + i % 97 / 100) for i in range(5_000)])
    monkeypatch.setattr(flatcsv, "_inflater", Counting)
    monkeypatch.setattr(flatcsv, "STEP", 4_000)
    monkeypatch.setattr(flatcsv, "PACKED_STEP", 2_000)
    assert len(read(data)[0]) == 5_000
    assert len(data) > 10_000
    assert max(given) <= 2_000


@pytest.mark.parametrize("inflater", [zlib, isal_zlib])
def test_files_of_several_members_without_a_last_line_end_are_whole(
    monkeypatch: pytest.MonkeyPatch, inflater: Any
) -> None:
    """Where isal is installed, and where it is not."""
    monkeypatch.setattr(flatcsv, "_inflater", inflater.decompressobj)
    text = "\n".join([HEADER, line("A"), line("B")]).encode()
    data = gzip.compress(text[:70]) + gzip.compress(text[70:])
    for taken in (1, 7, len(data) // 2, flatcsv.PACKED_STEP):
        for step in (40, flatcsv.STEP):
            monkeypatch.setattr(flatcsv, "PACKED_STEP", taken)
            monkeypatch.setattr(flatcsv, "STEP", step)
            assert [r[0] for r in rows(read(data)[0])] == ["A", "B"]
    assert len(read(packed([]))[0]) == 0
    assert len(read(packed([line("A")]), ["B"])[0]) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "without exactly one column 'ticker'"),
        (b"<html>no</html>", "broken gzip"),
        (packed([line("A")])[:-9], "ends in the middle"),
        (packed([line("A")]) + b"tail", "gzip"),
        (packed([line("A")], "ticker,open"), "without exactly one column 'high'"),
        (packed([line("A")], HEADER + ",low"), "without exactly one column 'low'"),
        (packed([line("A", MIDNIGHT + 86_400 * 10**9)]), "of other days only"),
        (packed([line(n, MIDNIGHT // 1000) for n in "ABC"]), "not in Unix nanoseconds"),
        (packed([line(n, MIDNIGHT * 10) for n in "ABC"]), "not in Unix nanoseconds"),
        (packed([line(n) + ",1" for n in "ABC"]), "not bars"),
        (packed([f"{line(n)[2:]},{n}" for n in "ABC"]), "not bars"),  # other columns than it says
        (gzip.compress("\n".join([HEADER, line("A"), "B,1,2,3"]).encode()), "middle of a line"),
    ],
)
def test_what_is_not_such_a_file_is_an_error(data: bytes, message: str) -> None:
    for wanted in ((), ("A",)):
        with pytest.raises(VendorUnreadable, match=message):
            read(data, wanted)


@pytest.mark.parametrize(
    ("bad", "ticker", "why"),
    [
        ("B,1", "B", "length"),
        ("B", "", "without a ticker"),
        ("", "", "without a ticker"),
        (line(""), "", "without a ticker"),
        (line("A B"), "", "impossible"),
        (line("X" * 33), "", "impossible"),
        ("B,NaN,1,1,1,1,1,1", "B", "malformed"),
        (line("B") + ",1", "B", "length"),
        (line("B", volume=""), "B", "malformed"),
        (line("B", volume="1e999"), "B", "out of range"),
        (line("B", MIDNIGHT // 1000), "B", "not in Unix nanoseconds"),
        (line("B", MIDNIGHT * 10), "B", "not in Unix nanoseconds"),
        (line("B")[:-2] + "-1", "B", "impossible number of trades"),
        ("B,1],[1,2", "B", "length"),
        ('B,"1', "", "without a ticker"),
    ],
)
def test_a_line_that_is_no_bar_is_put_aside_and_the_rest_is_kept(
    bad: str, ticker: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = packed([line("A"), bad, line("C"), line("D")])
    for step in (16, flatcsv.STEP):
        monkeypatch.setattr(flatcsv, "STEP", step)
        found = flatcsv.read_flat_file(data, call_on(THAT_DAY))
        assert [r[0] for r in rows(found.bars)] == ["A", "C", "D"]
        (row,) = found.aside
        assert (row.place, row.ticker, row.at) == ("line 3", ticker, epoch_day(THAT_DAY))
        assert why in row.why
        one = flatcsv.read_flat_file(data, call_on(THAT_DAY), ["C"])
        assert [r[0] for r in rows(one.bars)] == ["C"]
        assert one.tickers == 3 + bool(ticker)
        assert len(one.aside) == (ticker == "")  # a line of nobody's may be anybody's
    with pytest.raises(VendorUnreadable, match="not bars"):
        flatcsv.read_flat_file(packed([bad]), call_on(THAT_DAY))


def test_a_file_that_unpacks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flatcsv, "MOST_BYTES", 1 << 20)
    with pytest.raises(VendorUnreadable, match="when unpacked"):
        read(packed([line("A")] * 50_000))


# --- where files are -------------------------------------------------------------------------
def fetch(source: object, *calls: Call) -> list[Answer]:
    async def run() -> list[Answer]:
        try:
            return [await source.fetch(c, OpenGate()) for c in calls]  # type: ignore[attr-defined]
        finally:
            await source.close()  # type: ignore[attr-defined]

    return asyncio.run(run())


def account(key_id: str, url: str) -> dict[str, str]:
    return {"s3_key_id": key_id, "s3_secret": SECRET, "s3_endpoint": url}


def with_stub(stub: S3Server, *calls: Call, key_id: str = "", bucket: str = "") -> list[Answer]:
    async def run() -> list[Answer]:
        async with stub:
            source = open_source("flatfiles", **account(key_id or stub.key_id, stub.url))
            stub.bucket = bucket or stub.bucket
            try:
                return [await source.fetch(c, OpenGate()) for c in calls]
            finally:
                await source.close()

    return asyncio.run(run())


def test_folder_and_s3_give_the_same(tmp_path: Path) -> None:
    span = Span.inclusive(date(2024, 3, 7), date(2024, 3, 8))
    files = synthetic_files(["A", "B"], span, DAY, NOW) | synthetic_files("A", span, MINUTE, NOW)
    calls = [call_on(d, t) for d in (THAT_DAY, span.last) for t in (DAY, MINUTE)]
    local = fetch(open_source(f"flatfiles:{put(tmp_path, files)}"), *calls)
    remote = with_stub(S3Server(files), *calls)
    for a, b, call in zip(local, remote, calls, strict=True):
        assert all(np.array_equal(getattr(a.bars, c), getattr(b.bars, c), True) for c in COLUMNS)
        assert len(a.bars) == (2 if call.timeframe is DAY else 390)
        assert a.origin == b.origin == "massive"
        assert a.bytes == b.bytes == len(files[key_on(call.span.start, call.timeframe)])
        assert a.etag
        assert b.etag


def test_a_replaced_file_has_another_tag(tmp_path: Path) -> None:
    files = synthetic_files(["A"], Span(THAT_DAY, THAT_DAY + ONE_DAY), DAY, NOW)
    stub = S3Server(files)
    (before,) = with_stub(stub, call_on(THAT_DAY))
    (same,) = with_stub(stub, call_on(THAT_DAY))
    stub.objects[key_on(THAT_DAY)] = packed([line("A")])
    (after,) = with_stub(stub, call_on(THAT_DAY))
    assert before.etag == same.etag != after.etag


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_no_file_is_an_empty_answer_that_says_so(place: str, tmp_path: Path) -> None:
    files = {key_on(THAT_DAY): packed([line("A")])}
    saturday = call_on(date(2024, 3, 9))
    if place == "folder":
        (answer,) = fetch(open_source(f"flatfiles:{put(tmp_path, files)}"), saturday)
    else:
        (answer,) = with_stub(S3Server(files), saturday)
    assert len(answer.bars) == 0
    assert answer.note == f"Nobody answered: there is no file {key_on(date(2024, 3, 9))}."


def test_a_folder_without_such_files_is_not_taken_for_empty_days(tmp_path: Path) -> None:
    put(tmp_path, {key_on(THAT_DAY): packed([line("A")])})
    with pytest.raises(VendorRefused, match="holds no minute_aggs_v1"):
        fetch(open_source(f"flatfiles:{tmp_path}"), call_on(THAT_DAY, MINUTE))
    with pytest.raises(BadSetting, match="does not exist"):
        open_source(f"flatfiles:{tmp_path}/nowhere")


def break_entitlement(stub: S3Server) -> None:
    stub.refused.add(key_on(THAT_DAY))


def break_server(stub: S3Server) -> None:
    stub.broken[key_on(THAT_DAY)] = 503


@pytest.mark.parametrize(
    ("spoil", "error"),
    [(break_entitlement, NotEntitled), (break_server, VendorUnavailable)],
)
def test_refusals_are_told_apart(
    spoil: Callable[[S3Server], None], error: type[TickStockError]
) -> None:
    stub = S3Server({key_on(THAT_DAY): packed([line("A")])})
    spoil(stub)
    with pytest.raises(error):
        with_stub(stub, call_on(THAT_DAY))
    assert len(stub.requests) == 1  # whoever holds the call decides whether to ask again


def test_a_wrong_key_and_a_wrong_place_are_said_without_the_key() -> None:
    stub = S3Server({key_on(THAT_DAY): packed([line("A")])})
    with pytest.raises(CredentialsRefused, match="Check MASSIVE_S3_KEY_ID") as caught:
        with_stub(stub, call_on(THAT_DAY), key_id="WRONGKEY")
    assert "WRONGKEY" not in str(caught.value)
    assert SECRET not in str(caught.value)
    with pytest.raises(BadSetting, match="Check MASSIVE_S3_ENDPOINT"):
        with_stub(stub, call_on(THAT_DAY), bucket="elsewhere")


def test_variables_of_another_account_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "OTHERSECRET")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "OTHERTOKEN")
    stub = S3Server({key_on(THAT_DAY): packed([line("A")])})
    (answer,) = with_stub(stub, call_on(THAT_DAY))
    assert len(answer.bars) == 1
    (request,) = stub.requests
    assert not any("OTHER" in value for value in request.headers.values())


@pytest.mark.parametrize("url", ["http://files.massive.com", "https://user:pw@x", "ftp://x", ""])
def test_the_s3_key_is_only_sent_where_it_is_safe(url: str) -> None:
    with pytest.raises(BadSetting, match="base address"):
        open_source("flatfiles", **account("K", url))


def test_no_key_is_said() -> None:
    with pytest.raises(CredentialsRefused, match="MASSIVE_S3_KEY_ID"):
        open_source("flatfiles")


@pytest.mark.parametrize(
    "call",
    [
        Call(CallKind.TICKER, DAY, Span(THAT_DAY, THAT_DAY + ONE_DAY), "A"),
        Call(CallKind.MARKET_DAY, DAY, Span(THAT_DAY, THAT_DAY + ONE_DAY)),
        Call(CallKind.FLAT_DAY, Timeframe.HOUR, Span(THAT_DAY, THAT_DAY + ONE_DAY)),
        Call(CallKind.FLAT_DAY, DAY, Span(THAT_DAY, THAT_DAY + timedelta(2))),
    ],
)
def test_files_cannot_be_asked_anything_else(call: Call, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        fetch(FlatFiles(FolderFiles(tmp_path)), call)


def test_massive_with_a_key_pair_has_both_ways_in() -> None:
    async def run() -> list[Answer]:
        files = synthetic_files(["AAPL"], Span(THAT_DAY, THAT_DAY + ONE_DAY), MINUTE, NOW)
        async with S3Server(files) as stub, ReplayVendor() as vendor:
            ways = account(stub.key_id, stub.url) | {"base_url": vendor.url}
            source = open_source("massive", api_key="sesame", symbols=["AAPL"], **ways)
            rest = Call(CallKind.TICKER, DAY, Span(date(2012, 3, 1), date(2012, 4, 1)), "AAPL")
            answers = [await source.fetch(c, OpenGate()) for c in (rest, call_on(THAT_DAY, MINUTE))]
            await source.close()
            assert (len(vendor.requests), len(stub.requests)) == (1, 1)
            return answers

    assert [len(a.bars) for a in asyncio.run(run())] == [22, 390]


def test_limits_follow_the_settings(tmp_path: Path) -> None:
    now = datetime(2024, 3, 8, 13, tzinfo=UTC)  # 8:00 in New York: the file comes at 12:00
    calendar = shipped_calendar()
    keys = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S", "TICKSTOCK_HOME": str(tmp_path)}
    plain = read_settings({"TICKSTOCK_HOME": str(tmp_path)})
    assert vendor_limits(plain, calendar, now).flat_days is None
    both = vendor_limits(read_settings(keys), calendar, now)
    assert both.flat_days == Span.inclusive(date(2003, 9, 10), date(2024, 3, 6))
    later = vendor_limits(read_settings(keys), calendar, now + timedelta(hours=5))
    assert later.flat_days is not None
    assert later.flat_days.last == THAT_DAY
    alone = vendor_limits(read_settings(keys | {"TICKSTOCK_VENDOR": "flatfiles:x"}), calendar, now)
    assert (alone.ticker, alone.market_day) == (False, False)
    assert alone.publication_lag == FILE_LAG > both.publication_lag
    assert "S" not in [str(v) for v in read_settings(keys).model_dump().values()]


@pytest.mark.parametrize(
    ("vendor", "hours", "asked"),
    [
        ("massive", 16, {CallKind.TICKER: 2}),
        ("massive", 21, {CallKind.FLAT_DAY: 4}),
        ("flatfiles:x", 16, {CallKind.FLAT_DAY: 3}),
        ("flatfiles:x", 21, {CallKind.FLAT_DAY: 4}),
    ],
)
def test_a_plan_asks_for_no_file_before_it_can_be_there(
    tmp_path: Path, vendor: str, hours: int, asked: dict[CallKind, int]
) -> None:
    """Four sessions up to one that closed so many hours ago; its bars are final after 8 hours, its
    file is there after 20. Until then REST is asked for it, where there is REST."""
    calendar, four = shipped_calendar(), Span.inclusive(date(2024, 3, 4), THAT_DAY)
    now = datetime(2024, 3, 7, 21, tzinfo=UTC) + timedelta(hours=hours)
    keys = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S", "TICKSTOCK_HOME": str(tmp_path)}
    limits = vendor_limits(read_settings(keys | {"TICKSTOCK_VENDOR": vendor}), calendar, now)
    symbols = ("A", "B")
    none = HeldSpans(*(np.empty(0, np.int64) for _ in range(3)))
    grid = build_grid(
        MINUTE,
        [Instrument(i, symbol) for i, symbol in enumerate(symbols)],
        four,
        calendar,
        calendar.published(now, limits.publication_lag),
        none,
    )
    request = LoadRequest("test", symbols, (MINUTE,), four)
    plan = make_plan(request, [grid], replace(limits, calls_per_minute=5.0))
    assert plan.calls_by_kind == asked
    days = {p.call.span.start for p in plan.calls if p.call.kind is CallKind.FLAT_DAY}
    assert (THAT_DAY in days) is (hours > 20)
