"""Connections, transactions and errors against a real server that is restarted and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import Cluster, new_folder
from tests.work import statements
from tickstock import errors
from tickstock.store import database as databases
from tickstock.store import embedded
from tickstock.store.database import Database, mask, translate
from tickstock.store.embedded import EmbeddedServer
from tickstock.store.migrate import take_turn

CANARY = "s3cret@/%w"
ESCAPED = "s3cret%40%2F%25w"


def one(database: Database, query: str, before: str = "") -> object:
    with database.transaction() as conn:
        conn.execute(before)
        row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def waiting_for(database: Database, query: str) -> object:
    """The answer, also while processes of a killed server still answer a little."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(errors.DatabaseUnavailable):
            return one(database, query)
    raise AssertionError("it did not come back")


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """A home of this file's own, whose server may be stopped and killed."""
    path = new_folder()
    yield path
    rmtree(path)


# --- transactions -------------------------------------------------------------------------------
def test_a_transaction_commits_or_rolls_back(database: Database) -> None:
    with database.transaction() as conn:
        conn.execute("CREATE TABLE t AS SELECT 1 AS n")
    with pytest.raises(errors.DatabaseRefused, match="division by zero"):
        one(database, "SELECT 1 / 0", before="INSERT INTO t VALUES (2)")
    assert one(database, "SELECT sum(n)::int FROM t") == 1


def test_a_warm_lookup_is_one_statement_on_a_connection_that_is_there(database: Database) -> None:
    looking = "SELECT count(*) || ' by ' || pg_backend_pid() FROM public.cache_entries"
    first = one(database, looking)
    with statements() as asked:
        assert {one(database, looking) for _ in range(20)} == {first}
    assert asked == ["", looking] * 20  # an empty one is sent by `one`


def test_threads_share_it(database: Database) -> None:
    with database.transaction() as conn:
        conn.execute("CREATE TABLE t AS SELECT 0 AS n")

    def add(_: int) -> None:
        with database.transaction() as conn:
            conn.execute("UPDATE t SET n = n + 1")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(add, range(200)))
    assert one(database, "SELECT n FROM t") == 200
    count = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()"
    end = time.monotonic() + 10
    while int(str(one(database, count))) > databases.KEPT:
        assert time.monotonic() < end, "more are kept than should be"


def test_a_closed_database_says_so(database: Database) -> None:
    with database.transaction():
        database.close()
    with pytest.raises(errors.DatabaseUnavailable, match="was closed"), database.transaction():
        pass


def test_times_are_in_utc_whatever_the_server_says(database: Database, home: Path) -> None:
    with database.transaction() as conn:
        name = conn.info.dbname
        conn.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
    with Database.open(database.conninfo, home, migrate=False) as again:
        assert one(again, "SHOW timezone") == "UTC"


def test_the_session_has_a_name(cluster: Cluster, home: Path) -> None:
    uri = cluster.uri("postgres")
    with Database.open(uri, home, application="walker", migrate=False) as database:
        assert one(database, "SHOW application_name") == "walker"
    with Database.open(f"{uri}&application_name=own", home, migrate=False) as database:
        assert one(database, "SHOW application_name") == "own"


# --- servers that go away -----------------------------------------------------------------------
def test_after_a_restart_the_first_call_works(own: Path) -> None:
    with (
        EmbeddedServer.join(own) as server,
        Database.open(server.uri("postgres"), own, migrate=False) as database,
    ):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: one(database, "SELECT pg_sleep(0.05)::text"), range(4)))
        embedded.stop(own)
        server.revive()
        assert one(database, "SELECT 1") == 1


def test_an_embedded_server_that_was_killed_is_started_again(own: Path) -> None:
    with Database.open(None, own) as database:
        pid = str(one(database, "SELECT pg_read_file('postmaster.pid')")).split()[0]
        os.kill(int(pid), signal.SIGKILL)
        assert waiting_for(database, "SELECT count(*) FROM public.cache_entries") == 0


def test_a_connection_lost_in_a_transaction_is_an_outage_and_the_next_one_works(
    database: Database,
) -> None:
    with pytest.raises(errors.DatabaseUnavailable):
        one(database, "SELECT 1", before="SELECT pg_terminate_backend(pg_backend_pid())")
    assert one(database, "SELECT 1") == 1


def test_without_a_server_it_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseUnavailable, match=r"Check that the server runs"):
        Database.open(f"postgresql://x:{ESCAPED}@/y?host={tmp_path}", tmp_path)


def test_closing_the_last_database_stops_the_server(own: Path) -> None:
    database = Database.open(None, own, migrate=False)
    uri = database.conninfo
    database.close()
    assert psycopg.pq.PGconn.ping(uri.encode()) == psycopg.pq.Ping.NO_RESPONSE


def test_the_database_may_be_made_by_several_at_once(own: Path) -> None:
    def make(_: int) -> str:
        with Database.open(None, own, name="together", migrate=False) as database:
            return str(one(database, "SELECT current_database()"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(4))) == ["together"] * 4


def test_opening_an_up_to_date_database_waits_for_no_lock(database: Database, home: Path) -> None:
    with database.transaction() as conn:
        take_turn(conn)
        Database.open(database.conninfo, home).close()


# --- errors -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("28P01", errors.DatabaseForbidden),
        ("42501", errors.DatabaseForbidden),
        ("53100", errors.DatabaseRefused),
        ("25006", errors.DatabaseRefused),
        ("3D000", errors.DatabaseRefused),
        ("42P01", errors.DatabaseRefused),
        ("22012", errors.DatabaseRefused),
        ("23505", errors.Conflict),
        ("40001", errors.Transient),
        ("40P01", errors.Transient),
        ("55P03", errors.Transient),
        ("57014", errors.Transient),
        ("53300", errors.DatabaseUnavailable),
        ("57P01", errors.DatabaseUnavailable),
        ("08006", errors.DatabaseUnavailable),
    ],
)
def test_what_the_server_raises_becomes_an_error_of_ours(
    database: Database, state: str, kind: type[errors.TickStockError]
) -> None:
    raising = f"DO $$ BEGIN RAISE 'because' USING ERRCODE = '{state}', DETAIL = 'row (1)'; END $$"
    with pytest.raises(errors.TickStockError) as caught, database.transaction() as conn:
        conn.execute(raising)
    assert type(caught.value) is kind
    assert "because" in caught.value.what
    assert state in caught.value.what
    assert caught.value.hint
    assert "row (1)" not in str(caught.value)
    assert one(database, "SELECT 1") == 1


def test_a_read_only_server_refuses(database: Database) -> None:
    delete = "DELETE FROM public.cache_entries RETURNING id"
    with pytest.raises(errors.DatabaseRefused, match="primary"):
        one(database, delete, before="SET TRANSACTION READ ONLY")


def test_a_missing_schema_names_the_remedy(cluster: Cluster, home: Path) -> None:
    with (
        Database.open(cluster.uri("postgres"), home, migrate=False) as database,
        pytest.raises(errors.DatabaseRefused, match="tickstock db migrate"),
    ):
        one(database, "SELECT 1 FROM tickstock.bars_day")


@pytest.fixture
def locked(own: Path) -> Iterator[str]:
    """The tail of an address on a server that asks the user `locked` for a password."""
    with EmbeddedServer.join(own) as server:
        rules = own / "postgres" / "data" / "pg_hba.conf"
        before = rules.read_text()
        with psycopg.connect(server.uri("postgres"), autocommit=True) as conn:
            conn.execute("DROP ROLE IF EXISTS locked")
            conn.execute(f"CREATE ROLE locked LOGIN PASSWORD '{CANARY}'")
            rules.write_text(f"local all locked scram-sha-256\n{before}")
        # Read anew by a restart: a reload does not tell when it has taken effect.
        embedded.stop(own)
        server.revive()
        yield server.uri("postgres").partition("@")[2]
        rules.write_text(before)


def test_a_password_with_odd_characters_works(locked: str, own: Path) -> None:
    with Database.open(f"postgresql://locked:{ESCAPED}@{locked}", own, migrate=False) as database:
        assert one(database, "SELECT session_user") == "locked"
        assert "***" in database.safe_uri
        for shown in (database.safe_uri, repr(database), str(database)):
            assert "s3cret" not in shown


@pytest.mark.parametrize("login", ["locked:s3cretwrong", "locked", "nosuchuser"])
def test_who_may_not_come_in_is_told_so_without_secrets(locked: str, own: Path, login: str) -> None:
    with pytest.raises(errors.DatabaseForbidden) as caught:
        Database.open(f"postgresql://{login}@{locked}", own)
    assert caught.value.exit_code == 4
    assert "s3cret" not in str(caught.value)


def test_without_the_privilege_it_is_forbidden(locked: str, own: Path) -> None:
    with Database.open(None, own, name="postgres"):
        pass
    with (
        Database.open(f"postgresql://locked:{ESCAPED}@{locked}", own, migrate=False) as database,
        pytest.raises(errors.DatabaseForbidden, match="permission denied"),
    ):
        one(database, "SELECT 1 FROM tickstock.bars_day")


def test_a_database_that_is_not_there(cluster: Cluster, home: Path) -> None:
    with pytest.raises(errors.DatabaseRefused, match="createdb"):
        Database.open(cluster.uri("nowhere"), home)


# --- addresses ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (f"postgresql://ann:{ESCAPED}@db:5433/stocks?sslmode=require", "ann:***@db:5433/stocks"),
        ("host=db user=ann password='a b' dbname=stocks", "ann:***@db/stocks"),
        ("postgres://ann@h1:1,h2:2/d?password=x", "ann:***@h1:1,h2:2/d"),
        ("postgresql:///d?host=/run/pg", "%2Frun%2Fpg/d"),
        ("service=prod password=x", ":***@/?service=prod"),
        ("host=h1,h2 port=5432 dbname=d", "h1:5432,h2:5432/d"),
    ],
)
def test_an_address_is_shown_without_its_secrets(uri: str, shown: str) -> None:
    assert mask(uri) == f"postgresql://{shown}"


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql+psycopg://ann:s3cret@db/stocks",
        "postgresql://ann:s3cret%zz@db/stocks",
        "postgresql://ann:x@s3cret@db/stocks",
        "postgresql://ann:s3cret/x@db/stocks",
        "postgresql://ann:12/s3cret@db/stocks",
        "s3cret",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_showing_it(
    uri: str, tmp_path: Path
) -> None:
    with pytest.raises(errors.BadSetting, match="DATABASE_URI") as caught:
        Database.open(uri, tmp_path)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_what_the_address_says_is_kept(cluster: Cluster, home: Path) -> None:
    uri = f"{cluster.uri('postgres')}&connect_timeout=3&sslmode=disable&keepalives_idle=7"
    with Database.open(uri, home, migrate=False) as database:
        parts = conninfo_to_dict(database.conninfo)
    said = {"connect_timeout": "3", "sslmode": "disable", "keepalives_idle": "7"}
    assert parts.items() >= said.items()


def test_a_service_is_left_to_libpq(
    cluster: Cluster, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = conninfo_to_dict(cluster.uri("postgres"))
    lines = [f"{name}={parts[name]}" for name in ("host", "port", "user", "dbname")]
    (tmp_path / "services").write_text("\n".join(["[ours]", *lines, "connect_timeout=4", ""]))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with Database.open("service=ours", home, migrate=False) as database:
        assert one(database, "SELECT 1") == 1
        assert "connect_timeout" not in conninfo_to_dict(database.conninfo)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_an_encoding_that_cannot_hold_every_name_is_refused(
    any_cluster: Cluster, encoding: str
) -> None:
    with psycopg.connect(any_cluster.uri("postgres"), autocommit=True) as conn:
        conn.execute(
            f"CREATE DATABASE narrow TEMPLATE template0 ENCODING '{encoding}'"
            " LOCALE_PROVIDER libc LOCALE 'C'"
        )
    with pytest.raises(errors.DatabaseRefused, match=encoding) as caught:
        Database.open(any_cluster.uri("narrow"), Path())
    assert "UTF8" in caught.value.hint
    any_cluster.drop("narrow")


def test_a_pooler_that_tells_twice_of_a_cut_session_is_an_outage() -> None:
    said = translate(psycopg.InternalError("received 2 results from command 'COMMIT'"))
    assert isinstance(said, errors.DatabaseUnavailable)
