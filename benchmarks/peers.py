"""TickStock beside other ways to the same bars, in one run on one machine:

    python -m venv peers && peers/bin/pip install -e '.[frames]' -r requirements/benchmarks.in
    peers/bin/python benchmarks/peers.py [--symbols 500] [--days 500] [--rounds 3]

whole job  from the vendor on loopback of end_to_end.py into PostgreSQL: the seed guide's way, the
            vendor's own client with pandas `to_sql`, TickStock
store       the same bars, in memory already, into each store; and the same again
read        all of them from each store into columns or a frame

A peer that is not installed is named. Figures are medians of the rounds (of the whole job, one
round); quote the ratios.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import logging
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog
from end_to_end import fill_cache, guide, newest, opened, tickstock, vendor

from tickstock.actions import Adjust
from tickstock.frames import frame
from tickstock.model import Timeframe
from tickstock.service import TickStock
from tickstock.spans import Span

PEERS = {
    "massive": "massive",
    "sqlalchemy": "sqlalchemy",
    "duckdb": "duckdb",
    "arcticdb": "arcticdb",
    "adbc-driver-postgresql": "adbc_driver_postgresql",
    "polars": "polars",
    "pandas": "pandas",
}
SELECT = """SELECT i.symbol, b.at AS date, open, high, low, close, volume, vwap, trades
FROM tickstock.bars_day AS b JOIN tickstock.instruments AS i ON i.id = b.instrument_id
ORDER BY b.instrument_id, b.at"""
TABLE = """CREATE TABLE bars (symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE,
close DOUBLE, volume DOUBLE, vwap DOUBLE, trades BIGINT, PRIMARY KEY (symbol, date))"""


@dataclass(frozen=True)
class Scene:
    """Where everybody gets the bars, and where they are to go."""

    tick: TickStock
    url: str
    symbols: list[str]
    span: Span
    folder: Path

    @property
    def address(self) -> str:
        return self.tick.database.conninfo

    def frame(self, kind: str) -> Any:
        bars = self.tick.holdings.bars(self.symbols, Timeframe.DAY, self.span, adjust=Adjust.RAW)
        return frame(bars, Timeframe.DAY, kind)


def has(*names: str) -> bool:
    return all(importlib.util.find_spec(PEERS[name]) for name in names)


# --- a whole load ------------------------------------------------------------------------------
def client_and_to_sql(scene: Scene) -> int:
    """What the vendor's documentation leads to: its client, a frame a symbol, `to_sql`."""
    import pandas as pd
    import sqlalchemy
    from massive import RESTClient

    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=_connector(scene.address))
    client = RESTClient("benchmark-key", base=scene.url)
    rows = 0
    for symbol in scene.symbols:
        first, last = scene.span.start.isoformat(), scene.span.last.isoformat()
        bars = client.get_aggs(symbol, 1, "day", first, last, adjusted=False, limit=50_000)
        found = pd.DataFrame([vars(bar) for bar in bars])
        found["symbol"] = symbol
        with engine.begin() as connection:
            if sqlalchemy.inspect(connection).has_table("client_daily"):
                old = sqlalchemy.text("DELETE FROM client_daily WHERE symbol = :symbol")
                connection.execute(old, {"symbol": symbol})
            found.to_sql("client_daily", connection, if_exists="append", index=False)
        rows += len(found)
    engine.dispose()
    return rows


def _connector(address: str) -> Callable[[], Any]:
    import psycopg2

    return lambda: psycopg2.connect(address)


def whole_loads(scene: Scene) -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    first, again = (
        lambda: tickstock(scene.tick, scene.symbols, scene.span, refresh=False),
        lambda: tickstock(scene.tick, scene.symbols, scene.span, refresh=True),
    )
    yield "tickstock", first, again

    def old() -> int:
        return guide(scene.address, scene.url, scene.symbols, scene.span)

    yield "the guide's way", old, old
    if has("massive", "pandas", "sqlalchemy"):
        yield "massive client, to_sql", *(2 * (lambda: client_and_to_sql(scene),))


# --- stores and readers --------------------------------------------------------------------------
def duckdb_store(scene: Scene) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    import duckdb

    file = scene.folder / "bars.duckdb"
    bars = scene.frame("arrow")

    def write() -> None:
        file.unlink(missing_ok=True)
        with duckdb.connect(file) as connection:
            connection.execute(TABLE)
            connection.register("news", bars)
            connection.execute("INSERT INTO bars SELECT * FROM news")

    def again() -> None:
        with duckdb.connect(file) as connection:
            connection.register("news", bars)
            connection.execute("INSERT OR REPLACE INTO bars SELECT * FROM news")

    def read() -> int:
        with duckdb.connect(file, read_only=True) as connection:
            found = connection.execute("SELECT * FROM bars ORDER BY symbol, date")
            return int(found.to_arrow_table().num_rows)

    return write, again, read


def parquet_store(scene: Scene) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    import polars

    file, bars = scene.folder / "bars.parquet", scene.frame("polars")

    def write() -> None:
        bars.write_parquet(file)

    return write, write, lambda: len(polars.read_parquet(file))


def arctic_store(scene: Scene) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    from arcticdb import Arctic

    folder = scene.folder / "arctic"
    bars = scene.frame("pandas")
    columns = ["open", "high", "low", "close", "volume", "vwap"]
    parts = {
        str(symbol): part.set_index("date")[columns]
        for symbol, part in bars.groupby("symbol", observed=True)
    }

    def write() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        Arctic(f"lmdb://{folder}").get_library("bars", create_if_missing=True)
        again()

    def again() -> None:
        from arcticdb import WritePayload

        library = Arctic(f"lmdb://{folder}")["bars"]
        library.write_batch([WritePayload(name, part) for name, part in parts.items()])

    def read() -> int:
        library = Arctic(f"lmdb://{folder}")["bars"]
        return sum(len(item.data) for item in library.read_batch(list(parts)))

    return write, again, read


def stores(
    scene: Scene,
) -> Iterator[tuple[str, tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]]]:
    if has("duckdb"):
        yield "DuckDB table", duckdb_store(scene)
    if has("polars"):
        yield "Parquet by polars", parquet_store(scene)
    if has("arcticdb"):
        yield "ArcticDB on LMDB", arctic_store(scene)


def readers(scene: Scene) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "psycopg fetchall", lambda: _fetchall(scene.address)
    if has("adbc-driver-postgresql"):
        yield "ADBC to Arrow", lambda: _adbc(scene)
    for adjust in (Adjust.RAW, Adjust.SPLITS):
        yield (
            f"tickstock, {adjust.value}, to polars",
            lambda adjust=adjust: len(
                scene.tick.holdings.frame(scene.symbols, Timeframe.DAY, scene.span, adjust=adjust)
            ),
        )


def _fetchall(address: str) -> int:
    with psycopg.connect(address) as connection:
        return len(connection.execute(SELECT).fetchall())


def _adbc(scene: Scene) -> int:
    from adbc_driver_postgresql import dbapi

    address = uri_of(scene.address)
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(SELECT)
        return int(cursor.fetch_arrow_table().num_rows)


def uri_of(conninfo: str) -> str:
    """The address as a URI, the only form that ADBC takes."""
    from urllib.parse import quote, urlencode

    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    name, user = quote(str(parts.pop("dbname", ""))), quote(str(parts.pop("user", "")))
    kept = {k: v for k, v in parts.items() if k in ("host", "port", "password")}
    return f"postgresql://{user}@/{name}?{urlencode(kept)}"


# --- the run -------------------------------------------------------------------------------------
def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def middle(run: Callable[[], Any], rounds: int) -> float:
    return statistics.median(timed(run) for _ in range(rounds))


def line(name: str, *cells: str) -> None:
    print(f"{name:<32}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def report(scene: Scene, rounds: int) -> None:
    line("whole job", "first, s", "reload, s")
    for name, first, again in whole_loads(scene):
        line(name, f"{timed(first):.2f}", f"{timed(again):.2f}")
    count = len(scene.frame("polars"))
    line("store", "new, rows/s", "again, rows/s")
    found = list(stores(scene))
    for name, (write, again, _) in found:
        line(name, *(f"{count / middle(run, rounds):,.0f}" for run in (write, again)))
    line("read", "rows/s")
    for name, read in [*readers(scene), *((name, read) for name, (_, _, read) in found)]:
        line(name, f"{count / middle(read, rounds):,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds an answer takes")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(f"Python {platform.python_version()}, {platform.machine()}")
    for name in PEERS:
        version = importlib.metadata.version(name) if has(name) else "not installed, left out"
        print(f"{name} {version}")
    symbols = [f"P{i:04}" for i in range(given.symbols)]
    span = newest(given.days)
    with (
        vendor(symbols, given.delay) as url,
        opened(url) as tick,
        tempfile.TemporaryDirectory() as folder,
    ):
        fill_cache(url, symbols, span)
        report(Scene(tick, url, symbols, span, Path(folder)), given.rounds)


if __name__ == "__main__":
    main()
