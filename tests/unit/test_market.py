"""A synthetic market: the same for ever, made day by day, and as its making says."""

import tracemalloc
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest

from tickstock.errors import BadSetting
from tickstock.model import COLUMNS, BarTable
from tickstock.spans import Span
from tickstock.universes.identifiers import is_figi
from tickstock.universes.known import is_known
from tickstock.vendors.replay.market import ServedMarket, figi_of
from tickstock.vendors.synthetic.firms import FREE_AFTER, KINDS, NEVER, TickerRows
from tickstock.vendors.synthetic.market import SyntheticMarket

LATE = datetime(2028, 1, 1, tzinfo=UTC).timestamp()
QUARTER = Span(date(2024, 1, 1), date(2024, 4, 1))
YEARS = Span(date(2006, 1, 1), date(2026, 1, 1))
PINNED = ["BICJ", 19724.0, 13.79, 14.87, 13.77, 14.83, 10660.0, 14.315, 89.0]


@pytest.fixture(scope="module")
def small() -> SyntheticMarket:
    """A few weeks in which as much happens as else in years."""
    return SyntheticMarket(tickers=200, span=QUARTER, pace=8.0)


@pytest.fixture(scope="module")
def whole() -> SyntheticMarket:
    return SyntheticMarket(tickers=12_000, span=YEARS)


def rows(bars: BarTable) -> dict[tuple[str, int], list[float]]:
    columns = [getattr(bars, c).tolist() for c in COLUMNS[2:]]
    keys = zip((bars.tickers[i] for i in bars.owner.tolist()), bars.at.tolist(), strict=True)
    return {key: list(values) for key, values in zip(keys, zip(*columns, strict=True), strict=True)}


def test_bars_are_the_same_for_ever(small: SyntheticMarket) -> None:
    """Stored bars are compared with these by people's databases: a change would rewrite them."""
    bars = small.on(date(2025, 1, 1), LATE)
    assert not len(bars)
    bars = small.on(date(2024, 1, 2), LATE)
    again = SyntheticMarket(tickers=200, span=QUARTER, pace=8.0).on(date(2024, 1, 2), LATE)
    assert rows(bars) == rows(again)
    place = len(bars) // 20
    first = [bars.tickers[int(bars.owner[place])]]
    assert first + [float(getattr(bars, c)[place]) for c in COLUMNS[1:]] == PINNED


def test_another_seed_is_another_market(small: SyntheticMarket) -> None:
    other = SyntheticMarket(tickers=200, span=QUARTER, pace=8.0, seed=2)
    assert not set(other.names.ticker) & set(small.names.ticker[:50])


def test_a_bar_does_not_depend_on_how_it_is_asked(small: SyntheticMarket) -> None:
    """By day for all, or by ticker over a range, cut anywhere, it is one bar."""
    by_day = {}
    for session in range(small.sessions):
        by_day |= rows(small.on(small.day(session), LATE))
    by_ticker = {}
    for number, ticker in enumerate(sorted(set(small.names.ticker))):
        cut = small.day(number % small.sessions)
        for part in (Span(QUARTER.start, cut), Span(cut, QUARTER.end)):
            by_ticker |= rows(small.of(ticker, part, LATE))
    assert by_day == by_ticker
    assert len(by_day) > 150 * small.sessions


def test_bars_can_be_true(whole: SyntheticMarket) -> None:
    bars = whole.on(date(2015, 3, 4), LATE)
    assert (bars.low > 0).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert list(bars.tickers) == sorted(set(bars.tickers))


def test_only_sessions_that_have_closed_are_there(small: SyntheticMarket) -> None:
    noon = datetime(2024, 2, 1, 17, tzinfo=UTC).timestamp()
    assert not len(small.on(date(2024, 2, 1), noon))
    assert len(small.on(date(2024, 1, 31), noon))
    ticker = small.on(date(2024, 1, 31), noon).tickers[0]
    assert small.of(ticker, QUARTER, noon).at.max() <= 19_753  # 31 January 2024


# --- what becomes of firms ------------------------------------------------------------------
def test_no_ticker_is_a_real_one(whole: SyntheticMarket) -> None:
    assert not [t for t in set(whole.names.ticker) if is_known(t) or t.startswith("ZZ")]


def by_ticker(names: TickerRows) -> dict[str, list[tuple[int, int, int]]]:
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    columns = (names.ticker, names.firm.tolist(), names.start.tolist(), names.end.tolist())
    for ticker, firm, start, end in zip(*columns, strict=True):
        found[ticker].append((start, end, firm))
    return found


def test_a_ticker_names_one_firm_on_any_day(whole: SyntheticMarket) -> None:
    reused = 0
    for stretches in by_ticker(whole.names).values():
        stretches.sort()
        for (_, end, one), (start, _, other) in pairwise(stretches):
            assert end + FREE_AFTER <= start
            assert one != other
            reused += 1
    assert reused > 1_000


def test_a_firm_has_a_ticker_on_each_day_of_its_listing(whole: SyntheticMarket) -> None:
    covered = np.zeros(len(whole.firms), np.int64)
    ends = np.minimum(whole.names.end, whole.sessions)
    np.add.at(covered, whole.names.firm, ends - whole.names.start)
    firms = whole.firms
    listed = np.minimum(firms.lost, whole.sessions) - np.maximum(firms.listed, 0)
    assert (covered == listed).all()
    renamed = Counter(whole.names.firm.tolist())
    assert sum(n > 1 for n in renamed.values()) > 1_000


def test_its_proportions_are_those_that_the_kinds_say(whole: SyntheticMarket) -> None:
    """Of the stocks of one day as many are gone five years later as are of the real ones (39 %),
    and the market keeps about its size."""
    stocks = [i for i, k in enumerate(KINDS) if k.code == "CS"]
    then = [f for f in whole.listed_on(2_000).tolist() if whole.firms.kind[f] in stocks]
    gone = float(np.mean(whole.firms.lost[then] <= 2_000 + 5.15 * 252))
    assert 0.34 < gone < 0.41
    for session in (0, 2_500, 5_000):
        listed, traded = len(whole.listed_on(session)), len(whole.traded_on(session))
        assert 11_500 < listed < 14_000
        assert 0.93 < traded / listed < 0.99
    dollars = np.sort(whole.firms.dollars)[::-1]
    assert dollars[: len(dollars) // 100].sum() > 0.4 * dollars.sum()


def test_a_failing_firm_fades_and_its_last_session_has_a_bar(whole: SyntheticMarket) -> None:
    firms = whole.firms
    lost = np.flatnonzero((firms.lost < whole.sessions) & (firms.lost > 400) & firms.fails)[:20]
    ratios = []
    for firm in lost.tolist():
        last = int(firms.lost[firm]) - 1
        ticker = whole.ticker_of(firm, last)
        assert ticker is not None
        span = Span(whole.day(max(last - 150, 0)), whole.day(last + 1))
        bars = whole.of(ticker, span, LATE)
        assert bars.at[-1] == whole.on(whole.day(last), LATE).at[0]
        ratios.append(bars.close[-1] / bars.close[0])
    assert np.median(ratios) < 0.5


def test_a_split_is_in_the_raw_prices(whole: SyntheticMarket) -> None:
    done = 0
    for row in range(40):
        firm, session = int(whole.splits.firm[row]), int(whole.splits.session[row])
        ticker = whole.ticker_of(firm, session)
        if session < 2 or ticker is None or ticker != whole.ticker_of(firm, session - 1):
            continue
        span = Span(whole.day(session - 1), whole.day(session + 1))
        close = whole.of(ticker, span, LATE).close
        if len(close) == 2 and close.min() > 0.5:
            night = np.log(close[0] / close[1]) - np.log(whole.splits.amount[row])
            assert abs(night) < 0.4
            done += 1
    assert done > 10


def test_memory_stays_flat_however_many_days_are_made() -> None:
    market = SyntheticMarket(tickers=2_000, span=YEARS)
    market.on(market.day(0), LATE)
    tracemalloc.start()
    try:
        for session in range(3):
            market.on(market.day(session), LATE)
        few = tracemalloc.get_traced_memory()[0]
        for session in range(1_000, 1_030):
            market.on(market.day(session), LATE)
        assert tracemalloc.get_traced_memory()[0] < few + 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("tickers", "span"), [
    (0, QUARTER), (50_001, QUARTER), (5, Span(date(2024, 1, 6), date(2024, 1, 8))),
    (5, Span(date(1971, 1, 1), date(1972, 1, 1))),
])  # fmt: skip
def test_what_is_no_market_is_refused(tickers: int, span: Span) -> None:
    with pytest.raises(BadSetting):
        SyntheticMarket(tickers=tickers, span=span)


# --- what is served -------------------------------------------------------------------------
def test_lists_tell_who_is_listed_on_a_day_and_who_no_longer_is(small: SyntheticMarket) -> None:
    served = ServedMarket(small, lambda: LATE)
    for session in (0, 20, small.sessions - 1):
        asked = {"date": small.day(session).isoformat()}
        active, _ = served.select(("v3", "reference", "tickers"), asked)
        listed = small.listed_on(session).tolist()
        assert {r.composite_figi for r in active} == {figi_of(f) for f in listed}
        assert {r.ticker for r in active} == {small.ticker_of(f, session) for f in listed}
        gone, _ = served.select(("v3", "reference", "tickers"), asked | {"active": "false"})
        lost = np.flatnonzero(small.firms.lost <= session).tolist()
        assert {r.composite_figi for r in gone} == {figi_of(f) for f in lost}
        assert all(r.delisted_utc and not r.active and "no real" in (r.name or "") for r in gone)
        assert all(is_figi(r.composite_figi or "") for r in active)


def test_events_tell_the_tickers_of_whoever_holds_one_now(small: SyntheticMarket) -> None:
    served = ServedMarket(small, lambda: LATE)
    renamed = [f for f, n in Counter(small.names.firm.tolist()).items() if n > 1]
    still = [f for f in renamed if small.firms.lost[f] == NEVER]
    now = small.ticker_of(still[0], small.sessions - 1)
    assert now is not None
    found = served.events(now)
    assert found is not None
    assert found["composite_figi"] == figi_of(still[0])
    assert found["events"][0]["ticker_change"]["ticker"] == now
    assert len(found["events"]) == 2
    assert served.events("NOPE") is None
