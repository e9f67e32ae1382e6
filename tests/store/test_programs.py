"""Backup, destroy, restore, through the programs of PostgreSQL itself."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Cluster
from tickstock.config import read_settings
from tickstock.errors import BadFile, DatabaseRefused
from tickstock.service import TickStock
from tickstock.store import programs
from tickstock.store.backup import back_up
from tickstock.store.database import Database

TABLES = ("public.cache_entries", "tickstock.universe_revisions", "tickstock.bars_day")


@pytest.fixture
def filled(any_database: Database) -> Database:
    database = any_database
    with database.transaction() as conn:
        conn.execute("INSERT INTO tickstock.instruments (symbol) VALUES ('SPY')")
        conn.execute(
            """INSERT INTO tickstock.bars_day
               SELECT 1, DATE '2020-01-01' + n, 1, 2, 0.1 + n, 1, 5e-324
               FROM generate_series(0, 99) AS n"""
        )
        conn.execute(
            """INSERT INTO public.cache_entries (type, name, key, value)
               VALUES ('etf_universe', 'Mine', 'mine', '["SPY"]'),
                      ('themes', 'x', 'dark', '{"a": 1}')"""
        )
    return database


@pytest.fixture
def elsewhere(any_cluster: Cluster) -> Iterator[Database]:
    name = any_cluster.create()
    with Database.open(any_cluster.uri(name), Path(), migrate=False) as opened:
        yield opened
    any_cluster.drop(name)


def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.transaction() as conn:
        return {
            t: conn.execute(f"SELECT t::text FROM {t} AS t ORDER BY 1").fetchall() for t in TABLES
        }


def test_a_backup_restored_elsewhere_is_equal(
    filled: Database, elsewhere: Database, tmp_path: Path
) -> None:
    file = tmp_path / "all.dump"
    assert back_up(filled, file).size == file.stat().st_size > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    programs.restore(elsewhere, file, replace=False)
    assert contents(elsewhere) == contents(filled)


def test_what_came_after_the_backup_is_gone_with_replace(filled: Database, tmp_path: Path) -> None:
    before = contents(filled)
    back_up(filled, tmp_path / "b")
    with filled.transaction() as conn:
        conn.execute("TRUNCATE tickstock.bars_day")
        conn.execute("DELETE FROM public.cache_entries")
        conn.execute("CREATE TABLE public.theirs (n int)")
    programs.restore(filled, tmp_path / "b", replace=True)
    assert contents(filled) == before
    with filled.transaction() as conn:
        assert conn.execute("SELECT count(*) FROM public.theirs").fetchone() == (0,)


def test_a_filled_database_is_not_restored_into_unasked(filled: Database, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "b")
    before = contents(filled)
    with pytest.raises(DatabaseRefused, match="not empty"):
        programs.restore(filled, tmp_path / "b", replace=False)
    assert contents(filled) == before


def test_a_cut_backup_changes_nothing(filled: Database, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    before = contents(filled)
    for size in (6, len(whole) // 3, len(whole) * 2 // 3, len(whole) - 40):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises((BadFile, DatabaseRefused), match="pg_restore"):
            programs.restore(filled, tmp_path / "cut", replace=True)
        assert contents(filled) == before


@pytest.mark.parametrize("content", [b"", b"-- SQL\n", None])
def test_what_is_no_backup_is_refused(
    filled: Database, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "b"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadFile):
        programs.restore(filled, file, replace=True)


def test_an_existing_file_is_not_overwritten(filled: Database, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious")
    with pytest.raises(BadFile, match="exists already"):
        back_up(filled, tmp_path / "b")
    assert (tmp_path / "b").read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


# --- a server's database is not changed unasked -----------------------------------------------
def opened(uri: str, home: Path) -> TickStock:
    return TickStock.open(read_settings({"DATABASE_URI": uri}, home=home, vendor="synthetic"))


def test_an_empty_database_is_set_up_at_once(cluster: Cluster, home: Path) -> None:
    name = cluster.create()
    with opened(cluster.uri(name), home) as tick:
        assert tick.universes.list() == []
    cluster.drop(name)


def test_a_table_of_another_program_is_not_taken_over_unasked(cluster: Cluster, home: Path) -> None:
    name = cluster.create()
    with psycopg.connect(cluster.uri(name), autocommit=True) as conn:
        conn.execute(
            "CREATE TABLE cache_entries (id serial, type varchar(9), updated_at timestamp)"
        )
    with pytest.raises(DatabaseRefused, match="in use") as caught:
        opened(cluster.uri(name), home)
    assert "tickstock db migrate" in caught.value.hint
    with psycopg.connect(cluster.uri(name)) as conn:
        assert conn.execute("SELECT to_regnamespace('tickstock')").fetchone() == (None,)
    cluster.drop(name)
