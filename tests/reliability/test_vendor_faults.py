"""Vendors that fail in every known way, by seed: nothing wrong is kept, every gap has a cause, the
exit code is right, and when the vendor is well again one job brings what is missing."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Cluster
from tests.kit import CALENDAR
from tests.loading_rig import (
    CALM,
    QUICK,
    FilesOf,
    Rig,
    SyntheticFiles,
    code,
    rig,
    sql,
    stored,
    synthetic_table,
    truth_of,
)
from tests.reliability.form import FORM, record
from tickstock.actions import Adjust, Dividend, Split
from tickstock.clock import NEW_YORK
from tickstock.errors import NotEntitled, VendorUnavailable
from tickstock.model import Limits, Timeframe, epoch_day
from tickstock.service import TickStock
from tickstock.service.progress import Progress
from tickstock.spans import Span, day_of
from tickstock.store.database import Database
from tickstock.vendors import BarSource
from tickstock.vendors.flatfiles.files import FoundFile
from tickstock.vendors.flatfiles.source import WithFiles
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.worker.run import Worker

DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE
LISTING = [f"F{n}" for n in range(8)]
S3 = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S"}
PARTS = 4
HASTY = replace(CALM, total=0.5)
"""For a vendor that drips, which time alone ends."""
ENDLESS = (What.THROTTLED, What.THROTTLED_EMPTY)
"""A job waits for as long as the vendor says so: these strike the first requests alone."""
INSIDE_A_SESSION = {
    What.PAGE_MISSING, What.EMPTY, What.IMPOSSIBLE, What.SPOILT_ROW, What.HALF, What.HALF_SESSION
}  # fmt: skip
"""Faults by which minutes may be lacking in a session that is held: no trade, no bar."""
FAULTY = {"failed", "not_entitled", "quarantined"}
SAID_BY = {
    "vendor_empty": {What.EMPTY, What.PAGE_MISSING, What.HALF},
    "not_entitled": {What.NOT_ENTITLED, What.REFUSED_INSIDE},
    "quarantined": {What.IMPOSSIBLE, What.SPOILT_ROW},
    "failed": set(What),
}
"""What a vendor must have done for a gap to have this cause. An unreadable answer is none of the
first three, and neither is a file that is not there, or a whole market without a row."""
SAID_BY_FILES = {"vendor_empty": {"half"}, "quarantined": {"spoilt"}, "not_entitled": {"refused"}}
"""The same of files."""
PLAYED = {1: "refused", 8: "half", 9: "spoilt", 11: "half session"}
ENTITLEMENT = {What.NOT_ENTITLED, What.REFUSED_INSIDE}
QUESTIONS = 40
"""To explain a refusal where others are made at random."""
PLENTY = 4
"""Whole sessions of a symbol beside which half of one is seen."""
Bars = dict[tuple[str, int], Any]


class FaultyFiles(FilesOf):
    """Files of which some are missing, refused, cut, another thing, or hold too much."""

    def __init__(self, seed: int, chance: float) -> None:
        super().__init__(LISTING)
        self._seed, self._chance = seed, chance
        self.played: set[str] = set()

    async def read(self, key: str) -> FoundFile | None:
        dice = random.Random(f"{self._seed}:{key}:{self.read_keys.count(key)}")
        found = await super().read(key)
        assert found is not None
        if dice.random() >= self._chance:
            return found
        kind = dice.randrange(12)
        self.played.add(PLAYED.get(kind, "other"))
        match kind:
            case 0:
                return None
            case 8 | 9 | 10 | 11:
                return replace(found, data=_lines_spoilt(found.data, kind))
            case 1:
                raise NotEntitled("The account is not entitled to this file.", "Pay.")
            case 2:
                raise VendorUnavailable("The file store does not answer.", "Try again later.")
            case 3:
                return replace(found, data=found.data[: len(found.data) // 2])
            case 4:
                return replace(found, data=b"<html>not here</html>")
            case 5:
                return replace(found, data=b"")
            case 6:
                return replace(found, data=found.data + b"trailing garbage")
            case _:
                return replace(found, data=found.data + found.data)  # two members, header and all


def _lines_spoilt(data: bytes | memoryview, kind: int) -> bytes:
    """A file that is whole gzip: the first half of its lines, one of them spoilt, the header, or
    the first half of its session."""
    head, *lines = gzip.decompress(data).splitlines(keepends=True)
    if kind == 9:
        lines[0] = lines[0].replace(b",", b",x", 1)
    if kind == 11:
        times = [int(line.split(b",")[6]) for line in lines]
        half = (min(times) + max(times)) // 2
        lines = [line for line, at in zip(lines, times, strict=True) if at <= half]
        return gzip.compress(head + b"".join(lines))
    return gzip.compress(head + b"".join({8: lines[: len(lines) // 2], 9: lines}.get(kind, [])))


@dataclass(frozen=True)
class Records:
    """What the vendor records of one symbol, wrong as it is: of two dividends on one day the one
    that was declared last stands, doubled ones are one, and splits on a night that did not move are
    none. Where they come late, the first job is not told of them."""

    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    is_late: bool = False

    @property
    def cash(self) -> float:
        return max(self.dividends, key=lambda d: d.declared or d.day).cash if self.dividends else 0


def _records(rng: np.random.Generator, symbol: str, span: Span) -> Records:
    """Of a night between two of the days that are loaded: without, prices say nothing to them."""
    start, end = CALENDAR.between(span)
    on = CALENDAR.day(min(start + 2, end - 1))
    paid = [
        Dividend(
            f"d{n}", symbol, on, cash, "USD", "recurring", on - timedelta(days=40 - n),
            on + timedelta(days=1), on + timedelta(days=14),
        )
        for n, cash in enumerate((0.25, float(rng.choice([0.25, 0.35]))))
    ]  # fmt: skip
    cut = [Split(f"s{n}", symbol, on, 1, to, "forward_split") for n, to in enumerate((2, 3))]
    what = rng.integers(4)
    some = [paid[i] for i in rng.permutation(2)]
    return Records(
        tuple(cut) if what in (1, 2) else (), tuple(some) if what in (2, 3) else (),
        is_late=bool(rng.random() < 0.5),
    ) if end - start > 1 else Records()  # fmt: skip


@dataclass(frozen=True)
class Case:
    """All that a seed says."""

    seed: int
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    span: Span
    faults: tuple[Fault, ...]
    page_bars: int
    calls_per_minute: int
    file_faults: float | None
    at_once: int
    since: date | None
    """Before which the account includes nothing; None where it includes everything."""
    records: Records

    @property
    def kinds(self) -> set[What]:
        return {fault.what for fault in self.faults}


def case_of(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    symbols = tuple(str(s) for s in rng.choice(LISTING, int(rng.integers(2, 9)), replace=False))
    timeframes = ((DAY,), (DAY,), (DAY,), (HOUR,), (DAY, MINUTE))[rng.integers(5)]
    first = date(2024, 1, 2) + timedelta(days=int(rng.integers(0, 200)))
    longest = 120 if timeframes == (DAY,) else 12
    span = Span(first, first + timedelta(days=int(rng.integers(4, longest))))
    paths = ["/v2/aggs/", "/v2/aggs/", "/grouped/", f"/{symbols[0]}/", "/stocks/v1/", "cursor="]
    kinds = list(What)
    # Every kind in turn, where it is sure to be met, and others.
    faults = (
        _fault(rng, kinds[seed % len(kinds)], "/v2/aggs/", first),
        *(
            _fault(rng, What(rng.choice(kinds)), str(rng.choice(paths)), first)
            for _ in range(int(rng.integers(0, 4)))
        ),
    )
    return Case(
        seed, symbols, timeframes, span, faults,
        page_bars=int(rng.choice([400 if MINUTE in timeframes else 20, 50_000])),
        calls_per_minute=int(rng.choice([0, 5])),
        file_faults=float(rng.choice([0.0, 0.3, 1.0])) if rng.random() < 0.4 else None,
        at_once=int(rng.choice([1, 4, 64])),
        since=first + timedelta(days=int(rng.integers(1, 30))) if rng.random() < 0.15 else None,
        records=_records(rng, symbols[0], span),
    )  # fmt: skip


def _fault(rng: np.random.Generator, what: What, path: str, first: date) -> Fault:
    chance = float(rng.choice([0.15, 0.5, 1.0], p=[0.6, 0.3, 0.1]))
    partly = what in (What.NOT_ENTITLED, What.REFUSED_INSIDE) and rng.random() < 0.5
    return Fault(
        what,
        path,
        nth=(1, 2) if what in ENDLESS else (),
        chance=chance,
        seed=int(rng.integers(1 << 30)),
        before=first + timedelta(days=int(rng.integers(1, 60))) if partly else None,
        seconds=0.05 if what is What.SLOW_DRIP else (None, 0.0)[rng.integers(2)],
        megabytes=8,
    )


@dataclass
class House:
    """An installation, the vendor of a case, and what is true."""

    case: Case
    here: Rig
    now: list[timedelta] = field(default_factory=lambda: [timedelta(0)])
    files: FaultyFiles | None = None
    asked: int = 0

    def load(self, *, well: bool = False, refresh: bool = False) -> Progress:
        case, tick = self.case, self.here.tick
        request = tick.requests.resolve(
            symbols=case.symbols,
            first=case.span.start,
            last=case.span.last,
            timeframes=",".join(case.timeframes),
            refresh=refresh,
        )
        load = tick.jobs.submit(tick.plans.make(request))
        asyncio.run(self._work(load.id, well=well))
        return tick.jobs.progress(load.id)

    async def _work(self, load_id: Any, *, well: bool) -> None:
        case = self.case
        files = None
        if case.file_faults is not None:
            files = self.files = FaultyFiles(case.seed, 0.0 if well else case.file_faults)
        faults = () if well else case.faults
        if case.since is not None and not well:
            limit = Fault(What.NOT_ENTITLED, "/v2/aggs/", before=case.since)
            faults = (limit, *faults)
        told = case.records if well or not case.records.is_late else Records()
        policy = replace(QUICK, concurrency=case.at_once)
        async with ReplayVendor(
            symbols=LISTING, faults=faults, page_bars=case.page_bars,
            splits=told.splits, dividends=told.dividends,
        ) as vendor:  # fmt: skip

            def source(_: TickStock, symbols: tuple[str, ...]) -> BarSource:
                bounds = self._bounds(well=well)
                found = MassiveSource(vendor.url, "key", limits=Limits(), bounds=bounds)
                return WithFiles(found, SyntheticFiles(files, symbols)) if files else found

            await Worker(self.here.tick, source=source, policy=policy).drain(load_id)
            first = [r for r in vendor.requests if r.path.startswith("/v2/aggs/")]
            self.asked = sum("cursor" not in r.query for r in first)
            self.asked += len(files.read_keys) if files else 0

    def _bounds(self, *, well: bool) -> Bounds:
        drips = What.SLOW_DRIP in self.case.kinds and not well
        return replace(HASTY if drips else CALM, unpacked_bytes=4 << 20)


def house_of(case: Case, database: Database, home: Path) -> House:
    now = [timedelta(0)]
    settings = {"MASSIVE_CALLS_PER_MINUTE": str(case.calls_per_minute)}
    if case.file_faults is not None:
        settings |= S3
    return House(case, rig(database, home, settings=settings, shift=lambda: now[0]), now)


def check(case: Case, database: Database, home: Path) -> str:
    """Run a case. Answers the exit code with the state, for the statistics."""
    house = house_of(case, database, home)
    progress = house.load()
    truth = {t: truth_of(synthetic_table(case.symbols, case.span, t)) for t in case.timeframes}
    kept = {t: stored(database, t) for t in case.timeframes}
    for timeframe in case.timeframes:
        _nothing_is_wrong(case, kept[timeframe], truth[timeframe])
        _nothing_lacks_within(house, timeframe, kept[timeframe], truth[timeframe])
    _few_calls_are_made(house, database)
    report = progress.load.report
    assert report is not None
    _every_gap_has_a_cause(report, kept, truth)
    for cause in report["causes"]:
        assert case.kinds & SAID_BY[cause] or _is_said_by_files(house, cause) or (
            case.since is not None and cause == "not_entitled"
        ), cause  # fmt: skip
    _nothing_else_is_not_entitled(house, database)
    _no_market_is_empty(house, database, report)
    _causes_are_told(house, report)
    assert code(progress) in _exit_codes(report, case), (code(progress), progress.load.message)
    if "failed" in report["causes"]:
        assert progress.errors or _is_doubted(house)
    _heals(house, database, truth)
    _records_are_told_from_the_truth(house)
    return f"exit {code(progress)}"


def _is_said_by_files(house: House, cause: str) -> bool:
    played = house.files.played if house.files else set()
    return bool(played & SAID_BY_FILES[cause] if cause in SAID_BY_FILES else played)


def _is_doubted(house: House) -> bool:
    """Whether it is told of sessions that a call brought something else than the truth of them."""
    case = house.case
    gaps = house.here.tick.missing.find(case.symbols, case.timeframes, case.span).gaps
    said = [reason for gap in gaps for reason, _ in gap.reasons if gap.cause == "failed"]
    return any("not believed" in s or "Nobody answered" in s for s in said)


def _no_market_is_empty(house: House, database: Database, report: dict[str, Any]) -> None:
    """Where only half answers could, or names alone, are names said to have no bars."""
    if "vendor_empty" in report["causes"] and not house.case.kinds & {What.HALF, What.PAGE_MISSING}:
        kinds = {kind for (kind,) in sql(database, "SELECT DISTINCT kind FROM tickstock.calls")}
        assert "ticker" in kinds or _is_said_by_files(house, "vendor_empty")


def _few_calls_are_made(house: House, database: Database) -> None:
    """No more than planned, and what a refusal or a doubt explains: a call is asked again when it
    failed, an empty answer once more at once, and after a refusal single sessions, until it is
    clear what the account includes. Each is counted."""
    tries = "coalesce(sum(attempt + (state = 'done')::int), 0)::int"
    sums = f"{tries}, coalesce(sum(asked), 0)::int"
    ((attempts, made),) = sql(database, f"SELECT {sums} FROM tickstock.calls")
    free = sum(len(f.nth) for f in house.case.faults if f.what in ENDLESS)
    resets = 2 if What.RESET in house.case.kinds else 1  # aiohttp itself asks again
    assert house.asked <= resets * (made + free)
    refused = "error_class = 'NotEntitled' AND asked > 0"
    ((refusals,),) = sql(database, f"SELECT count(*)::int FROM tickstock.calls WHERE {refused}")
    # A question that is not answered puts its own error in the place of the refusal.
    refusals = max(refusals, house.case.since is not None)
    assert made <= 2 * (attempts + free) + QUESTIONS * refusals


def _nothing_else_is_not_entitled(house: House, database: Database) -> None:
    """Where an account begins on a day, and nothing else was refused."""
    case = house.case
    if case.since is None or case.kinds & ENTITLEMENT or case.file_faults is not None:
        return
    ends = "SELECT max(upper(span)) FROM tickstock.holes WHERE cause = 'not_entitled'"
    ((end,),) = sql(database, ends)
    # Of a day without a session nothing can be known: the edge is a session.
    edge = CALENDAR.day(int(CALENDAR.before(np.array([epoch_day(case.since)]))[0]))
    assert end is None or end <= edge


def _records_are_told_from_the_truth(house: House) -> None:
    """When all is loaded: late, doubled and contradicting records change prices as the true one."""
    case, records = house.case, house.case.records
    if DAY not in case.timeframes:
        return
    bars = [house.here.tick.holdings.bars(case.symbols[:1], DAY, adjust=a) for a in Adjust]
    raw, splits, total = (found.close for found in bars)
    assert splits.tolist() == raw.tolist()
    on = CALENDAR.index(records.dividends[0].day) if records.dividends else 0
    days = CALENDAR.before(bars[0].at)
    before = days < on
    factor = 1 - records.cash / raw[before][-1] if before.any() and records.dividends else 1.0
    assert np.allclose(total, np.where(before, raw * factor, raw), rtol=1e-9)


def _nothing_is_wrong(case: Case, kept: Bars, truth: Bars) -> None:
    for key, bar in kept.items():
        assert key in truth, key
        assert bar == truth[key] or (What.RESTATED in case.kinds and bar == _restated(truth[key]))


def _restated(bar: tuple[float, ...]) -> tuple[float, ...]:
    opened, high, low, _, volume = bar
    return opened, high, low, round((high + low) / 2, 2), round(volume * 1.02)


def _sessions(bars: Mapping[tuple[str, int], Any], timeframe: Timeframe) -> Counter[Any]:
    """How many bars there are of each symbol and session."""
    from datetime import UTC, datetime

    def day(at: int) -> date:
        if timeframe is DAY:
            return day_of(at)
        return datetime.fromtimestamp(at, UTC).astimezone(NEW_YORK).date()

    return Counter((symbol, day(at)) for symbol, at in bars)


def _lacks_inside(house: House) -> bool:
    """Whether rows of a session were put aside, or did not come."""
    played = house.files.played if house.files else set()
    return bool(house.case.kinds & INSIDE_A_SESSION or played & {"spoilt", "half", "half session"})


def _nothing_lacks_within(house: House, timeframe: Timeframe, kept: Bars, truth: Bars) -> None:
    if timeframe is not DAY and not _lacks_inside(house):
        whole = _sessions(truth, timeframe)
        for session, count in _sessions(kept, timeframe).items():
            assert count == whole[session], session
    elif timeframe is not DAY:
        whole, held = _sessions(truth, timeframe), _sessions(kept, timeframe)
        plenty = Counter(symbol for (symbol, d), n in held.items() if n == whole[symbol, d])
        for (symbol, day), count in held.items():
            assert plenty[symbol] < PLENTY or 2 * count >= whole[symbol, day], (symbol, day)


def _every_gap_has_a_cause(
    report: dict[str, Any], kept: dict[Timeframe, Bars], truth: dict[Timeframe, Bars]
) -> None:
    expected = {t: _sessions(bars, t) for t, bars in truth.items()}
    held = {t: _sessions(bars, t) for t, bars in kept.items()}
    assert report["expected"] == sum(map(len, expected.values()))
    assert report["held"] == sum(map(len, held.values()))
    for symbol, frame, of, have, causes in report["items"]:
        mine = [s for s, _ in held[Timeframe(frame)] if s == symbol]
        assert have == len(mine), symbol
        assert have + sum(causes.values()) == of, symbol
        assert set(causes) <= FAULTY | {"vendor_empty"}, symbol


def _causes_are_told(house: House, report: dict[str, Any]) -> None:
    """By `missing`, with what the vendor said and until when that stands."""
    case = house.case
    view = house.here.tick.missing.find(case.symbols, case.timeframes, case.span)
    assert sum(g.cells for g in view.gaps) == report["expected"] - report["held"]
    for gap in view.gaps:
        assert gap.reasons, gap
        assert gap.advice, gap
        assert (gap.expires is not None) == (gap.cause != "failed"), gap


def _exit_codes(report: dict[str, Any], case: Case) -> set[int]:
    """What a command may end with, by what is held and why the rest is not."""
    failed = [i for i in report["items"] if set(i[4]) & FAULTY or (i[2] and not i[3])]
    lacks_actions = report["actions"] is not None and report["actions"]["state"] == "failed"
    if not failed:
        return {3} if lacks_actions else {0}
    if any(i[3] for i in report["items"]):
        return {3}
    refused = {What.UNKNOWN_KEY, *ENTITLEMENT} & case.kinds
    refused_files = case.file_faults
    return {1, 4} if refused or refused_files or case.since else {1}


def _heals(house: House, database: Database, truth: dict[Timeframe, Bars]) -> None:
    """When the vendor is well, and its earlier answers have expired, one job is enough."""
    had_lacked = _lacks_inside(house)
    house.now[0] = timedelta(days=31)
    again = house.load(well=True)
    assert again.load.state == "completed", again.load.message
    assert again.held == again.expected
    for timeframe, bars in truth.items():
        if timeframe is DAY or not had_lacked:
            assert stored(database, timeframe).keys() == bars.keys()


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_the_vendor_does_nothing_is_lost_silently(
    cluster: Cluster, template: str, tmp_path: Path, part: int, request: pytest.FixtureRequest
) -> None:
    given = request.config.getoption("--seed")
    if given is not None and part:
        pytest.skip("one seed is run once")
    seeds = range(part, FORM.faulty_vendors, PARTS) if given is None else [given]
    ends: Counter[str] = Counter()
    wrong: list[AssertionError] = []
    for seed in seeds:
        name = cluster.create(template)
        try:
            with Database.open(cluster.uri(name), tmp_path, migrate=False) as database:
                ends[check(case_of(seed), database, tmp_path)] += 1
        except AssertionError as error:
            again = "python -m pytest tests/reliability/test_vendor_faults.py"
            error.add_note(f"{case_of(seed)}\nAgain: {again} --seed {seed}")
            wrong.append(error)
        cluster.drop(name)
    if wrong:
        raise ExceptionGroup(f"{len(wrong)} of {len(seeds)} seeds", wrong)
    record("vendors that fail, by seed", runs=len(seeds), **dict(sorted(ends.items())))
