"""Months of minute or hour bars in the database and in sealed files: bytes, speed, memory.

    python benchmarks/sealed.py [--symbols N] [--timeframe hour] [--months N] [--home FOLDER]

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
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from child import answer_of

from tickstock.model import Ints, Timeframe
from tickstock.sealed_file import NOUNS
from tickstock.sessions import shipped_calendar
from tickstock.store import bars, checksums, sealing
from tickstock.store.database import Database

END = np.datetime64("2025-02")
ROUNDS, AT_ONCE = 5, 20
SIZE = """SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size(%(table)s))
FROM pg_partition_tree(%(table)s)"""


@dataclass(frozen=True)
class Kind:
    """Bars of a timeframe in so many months."""

    timeframe: Timeframe
    months: int

    @property
    def firsts(self) -> list[date]:
        return np.arange(END - self.months, END).astype("datetime64[D]").tolist()

    @property
    def at(self) -> Ints:
        """The minutes of regular sessions, or the hours from 4:00 to 20:00."""
        begin, end = np.array([END - self.months, END], "datetime64[s]").astype(np.int64)
        opens = shipped_calendar().opens
        opens = opens[(opens >= begin) & (opens < end)]
        if self.timeframe is Timeframe.MINUTE:
            return (opens[:, None] + 60 * np.arange(390)).ravel()
        at = (opens[:, None] - 5 * 3600 - 1800 + 3600 * np.arange(16)).ravel()
        return at[at < end]


def made(symbols: int, at: Ints) -> Iterator[bars.Rows]:
    """Bars of some symbols at a time."""
    dice = np.random.default_rng(1)
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


def fill(database: Database, symbols: int, kind: Kind) -> int:
    count, timeframe = 0, kind.timeframe
    for rows in made(symbols, kind.at):
        with database.transaction() as connection:
            checksums.add_cells(connection, timeframe, bars.cells(rows, timeframe))
            bars._add_months(connection, timeframe, rows.at)
            bars._copy(connection, timeframe, rows)
        count += len(rows)
    return count


def reading(database: Database, symbols: int, kind: Kind) -> float:
    """Seconds for all months of so many symbols."""
    ids, at = np.arange(symbols) + 1, kind.at
    took = []
    for _ in range(ROUNDS):
        with database.transaction() as connection:
            started = time.perf_counter()
            edges = np.full(symbols, at[0]), np.full(symbols, at[-1])
            found = bars.read_rows(connection, kind.timeframe, ids, *edges)
            took.append(time.perf_counter() - started)
        assert len(found) == symbols * len(at)
    return statistics.median(took)


def seal(uri: str, folder: str, kind: Kind) -> None:
    """In a process of its own."""
    with Database.open(uri, Path(), migrate=False, sealed_files=Path(folder)) as database:
        started = time.perf_counter()
        done = [sealing.seal(database, kind.timeframe, month) for month in kind.firsts]
        seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text("ascii").split()
    peak = int(status[status.index("VmHWM:") + 1]) / 1024
    print(json.dumps({"seconds": seconds, "bytes": sum(one.bytes for one in done), "mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--timeframe", type=Timeframe, choices=[*NOUNS], default=Timeframe.MINUTE)
    parser.add_argument("--months", type=int, default=1)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--seal", nargs=2, metavar=("URI", "FOLDER"))
    args = parser.parse_args()
    kind = Kind(args.timeframe, args.months)
    if args.seal:
        seal(*args.seal, kind)
        return
    with (
        tempfile.TemporaryDirectory() as home,
        Database.open(None, args.home or Path(home), name="bench_sealed") as database,
    ):
        measure(database, args.symbols, kind)


def measure(database: Database, symbols: int, kind: Kind) -> None:
    started = time.perf_counter()
    count = fill(database, symbols, kind)
    print(f"{count:,} bars of {symbols} symbols, written in {time.perf_counter() - started:.0f} s")
    with database.transaction() as connection:
        table = {"table": f"tickstock.{bars.TABLES[kind.timeframe]}"}
        (size,) = connection.execute(SIZE, table).fetchone() or (0,)
    few = sorted({1, min(50, symbols), min(200, symbols)})
    before = [reading(database, n, kind) for n in few]
    command = [
        sys.executable,
        __file__,
        "--timeframe",
        kind.timeframe,
        "--months",
        str(kind.months),
    ]
    command += ["--seal", database.conninfo, str(database.sealed_files)]
    done = answer_of(command, dict(os.environ))
    after = [reading(database, n, kind) for n in few]
    print(f"in the database {size / count:.1f} bytes a bar, sealed {done['bytes'] / count:.1f}")
    with database.transaction() as connection:
        (places,) = connection.execute(
            "SELECT pg_total_relation_size('tickstock.sealed_bars')"
        ).fetchone() or (0,)
    print(f"what says where they are: {places / count:.2f} bytes a bar")
    rate = count / done["seconds"]
    print(
        f"sealed in {done['seconds']:.1f} s ({rate:,.0f} bars/s), {done['mb']:.0f} MB at the peak"
    )
    for n, mine, theirs in zip(few, before, after, strict=True):
        print(f"{n:>4} symbols: {mine * 1000:,.0f} ms in the database, {theirs * 1000:,.0f} sealed")
    started = time.perf_counter()
    for month in kind.firsts:
        sealing.unseal(database, kind.timeframe, month)
    print(f"brought back in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
