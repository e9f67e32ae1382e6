"""Universes in a real database: what is read, what plans do to it, and who may be in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from tests.work import statements
from tickstock.clock import machine_now
from tickstock.errors import (
    BadExpression,
    BadKey,
    DatabaseUnavailable,
    EmptyUniverse,
    GuardRefused,
    MalformedUniverse,
    StalePlan,
    UnknownUniverse,
)
from tickstock.model import UniverseRef
from tickstock.spans import Span
from tickstock.store import history, universe_plans, universe_writes, universes
from tickstock.store.database import Database
from tickstock.store.universe_lookup import MANY, StoreLookup
from tickstock.store.universe_writes import BATCH
from tickstock.universes.catalog import Definition, shipped
from tickstock.universes.expression import evaluate, parse
from tickstock.universes.plan import Mode, OrganizePlan

X = UniverseRef("etf_universe", "theme_x")
Y = UniverseRef("stock_universe", "theme_y")
MASTER = UniverseRef("etf_universe", "master_all_etfs")
ALL = Definition(MASTER, "All", expression="etf_universe:*")
TODAY = machine_now().date()


def define(ref: UniverseRef, symbols: str, name: str = "X") -> Definition:
    return Definition(ref, name, symbols=tuple(symbols.split()), description="d", source="s")


def sql(database: Database, statement: str, *params: object) -> list[Any]:
    """As psql or another program does it."""
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        cursor = conn.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def put(
    database: Database,
    ref: UniverseRef | str,
    value: str,
    environment: str = "DEFAULT",
    name: str = "X",
) -> None:
    kind, key = str(ref).split(":")
    sql(
        database,
        "INSERT INTO cache_entries (type, key, name, value, environment)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (type, key, environment)"
        " DO UPDATE SET value = EXCLUDED.value, name = EXCLUDED.name",
        kind,
        key,
        name,
        value,
        environment,
    )


def everything(database: Database, where: str = "true") -> list[Any]:
    return sql(database, f"SELECT c.*, c.xmin FROM cache_entries c WHERE {where} ORDER BY id")


def organize(
    database: Database, definitions: Iterable[Definition], mode: Mode = Mode.REPLACE
) -> OrganizePlan:
    with database.transaction() as conn:
        plan = universe_plans.plan_organize(conn, definitions, mode)
        universe_writes.apply(conn, plan, source="test", reason="because")
    return plan


def symbols(database: Database, ref: UniverseRef) -> str:
    with database.transaction() as conn:
        return " ".join(universes.members(conn, ref))


def apply(database: Database, plan: OrganizePlan, *allow: str) -> None:
    with database.transaction() as conn:
        universe_writes.apply(conn, plan, allow=allow)


# --- organize -----------------------------------------------------------------------------
def test_the_shipped_catalog_into_an_empty_table(database: Database) -> None:
    plan = organize(database, shipped().definitions)
    assert plan.counts["added"] == len(shipped().definitions)
    assert symbols(database, UniverseRef("etf_universe", "core_etfs")).startswith("SPY QQQ IWM")
    assert len(symbols(database, MASTER).split()) == 45
    with database.transaction() as conn:
        found = universes.get(conn, UniverseRef("stock_universe", "index_sp500"))
    assert found.description == "S&P 500 index components"
    assert found.source.endswith(", as of 2026-10-09")
    assert len(found.symbols) == 503


def test_what_is_written_is_a_plain_array(database: Database) -> None:
    organize(database, shipped().definitions)
    assert sql(
        database,
        "SELECT count(*) FROM cache_entries, jsonb_array_elements(value) e"
        " WHERE jsonb_typeof(e) <> 'string'",
    ) == [(0,)]


@pytest.mark.parametrize("second", [Mode.REPLACE, Mode.PRESERVE])
def test_a_second_time_changes_nothing_at_all(database: Database, second: Mode) -> None:
    organize(database, shipped().definitions)
    before = everything(database)
    facts = sql(database, "SELECT f.*, f.xmin FROM tickstock.universe_facts f ORDER BY key")
    revisions = sql(database, "SELECT max(id) FROM tickstock.universe_revisions")
    organize(database, shipped().definitions, second)
    assert everything(database) == before
    assert sql(database, "SELECT f.*, f.xmin FROM tickstock.universe_facts f ORDER BY key") == facts
    assert sql(database, "SELECT max(id) FROM tickstock.universe_revisions") == revisions


SHAPES = {
    "symbols": '{"symbols": ["A", {"ticker": "B"}], "count": 2}',
    "value": '{"value": ["A", "B"]}',
    "stocks": '{"count": 2, "stocks": [{"ticker": "A", "rank": 1}, {"ticker": "B"}]}',
    "etfs": '{"name": "n", "etfs": [{"symbol": "A"}, {"ticker": "B"}]}',
    "holdings": '{"holdings": ["A", "B"], "total_holdings": 2}',
    "double-encoded": '"[\\"A\\", \\"B\\"]"',
}


@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES)
def test_a_row_that_says_the_same_in_another_shape_is_not_written(
    database: Database, value: str
) -> None:
    put(database, X, value)
    before = everything(database)
    organize(database, [define(X, "A B")])
    assert everything(database) == before
    assert symbols(database, X) == "A B"


def test_other_environments_and_types_are_untouched(database: Database) -> None:
    put(database, X, '["A"]', "PRODUCTION")
    put(database, "app_settings:theme_x", '["A"]')
    put(database, "stock_etf_combo:old", '["A"]')
    put(database, "themes:t", '{"overview": {}}')
    put(database, Y, '["A"]')
    kept = "environment <> 'DEFAULT' OR type NOT IN ('etf_universe', 'stock_universe')"
    before = everything(database, kept)
    plan = organize(database, [define(X, "B")])
    assert everything(database, kept) == before
    assert plan.removed == (Y,)
    assert [row[1:4] for row in everything(database, f"NOT ({kept})")] == [
        ("etf_universe", "X", "theme_x")
    ]


def test_preserve_keeps_a_persons_edits_and_rows(database: Database) -> None:
    organize(database, [define(X, "A B C"), ALL])
    put(database, X, '["C", "A", "MINE"]', name="Mine")
    put(database, "etf_universe:own_list", '["O"]')
    organize(database, [define(X, "A B C NEW"), ALL], Mode.PRESERVE)
    assert symbols(database, X) == "C A MINE NEW"
    assert symbols(database, MASTER) == "A C MINE NEW O"
    assert sql(database, "SELECT name FROM cache_entries WHERE key = 'theme_x'") == [("Mine",)]
    again = everything(database)
    organize(database, [define(X, "A B C NEW"), ALL], Mode.PRESERVE)
    assert everything(database) == again


def test_an_error_in_the_middle_changes_nothing(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])
    before = everything(database)
    sql(
        database,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
        " CREATE TRIGGER no BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION no()",
    )
    with database.transaction() as conn:
        plan = universe_plans.plan_organize(conn, [define(X, "C"), define(MASTER, "D")])
        with pytest.raises(psycopg.errors.RaiseException):
            universe_writes.apply(conn, plan)
    assert everything(database) == before


def test_the_guard_refuses_and_nothing_is_written(database: Database) -> None:
    organize(database, [define(X, " ".join(f"S{n}" for n in range(20)))])
    before = everything(database)
    with database.transaction() as conn:
        plan = universe_plans.plan_organize(conn, [define(X, "S0 S1"), define(Y, "A")])
        with pytest.raises(GuardRefused, match="lose 18 of 20"):
            universe_writes.apply(conn, plan)
    assert everything(database) == before
    apply(database, plan, "theme_x")
    assert symbols(database, X) == "S0 S1"


# --- two at once --------------------------------------------------------------------------
def test_two_organizers_at_once(database: Database) -> None:
    """One does it; the other finds its plan stale, and has nothing left to do."""
    definitions = shipped().definitions
    ready = threading.Barrier(2)

    def run() -> str:
        with database.transaction() as conn:
            plan = universe_plans.plan_organize(conn, definitions)
            ready.wait(30)
            try:
                universe_writes.apply(conn, plan)
            except StalePlan:
                return "stale"
        return "done"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(f.result(60) for f in [pool.submit(run), pool.submit(run)])
    assert outcomes == ["done", "stale"]
    assert sql(database, "SELECT count(*) FROM tickstock.universe_revisions") == [
        (len(definitions),)
    ]
    assert organize(database, definitions).writes == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cache_entries SET value = '[\"Z\"]' WHERE key = 'theme_x'",
        "UPDATE cache_entries SET name = 'Z' WHERE key = 'theme_y'",
        "DELETE FROM cache_entries WHERE key = 'theme_x'",
        """INSERT INTO cache_entries (type, key, name, value)
           VALUES ('stock_universe', 'theme_z', 'Z', '[]')""",
    ],
)
def test_a_plan_is_stale_after_a_change_by_psql(database: Database, change: str) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])
    with database.transaction() as conn:
        plan = universe_plans.plan_organize(conn, [define(X, "C")])
    sql(database, change)
    before = everything(database)
    with pytest.raises(StalePlan, match="nothing was written"):
        apply(database, plan)
    assert everything(database) == before


@pytest.mark.parametrize("definition", ["A B", "A"], ids=["update", "delete"])
def test_a_writer_who_knows_no_lock_is_not_overwritten(database: Database, definition: str) -> None:
    """psql has changed the row and commits only after the state was found to be unmoved."""
    organize(database, [define(X, "A"), define(Y, "B")])
    wanted = define(X, definition) if definition == "A B" else define(Y, "B")
    with database.transaction() as conn:
        plan = universe_plans.plan_organize(conn, [wanted, define(Y, "B")])
    with psycopg.connect(database.conninfo) as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE cache_entries SET value = '[\"Z\"]' WHERE key = 'theme_x'")
        applying = pool.submit(apply, database, plan)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        until = time.monotonic() + 30
        while sql(database, waiting) == [(0,)] and time.monotonic() < until:
            pass
        other.commit()
        with pytest.raises(StalePlan):
            applying.result(60)
    assert symbols(database, X) == "Z"


def test_plans_of_other_time_zones_are_the_same(database: Database) -> None:
    organize(database, [define(X, "A")])
    with database.transaction() as conn:
        conn.execute("SET LOCAL TIME ZONE 'Asia/Tokyo'")
        plan = universe_plans.plan_organize(conn, [define(X, "B")])
    apply(database, plan, "theme_x")
    assert symbols(database, X) == "B"


# --- history ------------------------------------------------------------------------------
def test_every_change_is_recorded_with_its_reason(database: Database) -> None:
    organize(database, [define(X, "A B")])
    put(database, X, '["B", "C"]', name="Other")
    put(database, X, '{"overview": {}}')
    sql(database, "DELETE FROM cache_entries WHERE key = 'theme_x'")
    with database.transaction() as conn:
        deleted, broken, updated, inserted = history.log(conn, X)
    assert (inserted.action, inserted.source, inserted.reason) == ("insert", "test", "because")
    assert (inserted.joined, inserted.left) == (("A", "B"), ())
    assert (updated.action, updated.source, updated.reason) == ("update", "", "")
    assert (updated.joined, updated.left) == (("C",), ("A",))
    assert (updated.old_name, updated.new_name) == ("X", "Other")
    assert updated.by_role
    assert (broken.joined, broken.left) == ((), ("B", "C"))
    assert deleted.action == "delete"
    assert machine_now() - deleted.at < timedelta(minutes=5)


def test_truncate_is_recorded_too(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])
    sql(database, "TRUNCATE cache_entries")
    with database.transaction() as conn:
        last = history.log(conn, X)[0]
    assert (last.action, last.left) == ("delete", ("A",))


def test_the_reason_ends_with_the_transaction(database: Database) -> None:
    with database.transaction() as conn:
        universe_writes.apply(
            conn, universe_plans.plan_organize(conn, [define(X, "A")]), reason="mine"
        )
    with database.transaction() as conn:
        conn.execute("UPDATE cache_entries SET name = 'Y'")
        assert history.log(conn, X)[0].reason == ""


# --- reading ------------------------------------------------------------------------------
def test_an_unknown_universe_says_what_may_be_meant(database: Database) -> None:
    organize(database, [define(X, "A")])
    put(database, "etf_universe:elsewhere", '["A"]', "TEST")
    with database.transaction() as conn:
        with pytest.raises(UnknownUniverse, match=r"Did you mean 'etf_universe:theme_x'"):
            universes.get(conn, UniverseRef("etf_universe", "theme_xx"))
        with pytest.raises(UnknownUniverse, match="exists in environment TEST"):
            universes.get(conn, UniverseRef("etf_universe", "elsewhere"))
        with pytest.raises(UnknownUniverse, match="'app_settings' is no type of universe"):
            universes.get(conn, UniverseRef("app_settings", "x"))


def test_other_types_are_not_readable_even_where_they_hold_lists(database: Database) -> None:
    put(database, "app_settings:list", '["A"]')
    ref = UniverseRef("app_settings", "list")
    with database.transaction() as conn:
        with pytest.raises(UnknownUniverse):
            universes.members(conn, ref)
        assert not universes.exists(conn, ref)
        with pytest.raises(UnknownUniverse):
            evaluate(parse("{A} | app_settings_list"), StoreLookup(conn))


def test_combos_are_read_and_never_written(database: Database) -> None:
    put(database, "stock_etf_combo:old", '{"symbols": ["A"]}')
    combo = UniverseRef("stock_etf_combo", "old")
    assert symbols(database, combo) == "A"
    with database.transaction() as conn:
        with pytest.raises(BadKey, match="not written"):
            universe_plans.plan_set(conn, combo, ["B"])
        with pytest.raises(BadKey, match="not written"):
            universe_plans.plan_delete(conn, [combo])


@pytest.mark.parametrize(
    "value",
    [
        '{"overview": {}}',
        "7",
        "null",
        '["A", 7]',
        '["A", ""]',
        "[[]]",
        "[1e400]",
        "9" * 5_000,
        "[" * 1_500 + "]" * 1_500,
    ],
)
def test_a_malformed_row_is_named_and_spoils_no_other(database: Database, value: str) -> None:
    put(database, X, value)
    put(database, Y, '["A"]')
    with database.transaction() as conn:
        with pytest.raises(MalformedUniverse, match="etf_universe:theme_x in environment DEFAULT"):
            universes.members(conn, X)
        assert [u.symbols for u in universes.list_universes(conn)] == [None, 1]
        assert universes.exists(conn, X)


def test_numbers_that_python_finds_too_large_do_not_hide_a_list(database: Database) -> None:
    put(database, X, '{"stocks": [{"ticker": "A", "rank": 1e400}]}')
    assert symbols(database, X) == "A"


def test_the_list_is_in_order_and_counts_every_shape(database: Database) -> None:
    for n, value in enumerate(['["A", "A", "B"]', "[]", *SHAPES.values()]):
        put(database, f"etf_universe:theme_{n}", value, name=f"{9 - n}")
    put(database, "etf_universe:theme_0", '["A"]', "TEST")
    put(database, "app_settings:list", '["A"]')
    with database.transaction() as conn:
        found = universes.list_universes(conn)
        assert [u.symbols for u in reversed(found)] == [2, 0, 2, 2, 2, 2, 2, 2]
        assert [u.name for u in found] == sorted(u.name for u in found)
        assert universes.list_universes(conn) == found


def test_rows_for_validation_are_as_they_are(database: Database) -> None:
    dated = Definition(X, "X", "d", ("A",), source="s", as_of=date(2026, 10, 9))
    organize(database, [dated, ALL])
    put(database, Y, "7")
    sql(database, "DELETE FROM cache_entries WHERE key = 'theme_x'")
    put(database, X, '{"symbols": ["A"]}')
    with database.transaction() as conn:
        found = {u.ref: u for u in universes.stored(conn)}
        assert universes.evaluated(conn) == {MASTER: ("A",)}
        conn.execute("DELETE FROM cache_entries WHERE key = 'theme_x'")
        assert isinstance(universes.evaluated(conn)[MASTER], EmptyUniverse)
    assert found[X].value == {"symbols": ["A"]}
    assert (found[X].description, found[X].source_date) == ("d", date(2026, 10, 9))
    assert found[MASTER].expression == "etf_universe:*"
    assert found[Y].value == 7


def test_kept_counts_follow_every_writer(database: Database) -> None:
    def counts() -> list[int | None]:
        with database.transaction() as conn:
            return [u.symbols for u in universes.list_universes(conn)]

    organize(database, [define(X, "A B")])
    assert counts() == [2]
    put(database, X, '["A"]')
    assert counts() == [1]
    put(database, X, "7")
    assert counts() == [None]
    sql(database, "TRUNCATE cache_entries RESTART IDENTITY")
    put(database, X, '["A", "B", "C"]')
    assert counts() == [3]


def test_who_may_only_read_gets_the_list_too(database: Database) -> None:
    put(database, X, '["A"]')
    with database.transaction() as conn:
        conn.execute("SET TRANSACTION READ ONLY")
        assert [u.symbols for u in universes.list_universes(conn)] == [1]


def test_times_that_python_does_not_know_do_not_break_the_list(database: Database) -> None:
    put(database, X, '["A"]')
    sql(
        database,
        "ALTER TABLE cache_entries DISABLE TRIGGER USER;"
        " UPDATE cache_entries SET updated_at = 'infinity', created_at = '4713-01-01 BC'",
    )
    with database.transaction() as conn:
        assert universes.list_universes(conn)[0].updated_at is None
        assert universes.get(conn, X).symbols == ("A",)
        plan = universe_plans.plan_organize(conn, [define(X, "A B")])
        universe_writes.apply(conn, plan)
    assert symbols(database, X) == "A B"


def test_a_database_that_is_gone_is_never_an_empty_list(database: Database) -> None:
    def ask() -> None:
        with database.transaction() as conn:
            sql(database, "SELECT pg_terminate_backend(%s)", conn.info.backend_pid)
            universes.list_universes(conn)

    with pytest.raises(DatabaseUnavailable):
        ask()


# --- expressions --------------------------------------------------------------------------
def test_a_stored_expression_is_alive(database: Database) -> None:
    organize(database, [define(X, "A"), ALL])
    put(database, "etf_universe:own", '["O"]')
    assert symbols(database, MASTER) == "A O"
    sql(database, "UPDATE cache_entries SET name = 'Renamed' WHERE key = 'master_all_etfs'")
    assert symbols(database, MASTER) == "A O"


def test_a_list_that_somebody_writes_over_an_expression_holds(database: Database) -> None:
    organize(database, [define(X, "A"), ALL])
    put(database, MASTER, '["MINE"]')
    assert symbols(database, MASTER) == "MINE"
    with database.transaction() as conn:
        assert universes.get(conn, MASTER).expression is None


def test_only_what_an_expression_names_is_read(database: Database) -> None:
    put(database, X, '["A"]')
    put(database, Y, '["B"]')
    put(database, "etf_universe:broken", "7")
    with database.transaction() as conn:
        lookup = StoreLookup(conn)
        found = evaluate(parse(f"{X} | {Y}"), lookup)
        assert found.symbols == ("A", "B")
        assert found.lineage["B"] == (str(Y),)
        assert "all_keys" not in lookup.__dict__
        all_of_them = evaluate(parse("*"), StoreLookup(conn))
        assert all_of_them.symbols == ("A", "B")
        assert [str(ref) for ref in all_of_them.left_out] == ["etf_universe:broken"]
        with pytest.raises(MalformedUniverse, match="broken"):
            evaluate(parse("* | etf_universe:broken"), StoreLookup(conn))


def test_a_glob_over_many_universes(database: Database) -> None:
    definitions = [define(UniverseRef("etf_universe", f"theme_{n}"), f"S{n}") for n in range(120)]
    organize(database, definitions)
    with database.transaction() as conn:
        for many in (1, 2, 3, MANY):  # after so many questions all the rows are read
            lookup = StoreLookup(conn, many=many)
            assert len(evaluate(parse("etf_universe:*"), lookup).symbols) == 120


@pytest.mark.parametrize(("batch", "count"), [(1, 5), (2, 5), (3, 6), (BATCH, BATCH + 1)])
def test_rows_are_added_changed_and_removed_in_batches(
    database: Database, batch: int, count: int
) -> None:
    refs = [UniverseRef("etf_universe", f"theme_{n}") for n in range(count)]
    some = refs[: count // 2 + 1]
    steps = [(refs, "A"), (refs, "B"), (some, "C")]
    for listed, symbol in steps if batch < BATCH else steps[:1]:
        definitions = [Definition(ref, "X", expression=f"{{{symbol}}}") for ref in listed]
        with database.transaction() as conn:
            made = universe_plans.plan_organize(conn, definitions)
            allow = [str(c.ref) for c in made.changes]
            universe_writes.apply(conn, made, allow=allow, batch=batch, many=count)
        with database.transaction() as conn:
            found = {row.ref: row.symbols for row in universes.list_universes(conn)}
            assert found == dict.fromkeys(listed, 1)
            assert universes.get(conn, listed[-1]).expression == f"{{{symbol}}}"
            assert universes.members(conn, listed[-1]) == (symbol,)


def test_membership_on_a_day_is_what_was_held_at_its_end(database: Database) -> None:
    """The changes are dated by hand, since nobody can wait for another day."""
    organize(database, [define(X, "A")])
    for value in ('["A", "B"]', '["B"]'):
        put(database, X, value)
    sql(database, "DELETE FROM cache_entries WHERE key = 'theme_x'")
    times = [
        "2024-03-01 12:00-05",
        "2024-03-04 23:59-05",
        "2024-03-05 00:00-05",
        "2024-03-07 12:00-05",
    ]
    for number, at in enumerate(times):
        sql(
            database,
            "UPDATE tickstock.universe_revisions SET at = %s WHERE id ="
            " (SELECT id FROM tickstock.universe_revisions ORDER BY id OFFSET %s LIMIT 1)",
            at,
            number,
        )
    with database.transaction() as conn:
        lookup = StoreLookup(conn)
        assert lookup.members(X, date(2024, 3, 1)) == ("A",)
        assert lookup.members(X, date(2024, 3, 4)) == ("A", "B")
        assert lookup.members(X, date(2024, 3, 6)) == ("B",)
        for day in (date(2024, 2, 29), date(2024, 3, 7)):
            with pytest.raises(UnknownUniverse, match=f"not in this database on {day}"):
                lookup.members(X, day)
        days = lookup.change_days(X, Span.inclusive(date(2024, 3, 2), date(2024, 3, 6)))
        assert days == [date(2024, 3, 4), date(2024, 3, 5)]


def test_a_row_older_than_the_history_is_known_from_its_first_change(database: Database) -> None:
    put(database, X, '["A"]')
    put(database, X, '["B"]')
    sql(database, "DELETE FROM tickstock.universe_revisions WHERE action = 'insert'")
    with database.transaction() as conn:
        assert StoreLookup(conn).members(X, date(2020, 1, 1)) == ("A",)
        assert StoreLookup(conn).members(X, TODAY + timedelta(days=2)) == ("B",)


# --- edits --------------------------------------------------------------------------------
def test_set_a_list_then_its_name_then_an_expression(database: Database) -> None:
    organize(database, [define(Y, "S T")])
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_set(conn, X, ["B", "A", "B"]))
    assert symbols(database, X) == "B A"
    with database.transaction() as conn:
        universe_writes.apply(
            conn, universe_plans.plan_set(conn, X, name=" Mine ", description="what")
        )
        found = universes.get(conn, X)
        assert (found.name, found.description, found.symbols) == ("Mine", "what", ("B", "A"))
        universe_writes.apply(
            conn, universe_plans.plan_set(conn, X, expression=f"{Y}-{{T}} | {{U}}")
        )
        found = universes.get(conn, X)
        assert found.expression == f"{Y} - {{T}} | {{U}}"
        assert found.symbols == ("S", "U")
    assert sql(database, "SELECT value FROM cache_entries WHERE key = 'theme_x'") == [(["S", "U"],)]
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_set(conn, X, name="Still"))
        assert universes.get(conn, X).expression == f"{Y} - {{T}} | {{U}}"


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        (f"{X}", BadExpression),
        (f"{Y} - {Y}", EmptyUniverse),
        ("etf_universe:nowhere", UnknownUniverse),
        ("etf_universe:", BadExpression),
    ],
)
def test_an_expression_that_cannot_be_is_refused_before_it_is_stored(
    database: Database, expression: str, error: type[Exception]
) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])
    with database.transaction() as conn, pytest.raises(error):
        universe_plans.plan_set(conn, X, expression=expression)


def test_a_new_key_keeps_the_convention(database: Database) -> None:
    with database.transaction() as conn:
        with pytest.raises(BadKey, match="cannot be the key"):
            universe_plans.plan_set(conn, UniverseRef("etf_universe", "Bad Key"), ["A"])
        with pytest.raises(UnknownUniverse):
            universe_plans.plan_set(conn, X, name="Mine")


def test_an_edit_is_only_stale_when_its_own_universe_moved(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])
    with database.transaction() as conn:
        plan = universe_plans.plan_set(conn, X, ["A", "C"])
    put(database, Y, '["Z"]')
    apply(database, plan)
    with pytest.raises(StalePlan):
        apply(database, plan)


def test_emptying_needs_to_be_allowed(database: Database) -> None:
    organize(database, [define(X, "A")])
    with database.transaction() as conn:
        plan = universe_plans.plan_set(conn, X, [])
    with pytest.raises(GuardRefused):
        apply(database, plan)
    apply(database, plan, "theme_x")
    assert symbols(database, X) == ""


def test_rename_keeps_everything_but_the_key(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "B"), ALL])
    new = UniverseRef("etf_universe", "theme_new")
    master = UniverseRef("etf_universe", "master_mine")
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_rename(conn, X, new, name="New"))
        universe_writes.apply(conn, universe_plans.plan_rename(conn, MASTER, master))
        found = universes.get(conn, new)
        assert (found.name, found.symbols, found.description) == ("New", ("A",), "d")
        assert universes.get(conn, master).expression == "etf_universe:*"
        assert not universes.exists(conn, X)
        with pytest.raises(BadKey, match="exists already"):
            universe_plans.plan_rename(conn, new, master)
        with pytest.raises(UnknownUniverse):
            universe_plans.plan_rename(conn, X, UniverseRef("etf_universe", "other"))


def test_delete_and_put_back(database: Database) -> None:
    organize(database, [define(X, "A"), ALL])
    value = sql(database, "SELECT value::text FROM cache_entries WHERE key = 'master_all_etfs'")
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_delete(conn, [X, MASTER]))
        assert universes.list_universes(conn) == []
        with pytest.raises(UnknownUniverse):
            universe_plans.plan_delete(conn, [X])
    put(database, X, '["A"]')
    put(database, MASTER, value[0][0])
    with database.transaction() as conn:
        assert universes.get(conn, MASTER).expression == "etf_universe:*"


# --- cost ---------------------------------------------------------------------------------
def test_members_and_the_list_are_one_question_each_however_many_there_are(
    database: Database,
) -> None:
    """The published figures are measured in benchmarks/."""
    names = [f"S{n}X" for n in range(100)]
    definitions = [
        Definition(UniverseRef("stock_universe", f"theme_{n}"), "X", symbols=tuple(names))
        for n in range(1_000)
    ]
    organize(database, definitions)
    ref = definitions[500].ref
    with database.transaction() as conn, statements() as asked:
        assert len(universes.members(conn, ref)) == 100
        assert len(asked) == 1
        assert len(universes.list_universes(conn)) == 1_000
        assert len(asked) <= 3
