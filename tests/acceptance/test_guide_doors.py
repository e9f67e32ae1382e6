"""The guide's Python doors and scripts, against the faults that its own code had.

Numbers in test names are those of the list of faults that these tests came from: what the guide's
code did wrong, and ours must not.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tickstock.cache_operations import CacheOperations, UniverseOrganizer
from tickstock.config import Settings, read_settings
from tickstock.errors import (
    BadFile,
    DatabaseUnavailable,
    GuardRefused,
    MalformedUniverse,
    UnknownUniverse,
)
from tickstock.store.database import Database

SCRIPTS = Path(__file__).parents[2] / "scripts" / "cache_maintenance"
CORE = ["SPY", "QQQ", "IWM", "DIA", "VOO", "VTI", "VEA", "VWO", "AGG", "BND"]
ORGANIZED = "type IN ('etf_universe', 'stock_universe') AND environment = 'DEFAULT'"


def sql(database: Database, statement: str, *params: object) -> list[Any]:
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        cursor = conn.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def put(database: Database, ref: str, value: str, environment: str = "DEFAULT") -> None:
    sql(
        database,
        "INSERT INTO cache_entries (type, key, name, value, environment)"
        " VALUES (%s, %s, %s, %s, %s)",
        *ref.split(":"),
        "X",
        value,
        environment,
    )


def rows(database: Database, where: str = "true") -> list[Any]:
    return sql(database, f"SELECT * FROM cache_entries WHERE {where} ORDER BY id")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({}, tmp_path, home=tmp_path)


@pytest.fixture
def cache(database: Database, settings: Settings) -> CacheOperations:
    return CacheOperations(database, settings)


@pytest.fixture
def organizer(database: Database, settings: Settings) -> UniverseOrganizer:
    return UniverseOrganizer(database=database, settings=settings)


# --- CacheOperations ----------------------------------------------------------------------
def test_3_core_etfs_are_ten_and_the_log_says_where_they_came_from(
    cache: CacheOperations, organizer: UniverseOrganizer, caplog: pytest.LogCaptureFixture
) -> None:
    organizer.organize()
    with caplog.at_level(logging.INFO, "tickstock.universes"):
        assert cache.get_universe_symbols("etf_universe", "core_etfs") == CORE
    assert "Loading from cache: etf_universe:core_etfs" in caplog.messages
    assert "Loaded 10 symbols from cache: etf_universe:core_etfs" in caplog.messages


def test_the_list_has_the_guides_fields(cache: CacheOperations, database: Database) -> None:
    put(database, "stock_universe:theme_b", '["A", "B"]')
    put(database, "etf_universe:theme_a", '{"etfs": [{"ticker": "SPY"}]}')
    put(database, "stock_etf_combo:old", '{"overview": {}}')
    put(database, "app_settings:x", '["A"]')
    found = cache.list_available_universes()
    assert [(u["type"], u["key"], u["name"], u["symbol_count"]) for u in found] == [
        ("etf_universe", "theme_a", "X", 1),
        ("stock_etf_combo", "old", "X", None),
        ("stock_universe", "theme_b", "X", 2),
    ]
    updated = found[0]["updated_at"]
    assert isinstance(updated, str)
    assert datetime.fromisoformat(updated).tzinfo is not None
    assert json.loads(json.dumps(found)) == found


def test_24_the_environment_is_heeded(database: Database, tmp_path: Path) -> None:
    put(database, "etf_universe:theme_x", '["TEST"]', "TEST")
    put(database, "etf_universe:theme_x", '["DEFAULT"]')
    put(database, "etf_universe:theme_y", '["DEFAULT"]')
    there = CacheOperations(database, read_settings({"TICKSTOCK_ENVIRONMENT": "TEST"}, tmp_path))
    assert there.get_universe_symbols("etf_universe", "theme_x") == ["TEST"]
    assert not there.validate_universe_exists("etf_universe", "theme_y")
    assert len(there.list_available_universes()) == 1


@pytest.mark.parametrize(
    ("kind", "key", "error"),
    [
        ("etf_universe", "nowhere", UnknownUniverse),
        ("etf_universe", "malformed", MalformedUniverse),
        ("app_settings", "list", UnknownUniverse),
    ],
)
def test_25_27_what_is_no_universe_is_a_named_value_error(
    cache: CacheOperations, database: Database, kind: str, key: str, error: type[Exception]
) -> None:
    put(database, "etf_universe:malformed", '["A", 7]')
    put(database, "app_settings:list", '["A"]')
    with pytest.raises(error, match=f"{kind}:{key}") as raised:
        cache.get_universe_symbols(kind, key)
    assert isinstance(raised.value, ValueError)


def test_existence_is_of_readable_types(cache: CacheOperations, database: Database) -> None:
    put(database, "etf_universe:theme_x", '["A"]')
    put(database, "app_settings:list", '["A"]')
    assert cache.validate_universe_exists("etf_universe", "theme_x")
    assert not cache.validate_universe_exists("etf_universe", "theme_y")
    assert not cache.validate_universe_exists("app_settings", "list")


@pytest.mark.parametrize(
    "ask",
    [
        lambda cache: cache.list_available_universes(),
        lambda cache: cache.validate_universe_exists("etf_universe", "core_etfs"),
        lambda cache: cache.get_universe_symbols("etf_universe", "core_etfs"),
    ],
)
def test_26_a_database_that_is_down_is_not_empty(
    ask: Callable[[CacheOperations], object], tmp_path: Path
) -> None:
    uri = "postgresql://nobody:secret@127.0.0.1:1/nothing"
    cache = CacheOperations(settings=read_settings({"DATABASE_URI": uri}, tmp_path))
    with pytest.raises(DatabaseUnavailable) as raised:
        ask(cache)
    assert "secret" not in str(raised.value)


def test_23_no_connection_is_leaked(cache: CacheOperations, database: Database) -> None:
    put(database, "etf_universe:theme_x", '["A"]')
    connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    before = sql(database, connections)
    for _ in range(30):
        cache.get_universe_symbols("etf_universe", "theme_x")
        with pytest.raises(UnknownUniverse):
            cache.get_universe_symbols("etf_universe", "nowhere")
    assert sql(database, connections) == before


def test_7_new_universes_are_seen_at_once(cache: CacheOperations, database: Database) -> None:
    assert cache.list_available_universes() == []
    put(database, "etf_universe:theme_x", '["A"]')
    assert cache.get_universe_symbols("etf_universe", "theme_x") == ["A"]
    sql(database, "UPDATE cache_entries SET value = '[\"B\"]'")
    assert cache.get_universe_symbols("etf_universe", "theme_x") == ["B"]


def test_28_the_address_goes_to_libpq_as_it_is(database: Database, tmp_path: Path) -> None:
    put(database, "etf_universe:theme_x", '["A"]')
    uri = f"{database.conninfo} application_name='a %40 door'"
    with CacheOperations(settings=read_settings({"DATABASE_URI": uri}, tmp_path)) as cache:
        assert cache.get_universe_symbols("etf_universe", "theme_x") == ["A"]
        named = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        assert sql(database, named, "a %40 door") != [(0,)]


# --- UniverseOrganizer --------------------------------------------------------------------
def test_the_guides_calls_in_the_guides_order(
    organizer: UniverseOrganizer, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    organizer.organize_etf_universes(preserve_existing=False)
    assert {r[1] for r in rows(database)} == {"etf_universe"}
    organizer.organize_stock_universes(preserve_existing=False)
    organizer.print_summary()
    count = len(rows(database))
    assert organizer.stats == {
        "added": count, "updated": 0, "deleted": 0, "unchanged": 0, "errors": 0
    }  # fmt: skip
    printed = capsys.readouterr().out
    assert f"Added:     {count}" in printed
    assert printed.isascii()


def test_9_preserve_keeps_a_persons_name_and_symbols(
    organizer: UniverseOrganizer, cache: CacheOperations, database: Database
) -> None:
    organizer.organize()
    sql(
        database,
        "UPDATE cache_entries SET name = 'Mine', value = '[\"SPY\", \"MINE\"]'"
        " WHERE key = 'core_etfs'",
    )
    put(database, "etf_universe:theme_own", '["OWN"]')
    organizer.organize(preserve_existing=True)
    assert cache.get_universe_symbols("etf_universe", "core_etfs") == ["SPY", "MINE"]
    assert cache.get_universe_symbols("etf_universe", "theme_own") == ["OWN"]
    assert sql(database, "SELECT name FROM cache_entries WHERE key = 'core_etfs'") == [("Mine",)]


def test_10_replace_stays_in_its_environment_and_types(
    organizer: UniverseOrganizer, database: Database
) -> None:
    put(database, "etf_universe:theme_x", '["A"]', "PRODUCTION")
    put(database, "stock_etf_combo:old", '["A"]')
    put(database, "app_settings:x", '{"a": 1}')
    put(database, "etf_universe:theme_gone", '["A"]')
    kept = rows(database, f"NOT ({ORGANIZED})")
    organizer.organize()
    assert rows(database, f"NOT ({ORGANIZED})") == kept
    assert organizer.stats["deleted"] == 1


def test_11_each_part_deletes_only_its_own_type(
    organizer: UniverseOrganizer, database: Database
) -> None:
    put(database, "stock_universe:theme_x", '["A"]')
    organizer.organize_etf_universes()
    assert [r[1:4] for r in rows(database, "type = 'stock_universe'")] == [
        ("stock_universe", "X", "theme_x")
    ]


def test_12_13_an_error_is_raised_and_nothing_is_half_done(
    organizer: UniverseOrganizer, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    big = json.dumps([f"S{n}" for n in range(100)])
    put(database, "stock_universe:sector_technology", big)
    before = rows(database)
    with pytest.raises(GuardRefused, match="sector_technology"):
        organizer.organize()
    assert rows(database) == before
    organizer.print_summary()
    assert organizer.stats["errors"] == 1
    assert "Failed" in capsys.readouterr().out


def test_14_15_a_dry_run_reads_the_table_and_counts_what_the_run_then_does(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    put(database, "etf_universe:theme_gone", '["A"]')
    put(database, "etf_universe:theme_crypto", '["IBIT", "OLD"]')
    put(database, "stock_universe:sector_technology", '["AAPL"]')
    before = rows(database)
    dry = UniverseOrganizer(dry_run=True, database=database, settings=settings)
    with caplog.at_level(logging.INFO, "tickstock.universes"):
        dry.organize()
    assert rows(database) == before
    assert '[DRY RUN] - etf_universe:theme_gone "X": 1 symbol' in caplog.messages
    wet = UniverseOrganizer(database=database, settings=settings)
    wet.organize()
    assert dry.stats == wet.stats
    assert (dry.stats["updated"], dry.stats["deleted"]) == (2, 1)


def test_18_masters_hold_everything_of_their_type(
    organizer: UniverseOrganizer, cache: CacheOperations
) -> None:
    organizer.organize()
    for kind, master in (("etf_universe", "etfs"), ("stock_universe", "stocks")):
        union: set[str] = set()
        for universe in cache.list_available_universes():
            if universe["type"] == kind and not str(universe["key"]).startswith("master_"):
                union |= set(cache.get_universe_symbols(kind, str(universe["key"])))
        assert set(cache.get_universe_symbols(kind, f"master_all_{master}")) == union
    missing = "BITO EFA GBTC HYG IEMG IWD IWF LQD MDY MTUM MUB QUAL SHY USMV"
    assert set(missing.split()) <= set(
        cache.get_universe_symbols("etf_universe", "master_all_etfs")
    )


def test_19_no_universe_is_an_empty_placeholder(
    organizer: UniverseOrganizer, cache: CacheOperations
) -> None:
    organizer.organize()
    counts = [u["symbol_count"] for u in cache.list_available_universes()]
    assert all(isinstance(n, int) and n > 0 for n in counts)


def test_20_definitions_can_be_a_persons_own(
    database: Database, tmp_path: Path, cache: CacheOperations
) -> None:
    (tmp_path / "own.toml").write_text('[etf_universe.core_etfs]\nname = "C"\nsymbols = ["SPY"]\n')
    own = read_settings({"TICKSTOCK_UNIVERSES": str(tmp_path)}, tmp_path)
    UniverseOrganizer(database=database, settings=own).organize()
    assert cache.get_universe_symbols("etf_universe", "core_etfs") == ["SPY"]
    (tmp_path / "own.toml").write_text('[etf_universe.core_etfs]\nname = "C"\nsymbols = ["?"]\n')
    before = rows(database)
    with pytest.raises(BadFile, match=r"own.toml:3"):
        UniverseOrganizer(database=database, settings=own).organize()
    assert rows(database) == before


def test_16_descriptions_are_kept(organizer: UniverseOrganizer, database: Database) -> None:
    organizer.organize()
    described = "SELECT count(*) FROM tickstock.universe_facts WHERE description <> ''"
    assert sql(database, described) == [(len(rows(database)),)]


def test_the_door_opens_what_the_settings_name(database: Database, tmp_path: Path) -> None:
    own = read_settings({"DATABASE_URI": database.conninfo}, tmp_path)
    with UniverseOrganizer(settings=own) as organizer, CacheOperations(settings=own) as cache:
        organizer.organize()
        assert cache.get_universe_symbols("etf_universe", "core_etfs") == CORE


# --- scripts ------------------------------------------------------------------------------
def script(
    database: Database, home: Path, name: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """A script as a scheduler runs it: without a terminal, from a folder of its own."""
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("TICKSTOCK_", "PG"))},
        "DATABASE_URI": database.conninfo,
        "TICKSTOCK_HOME": str(home),
        "PYTHONIOENCODING": "ascii",
    }
    return subprocess.run(
        [sys.executable, SCRIPTS / name, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        cwd=home,
        check=False,
        timeout=60,
    )


def test_22_scripts_are_thin_ascii_and_know_no_path() -> None:
    for file in SCRIPTS.glob("*.py"):
        text = file.read_text("utf-8")
        assert text.isascii()
        assert "C:\\" not in text
        assert len(ast.parse(text).body) <= 4


def test_5_21_the_scripts_do_what_the_readme_says(database: Database, tmp_path: Path) -> None:
    put(database, "etf_universe:theme_gone", '["A"]')
    before = rows(database)
    dry = script(database, tmp_path, "organize_universes.py", "--dry-run", "--verbose")
    assert dry.returncode == 0, dry.stderr
    assert "theme_gone" in dry.stdout
    assert rows(database) == before

    unasked = script(database, tmp_path, "organize_universes.py")
    assert unasked.returncode == 2, "17: no terminal, no --yes"
    assert rows(database) == before

    done = script(database, tmp_path, "organize_universes.py", "--yes")
    assert done.returncode == 0, done.stderr
    organized = rows(database)
    assert "theme_gone" not in {r[3] for r in organized}

    kept = script(database, tmp_path, "organize_universes.py", "--preserve")
    assert kept.returncode == 0, kept.stderr
    assert rows(database) == organized


def test_40_validate_fails_where_something_is_wrong(database: Database, tmp_path: Path) -> None:
    assert script(database, tmp_path, "organize_universes.py", "--yes").returncode == 0
    clean = script(database, tmp_path, "validate_cache.py")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    put(database, "etf_universe:theme_bad", '["A", 7]')
    found = script(database, tmp_path, "validate_cache.py")
    assert found.returncode == 1
    assert "theme_bad" in found.stdout


def test_13_an_error_ends_with_1_and_without_a_traceback(
    database: Database, tmp_path: Path
) -> None:
    big = json.dumps([f"S{n}" for n in range(100)])
    put(database, "stock_universe:sector_technology", big)
    before = rows(database)
    failed = script(database, tmp_path, "organize_universes.py", "--yes")
    assert failed.returncode == 1
    assert "--allow sector_technology" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert rows(database) == before
    allowed = ("--yes", "--allow", "sector_technology")
    assert script(database, tmp_path, "organize_universes.py", *allowed).returncode == 0
