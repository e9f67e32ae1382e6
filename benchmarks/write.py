"""Rows per second written, in one run on one machine, same rows, same table, same server:

    python benchmarks/write.py [--symbols 500] [--days 500] [--rounds 3]

raw COPY        psycopg 3, binary, prepared beforehand: what PostgreSQL can take
execute_batch   the seed guide's way: psycopg2, INSERT ... ON CONFLICT DO UPDATE, page size 1000
tickstock       judge, fence, lock, read back, compare, COPY, coverage, ledger: all that a job does

Figures are medians of the rounds; quote the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
from psycopg2.extras import execute_batch

from tickstock.config import read_settings
from tickstock.loading.plan import Item, Plan, PlannedCall
from tickstock.loading.request import LoadRequest
from tickstock.loading.targets import Target
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.store import instruments, jobs, ledger
from tickstock.store.pgbinary import COPY_END, COPY_HEADER, EPOCH_DAYS, copy_rows
from tickstock.worker.commit import Fetched, commit

BATCH = 50
NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
SQL = """INSERT INTO tickstock.bars_day
(instrument_id, at, open, high, low, close, volume, vwap, trades)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (instrument_id, at) DO UPDATE SET open = EXCLUDED.open, high = EXCLUDED.high,
low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume, vwap = EXCLUDED.vwap,
trades = EXCLUDED.trades"""


def bars_of(symbol: str, days: np.ndarray, dice: np.random.Generator) -> BarTable:
    n = len(days)
    close = 50 + np.cumsum(dice.normal(0, 0.5, n)).clip(-40)
    open_ = close + dice.normal(0, 0.2, n).clip(-1, 1)
    high, low = np.maximum(open_, close) + 0.5, np.minimum(open_, close) - 0.5
    volume = dice.integers(1e5, 1e7, n).astype(float)
    trades = dice.integers(1000, 9000, n)
    owner = np.zeros(n, np.int64)
    return BarTable((symbol,), owner, days, open_, high, low, close, volume, close, trades)


class Bench:
    def __init__(self, tick: TickStock, symbols: int, days: int) -> None:
        self.tick = tick
        calendar = shipped_calendar()
        first, last = calendar.day(len(calendar) - 400 - days), calendar.day(len(calendar) - 401)
        self.span = Span.inclusive(first, last)
        lo, hi = calendar.between(self.span)
        numbers = calendar.days[lo:hi]
        dice = np.random.default_rng(7)
        names = [f"B{i:04d}" for i in range(symbols)]
        self.tables = {s: bars_of(s, numbers, dice) for s in names}
        with tick.database.transaction() as connection:
            found = instruments.ensure_instruments(connection, names)
        self.ids = {s: found[s].id for s in names}
        self.rows = symbols * len(numbers)

    def clear(self) -> None:
        with self.tick.database.transaction() as connection:
            connection.execute("TRUNCATE tickstock.bars_day, tickstock.coverage, tickstock.holes")
            connection.execute("TRUNCATE tickstock.loads CASCADE")

    def raw_copy(self) -> Callable[[], None]:
        parts = []
        for symbol, t in self.tables.items():
            ids = np.full(len(t), self.ids[symbol])
            prices = [t.open, t.high, t.low, t.close, t.volume]
            parts.append(copy_rows(ids, t.at - EPOCH_DAYS, ">i4", prices, t.vwap, t.trades))

        def run() -> None:
            with self.tick.database.transaction() as connection:
                text = "COPY tickstock.bars_day FROM STDIN (FORMAT binary)"
                with connection.cursor().copy(text) as copy:
                    copy.write(COPY_HEADER)
                    for part in parts:
                        copy.write(part)
                    copy.write(COPY_END)

        return run

    def execute_batch(self) -> Callable[[], None]:
        rows: list[tuple[Any, ...]] = []
        for symbol, t in self.tables.items():
            columns = [t.open, t.high, t.low, t.close, t.volume, t.vwap, t.trades]
            values = zip(t.at.tolist(), *(c.tolist() for c in columns), strict=True)
            for at, *rest in values:
                rows.append((self.ids[symbol], date.fromordinal(at + 719_163), *rest))

        def run() -> None:
            connection = psycopg2.connect(self.tick.database.conninfo)
            with connection, connection.cursor() as cursor:
                execute_batch(cursor, SQL, rows, page_size=1000)
            connection.close()

        return run

    def tickstock(self) -> Callable[[], None]:
        batches = self._leased()

        def run() -> None:
            calendar = shipped_calendar()
            for batch in batches:
                commit(self.tick.database, batch, calendar, NOW)

        return run

    def _leased(self) -> list[list[Fetched]]:
        """A submitted job whose calls are all claimed and answered: what is left is writing."""
        names = tuple(self.tables)
        request = LoadRequest("bench", names, (Timeframe.DAY,), self.span)
        calls = {s: Call(CallKind.TICKER, Timeframe.DAY, self.span, s) for s in names}
        n = len(next(iter(self.tables.values())))
        plan = Plan(
            request,
            tuple(PlannedCall(c, n) for c in calls.values()),
            tuple(Item(self.ids[s], s, Timeframe.DAY, self.span, n, 0) for s in names),
            (), self.rows, 0, 0.0, 0.0, True, "",
        )  # fmt: skip
        targets = {s: Target(self.ids[s], s, self.span) for s in names}
        with self.tick.database.transaction() as connection:
            load_id, _ = jobs.submit(connection, plan, title="bench", vendor="bench", summary={})
            from datetime import timedelta

            leases = ledger.claim(connection, load_id, "bench", len(names), timedelta(hours=1))
        fetched = [
            Fetched(x, Answer(x.call, self.tables[x.call.symbol], "synthetic"), targets)
            for x in leases
        ]
        return [fetched[i : i + BATCH] for i in range(0, len(fetched), BATCH)]


def timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tsb") as home:
        Path(home).chmod(0o711)  # as root the server runs as another user
        settings = read_settings({}, home=Path(home), vendor="synthetic")
        with TickStock.open(settings) as tick:
            report(Bench(tick, options.symbols, options.days), options.rounds)


def report(bench: Bench, rounds: int) -> None:
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, prepare in (
            ("raw COPY", bench.raw_copy),
            ("execute_batch", bench.execute_batch),
            ("tickstock", bench.tickstock),
        ):
            bench.clear()
            found.setdefault(f"{name}, empty table", []).append(timed(prepare()))
            if name != "raw COPY":
                again = prepare()
                found.setdefault(f"{name}, reload", []).append(timed(again))
    speed = {name: bench.rows / statistics.median(times) for name, times in found.items()}
    base, old = speed["raw COPY, empty table"], speed["execute_batch, empty table"]
    print(f"{bench.rows:,} rows, median of {rounds} rounds")
    for name, rate in speed.items():
        ratios = f"{rate / base:5.2f} x COPY  {rate / old:6.1f} x guide"
        print(f"{name:<28} {rate:>12,.0f} rows/s   {ratios}")


if __name__ == "__main__":
    main()
