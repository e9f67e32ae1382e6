"""Everything that can happen to universes, in any order, against a model of a page.

UNIVERSE_STEPS=10000 makes it long; by default it takes a few hundred steps.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import Cluster
from tickstock.errors import UnknownUniverse
from tickstock.model import UniverseRef
from tickstock.spans import Span
from tickstock.store import history, universe_plans, universe_writes, universes
from tickstock.store.database import Database
from tickstock.universes.catalog import Definition
from tickstock.universes.files import read_file
from tickstock.universes.membership import Interval, make_history
from tickstock.universes.plan import Action, Mode, OrganizePlan

STEPS = int(os.environ.get("UNIVERSE_STEPS", "400"))
PER_RUN = 40
KEYS = [f"theme_{letter}" for letter in "abc"]
SYMBOLS = "ABCDE"
PAST = 8
"""Days before the first one that histories may speak about."""
Members = frozenset[str]
Symbols = tuple[str, ...]

keys = st.sampled_from(KEYS)
some = st.sets(st.sampled_from(SYMBOLS), min_size=1).map(frozenset)


@dataclass(frozen=True)
class Said:
    """One statement about a universe. Of its row: from `start` on, `members` (None: it is gone).
    Of a source: on the days of `by_day`, and no other."""

    number: int
    start: int
    members: Members | None = None
    by_day: tuple[tuple[int, Members], ...] = ()

    @property
    def end(self) -> int:
        return self.by_day[-1][0] + 1

    def covers(self, day: int) -> bool:
        return bool(self.by_day) and self.start <= day < self.end


def believed(said: list[Said], day: int, until: int) -> Members | None:
    """Who was in it on a day by the statements up to number `until`; None: unknown, or gone."""
    known = [s for s in said if s.number <= until]
    speaking = [s for s in known if s.covers(day) or (not s.by_day and s.start <= day)]
    if speaking:
        last = max(speaking, key=lambda s: s.number)
        return dict(last.by_day)[day] if last.by_day else last.members
    over = [s for s in known if s.by_day and s.end <= day]
    if over:
        last = max(over, key=lambda s: (s.end, s.number))
        return last.by_day[-1][1]
    return None


class Universes(RuleBasedStateMachine):
    """Days are counted from the run's first; when one passes, all that is recorded becomes a day
    older."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, list[Said]] = {key: [] for key in KEYS}
        self.rows: dict[str, Symbols] = {}
        self.symbols: dict[int, Symbols | None] = {}
        self.number = 0
        self.day = PAST
        self.times: list[tuple[int, datetime]] = []
        self.sql(
            "TRUNCATE tickstock.universe_facts, tickstock.universe_counts, cache_entries;"
            "TRUNCATE tickstock.universe_revisions, tickstock.universe_histories CASCADE"
        )
        with self.database.transaction() as conn:
            self.today = history.today(conn)

    # -- helpers -----------------------------------------------------------------------------
    def sql(self, statement: str, *params: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database.conninfo, autocommit=True) as conn:
            cursor = conn.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def ref(self, key: str) -> UniverseRef:
        return UniverseRef("stock_universe", key)

    def date(self, day: int) -> date:
        return self.today + timedelta(days=day - self.day)

    def apply(self, plan: OrganizePlan) -> None:
        with self.database.transaction() as conn:
            universe_writes.apply(conn, plan, allow=KEYS, reason="machine")

    def became(self, key: str, symbols: Symbols | None) -> None:
        """The row of a universe names these symbols now, in this order."""
        if self.rows.get(key) != symbols:
            self.wrote(key, symbols)

    def wrote(self, key: str, symbols: Symbols | None) -> None:
        members = None if symbols is None else frozenset(symbols)
        self.say(key, Said(self.number + 1, self.day, members))
        self.symbols[self.number] = symbols
        if symbols is None:
            del self.rows[key]
        else:
            self.rows[key] = symbols

    def say(self, key: str, said: Said) -> None:
        self.number += 1
        self.said[key].append(said)

    def time_of(self, number: int) -> datetime:
        """A time at which statement `number` was the latest of its universe."""
        return next(at for n, at in self.times if n >= number)

    # -- what happens ------------------------------------------------------------------------
    @rule(key=keys, members=some)
    def edit(self, key: str, members: Members) -> None:
        with self.database.transaction() as conn:
            plan = universe_plans.plan_set(conn, self.ref(key), sorted(members), name="X")
        self.apply(plan)
        self.became(key, tuple(sorted(members)))

    @rule(key=keys, members=some, form=st.sampled_from(["symbol\n%s\n", "%s"]))
    def import_file(self, key: str, members: Members, form: str) -> None:
        data = (form % "\n".join(sorted(members))).encode()
        imported = read_file("list.csv", data)
        with self.database.transaction() as conn:
            ref, source = self.ref(key), f"file:list.csv sha256:{imported.sha256}"
            plan = universe_plans.plan_set(conn, ref, imported.symbols, name="X", source=source)
        self.apply(plan)
        self.became(key, tuple(sorted(members)))

    @rule(key=keys, members=some, shape=st.sampled_from(["%s", '{"symbols": %s}']))
    def edit_by_sql(self, key: str, members: Members, shape: str) -> None:
        value = shape % str(sorted(members)).replace("'", '"')
        ((before,),) = self.sql(
            "SELECT count(*) FROM cache_entries WHERE (key, value) = (%s, %s)", key, value
        )
        self.sql(
            "INSERT INTO cache_entries (type, key, name, value)"
            " VALUES ('stock_universe', %s, 'X', %s)"
            " ON CONFLICT (type, key, environment) DO UPDATE SET value = EXCLUDED.value",
            key,
            value,
        )
        if not before:
            self.wrote(key, tuple(sorted(members)))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), by_us=st.booleans())
    def delete(self, data: st.DataObject, by_us: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        if by_us:
            with self.database.transaction() as conn:
                plan = universe_plans.plan_delete(conn, [self.ref(key)])
            self.apply(plan)
        else:
            self.sql("DELETE FROM cache_entries WHERE key = %s", key)
        self.became(key, None)

    @rule(wanted=st.dictionaries(keys, some))
    def organize(self, wanted: dict[str, Members]) -> None:
        self.apply(self.organized(wanted, Mode.REPLACE))
        for key in KEYS:
            self.became(key, tuple(sorted(wanted[key])) if key in wanted else None)
        assert not self.organized(wanted, Mode.REPLACE).writes

    @rule(wanted=st.dictionaries(keys, some))
    def organize_and_preserve(self, wanted: dict[str, Members]) -> None:
        """What it makes of people's changes is tested elsewhere: here, that nothing goes, and that
        the record follows."""
        plan = self.organized(wanted, Mode.PRESERVE)
        assert not plan.removed
        self.apply(plan)
        for change in plan.changes:
            if change.action is not Action.SAME:
                self.became(change.ref.key, change.symbols)

    def organized(self, wanted: dict[str, Members], mode: Mode) -> OrganizePlan:
        definitions = [
            Definition(self.ref(key), "X", symbols=tuple(sorted(members)))
            for key, members in wanted.items()
        ]
        with self.database.transaction() as conn:
            return universe_plans.plan_organize(conn, definitions, mode)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        free = [key for key in KEYS if key not in self.rows]
        if not free:
            return
        old = data.draw(st.sampled_from(sorted(self.rows)))
        new = data.draw(st.sampled_from(free))
        days = range(self.day)
        past = [(d, believed(self.said[old], d, self.number)) for d in days]
        known = [d for d, members in past if members is not None]
        copied = tuple((d, m or frozenset()) for d, m in past if known and d >= known[0])
        members = self.rows[old]
        with self.database.transaction() as conn:
            plan = universe_plans.plan_rename(conn, self.ref(old), self.ref(new))
        self.apply(plan)
        self.became(old, None)
        self.became(new, members)
        if copied:
            self.say(new, Said(self.number + 1, copied[0][0], by_day=copied))

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), lists=st.lists(some, min_size=1, max_size=4))
    def correct(self, data: st.DataObject, lists: list[Members]) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        start = data.draw(st.integers(0, self.day - 1))
        lists = lists[: self.day - start]
        by_day = tuple((start + n, members) for n, members in enumerate(lists))
        intervals = [
            Interval(symbol, Span.inclusive(self.date(day), self.date(day)))
            for day, members in by_day
            for symbol in members
        ]
        span = Span.inclusive(self.date(start), self.date(by_day[-1][0]))
        with self.database.transaction() as conn:
            told = make_history(intervals, span, f"source {self.number}")
            plan = universe_plans.plan_history(conn, self.ref(key), told)
        self.apply(plan)
        self.say(key, Said(self.number + 1, start, by_day=by_day))

    @rule(key=keys)
    def undo(self, key: str) -> None:
        rows = [s for s in self.said[key] if not s.by_day]
        if not rows:
            return
        with self.database.transaction() as conn:
            plan = universe_plans.plan_revert(conn, self.ref(key))
        self.apply(plan)
        self.became(key, self.symbols[rows[-2].number] if len(rows) > 1 else None)

    @rule(key=keys, data=st.data())
    def revert(self, key: str, data: st.DataObject) -> None:
        """By number of the revision, or to just after it: the same."""
        rows = [s for s in self.said[key] if not s.by_day]
        if not rows:
            return
        which = data.draw(st.integers(0, len(rows) - 1))
        to: dict[str, object] = {"at": self.time_of(rows[which].number)}
        if data.draw(st.booleans()):
            entries = self.log(key)
            to = {"revision": [e for e in entries if e.action != "history"][-1 - which].id}
        with self.database.transaction() as conn:
            plan = universe_plans.plan_revert(conn, self.ref(key), **to)  # type: ignore[arg-type]
        self.apply(plan)
        self.became(key, self.symbols[rows[which].number])

    @rule()
    def a_day_passes(self) -> None:
        self.day += 1
        older = "((%s AT TIME ZONE 'America/New_York') - interval '1 day')"
        older += " AT TIME ZONE 'America/New_York'"
        with psycopg.connect(self.database.conninfo) as conn:
            conn.execute("SET LOCAL session_replication_role = replica")
            for table, column in (
                ("tickstock.universe_revisions", "at"),
                ("tickstock.universe_histories", "known_at"),
                ("cache_entries", "updated_at"),
            ):
                conn.execute(f"UPDATE {table} SET {column} = {older % column}")
            conn.execute(
                "UPDATE tickstock.universe_histories SET days = daterange(lower(days) - 1,"
                " upper(days) - 1)"
            )
            conn.execute(
                "UPDATE tickstock.universe_spells SET starts = starts - 1, ends = ends - 1"
            )
            conn.execute("TRUNCATE tickstock.universe_counts")
            moved = conn.execute(
                f"SELECT {older % 't'} FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS u(t, n)"
                " ORDER BY n",
                ([at for _, at in self.times],),
            ).fetchall()
        self.times = [(n, at) for (n, _), (at,) in zip(self.times, moved, strict=True)]

    # -- what must hold ----------------------------------------------------------------------
    @invariant()
    def note_the_time(self) -> None:
        if self.number > (self.times[-1][0] if self.times else 0):
            ((at,),) = self.sql("SELECT clock_timestamp()")
            assert isinstance(at, datetime)
            self.times.append((self.number, at))

    def log(self, key: str) -> list[history.LogEntry]:
        with self.database.transaction() as conn:
            return history.log(conn, self.ref(key), limit=10_000)

    @invariant()
    def rows_are_as_modelled(self) -> None:
        with self.database.transaction() as conn:
            found = {
                u.ref.key: frozenset(universes.get(conn, u.ref).symbols)
                for u in universes.list_universes(conn)
            }
        assert found == {key: frozenset(symbols) for key, symbols in self.rows.items()}

    @rule(key=keys, data=st.data())
    def membership_is_as_believed(self, key: str, data: st.DataObject) -> None:
        """On a day, by what was known at a time."""
        until, at = self.number, None
        if self.times and data.draw(st.booleans()):
            until, at = data.draw(st.sampled_from(self.times))
        with self.database.transaction() as conn:
            for day in range(-1, self.day + 2):
                try:
                    found = history.said_on(conn, self.ref(key), self.date(day), known=at)
                    members: Members | None = frozenset(found.symbols)
                except UnknownUniverse:
                    members = None
                expected = believed(self.said[key], day, until)
                assert members == expected or (not members and not expected), (key, day, until)

    @rule(symbol=st.sampled_from(SYMBOLS), data=st.data())
    def containing_is_as_believed(self, symbol: str, data: st.DataObject) -> None:
        day = data.draw(st.integers(-1, self.day))
        with self.database.transaction() as conn:
            then = {r.key for r in history.containing(conn, symbol, day=self.date(day))}
            now = {r.key for r in history.containing(conn, symbol)}
        believers = {k for k in KEYS if symbol in (believed(self.said[k], day, self.number) or ())}
        assert then == believers
        assert now == {key for key, members in self.rows.items() if symbol in members}

    @rule(key=keys)
    def every_change_is_in_the_log(self, key: str) -> None:
        told = [bool(s.by_day) for s in self.said[key]]
        assert [e.action == "history" for e in reversed(self.log(key))] == told
        held: Members = frozenset()
        for entry in reversed(self.log(key)):
            held = (held | {*(entry.joined or ())}) - {*(entry.left or ())}
        assert held == frozenset(self.rows.get(key, ()))

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def blame_names_the_change_that_let_each_in(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        with self.database.transaction() as conn:
            found = history.blame(conn, self.ref(key), sorted(self.rows[key]))
        entries = {e.id: e for e in self.log(key) if e.action != "history"}
        for one in found:
            assert one.revision is not None
            assert one.symbol in (entries[one.revision].joined or ())
            later = [e for e in entries.values() if e.id > entries[one.revision].id]
            assert all(one.symbol not in (e.left or ()) for e in later)


@pytest.fixture(scope="module")
def machine_database(cluster: Cluster, template: str, home: Path) -> Iterator[Database]:
    name = cluster.create(template)
    with Database.open(cluster.uri(name), home, migrate=False) as opened:
        yield opened
    cluster.drop(name)


def test_universes_behave_like_the_model(machine_database: Database) -> None:
    class Machine(Universes):
        database = machine_database

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=max(1, STEPS // PER_RUN),
            stateful_step_count=PER_RUN,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),  # shrinking would go through the database for minutes
        ),
    )
