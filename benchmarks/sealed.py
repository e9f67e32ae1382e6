"""A month of minute or hour bars in the database and in a sealed file: bytes, speed, memory.

    python benchmarks/sealed.py [--symbols N] [--timeframe hour] [--home FOLDER]

Prices walk at random in cents, volumes are lognormal, the vwap has four digits: noise that packs
worse than a market does. Readings are the median of five, each from a connection of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from child import answer_of

from tickstock.model import Ints, Timeframe
from tickstock.sessions import shipped_calendar
from tickstock.store import bars, checksums, sealing
from tickstock.store.database import Database

MONTH, BEGIN, END = date(2025, 1, 1), 1735689600, 1738368000
ROUNDS, AT_ONCE = 5, 20
TABLES = {Timeframe.MINUTE: "bars_minute_2025_01", Timeframe.HOUR: "bars_hour"}


def moments(timeframe: Timeframe) -> Ints:
    """The minutes of regular sessions, or the hours from 4:00 to 20:00."""
    opens = shipped_calendar().opens
    opens = opens[(opens >= BEGIN) & (opens < END)]
    if timeframe is Timeframe.MINUTE:
        return (opens[:, None] + 60 * np.arange(390)).ravel()
    at = (opens[:, None] - 5 * 3600 - 1800 + 3600 * np.arange(16)).ravel()
    return at[at < END]


def made(symbols: int, timeframe: Timeframe) -> Iterator[bars.Rows]:
    """Bars of some symbols at a time."""
    dice, at = np.random.default_rng(1), moments(timeframe)
    for first in range(0, symbols, AT_ONCE):
        ids = np.arange(first, min(first + AT_ONCE, symbols)) + 1
        shape = len(ids), len(at)
        walk = np.exp(np.cumsum(dice.normal(0, 0.0008, shape), axis=1))
        close = np.round(walk * dice.uniform(5, 400, (len(ids), 1)), 2)
        opened = np.round(close + dice.normal(0, 0.02, shape), 2)
        high = np.round(np.maximum(opened, close) + abs(dice.normal(0, 0.03, shape)), 2)
        low = np.round(np.minimum(opened, close) - abs(dice.normal(0, 0.03, shape)), 2)
        vwap = np.round((high + low + close) / 3 + dice.normal(0, 0.003, shape), 4)
        volume = np.round(dice.lognormal(8, 1.3, shape))
        prices = (column.ravel() for column in (opened, high, low, close, volume, vwap))
        trades = np.round(dice.lognormal(4, 1, shape)).astype(np.int64).ravel()
        yield bars.Rows(np.repeat(ids, len(at)), np.tile(at, len(ids)), *prices, trades)


def fill(database: Database, symbols: int, timeframe: Timeframe) -> int:
    count = 0
    for rows in made(symbols, timeframe):
        with database.transaction() as connection:
            checksums.add_cells(connection, timeframe, bars.cells(rows, timeframe))
            bars._add_months(connection, timeframe, rows.at)
            bars._copy(connection, timeframe, rows)
        count += len(rows)
    return count


def reading(database: Database, symbols: int, timeframe: Timeframe) -> float:
    """Seconds for the month of so many symbols."""
    ids, at = np.arange(symbols) + 1, moments(timeframe)
    took = []
    for _ in range(ROUNDS):
        with database.transaction() as connection:
            started = time.perf_counter()
            edges = np.full(symbols, at[0]), np.full(symbols, at[-1])
            found = bars.read_rows(connection, timeframe, ids, *edges)
            took.append(time.perf_counter() - started)
        assert len(found) == symbols * len(at)
    return statistics.median(took)


def seal(uri: str, folder: str, timeframe: Timeframe) -> None:
    """In a process of its own."""
    with Database.open(uri, Path(), migrate=False, sealed_files=Path(folder)) as database:
        started = time.perf_counter()
        done = sealing.seal(database, timeframe, MONTH)
        seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text("ascii").split()
    peak = int(status[status.index("VmHWM:") + 1]) / 1024
    print(json.dumps({"seconds": seconds, "bytes": done.bytes, "mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--timeframe", type=Timeframe, choices=[*TABLES], default=Timeframe.MINUTE)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--seal", nargs=2, metavar=("URI", "FOLDER"))
    args = parser.parse_args()
    if args.seal:
        seal(*args.seal, args.timeframe)
        return
    with (
        tempfile.TemporaryDirectory() as home,
        Database.open(None, args.home or Path(home), name="bench_sealed") as database,
    ):
        measure(database, args.symbols, args.timeframe)


def measure(database: Database, symbols: int, timeframe: Timeframe) -> None:
    started = time.perf_counter()
    count = fill(database, symbols, timeframe)
    print(f"{count:,} bars of {symbols} symbols, written in {time.perf_counter() - started:.0f} s")
    with database.transaction() as connection:
        (size,) = connection.execute(
            "SELECT pg_total_relation_size(%s)", [f"tickstock.{TABLES[timeframe]}"]
        ).fetchone() or (0,)
    few = sorted({1, min(50, symbols), min(200, symbols)})
    before = [reading(database, n, timeframe) for n in few]
    command = [sys.executable, __file__, "--timeframe", timeframe]
    command += ["--seal", database.conninfo, str(database.sealed_files)]
    done = answer_of(command, dict(os.environ))
    after = [reading(database, n, timeframe) for n in few]
    print(f"in the database {size / count:.1f} bytes a bar, sealed {done['bytes'] / count:.1f}")
    rate = count / done["seconds"]
    print(
        f"sealed in {done['seconds']:.1f} s ({rate:,.0f} bars/s), {done['mb']:.0f} MB at the peak"
    )
    for n, mine, theirs in zip(few, before, after, strict=True):
        print(f"{n:>4} symbols: {mine * 1000:,.0f} ms in the database, {theirs * 1000:,.0f} sealed")
    started = time.perf_counter()
    sealing.unseal(database, timeframe, MONTH)
    print(f"brought back in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
