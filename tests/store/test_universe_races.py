"""Several writers of universes at once: ours, and programs that know nothing of our lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.store.test_history import told
from tests.store.test_universes import X, Y, define, organize, put, sql
from tickstock.errors import Conflict, StalePlan
from tickstock.store import history, universe_plans, universe_writes, universes
from tickstock.store.database import Database
from tickstock.universes.plan import Mode


def all_at_once(*calls: Callable[[], object]) -> list[object]:
    """Results, or the conflicts that calls met, each call in a thread, started together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait(20)
        try:
            return call()
        except Conflict as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_organizers_at_once_each_sees_the_other_done_or_not_at_all(database: Database) -> None:
    """Whoever comes second finds its plan stale, and finds nothing half done."""
    definitions = [[define(X, f"A{n}"), define(Y, f"B{n}")] for n in range(4)]
    for _ in range(5):
        results = all_at_once(*(lambda d=d: organize(database, d) for d in definitions))
        assert all(isinstance(r, StalePlan) or r is not None for r in results)
        assert any(not isinstance(r, Exception) for r in results)
        ((x,), (y,)) = sql(database, "SELECT value ->> 0 FROM cache_entries ORDER BY type")
        assert x[1] == y[1], "X and Y are of the same organizer"


def test_an_organizer_against_psql_loses_nothing_of_either(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])

    def psql() -> None:
        put(database, X, '["A", "MINE"]')

    def ours() -> object:
        return organize(database, [define(X, "A NEW"), define(Y, "B")], Mode.PRESERVE)

    for _ in range(10):
        sql(database, "UPDATE cache_entries SET value = '[\"A\"]' WHERE key = 'theme_x'")
        all_at_once(psql, ours)
        with database.transaction() as conn:
            entries = history.log(conn, X, limit=10_000)
            symbols = set(universes.members(conn, X))
        # Whatever the order was: every step is in the log, and they lead to what is there.
        held: set[str] = set()
        for entry in reversed(entries):
            held = (held | {*(entry.joined or ())}) - {*(entry.left or ())}
        assert held == symbols
        if isinstance(ours(), Exception):
            pytest.fail("nobody is in between any more")
        with database.transaction() as conn:
            # NEW is out where psql, who wrote last, left it out; what psql wrote is never lost.
            assert {"A", "MINE"} <= set(universes.members(conn, X))


def test_psql_in_the_middle_of_a_transaction_makes_the_plan_stale(database: Database) -> None:
    """The row is locked by a program that has not committed yet: we wait for it, then refuse."""
    organize(database, [define(X, "A")])
    with database.transaction() as conn:
        plan = universe_plans.plan_set(conn, X, ["A", "OURS"])

    def apply() -> None:
        with database.transaction() as conn:
            universe_writes.apply(conn, plan)

    with ThreadPoolExecutor(1) as pool, psycopg.connect(database.conninfo) as other:
        other.execute("UPDATE cache_entries SET value = '[\"THEIRS\"]' WHERE key = 'theme_x'")
        waiting = pool.submit(apply)
        query = "SELECT pid FROM pg_locks WHERE NOT granted"
        while not sql(database, query):
            assert not waiting.done()
        other.commit()
        with pytest.raises(StalePlan):
            waiting.result(20)
    assert sql(database, "SELECT value FROM cache_entries") == [(["THEIRS"],)]


def test_a_plan_is_stale_after_a_change_in_between_by_anybody(database: Database) -> None:
    organize(database, [define(X, "A"), define(Y, "B")])
    changes: list[Callable[[], object]] = [
        lambda: put(database, X, '["Z"]'),
        lambda: sql(database, "DELETE FROM cache_entries WHERE key = 'theme_x'"),
        lambda: sql(database, "TRUNCATE cache_entries"),
        lambda: organize(database, [define(X, "A"), define(Y, "NEW")]),
    ]
    for change in changes:
        organize(database, [define(X, "A"), define(Y, "B")])
        with database.transaction() as conn:
            plan = universe_plans.plan_organize(conn, [define(X, "A B"), define(Y, "B")])
        change()
        before = sql(database, "SELECT key, value FROM cache_entries ORDER BY key")
        with database.transaction() as conn, pytest.raises(StalePlan):
            universe_writes.apply(conn, plan, allow=["theme_x", "theme_y"])
        assert sql(database, "SELECT key, value FROM cache_entries ORDER BY key") == before


def test_a_history_told_by_two_at_once_is_read_without_harm(database: Database) -> None:
    organize(database, [define(X, "A")])

    def tell() -> None:
        with database.transaction() as conn:
            universe_writes.apply(
                conn, universe_plans.plan_history(conn, X, told("A,2020-01-01,\n"))
            )

    all_at_once(tell, tell)
    with database.transaction() as conn:
        days = {str(span) for span, _ in history.known_spans(conn, X)}
        assert history.said_on(conn, X, told("A,2020-01-01,\n").days.start).symbols == ("A",)
    assert len(days) == 1
