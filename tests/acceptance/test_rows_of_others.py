"""A database that another program made and goes on writing: nothing of it is lost unasked, and none
of its rows stops ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import foreign_kit
from tests.conftest import Cluster
from tickstock.cache_operations import CacheOperations, UniverseOrganizer
from tickstock.cli.app import run
from tickstock.errors import GuardRefused
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference


class Person:
    """Somebody at the command line, and the stranger's program beside."""

    def __init__(self, capture: pytest.CaptureFixture[str], home: Path, uri: str) -> None:
        self.capture, self.home, self.uri = capture, home, uri
        self.err = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        got = run([*words, "--home", str(self.home)])
        said = self.capture.readouterr()
        self.err = said.err
        assert got == code, said.out + said.err
        return said.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))["data"]

    def sql(self, statement: str, *params: object) -> list[Any]:
        with psycopg.connect(self.uri, autocommit=True) as conn:
            cursor = conn.execute(statement.encode(), params)
            return cursor.fetchall() if cursor.description else []

    def writes(self, *row: Any) -> None:
        with psycopg.connect(self.uri, autocommit=True) as conn:
            foreign_kit.write(conn, [row])

    def held(self) -> set[str]:
        return {row[0] for row in self.sql("SELECT key FROM cache_entries WHERE key IS NOT NULL")}


@pytest.fixture
def person(
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Person]:
    name = cluster.create()
    uri = cluster.uri(name)
    monkeypatch.setenv("DATABASE_URI", uri)
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")
    monkeypatch.chdir(tmp_path)
    yield Person(capsys, tmp_path, uri)
    cluster.drop(name)


def taken_over(person: Person, rows: list[tuple[Any, ...]]) -> Person:
    foreign_kit.strangers_database(person.uri, rows)
    with Database.open(person.uri, person.home, migrate=False) as database:
        database.migrate(after=fill_reference, zone="America/New_York")
    return person


# --- nothing is lost unasked ------------------------------------------------------------------
def test_organize_refuses_to_remove_what_tickstock_never_wrote(person: Person) -> None:
    """90 universes, 62 of them of a stranger alone: none of these goes until that is allowed."""
    rows = [foreign_kit.universe(n) for n in range(62)]
    taken_over(person, rows)
    theirs = {row[2] for row in rows}
    before = person.sql("SELECT c::text FROM cache_entries AS c ORDER BY id")
    person("universe", "organize", "--yes", code=1)
    assert all(key in person.err for key in theirs)
    assert "TickStock never wrote would be removed" in person.err
    assert "--allow-foreign" in person.err
    person("universe", "organize", "--dry-run", code=1)
    with (
        UniverseOrganizer() as organizer,
        pytest.raises(GuardRefused, match="never wrote"),
    ):
        organizer.organize()
    assert person.sql("SELECT c::text FROM cache_entries AS c ORDER BY id") == before
    plan = person.json("universe", "organize", "--preserve", "--yes")
    assert (plan["counts"]["removed"], plan["applied"]) == (0, True)
    person("universe", "organize", "--yes", code=1)
    assert theirs <= person.held()
    person("universe", "organize", "--yes", "--allow", "theme_theirs_0", code=1)
    assert "theme_theirs_0," not in person.err
    assert "theme_theirs_1," in person.err
    person("universe", "organize", "--yes", "--allow-foreign", code=1)
    assert "master_all_" in person.err  # they lost with the lists that they are the union of
    masters = [w for n in ("etfs", "stocks") for w in ("--allow", f"master_all_{n}")]
    person("universe", "organize", "--yes", "--allow-foreign", *masters)
    assert not theirs & person.held()


def test_a_row_of_others_under_a_key_of_ours_keeps_its_symbols(person: Person) -> None:
    core = ("etf_universe", "Theirs", "core_etfs", ["SPY", "MINE"], "DEFAULT", None, None)
    broken = ("etf_universe", "Theirs", "sector_etfs", {"a": 1}, "DEFAULT", None, None)
    taken_over(person, [core, broken])
    person("universe", "organize", "--yes", code=1)
    assert "would lose symbols: etf_universe:core_etfs" in person.err
    person("universe", "organize", "--yes", "--allow-foreign")
    assert "MINE" not in person("universe", "show", "etf_universe:core_etfs")


def test_what_tickstock_wrote_is_removed_as_before(person: Person) -> None:
    """And a row that another program makes afterwards is guarded like those of before."""
    taken_over(person, [])
    person("universe", "organize", "--yes", "--allow-foreign")
    person("universe", "set", "stock_universe:theme_mine", "AAPL", "--yes")
    person.writes("stock_universe", "New", "theme_new", ["AAPL"], "DEFAULT", None, None)
    person("universe", "organize", "--yes", code=1)
    assert "theme_new" in person.err
    assert "theme_mine" not in person.err
    person("universe", "organize", "--yes", "--allow", "theme_new")
    assert not {"theme_new", "theme_mine"} & person.held()


def test_a_plan_that_removes_much_of_the_table_is_refused(person: Person) -> None:
    taken_over(person, [])
    person("universe", "organize", "--yes", "--allow-foreign")
    for n in range(8):
        person("universe", "set", f"stock_universe:theme_{n}", "AAPL", "--yes")
    person("universe", "organize", "--yes", code=1)
    assert "of the table" in person.err
    person("universe", "organize", "--yes", "--allow-removals")
    assert "theme_0" not in person.held()


# --- no row of others stops ours --------------------------------------------------------------
def test_rows_of_every_kind_stop_no_list(person: Person) -> None:
    taken_over(person, [*foreign_kit.odd_rows(), foreign_kit.universe(0)])
    listed = person.json("universe", "list")
    assert {u["key"] for u in listed} >= {*foreign_kit.ODD_KEYS, "theme_nameless", "bad_nothing"}
    unreadable = {u["key"] for u in listed if u["symbols"] is None}
    assert unreadable == {"bad_nothing", *(f"bad_{key}" for key in foreign_kit.ODD_VALUES)}
    assert person.json("universe", "list") == listed  # and again, from the counts that were kept
    with CacheOperations() as cache:
        assert len(cache.list_available_universes()) == len(listed)
    person("universe", "validate", code=1)
    person("universe", "containing", "SPY")


def test_a_program_that_writes_null_writes_on(person: Person) -> None:
    """Where every column may be NULL, and where ours refuse it: a NULL is filled before."""
    taken_over(person, [])
    row = ("stock_universe", "New", "theme_new", ["AAPL"], None, None, None)
    person.writes(*row)
    for column in ("environment", "created_at", "updated_at"):
        person.sql(f"DELETE FROM cache_entries WHERE {column} IS NULL")
        person.sql(f"ALTER TABLE cache_entries ALTER {column} SET NOT NULL")
    person.writes("stock_universe", "New", "theme_newer", ["AAPL"], None, None, None)
    stamped = person.sql(
        "SELECT environment, created_at IS NOT NULL, updated_at IS NOT NULL"
        " FROM cache_entries WHERE starts_with(key, 'theme_new')"
    )
    assert stamped == [("DEFAULT", True, True)] * 2
    person.writes("stock_universe", "Long", "x" * 50_000, ["AAPL"], None, None, None)
    assert len(person.json("universe", "list")) == 3
