"""Minute bars in a partition a month against one plain table: writing, reloading, reading.

    python benchmarks/minutes.py [--symbols N] [--sessions N] [--home FOLDER]

The plain table is that of hour bars, which has the same columns and key. Each figure is the median
of three rounds; rows come as a worker has them, sorted by symbol and time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from tickstock.model import Timeframe
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.store import bars
from tickstock.store.database import Database

ROUNDS = 3


def rows_of(symbols: int, sessions: int, calendar: Calendar) -> bars.Rows:
    last = len(calendar) - 300
    opens = calendar.opens[last - sessions : last]
    at = (opens[:, None] + 60 * np.arange(390)).ravel()
    count = symbols * len(at)
    price = 50 + np.arange(count) % 97 / 100
    return bars.Rows(
        np.repeat(np.arange(1, symbols + 1), len(at)), np.tile(at, symbols), price, price + 0.02,
        price - 0.02, price + 0.01, price * 100, price, np.arange(count) % 300,
    )  # fmt: skip


def timed(database: Database, timeframe: Timeframe, rows: bars.Rows) -> dict[str, float]:
    """Rows a second."""
    with database.transaction() as connection:
        connection.execute(f"TRUNCATE tickstock.{bars.TABLES[timeframe]}")
    out = {}
    # In batches of a worker's size, each over all days of some symbols.
    firsts = np.flatnonzero(np.diff(rows.instrument, prepend=-1))[::10]
    cuts = [*firsts.tolist(), len(rows)]
    for name in ("new", "reload"):
        started = time.perf_counter()
        for a, b in pairwise(cuts):
            with database.transaction() as connection:
                bars.write_rows(
                    connection, timeframe, rows.pick(np.arange(a, b)), rows.instrument[a:b]
                )
        out[name] = len(rows) / (time.perf_counter() - started)
    ids = np.unique(rows.instrument)
    for name, low in (("read all", rows.at.min()), ("read last day", rows.at.max() - 390 * 60)):
        started = time.perf_counter()
        with database.transaction() as connection:
            found = bars.read_rows(
                connection, timeframe, ids, np.full(len(ids), low), np.full(len(ids), rows.at.max())
            )
        out[name] = len(found) / (time.perf_counter() - started)
    started = time.perf_counter()
    for id_ in ids[:50]:
        with database.transaction() as connection:
            one = np.array([id_])
            bars.read_rows(connection, timeframe, one, rows.at.max(keepdims=True) - 3600,
                           rows.at.max(keepdims=True))  # fmt: skip
    out["one hour of one, ms"] = 1000 * (time.perf_counter() - started) / min(50, len(ids))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--home", type=Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ts-", dir=given.home) as home:
        Path(home).chmod(0o711)  # as root the server runs as another user
        rows = rows_of(given.symbols, given.sessions, shipped_calendar())
        with Database.open(None, Path(home)) as database:
            results = {
                timeframe: [timed(database, timeframe, rows) for _ in range(ROUNDS)]
                for timeframe in (Timeframe.HOUR, Timeframe.MINUTE)
            }
    print(f"{len(rows):,} rows, {given.symbols} symbols, {given.sessions} sessions")
    print(f"{'':24}{'plain':>14}{'by month':>14}")
    for name in results[Timeframe.HOUR][0]:
        plain, months = (
            statistics.median(r[name] for r in results[t])
            for t in (Timeframe.HOUR, Timeframe.MINUTE)
        )
        print(f"{name:<24}{plain:>14,.1f}{months:>14,.1f}")


if __name__ == "__main__":
    main()
