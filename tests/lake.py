"""Published tables, read by other engines:

    python -m tests.lake [--symbols 500] [--years 3] [--only NAME ...] [--python PYTHON]

fills a database with made bars, publishes them, corrects, deletes and publishes again, and has each
engine count and add up what it finds, in a process of its own; prints a table. daft and ray are not
among what is locked: without --python they are installed into an environment that is removed in the
end. Ends with 1 where an engine that reads the table reads something else. The suite itself reads
with PyIceberg, polars and DuckDB (tests/store/test_lake.py).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tickstock.config import read_settings
from tickstock.lake.tables import BARS
from tickstock.service import TickStock

SHARED = (
    "pyiceberg",
    "pyarrow",
    "sqlalchemy",
    "psycopg",
    "psycopg-binary",
    "polars",
    "duckdb",
    "pandas",
)
FOREIGN = ("daft", "ray")
FILL = """
    INSERT INTO tickstock.instruments (symbol)
    SELECT 'S' || n FROM generate_series(1, %(symbols)s) AS n;
    INSERT INTO tickstock.tickers (instrument_id, symbol)
    SELECT id, symbol FROM tickstock.instruments WHERE symbol ~ '^S[0-9]+$'
    ON CONFLICT DO NOTHING;
    INSERT INTO tickstock.bars_day
    SELECT i.id, d::date, c, c + 1, c - 1, c, 1000 + (i.id * 7 + n) %% 5000,
           CASE WHEN n %% 9 <> 0 THEN c END, CASE WHEN n %% 5 <> 0 THEN n END
    FROM tickstock.instruments AS i,
         generate_series(DATE '2021-01-01', DATE '2021-01-01' + %(days)s, '1 day')
             WITH ORDINALITY AS days(d, n),
         LATERAL (SELECT 50 + (i.id * 31 + n * 17) %% 400 * 0.25 AS c) AS price
    WHERE i.symbol ~ '^S[0-9]+$' AND extract(isodow FROM d) < 6"""
CHANGE = """
    UPDATE tickstock.bars_day SET close = close + 0.5 WHERE at = '2021-03-03';
    DELETE FROM tickstock.bars_day WHERE at = '2021-05-05'"""
SUMS = """SELECT count(*), sum(close), sum(volume), sum(trades)::float8, count(vwap)
          FROM tickstock.bars_day"""
BEGIN = """
import json, sys
given = json.loads(sys.argv[1])
def table():
    from pyiceberg.catalog import load_catalog
    return load_catalog("tickstock", **given["properties"]).load_table(given["table"])
def tell(version, *found):
    print("\\n" + json.dumps([version, [float(value) for value in found]]))
QUERY = "count(*), sum(close), sum(volume), sum(trades), count(vwap)"
"""
ENGINES = {
    "PyIceberg": """
import pyiceberg, pyarrow.compute as pc
found = table().scan().to_arrow()
sums = [pc.sum(found[name]).as_py() for name in ("close", "volume", "trades")]
tell(pyiceberg.__version__, len(found), *sums, len(found) - found["vwap"].null_count)""",
    "polars": """
import os
os.environ["POLARS_ICEBERG_PLANNER"] = "pyiceberg"
import polars as pl
frame = pl.scan_iceberg(given["metadata"])
found = frame.select(pl.len(), pl.sum("close", "volume", "trades"), vwaps=pl.col("vwap").count())
tell(pl.__version__, *found.collect().row(0))""",
    "DuckDB, its extension": """
import duckdb
link = duckdb.connect()
link.execute("INSTALL iceberg; LOAD iceberg")
query = f"SELECT {QUERY} FROM iceberg_scan('{given['metadata']}')"
tell(duckdb.__version__, *link.execute(query).fetchone())""",
    "DuckDB, by PyIceberg": """
import duckdb
found = table().scan().to_duckdb("bars").execute(f"SELECT {QUERY} FROM bars").fetchone()
tell(duckdb.__version__, *found)""",
    "DuckDB, the planned files": """
import duckdb
files = [task.file.file_path.removeprefix("file://") for task in table().scan().plan_files()]
found = duckdb.execute(f"SELECT {QUERY} FROM read_parquet($1)", [files]).fetchone()
tell(duckdb.__version__, *found)""",
    "daft": """
import daft
from daft import col
frame = daft.read_iceberg(table())
found = frame.agg(col("date").count(), col("close").sum(), col("volume").sum(), col("trades").sum(),
                  col("vwap").count().alias("vwaps")).to_pydict()
tell(daft.__version__, *(values[0] for values in found.values()))""",
    "ray": """
import os
os.environ["RAY_raylet_start_wait_time_s"] = "300"  # of a machine with much to do
import ray
from ray.data.aggregate import Count, Sum
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
kwargs = {"name": "tickstock", **given["properties"]}
data = ray.data.read_iceberg(table_identifier=given["table"], catalog_kwargs=kwargs)
found = data.aggregate(Count(), Sum("close"), Sum("volume"), Sum("trades"),
                       Count(on="vwap", ignore_nulls=True, alias_name="vwaps"))
names = ("count()", "sum(close)", "sum(volume)", "sum(trades)", "vwaps")
tell(ray.__version__, *(found[name] for name in names))""",
}


@dataclass(frozen=True)
class Answer:
    """What an engine said; `found` is None where it did not come to that, `version` says why."""

    version: str
    found: tuple[float, ...] | None
    seconds: float


def ask(python: Path, code: str, given: dict[str, Any]) -> Answer:
    began = time.monotonic()
    done = subprocess.run([str(python), "-c", BEGIN + code, json.dumps(given)], timeout=900,
                          capture_output=True, text=True, check=False)  # fmt: skip
    taken = time.monotonic() - began
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "Error" in line or "http" in line]
        return Answer(" ".join(lines[-3:])[-500:] or "it died", None, taken)
    version_, found = json.loads(done.stdout.strip().splitlines()[-1])
    return Answer(version_, tuple(found), taken)


def environment(folder: Path) -> Path:
    """A Python with all engines; the libraries as here."""
    python = folder / "bin" / "python"
    venv.create(folder, with_pip=False)
    wanted = [f"{name}=={version(name)}" for name in SHARED]
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, *wanted, *FOREIGN], check=True)
    return python


def fill(tick: TickStock, symbols: int, years: int) -> None:
    with tick.database.transaction() as connection:
        for statement in FILL.split(";"):
            connection.execute(statement, {"symbols": symbols, "days": years * 365})


def publish(tick: TickStock) -> None:
    began = time.monotonic()
    done = tick.lake.publish()
    taken, bars = time.monotonic() - began, done.tables[0]
    print(f"published {bars.rows:,} bars of {len(bars.written)} years, {bars.bytes:,} bytes, "
          f"in {taken:.1f} s")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--python", type=Path, help="one that has the engines already")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with TickStock.open(read_settings({}, home=home)) as tick:
            fill(tick, asked.symbols, asked.years)
            publish(tick)
            publish(tick)
            with tick.database.transaction() as connection:
                connection.execute(CHANGE)
                truth = tuple(float(v) for v in connection.execute(SUMS).fetchone() or ())
            publish(tick)
            python = asked.python or environment(Path(folder) / "engines")
            given = {
                "properties": tick.lake.properties(),
                "metadata": tick.lake.table(BARS).metadata_location,
                "table": f"tickstock.{BARS}",
            }
            print(f"{'':26} {'version':>9} {'bars':>10} {'sum of closes':>16} {'s':>6}  equal")
            print(f"{'PostgreSQL':26} {'':>9} {truth[0]:>10,.0f} {truth[1]:>16,.2f}")
            answers = ((name, ask(python, ENGINES[name], given)) for name in asked.only)
            return max((shown(name, answer, truth) for name, answer in answers), default=0)


def shown(name: str, answer: Answer, truth: tuple[float, ...]) -> int:
    if answer.found is None:
        print(f"{name:26} could not read it: {answer.version}")
        return 0
    equal = answer.found == truth
    count, closes = answer.found[:2]
    word = "yes" if equal else f"NO: {answer.found}, not {truth}"
    print(
        f"{name:26} {answer.version:>9} {count:>10,.0f} {closes:>16,.2f} {answer.seconds:>6.1f}  "
        f"{word}",
        flush=True,
    )
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
