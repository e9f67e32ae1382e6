"""The vendor's wire format: reading is exact where the form is kept, and loud where it is not."""

import json
import random
import tracemalloc
import zlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tickstock.errors import BadInput, NotEntitled, TickStockError, VendorUnreadable
from tickstock.model import BarTable, Call, CallKind, Timeframe, epoch_day
from tickstock.spans import Span
from tickstock.vendors.body import Body
from tickstock.vendors.http import retry_after
from tickstock.vendors.massive.wire import (
    Question,
    first_question,
    next_question,
    read_page,
    said,
)
from tickstock.vendors.newyork import LATEST, dates_of, instants_of
from tickstock.vendors.origin import RECORDED, SYNTHETIC, Origin, read_origin
from tickstock.vendors.tables import tidy
from tickstock.vendors.words import clean

NEW_YORK = ZoneInfo("America/New_York")
SPAN = Span.inclusive(date(2005, 4, 1), date(2005, 4, 4))
CALL = Call(CallKind.TICKER, Timeframe.DAY, SPAN, "AAPL")
MARKET = Call(
    CallKind.MARKET_DAY, Timeframe.DAY, Span.inclusive(date(2020, 10, 14), date(2020, 10, 14))
)
APRIL_1, APRIL_4 = 1112331600000, 1112587200000  # 05:00Z and 04:00Z: the clock changed between


def bar(t: int = APRIL_1, **other: object) -> dict[str, object]:
    return {"o": 41.5, "h": 42, "l": 40.25, "c": 41, "v": 1000, "t": t, **other}


def body(*bars: dict[str, object], **other: object) -> bytes:
    answer = {
        "ticker": "AAPL",
        "queryCount": len(bars),
        "resultsCount": len(bars),
        "adjusted": False,
        "status": "OK",
        "request_id": "12afda77",
        "results": list(bars),
        **other,
    }
    return json.dumps({k: v for k, v in answer.items() if v is not ...}).encode()


# --- bars that are read ------------------------------------------------------------------
def test_a_bar_is_read_into_columns() -> None:
    page = read_page(body(bar(v=642646396.5, vw=41.1, n=82132, otc=True), bar(APRIL_4)), CALL)
    bars = page.bars
    assert bars.tickers == ("AAPL",)
    assert bars.at.tolist() == [epoch_day(date(2005, 4, 1)), epoch_day(date(2005, 4, 4))]
    assert [c[0] for c in (bars.open, bars.high, bars.low, bars.close)] == [41.5, 42, 40.25, 41]
    assert bars.volume.tolist() == [642646396.5, 1000]
    assert bars.vwap[0] == 41.1
    assert np.isnan(bars.vwap[1])
    assert bars.trades.tolist() == [82132, -1]
    assert (page.next_url, page.delayed) == ("", False)


@pytest.mark.parametrize("results", [..., None, []])
def test_an_answer_without_bars_has_many_forms(results: object) -> None:
    assert len(read_page(body(results=results), CALL).bars) == 0


@pytest.mark.parametrize("request_id", [1, "x", {"type": "string"}, None, ...])
def test_the_request_id_may_be_anything(request_id: object) -> None:
    assert len(read_page(body(bar(), request_id=request_id), CALL).bars) == 1


def test_delayed_is_a_success() -> None:
    assert read_page(body(bar(), status="DELAYED"), CALL).delayed


@pytest.mark.parametrize("hour", [0, 16])
@pytest.mark.parametrize("day", [date(2020, 3, 6), date(2020, 3, 9), date(2020, 11, 2)])
def test_both_stampings_of_a_day_bar_name_its_session(day: date, hour: int) -> None:
    stamp = datetime(day.year, day.month, day.day, hour, tzinfo=NEW_YORK).timestamp()
    call = Call(CallKind.TICKER, Timeframe.DAY, Span(day, day + timedelta(1)), "AAPL")
    page = read_page(body(bar(int(stamp * 1000))), call)
    assert page.bars.at.tolist() == [epoch_day(day)]


def test_minute_bars_keep_their_instant() -> None:
    call = Call(CallKind.TICKER, Timeframe.MINUTE, SPAN, "AAPL")
    assert read_page(body(bar(1112362200000)), call).bars.at.tolist() == [1112362200]


def test_whole_market_tickers_keep_their_case() -> None:
    rows = [bar(1602705600000, T=t) for t in ("VSAT", "KIMpL", "BRK.B")]
    page = read_page(body(*rows, ticker=...), MARKET)
    assert page.bars.tickers == ("BRK.B", "KIMpL", "VSAT")
    assert page.bars.owner.tolist() == [2, 1, 0]
    bars, _ = tidy([page.bars], MARKET)
    assert bars.owner.tolist() == [0, 1, 2]
    assert set(bars.at.tolist()) == {epoch_day(date(2020, 10, 14))}


# --- answers that are refused ------------------------------------------------------------
UNREADABLE = {
    "nothing": b"",
    "html": b"<html>502</html>",
    "cut": body(bar())[:-20],
    "array": b"[]",
    "NaN": body(bar(c=float("nan"))),
    "infinity": body(bar(h=float("inf"))),
    "too large": body(bar()).replace(b"40.25", b"1e999"),
    "text price": body(bar(c="41")),
    "no price": body({"o": 1, "h": 1, "l": 1, "v": 1, "t": APRIL_1}),
    "null price": body(bar(c=None)),
    "fractional time": body(bar(t=1112331600000.5)),
    "nanoseconds": body(bar(t=APRIL_1 * 1_000_000)),
    "beyond 64 bits": body(bar(t=10**30)),
    "before 1970": body(bar(t=-1)),
    "many trades": body(bar(n=2**31)),
    "negative trades": body(bar(n=-2)),
    "results as object": body(results={}),
    "fewer than announced": body(bar(), resultsCount=2),
    "more than announced": body(bar(), resultsCount=0),
    "announced, absent": body(results=..., resultsCount=3),
    "no count": body(bar(), resultsCount=...),
    "adjusted": body(bar(), adjusted=True),
    "adjustment unrecorded": body(bar(), adjusted=...),
    "unknown status": body(bar(), status="PARTIAL"),
    "no status": body(bar(), status=...),
    "error inside a 200": b'{"status":"ERROR","error":"boom"}',
    "another ticker": body(bar(), ticker="AAPl"),
    "deeply nested": b'{"request_id":' + b"[" * 100_000,
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_as_documented_is_unreadable(answer: bytes) -> None:
    with pytest.raises(VendorUnreadable, match="AAPL"):
        read_page(answer, CALL)


@pytest.mark.parametrize("ticker", [..., "", "A B", "A\x00B", "Ä", "A" * 33])
def test_a_whole_market_bar_needs_a_possible_ticker(ticker: object) -> None:
    row = {k: v for k, v in bar(T=ticker).items() if v is not ...}
    with pytest.raises(VendorUnreadable, match="ticker"):
        read_page(body(row, ticker=...), MARKET)


def test_a_refusal_inside_a_200_is_not_empty() -> None:
    answer = b'{"status":"NOT_AUTHORIZED","message":"Your plan doesn\'t include this."}'
    with pytest.raises(NotEntitled, match=r"AAPL day .*Your plan doesn't include this"):
        read_page(answer, CALL)


def test_foreign_words_are_cleaned() -> None:
    assert clean("a\x1b[31m\n\u202eb  c") == "a [31m b c"
    assert clean("the key sesame is bad", hide="sesame") == "the key *** is bad"
    assert len(clean("x" * 10_000)) == 200
    assert said(b'{"status":"ERROR","error":"no"}') == "no"
    assert said(b'{"status":"NOT_FOUND","message":"gone"}') == "gone"
    assert said(b'{"error":{"a":1}}') == ""
    assert said(b"<html>") is None


# --- putting pages together ----------------------------------------------------------------
def read(*bars: dict[str, object], call: Call = CALL) -> BarTable:
    return read_page(body(*bars), call).bars


def test_duplicates_keep_the_last_and_are_counted() -> None:
    bars, dropped = tidy([read(bar(c=1), bar(APRIL_4, c=2)), read(bar(APRIL_4, c=3))], CALL)
    assert bars.close.tolist() == [1, 3]
    assert dropped == (("duplicate", 1),)


def test_bars_are_sorted() -> None:
    bars, dropped = tidy([read(bar(APRIL_4, c=2), bar(c=1))], CALL)
    assert bars.close.tolist() == [1, 2]
    assert dropped == ()


def test_bars_of_other_days_are_left_out_and_counted() -> None:
    early, late = bar(APRIL_1 - 86_400_000), bar(APRIL_4 + 86_400_000)
    bars, dropped = tidy([read(early, bar(), late)], CALL)
    assert bars.at.tolist() == [epoch_day(date(2005, 4, 1))]
    assert dropped == (("out_of_range", 2),)


def test_minutes_belong_to_their_new_york_date() -> None:
    call = Call(
        CallKind.TICKER, Timeframe.MINUTE, Span(SPAN.start, SPAN.start + timedelta(1)), "AAPL"
    )
    midnight = int(datetime(2005, 4, 2, tzinfo=NEW_YORK).timestamp()) * 1000
    bars, dropped = tidy([read(bar(midnight - 60_000), bar(midnight), call=call)], call)
    assert bars.at.tolist() == [midnight // 1000 - 60]
    assert dropped == (("out_of_range", 1),)


def test_an_answer_about_other_days_alone_is_not_empty() -> None:
    with pytest.raises(VendorUnreadable, match="other days only"):
        tidy([read(bar(APRIL_1 - 400 * 86_400_000))], CALL)


def test_no_bars_are_no_bars() -> None:
    bars, dropped = tidy([read()], CALL)
    assert (len(bars), dropped) == (0, ())


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 10**6)), min_size=1, max_size=30),
    st.data(),
)
def test_tidy_is_what_a_dictionary_would_keep(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Days -1 to 4 of a span of days 0 to 3, cut into pages anywhere."""
    start = date(2024, 3, 8)  # the clock changes on the 10th
    call = Call(CallKind.TICKER, Timeframe.DAY, Span(start, start + timedelta(4)), "AAPL")
    stamps = instants_of(np.array([epoch_day(start) + n - 1 for n, _ in rows])) * 1000
    bars = [bar(int(t), v=v) for t, (_, v) in zip(stamps, rows, strict=True)]
    cut = data.draw(st.integers(0, len(bars)))
    want = {n: v for n, v in rows if 1 <= n <= 4}
    pages = [read(*part, call=call) for part in (bars[:cut], bars[cut:])]
    if not want:
        with pytest.raises(VendorUnreadable):
            tidy(pages, call)
        return
    got, dropped = tidy(pages, call)
    assert got.at.tolist() == [epoch_day(start) + n - 1 for n in sorted(want)]
    assert got.volume.tolist() == [want[n] for n in sorted(want)]
    assert sum(n for _, n in dropped) == len(rows) - len(want)


# --- asking ------------------------------------------------------------------------------
def test_the_question_for_a_ticker() -> None:
    assert first_question(CALL).target == (
        "/v2/aggs/ticker/AAPL/range/1/day/2005-04-01/2005-04-04?adjusted=false&limit=50000&sort=asc"
    )


def test_the_question_for_the_whole_market() -> None:
    assert first_question(MARKET).target == (
        "/v2/aggs/grouped/locale/us/market/stocks/2020-10-14?adjusted=false"
    )


@pytest.mark.parametrize(
    ("symbol", "segment"),
    [
        ("BRK/B", "BRK%2FB"),
        ("KIMpL", "KIMpL"),
        ("BRK.B", "BRK.B"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("A?b#c", "A%3Fb%23c"),
        ("A B", "A%20B"),
        ("%2e", "%252e"),
    ],
)
def test_a_ticker_cannot_leave_its_segment(symbol: str, segment: str) -> None:
    target = first_question(Call(CallKind.TICKER, Timeframe.HOUR, SPAN, symbol)).target
    assert target.startswith(f"/v2/aggs/ticker/{segment}/range/1/hour/2005-04-01/2005-04-04?")


@pytest.mark.parametrize(
    "call",
    [
        Call(CallKind.TICKER, Timeframe.WEEK, SPAN, "AAPL"),
        Call(CallKind.TICKER, Timeframe.DAY, Span(SPAN.start, SPAN.start), "AAPL"),
        Call(CallKind.TICKER, Timeframe.DAY, SPAN),
        Call(CallKind.MARKET_DAY, Timeframe.DAY, SPAN),
        Call(CallKind.MARKET_DAY, Timeframe.HOUR, MARKET.span),
    ],
    ids=str,
)
def test_what_cannot_be_asked(call: Call) -> None:
    with pytest.raises(BadInput):
        first_question(call)


NEXT = (
    "https://api.massive.com/v2/aggs/ticker/AAPL/range/1/day/1578114000000/2005-04-04?cursor=bGlt"
)


def test_the_next_page_is_asked_on_our_terms() -> None:
    asked = first_question(CALL)
    for url in (
        NEXT,
        NEXT.replace("api.massive.com", "vendor.invalid:99"),
        NEXT + "&apiKey=planted&APIKEY=planted",
        NEXT + "&adjusted=true",
        NEXT.removeprefix("https://api.massive.com"),
    ):
        question = next_question(asked, url, CALL)
        assert question.target == (
            "/v2/aggs/ticker/AAPL/range/1/day/1578114000000/2005-04-04?adjusted=false&cursor=bGlt"
        )


@pytest.mark.parametrize(
    "url",
    [
        NEXT.replace("AAPL", "MSFT"),
        NEXT.replace("AAPL", "aapl"),
        NEXT.replace("/day/", "/hour/"),
        NEXT.replace("/v2/aggs/", "/v1/secrets/"),
        NEXT.replace("/1578114000000/", "/../"),
        NEXT.replace("/2005-04-04", "/2005-04-04/more"),
        NEXT.replace("/2005-04-04", "/%2e%2e"),
        NEXT.replace("AAPL", "AAPL%2Frange"),
        "https://api.massive.com",
        "https://[bad/v2",
        "javascript:alert(1)",
        NEXT + "&x=%ff",
        NEXT + "&a=1" * 30,
        NEXT + "x" * 9000,
        "\x00",
    ],
)
def test_the_next_page_cannot_lead_elsewhere(url: str) -> None:
    with pytest.raises(VendorUnreadable):
        next_question(first_question(CALL), url, CALL)


def test_a_whole_market_page_leads_to_its_own_day_alone() -> None:
    asked = first_question(MARKET)
    path = "/v2/aggs/grouped/locale/us/market/stocks/2020-10-1"
    assert next_question(asked, f"{path}4?cursor=x", MARKET).segments == asked.segments
    with pytest.raises(VendorUnreadable):
        next_question(asked, f"{path}5?cursor=x", MARKET)


# --- fuzz --------------------------------------------------------------------------------
def reads_or_refuses(answer: bytes, call: Call) -> None:
    bars, message = BarTable.empty(), ""
    try:
        page = read_page(answer, call)
        bars, _ = tidy([page.bars], call)
        if page.next_url:
            next_question(first_question(call), page.next_url, call)
    except TickStockError as error:
        message = str(error)
    assert message.isprintable()
    columns = np.concatenate([bars.open, bars.high, bars.low, bars.close, bars.volume])
    assert np.isfinite(columns).all()
    assert (np.diff(bars.owner * 10**9 + bars.at) > 0).all()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(answer: bytes) -> None:
    reads_or_refuses(answer, CALL)


@given(st.integers(0, 2**32), st.sampled_from([CALL, MARKET]))
@example(195, CALL)  # a byte that is not UTF-8 raised UnicodeDecodeError
def test_any_spoiled_answer_is_read_or_refused(seed: int, call: Call) -> None:
    dice = random.Random(seed)
    whole = body(bar(T="A", vw=1.5, n=3), bar(APRIL_4, T="BRK.B"), next_url=NEXT)
    spoiled = bytearray(whole)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(spoiled))
        match dice.randrange(3):
            case 0:
                spoiled[at] = dice.randrange(256)
            case 1:
                del spoiled[at : at + dice.randint(1, 9)]
            case _:
                spoiled[at:at] = dice.choice([b"null", b"-", b"1e400", b"[", b'"', b"99999999999"])
    reads_or_refuses(bytes(spoiled), call)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = ["status", "adjusted", "resultsCount", "results", "next_url", "ticker", "error", "message"]


@given(
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING),
    st.dictionaries(st.sampled_from("ohlcvtnT"), ANYTHING),
)
def test_any_json_is_read_or_refused(envelope: dict[str, object], odd: dict[str, object]) -> None:
    whole = json.loads(body(bar(**odd)))
    reads_or_refuses(msgspec.json.encode(whole | envelope), CALL)


@given(st.text(max_size=60))
def test_any_next_url_is_followed_on_our_terms_or_refused(url: str) -> None:
    try:
        question = next_question(first_question(CALL), url, CALL)
    except VendorUnreadable:
        return
    assert question.segments[:7] == first_question(CALL).segments[:7]


# --- the body ----------------------------------------------------------------------------
def unpack(packed: bytes, *, step: int, cap: int = 1 << 20, encoding: str = "gzip") -> bytes:
    reader = Body(CALL, encoding, cap)
    for i in range(0, len(packed), step):
        reader.feed(packed[i : i + step])
    return reader.finish()


def gz(data: bytes) -> bytes:
    return zlib.compress(data, 9, wbits=16 + zlib.MAX_WBITS)


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_a_body_is_unpacked_from_any_pieces(data: bytes, step: int) -> None:
    assert unpack(gz(data), step=step) == data
    assert unpack(data, step=step, encoding="") == data


def test_a_gzip_bomb_costs_no_more_than_the_cap() -> None:
    bomb = gz(bytes(64 << 20))
    assert len(bomb) < (64 << 20) // 900
    tracemalloc.start()
    with pytest.raises(VendorUnreadable, match="larger than 1,048,576"):
        unpack(bomb, step=1 << 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gz(b"x" * 100)[:-4], "gzip"),
        (gz(b"x" * 100) + b"more", "gzip"),
        (b"\x1f\x8bnonsense", "gzip"),
        (b"plain", "gzip"),
        (b"x", "br"),
        (b"x" * (1 << 20) + b"x", "identity"),
    ],
)
def test_a_spoiled_body_is_unreadable(packed: bytes, encoding: str) -> None:
    with pytest.raises(VendorUnreadable):
        unpack(packed, step=1 << 20, encoding=encoding)


# --- small readers -----------------------------------------------------------------------
@given(st.lists(st.integers(0, LATEST - 1), min_size=1))
@example([1112511599, 1112511600, 126687600, 162370800])
def test_new_york_dates_are_those_of_the_time_zone_database(instants: list[int]) -> None:
    want = [epoch_day(datetime.fromtimestamp(i, UTC).astimezone(NEW_YORK).date()) for i in instants]
    assert dates_of(np.array(instants)).tolist() == want


@given(st.dates(date(1970, 1, 1), date(2099, 12, 30)), st.sampled_from([0, 9, 16, 23]))
def test_new_york_instants_are_those_of_the_time_zone_database(day: date, hour: int) -> None:
    want = datetime(day.year, day.month, day.day, hour, tzinfo=NEW_YORK).timestamp()
    assert instants_of(np.array([epoch_day(day)]), hour).tolist() == [want]


@given(
    st.sampled_from([RECORDED, SYNTHETIC]),
    st.frozensets(st.from_regex(r"[A-Za-z0-9./^$+-]{1,8}", fullmatch=True), max_size=900),
    st.sampled_from((1, 2, 3, 400)),
)
def test_an_origin_survives_its_header(default: str, tickers: frozenset[str], most: int) -> None:
    origin = Origin(default, "massive" if tickers else "", tickers)
    lines = origin.header_lines(most)
    assert all(len(line) < 8190 for line in lines)
    assert read_origin(lines) == origin


def test_an_origin_tells_the_exceptions() -> None:
    origin = read_origin(["synthetic; recorded=AAPL,FB"])
    assert [origin.of(t) for t in ("AAPL", "FB", "SPY", "aapl")] == [
        "recorded",
        "recorded",
        "synthetic",
        "synthetic",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["real"],
        ["synthetic; recorded="],
        ["synthetic; invented=A"],
        ["synthetic", "recorded"],
        ["synthetic; recorded=A B"],
        ["synthetic", "nonsense"],
    ],
)
def test_an_unclear_origin_says_nothing(lines: list[str]) -> None:
    assert read_origin(lines) == Origin()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "999999999999"}, 3600),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "²"}, None),
        (
            {
                "Date": "Fri, 01 Apr 2005 05:00:00 GMT",
                "Retry-After": "Fri, 01 Apr 2005 05:01:30 GMT",
            },
            90,
        ),
        ({"Retry-After": "Fri, 01 Apr 2005 05:01:30 GMT"}, None),
        (
            {
                "Date": "Fri, 01 Apr 2005 05:00:00 GMT",
                "Retry-After": "Fri, 01 Apr 2005 04:00:00 GMT",
            },
            0,
        ),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_questions_are_equal_when_they_ask_the_same() -> None:
    asked = first_question(CALL)
    again = next_question(asked, f"{asked.target}&apiKey=k", CALL)
    assert again == asked == Question(asked.segments, asked.query)
