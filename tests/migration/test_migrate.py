"""Databases are brought up to date, on the oldest PostgreSQL supported and on our own."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata, resources

import psycopg
import pytest
from psycopg import Connection

from tests.conftest import Cluster
from tests.migration.schemas import frozen
from tickstock.errors import BadSetting, DatabaseRefused
from tickstock.store import locks
from tickstock.store.embedded import EmbeddedServer
from tickstock.store.migrate import engine_steps, migrate, status, steps

WHOLE_ENGINE = f"procrastinate {metadata.version('procrastinate')} whole schema"
OUR_STEPS = tuple(str(step) for step in steps())


def connect(uri: str) -> Connection:
    """A connection that makes what has no schema in "public", also for a role "tickstock"."""
    conn = psycopg.connect(uri, autocommit=True)
    conn.execute("SET search_path = public")
    return conn


def tables(conn: Connection) -> set[str]:
    query = """SELECT schemaname || '.' || tablename FROM pg_tables
               WHERE schemaname IN ('public', 'tickstock')"""
    return {row[0] for row in conn.execute(query)}


def dump(server: EmbeddedServer, uri: str) -> str:
    """The schema as pg_dump writes it, without its one-time key."""
    command = [server.program("pg_dump"), "--schema-only", "--no-owner", uri]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return re.sub(r"^\\(un)?restrict .*\n", "", done.stdout, flags=re.MULTILINE)


def whole_engine() -> str:
    return resources.files("procrastinate.sql").joinpath("schema.sql").read_text()


# --- up to date ---------------------------------------------------------------------------------
def test_an_empty_database_is_brought_up_to_date_once(empty: str) -> None:
    with connect(empty) as conn:
        assert len(status(conn).pending) == len(steps()) + 1
        assert migrate(conn) == (*OUR_STEPS, WHOLE_ENGINE)
        assert migrate(conn) == ()
        now = status(conn)
        assert now.pending == ()
        assert [a.version for a in now.applied if a.part == "tickstock"] == [
            s.version for s in steps()
        ]
        assert {a.version for a in now.applied if a.part == "procrastinate"} == set(engine_steps())
        assert {"public.cache_entries", "public.procrastinate_jobs"} <= tables(conn)


def test_released_steps_are_numbered_without_a_gap_and_no_number_stands_twice() -> None:
    versions = [step.version for step in steps()]
    assert list(frozen()) == [f"{n:04}" for n in range(1, len(frozen()) + 1)]
    assert versions == sorted(set(versions))
    assert all(len(v) == 4 for v in versions)


def test_the_steps_give_the_schema_that_is_written_down_whole(
    cluster: Cluster, server: EmbeddedServer
) -> None:
    whole = resources.files("tickstock.store").joinpath("schema.sql").read_text()
    stepped, written = cluster.create(), cluster.create()
    with connect(cluster.uri(stepped)) as conn:
        migrate(conn)
    with connect(cluster.uri(written)) as conn:
        conn.execute(whole)
        conn.execute(whole_engine())
    by_steps, by_file = (dump(server, cluster.uri(name)) for name in (stepped, written))
    cluster.drop(stepped)
    cluster.drop(written)
    assert by_file == by_steps, "a change in migrations/ belongs into schema.sql too"


def test_of_many_that_migrate_at_once_each_step_is_done_by_one(empty: str) -> None:
    called: list[int] = []

    def run(number: int) -> tuple[str, ...]:
        with connect(empty) as conn:
            return migrate(conn, after=lambda _: called.append(number))

    with ThreadPoolExecutor(4) as pool:
        done = [step for steps_done in pool.map(run, range(4)) for step in steps_done]
    assert sorted(done) == sorted((*OUR_STEPS, WHOLE_ENGINE))
    assert len(called) == 1


def test_it_waits_for_the_lock_whatever_limits_the_role_has(empty: str) -> None:
    with connect(empty) as conn, connect(empty) as other:
        conn.execute("SET lock_timeout = '1ms'; SET statement_timeout = '200ms'")
        conn.execute("SET default_transaction_isolation = 'serializable'")
        with ThreadPoolExecutor(1) as pool:
            with other.transaction():
                other.execute("SELECT pg_advisory_xact_lock(%s)", [locks.MIGRATION])
                waiting = pool.submit(migrate, conn)
                query = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                while other.execute(query).fetchone() is None:
                    assert not waiting.done()
                other.execute("SELECT pg_sleep(0.3)")
                assert not waiting.done()
            assert waiting.result(20) == (*OUR_STEPS, WHOLE_ENGINE)


def test_what_is_done_after_is_done_with_the_last_step_or_not_at_all(empty: str) -> None:
    def fail(conn: Connection) -> None:
        conn.execute("SELECT 1 / 0")

    def seed(conn: Connection) -> None:
        conn.execute("CREATE TABLE seeded AS SELECT 1")

    with connect(empty) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(conn, after=fail)
        assert "public.procrastinate_jobs" not in tables(conn)
        assert migrate(conn, after=seed) == (WHOLE_ENGINE,)
        assert "public.seeded" in tables(conn)
        assert migrate(conn, after=fail) == ()


# --- refused ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE tickstock.migrations SET checksum = 'x' WHERE version = '0001'", "0001 start was"),
        (
            "INSERT INTO tickstock.migrations VALUES ('tickstock', '9999', 'later', 'x')",
            "newer than this tickstock: it has step 9999 later",
        ),
    ],
)
def test_a_database_that_does_not_fit_is_refused(
    cluster: Cluster, template: str, change: str, message: str
) -> None:
    name = cluster.create(template)
    with connect(cluster.uri(name)) as conn:
        conn.execute(change)
        with pytest.raises(DatabaseRefused, match=message):
            migrate(conn)
        with pytest.raises(DatabaseRefused, match=message):
            status(conn)
    cluster.drop(name)


def test_a_zone_that_is_none_is_refused(empty: str) -> None:
    with connect(empty) as conn:
        with pytest.raises(BadSetting, match="Mars/Base"):
            migrate(conn, zone="Mars/Base")
        assert tables(conn) == set()


# --- the job engine -----------------------------------------------------------------------------
def test_a_job_engine_of_another_application_is_used_as_it_is(empty: str) -> None:
    with connect(empty) as conn:
        conn.execute(whole_engine())
        conn.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'theirs')"
        )
        migrate(conn)
        assert conn.execute("SELECT task_name FROM procrastinate_jobs").fetchall() == [("theirs",)]
        assert migrate(conn) == ()


def test_a_foreign_job_engine_that_is_too_old_is_refused_and_left_alone(empty: str) -> None:
    with connect(empty) as conn:
        conn.execute(whole_engine())
        conn.execute("DROP FUNCTION procrastinate_fetch_job_v2")
        with pytest.raises(DatabaseRefused, match=r"lacks procrastinate_fetch_job_v2\."):
            migrate(conn)
        conn.execute("CREATE FUNCTION procrastinate_fetch_job_v2() RETURNS int RETURN 1")
        assert len(migrate(conn)) == 1


def test_our_job_engine_is_upgraded_step_by_step(empty: str) -> None:
    *older, before_last, last = engine_steps().items()
    record = "INSERT INTO tickstock.migrations VALUES ('procrastinate', %s, 'x', 'x')"
    functions = "SELECT proname FROM pg_proc WHERE proname = 'procrastinate_retry_job_v2'"
    with connect(empty) as conn:
        for _, file in older:
            conn.execute(file.read_text())
        with pytest.raises(DatabaseRefused, match="lacks procrastinate_retry_job_v2"):
            migrate(conn)  # taken for another application's, as it is not recorded
        conn.cursor().executemany(record, [(version,) for version, _ in older])
        pending = tuple(f"procrastinate {step} migration" for step, _ in (before_last, last))
        assert migrate(conn) == pending
        assert conn.execute(functions).fetchall() == [("procrastinate_retry_job_v2",)]
