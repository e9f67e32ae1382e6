"""The whole market of a vendor on loopback: every row of every session held, and told apart."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from tests.flat_kit import put, session_files
from tests.kit import CALENDAR
from tests.loading_rig import Rig, rig, sql, stored, truth_of
from tickstock.errors import EmptyUniverse, UnknownUniverse
from tickstock.model import MARKET, Answer, Call, CallKind, GapCause, JobState, Timeframe
from tickstock.service.listings import Refreshed
from tickstock.spans import Span
from tickstock.store.database import Database
from tickstock.testing.vendor_contract import closing
from tickstock.vendors import Limits, OpenGate
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.market import figi_of
from tickstock.vendors.synthetic.firms import KINDS
from tickstock.vendors.synthetic.market import SyntheticMarket

LATE = 2e9
SPAN = Span(date(2023, 1, 3), date(2024, 6, 28))
MONTH = Span(date(2023, 1, 3), date(2023, 2, 1))
STOCKS = {"CS", "ADRC"}


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    """Fifteen months, in which as much happens as else in ten years."""
    return SyntheticMarket(tickers=40, span=SPAN, pace=8.0)


@pytest.fixture
def here(database: Database, tmp_path: Path, market: SyntheticMarket) -> Rig:
    return rig(database, tmp_path, vendor={"market": market})


def load(here: Rig, span: Span, name: str = MARKET, **request: Any) -> Any:
    return here.load(here.plan(name, first=span.start, last=span.last, **request))


def truth(market: SyntheticMarket, span: Span) -> dict[tuple[str, int], Any]:
    found = {}
    for session in range(market.sessions):
        if market.day(session) in span:
            found |= truth_of(market.on(market.day(session), LATE))
    return found


def held_by_instrument(database: Database) -> dict[int, list[tuple[str, date]]]:
    """Of each instrument its bars, under the tickers that it had on their days."""
    rows = sql(
        database,
        "SELECT b.instrument_id, t.symbol, b.at FROM tickstock.bars_day AS b"
        " JOIN tickstock.tickers AS t ON t.instrument_id = b.instrument_id AND t.valid @> b.at"
        " ORDER BY 1, 3",
    )
    found: dict[int, list[tuple[str, date]]] = defaultdict(list)
    for id_, symbol, at in rows:
        found[id_].append((symbol, at))
    return found


def firm_of(market: SyntheticMarket, ticker: str, day: date) -> int:
    session = market.session(day)
    assert session is not None
    return next(firm for start, end, firm in owners(market)[ticker] if start <= session < end)


@cache
def owners(market: SyntheticMarket) -> dict[str, list[tuple[int, int, int]]]:
    """From and up to which session which firm has each ticker."""
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    names = market.names
    columns = (names.ticker, names.start.tolist(), names.end.tolist(), names.firm.tolist())
    for ticker, start, end, firm in zip(*columns, strict=True):
        found[ticker].append((start, end, firm))
    return found


def check_apart(database: Database, market: SyntheticMarket) -> int:
    """No instrument is two firms, and a ticker of a firm is one instrument, so that each ticker of
    two firms is two; how many of those there are."""
    instruments: dict[tuple[int, str], set[int]] = defaultdict(set)
    by_ticker: dict[str, set[int]] = defaultdict(set)
    for id_, bars in held_by_instrument(database).items():
        firms = {firm_of(market, ticker, day) for ticker, day in bars}
        assert len(firms) == 1, (id_, firms)
        for ticker, _ in bars:
            instruments[firms.copy().pop(), ticker].add(id_)
            by_ticker[ticker].add(id_)
    assert all(len(ids) == 1 for ids in instruments.values())
    had = Counter(
        ticker
        for ticker, start in zip(market.names.ticker, market.names.start.tolist(), strict=True)
        if start < market.sessions
    )
    reused = {ticker for ticker, firms in had.items() if firms > 1}
    assert {ticker for ticker, ids in by_ticker.items() if len(ids) > 1} == reused
    return len(reused)


# --- loading --------------------------------------------------------------------------------
def test_everything_that_traded_is_held_by_a_call_a_session(
    here: Rig, market: SyntheticMarket
) -> None:
    database = here.tick.database
    plan = here.plan(MARKET, first=SPAN.start, last=SPAN.last)
    assert {p.call.kind for p in plan.calls} == {CallKind.MARKET_DAY}
    assert len(plan.calls) == market.sessions
    progress = here.load(plan)
    assert progress.load.state is JobState.COMPLETED
    assert here.asked == market.sessions
    rows = truth(market, SPAN)
    bars = sql(database, "SELECT count(*) FROM tickstock.bars_day")[0][0]
    assert bars == len(rows)
    held = {
        (symbol, (day - date(1970, 1, 1)).days)
        for of in held_by_instrument(database).values()
        for symbol, day in of
    }
    assert held == set(rows)  # those too that are delisted since
    assert check_apart(database, market) > 1
    assert here.plan(MARKET, first=SPAN.start, last=SPAN.last).calls == ()
    [(counted,)] = sql(database, "SELECT sum(bars) FROM tickstock.coverage")
    assert counted == len(rows)


def test_what_is_held_in_parts_is_told_apart_as_well(here: Rig, market: SyntheticMarket) -> None:
    """Forwards in three jobs: what one has brought, the next one knows."""
    edges = [SPAN.start, date(2023, 4, 1), date(2023, 12, 20), SPAN.end]
    for start, end in pairwise(edges):
        assert load(here, Span(start, end)).load.state is JobState.COMPLETED
    assert check_apart(here.tick.database, market) > 1


def test_files_hold_it_as_well(database: Database, tmp_path: Path, market: SyntheticMarket) -> None:
    days = [market.day(s) for s in range(market.sessions) if market.day(s) in MONTH]
    files: dict[str, bytes] = {}
    for day in days:
        files |= session_files(market.on(day, LATE), Timeframe.DAY)
    folder = put(tmp_path / "files", files)
    here = rig(database, tmp_path / "home", settings={"TICKSTOCK_VENDOR": f"flatfiles:{folder}"})
    plan = here.plan(MARKET, first=MONTH.start, last=MONTH.last)
    assert {p.call.kind for p in plan.calls} == {CallKind.FLAT_DAY}
    assert here.load_configured(plan).load.state is JobState.COMPLETED
    assert stored(database) == truth(market, MONTH)


def test_a_session_without_a_row_has_failed_and_is_asked_again(here: Rig) -> None:
    bad = "2023-01-17"
    here.faults = (Fault(What.EMPTY, path=bad),)
    assert load(here, MONTH).load.state is JobState.WITH_ERRORS
    view = here.tick.missing.find([MARKET], [Timeframe.DAY], MONTH)
    assert [(g.cause, g.cells) for g in view.gaps] == [(GapCause.FAILED, 1)]
    here.faults = ()
    assert load(here, MONTH).load.state is JobState.COMPLETED
    assert here.asked == 1


def test_half_a_session_is_not_believed(here: Rig, market: SyntheticMarket) -> None:
    bad = date(2023, 1, 17)

    def halved(call: Call, answer: Answer | None) -> Answer:
        assert answer is not None
        if call.span.start != bad:
            return answer
        bars = answer.bars.rows(answer.bars.owner % 2 == 0)
        return replace(answer, bars=bars, tickers=len(set(bars.owner.tolist())))

    here.change = halved
    assert load(here, MONTH).load.state is JobState.WITH_ERRORS
    (gap,) = here.tick.missing.find([MARKET], [Timeframe.DAY], MONTH).gaps
    assert (gap.cause, gap.cells) == (GapCause.FAILED, 1)
    assert "not believed" in gap.reasons[0][0]
    here.change = None
    assert load(here, MONTH).load.state is JobState.COMPLETED
    assert stored(here.tick.database) == truth(market, MONTH)


def test_a_bar_that_cannot_be_true_is_put_aside_and_the_session_held(here: Rig) -> None:
    def spoilt(call: Call, answer: Answer | None) -> Answer:
        assert answer is not None
        high = answer.bars.high.copy()
        high[0] = 0.0
        return replace(answer, bars=replace(answer.bars, high=high))

    here.change = spoilt
    assert load(here, MONTH).load.state is JobState.COMPLETED
    [(aside,)] = sql(here.tick.database, "SELECT count(*) FROM tickstock.quarantine")
    assert aside == CALENDAR.between(MONTH)[1] - CALENDAR.between(MONTH)[0]


# --- as a universe --------------------------------------------------------------------------
@pytest.fixture
def loaded(here: Rig) -> Rig:
    load(here, Span(SPAN.start, date(2023, 7, 1)))
    return here


def test_who_is_in_it_on_a_day_is_who_traded(loaded: Rig, market: SyntheticMarket) -> None:
    tick = loaded.tick
    for day in (date(2023, 1, 3), date(2023, 3, 15), date(2023, 6, 30)):
        shown = tick.history.show(MARKET, day).symbols
        assert shown == market.on(day, LATE).tickers
    sunday = tick.history.show(MARKET, date(2023, 3, 19)).symbols
    assert sunday == market.on(date(2023, 3, 17), LATE).tickers
    assert tick.universes.members(MARKET) == market.on(date(2023, 6, 30), LATE).tickers
    label = tick.history.show(MARKET, date(2023, 1, 3)).label
    assert label is not None
    then, now = market.traded_on(0), market.traded_on(market.session(date(2023, 6, 30)) or 0)
    assert (label.then, label.used) == (len(then), len(now))


def test_a_day_that_is_not_held_is_not_answered(loaded: Rig) -> None:
    with pytest.raises(UnknownUniverse, match="is not held"):
        loaded.tick.history.show(MARKET, date(2024, 1, 3))


def test_kinds_are_those_that_were_told(loaded: Rig, market: SyntheticMarket) -> None:
    tick = loaded.tick
    with pytest.raises(UnknownUniverse, match="Of what kind"):
        tick.universes.members("market_us_etfs")
    kinds = {t: kind_of_firm(market, t) for t in market.on(date(2023, 3, 15), LATE).tickers}
    for kind in sorted(set(kinds.values())):
        names = [t for t, k in kinds.items() if k == kind]
        sql(
            tick.database,
            "UPDATE tickstock.instruments SET kind = %s WHERE symbol = ANY (%s)",
            kind,
            names,
        )
    shown = tick.history.show("market_us_stocks", date(2023, 3, 15)).symbols
    assert list(shown) == sorted(t for t, k in kinds.items() if k in STOCKS)
    shown = tick.history.show("etf_universe:market_us_etfs", date(2023, 3, 15)).symbols
    assert list(shown) == sorted(t for t, k in kinds.items() if k == "ETF")


def kind_of_firm(market: SyntheticMarket, ticker: str) -> str:
    return KINDS[int(market.firms.kind[firm_of(market, ticker, date(2023, 3, 15))])].code


def test_it_can_be_calculated_with(loaded: Rig, market: SyntheticMarket) -> None:
    tick = loaded.tick
    some = market.on(date(2023, 3, 15), LATE).tickers
    left = tick.history.show(f"market_us - {{{some[0]}, {some[1]}}}", date(2023, 3, 15)).symbols
    assert left == some[2:]
    both = tick.universes.evaluate("market_us @ 2023-03-15 & market_us @ 2023-01-03").symbols
    assert set(both) == set(some) & set(market.on(date(2023, 1, 3), LATE).tickers)
    with pytest.raises(EmptyUniverse):
        tick.universes.evaluate("market_us - market_us")


def test_it_is_listed_covered_and_missing_by_sessions(loaded: Rig) -> None:
    tick = loaded.tick
    listed = {str(u.ref): u.symbols for u in tick.universes.list()}
    assert listed["stock_universe:market_us"] == len(tick.universes.members(MARKET))
    first, span = tick.universes.list_if_changed(None)[0], Span(SPAN.start, date(2023, 8, 1))
    subjects = tick.requests.look(MARKET).symbols
    view = tick.holdings.coverage(subjects, Timeframe.DAY, span)
    sessions = CALENDAR.between(Span(SPAN.start, date(2023, 7, 1)))
    assert view.grid.held.count() == sessions[1] - sessions[0]
    (gap,) = tick.missing.find(subjects, [Timeframe.DAY], span).gaps
    assert gap.cause == GapCause.NEVER_ASKED
    load(loaded, Span(date(2023, 7, 1), date(2023, 7, 8)))
    assert tick.universes.list_if_changed(first)[1] is not None


def now_of(database: Database) -> datetime:
    [(at,)] = sql(database, "SELECT clock_timestamp()")
    assert isinstance(at, datetime)
    return at


def test_what_was_known_of_it_at_a_moment(here: Rig, market: SyntheticMarket) -> None:
    """Sessions and bars that came later are left out; a session not held then has no answer."""
    tick, day = here.tick, date(2023, 1, 18)
    late = market.on(day, LATE).tickers[3]

    def lacking(_: Call, answer: Answer | None) -> Answer:
        assert answer is not None
        rows = answer.bars.owner != answer.bars.tickers.index(late) if late in (
            answer.bars.tickers
        ) else np.ones(len(answer.bars), bool)  # fmt: skip
        return replace(answer, bars=answer.bars.rows(rows))

    here.change = lacking
    assert load(here, MONTH).load.state is JobState.COMPLETED
    before = now_of(tick.database)
    here.change = None
    here.load(here.plan(symbols=[late], first=MONTH.start, last=MONTH.last))
    load(here, Span(MONTH.end, date(2023, 3, 1)))
    then = market.on(day, LATE).tickers
    assert tick.history.show(MARKET, day).symbols == then
    known = tick.history.show(MARKET, day, before)
    assert known.symbols == tuple(t for t in then if t != late)
    assert tick.history.show(f"{MARKET} & {{{late}, {then[0]}}}", day, before).symbols == (then[0],)
    last = tick.history.show(MARKET, None, before).symbols
    assert last == tuple(t for t in market.on(MONTH.last, LATE).tickers if t != late)
    assert tick.history.show(MARKET, None).symbols == market.on(date(2023, 2, 28), LATE).tickers
    with pytest.raises(UnknownUniverse, match=r"knew no answer.*not held"):
        tick.history.show(MARKET, date(2023, 2, 15), before)
    spans = tick.history.show(f"{MARKET} @ 2023-01-30..2023-02-10", None, before).symbols
    assert late not in spans
    assert spans == tuple(
        sorted(
            {
                *market.on(date(2023, 1, 30), LATE).tickers,
                *market.on(date(2023, 1, 31), LATE).tickers,
            }
            - {late}
        )
    )


class OtherKinds:
    """The vendor says of what was a common stock that it is a fund."""

    name = "massive"

    def __init__(self, source: MassiveSource) -> None:
        self._source = source

    async def fetch_listing(self, call: Any, gate: Any) -> Any:
        return await self._source.fetch_listing(call, gate)

    async def fetch_listing_page(self, call: Any, gate: Any, after: str = "") -> Any:
        records, following = await self._source.fetch_listing_page(call, gate, after)
        changed = [structs.replace(r, type="ETF") if r.type == "CS" else r for r in records]
        return tuple(changed), following


def test_kinds_are_those_that_were_known_at_a_moment(here: Rig, market: SyntheticMarket) -> None:
    tick, day = here.tick, date(2023, 1, 18)
    load(here, MONTH)
    unread = now_of(tick.database)
    asyncio.run(read_lists(here))
    read = now_of(tick.database)
    stocks = tick.history.show("market_us_stocks", day).symbols
    etfs = tick.history.show("market_us_etfs", day).symbols
    assert stocks
    assert etfs

    async def again() -> None:
        async with here.serving() as vendor, closing(MassiveSource(vendor.url, "key")) as source:
            await tick.listings.refresh(OtherKinds(source), OpenGate())

    asyncio.run(again())
    assert set(tick.history.show("market_us_etfs", day).symbols) > set(etfs)
    assert tick.history.show("market_us_stocks", day, read).symbols == stocks
    assert tick.history.show("market_us_etfs", day, read).symbols == etfs
    picked = "pick(market_us_stocks; top 3 by dollar_volume over 5)"
    assert set(tick.history.show(picked, day, read).symbols) <= set(stocks)
    with pytest.raises(UnknownUniverse, match="Of what kind"):
        tick.history.show("market_us_stocks", day, unread)


# --- rules over it --------------------------------------------------------------------------
RULE = "pick(market_us; top 8 by dollar_volume over 20)"


def test_a_rule_over_the_market_picks_from_those_of_the_session_before(
    loaded: Rig, market: SyntheticMarket
) -> None:
    """By hand, from the making; and the same where everything later is lacking or other."""
    tick, day = loaded.tick, date(2023, 4, 3)
    shown = tick.history.show(RULE, day).symbols
    last = market.session(date(2023, 3, 31))
    assert last is not None
    traded: dict[str, list[float]] = defaultdict(list)
    for session in range(last - 19, last + 1):
        bars = market.on(market.day(session), LATE)
        for i, owner in enumerate(bars.owner.tolist()):
            traded[bars.tickers[owner]].append(float(bars.close[i] * bars.volume[i]))
    members = market.on(date(2023, 3, 31), LATE).tickers
    ranked = sorted(members, key=lambda t: -float(np.median(traded[t])))
    assert shown == tuple(sorted(ranked[:8]))
    sql(tick.database, "UPDATE tickstock.bars_day SET close = 1, volume = 1e12 WHERE at >= %s", day)
    sql(tick.database, "UPDATE tickstock.coverage SET held = held - %s::datemultirange",
        f"{{[{day},)}}")  # fmt: skip
    assert tick.history.show(RULE, day).symbols == shown


def test_a_build_over_it_keeps_who_was_picked_then(loaded: Rig) -> None:
    tick = loaded.tick
    built = tick.builds.build(RULE, Span(date(2023, 3, 1), date(2023, 6, 1)))
    assert [day for day, _ in built.members] == [
        date(2023, 3, 1), date(2023, 4, 3), date(2023, 5, 1),
    ]  # fmt: skip
    assert built.members[1][1] == tick.history.show(RULE, date(2023, 4, 3)).symbols


def test_a_plan_says_what_a_longer_history_would_add(
    database: Database, tmp_path: Path, market: SyntheticMarket
) -> None:
    """What the account refuses is learned once, and left out of the next plan."""
    here = rig(database, tmp_path, vendor={"market": market})
    here.faults = (Fault(What.NOT_ENTITLED, before=date(2023, 1, 17)),)
    assert load(here, MONTH).load.state is JobState.WITH_ERRORS
    plan = here.plan(MARKET, first=MONTH.start, last=MONTH.last + timedelta(days=7))
    assert sum(s.cells for s in plan.skips if s.cause is GapCause.NOT_ENTITLED) == 9
    assert len(plan.calls) == 5


# --- the master -----------------------------------------------------------------------------
class Broken(Exception):
    """The reading is broken off."""


async def read_lists(here: Rig, *, pages: int = 1_000) -> Refreshed:
    """Read the vendor's lists; broken off after so many pages."""
    left = [pages]

    def told(_: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise Broken

    async with here.serving() as vendor, closing(MassiveSource(vendor.url, "key")) as source:
        return await here.tick.listings.refresh(source, OpenGate(), told)


@pytest.mark.parametrize("is_read_before", [True, False])
def test_lists_tell_kinds_and_lifetimes(
    here: Rig, market: SyntheticMarket, is_read_before: bool
) -> None:
    """Whoever traded is of its firm's kind, and whose last day was told is no longer listed; also
    where lists were read before any bar was held."""
    tick, database = here.tick, here.tick.database
    last = market.sessions - 1
    if is_read_before:
        first = asyncio.run(read_lists(here))
        assert first.made == first.listed + first.delisted
    load(here, SPAN)
    found = asyncio.run(read_lists(here))
    assert found.listed == len(market.listed_on(last))
    assert found.delisted == int((market.firms.lost <= last).sum())
    assert found.apart == ()
    check_apart(database, market)
    firms = {figi_of(firm): firm for firm in range(len(market.firms))}
    rows = sql(
        database, "SELECT id, figi, kind, delisted FROM tickstock.instruments WHERE figi <> ''"
    )
    assert len(rows) == found.listed + found.delisted
    for _, figi, kind, delisted in rows:
        firm = firms[figi]
        assert kind == KINDS[int(market.firms.kind[firm])].code
        lost = int(market.firms.lost[firm])
        assert delisted == (market.day(lost - 1) if lost <= last else None)
    by_id = {id_: firms[figi] for id_, figi, *_ in rows}
    for id_, bars in held_by_instrument(database).items():
        if id_ in by_id:
            assert {firm_of(market, ticker, day) for ticker, day in bars} == {by_id[id_]}
    label = tick.history.show(MARKET, market.day(0)).label
    assert label is not None
    then = {f: market.ticker_of(f, 0) for f in market.traded_on(0).tolist()}
    ends = {f: min(last, int(market.firms.lost[f]) - 1) for f in then}
    lost_under_it = {
        t for f, t in then.items() if ends[f] < last and market.ticker_of(f, ends[f]) == t
    }
    assert set(label.delisted) == lost_under_it


def test_a_delisted_one_is_not_asked_for_after_its_last_day(
    here: Rig, market: SyntheticMarket
) -> None:
    asyncio.run(read_lists(here))
    firm = int(np.flatnonzero((market.firms.lost > 60) & (market.firms.lost < 200))[0])
    lost = int(market.firms.lost[firm])
    ticker = market.ticker_of(firm, lost - 1)
    assert ticker is not None
    first, last = market.day(lost - 10), market.day(lost + 9)
    plan = here.plan(symbols=[ticker], first=first, last=last)
    assert [(s.cause, s.cells) for s in plan.skips] == [(GapCause.NOT_LISTED, 10)]


def test_a_reading_goes_on_where_it_was_broken_off(here: Rig, market: SyntheticMarket) -> None:
    here.vendor["page_bars"] = 7
    whole = (len(market.listed_on(market.sessions - 1)) - 1) // 7 + 1
    with pytest.raises(Broken):
        asyncio.run(read_lists(here, pages=3))
    assert here.tick.listings.plan("massive", Limits()).kept == 3
    assert sql(here.tick.database, "SELECT count(*) FROM tickstock.listing_records") == [(0,)]
    found = asyncio.run(read_lists(here))
    lost = int((market.firms.lost <= market.sessions - 1).sum())
    assert found.calls == whole + -(-lost // 7) - 3
    assert found.new == found.listed + found.delisted
    plan = here.tick.listings.plan("massive", Limits(calls_per_minute=5))
    assert (plan.kept, plan.calls, plan.seconds) == (0, 2, 24.0)


def test_what_was_said_before_is_kept_with_its_times(here: Rig, market: SyntheticMarket) -> None:
    """As of a day in spring, and as of the end: what is said no longer has an end."""
    early = market.day(60)
    noon = datetime.combine(early, time(22), UTC).timestamp()
    here.vendor["now"] = lambda: noon
    first = asyncio.run(read_lists(here))
    here.vendor["now"] = lambda: LATE
    second = asyncio.run(read_lists(here))
    counts = sql(
        here.tick.database,
        "SELECT count(*), count(*) FILTER (WHERE known_until IS NULL),"
        " count(*) FILTER (WHERE known_until > known_from) FROM tickstock.listing_records",
    )
    assert counts == [(first.new + second.new, second.listed + second.delisted, second.ended)]
    assert second.ended > 0
