"""Day bars as Iceberg tables: what others read is what is stored, whatever befell a publish."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalogBaseTable

from tests.cli_run import in_turn
from tests.conftest import Cluster
from tests.kit import day
from tests.moment import handed_on
from tests.rest_catalog import serving
from tests.s3_kit import S3Server
from tests.store.test_bar_history import ids_of, write
from tickstock import failpoints
from tickstock.config import read_settings
from tickstock.errors import BadFile, BadInput, BadSetting, Conflict, MissingExtra, Transient
from tickstock.lake import Lakeside, Published, open_catalog
from tickstock.lake.catalog import IN_DATABASE, as_location, properties_for_readers
from tickstock.lake.tables import BARS, INSTRUMENTS, SCHEMAS, SPLITS, TICKERS
from tickstock.lake.writing import OURS, arrow_schema, write_data_file
from tickstock.model import Timeframe, epoch_day
from tickstock.service.lake import Lake
from tickstock.store import lake as store_lake
from tickstock.store.bar_files import BarFiles
from tickstock.store.database import Database
from tickstock.store.folding import fold

FIRST = epoch_day(day("2022-11-20"))
DAYS = [FIRST + n for n in range(0, 500, 7)]
YEARS = (2022, 2023, 2024)
BARS_DAY = "tickstock.bars_day"
TRUTH = """
    SELECT coalesce((SELECT t.symbol FROM tickstock.tickers AS t
                     WHERE t.instrument_id = b.instrument_id AND t.valid @> b.at
                     ORDER BY lower(t.valid) DESC NULLS LAST, t.symbol DESC LIMIT 1), i.symbol),
           b.instrument_id, b.at, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades
    FROM tickstock.bars_day AS b LEFT JOIN tickstock.instruments AS i ON i.id = b.instrument_id
    ORDER BY b.instrument_id, b.at"""


@pytest.fixture(autouse=True)
def planner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who plans a scan for polars: without its plugin PyIceberg does, and it warns of that."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")


@pytest.fixture
def warehouse(tmp_path: Path) -> str:
    return as_location(tmp_path / "my lake")


def side(database: Database, warehouse: str, **other: Any) -> Lakeside:
    catalog = open_catalog(IN_DATABASE, warehouse, database)
    given = {"is_own": True, "kept": 10, "at_once": 2} | other
    return Lakeside(catalog, "tickstock", warehouse, **given)


def sql(database: Database, statement: str) -> list[Any]:
    with database.transaction() as conn:
        done = conn.execute(statement)
        return done.fetchall() if done.description else []


def in_order(table: pa.Table) -> list[tuple[Any, ...]]:
    ordered = table.sort_by([("instrument", "ascending"), ("date", "ascending")])
    return [tuple(row.values()) for row in ordered.to_pylist()]


def read(lake: Lakeside, name: str = BARS) -> Any:
    table = lake.table(name)
    assert table is not None
    return table


def published(lake: Lakeside) -> list[tuple[Any, ...]]:
    return in_order(read(lake).scan().to_arrow())


def years_of(done: Published) -> tuple[int, ...]:
    assert done.tables[0].name == BARS
    return done.tables[0].written


def files_of(warehouse: str) -> set[Path]:
    return set(Path(warehouse.removeprefix("file://")).rglob(f"{OURS}*"))


def needed(lake: Lakeside) -> set[Path]:
    """The data files of all snapshots that are kept."""
    found = set()
    for name in SCHEMAS:
        table = read(lake, name)
        for snapshot in table.snapshots():
            tasks = table.scan(snapshot_id=snapshot.snapshot_id).plan_files()
            found |= {Path(task.file.file_path.removeprefix("file://")) for task in tasks}
    return found


@pytest.fixture
def three(database: Database) -> list[int]:
    """Three instruments with bars; one was renamed, one was split, one has no ticker of its own."""
    ids = ids_of(database, "META", "MSFT", "BRK.B")
    write(database, Timeframe.DAY, {(i, d): 2.0 + i for i in ids for d in DAYS})
    sql(database, f"UPDATE {BARS_DAY} SET vwap = 2.25, trades = 7 WHERE instrument_id = {ids[1]}")
    sql(database, f"DELETE FROM tickstock.tickers WHERE instrument_id = {ids[0]}")
    sql(
        database,
        f"""INSERT INTO tickstock.tickers (instrument_id, symbol, valid)
            VALUES ({ids[0]}, 'FBOLD', '(,2023-03-01)'), ({ids[0]}, 'METANEW', '[2023-03-01,)');
            DELETE FROM tickstock.tickers WHERE instrument_id = {ids[2]};
            INSERT INTO {BARS_DAY} VALUES (99999, '2023-05-05', 1, 2, 1, 2, 'NaN', NULL, NULL);
            DELETE FROM {BARS_DAY} WHERE volume = 'NaN';
            INSERT INTO {BARS_DAY} VALUES (99999, '2023-05-05', 1, 2, 1, 2, 5, NULL, NULL);
            INSERT INTO tickstock.splits (instrument_id, vendor_id, origin, ticker,
                                          execution_date, split_from, split_to)
            VALUES ({ids[1]}, 'a', '', 'MSFT', '2023-06-06', 1, 4)""",
    )
    return ids


# --- equal, and read by others ------------------------------------------------------------------
def test_what_is_published_is_what_is_stored(
    database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse)
    assert years_of(lake.publish(database)) == YEARS
    truth = sql(database, TRUTH)
    assert published(lake) == truth
    assert {row[0] for row in truth} == {"FBOLD", "METANEW", "MSFT", "BRK.B", None}
    assert read(lake, SPLITS).scan().to_arrow().to_pylist() == [
        {"instrument": three[1], "symbol": "MSFT", "date": day("2023-06-06"),
         "split_from": 1.0, "split_to": 4.0, "kind": ""}
    ]  # fmt: skip
    for name, table in ((TICKERS, "tickers"), (INSTRUMENTS, "instruments")):
        ((count,),) = sql(database, f"SELECT count(*) FROM tickstock.{table}")
        assert read(lake, name).scan().count() == count
    (task,) = read(lake).scan(row_filter="date < '2023-01-01'").plan_files()
    assert "date_year=2022" in task.file.file_path, "others are not even opened"


@pytest.mark.usefixtures("three")
def test_others_read_the_same(database: Database, warehouse: str) -> None:
    """By the metadata alone, and by the catalog with PyIceberg's own settings."""
    lake = side(database, warehouse)
    lake.publish(database)
    ((count, total),) = sql(database, f"SELECT count(*), sum(close * volume) FROM {BARS_DAY}")
    table = read(lake)
    frame = polars.scan_iceberg(table.metadata_location)
    value = (polars.col("close") * polars.col("volume")).sum()
    assert frame.select(polars.len(), value).collect().row(0) == (count, total)
    query = "SELECT count(*), sum(close * volume) FROM bars"
    assert table.scan().to_duckdb("bars").execute(query).fetchone() == (count, total)
    properties = properties_for_readers(IN_DATABASE, warehouse, database)
    with load_catalog("tickstock", **properties) as catalog:
        theirs = catalog.load_table(("tickstock", BARS))
        assert in_order(theirs.scan().to_arrow()) == sql(database, TRUTH)


@pytest.mark.usefixtures("three")
def test_in_a_bucket(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with S3Server(bucket="mine").running() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        where = {
            "TICKSTOCK_LAKE_WAREHOUSE": "s3://mine/lake",
            "TICKSTOCK_LAKE_SNAPSHOTS": "1",
            "TICKSTOCK_S3_ENDPOINT": server.url,
        }
        lake = Lake(database, read_settings(where, home=tmp_path), None)
        lake.publish()
        before = set(server.objects)
        sql(database, f"UPDATE {BARS_DAY} SET close = close + 1 WHERE at < '2023-01-01'")
        lake.publish()
        assert before - set(server.objects), "what nobody needs is removed"
        with load_catalog("tickstock", **lake.properties()) as catalog:
            theirs = catalog.load_table(("tickstock", BARS))
            assert theirs.location().startswith("s3://mine/lake/")
            assert in_order(theirs.scan().to_arrow()) == sql(database, TRUTH)
        assert polars.scan_iceberg(lake.table(BARS)).select(polars.len()).collect().item() == len(
            sql(database, TRUTH)
        )
    assert not list(tmp_path.rglob("*.parquet"))


def test_the_catalog_has_the_tables_that_pyiceberg_asks_for(database: Database) -> None:
    for name, table in SqlCatalogBaseTable.metadata.tables.items():
        found = sql(
            database,
            f"""SELECT column_name, character_maximum_length, is_nullable = 'YES'
                FROM information_schema.columns
                WHERE table_schema = 'tickstock' AND table_name = '{name}'
                ORDER BY ordinal_position""",
        )
        theirs = [(c.name, getattr(c.type, "length", None), c.nullable) for c in table.columns]
        assert found == theirs


def test_it_is_right_without_a_bar(database: Database, warehouse: str) -> None:
    lake = side(database, warehouse)
    assert years_of(lake.publish(database)) == ()
    assert published(lake) == []
    (one,) = ids_of(database, "AAPL")
    write(database, Timeframe.DAY, {(one, DAYS[0]): 2.0})
    assert years_of(lake.publish(database)) == (2022,)
    sql(database, f"TRUNCATE {BARS_DAY}")
    lake.publish(database)
    assert published(lake) == []


# --- again --------------------------------------------------------------------------------------
def test_only_years_that_changed_are_written(
    database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    former, before = read(lake).current_snapshot(), sql(database, TRUTH)
    again = lake.publish(database)
    assert [table.rows for table in again.tables] == [0] * 4
    assert len(read(lake).snapshots()) == 1
    write(database, Timeframe.DAY, {(three[1], DAYS[-1]): 9.0})
    assert years_of(lake.publish(database)) == (2024,)
    sql(database, f"DELETE FROM {BARS_DAY} WHERE at < '2023-02-01' AND instrument_id = {three[0]}")
    assert years_of(lake.publish(database)) == (2022, 2023)
    assert published(lake) == sql(database, TRUTH) != before
    sql(database, f"DELETE FROM {BARS_DAY} WHERE at < '2023-01-01'")
    assert years_of(lake.publish(database)) == ()
    assert published(lake) == sql(database, TRUTH)
    then = read(lake).scan(snapshot_id=former.snapshot_id).to_arrow()
    assert in_order(then) == before, "as it was published first"
    assert years_of(lake.publish(database, anew=True)) == (2023, 2024)


def test_years_in_which_nothing_was_written_are_not_read(
    database: Database, warehouse: str, three: list[int], tmp_path: Path
) -> None:
    lake = side(database, warehouse)
    write(database, Timeframe.DAY, {(three[0], 7000): 2.0})  # 1989; none until 2022
    lake.publish(database)
    trace = tmp_path / "trace"
    failpoints.arm(f"trace:{trace}")
    try:
        lake.publish(database)
        assert trace.read_text().split() == ["lake.marked"]
        write(database, Timeframe.DAY, {(three[1], DAYS[-1]): 9.0})
        lake.publish(database)
    finally:
        failpoints.arm("")
    assert trace.read_text().split().count("lake.file") == 1
    assert published(lake) == sql(database, TRUTH)


def test_a_rename_is_published_where_the_ticker_is_another(
    database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    ids_of(database, "NEW")  # without bars: nothing that was published is another's
    assert years_of(lake.publish(database)) == ()
    sql(
        database,
        f"""UPDATE tickstock.tickers SET valid = '(,2024-01-10)' WHERE symbol = 'MSFT';
            INSERT INTO tickstock.tickers (instrument_id, symbol, valid)
            VALUES ({three[1]}, 'MSFX', '[2024-01-10,)')""",
    )
    assert years_of(lake.publish(database)) == (2024,)
    assert published(lake) == sql(database, TRUTH)
    sql(database, f"UPDATE tickstock.instruments SET symbol = 'BRK.X' WHERE id = {three[2]}")
    assert years_of(lake.publish(database)) == YEARS
    assert published(lake) == sql(database, TRUTH)


def test_a_rename_that_is_undone_after_a_publish_broke_off(
    database: Database, warehouse: str, three: list[int]
) -> None:
    """The table has the new tickers, the list of tickers still the old ones."""
    lake = side(database, warehouse)
    lake.publish(database)
    before = sql(database, TRUTH)
    symbol = f"UPDATE tickstock.instruments SET symbol = '%s' WHERE id = {three[2]}"
    sql(database, symbol % "BRK.X")
    failpoints.arm("lake.marked@1:fault")
    try:
        with pytest.raises(RuntimeError):
            lake.publish(database)
    finally:
        failpoints.arm("")
    assert published(lake) != before
    sql(database, symbol % "BRK.B")
    lake.publish(database)
    assert published(lake) == before


def test_bar_files_are_read_from_where_there_are_some(
    database: Database, warehouse: str, three: list[int], tmp_path: Path
) -> None:
    files = BarFiles(tmp_path / "bars", few=0)
    fold(database, files)
    write(database, Timeframe.DAY, {(three[0], DAYS[3]): 9.0})
    lake = side(database, warehouse, files=files)
    lake.publish(database)
    assert published(lake) == sql(database, TRUTH)
    fold(database, files)  # what it forgets is not what the lake has yet to see
    write(database, Timeframe.DAY, {(three[0], DAYS[-3]): 9.0})
    fold(database, files)
    assert years_of(lake.publish(database)) == (2024,)
    assert published(lake) == sql(database, TRUTH)


@pytest.mark.parametrize("seed", range(2))
def test_anything_in_any_order(
    database: Database, warehouse: str, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    ids = ids_of(database, "AAPL", "MSFT", "KIMpL", "GE")
    files = BarFiles(tmp_path / "bars", few=0)
    lake = side(database, warehouse, files=files, kept=2)

    def load() -> None:
        some = dice.sample(DAYS, 5)
        write(
            database,
            Timeframe.DAY,
            {(dice.choice(ids), d): float(dice.randint(2, 4)) for d in some},
        )

    def psql() -> None:
        on = f"DATE '1970-01-01' + {dice.choice(DAYS)}"
        sql(database, dice.choice((
            f"DELETE FROM {BARS_DAY} WHERE at < {on} AND instrument_id = {dice.choice(ids)}",
            f"UPDATE {BARS_DAY} SET close = close + 1 WHERE at >= {on}",
            f"TRUNCATE {BARS_DAY}",
        )))  # fmt: skip

    def rename() -> None:
        id_, on = dice.choice(ids), dice.choice(DAYS)
        sql(database, f"""DELETE FROM tickstock.tickers WHERE instrument_id = {id_};
            INSERT INTO tickstock.tickers (instrument_id, symbol, valid)
            VALUES ({id_}, 'A{id_}', daterange(NULL, DATE '1970-01-01' + {on})),
                   ({id_}, 'B{id_}', daterange(DATE '1970-01-01' + {on}, NULL))""")  # fmt: skip

    for _ in range(5):
        for _ in range(dice.randint(1, 3)):
            dice.choice((load, load, psql, rename, lambda: fold(database, files)))()
        lake.publish(database)
        assert published(lake) == sql(database, TRUTH)
    assert files_of(warehouse) == needed(lake)


# --- old ones -----------------------------------------------------------------------------------
def test_old_snapshots_expire_with_their_files(
    database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse, kept=2)
    seen = []
    for close in (3.0, 4.0, 5.0, 6.0):
        write(database, Timeframe.DAY, {(three[0], DAYS[0]): close})
        lake.publish(database)
        seen.append((read(lake).current_snapshot().snapshot_id, sql(database, TRUTH)))
    table = read(lake)
    assert [s.snapshot_id for s in table.snapshots()] == [id_ for id_, _ in seen[2:]]
    for id_, truth in seen[2:]:
        assert in_order(table.scan(snapshot_id=id_).to_arrow()) == truth
    assert files_of(warehouse) == needed(lake)
    assert len(table.current_snapshot().manifests(table.io)) <= 3, "no more with each publish"


# --- what befalls a publish ---------------------------------------------------------------------
PUBLISHING = """
import sys
from pathlib import Path
from tickstock.lake import Lakeside, open_catalog
from tickstock.store.database import Database
uri, warehouse = sys.argv[1:]
with Database.open(uri, Path(), migrate=False) as database:
    catalog = open_catalog("database", warehouse, database)
    Lakeside(catalog, "tickstock", warehouse, is_own=True, kept=10, at_once=2).publish(database)
"""
POINTS = ("lake.batch@3", "lake.commit@1", "lake.committed@1", "lake.marked@1")


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_there_is_the_former_state_or_the_new_one(
    database: Database, warehouse: str, three: list[int], point: str
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    before = sql(database, TRUTH)
    write(database, Timeframe.DAY, {(i, d): 9.0 for i in three for d in DAYS})
    sql(database, f"UPDATE tickstock.instruments SET symbol = 'BRK.X' WHERE id = {three[2]}")
    after = sql(database, TRUTH)
    command = [sys.executable, "-c", PUBLISHING, database.conninfo, warehouse]
    environment = {**os.environ, **handed_on(), failpoints.VARIABLE: f"{point}:kill"}
    killed = subprocess.run(command, env=environment, capture_output=True, timeout=100, check=False)
    assert killed.returncode == -9, killed.stderr
    is_new = point not in POINTS[:2]
    assert published(lake) == (after if is_new else before)
    done = in_turn(lambda: lake.publish(database))
    assert years_of(done) == (() if is_new else YEARS)
    assert published(lake) == after
    assert files_of(warehouse) == needed(lake), "what the killed one wrote is removed"


@contextmanager
def publishing(database: Database) -> Iterator[None]:
    with store_lake.turn(database):
        yield


def test_one_at_a_time(database: Database, warehouse: str) -> None:
    lake = side(database, warehouse)
    with publishing(database), pytest.raises(Transient, match="Somebody else is publishing"):
        lake.publish(database)
    lake.publish(database)


def test_a_file_that_is_gone_or_cut_is_written_anew(
    database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    gone, cut = (next(f for f in files_of(warehouse) if f"={y}" in str(f)) for y in (2022, 2023))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-9])
    write(database, Timeframe.DAY, {(three[0], DAYS[-1]): 9.0})
    assert years_of(lake.publish(database)) == YEARS
    assert published(lake) == sql(database, TRUTH)


def test_what_another_program_wrote_into_the_table_is_replaced(
    database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    table = read(lake)
    more = table.scan(row_filter="date < '2023-01-01'").to_arrow().cast(arrow_schema(table))
    with table.transaction() as transaction:
        addition = transaction.update_snapshot().fast_append()
        addition.append_data_file(write_data_file(table, "", [more])).commit()
    assert len(published(lake)) > len(sql(database, TRUTH))
    write(database, Timeframe.DAY, {(three[0], DAYS[-1]): 9.0})
    lake.publish(database)
    assert published(lake) == sql(database, TRUTH)
    read(lake).delete("date < '2023-01-01'")
    lake.publish(database)
    assert published(lake) == sql(database, TRUTH)


@pytest.mark.usefixtures("three")
def test_metadata_that_cannot_be_read_are_told_of_and_made_anew(
    database: Database, warehouse: str
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    place = Path(read(lake).metadata_location.removeprefix("file://"))
    for damage in (lambda: place.write_text("{"), lambda: place.write_text(""), place.unlink):
        damage()
        with pytest.raises(BadFile, match="lake publish --anew"):
            lake.publish(database)
    assert years_of(lake.publish(database, anew=True)) == YEARS
    assert published(lake) == sql(database, TRUTH)


def test_a_copy_of_the_database_has_tables_of_its_own(
    cluster: Cluster, database: Database, warehouse: str, three: list[int]
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    before = sql(database, TRUTH)
    database.close()
    name = cluster.create(database.parameters["dbname"])
    with (
        Database.open(cluster.uri(name), Path(), migrate=False) as copy,
        Database.open(database.conninfo, Path(), migrate=False) as original,
    ):
        theirs = side(copy, warehouse)
        write(copy, Timeframe.DAY, {(three[0], DAYS[-1]): 9.0})
        assert years_of(theirs.publish(copy)) == YEARS
        assert published(theirs) == sql(copy, TRUTH) != before
        assert published(side(original, warehouse)) == before
        elsewhere = side(copy, warehouse, is_own=False)
        sql(copy, "UPDATE tickstock.iceberg_tables SET metadata_location = '"
                  f"{read(side(original, warehouse)).metadata_location}' "
                  f"WHERE table_name = '{BARS}'")  # fmt: skip
        with pytest.raises(BadInput, match="is of another database"):
            elsewhere.publish(copy)
    cluster.drop(name)


def test_a_database_that_was_put_back_to_an_earlier_state(
    database: Database, warehouse: str, three: list[int]
) -> None:
    """The table, whose catalog is elsewhere, has what never was."""
    lake = side(database, warehouse)
    lake.publish(database)
    sql(database, "CREATE TABLE earlier AS SELECT * FROM tickstock.bar_files")
    was = sql(database, TRUTH)
    write(database, Timeframe.DAY, {(three[1], DAYS[-1]): 9.0})
    lake.publish(database)
    back = """SET LOCAL session_replication_role = replica;
        DELETE FROM tickstock.bar_changes; DELETE FROM tickstock.bar_files;
        INSERT INTO tickstock.bar_files SELECT * FROM earlier;"""
    undone = f"UPDATE {BARS_DAY} SET open = 0 WHERE instrument_id = {three[1]} AND close = 9"
    sql(database, back + undone)
    lake.publish(database)
    assert published(lake) == sql(database, TRUTH) != was


@pytest.mark.usefixtures("three")
def test_another_warehouse_is_moved_to_when_that_is_said(
    database: Database, warehouse: str, tmp_path: Path
) -> None:
    lake = side(database, warehouse)
    lake.publish(database)
    elsewhere = side(database, as_location(tmp_path / "elsewhere"))
    with pytest.raises(BadInput, match=r"the lake is set to .*elsewhere"):
        elsewhere.publish(database)
    assert years_of(elsewhere.publish(database, anew=True)) == YEARS
    assert "/elsewhere/" in read(elsewhere).metadata_location
    assert published(elsewhere) == sql(database, TRUTH)
    assert years_of(elsewhere.publish(database)) == ()


# --- what is said -------------------------------------------------------------------------------
def test_who_lacks_the_packages_is_told_which(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("tickstock.lake")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyiceberg", None)
    lake = Lake(database, read_settings({}, home=home), None)
    with pytest.raises(
        MissingExtra, match=r"package pyiceberg, which is not installed\. Install: "
    ):
        lake.status()


def test_nothing_of_it_is_imported_before_it_is_used() -> None:
    text = """
import sys, tickstock.cli.lake, tickstock.service.lake, tickstock.service
assert not {"pyiceberg", "sqlalchemy", "pyarrow", "tickstock.lake"} & sys.modules.keys()
"""
    subprocess.run(
        [sys.executable, "-c", text], check=True, timeout=60, env=os.environ | handed_on()
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda d, w: open_catalog("postgres", w, d), "no address of a REST catalog"),
        (lambda d, w: as_location(Path("/a?b")), "name their files by addresses"),
    ],
)
def test_settings_that_do_not_fit(
    database: Database, warehouse: str, make: Callable[[Database, str], object], said: str
) -> None:
    with pytest.raises(BadSetting, match=said):
        make(database, warehouse)


def test_a_catalog_elsewhere(
    database: Database, warehouse: str, three: list[int], tmp_path: Path
) -> None:
    with serving(tmp_path / "theirs") as server:
        catalog = open_catalog(server.address, warehouse, database)
        lake = Lakeside(catalog, "ours", warehouse, is_own=False, kept=2)
        assert years_of(lake.publish(database)) == YEARS
        assert published(lake) == sql(database, TRUTH)
        write(database, Timeframe.DAY, {(three[0], DAYS[-1]): 9.0})
        before = published(lake)

        def meanwhile() -> None:
            table = read(lake)
            file = next(iter(table.scan().plan_files())).file
            with table.transaction() as transaction:
                change = transaction.update_snapshot().overwrite()
                change.delete_data_file(file)
                change.commit()

        server.meanwhile = meanwhile
        with pytest.raises(Conflict, match="changed by somebody else meanwhile"):
            lake.publish(database)
        assert len(published(lake)) < len(before), "theirs stands, for now"
        lake.publish(database)
        assert published(lake) == sql(database, TRUTH)
        assert sql(database, "SELECT FROM tickstock.iceberg_tables") == []


def test_a_catalog_that_does_not_answer(database: Database, warehouse: str) -> None:
    with pytest.raises(Transient, match="does not answer"):
        open_catalog("http://127.0.0.1:1/", warehouse, database)


def test_batches_are_of_any_size(database: Database, warehouse: str) -> None:
    ids = ids_of(database, *(f"S{n}" for n in range(7)))
    write(database, Timeframe.DAY, {(i, d): float(i) for i in ids for d in DAYS[:20]})
    sums = set()
    for at_once in (1, 3, 500):
        lake = side(database, warehouse, at_once=at_once)
        lake.publish(database, anew=True)
        assert published(lake) == sql(database, TRUTH)
        sums.add(np.sum([row[6] for row in published(lake)]))
    assert len(sums) == 1
