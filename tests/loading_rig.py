"""A whole installation against a vendor on loopback: plan, load, and see what was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.flat_kit import key_on, packed, session_files
from tests.kit import CALENDAR
from tickstock.cli.watch import exit_code
from tickstock.clock import utc_now
from tickstock.config import Settings, read_settings
from tickstock.loading.plan import Plan
from tickstock.loading.request import LoadRequest
from tickstock.model import Answer, BarTable, Call, Timeframe
from tickstock.service import TickStock
from tickstock.service.progress import Progress
from tickstock.spans import ONE_DAY, Span, day_of
from tickstock.store.bars import TABLES
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.vendors import BarSource, Gate, Limits
from tickstock.vendors.flatfiles.files import FoundFile
from tickstock.vendors.flatfiles.source import FlatFiles, WithFiles
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.vendors.replay.faults import Fault
from tickstock.vendors.replay.recorded import NEEDED
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.vendors.synthetic.source import synthetic_bars
from tickstock.worker.policy import Policy
from tickstock.worker.run import Worker

NOW = utc_now()
QUICK = Policy(lease=20, attempts=4, backoff=0.01, longest_backoff=0.02, outage_seconds=20)
CALM = Bounds(throttle_rounds=0, connect=5, silence=5, total=10)


class FilesOf:
    """The vendor's flat files of synthetic bars of `symbols`, made when they are read."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = sorted(symbols)
        self.read_keys: list[str] = []

    async def read(self, key: str) -> FoundFile | None:
        self.read_keys.append(key)
        timeframe = Timeframe.DAY if "day_aggs" in key else Timeframe.MINUTE
        day = date.fromisoformat(key.rsplit("/", 1)[1][:10])
        span = Span(day, day + ONE_DAY)
        bars = synthetic_bars(self.symbols, timeframe, span, CALENDAR, NOW.timestamp())
        return FoundFile(
            session_files(bars, timeframe).get(key_on(day, timeframe), packed([])), key
        )


class SyntheticFiles(FlatFiles):
    """Flat files that say what they are."""

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        return replace(await super().fetch(call, gate), origin="synthetic")


class Changed:
    """A source whose answers, or whose questions, `change` has its way with."""

    def __init__(self, source: BarSource, change: Callable[[Call, Answer | None], Answer]) -> None:
        self.name, self.limits = source.name, source.limits
        self._source, self._change = source, change
        self.asked: list[Call] = []

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        self.asked.append(call)
        return self._change(call, await self._source.fetch(call, gate))

    async def close(self) -> None:
        await self._source.close()


@dataclass
class Rig:
    """One installation. `asked` counts requests for bars at the vendor, files included."""

    tick: TickStock
    vendor: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    files: FilesOf | None = None
    change: Callable[[Call, Answer | None], Answer] | None = None
    policy: Policy = QUICK
    asked: int = 0
    offset: timedelta = timedelta(0)

    def plan(self, universe: str = "", **request: Any) -> Plan:
        return self.tick.plans.make(self.tick.requests.resolve(universe, **request))

    def load(self, plan: Plan | LoadRequest, **submit: Any) -> Progress:
        """Submit and drain; answers how it ended."""
        made = plan if isinstance(plan, Plan) else self.tick.plans.make(plan)
        load = self.tick.jobs.submit(made, **submit)
        return self.work(load.id)

    def work(self, load_id: Any) -> Progress:
        asyncio.run(self._work(load_id))
        return self.tick.jobs.progress(load_id)

    def load_configured(self, plan: Plan) -> Progress:
        """Submit and drain with the vendor of the settings."""
        load = self.tick.jobs.submit(plan)
        asyncio.run(Worker(self.tick, policy=self.policy).drain(load.id))
        return self.tick.jobs.progress(load.id)

    async def _work(self, load_id: Any) -> None:
        async with self.serving() as vendor:
            before = len(self.files.read_keys) if self.files else 0

            def source(_: TickStock, symbols: tuple[str, ...]) -> BarSource:
                found: Any = MassiveSource(vendor.url, "key", limits=Limits(), bounds=CALM)
                if self.files is not None:
                    found = WithFiles(found, SyntheticFiles(self.files, symbols))
                return Changed(found, self.change) if self.change else found

            await Worker(self.tick, source=source, policy=self.policy).drain(load_id)
            bars = Counter(r.path.startswith("/v2/aggs/") for r in vendor.requests)[True]
            self.asked = bars + (len(self.files.read_keys) - before if self.files else 0)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ReplayVendor]:
        async with ReplayVendor(faults=self.faults, **self.vendor) as vendor:
            yield vendor


def rig(database: Database, home: Path, *, shift: Callable[[], timedelta] | None = None,
        settings: dict[str, str] | None = None, **options: Any) -> Rig:  # fmt: skip
    """An installation whose clock is ours: now, and `shift` more."""
    env = {"TICKSTOCK_HOME": str(home), "TICKSTOCK_VENDOR": "massive"}
    found: Settings = read_settings(env | {"MASSIVE_CALLS_PER_MINUTE": "0"} | (settings or {}))
    clock = (lambda: NOW) if shift is None else (lambda: NOW + shift())
    return Rig(TickStock(found, database, clock), **options)


def code(progress: Progress) -> int:
    return exit_code(progress)


# --- bars of our own ------------------------------------------------------------------------------
def write_folder(folder: Path, bars: BarTable) -> Path:
    """The bars as a file for the replay vendor."""
    names = [bars.tickers[i] for i in bars.owner.tolist()]
    days = [day_of(at).isoformat() for at in bars.at.tolist()]
    columns = [getattr(bars, c).tolist() for c in NEEDED[1:]]
    lines = [",".join(map(str, row)) for row in zip(names, days, *columns, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bars.csv").write_text("\n".join([",".join(("symbol", *NEEDED)), *lines]) + "\n")
    return folder


def synthetic_table(
    symbols: Sequence[str], span: Span, timeframe: Timeframe = Timeframe.DAY
) -> BarTable:
    return synthetic_bars(sorted(symbols), timeframe, span, CALENDAR, NOW.timestamp())


def stored(database: Database, timeframe: Timeframe = Timeframe.DAY) -> dict[tuple[str, int], Any]:
    """All stored bars: (symbol, at) → open, high, low, close, volume."""
    at = "(at - DATE '1970-01-01')" if timeframe is Timeframe.DAY else "extract(epoch FROM at)"
    rows = sql(
        database,
        f"SELECT symbol, {at}::bigint, open, high, low, close, volume"
        f" FROM tickstock.{TABLES[timeframe]} JOIN tickstock.instruments ON id = instrument_id",
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def truth_of(bars: BarTable) -> dict[tuple[str, int], Any]:
    columns = [getattr(bars, c).tolist() for c in ("open", "high", "low", "close", "volume")]
    names = [bars.tickers[i] for i in bars.owner.tolist()]
    rows = zip(names, bars.at.tolist(), *columns, strict=True)
    return {(name, at): tuple(prices) for name, at, *prices in rows}


def sql(database: Database, text: str, *params: Any) -> list[Any]:
    with database.transaction() as connection:
        cursor = connection.execute(text, params)
        return cursor.fetchall() if cursor.description else []


def forget(
    database: Database, cells: Sequence[tuple[int, date]], timeframe: Timeframe = Timeframe.DAY
) -> None:
    """Punch gaps: forget bars and coverage of these sessions of instruments."""
    ids, days = [i for i, _ in cells], [d for _, d in cells]
    pairs = "unnest(%s::int[], %s::date[]) AS n(id, day)"
    at = "at" if timeframe is Timeframe.DAY else "(at AT TIME ZONE 'America/New_York')::date"
    sql(
        database,
        f"DELETE FROM tickstock.{TABLES[timeframe]} USING {pairs}"
        f" WHERE instrument_id = n.id AND {at} = n.day",
        ids,
        days,
    )
    sql(
        database,
        "UPDATE tickstock.coverage AS c SET held = c.held - n.gone FROM (SELECT id,"
        f" range_agg(daterange(day, day, '[]')) AS gone FROM {pairs} GROUP BY id) AS n"
        " WHERE c.instrument_id = n.id AND c.timeframe = %s",
        ids,
        days,
        timeframe,
    )


def tell_lives(
    database: Database,
    symbols: Sequence[str],
    listed: date | None = date(1990, 1, 2),
    delisted: date | None = None,
) -> None:
    """Let it be known of symbols when they were listed."""
    with database.transaction() as connection:
        ensure_instruments(connection, symbols)
    update = "UPDATE tickstock.instruments SET listed = %s, delisted = %s WHERE symbol = ANY (%s)"
    sql(database, update, listed, delisted, list(symbols))


def random_cells(rng: np.random.Generator, ids: Sequence[int], days: Sequence[date], count: int
                 ) -> list[tuple[int, date]]:  # fmt: skip
    picked = rng.choice(len(ids) * len(days), count, replace=False)
    return [(ids[i // len(days)], days[i % len(days)]) for i in picked.tolist()]
