"""What checksums cost when bars are written, and how fast they are checked:

    python benchmarks/checksums.py [--rounds 5] [--years 20]

Each way writes the same rows by the same commit, in turn, in one run; CPU seconds are those of this
process and of its server process together. `share` is what making and writing the sums take of
them, against all the rest of the same commits: other programs on the machine disturb that least.

without         as before there were checksums
a row a write   as it is: the sums of all cells of a write in one row, computed here
a row a month   the same sums in a row for each instrument and month, replaced at each write
a trigger       the server's own hash of each new row, summed up by instrument and month

by symbol       500 symbols x 500 sessions, 50 answers a commit: a first job
by day          5,000 symbols, a commit a session, 5 of them: an evening's update
minutes         20 symbols x 5 sessions of minute bars
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from write import NOW, Bench, bars_of

from tickstock.checksums import Cells, cells_of, day_of, instrument_of
from tickstock.clock import utc_now
from tickstock.config import read_settings
from tickstock.loading.plan import Item, Plan, PlannedCall
from tickstock.loading.request import LoadRequest
from tickstock.loading.targets import Target
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.spans import ONE_DAY, Span
from tickstock.store import bars, checksums, coverage, instruments, jobs, ledger
from tickstock.vendors.synthetic.source import synthetic_bars
from tickstock.worker.commit import Fetched, commit

WAYS = ["without", "a row a write", "a row a month", "a trigger"]
CALENDAR = shipped_calendar()
OTHER_WAYS = """
CREATE TABLE tickstock.sums_by_month (
    instrument_id integer, month integer, sums bytea, PRIMARY KEY (instrument_id, month));
CREATE TABLE tickstock.hashes_by_month (
    instrument_id integer, month date, total numeric, PRIMARY KEY (instrument_id, month));
CREATE FUNCTION tickstock.sum_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tickstock.hashes_by_month AS h
    SELECT instrument_id, date_trunc('month', at)::date, sum(hash_record_extended(n, 0))
    FROM new_rows AS n GROUP BY 1, 2
    ON CONFLICT (instrument_id, month) DO UPDATE SET total = h.total + EXCLUDED.total;
    RETURN NULL;
END $$
"""
TRIGGER = """CREATE TRIGGER sums AFTER INSERT ON tickstock.{} REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tickstock.sum_up()"""
BY_MONTH = """INSERT INTO tickstock.sums_by_month AS s
SELECT * FROM unnest(%(ids)s::int[], %(months)s::int[], %(sums)s::bytea[])
ON CONFLICT (instrument_id, month) DO UPDATE SET sums = s.sums || EXCLUDED.sums"""
PLAIN = """INSERT INTO tickstock.coverage AS c
    (instrument_id, timeframe, origin, held, bars, first_at, last_at)
SELECT id, %(timeframe)s, origin, held, bars, to_timestamp(first), to_timestamp(last)
FROM unnest(%(ids)s::int[], %(kinds)s::bigint[], %(bars)s::bigint[], %(first)s::bigint[],
            %(last)s::bigint[]) AS n(id, kind, bars, first, last)
JOIN (SELECT origin, held::datemultirange, place
      FROM unnest(%(origins)s::text[], %(held)s::text[]) WITH ORDINALITY AS k(origin, held, place)
     ) AS k ON k.place = n.kind + 1
ON CONFLICT (instrument_id, timeframe) DO UPDATE
SET held = c.held + EXCLUDED.held, bars = c.bars + EXCLUDED.bars, origin = EXCLUDED.origin,
    first_at = least(c.first_at, EXCLUDED.first_at),
    last_at = greatest(c.last_at, EXCLUDED.last_at),
    updated_at = clock_timestamp()
WHERE EXCLUDED.bars > 0 OR NOT c.held @> EXCLUDED.held OR c.origin <> EXCLUDED.origin"""
NONE = cells_of(np.empty(0, np.int64), np.empty(0, np.uint64))


# --- the ways ----------------------------------------------------------------------------------
def by_month(connection: Any, timeframe: Timeframe, cells: Cells) -> None:
    if not len(cells):
        return
    days = day_of(cells.key)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    instrument = instrument_of(cells.key)
    first = np.flatnonzero(np.diff((instrument << 16) + month, prepend=-1))
    packed = np.empty(len(cells), [("day", "<i4"), ("sum", "<u4")])
    packed["day"], packed["sum"] = days, cells.sums
    ends = np.append(first[1:], len(cells)).tolist()
    params = {
        "ids": instrument[first].tolist(),
        "months": month[first].tolist(),
        "sums": [packed[a:b].tobytes() for a, b in zip(first.tolist(), ends, strict=True)],
    }
    connection.execute(BY_MONTH, params)


@contextmanager
def way(tick: TickStock, name: str, table: str) -> Iterator[None]:
    kept = checksums.add_cells, bars._cells_after, coverage.QUERIES
    if name in ("without", "a trigger"):
        checksums.add_cells = lambda *_: None
        bars._cells_after = lambda *_: NONE
        coverage.QUERIES = {**coverage.QUERIES, "add": PLAIN}
    if name == "a row a month":
        checksums.add_cells = by_month
    if name == "a trigger":
        execute(tick, TRIGGER.format(table))
    try:
        yield
    finally:
        checksums.add_cells, bars._cells_after, coverage.QUERIES = kept
        if name == "a trigger":
            execute(tick, f"DROP TRIGGER sums ON tickstock.{table}")


def execute(tick: TickStock, text: str) -> None:
    with tick.database.transaction() as connection:
        connection.execute(text)


# --- what is written ---------------------------------------------------------------------------
def leased(
    tick: TickStock, calls: dict[Call, BarTable], ids: dict[str, int], span: Span
) -> list[Fetched]:
    """Calls of a job that are claimed and answered: what is left is writing."""
    timeframe = next(iter(calls)).timeframe
    request = LoadRequest("bench", tuple(ids), (timeframe,), span)
    items = tuple(Item(i, s, timeframe, span, 1, 0) for s, i in ids.items())
    planned = tuple(PlannedCall(c, 1) for c in calls)
    plan = Plan(request, planned, items, (), 0, 0, 0.0, 0.0, True, "")
    targets = {s: Target(i, s, span) for s, i in ids.items()}
    with tick.database.transaction() as connection:
        job, _ = jobs.submit(connection, plan, title="bench", vendor="bench", summary={})
        found = ledger.claim(connection, job, "bench", len(calls), timedelta(hours=1))
    return [Fetched(x, Answer(x.call, calls[x.call], "synthetic"), targets) for x in found]


def numbers(tick: TickStock, names: list[str]) -> dict[str, int]:
    with tick.database.transaction() as connection:
        found = instruments.ensure_instruments(connection, names)
    return {s: found[s].id for s in names}


def sessions(count: int) -> Span:
    """So many, the last ones before October 2026."""
    last = CALENDAR.between(Span(date(2026, 9, 1), date(2026, 10, 1)))[1] - 1
    return Span.inclusive(CALENDAR.day(last - count + 1), CALENDAR.day(last))


class ByDay:
    def __init__(self, tick: TickStock, symbols: int, days: int) -> None:
        self.tick, self.span = tick, sessions(days)
        self.ids = numbers(tick, [f"B{i:04d}" for i in range(symbols)])
        lo, hi = CALENDAR.between(self.span)
        self.days = [CALENDAR.day(n) for n in range(lo, hi)]
        dice = np.random.default_rng(7)
        every = [bars_of(s, CALENDAR.days[lo:hi], dice) for s in self.ids]
        columns = [np.stack([getattr(t, c) for t in every]) for c in BarTable.__slots__[2:]]
        owner = np.arange(symbols)
        self.tables = [
            BarTable(tuple(self.ids), owner, *(c[:, n].copy() for c in columns))
            for n in range(len(self.days))
        ]
        self.rows = symbols * days

    def prepare(self) -> Callable[[], None]:
        calls = {
            Call(CallKind.MARKET_DAY, Timeframe.DAY, Span(d, d + ONE_DAY)): t
            for d, t in zip(self.days, self.tables, strict=True)
        }
        found = leased(self.tick, calls, self.ids, self.span)
        return lambda: [commit(self.tick.database, [f], CALENDAR, NOW) for f in found] and None


class Minutes:
    def __init__(self, tick: TickStock, symbols: int, days: int) -> None:
        self.tick, self.span = tick, sessions(days)
        self.ids = numbers(tick, [f"M{i:04d}" for i in range(symbols)])
        moment = utc_now().timestamp()
        self.calls = {
            Call(CallKind.TICKER, Timeframe.MINUTE, self.span, s): synthetic_bars(
                [s], Timeframe.MINUTE, self.span, CALENDAR, moment
            )
            for s in self.ids
        }
        self.rows = sum(len(t) for t in self.calls.values())

    def prepare(self) -> Callable[[], None]:
        found = leased(self.tick, self.calls, self.ids, self.span)
        parts = [found[i : i + 5] for i in range(0, len(found), 5)]
        return lambda: [commit(self.tick.database, p, CALENDAR, NOW) for p in parts] and None


# --- measuring ---------------------------------------------------------------------------------
@contextmanager
def timed_parts(spans: list[float]) -> Iterator[None]:
    """The CPU seconds in making and in writing the sums."""
    kept = checksums.add_cells, bars._cells_after

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            pid = args[0].info.backend_pid if isinstance(args[0], psycopg.Connection) else None
            began = time.process_time() + (ran(pid) if pid else 0)
            try:
                return work(*args)
            finally:
                spans.append(time.process_time() + (ran(pid) if pid else 0) - began)

        return run

    checksums.add_cells, bars._cells_after = (timed(work) for work in kept)
    try:
        yield
    finally:
        checksums.add_cells, bars._cells_after = kept


def spent(tick: TickStock) -> float:
    """CPU seconds of this process and of the server process of its connection."""
    with tick.database.transaction() as connection:
        return ran(connection.info.backend_pid) + time.process_time()


def ran(pid: int) -> float:
    """Seconds for which a process has had a processor; as CPU times go by hundredths."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def clear(tick: TickStock) -> None:
    execute(
        tick,
        "TRUNCATE tickstock.bars_day, tickstock.bars_minute, tickstock.coverage, tickstock.holes,"
        " tickstock.bar_checksums, tickstock.bar_arrivals, tickstock.sums_by_month,"
        " tickstock.hashes_by_month; TRUNCATE tickstock.loads CASCADE",
    )


def measure(tick: TickStock, rounds: int, count: int) -> None:
    whole = Bench(tick, 500, 500)
    shapes: dict[str, tuple[Any, Callable[[], Callable[[], None]], str]] = {
        "by symbol": (whole, whole.tickstock, "bars_day"),
        "by day": (day := ByDay(tick, 5_000, 5), day.prepare, "bars_day"),
        "minutes": (minutes := Minutes(tick, 20, 5), minutes.prepare, "bars_minute"),
    }
    for shape, (made, prepare, table) in shapes.items():
        cpu: dict[str, list[float]] = {}
        wall: dict[str, list[float]] = {}
        shares: list[float] = []
        ways = WAYS[:count]
        for n in range(rounds + 1):
            for name in ways[n % count :] + ways[: n % count]:
                clear(tick)
                run = prepare()
                spans: list[float] = []
                with way(tick, name, table), timed_parts(spans):
                    before, began = spent(tick), time.perf_counter()
                    run()
                    took = spent(tick) - before, time.perf_counter() - began
                if n and name == "a row a write":
                    shares.append(sum(spans) / (took[0] - sum(spans)))
                if n:  # the first round warms up
                    cpu.setdefault(name, []).append(took[0])
                    wall.setdefault(name, []).append(took[1])
        print(
            f"{shape}, {made.rows:,} rows, {rounds} rounds; share {statistics.median(shares):.1%}"
        )
        for name in ways:
            report(name, cpu[name], cpu["without"], wall[name], wall["without"])


def report(
    name: str, cpu: list[float], cpu0: list[float], wall: list[float], wall0: list[float]
) -> None:
    """Medians, and medians of the ratios within a round."""

    def more(times: list[float], base: list[float]) -> float:
        return statistics.median(a / b for a, b in zip(times, base, strict=True)) - 1

    print(
        f"  {name:<16} {statistics.median(cpu):6.3f} CPU s {more(cpu, cpu0):+6.1%}"
        f"  (least {min(cpu):6.3f} {min(cpu) / min(cpu0) - 1:+6.1%})"
        f"  {statistics.median(wall):6.3f} s {more(wall, wall0):+6.1%}",
        flush=True,
    )


def check(tick: TickStock, years: int) -> None:
    """Verify 2,000 symbols of so many years of day bars."""
    clear(tick)
    whole = Bench(tick, 2_000, 252 * years)
    whole.tickstock()()
    began, before = time.perf_counter(), spent(tick)
    found = tick.verify.stored(list(whole.ids))
    took, cpu = time.perf_counter() - began, spent(tick) - before
    print(
        f"verify: {found.bars:,} bars, {len(found.damages)} damages, {took:.1f} s ({cpu:.1f} CPU s)"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"memory at most {peak:,} MB, most of it the bars that were written")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", type=int, default=4, help="how many of them, in that order")
    parser.add_argument("--years", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tsb") as home:
        Path(home).chmod(0o711)  # as root the server runs as another user
        settings = read_settings({}, home=Path(home), vendor="synthetic")
        with TickStock.open(settings) as tick:
            execute(tick, OTHER_WAYS)
            if options.rounds:
                measure(tick, options.rounds, options.ways)
            if options.years:
                check(tick, options.years)


if __name__ == "__main__":
    main()
