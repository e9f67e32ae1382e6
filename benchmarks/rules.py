"""Universes by rule in numbers, in one run on one machine:

    python benchmarks/rules.py [--names 10000] [--years 20]

All names have a bar in every session. Reading the bars for the same question by hand, as one query
with a median for each name, is timed beside it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from tickstock.config import read_settings
from tickstock.model import Ints, Timeframe, epoch_day
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.store import bars
from tickstock.store.bars import Rows
from tickstock.store.connection import Connection

T = TypeVar("T")

LIST = "stock_universe:theme_all"
RULE = f"pick({LIST}; price >= 5; top 500 by dollar_volume over 63)"
END = date(2025, 12, 31)
BY_HAND = """
SELECT instrument_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY close * volume) AS traded
FROM tickstock.bars_day WHERE at >= %s AND at < %s
GROUP BY instrument_id ORDER BY traded DESC, instrument_id LIMIT 500
"""


def fill(tick: TickStock, names: int, first: date) -> int:
    """Bars of made firms; how many."""
    calendar = shipped_calendar()
    start, end = calendar.between(Span.inclusive(first, END))
    days = [calendar.day(i) for i in range(start, end)]
    with tick.database.transaction() as conn:
        conn.execute(
            "WITH i AS (INSERT INTO tickstock.instruments (symbol, listed)"
            " SELECT 'ZX' || translate(n::text, '0123456789', 'ABCDEFGHIJ'), %s"
            " FROM generate_series(1, %s) AS n RETURNING id, symbol)"
            " INSERT INTO tickstock.tickers (instrument_id, symbol, valid)"
            " SELECT id, symbol, daterange(NULL, NULL) FROM i",
            (first, names),
        )
    with tick.database.transaction() as conn:
        made = conn.execute("SELECT id FROM tickstock.instruments ORDER BY id").fetchall()[-names:]
    at = np.array([epoch_day(day) for day in days])
    for low in range(0, names, 100):
        with tick.database.transaction() as conn:
            bars._copy(conn, Timeframe.DAY, of([id_ for (id_,) in made[low : low + 100]], at))
    with tick.database.transaction() as conn:
        conn.execute("ANALYZE tickstock.bars_day")
        symbols = [s for (s,) in conn.execute("SELECT symbol FROM tickstock.instruments")]
    told = "symbol,starts,ends\n" + "".join(f"{s},{first},\n" for s in symbols)
    tick.edits.apply(tick.edits.set(LIST, symbols), reason="bench", allow=[LIST])
    plan = tick.edits.record(LIST, "all.csv", told.encode(), source="bench", through=END)
    tick.edits.apply(plan, reason="bench")
    return len(days) * names


def of(ids: list[int], at: Ints) -> Rows:
    """A bar in each session, of other prices and volumes from firm to firm and day to day."""
    id_, x = np.repeat(ids, len(at)), np.tile(np.arange(len(at)), len(ids))
    close = 1.0 + (id_ * 31 + x) % 97
    volume = 1000.0 + (id_ * 7919 + x * 104729) % 999983
    nothing = np.full(len(x), np.nan)
    return Rows(
        id_, np.tile(at, len(ids)), close, close, close, close, volume, nothing, np.full(len(x), -1)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=10_000)
    parser.add_argument("--years", type=int, default=20)
    args = parser.parse_args()
    first = date(END.year - args.years + 1, 1, 2)
    with tempfile.TemporaryDirectory(prefix="ts-bench-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with TickStock.open(read_settings({}, home, home=home)) as tick:
            count = fill(tick, args.names, first)
            print(f"{args.names:,} names, {count:,} bars")
            day = date(2025, 6, 2)
            measure(tick, day, first, "from the database")
            window = shipped_calendar().day(shipped_calendar().index(day) - 63)
            with tick.database.transaction() as conn:
                timed("the same medians by one query", lambda: by_hand(conn, window, day))
            timed("files folded", tick.bar_files.fold)
            measure(tick, day, first, "by way of files")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"peak {peak:.0f} MB")


def measure(tick: TickStock, day: date, first: date, way: str) -> None:
    for what in ("cold", "warm", "warm"):
        timed(f"one day, {way}, {what}", lambda: tick.universes.evaluate(f"{RULE} @ {day}"))
    span = Span.inclusive(date(first.year, 6, 1), END)
    built = timed(f"built month by month, {way}", lambda: tick.builds.build(RULE, span))
    print(f"{len(built.members)} months, content {built.digest}")


def by_hand(conn: Connection, window: date, day: date) -> None:
    conn.execute(BY_HAND, (window, day)).fetchall()


def timed(what: str, do: Callable[[], T]) -> T:
    """Seconds by the clock, and those of this process's processor."""
    began, used = time.perf_counter(), time.process_time()
    found = do()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{what:<44}{seconds:8.2f} s{cpu:8.2f} s of cpu here", flush=True)
    return found


if __name__ == "__main__":
    main()
