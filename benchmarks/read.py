"""Day bars read from PostgreSQL and by way of bar files, in one run, the same calls in turn:

    python benchmarks/read.py [--symbols 1000] [--years 3] [--of 500] [--rounds 5]

Each reading is what `tickstock bars` does behind the command: `reading.read` of symbols over 252
sessions, raw and adjusted for splits (one symbol in twenty has one), or of one symbol over all
years. *Stale*: a session of all symbols was written since the files were.
Figures are medians of the rounds; quote the ratios. The first table is what it costs a writer to
say what it adds, of a COPY of the same rows. The last is of the same raw bars by polars, DuckDB and
ADBC, where they are installed (see peers.py): ADBC from the same PostgreSQL, a DuckDB table and
Parquet files of a year each, both in the order of instrument and day.

25 million bars: --symbols 10000 --years 10; memory up to 200 MB a year of 10,000 symbols.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tickstock.actions import Adjust
from tickstock.model import Instrument, Timeframe
from tickstock.service.reading import Reading, read
from tickstock.sessions import shipped_calendar
from tickstock.spans import ONE_DAY, Span, day_of
from tickstock.store import bars
from tickstock.store.bar_files import BarFiles
from tickstock.store.bars import Rows
from tickstock.store.database import Database
from tickstock.store.folding import compare_files, fold
from tickstock.store.instruments import ensure_instruments

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
YEAR = 252
AT_ONCE = 100
SPLIT, AT = 20, -60
"""Every which instrument is split, and in which session."""
TRIGGERS = ("added", "changed", "removed", "emptied")


def made(ids: Sequence[int], days: np.ndarray, dice: np.random.Generator) -> Rows:
    n = len(ids) * len(days)
    close = 50 + dice.normal(0, 0.5, (len(ids), len(days))).cumsum(axis=1).clip(-40)
    split = np.isin(ids, [i for i in ids if i % SPLIT == 0])
    close[split, :AT] *= 2  # of those that are split, before it
    close = close.ravel()
    prices = (close, close + 0.5, close - 0.5, close)
    instrument, at = np.repeat(np.array(ids, np.int64), len(days)), np.tile(days, len(ids))
    volume = dice.integers(1e5, 1e7, n).astype(float)
    return Rows(instrument, at, *prices, volume, close, dice.integers(1000, 9000, n))


def fill(
    database: Database, ids: Sequence[int], days: np.ndarray, dice: np.random.Generator
) -> None:
    for start in range(0, len(ids), AT_ONCE):
        with database.transaction() as connection:
            rows = made(ids[start : start + AT_ONCE], days, dice)
            bars._copy(connection, Timeframe.DAY, rows)
    with database.transaction() as connection:
        for id_ in (i for i in ids if i % SPLIT == 0):
            connection.execute(
                """INSERT INTO tickstock.splits (instrument_id, vendor_id, origin, ticker,
                       execution_date, split_from, split_to) VALUES (%s, %s, '', '', %s, 1, 2)""",
                (id_, f"{id_}", day_of(int(days[AT]))),
            )


def median(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def cases(
    chosen: Sequence[Instrument], days: np.ndarray, of: int
) -> Iterator[tuple[str, Sequence[Instrument], Span, Adjust]]:
    year = Span(day_of(int(days[-YEAR - 1])), day_of(int(days[-2])) + ONE_DAY)
    some = chosen[:: max(1, len(chosen) // of)][:of]
    for adjust in (Adjust.RAW, Adjust.SPLITS):
        for group in (some, chosen):
            yield f"{len(group):,} × {YEAR}, {adjust}", group, year, adjust
    ever = Span(day_of(int(days[0])), day_of(int(days[-1])) + ONE_DAY)
    yield f"1 × {len(days):,}, raw", chosen[len(chosen) // 2 :][:1], ever, Adjust.RAW


def compared(
    database: Database,
    files: BarFiles,
    every: Sequence[tuple[str, Sequence[Instrument], Span, Adjust]],
    rounds: int,
) -> None:
    print(f"{'':24} {'bars':>10} {'PostgreSQL':>12} {'bar files':>12} {'ratio':>7}")
    for name, chosen, span, adjust in every:
        found: dict[bool, Reading] = {}

        def ask(
            by_files: bool,
            chosen: Sequence[Instrument] = chosen,
            span: Span = span,
            adjust: Adjust = adjust,
            found: dict[bool, Reading] = found,
        ) -> None:
            with database.transaction() as connection:
                found[by_files] = read(
                    connection, chosen, Timeframe.DAY, span, adjust=adjust, known_at=None, now=NOW,
                    files=files if by_files else None,
                )  # fmt: skip

        ask(True)  # once, so that the files are in memory as the database's pages are
        stored, filed = (
            median(lambda way=way: ask(way), rounds)  # type: ignore[misc]
            for way in (False, True)
        )
        a, b = found[False].bars, found[True].bars
        assert np.array_equal(a.close, b.close), name
        assert np.array_equal(a.at, b.at), name
        print(
            f"{name:24} {len(a):>10,} {stored * 1e3:>9,.1f} ms {filed * 1e3:>9,.1f} ms "
            f"{stored / filed:>7.1f}"
        )


# --- others -------------------------------------------------------------------------------------
COLUMNS = 'instrument_id, "at", open, high, low, close, volume, vwap, trades'
WANTED = f"""SELECT {COLUMNS} FROM {{}}
WHERE instrument_id IN ({{}}) AND "at" >= '{{}}' AND "at" < '{{}}' ORDER BY instrument_id, "at\""""
OF_YEAR = f"""SELECT {COLUMNS} FROM tickstock.bars_day
WHERE at >= '{{}}-01-01' AND at < '{{}}-01-01' ORDER BY instrument_id, at"""
PEERS = {"ADBC": "adbc_driver_postgresql", "DuckDB": "duckdb", "Parquet": "polars"}


def others(
    database: Database,
    folder: Path,
    every: Sequence[tuple[str, Sequence[Instrument], Span, Adjust]],
    rounds: int,
) -> None:
    """The raw readings by other engines, into columns."""
    if missing := [n for n, module in PEERS.items() if importlib.util.find_spec(module) is None]:
        print(f"not installed: {', '.join(missing)}")
        return
    import duckdb
    import polars
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(database.conninfo) as adbc, duckdb.connect(folder / "bars.duckdb") as duck:

        def by_adbc(ids: Sequence[int], span: Span) -> int:
            with adbc.cursor() as cursor:
                names = ",".join(map(str, ids))
                cursor.execute(WANTED.format("tickstock.bars_day", names, span.start, span.end))
                return int(cursor.fetch_arrow_table().num_rows)

        def by_duckdb(ids: Sequence[int], span: Span) -> int:
            text = WANTED.format("bars", "SELECT unnest(?)", span.start, span.end)
            return len(duck.execute(text, [list(ids)]).fetchnumpy()["close"])

        def by_polars(ids: Sequence[int], span: Span) -> int:
            rows = polars.scan_parquet(folder / "parquet")
            of_days = (polars.col("at") >= span.start) & (polars.col("at") < span.end)
            wanted = rows.filter(of_days & polars.col("instrument_id").is_in(list(ids)))
            return len(wanted.sort("instrument_id", "at").collect())

        _publish(adbc, duck, folder / "parquet", every)
        ways = {"ADBC": by_adbc, "DuckDB": by_duckdb, "Parquet": by_polars}
        print(f"\n{'':24} {'bars':>10} " + " ".join(f"{name:>12}" for name in ways))
        for name, chosen, span, adjust in every:
            if adjust is not Adjust.RAW:
                continue
            ids = [i.id for i in chosen]
            counts = {ask(ids, span) for ask in ways.values()}
            assert len(counts) == 1, counts
            taken = [median(partial(ask, ids, span), rounds) for ask in ways.values()]
            print(
                f"{name:24} {counts.pop():>10,} " + " ".join(f"{t * 1e3:>9,.1f} ms" for t in taken)
            )


def _publish(
    adbc: Any, duck: Any, folder: Path, every: Sequence[tuple[Any, Any, Span, Any]]
) -> None:
    """The same bars for DuckDB and as Parquet files."""
    import pyarrow.parquet

    folder.mkdir()
    ever = every[-1][2]
    for year in range(ever.start.year, ever.end.year + 1):
        with adbc.cursor() as cursor:
            cursor.execute(OF_YEAR.format(year, year + 1))
            rows = cursor.fetch_arrow_table()
        pyarrow.parquet.write_table(
            rows, folder / f"{year}.parquet", compression="zstd", row_group_size=100_000
        )
    duck.execute(
        f"CREATE TABLE bars AS SELECT * FROM '{folder}/*.parquet' ORDER BY instrument_id, \"at\""
    )


def writing(database: Database, days: np.ndarray, dice: np.random.Generator, rounds: int) -> None:
    """100,000 rows a COPY: of 400 symbols with 250 sessions each, and of 10,000 with 10."""
    print(f"{'100,000 rows':24} {'COPY':>12} {'its note':>12} {'share':>7}")
    for name, symbols, sessions in (("by ticker", 400, 250), ("by session", 10_000, 10)):
        rows = made(range(1, 1 + symbols), days[:sessions], dice)
        taken: list[tuple[float, float]] = []
        for _ in range(rounds):
            with database.transaction() as connection:
                connection.execute("TRUNCATE tickstock.bars_day")
            with database.transaction() as connection:
                begun = time.perf_counter()
                bars._note_added(connection, Timeframe.DAY, rows)
                noted = time.perf_counter() - begun
                bars._copy(connection, Timeframe.DAY, rows)
                taken.append((time.perf_counter() - begun - 2 * noted, noted))
        copied, noted = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{name:24} {copied * 1e3:>9,.1f} ms {noted * 1e3:>9,.1f} ms {noted / copied:>7.1%}")
    with database.transaction() as connection:
        connection.execute("TRUNCATE tickstock.bars_day")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--of", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    dice = np.random.default_rng(1)
    calendar = shipped_calendar()
    end = int(calendar.before(np.array([calendar.days[-1]]))[0])
    end = min(end, int(np.searchsorted(calendar.days, np.datetime64("2026-11-20").astype(int))))
    days = np.array(calendar.days[end - YEAR * given.years : end])
    with tempfile.TemporaryDirectory() as folder, Database.open(None, Path(folder)) as database:
        symbols = [f"S{n:05}" for n in range(given.symbols)]
        with database.transaction() as connection:
            found = ensure_instruments(connection, symbols)
        writing(database, days, dice, given.rounds)
        chosen = [found[s] for s in symbols]
        ids = [i.id for i in chosen]
        fill(database, ids, days[:-1], dice)
        with database._connect() as connection:
            connection.execute("VACUUM (ANALYZE, FREEZE) tickstock.bars_day")
        files = BarFiles(Path(folder) / "bars")
        begun = time.perf_counter()
        done = fold(database, files)
        print(
            f"{done.bars:,} bars in {done.files} files, {done.bytes / 1e6:,.0f} MB: "
            f"{time.perf_counter() - begun:,.1f} s"
        )
        every = [*cases(chosen, days, given.of)]
        compared(database, files, every, given.rounds)
        others(database, Path(folder), every, given.rounds)
        with database.transaction() as connection:
            bars._copy(connection, Timeframe.DAY, made(ids, days[-1:], dice))
        wider = Span(every[0][2].start, day_of(int(days[-1])) + ONE_DAY)
        stale = [(f"{n}, stale", c, wider, a) for n, c, s, a in every if s == every[0][2]]
        compared(database, files, stale, given.rounds)
        begun = time.perf_counter()
        done = fold(database, files)
        print(f"\nfolded again: {len(done.years)} year, {time.perf_counter() - begun:,.1f} s")
        assert not compare_files(database, files).differences


if __name__ == "__main__":
    main()
