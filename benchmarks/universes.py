"""Universes in numbers, in one run on one machine, beside the seed guide's way:

    python benchmarks/universes.py [--universes 10000] [--symbols 500]

The guide's way: a connection for each question, counts by reading every list, delete everything and
insert it row by row (psycopg2), on a table of its own without our triggers and index.

Lookups are medians of 200 (the guide's of 50), the rest single runs; quote the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import psycopg2

from tickstock.cache_operations import CacheOperations
from tickstock.config import read_settings
from tickstock.model import UniverseRef
from tickstock.service import TickStock
from tickstock.spans import Span
from tickstock.store import history, universe_plans, universe_writes
from tickstock.universes.catalog import Definition
from tickstock.universes.membership import FOREVER, Interval, make_history

LARGE = UniverseRef("stock_universe", "index_large")
MEMBERS = 3_000
DAYS = Span(date(2003, 1, 1), date(2026, 1, 1))
THEN = date(2014, 5, 5)


def names(dice: np.random.Generator, count: int) -> list[str]:
    letters = dice.integers(65, 91, (count * 2, 4), dtype=np.uint8)
    found = {bytes(row).decode() for row in letters}
    return sorted(found)[:count]


def catalog(args: Any, dice: np.random.Generator) -> list[Definition]:
    listing = np.array(names(dice, 10_000))
    return [
        Definition(
            UniverseRef("stock_universe", f"theme_{n}"),
            f"Theme {n}",
            symbols=tuple(dice.choice(listing, args.symbols, replace=False).tolist()),
        )
        for n in range(args.universes)
    ]


def say(what: str, seconds: float, note: str = "") -> None:
    shown = f"{seconds * 1e3:10.2f} ms" if seconds < 1 else f"{seconds:10.2f} s "
    print(f"{what:<58}{shown}  {note}", flush=True)


def once(what: str, call: Callable[[], Any], note: str = "") -> Any:
    start = time.perf_counter()
    result = call()
    say(what, time.perf_counter() - start, note)
    return result


def often(what: str, call: Callable[[], Any], times: int = 200) -> None:
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    say(what, statistics.median(taken))


# --- the guide's way --------------------------------------------------------------------------
class Guide:
    """As the seed guide's organizer and cache operations do it."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.ask(
            "CREATE TABLE guide_entries (id bigserial PRIMARY KEY, type text, name text, key text,"
            " value jsonb, environment text, created_at timestamptz, updated_at timestamptz,"
            " UNIQUE (type, key, environment)); SELECT 1"
        )

    def ask(self, statement: str, *params: object) -> list[Any]:
        connection = psycopg2.connect(self.conninfo)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def organize(self, definitions: list[Definition]) -> None:
        connection = psycopg2.connect(self.conninfo)
        with connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM guide_entries WHERE type = 'stock_universe'")
            for one in definitions:
                cursor.execute(
                    "INSERT INTO guide_entries (type, name, key, value, environment, created_at,"
                    " updated_at) VALUES (%s, %s, %s, %s, 'DEFAULT', now(), now())"
                    " ON CONFLICT (type, key, environment) DO UPDATE SET name = EXCLUDED.name,"
                    " value = EXCLUDED.value, updated_at = now()",
                    (one.ref.type, one.name, one.ref.key, json.dumps(one.symbols)),
                )
        connection.close()

    def lookup(self, key: str) -> list[str]:
        rows = self.ask("SELECT value FROM guide_entries WHERE key = %s", key)
        symbols: list[str] = rows[0][0]
        return symbols

    def listed(self) -> list[Any]:
        rows = self.ask("SELECT type, name, key, value FROM guide_entries ORDER BY type, name")
        return [(kind, name, key, len(value)) for kind, name, key, value in rows]

    def containing(self, symbol: str) -> list[Any]:
        return self.ask("SELECT key FROM guide_entries WHERE value ? %s", symbol)


def run_guide(conninfo: str, definitions: list[Definition]) -> None:
    guide = Guide(conninfo)
    once("guide: organize", lambda: guide.organize(definitions))
    once("guide: organize again", lambda: guide.organize(definitions))
    often("guide: lookup", lambda: guide.lookup("theme_77"), 50)
    often("guide: list with counts", guide.listed, 1)
    symbol = definitions[0].symbols[0]
    often("guide: universes that hold a symbol", lambda: guide.containing(symbol), 5)


# --- ours -------------------------------------------------------------------------------------
def run_ours(tick: TickStock, definitions: list[Definition]) -> None:
    def organize(wanted: list[Definition]) -> None:
        with tick.database.transaction() as conn:
            universe_writes.apply(conn, universe_plans.plan_organize(conn, wanted))

    once("organize", lambda: organize(definitions))
    once("organize again, nothing changed", lambda: organize(definitions))
    changed = [
        replace(d, symbols=(*d.symbols[1:], "NEWX")) if n % 100 == 0 else d
        for n, d in enumerate(definitions)
    ]
    once("organize, 1 % of the universes changed", lambda: organize(changed))
    doors = CacheOperations(tick.database, tick.settings)
    often(
        "lookup by CacheOperations",
        lambda: doors.get_universe_symbols("stock_universe", "theme_77"),
    )
    often("lookup by the service", lambda: tick.universes.get("stock_universe:theme_77"))
    once("list with counts, first", tick.universes.list)
    often("list with counts", tick.universes.list, 5)
    symbol = definitions[0].symbols[0]
    once("universes that hold a symbol, first", lambda: tick.history.containing(symbol))
    often("universes that hold a symbol", lambda: tick.history.containing(symbol))
    often("the same on a day in the past", lambda: tick.history.containing(symbol, THEN), 20)
    once("validate", tick.universes.validate)


def large(dice: np.random.Generator) -> tuple[list[str], list[Interval]]:
    """An index of 3,000 members over 23 years, from which 4 % a year leave."""
    pool = names(dice, MEMBERS * 3)
    inside, outside = pool[:MEMBERS], pool[MEMBERS:]
    since = dict.fromkeys(inside, DAYS.start)
    intervals = []
    for year in range(DAYS.start.year + 1, DAYS.end.year):
        day = date(year, 6, 26)
        for symbol in dice.choice(sorted(since), MEMBERS // 25, replace=False).tolist():
            intervals.append(Interval(symbol, Span(since.pop(symbol), day)))
            since[outside.pop()] = day
    intervals += [Interval(symbol, Span(day, FOREVER)) for symbol, day in since.items()]
    return sorted(since), intervals


def run_past(tick: TickStock, dice: np.random.Generator) -> None:
    members, intervals = large(dice)
    told = make_history(intervals, DAYS, "benchmark")

    def on_then() -> object:
        with tick.database.transaction() as conn:
            return history.said_on(conn, LARGE, THEN)

    with tick.database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_set(conn, LARGE, members))
    once("tell a history", lambda: tell(tick, told), f"{len(intervals)} intervals")
    often(f"as of a day, {MEMBERS} symbols, from intervals", on_then)
    show = f"{LARGE} @ {THEN}"
    often("the same by an expression", lambda: tick.universes.evaluate(show))
    often("the same with its survivorship label", lambda: tick.history.show(str(LARGE), THEN), 20)
    churn(tick, members, 300)
    with tick.database.transaction() as conn:
        conn.execute("DELETE FROM tickstock.universe_histories")
    often(f"as of a day, {MEMBERS} symbols, 300 changes since", on_then)
    with tick.database.transaction() as conn:
        often("known at a time, the same", lambda: known_at(conn))
    often("blame of one symbol", lambda: tick.history.blame(str(LARGE), members[5]), 5)


def known_at(conn: psycopg.Connection[Any]) -> object:
    return history.said_on(conn, LARGE, THEN, known=datetime(2015, 1, 1, tzinfo=UTC))


def tell(tick: TickStock, told: Any) -> None:
    with tick.database.transaction() as conn:
        universe_writes.apply(conn, universe_plans.plan_history(conn, LARGE, told))


def churn(tick: TickStock, members: list[str], changes: int) -> None:
    """Write the row anew, a symbol less each time, dated a week apart from 2014 on."""
    start = time.perf_counter()
    for n in range(changes):
        with tick.database.transaction() as conn:
            universe_writes.apply(
                conn, universe_plans.plan_set(conn, LARGE, members[: MEMBERS - n - 1])
            )
    say("edit of one universe of 3,000", (time.perf_counter() - start) / changes)
    with tick.database.transaction() as conn:
        first = datetime(2014, 1, 1, tzinfo=UTC)
        rows = conn.execute(
            "SELECT id FROM tickstock.universe_revisions WHERE key = 'index_large' ORDER BY id"
        ).fetchall()
        for n, (number,) in enumerate(rows):
            conn.execute(
                "UPDATE tickstock.universe_revisions SET at = %s WHERE id = %s",
                (first + timedelta(weeks=n), number),
            )


# --- ways to keep the past --------------------------------------------------------------------
def run_storage(tick: TickStock, dice: np.random.Generator) -> None:
    """One row a membership, written by a trigger at every change, against lists as they were."""
    with psycopg.connect(tick.database.conninfo, autocommit=True) as conn:
        conn.execute(
            "CREATE TABLE members (universe int, symbol text, effective daterange, known tstzrange,"
            " PRIMARY KEY (universe, symbol, effective, known));"
            "CREATE TABLE lists (universe int, at timestamptz, value jsonb,"
            " PRIMARY KEY (universe, at))"
        )
        value = json.dumps(names(dice, 500))
        fill = (
            "INSERT INTO members SELECT u, s, '[2014-01-01,)', '[2014-01-01,)'"
            " FROM generate_series(1, 1000) AS u, jsonb_array_elements_text(%s::jsonb) AS s"
        )
        once("storage: 1,000 x 500 as rows", lambda: conn.execute(fill, (value,)))
        fill_lists = (
            "INSERT INTO lists SELECT u, '2014-01-01', %s::jsonb FROM generate_series(1, 1000) AS u"
        )
        once("storage: 1,000 x 500 as lists", lambda: conn.execute(fill_lists, (value,)))
        large_value = json.dumps(names(dice, MEMBERS))
        conn.execute(fill.replace("1, 1000", "2000, 2000"), (large_value,))
        conn.execute(fill_lists.replace("1, 1000", "2000, 2000"), (large_value,))
        conn.execute("ANALYZE members, lists")
        rows = (
            "SELECT string_agg(symbol, ' ') FROM members WHERE universe = 2000"
            " AND effective @> date '2015-01-01' AND known @> timestamptz '2016-01-01'"
        )
        lists = (
            "SELECT value::text FROM lists WHERE universe = 2000 AND at < '2015-01-02'"
            " ORDER BY at DESC LIMIT 1"
        )
        often("storage: as of, 3,000 symbols, from rows", lambda: conn.execute(rows).fetchone())
        often("storage: as of, 3,000 symbols, from a list", lambda: conn.execute(lists).fetchone())
        for table in ("members", "lists"):
            row = conn.execute(f"SELECT pg_total_relation_size('{table}')").fetchone()
            print(f"storage: {table}: {row[0] / 1e6 if row else 0:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--universes", type=int, default=10_000)
    parser.add_argument("--symbols", type=int, default=500)
    args = parser.parse_args()
    dice = np.random.default_rng(7)
    definitions = catalog(args, dice)
    with tempfile.TemporaryDirectory(prefix="ts-bench-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with TickStock.open(read_settings({}, home, home=home)) as tick:
            run_guide(tick.database.conninfo, definitions)
            run_ours(tick, definitions)
            run_past(tick, dice)
            run_storage(tick, dice)


if __name__ == "__main__":
    main()
