"""The three database roles on real servers: each can do its work, and nothing beyond it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Cluster
from tickstock.config import Settings
from tickstock.errors import BadInput, DatabaseForbidden
from tickstock.model import JobState, Timeframe
from tickstock.service import TickStock
from tickstock.service.access import Access, Role, Visitor
from tickstock.store import bars, migrate
from tickstock.store.bar_files import BarFiles, Wanted
from tickstock.store.database import Database
from tickstock.store.folding import fold
from tickstock.store.migrate import MigrationStep
from tickstock.store.reference import fill_reference
from tickstock.store.roles import KINDS, make, statements
from tickstock.worker.run import Worker

PREFIX = "ts_test"
SECRET = ("users", "web_sessions", "sign_in_links", "sign_in_failures", "audit_log", "job_refusals")


@pytest.fixture(scope="module", params=["embedded", "oldest"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, str]]:
    """A migrated database with the roles, and somebody who may sign in as each."""
    cluster: Cluster = request.getfixturevalue(request.param)
    name = cluster.create()
    uri = cluster.uri(name)
    with psycopg.connect(uri, autocommit=True) as conn:
        conn.execute("ALTER ROLE CURRENT_USER SET search_path = public")
    with Database.open(uri, Path("/nowhere"), migrate=False) as database:
        database.migrate(after=fill_reference)
        for _ in range(2):  # again, as after an upgrade
            with database.transaction() as connection:
                make(connection, PREFIX)
        with database.transaction() as connection:
            for kind in KINDS:
                role = f"{PREFIX}_{kind}"
                connection.execute(f"CREATE ROLE {role}_login LOGIN IN ROLE {role}")
    yield cluster, name
    with psycopg.connect(uri, autocommit=True) as conn:
        conn.execute("ALTER ROLE CURRENT_USER RESET search_path")
    cluster.drop(name)
    with psycopg.connect(cluster.uri("postgres"), autocommit=True) as conn:
        for kind in KINDS:
            conn.execute(f"DROP ROLE {PREFIX}_{kind}_login, {PREFIX}_{kind}")


@contextmanager
def as_(place: tuple[Cluster, str], kind: str) -> Iterator[Database]:
    cluster, name = place
    uri = make_conninfo(cluster.uri(name), user=f"{PREFIX}_{kind}_login")
    with Database.open(uri, Path("/nowhere"), migrate=False) as database:
        yield database


def refused(database: Database, statement: str) -> bool:
    """Whether the role lacks the privilege."""
    try:
        with database.transaction() as connection:
            connection.execute(statement)
    except DatabaseForbidden:
        return True
    return False


def load_some(tick: TickStock, timeframes: str) -> JobState:
    request = tick.requests.resolve(symbols=["AAA", "BBB"], duration="2d", timeframes=timeframes)
    load = tick.jobs.submit(tick.plans.make(request))
    asyncio.run(Worker(tick).drain(load.id))
    return tick.jobs.progress(load.id).load.state


def test_the_app_loads_organizes_schedules_and_keeps_users(
    place: tuple[Cluster, str], tmp_path: Path
) -> None:
    settings = Settings(vendor="synthetic", home=tmp_path)
    with as_(place, "app") as database:
        tick = TickStock(settings, database)
        tick.universes.apply(tick.universes.plan_organize(), reason="test")
        assert len(tick.universes.list()) > 5
        # Minutes need a new partition, which belongs to somebody else.
        assert load_some(tick, "day,hour,1min") is JobState.COMPLETED
        tick.steering.prune()
        access = Access(database)
        access.note("ann", "did", "something")
        assert access.visitor(access.spend_link(access.make_link())) is not None
        with pytest.raises(DatabaseForbidden):
            access.add_user("eve", "correct horse battery", Role.ADMIN)
    with as_(place, "migrate") as database:
        Access(database).add_user("ann", "correct horse battery", Role.VIEWER)
    with as_(place, "app") as database:
        access = Access(database)
        token = access.sign_in("ann", "correct horse battery", "::1")
        assert access.visitor(token) == Visitor("ann", Role.VIEWER)
        for change in (
            lambda: access.set_role("ann", Role.ADMIN),
            lambda: access.set_password("ann", "another horse battery"),
            lambda: access.remove_user("ann"),
        ):
            with pytest.raises(DatabaseForbidden):
                change()
        access.sign_out(token)
        (row,) = (r for r in access.log() if r.action == "did")
        assert row.who == "ann"
        with database.transaction() as connection:
            by = connection.execute(
                "SELECT DISTINCT by_role, at > now() - interval '1 hour' FROM tickstock.audit_log"
            )
            assert by.fetchall() == [(f"{PREFIX}_app_login", True)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE tickstock.x ()",
        "ALTER TABLE tickstock.bars_day ADD COLUMN x int",
        "DROP TABLE tickstock.bars_day",
        "TRUNCATE tickstock.bars_day",
        "INSERT INTO tickstock.migrations VALUES ('tickstock', '9999', 'x', 'x')",
        "DELETE FROM tickstock.universe_revisions",
        (
            "INSERT INTO tickstock.universe_revisions (environment, type, key, action)"
            " VALUES ('DEFAULT', 'etf_universe', 'x', 'insert')"
        ),
        "UPDATE tickstock.universe_revisions SET by_role = 'somebody'",
        "DELETE FROM tickstock.universe_histories",
        "UPDATE tickstock.universe_spells SET symbol = 'X'",
        "DELETE FROM tickstock.bar_revisions",
        "DELETE FROM tickstock.bar_arrivals",
        "DELETE FROM tickstock.bar_checksums",
        "UPDATE tickstock.bar_checksums SET sums = ''",
        "ALTER TABLE public.cache_entries DISABLE TRIGGER cache_entries_history",
        "SET session_replication_role = replica",
        "UPDATE tickstock.users SET role = 'admin'",
        "UPDATE tickstock.users SET password_hash = ''",
        "INSERT INTO tickstock.users (name, role, password_hash) VALUES ('eve', 'admin', '')",
        "DELETE FROM tickstock.users",
        f"GRANT {PREFIX}_migrate TO {PREFIX}_app_login",
        f"SET ROLE {PREFIX}_migrate",
        "UPDATE tickstock.audit_log SET who = 'nobody'",
        "DELETE FROM tickstock.audit_log",
        "TRUNCATE tickstock.audit_log",
        "INSERT INTO tickstock.audit_log (who, action, at) VALUES ('ann', 'did', '2020-01-01')",
        "INSERT INTO tickstock.audit_log (who, action, by_role) VALUES ('ann', 'did', 'postgres')",
        (
            "INSERT INTO tickstock.audit_log (id, who, action) OVERRIDING SYSTEM VALUE"
            " VALUES (1, 'ann', 'did')"
        ),
    ],
)
def test_the_app_changes_neither_the_schema_nor_the_past(
    place: tuple[Cluster, str], statement: str
) -> None:
    with as_(place, "app") as database:
        assert refused(database, statement)


def test_the_reader_reads_bars_and_writes_nothing(
    place: tuple[Cluster, str], tmp_path: Path
) -> None:
    settings = Settings(vendor="synthetic", home=tmp_path)
    with as_(place, "app") as database:
        app = TickStock(settings, database)
        app.universes.apply(app.universes.plan_organize(), reason="test")
        assert load_some(app, "day") is JobState.COMPLETED
    with as_(place, "reader") as database:
        tick = TickStock(settings, database)
        assert len(tick.holdings.bars(["AAA"], Timeframe.DAY)) == 2
        assert tick.holdings.coverage(["AAA", "CCC"], Timeframe.DAY).unknown == ("CCC",)
        assert tick.jobs.newest()
        assert tick.universes.list()
        assert tick.plans.make(tick.requests.resolve(symbols=["AAA", "NEW"], duration="5d")).calls
        with database.transaction() as connection:
            for view in ("ohlcv_daily", "ohlcv_weekly", "ohlcv_1min"):
                connection.execute(f"SELECT count(*) FROM public.{view}")
            tables = connection.execute(
                "SELECT schemaname || '.' || tablename, has_table_privilege("
                "schemaname || '.' || tablename, 'INSERT, UPDATE, DELETE, TRUNCATE') "
                "FROM pg_tables WHERE schemaname IN ('public', 'tickstock')"
            ).fetchall()
        assert len(tables) > 30
        assert [table for table, writable in tables if writable] == []
        for table in SECRET:
            assert refused(database, f"SELECT FROM tickstock.{table}")
        assert refused(database, "SELECT tickstock.add_minute_months(ARRAY['2001-01-01'::date])")


def test_neither_migrates_and_the_role_for_it_does(place: tuple[Cluster, str]) -> None:
    step = "ALTER TABLE tickstock.loads ADD COLUMN of_tomorrow int"
    for kind in ("app", "reader"):
        with as_(place, kind) as database:
            assert refused(database, step)
            assert refused(database, "SELECT lo_import('/etc/passwd')")
    with as_(place, "migrate") as database:
        assert not refused(database, step)
        assert not refused(database, "ALTER TABLE public.cache_entries ADD COLUMN of_tomorrow int")
        assert not refused(database, "ALTER TABLE procrastinate_jobs ADD COLUMN of_tomorrow int")


def test_a_step_that_the_role_takes_belongs_to_the_role_and_serves_the_app(
    place: tuple[Cluster, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = MigrationStep(
        "tickstock", "9999", "tomorrow", "CREATE TABLE tickstock.of_tomorrow ()"
    )
    steps = (*migrate.steps(), tomorrow)
    monkeypatch.setattr(migrate, "steps", lambda: steps)
    with as_(place, "app") as database, pytest.raises(DatabaseForbidden):
        database.migrate()
    with as_(place, "migrate") as database:
        assert database.migrate() == (str(tomorrow),)
    with as_(place, "app") as database:
        assert not refused(database, "INSERT INTO tickstock.of_tomorrow DEFAULT VALUES")
    with as_(place, "reader") as database:
        assert refused(database, "SELECT FROM tickstock.of_tomorrow")


def test_receipts_are_forgotten_by_roles_of_before(place: tuple[Cluster, str]) -> None:
    """A function that a step brings is closed to roles that were made before it, unless it says."""
    step = resources.files("tickstock.store") / "migrations" / "0034_receipts_forgotten.sql"
    may = "SELECT has_function_privilege(%s, 'tickstock.forget_receipts(timestamptz)', 'EXECUTE')"
    with as_(place, "migrate") as database, database.transaction() as connection:
        connection.execute(f"SET ROLE {PREFIX}_migrate")
        connection.execute("DROP FUNCTION tickstock.forget_receipts(timestamptz)")
        connection.execute(step.read_text("utf-8"))
        found = [connection.execute(may, (f"{PREFIX}_{kind}",)).fetchone() for kind in KINDS]
    assert dict(zip(KINDS, found, strict=True)) == {
        "migrate": (True,), "app": (True,), "reader": (False,),
    }  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "a b", "x;", 'a"b', "1x", "a" * 60])
def test_a_prefix_that_is_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(BadInput, match="role"):
        statements(prefix)


def test_bar_files_are_written_by_workers_and_read_by_all(
    place: tuple[Cluster, str], tmp_path: Path
) -> None:
    files = BarFiles(tmp_path, few=0)
    with as_(place, "app") as database:
        with database.transaction() as connection:
            bars._copy(connection, Timeframe.DAY, ONE_BAR)
        fold(database, files)
    with as_(place, "reader") as database:
        with database.transaction() as connection:
            found = files.answer(connection, Wanted(*(np.array([n]) for n in (7, 0, 99_999))))
        assert found is not None
        assert found.close.tolist() == [2.0]
        with pytest.raises(DatabaseForbidden):
            fold(database, files)
    with as_(place, "app") as database, database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.bars_day WHERE instrument_id = 7")


ONE_BAR = bars.Rows(
    np.array([7]), np.array([19_700]), *(np.array([2.0]) for _ in range(6)), np.array([5])
)
