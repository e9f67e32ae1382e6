"""The suite that every vendor passes: what each of them promises (`tickstock.vendors`).

Name it as a plugin, so that pytest explains what is not as it should be, and inherit the class:

    # conftest.py
    pytest_plugins = ["tickstock.testing.vendor_contract"]

    # test_acme.py
    class TestAcme(VendorContract, VendorServerContract):
        @pytest.fixture
        def case(self) -> VendorCase: ...

What a source can be asked is told by its own limits; of the rest nothing is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np
import pytest

from tickstock.errors import (
    BadInput,
    CredentialsRefused,
    Terminal,
    TickStockError,
    Transient,
    VendorRefused,
    VendorThrottled,
    VendorUnreadable,
)
from tickstock.model import COLUMNS, Answer, BarTable, Call, CallKind, Limits, Timeframe, epoch_day
from tickstock.sessions import shipped_calendar
from tickstock.spans import ONE_DAY, Span, day_of, days_of
from tickstock.testing.server import answering
from tickstock.vendors import ActionSource, BarSource, OpenGate
from tickstock.vendors.spec import AnySpec, Capability
from tickstock.vendors.tables import tidy

T = TypeVar("T")
WEEKEND = Span(date(2012, 3, 9), date(2012, 3, 13))
"""Friday to Monday; the clock changes in between."""
Opener = Callable[[], AbstractAsyncContextManager[BarSource]]

GARBLED: dict[str, bytes] = {
    "nothing": b"",
    "a web page": b"<html><body>Bad gateway</body></html>",
    "a number": b"7",
    "null": b"null",
    "another form": b'{"unexpected": true}',
    "a list of something else": b'[{"unexpected": true}]',
    "an answer that breaks off": b'[{"date": "2012-02-0',
    "no text": b"\xff\xfe\x00",
    "a deep nest": b"[" * 100_000,
}
"""What a server or something before it may send with a 200, and is no answer."""


@dataclass(frozen=True)
class VendorCase:
    """A source, and what it is known to hold: `sessions` day bars of `symbol` in `span`, which is
    in the past and at least a week.

    Args:
        open: a context manager that gives a source and closes it.
        origin: what its answers name as the origin of these bars.
        spec: how the vendor makes itself known.
        unknown: how symbols begin that the source knows nothing of.
        intraday: a symbol with hour or minute bars in `intraday_span`; empty: not known.
        intraday_bars: how many of them there are, where that is known.
        at: opens the source on another base address, for `VendorServerContract`.
    """

    open: Opener
    symbol: str
    span: Span
    sessions: int
    origin: str
    spec: AnySpec
    unknown: str = "ZZ"
    intraday: str = ""
    intraday_span: Span = WEEKEND
    intraday_bars: Mapping[Timeframe, int] = field(default_factory=dict)
    at: Callable[[str], BarSource] | None = None


class CountingGate(OpenGate):
    """A budget without a limit that counts who passes, and how often it was pushed back."""

    def __init__(self) -> None:
        self.passed = 0
        self.pushed: list[float | None] = []

    async def enter(self) -> None:
        self.passed += 1

    async def push_back(self, seconds: float | None) -> None:
        self.pushed.append(seconds)


@asynccontextmanager
async def closing(source: BarSource) -> AsyncIterator[BarSource]:
    """`source`, closed at the end."""
    try:
        yield source
    finally:
        await source.close()


def ticker(symbol: str, span: Span, timeframe: Timeframe = Timeframe.DAY) -> Call:
    """The bars of one ticker."""
    return Call(CallKind.TICKER, timeframe, span, symbol)


def market(day: date) -> Call:
    """The day bars of all tickers."""
    return Call(CallKind.MARKET_DAY, Timeframe.DAY, Span(day, day + ONE_DAY))


def with_source(case: VendorCase, use: Callable[[BarSource], Awaitable[T]]) -> T:
    """What `use` gives for an open source."""

    async def run() -> T:
        async with case.open() as source:
            return await use(source)

    return asyncio.run(run())


def fetch(case: VendorCase, *calls: Call, gate: OpenGate | None = None) -> list[Answer]:
    """The answers to calls, put together from files where a source has nothing else."""

    async def each(source: BarSource) -> list[Answer]:
        return [await ask(source, call, gate or OpenGate()) for call in calls]

    return with_source(case, each)


async def ask(source: BarSource, call: Call, gate: OpenGate) -> Answer:
    """The answer to one call; of a source of files, from those of its days."""
    if source.limits.ticker or source.limits.flat_days is None:
        return await source.fetch(call, gate)
    days = list(days_of(call.span))
    asked = [Call(CallKind.FLAT_DAY, call.timeframe, Span(d, d + ONE_DAY)) for d in days]
    answers = [await source.fetch(c, gate) for c in asked]
    bars, dropped = tidy([only(a.bars, call.symbol) for a in answers], call)
    return replace(answers[0], call=call, bars=bars, dropped=dropped, pages=len(answers))


def only(bars: BarTable, symbol: str) -> BarTable:
    """The bars of one ticker, or all where it is empty."""
    if not symbol or symbol not in bars.tickers:
        return bars if not symbol else BarTable.empty()
    mine = bars.rows(bars.owner == bars.tickers.index(symbol))
    return replace(mine, tickers=(symbol,), owner=np.zeros(len(mine), np.int64))


def same(a: BarTable, b: BarTable, columns: Sequence[str] = COLUMNS) -> bool:
    """Whether both hold equal bars."""
    return all(np.array_equal(getattr(a, c), getattr(b, c), equal_nan=True) for c in columns)


def limits_of(case: VendorCase) -> Limits:
    """What the source says of itself."""

    async def look(source: BarSource) -> Limits:
        return source.limits

    return with_source(case, look)


class VendorContract:
    """The promises. A subclass gives the fixture `case`."""

    # -- day bars ----------------------------------------------------------------------------
    def test_day_bars_are_the_sessions_of_the_span(self, case: VendorCase) -> None:
        call = ticker(case.symbol, case.span)
        (answer,) = fetch(case, call)
        assert answer.call == call
        assert answer.bars.tickers == (case.symbol,)
        assert len(answer.bars) == case.sessions
        assert (np.diff(answer.bars.at) > 0).all()
        assert np.isin(answer.bars.at, shipped_calendar().days).all()
        assert all(day_of(d) in case.span for d in answer.bars.at.tolist())
        assert answer.dropped == ()

    def test_every_answer_names_its_origin(self, case: VendorCase) -> None:
        (answer,) = fetch(case, ticker(case.symbol, case.span))
        assert (answer.origin, answer.origins) == (case.origin, ())

    def test_asking_again_gives_the_same(self, case: VendorCase) -> None:
        call = ticker(case.symbol, case.span)
        first, again = fetch(case, call, call)
        assert same(first.bars, again.bars)

    def test_a_part_of_the_span_gives_a_part_of_the_bars(self, case: VendorCase) -> None:
        begins = [case.span.start + timedelta(n) for n in (0, 3, 30, 38, 59)]
        parts = [part for d in begins if (part := Span(d, d + timedelta(5)) & case.span)]
        whole, *rest = fetch(case, *(ticker(case.symbol, span) for span in (case.span, *parts)))
        for answer, part in zip(rest, parts, strict=True):
            days = whole.bars.at
            wanted = (days >= epoch_day(part.start)) & (days < epoch_day(part.end))
            assert same(answer.bars, whole.bars.rows(wanted)), f"{part} differs from the whole"

    def test_the_whole_market_on_a_day_has_the_bars_of_its_tickers(self, case: VendorCase) -> None:
        limits = limits_of(case)
        if not limits.market_day and limits.flat_days is None:
            pytest.skip("this vendor takes no call for all tickers")
        (alone,) = fetch(case, ticker(case.symbol, case.span))
        for at in alone.bars.at[:2].tolist():
            (answer,) = fetch(case, market(day_of(at)))
            bars = answer.bars
            mine = bars.rows(bars.owner == bars.tickers.index(case.symbol))
            assert same(mine, alone.bars.rows(alone.bars.at == at), COLUMNS[1:])
            assert dict(answer.origins).get(case.symbol, answer.origin) == case.origin
            assert set(dict(answer.origins)) <= set(bars.tickers)
            assert list(bars.tickers) == sorted(set(bars.tickers))
            assert (np.diff(bars.owner) > 0).all()

    # -- what there is not -------------------------------------------------------------------
    def test_a_symbol_in_other_case_is_another_symbol(self, case: VendorCase) -> None:
        one, other = fetch(
            case, *(ticker(s, case.span) for s in (case.symbol, case.symbol.swapcase()))
        )
        assert not len(other.bars) or not np.array_equal(one.bars.close, other.bars.close)

    def test_an_unknown_symbol_and_closed_days_are_empty(self, case: VendorCase) -> None:
        saturday = next(d for d in days_of(case.span) if d.weekday() == 5)
        weekend = Span(saturday, saturday + timedelta(2))
        calls = [ticker(f"{case.unknown}TOP", case.span), ticker(case.symbol, weekend)]
        limits = limits_of(case)
        calls += [market(saturday)] if limits.market_day or limits.flat_days else []
        assert [len(a.bars) for a in fetch(case, *calls)] == [0] * len(calls)

    def test_a_ticker_cannot_leave_its_place(self, case: VendorCase) -> None:
        tickers = [f"{case.unknown}{s}" for s in ("/../..", "?x=1", "#", "%2e", " ")]
        answers = fetch(case, *(ticker(t, case.span) for t in tickers))
        assert [len(a.bars) for a in answers] == [0] * len(tickers)

    # -- asking ------------------------------------------------------------------------------
    def test_each_request_passes_the_gate(self, case: VendorCase) -> None:
        gate = CountingGate()
        calls = [ticker(case.symbol, case.span)]
        calls += [market(case.span.start)] if limits_of(case).market_day else []
        answers = fetch(case, *calls, gate=gate)
        assert gate.passed == sum(a.pages for a in answers) > 0

    def test_what_cannot_be_asked_is_refused(self, case: VendorCase) -> None:
        limits, day = limits_of(case), case.span.start
        one = Span(day, day + ONE_DAY)
        calls = [
            ticker(case.symbol, case.span, Timeframe.WEEK),
            ticker("", case.span),
            ticker(case.symbol, Span(day, day)),
            Call(CallKind.FLAT_DAY, Timeframe.DAY, Span(day, day)),
            Call(CallKind.FLAT_DAY, Timeframe.HOUR, one),
            Call(CallKind.MARKET_DAY, Timeframe.DAY, case.span),
            Call(CallKind.MARKET_DAY, Timeframe.HOUR, one),
        ]
        calls += [ticker(case.symbol, one, t) for t in Timeframe if t not in limits.timeframes]
        calls += [] if limits.market_day else [market(day)]
        calls += [ticker(case.symbol, one)] if not limits.ticker else []
        if limits.longest_days:
            calls.append(ticker(case.symbol, Span(day, day + timedelta(limits.longest_days + 1))))

        async def each(source: BarSource) -> None:
            for call in calls:
                gate = CountingGate()
                with pytest.raises((BadInput, VendorRefused)):
                    await source.fetch(call, gate)
                assert not gate.passed, f"{call} was sent"

        with_source(case, each)

    def test_intraday_bars_lie_in_their_sessions(self, case: VendorCase) -> None:
        limits, calendar = limits_of(case), shipped_calendar()
        frames = [t for t in (Timeframe.HOUR, Timeframe.MINUTE) if t in limits.timeframes]
        if not limits.ticker:
            frames = [Timeframe.MINUTE]  # files hold no hours
        if not frames or not case.intraday:
            pytest.skip("this vendor is not known to have hour or minute bars")
        for frame in frames:
            (answer,) = fetch(case, ticker(case.intraday, case.intraday_span, frame))
            bars = answer.bars
            session = calendar.sessions_of(bars.at)
            assert len(bars) > 0
            assert len(bars) == case.intraday_bars.get(frame, len(bars))
            assert (np.diff(bars.at) > 0).all()
            assert (session >= 0).all()
            assert (bars.at < calendar.closes[session]).all()
            assert (bars.at > calendar.opens[session] - 3600).all()

    def test_many_calls_at_once(self, case: VendorCase) -> None:
        symbols = [case.symbol] * 20 + [f"{case.unknown}TOP"] * 20
        calls = [ticker(symbol, case.span) for symbol in symbols]

        async def all_at_once(source: BarSource) -> list[Answer]:
            return await asyncio.gather(*(ask(source, call, OpenGate()) for call in calls))

        answers = with_source(case, all_at_once)
        assert [len(a.bars) for a in answers] == [case.sessions] * 20 + [0] * 20

    def test_a_source_can_be_closed_twice(self, case: VendorCase) -> None:
        async def close(source: BarSource) -> None:
            await ask(source, ticker(case.symbol, case.span), OpenGate())
            await source.close()
            await source.close()

        with_source(case, close)

    # -- what it says of itself --------------------------------------------------------------
    def test_a_source_has_a_name_and_limits(self, case: VendorCase) -> None:
        async def look(source: BarSource) -> None:
            limits = source.limits
            assert source.name
            assert limits.publication_lag >= timedelta(0)
            assert limits.calls_per_minute >= 0
            assert limits.ticker or limits.market_day or limits.flat_days, "it takes no call"
            assert set(limits.timeframes) <= {t.stored for t in Timeframe}

        with_source(case, look)

    def test_what_it_has_besides_bars_is_what_it_says(self, case: VendorCase) -> None:
        async def look(source: BarSource) -> None:
            assert isinstance(source, ActionSource) == case.spec.has(Capability.ACTIONS)

        with_source(case, look)


class VendorServerContract:
    """What a vendor makes of whatever its server, or something before it, may send. A subclass
    gives the fixture `case`, with `at`."""

    @pytest.mark.parametrize("kind", GARBLED)
    def test_what_cannot_be_read_is_never_no_data(self, case: VendorCase, kind: str) -> None:
        met = met_by(case, 200, GARBLED[kind])
        assert isinstance(met, VendorUnreadable), met

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (400, VendorRefused),
            (401, CredentialsRefused),
            (500, Transient),
            (502, Transient),
            (503, Transient),
        ],
    )
    def test_a_refusal_is_an_error_that_says_whether_to_try_again(
        self, case: VendorCase, status: int, expected: type[TickStockError]
    ) -> None:
        met = met_by(case, status, b'{"detail": "no"}')
        assert isinstance(met, expected), met

    def test_a_404_of_somebody_else_is_not_no_data(self, case: VendorCase) -> None:
        for body in (b"", b"<html>404 Not Found</html>", b'"not found"'):
            assert isinstance(met_by(case, 404, body), TickStockError)

    def test_a_403_is_final_only_in_the_vendors_own_form(self, case: VendorCase) -> None:
        assert isinstance(met_by(case, 403, b"<html>proxy</html>"), Transient)
        assert isinstance(met_by(case, 403, b'{"detail": "no", "message": "no"}'), Terminal)

    def test_too_many_pushes_the_gate_back(self, case: VendorCase) -> None:
        gate = CountingGate()
        met = met_by(case, 429, b"{}", {"Retry-After": "7"}, gate)
        assert isinstance(met, VendorThrottled), met
        assert gate.pushed
        assert set(gate.pushed) == {7.0}
        assert gate.passed == len(gate.pushed)

    def test_a_redirect_does_not_take_the_key_along(self, case: VendorCase) -> None:
        async def run() -> TickStockError:
            async with answering(200, b"[]") as other:
                return await _met(case, 302, b"", {"Location": other}, OpenGate())

        assert isinstance(asyncio.run(run()), TickStockError)


def met_by(
    case: VendorCase,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    gate: OpenGate | None = None,
) -> TickStockError:
    """The error that a source meets with a server that answers so."""
    return asyncio.run(_met(case, status, body, headers, gate or OpenGate()))


async def _met(
    case: VendorCase, status: int, body: bytes, headers: dict[str, str] | None, gate: OpenGate
) -> TickStockError:
    assert case.at is not None, "the case does not say how to open the source elsewhere (at)"
    async with answering(status, body, headers) as url, closing(case.at(url)) as source:
        call: Any = ticker(case.symbol, case.span)
        with pytest.raises(TickStockError) as caught:
            await source.fetch(call, gate)
        return caught.value
