"""Splits and dividends from the vendor to the reader, with a real worker, server and database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.kit import day, sessions, span
from tickstock.actions import Adjust, Dividend, Split
from tickstock.bars import ANOTHER_FIRM
from tickstock.config import read_settings
from tickstock.crosscheck import ActionDoubt
from tickstock.identity import identities, shipped_events
from tickstock.model import JobState, Timeframe
from tickstock.service import TickStock
from tickstock.service.doubts import DoubtCounts, count_doubts
from tickstock.service.progress import Progress
from tickstock.spans import Span
from tickstock.store import job_items
from tickstock.store.database import Database
from tickstock.store.instruments import record_identities
from tickstock.store.moment import database_now
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker

QUICK = Policy(attempts=2, backoff=0.01, longest_backoff=0.02)
WINTER = span("2005-02-14", "2005-03-11")
SEVEN = Split("seven", "AAPL", day("2014-06-09"), 1, 7, "forward_split")
MONDAY = datetime(2026, 11, 16, 15, tzinfo=UTC)


@dataclass
class House:
    """An installation whose clock is set by hand, and what its vendor was asked."""

    database: Database
    home: Path
    now: datetime = MONDAY
    asked: list[str] = field(default_factory=list)

    @property
    def tick(self) -> TickStock:
        settings = read_settings({}, self.home, home=self.home, vendor="massive",
                                 massive_api_key="sesame")  # fmt: skip
        return TickStock(settings, self.database, lambda: self.now)

    def load(
        self, symbols: Sequence[str] = ("AAPL",), over: Span = WINTER, *, refresh: bool = False,
        **vendor: Any,
    ) -> Progress:  # fmt: skip
        """Plan, submit and work, with a vendor like this."""
        tick = self.tick
        request = tick.requests.resolve(
            symbols=symbols, first=over.start, last=over.last, refresh=refresh
        )
        load = tick.jobs.submit(tick.plans.make(request))
        return self.work(tick, load.id, **vendor)

    def work(self, tick: TickStock, load_id: Any, **vendor: Any) -> Progress:
        async def run() -> None:
            async with ReplayVendor(**vendor) as serving:
                source = MassiveSource(serving.url, "sesame", bounds=Bounds(throttle_rounds=0))
                await Worker(tick, policy=QUICK, source=lambda *_: source).drain(load_id)
                self.asked = [f"{s.path}?{s.query}" for s in serving.requests]

        with capture_logs():
            asyncio.run(run())
        return tick.jobs.progress(load_id)

    def closes(self, symbol: str = "AAPL", **how: Any) -> list[float]:
        bars = self.tick.holdings.bars([symbol], Timeframe.DAY, **how)
        return [round(c, 6) for c in bars.close.tolist()]

    def known_now(self) -> datetime:
        with self.database.transaction() as conn:
            return database_now(conn)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    # No budget paces these: the limit of the free plan would take minutes.
    (tmp_path / "tickstock.toml").write_text("massive_calls_per_minute = 0\n")
    return House(database, tmp_path)


def test_bars_come_with_their_splits_in_the_fewest_calls(house: House) -> None:
    done = house.load(["AAPL", "IBM", "MSFT"])
    assert done.load.state is JobState.COMPLETED
    actions = [a for a in house.asked if "/stocks/v1/" in a]
    assert len(actions) == 2
    assert house.asked[-2:] == actions, "bars come first"
    assert done.load.report is not None
    assert done.load.report["actions"] == {
        "state": "done", "calls": 2, "added": 3, "corrected": 0, "withdrawn": 0, "message": "",
    }  # fmt: skip
    raw = house.closes(adjust=Adjust.RAW)
    made = house.closes()
    cut = 9  # sessions before 28 February; the 21st was a holiday
    assert made == [round(c / 2, 6) for c in raw[:cut]] + raw[cut:]
    assert max(abs(a / b - 1) for a, b in pairwise(made)) < 0.1


def test_a_reload_of_the_same_day_asks_nothing_and_of_the_next_for_all_records_in_a_call(
    house: House,
) -> None:
    house.load()
    tick = house.tick
    again = tick.requests.resolve(symbols=["AAPL"], first=WINTER.start, last=WINTER.last)
    assert tick.jobs.submit(tick.plans.make(again)).state is JobState.COMPLETED, (
        "at once: there is nothing to ask"
    )
    house.now += timedelta(days=1)
    assert house.load().load.state is JobState.COMPLETED
    assert len(house.asked) == 2
    assert not [a for a in house.asked if ".gte=" in a]


def test_a_split_between_two_loads_is_applied_at_once_and_nothing_is_fetched_again(
    house: House,
) -> None:
    house.now = datetime(2014, 6, 6, 21, tzinfo=UTC)
    assert house.load().rows_new == 19
    before, raw = house.closes(), house.closes(adjust=Adjust.RAW)
    moment = house.known_now()
    house.now += timedelta(days=3)
    second = house.load(splits=[SEVEN])
    assert (second.calls_planned, second.rows_new, second.rows_changed) == (0, 0, 0)
    assert [a.partition("?")[0] for a in house.asked] == [
        "/stocks/v1/splits",
        "/stocks/v1/dividends",
    ]
    assert house.closes() == pytest.approx([c / 7 for c in before], abs=1e-6)
    assert house.closes(adjust=Adjust.RAW) == raw
    assert house.closes(known_at=moment) == before
    assert house.closes(known_at=moment, adjust=Adjust.RAW) == raw


def test_an_announced_split_is_applied_from_its_day_on(house: House) -> None:
    house.now = datetime(2014, 6, 6, 21, tzinfo=UTC)
    house.load(splits=[SEVEN])
    before = house.closes()
    house.now = datetime(2014, 6, 9, 3, 59, tzinfo=UTC)  # a minute to midnight in New York
    assert house.closes() == before
    house.now += timedelta(minutes=1)
    assert house.closes() == pytest.approx([c / 7 for c in before], abs=1e-6)


def test_total_return_counts_dividends_too(house: House) -> None:
    paid = Dividend("d1", "AAPL", day("2005-03-07"), 1.0, "USD", "special")
    house.load(dividends=[paid])
    splits, total = house.closes(), house.closes(adjust=Adjust.TOTAL)
    before = house.closes(span=span("2005-03-04"), adjust=Adjust.RAW)[0]
    cut = 14  # sessions before 7 March
    factor = 1 - 1.0 / before
    assert total[cut:] == splits[cut:]
    assert total[:cut] == pytest.approx([c * factor for c in splits[:cut]], abs=1e-6)
    alone = house.closes(span=span("2005-02-14", "2005-02-18"), adjust=Adjust.TOTAL)
    assert alone == total[:5], "days read alone are adjusted as among all others"


def test_a_corrected_split_is_applied_and_its_predecessor_kept(house: House) -> None:
    wrong = Split("x", "MSFT", day("2010-06-01"), 1, 3)
    right = Split("x", "MSFT", day("2010-06-01"), 1, 2)
    house.load(["MSFT"], splits=[wrong])
    before, moment = house.closes("MSFT"), house.known_now()
    done = house.load(["MSFT"], refresh=True, splits=[right])
    assert done.load.report is not None
    assert done.load.report["actions"]["corrected"] == 1
    assert house.closes("MSFT") == pytest.approx([c * 1.5 for c in before], abs=1e-6)
    assert house.closes("MSFT", known_at=moment) == before


@pytest.mark.parametrize("what", [What.BAD_GATEWAY, What.NOT_ENTITLED, What.WEB_PAGE])
def test_a_failure_of_actions_is_said_and_loses_no_bar(house: House, what: What) -> None:
    failing = house.load(faults=[Fault(what, path="dividends")])
    assert failing.load.state is JobState.WITH_ERRORS
    assert "splits or dividends not loaded" in failing.load.message
    assert (failing.held, failing.rows_new) == (19, 19)
    assert house.closes()[0] == round(house.closes(adjust=Adjust.RAW)[0] / 2, 6), "splits came"
    tick = house.tick
    assert tick.jobs.retry(failing.load.id) == 1
    fixed = house.work(tick, failing.load.id)
    assert fixed.load.state is JobState.COMPLETED
    assert [a.partition("?")[0] for a in house.asked] == ["/stocks/v1/dividends"]


def test_a_worker_that_stops_leaves_the_rest_to_the_next(house: House) -> None:
    tick = house.tick
    request = tick.requests.resolve(symbols=["AAPL"], first=WINTER.start, last=WINTER.last)
    load = tick.jobs.submit(tick.plans.make(request))

    async def stopped() -> None:
        async with ReplayVendor(faults=[Fault(What.SLOW_DRIP, path="splits", seconds=5)]) as vendor:
            source = MassiveSource(vendor.url, "sesame")
            worker = Worker(tick, policy=QUICK, source=lambda *_: source)
            work = asyncio.create_task(worker.drain(load.id))
            # The vendor has no event for it.
            while not any("splits" in s.path for s in vendor.requests):
                await asyncio.sleep(0.01)
            worker.stop()
            assert await work is None

    asyncio.run(stopped())
    assert not tick.jobs.progress(load.id).load.state.finished
    done = house.work(tick, load.id)
    assert done.load.state is JobState.COMPLETED
    assert not [a for a in house.asked if "/v2/aggs" in a]


def test_two_workers_ask_once(house: House) -> None:
    tick = house.tick
    request = tick.requests.resolve(symbols=["AAPL", "IBM"], first=WINTER.start, last=WINTER.last)
    load = tick.jobs.submit(tick.plans.make(request))

    async def both() -> list[str]:
        async with ReplayVendor(delay=0.05) as vendor:
            workers = [
                Worker(tick, policy=QUICK, source=lambda *_: MassiveSource(vendor.url, "sesame"))
                for _ in range(2)
            ]
            await asyncio.gather(*(w.drain(load.id) for w in workers))
            return [s.path for s in vendor.requests if "/stocks/" in s.path]

    asked = asyncio.run(both())
    assert sorted(asked) == ["/stocks/v1/dividends", "/stocks/v1/splits"]
    assert tick.jobs.progress(load.id).load.state is JobState.COMPLETED


def test_restated_bars_are_told_and_can_be_read_as_before(house: House) -> None:
    house.load()
    before, moment = house.closes(), house.known_now()
    done = house.load(refresh=True, faults=[Fault(What.RESTATED, path="aggs")])
    assert (done.rows_new, done.rows_changed) == (0, 19)
    after = house.closes()
    assert after != before
    assert house.closes(known_at=moment) == before
    found = house.tick.holdings.revisions(["AAPL"], since=moment)
    assert len(found) == 19
    symbol, first = found[0]
    assert (symbol, first.at.date()) == ("AAPL", day("2005-02-14"))
    assert first.old is not None
    assert first.new is not None
    assert (first.old[3] / 2, first.new[3] / 2) == pytest.approx((before[0], after[0]), abs=1e-6)


def test_doubts_are_told_and_bars_are_never_altered(house: House) -> None:
    twice = Split("b", "AAPL", day("2005-03-07"), 1, 2)
    house.load(splits=[twice], over=span("2000-09-18", "2000-10-06"))
    house.load(splits=[twice], over=WINTER)
    found = house.tick.verify.stored(["AAPL", "NEVER"])
    assert found.damages == ()
    assert found.without_bars == ("NEVER",)
    assert [(f.day, f.doubt) for f in found.findings] == [
        (day("2000-09-29"), ActionDoubt.UNEXPLAINED),
        (day("2005-02-28"), ActionDoubt.DOUBLED),
    ]
    reading = house.tick.holdings.read(["AAPL"], Timeframe.DAY, WINTER)
    assert [f.doubt for f in reading.findings] == [ActionDoubt.DOUBLED]
    assert reading.bars.close[0] == 84.63 / 2


def recorded(at: Path, ticker: str, prices: dict[str, float]) -> Path:
    """A folder of a vendor with a ticker's bars at these prices, by day."""
    at.mkdir(exist_ok=True)
    lines = [f"{ticker},{d},{p},{p * 1.01},{p * 0.99},{p},{1000 + n}"
             for n, (d, p) in enumerate(prices.items())]  # fmt: skip
    file = at / f"{ticker}.csv"
    file.write_text("\n".join(["symbol,date,open,high,low,close,volume", *lines]) + "\n")
    return at


def flat(over: Span, price: float) -> dict[str, float]:
    return {d.isoformat(): price for d in sessions(over)}


LATE = span("2026-08-03", "2026-11-13")
CUT = day("2026-10-01")


def late_bars() -> dict[str, float]:
    return {d: p if day(d) < CUT else p / 4 for d, p in flat(LATE, 40.0).items()}


def test_records_that_the_vendor_adds_weeks_late_are_found(house: House, tmp_path: Path) -> None:
    folder = recorded(tmp_path / "vendor", "LATS", late_bars())
    recorded(folder, "LATD", flat(LATE, 18.0))
    house.load(["LATD", "LATS"], LATE, folder=folder)
    (jump,) = house.tick.verify.stored(["LATD", "LATS"]).findings
    assert (jump.doubt, jump.day) == (ActionDoubt.UNEXPLAINED, CUT)
    house.now += timedelta(days=2)
    split = Split("s", "LATS", CUT, 1, 4, "forward_split")
    paid = Dividend("d", "LATD", day("2026-09-01"), 0.9, "USD", "recurring")
    done = house.load(["LATD", "LATS"], LATE, folder=folder, splits=[split], dividends=[paid])
    assert (done.rows_new, len(house.asked)) == (0, 2)
    assert set(house.closes("LATS")) == {10.0}
    assert set(house.closes("LATD", adjust=Adjust.TOTAL)) == {17.1, 18.0}
    assert house.tick.verify.stored(["LATD", "LATS"]).findings == ()


def test_a_jump_makes_a_name_among_many_be_asked_for_at_once(house: House, tmp_path: Path) -> None:
    """Bars that show it come on the day on which all its records were asked for already."""
    before = {d: p for d, p in late_bars().items() if day(d) < CUT}
    folder = recorded(tmp_path / "vendor", "LATS", before)
    house.load(["LATS"], Span(LATE.start, CUT), folder=folder)
    assert house.tick.actions.plan(["LATS"]) == ()
    house.load(["LATS"], LATE, folder=recorded(tmp_path / "vendor", "LATS", late_bars()))
    assert [a.partition("?")[0] for a in house.asked[-2:]] == [
        "/stocks/v1/splits", "/stocks/v1/dividends",
    ]  # fmt: skip
    assert house.tick.actions.plan(["LATS"]) == (), "and once for that"


@pytest.mark.parametrize("filed_under", ["ANTM", "ELV"])
def test_records_are_asked_for_under_every_ticker(
    house: House, tmp_path: Path, filed_under: str
) -> None:
    """ANTM trades as ELV from 2022-06-28; the vendor may file a split of before under either."""
    old = {d: p if d < "2022-06-13" else p / 2
           for d, p in flat(span("2022-05-16", "2022-06-27"), 500.0).items()}  # fmt: skip
    folder = recorded(tmp_path / "vendor", "ANTM", old)
    recorded(folder, "ELV", flat(span("2022-06-28", "2022-07-20"), 250.0))
    split = Split("e", filed_under, day("2022-06-13"), 1, 2, "forward_split")
    with house.database.transaction() as conn:
        record_identities(conn, identities(shipped_events()), "test")
    house.load(["ELV"], span("2022-05-16", "2022-07-20"), folder=folder, splits=[split])
    assert len(house.closes("ELV")) == len(sessions(span("2022-05-16", "2022-07-20")))
    assert set(house.closes("ELV")) == {250.0}
    assert house.tick.verify.stored(["ELV"]).findings == ()
    assert house.tick.actions.plan(["ELV"]) == ()


def test_a_load_says_how_many_doubts_there_are(house: House, tmp_path: Path) -> None:
    odd = flat(span("2024-04-15", "2024-05-15"), 2.13)
    odd |= {d: 0.142 for d in odd if d < "2024-05-01"}
    folder = recorded(tmp_path / "vendor", "SOPA", odd)
    said = [Split(f"s{n}", "SOPA", day("2024-05-01"), n, 1) for n in (15, 10)]
    done = house.load(["SOPA"], span("2024-04-15", "2024-05-15"), folder=folder, splits=said)
    assert done.load.report is not None
    assert done.load.report["doubts"] == {"actions": 1, "bars": 0}
    assert house.closes("SOPA")[0] == pytest.approx(2.13)


@pytest.mark.parametrize("at_once", [1, 2, 50])
def test_doubts_are_counted_in_parts_of_any_size(house: House, at_once: int) -> None:
    wrong = [Split(s, s, day("2005-03-01"), 1, 20) for s in ("AAPL", "IBM", "MSFT")]
    done = house.load(["AAPL", "IBM", "MSFT"], splits=wrong)
    with house.database.transaction() as conn:
        items = job_items.read(conn, done.load.id)
        found = count_doubts(conn, items, house.now, at_once=at_once)
    assert found == DoubtCounts(3, 0)


def test_another_firm_under_the_same_letters_is_a_doubt(house: House, tmp_path: Path) -> None:
    """The vendor was asked about the days between and has none; a gap that nobody asked about is
    no doubt."""
    first, then = span("2024-01-02", "2024-02-01"), span("2025-03-03", "2025-03-31")
    folder = recorded(tmp_path / "vendor", "QQZ", flat(first, 90.0) | flat(then, 9.0))
    for part in (Span(day("2023-11-01"), first.end), then):
        house.load(["QQZ"], part, folder=folder)
    assert house.tick.verify.stored(["QQZ"]).findings == ()
    view = house.tick.missing.find(["QQZ"], [Timeframe.DAY], Span(first.start, then.end))
    assert [b.reason for s in view.suspects for b in s.doubtful] == []
    house.load(["QQZ"], Span(first.start, then.end), folder=folder)
    (finding,) = house.tick.verify.stored(["QQZ"]).findings
    assert (finding.doubt, finding.day) == (ActionDoubt.ANOTHER_FIRM, then.start)
    view = house.tick.missing.find(["QQZ"], [Timeframe.DAY], Span(first.start, then.end))
    assert [b.reason for s in view.suspects for b in s.doubtful] == [ANOTHER_FIRM]
