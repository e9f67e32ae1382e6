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
from tests.web_kit import running, settings_for
from tickstock.cache_operations import CacheOperations, UniverseOrganizer
from tickstock.cli.app import run
from tickstock.errors import GuardRefused
from tickstock.model import UniverseRef
from tickstock.service.access import Role
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


def test_one_unreadable_row_stops_neither_globs_nor_masters(person: Person) -> None:
    bad = ("stock_universe", "Bad", "bad", {"overview": 1}, "DEFAULT", None, None)
    taken_over(person, [foreign_kit.universe(0), bad])
    for expression in ("*", "stock_universe:*", "(stock_universe:* | {SPY}) - {QQQ}"):
        shown = person.json("universe", "show", expression)
        assert "FAA" in shown["symbols"]
        assert [n for n in shown["notes"] if n.startswith("stock_universe:bad is left out: ")]
    person("universe", "organize", "--preserve", "--yes")
    assert "FAA" in person("universe", "show", "stock_universe:master_all_stocks")
    assert "stock_universe:bad is left out" in person.err
    person("plan", "stock_universe:*", "--for", "1d")
    assert "stock_universe:bad is left out" in person.err
    person("universe", "show", "stock_universe:bad", code=1)
    assert "left out" not in person.err


@pytest.mark.parametrize("key", [*foreign_kit.ODD_KEYS, "long_" * 500])
def test_a_key_of_any_kind_can_be_named_and_renamed(odd: Person, key: str) -> None:
    """As `universe list --json` prints it: by every command that takes a name, in expressions, and
    as it is where only a name can stand."""
    ref = str(UniverseRef("stock_universe", key))
    assert odd("universe", "show", ref).split() == ["QQQ", "SPY"]
    assert odd("universe", "show", f"{ref} - {{SPY}}").split() == ["QQQ"]
    assert json.loads(odd("universe", "export", ref, "--format", "json"))
    assert odd("universe", "log", ref) == ""
    odd("universe", "add", ref, "IWM", "--yes")
    assert "IWM" in odd("universe", "log", ref)
    odd("universe", "blame", ref, "IWM")
    odd("universe", "revert", ref, "--yes")
    odd("universe", "set", ref, "--name", "Another name", "--yes")
    odd("universe", "diff", ref, "{SPY}", code=0)
    odd("plan", ref, "--for", "1d")
    odd("coverage", ref, "--for", "1d")
    if key.strip() == key and key:
        odd("universe", "log", f"stock_universe:{key}")
    odd("universe", "rename", ref, "stock_universe:theme_renamed", "--yes")
    assert odd("universe", "show", "theme_renamed").split() == ["QQQ", "SPY"]
    odd("universe", "delete", "theme_renamed", "--yes")
    with CacheOperations() as cache:
        assert not cache.validate_universe_exists("stock_universe", key)


@pytest.fixture(scope="module")
def odd_database(cluster: Cluster, home: Path) -> Iterator[str]:
    """One database with all odd rows, of which each test uses up its own."""
    name = cluster.create()
    foreign_kit.strangers_database(
        cluster.uri(name),
        [
            *foreign_kit.odd_rows(),
            ("stock_universe", "Longer", "long_" * 500, ["SPY", "QQQ"], "DEFAULT", None, None),
        ],
    )
    with Database.open(cluster.uri(name), home, migrate=False) as database:
        database.migrate(after=fill_reference)
    yield cluster.uri(name)
    cluster.drop(name)


@pytest.fixture
def odd(
    odd_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Person:
    monkeypatch.setenv("DATABASE_URI", odd_database)
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")
    monkeypatch.chdir(tmp_path)
    return Person(capsys, tmp_path, odd_database)


# --- what stands beside ours ------------------------------------------------------------------
def test_names_of_bars_that_are_taken_are_told(person: Person) -> None:
    foreign_kit.strangers_database(person.uri, [])
    before = person.sql("SELECT * FROM public.ohlcv_daily")
    said = person.json("db", "migrate")
    taken = [
        "public.ohlcv_1min (table)",
        "public.ohlcv_daily (table)",
        "public.ohlcv_weekly (view)",
    ]
    assert said["names_taken"] == taken
    person("db", "migrate")
    assert all(name in person.err for name in taken)
    assert "tickstock.ohlcv_daily" in person.err
    checks = {c["name"]: c for c in person.json("doctor")["checks"]}
    assert checks["names of bars"]["health"] == "warning"
    assert all(name in checks["names of bars"]["what"] for name in taken)
    report = person.json("load", "{AAPL}", "--for", "1d")["report"]
    assert report["names_taken"] == taken
    assert "public.ohlcv_daily (table)" in person("load", "{AAPL}", "--for", "2d")
    assert person.sql("SELECT * FROM public.ohlcv_daily") == before


def test_where_nothing_is_taken_nothing_is_said(person: Person) -> None:
    person("db", "migrate")
    assert person.err == ""
    checks = {c["name"]: c for c in person.json("doctor")["checks"]}
    assert checks["names of bars"]["health"] == "ok"


def test_doctor_asks_what_the_page_asks(person: Person) -> None:
    """Also what the page writes, such as the counts of a list; and keeps nothing of it."""
    taken_over(person, [foreign_kit.universe(0), ("stock_universe", "Bad", "bad", 1, *[None] * 3)])
    checks = {c["name"]: c for c in person.json("doctor")["checks"]}
    assert checks["pages"]["health"] == "ok"
    assert "stock_universe:bad" in checks["rows of universes"]["what"]
    assert person.sql("SELECT count(*) FROM tickstock.universe_counts") == [(0,)]
    person.sql("ALTER TABLE tickstock.universe_counts ADD CHECK (symbols < 0)")
    checks = {c["name"]: c for c in person.json("doctor", code=1)["checks"]}
    assert checks["pages"]["health"] == "failure"
    assert "the list of universes" in checks["pages"]["what"]


def test_the_page_and_its_api_guard_rows_of_others_too(person: Person) -> None:
    taken_over(person, [foreign_kit.universe(n) for n in range(3)])
    with (
        Database.open(person.uri, person.home, migrate=False) as database,
        running(database, settings_for(person.home), worker=False) as page,
    ):
        client = page.client(Role.ADMIN)
        shown = client.get("/universes/organize").text
        assert "TickStock never wrote would be removed" in shown
        assert 'name="allow_foreign"' in shown
        plan = client.get("/api/organize").json
        assert "theme_theirs_0" in plan["guard"]
        asked = {"mode": "replace", "digest": plan["digest"]}
        for refused in (
            client.ask("POST", "/api/organize", body=asked),
            client.post("/universes/organize", asked),
            client.ask("POST", "/api/organize", body=asked | {"allow": ["theme_theirs_0"]}),
        ):
            assert refused.status == 409
        assert "theme_theirs_0" in person.held()
        assert client.post("/universes/organize", asked | {"allow_foreign": "1"}).status == 303
    assert "theme_theirs_0" not in person.held()
