"""What publishing day bars as Iceberg tables takes: time, bytes, memory.

    python benchmarks/lake.py [--symbols 2000] [--years 3] [--files]

In one run: the first publish, one in which nothing has changed, one after a session of all symbols,
one of all years anew. Prices are made, in cents. With --files bars are read from bar files.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from read import AT_ONCE, YEAR, made

from tickstock.config import read_settings
from tickstock.model import Timeframe
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.store import bars
from tickstock.store.instruments import ensure_instruments

LAST = "2026-11-20"


def fill(tick: TickStock, ids: list[int], days: np.ndarray) -> None:
    dice = np.random.default_rng(1)
    for start in range(0, len(ids), AT_ONCE):
        rows = made(ids[start : start + AT_ONCE], days, dice)
        prices = {n: getattr(rows, n).round(2) for n in ("open", "high", "low", "close")}
        rows = replace(rows, **prices, vwap=rows.vwap.round(4))
        with tick.database.transaction() as connection:
            bars._copy(connection, Timeframe.DAY, rows)


def publish(tick: TickStock, what: str, *, anew: bool = False) -> None:
    began, work = time.perf_counter(), time.process_time()
    done = tick.lake.publish(anew=anew).tables[0]
    taken, work = time.perf_counter() - began, time.process_time() - work
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = f"{done.bytes / done.rows:.1f} bytes a bar" if done.rows else ""
    times = f"{taken:>7.1f} s {work:>6.1f} s of CPU {peak:>6.0f} MB"
    print(f"{what:24} {done.rows:>10,} bars {times}  {size}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--files", action="store_true")
    asked = parser.parse_args()
    calendar = shipped_calendar()
    end = int(np.searchsorted(calendar.days, np.datetime64(LAST).astype(int)))
    days = np.array(calendar.days[end - YEAR * asked.years : end])
    with (
        tempfile.TemporaryDirectory() as home,
        TickStock.open(read_settings({}, home=Path(home) / "home")) as tick,
    ):
        symbols = [f"S{n}" for n in range(asked.symbols)]
        with tick.database.transaction() as connection:
            ids = [i.id for i in ensure_instruments(connection, symbols).values()]
        fill(tick, ids, days[:-1])
        if asked.files:
            tick.bar_files.fold()
        publish(tick, "first")
        publish(tick, "nothing new")
        fill(tick, ids, days[-1:])
        publish(tick, "after a session")
        publish(tick, "anew", anew=True)


if __name__ == "__main__":
    main()
