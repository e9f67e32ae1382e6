"""Plans: none is cheaper, and what a job asks is what its plan said, call by call."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from tests.conftest import Cluster
from tests.flat_kit import key_on, packed, session_files
from tests.kit import CALENDAR
from tests.loading_rig import (
    CALM,
    NOW,
    QUICK,
    FilesOf,
    Rig,
    forget,
    rig,
    sql,
    synthetic_table,
    tell_lives,
    write_folder,
)
from tests.reliability.form import FORM, record
from tests.unit.test_choice import cases, cheapest, column_prices, repriced
from tests.unit.test_planner import grid_of
from tests.work import calls
from tickstock.loading.bits import Bits
from tickstock.loading.choice import choose
from tickstock.loading.grid import HeldSpans, build_grid
from tickstock.loading.plan import Plan
from tickstock.loading.planner import make_plan
from tickstock.loading.request import LoadRequest
from tickstock.model import (
    Answer,
    BarTable,
    Call,
    CallKind,
    Instrument,
    Limits,
    Timeframe,
    epoch_day,
)
from tickstock.service import TickStock
from tickstock.spans import Span
from tickstock.store.database import Database
from tickstock.vendors import BarSource, Gate
from tickstock.vendors.flatfiles.files import FoundFile
from tickstock.vendors.flatfiles.source import FlatFiles, WithFiles
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.massive.wire import TIMESPANS
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.vendors.synthetic.source import synthetic_bars
from tickstock.worker.run import Worker

DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE


# --- none is cheaper -------------------------------------------------------------------------
def test_no_choice_of_calls_is_cheaper() -> None:
    """By brute force: every set of sessions for all tickers, and all windows for the rest."""
    for missing, limits in cases(2026, FORM.small_choices, 6, 7):
        choice = choose(grid_of(missing), limits)
        assert choice.exact
        assert choice.price == cheapest(missing, DAY, limits), (missing, limits)
    record("plans of least cost, by brute force", runs=FORM.small_choices)


@pytest.mark.parametrize("timeframe", [DAY, MINUTE])
def test_no_single_strategy_is_cheaper(timeframe: Timeframe) -> None:
    for missing, limits in cases(2027, FORM.large_choices, 80, 160):
        grid = grid_of(missing, timeframe)
        price = choose(grid, limits).price
        tickers = choose(grid, replace(limits, market_day=False, flat_days=None))
        assert price <= repriced(tickers.windows, grid, limits), (missing, limits)
        if all(p is not None for p in column_prices(timeframe, limits, missing.shape)):
            columns = choose(grid, replace(limits, ticker=False))
            assert price <= columns.price, (missing, limits)
    record("plans no dearer than the best single strategy", runs=FORM.large_choices)


def test_twenty_years_of_the_market_are_planned_by_whole_columns() -> None:
    """Listing dates, and gaps scattered over half of what was held; seconds of computing."""
    rng, sessions, symbols = np.random.default_rng(20), 5040, FORM.planned_symbols
    last = CALENDAR.index(date(2026, 11, 19))
    first = last + 1 - sessions
    listed = first + (rng.beta(0.6, 1.0, symbols) * sessions).astype(int)
    held = np.arange(first, last + 1) >= listed[:, None]
    held.ravel()[rng.integers(0, held.size, held.size * 64 // 1000)] = False
    row, start, end = Bits.pack(held).runs()
    spans = HeldSpans(row, CALENDAR.days[first + start], CALENDAR.days[first + end - 1] + 1)
    instruments = [
        Instrument(i, f"T{i:05}", CALENDAR.day(int(day))) for i, day in enumerate(listed)
    ]
    span = Span.inclusive(CALENDAR.day(first), CALENDAR.day(last))
    request = LoadRequest("market", tuple(i.symbol for i in instruments), (DAY,), span)
    limits = Limits(calls_per_minute=5)

    def planned() -> None:
        grid = build_grid(DAY, instruments, span, CALENDAR, last + 1, spans)
        assert make_plan(request, [grid], limits).exact

    begun = time.process_time()
    planned()
    seconds = time.process_time() - begun
    cost = calls(planned) / (symbols * sessions)
    assert cost < 0.05  # whole columns at a time: no function is called for each cell
    record("gaps and plan of 20 years", symbols=symbols, seconds=round(seconds, 2))


# --- predicted and made ------------------------------------------------------------------------
SYNTHETIC_NAMES = tuple(f"I{n:02}" for n in range(16))
"""Symbols with bars of all timeframes."""
LIVED = tuple(f"L{n:02}" for n in range(24))
"""Symbols with day bars, of which many were listed or delisted within the days that are asked."""
KNOWN = 16
"""So many of these have lives that are known. Of the others the vendor's answers tell."""
SESSIONS = 320
PARTS = 4
PAGE = 52 * 390
"""Bars of the minutes that the vendor reads for a page: 960 a session, of which it has 390 here."""
MANY = 100
"""Plans by which every kind of call has been made."""
S3 = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S"}
Asked = Counter[tuple[CallKind, Timeframe, str, str, str]]


@dataclass
class MarketFiles(FilesOf):
    """The vendor's files of all symbols."""

    lived: BarTable
    read_keys: list[str] = field(default_factory=list)

    async def read(self, key: str) -> FoundFile | None:
        self.read_keys.append(key)
        timeframe, day = file_of(key)
        span = Span.inclusive(day, day)
        bars = synthetic_bars(SYNTHETIC_NAMES, timeframe, span, CALENDAR, NOW.timestamp())
        made = [bars]
        if timeframe is DAY:
            made.append(self.lived.rows(self.lived.at == epoch_day(day)))
        lines = [session_files(b, timeframe).get(key_on(day, timeframe)) for b in made if len(b)]
        return FoundFile(merged(lines), key)


def merged(files: list[bytes | None]) -> bytes:
    """Files of different tickers as one; each begins with the same header."""
    import gzip

    rows = [line for f in files if f for line in gzip.decompress(f).decode().splitlines()[1:]]
    return packed(sorted(rows))


def file_of(key: str) -> tuple[Timeframe, date]:
    return (DAY if "day_aggs" in key else MINUTE), date.fromisoformat(key[-17:-7])


class LabelledFiles(FlatFiles):
    """Files that say which bars are synthetic."""

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        answer = await super().fetch(call, gate)
        real = tuple((t, "recorded") for t in answer.bars.tickers if t in LIVED)
        return replace(answer, origin="synthetic", origins=real)


@dataclass
class World:
    """A database, a vendor with bars of its own, and what happened to both so far."""

    rng: np.random.Generator
    database: Database
    home: Path
    vendor: ReplayVendor
    lived: BarTable
    last: int
    again: int = 0
    kinds: Counter[CallKind] = field(default_factory=Counter)

    def step(self) -> None:
        """One random plan, and its job: a request is one of the plan's calls, or confirms one."""
        here, files = self._account()
        asked = self._request()
        self._punch(asked)
        plan = here.plan(**asked)
        actions = here.tick.actions.plan(plan.request.symbols, refresh=plan.request.refresh)
        load = here.tick.jobs.submit(plan)
        seen = len(self.vendor.requests)
        asyncio.run(self._work(here, load.id, files))
        made, others = requested(self.vendor.requests[seen:], files)
        added = [c for c, depth in self._calls(load.id) if depth]
        expected = predicted(plan) + counted(added)
        # An empty answer of a ticker is confirmed by a second one before it stands.
        confirmed = made - expected
        assert made - confirmed == expected, asked
        assert all(n == 1 and kind is CallKind.TICKER for (kind, *_), n in confirmed.items()), asked
        assert confirmed.keys() <= expected.keys(), asked
        assert others == len(actions), asked
        self._judge(here, load.id, made.total())
        if not plan.request.refresh:
            assert here.plan(**asked).calls == (), asked
        self.again += len(added)
        self.kinds.update(plan.calls_by_kind)

    def _account(self) -> tuple[Rig, MarketFiles | None]:
        """A call limit or none, with files or without."""
        files = MarketFiles(self.lived) if self.rng.integers(2) else None
        limit = {"MASSIVE_CALLS_PER_MINUTE": str(self.rng.choice([0, 5, 100]))}
        return rig(self.database, self.home, settings=limit | (S3 if files else {})), files

    def _request(self) -> dict[str, Any]:
        rng = self.rng
        frames = str(rng.choice(["day", "day", "day", "hour", "1min", "day,hour,1min"]))
        pool, most, wide = (*SYNTHETIC_NAMES, *LIVED), 40, int(rng.choice([3, 30, SESSIONS]))
        nearest = 0
        if frames != "day":
            pool, most, wide = SYNTHETIC_NAMES, 5, 6
            if rng.random() < 0.2:
                # More than the 52 sessions of which one call may read the minutes.
                most, nearest, wide = 2, 53, 70
        count = int(rng.integers(1, most + 1))
        end = self.last - int(rng.integers(0, SESSIONS - wide + 1))
        start = end - int(rng.integers(nearest, wide))
        return {
            "symbols": [str(s) for s in rng.choice(pool, count, replace=False)],
            "first": CALENDAR.day(start),
            "last": CALENDAR.day(end),
            "timeframes": frames,
            "refresh": bool(rng.random() < 0.08),
        }

    def _punch(self, asked: dict[str, Any]) -> None:
        """Forget bars of some sessions, and that they were held."""
        rng = self.rng
        ids = [
            row[0]
            for row in sql(
                self.database,
                "SELECT id FROM tickstock.instruments WHERE symbol = ANY (%s)",
                asked["symbols"],
            )
        ]
        start, end = CALENDAR.between(Span.inclusive(asked["first"], asked["last"]))
        count = int(rng.integers(0, 60)) if rng.random() < 0.7 else 0
        if ids and count:
            cells = [
                (int(rng.choice(ids)), CALENDAR.day(int(rng.integers(start, end))))
                for _ in range(count)
            ]
            for timeframe in asked["timeframes"].split(","):
                forget(self.database, cells, Timeframe(timeframe))

    async def _work(self, here: Rig, load_id: Any, files: MarketFiles | None) -> None:
        def source(_: TickStock, symbols: tuple[str, ...]) -> BarSource:
            calls = MassiveSource(self.vendor.url, "key", limits=Limits(), bounds=CALM)
            return calls if files is None else WithFiles(calls, LabelledFiles(files, symbols))

        await Worker(here.tick, source=source, policy=QUICK).drain(load_id)

    def _calls(self, load_id: Any) -> list[tuple[Call, int]]:
        rows = sql(
            self.database,
            "SELECT kind, timeframe, lower(span), upper(span), coalesce(symbol, ''), depth"
            " FROM tickstock.calls WHERE load_id = %s",
            load_id,
        )
        return [
            (Call(CallKind(kind), Timeframe(frame), Span(a, b), symbol), depth)
            for kind, frame, a, b, symbol, depth in rows
        ]

    def _judge(self, here: Rig, load_id: Any, calls: int) -> None:
        progress = here.tick.jobs.progress(load_id)
        assert progress.calls == progress.calls_planned == calls
        assert progress.load.report is not None
        for symbol, _, expected, held, causes in progress.load.report["items"]:
            assert held + sum(causes.values()) == expected, symbol
            assert set(causes) <= {"vendor_empty"}, symbol


def predicted(plan: Plan) -> Asked:
    return counted([p.call for p in plan.calls])


def counted(calls: list[Call]) -> Asked:
    return Counter(
        (c.kind, c.timeframe, c.symbol, c.span.start.isoformat(), c.span.last.isoformat())
        for c in calls
    )


def requested(seen: list[Any], files: MarketFiles | None) -> tuple[Asked, int]:
    """What the vendor was asked for, each page and each file; and how many other requests."""
    spans = {word: frame for frame, word in TIMESPANS.items()}
    made: Asked = Counter()
    others = 0
    for one in seen:
        parts = [unquote(p) for p in one.path.split("/")[1:]]
        if parts[:3] == ["v2", "aggs", "ticker"]:
            made[CallKind.TICKER, spans[parts[6]], parts[3], parts[7], parts[8]] += 1
        elif parts[:3] == ["v2", "aggs", "grouped"]:
            made[CallKind.MARKET_DAY, DAY, "", parts[-1], parts[-1]] += 1
        else:
            others += 1
    for key in files.read_keys if files else ():
        timeframe, day = file_of(key)
        made[CallKind.FLAT_DAY, timeframe, "", day.isoformat(), day.isoformat()] += 1
    return made, others


@contextmanager
def world(cluster: Cluster, template: str, home: Path, seed: int) -> Iterator[World]:
    rng = np.random.default_rng(seed)
    last = CALENDAR.index(CALENDAR.last_published(NOW, timedelta(hours=20)))
    span = Span.inclusive(CALENDAR.day(last + 1 - SESSIONS), CALENDAR.day(last))
    bars = synthetic_table(LIVED, span)
    lives = rng.integers(last + 1 - SESSIONS, last + 1, (len(LIVED), 2))
    lives.sort(axis=1)
    lives[::2, 1] = last  # half of them are listed still
    lives[::3, 0] = last + 1 - SESSIONS  # a third were so before
    days = CALENDAR.days[lives]
    lived = bars.rows((bars.at >= days[bars.owner, 0]) & (bars.at <= days[bars.owner, 1]))
    name = cluster.create(template)
    folder = write_folder(home / f"vendor-{seed}", lived)
    vendor = ReplayVendor(folder, symbols=SYNTHETIC_NAMES, page_bars=PAGE)
    with (
        Database.open(cluster.uri(name), home, migrate=False) as database,
        serve_in_thread(vendor),
    ):
        made = World(rng, database, home, vendor, lived, last)
        _tell_lives(made, lives)
        yield made
    cluster.drop(name)


def _tell_lives(made: World, lives: Any) -> None:
    """Of some instruments it is known when they were listed, and until when."""
    middle = CALENDAR.day(made.last - SESSIONS // 2)
    tell_lives(made.database, SYNTHETIC_NAMES[:4], middle)
    for symbol, (start, end) in list(zip(LIVED, lives.tolist(), strict=True))[:KNOWN]:
        until = CALENDAR.day(end) if end < made.last else None
        tell_lives(made.database, [symbol], CALENDAR.day(start), until)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_calls_made_are_the_calls_planned(
    cluster: Cluster, template: str, tmp_path: Path, part: int, request: pytest.FixtureRequest
) -> None:
    """Loads one after the other into one database, of random symbols, days and timeframes."""
    given = request.config.getoption("--seed")
    if given is not None and part:
        pytest.skip("one seed is run once")
    seed = part if given is None else given
    steps = FORM.plans // PARTS
    with world(cluster, template, tmp_path, seed) as made:
        for step in range(steps):
            try:
                made.step()
            except AssertionError as error:
                here = "tests/reliability/test_plans.py -k calls_made"
                error.add_note(f"Step {step}; again: python -m pytest {here} --seed {seed}")
                raise
        again, kinds = made.again, made.kinds
    assert steps < MANY or set(kinds) == set(CallKind)
    record(
        "plans whose predicted calls were the calls made",
        runs=steps,
        calls_of_the_last=dict(sorted(kinds.items())),
        asked_again=again,
    )
