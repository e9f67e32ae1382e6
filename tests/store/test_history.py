"""Who was in a universe when, by whomever it was changed, and what was known of it at the time."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.test_universes import MASTER, X, Y, define, organize, put, sql
from tickstock.errors import BadInput, UnknownUniverse
from tickstock.model import UniverseRef
from tickstock.spans import ONE_DAY, Span
from tickstock.store import history, universe_plans, universe_writes, universes
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.universe_lookup import PastLookup, StoreLookup
from tickstock.universes.catalog import Definition, shipped
from tickstock.universes.expression import evaluate, parse
from tickstock.universes.files import read_history
from tickstock.universes.membership import History
from tickstock.universes.plan import Recording
from tickstock.universes.value import read_value

SP500 = UniverseRef("stock_universe", "index_sp500")
NOON = timedelta(hours=12)


def told(text: str, source: str = "s", **options: Any) -> History:
    return read_history(
        "h.csv", ("symbol,starts,ends\n" + text).encode(), source=source, **options
    ).history


def tell(
    database: Database, ref: UniverseRef, text: str, source: str = "s", **options: Any
) -> None:
    with database.transaction() as conn:
        plan = universe_plans.plan_history(conn, ref, told(text, source, **options))
        universe_writes.apply(conn, plan, reason="told")


def on(database: Database, ref: UniverseRef, day: date, known: datetime | None = None) -> str:
    with database.transaction() as conn:
        return " ".join(sorted(history.said_on(conn, ref, day, known=known).symbols))


def now(database: Database) -> datetime:
    at: datetime = sql(database, "SELECT clock_timestamp()")[0][0]
    return at


def backdate(database: Database, table: str, column: str, *times: str) -> None:
    """Date the rows of a table, oldest first: nobody can wait for another day."""
    ids = [row for (row,) in sql(database, f"SELECT id FROM tickstock.{table} ORDER BY id")]
    for number, time in zip(ids, times, strict=True):
        sql(database, f"UPDATE tickstock.{table} SET {column} = %s WHERE id = %s", time, number)


# --- histories recorded by sources ----------------------------------------------------------------
def test_organize_tells_the_shipped_histories_once(database: Database) -> None:
    definitions = shipped().definitions
    plan = organize(database, definitions)
    assert {t.ref.key for t in plan.recordings} == {"index_sp500", "index_nasdaq100", "index_dow30"}
    assert organize(database, definitions).idle
    truth = next(d.history for d in definitions if d.ref == SP500)
    assert truth is not None
    for day in (date(2012, 3, 1), date(1999, 12, 31), date(2026, 10, 9)):
        assert on(database, SP500, day) == " ".join(truth.members(day))


def test_the_members_of_200_random_days_are_those_of_the_interval_files(database: Database) -> None:
    definitions = [d for d in shipped().definitions if d.history]
    organize(database, definitions)
    assert len(definitions) == 3
    dice = random.Random(200)
    with database.transaction() as conn:
        for definition in definitions:
            told = definition.history
            assert told is not None
            file = resources.files("tickstock") / f"data/catalog/history/{definition.ref.key}.csv"
            rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
            for _ in range(200):
                day = told.days.start + timedelta(days=dice.randrange(told.days.days))
                found = history.said_on(conn, definition.ref, day).symbols
                assert set(found) == set(in_file(rows, day.isoformat())), (definition.ref, day)


def in_file(rows: list[dict[str, str]], day: str) -> Iterator[str]:
    """The members on a day, by the text of a file of intervals."""
    for row in rows:
        if row["opt-in"] <= day and (not row["opt-out"] or day < row["opt-out"]):
            yield row["symbol"]


def test_before_the_first_day_of_a_source_is_unknown(database: Database) -> None:
    organize(database, [define(X, "A")])
    tell(database, X, "A,2020-01-01,\n")
    with pytest.raises(UnknownUniverse, match=r"on 2019-12-31 is unknown.*begins on 2020-01-01"):
        on(database, X, date(2019, 12, 31))


def test_the_last_list_of_a_source_is_carried_on_until_the_row_speaks(database: Database) -> None:
    organize(database, [define(X, "A B")])
    tell(database, X, "A,2020-01-01,\nOLD,2020-01-01,2020-06-01\n", through=date(2020, 12, 31))
    with database.transaction() as conn:
        found = history.said_on(conn, X, date(2022, 2, 2))
        assert (found.symbols, found.source, found.through) == (("A",), "s", date(2020, 12, 31))
        today = history.today(conn)
        assert set(history.said_on(conn, X, today).symbols) == {"A", "B"}
        assert history.said_on(conn, X, date(2020, 12, 31)).through is None


def test_a_correction_holds_and_what_was_known_before_stays(database: Database) -> None:
    organize(database, [define(X, "A")])
    tell(database, X, "A,2020-01-01,\nB,2020-01-01,2020-06-01\n", through=date(2020, 12, 31))
    before = now(database)
    tell(database, X, "A,2020-01-01,\nB,2020-01-01,2020-05-01\n", through=date(2020, 12, 31))
    day = date(2020, 5, 15)
    assert on(database, X, day) == "A"
    assert on(database, X, day, before) == "A B"


def test_a_correction_of_some_days_leaves_the_others(database: Database) -> None:
    organize(database, [define(X, "A")])
    tell(database, X, "A,2020-01-01,\n", through=date(2020, 12, 31))
    tell(database, X, "C,2020-03-01,\n", through=date(2020, 3, 31))
    days = (date(2020, 2, 29), date(2020, 3, 1), date(2020, 3, 31), date(2020, 4, 1))
    assert [on(database, X, day) for day in days] == ["A", "C", "C", "A"]


def test_a_change_of_the_row_is_corrected_by_a_later_history(database: Database) -> None:
    """The row was changed on the 25th; the source says later that it held since the 20th."""
    organize(database, [define(X, "A")])
    put(database, X, '["A", "B"]')
    backdate(database, "universe_revisions", "at", "2024-03-01 12:00-05", "2024-03-25 12:00-05")
    assert on(database, X, date(2024, 3, 22)) == "A"
    before = now(database)
    tell(database, X, "A,2024-03-10,\nB,2024-03-20,\n", through=date(2024, 4, 30))
    assert on(database, X, date(2024, 3, 22)) == "A B"
    assert on(database, X, date(2024, 3, 22), before) == "A"
    assert on(database, X, date(2024, 3, 5)) == "A"


def test_the_same_history_is_told_once_and_a_new_one_of_the_source_again(
    database: Database,
) -> None:
    organize(database, [define(X, "A")])
    with database.transaction() as conn:
        plan = universe_plans.plan_history(conn, X, told("A,2020-01-01,\n"))
        universe_writes.apply(conn, plan)
        assert universe_plans.plan_history(conn, X, told("A,2020-01-01,\n")).idle
        assert not universe_plans.plan_history(conn, X, told("A,2020-01-01,\n", "other")).idle
    tell(database, X, "B,2019-01-01,\nA,2021-01-01,\n", "other")
    with database.transaction() as conn:
        again = universe_plans.plan_history(conn, X, told("A,2020-01-01,\n"))
        assert again.recordings, "another has overruled it since"
        organized = {X: told("A,2020-01-01,\n")}
        assert not history.unrecorded(conn, organized), "what a person told stands"
    tell(database, X, "A,2020-01-01,\n")
    with database.transaction() as conn:
        assert universe_plans.plan_history(conn, X, told("A,2020-01-01,\n")).idle
        assert plan.digest != universe_plans.plan_history(conn, X, told("B,2020-01-01,\n")).digest


def test_a_history_belongs_to_a_universe(database: Database) -> None:
    with database.transaction() as conn, pytest.raises(UnknownUniverse):
        universe_plans.plan_history(conn, X, told("A,2020-01-01,\n"))


# --- what this database said at a time --------------------------------------------------------
def test_what_was_said_at_a_time_in_lists_expressions_and_deleted_rows(database: Database) -> None:
    organize(
        database, [define(X, "A B"), define(Y, "C"), Definition(MASTER, "All", expression="*")]
    )
    then = now(database)
    organize(database, [define(X, "B"), define(MASTER, "Z")])
    with database.transaction() as conn:
        lookup = PastLookup(conn, then)
        assert evaluate(parse(str(X)), lookup).symbols == ("A", "B")
        assert evaluate(parse(str(Y)), lookup).symbols == ("C",)
        assert evaluate(parse(str(MASTER)), lookup).symbols == ("A", "B", "C")
        assert evaluate(parse("etf_universe:theme_* | theme_y"), lookup).symbols == ("A", "B", "C")
        with pytest.raises(UnknownUniverse):
            evaluate(parse(str(X)), PastLookup(conn, then - timedelta(days=1)))


def test_a_date_without_end_is_asked_for_like_any_other(database: Database) -> None:
    organize(database, [define(X, "A")])
    assert on(database, X, date.max) == "A"
    with pytest.raises(UnknownUniverse):
        on(database, X, date.min)


# --- the expression beside every revision -----------------------------------------------------
def expressions(database: Database) -> list[tuple[str, str | None, str | None]]:
    with database.transaction() as conn:
        return [
            (e.action, e.old_expression, e.new_expression) for e in reversed(history.log(conn, X))
        ]


def set_(database: Database, **wanted: Any) -> None:
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_set(conn, X, **wanted), allow=[X.key])


def test_revisions_tell_the_expression_in_force_whoever_changed_it(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "A B")])
    set_(database, expression=f"{Y}")
    set_(database, expression=f"{Y} | {{B}}")  # gives the same list
    put(database, X, '["Q"]')
    set_(database, symbols=["A"])
    assert expressions(database) == [
        ("insert", None, None),
        ("update", None, f"{Y}"),
        ("update", f"{Y}", f"{Y} | {{B}}"),
        ("update", f"{Y} | {{B}}", None),
        ("update", None, None),
    ]


def test_an_expression_that_is_deleted_comes_back_by_revert(database: Database) -> None:
    organize(database, [define(Y, "A B")])
    set_(database, expression=f"{Y} - {{B}}")
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_delete(conn, [X]))
        universe_writes.apply(conn, universe_plans.plan_revert(conn, X))
        found = universes.get(conn, X)
    assert (found.expression, found.symbols) == (f"{Y} - {{B}}", ("A",))


# --- reverting --------------------------------------------------------------------------------
def revert(database: Database, **to: Any) -> None:
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_revert(conn, X, **to), allow=[X.key])


def test_revert_undoes_goes_back_to_a_revision_and_to_a_time(database: Database) -> None:
    put(database, X, '["A"]', name="One")
    then = now(database)
    put(database, X, '{"symbols": ["A", "B"]}', name="Two")
    sql(database, "DELETE FROM cache_entries")
    revert(database)
    assert on_row(database) == ("Two", ["A", "B"])
    with database.transaction() as conn:
        first = history.log(conn, X)[-1].id
    revert(database, revision=first)
    assert on_row(database) == ("One", ["A"])
    revert(database)
    assert on_row(database) == ("Two", ["A", "B"])
    revert(database, at=then)
    assert on_row(database) == ("One", ["A"])


def test_revert_to_before_there_was_a_universe_deletes_it(database: Database) -> None:
    put(database, X, '["A"]')
    revert(database)
    assert sql(database, "SELECT * FROM cache_entries") == []


def test_revert_to_what_never_was_is_refused(database: Database) -> None:
    put(database, X, '["A"]')
    put(database, Y, '["A"]')
    with database.transaction() as conn:
        others = history.log(conn, Y)[0].id
        with pytest.raises(BadInput, match="has no revision"):
            universe_plans.plan_revert(conn, X, revision=others)
        with pytest.raises(UnknownUniverse, match="Nothing is recorded"):
            universe_plans.plan_revert(conn, X, at=datetime(2020, 1, 1, tzinfo=UTC))
        with pytest.raises(UnknownUniverse, match="Nothing is recorded"):
            universe_plans.plan_revert(conn, UniverseRef("etf_universe", "never"))


def on_row(database: Database) -> tuple[str, list[str]]:
    ((name, value),) = sql(database, "SELECT name, value FROM cache_entries WHERE key = 'theme_x'")
    return name, value


# --- renaming carries the past ----------------------------------------------------------------
def test_a_renamed_universe_takes_its_past_along(database: Database) -> None:
    new = UniverseRef("etf_universe", "theme_new")
    organize(database, [define(X, "A")])
    put(database, X, '["A", "B"]')
    backdate(database, "universe_revisions", "at", "2024-03-01 12:00-05", "2024-03-25 12:00-05")
    tell(database, X, "OLD,2020-01-01,\n", through=date(2020, 6, 30))
    with database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_rename(conn, X, new))
    days = (date(2020, 6, 30), date(2021, 1, 1), date(2024, 3, 1), date(2024, 3, 25))
    assert [on(database, new, day) for day in days] == ["OLD", "OLD", "A", "A B"]
    assert on(database, X, date(2024, 3, 25)) == "A B"
    with pytest.raises(UnknownUniverse, match="begins on 2020-01-01"):
        on(database, new, date(2019, 12, 31))


# --- blame ------------------------------------------------------------------------------------
def test_blame_names_the_change_and_the_day(database: Database) -> None:
    organize(database, [define(X, "A")])
    put(database, X, '["A", "B"]')
    put(database, X, '["A"]')
    with database.transaction() as conn:
        plan = universe_plans.plan_set(conn, X, ["A", "B"])
        universe_writes.apply(conn, plan, reason="because", source="mine")
    tell(database, X, "A,2020-01-01,\nB,2019-01-01,2019-06-01\n", through=date(2020, 6, 30))
    with database.transaction() as conn:
        a, b = history.blame(conn, X, ["A", "B"])
        last = history.log(conn, X)[1]
    assert (a.since, b.since) == (date(2020, 1, 1), today(database))
    assert (b.revision, b.reason, b.source) == (last.id, "because", "mine")
    assert a.revision is not None
    assert a.revision < last.id


def test_blame_of_one_symbol_and_of_all_agree(database: Database) -> None:
    values = [
        {"nothing": 1},
        ["A", "B", "C", "D", "E", "F"],
        {"symbols": [{"ticker": s} for s in "ABCDEG"]},
        ["A", {"symbol": "B"}, "C", "E", "F", "G"],
        json.dumps(["A", "C", "D", "E", "F", "G"]),
        ["A", "B", "C", "D", "E", "F", "G"],
    ]
    for value in values:
        put(database, X, json.dumps(value))
    with database.transaction() as conn:
        together = history.blame(conn, X, list("ABCDEFG"))
        alone = [history.blame(conn, X, [symbol])[0] for symbol in "ABCDEFG"]
    assert alone == together
    assert len({one.revision for one in alone}) > 1


@pytest.mark.parametrize("value", [None, 3, "A", [], ["A"], {"symbols": ["A"]}, [["A"]], {"A": 1}])
def test_a_value_names_what_is_read_from_it(database: Database, value: object) -> None:
    found = sql(
        database,
        "SELECT tickstock.names(v, 'A'), 'A' = ANY (tickstock.symbols_of(v))"
        " FROM (SELECT %s::jsonb AS v) AS one",
        json.dumps(value),
    )
    assert len(set(found[0])) == 1


def today(database: Database) -> date:
    with database.transaction() as conn:
        return history.today(conn)


# --- from symbol to universes -----------------------------------------------------------------
SHAPES = [
    ["A", "AAPL"],
    {"symbols": ["AAPL"], "count": 1},
    {"value": ["AAPL"]},
    {"stocks": [{"ticker": "AAPL"}]},
    {"etfs": [{"symbol": "AAPL"}]},
    {"holdings": ["AAPL"]},
    json.dumps(["AAPL"]),
]


def test_containing_reads_every_shape_in_every_type(database: Database) -> None:
    for number, value in enumerate(SHAPES):
        put(database, f"etf_universe:theme_{number}", json.dumps(value))
    put(database, "stock_universe:theme_a", '["AAPL"]')
    put(database, "stock_etf_combo:theme_a", '["AAPL"]')
    put(database, "app_settings:theme_a", '["AAPL"]')
    put(database, "stock_universe:theme_b", '["AAPLX"]')
    put(database, "stock_universe:theme_a", '["AAPL"]', "TEST")
    with database.transaction() as conn:
        found = history.containing(conn, "AAPL")
    assert len(found) == len(SHAPES) + 2
    assert {ref.type for ref in found} == {"etf_universe", "stock_universe", "stock_etf_combo"}


def test_containing_on_a_day_weighs_rows_and_histories(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "A B"), define(SP500, "A C")])
    put(database, X, '["B"]')
    backdate(
        database,
        "universe_revisions",
        "at",
        *["2024-03-01 12:00-05"] * 3,
        "2024-03-25 12:00-05",
    )
    sql(database, "UPDATE cache_entries SET created_at = '2024-03-01'")
    sql(database, "ALTER TABLE cache_entries DISABLE TRIGGER cache_entries_touch")
    sql(database, "UPDATE cache_entries SET updated_at = '2024-03-01'")
    tell(database, SP500, "B,2024-03-10,2024-03-20\nA,2020-01-01,\n", through=date(2024, 3, 20))
    with database.transaction() as conn:
        days = (date(2019, 1, 1), date(2020, 1, 2), date(2024, 3, 15), date(2024, 3, 30))
        found = [{r.key for r in history.containing(conn, "B", day=d)} for d in days]
        assert found == [set(), set(), {"theme_y", "index_sp500"}, {"theme_x", "theme_y"}]
        assert history.containing(conn, "C", day=date(2024, 3, 15)) == []


wild = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.sampled_from(["AAPL", "A", "", " ", "x" * 65, "x" * 9000, "é\u2028"]),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["symbols", "value", "stocks", "etfs", "holdings", "ticker", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def shared(cluster: Any, template: str, home: Any) -> Iterator[Connection]:
    name = cluster.create(template)
    with psycopg.connect(cluster.uri(name), autocommit=True) as conn:
        yield conn
    cluster.drop(name)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.one_of(wild, wild.map(json.dumps)))
def test_no_value_that_others_write_is_refused_by_the_index(
    shared: Connection, value: object
) -> None:
    """The database reads lists like `value.read_value`, and whatever else comes gives nothing."""
    with shared.transaction(force_rollback=True):
        shared.execute(
            "INSERT INTO cache_entries (type, name, key, value) VALUES ('etf_universe','X','x',%s)",
            (json.dumps(value),),
        )
        row = shared.execute(
            "SELECT tickstock.symbols_of(value), value FROM cache_entries"
        ).fetchone()
    assert row is not None
    try:
        expected = set(read_value(X, "DEFAULT", row[1]))
    except ValueError:
        return
    assert set(row[0]) == expected


# --- every way around -------------------------------------------------------------------------
@contextmanager
def restricted(database: Database) -> Iterator[Connection]:
    """A program that may write the published table and nothing else."""
    sql(database, "CREATE ROLE guest LOGIN")
    sql(database, "GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO guest")
    try:
        with psycopg.connect(database.conninfo, autocommit=True) as conn:
            conn.execute("SET ROLE guest")
            yield conn
    finally:
        sql(database, "DROP OWNED BY guest")
        sql(database, "DROP ROLE guest")


def test_a_program_that_may_only_write_the_table_is_recorded_too(database: Database) -> None:
    with restricted(database) as conn:
        conn.execute(
            "INSERT INTO cache_entries (type, name, key, value)"
            " VALUES ('etf_universe', 'X', 'theme_x', '[\"A\"]')"
        )
        conn.execute("UPDATE cache_entries SET value = '[\"B\"]'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("DELETE FROM tickstock.universe_revisions")
    with database.transaction() as conn:
        assert [e.joined for e in history.log(conn, X)] == [("B",), ("A",)]


def test_range_expressions_read_told_histories(database: Database) -> None:
    organize(database, [define(X, "A")])
    tell(
        database,
        X,
        "A,2020-01-01,2020-02-01\nB,2020-01-15,2020-03-01\nC,2020-03-01,\n",
        through=date(2020, 12, 31),
    )
    with database.transaction() as conn:
        lookup = StoreLookup(conn)
        found = evaluate(parse(f"{X} @ 2020-02-01..2020-02-28"), lookup)
        assert found.symbols == ("B",)
        found = evaluate(parse(f"{X} @ 2020-01-31..2020-03-01"), lookup)
        assert found.symbols == ("A", "B", "C")


def test_all_known_is_what_every_day_says(database: Database) -> None:
    organize(database, [define(X, "A")])
    tell(database, X, "A,2020-01-01,\nB,2020-02-01,2020-03-01\n", through=date(2020, 12, 31))
    tell(database, X, "C,2020-02-10,\n", through=date(2020, 2, 20))
    with database.transaction() as conn:
        whole = history.all_known(conn, X, source="copy")
        assert whole is not None
        history.record(conn, [Recording(Y, whole)])
        day = date(2020, 1, 1)
        while day < date(2021, 2, 1):
            same = history.said_on(conn, X, day).symbols
            assert set(history.said_on(conn, Y, day).symbols) == set(same), day
            day += ONE_DAY * 3
    assert whole.days.start == date(2020, 1, 1)
    assert Span(date(2020, 1, 1), whole.days.end) == whole.days
