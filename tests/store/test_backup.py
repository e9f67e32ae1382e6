"""Backups of each server, by each client, into each server; and the proof of them."""

from __future__ import annotations

import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.conftest import Cluster
from tests.servers import programs as server_programs
from tests.servers import running
from tickstock.errors import DatabaseForbidden, DatabaseRefused
from tickstock.store import clients, place, programs
from tickstock.store.backup import DEFINITIONS, SCRATCH, back_up, fingerprints
from tickstock.store.clients import PROGRAMS, Client
from tickstock.store.database import Database
from tickstock.store.roles import make

SERVERS = ("embedded", "sixteen", "oldest")
FOUND = clients.find()
FILL = """
INSERT INTO tickstock.instruments (symbol) VALUES ('SPY');
INSERT INTO tickstock.bars_day SELECT 1, DATE '2020-01-01' + n, 1, 2, 0.1 + n, 1, 5e-324
    FROM generate_series(0, 999) AS n;
SELECT tickstock.add_minute_months('{2024-01-01}');
INSERT INTO tickstock.bars_minute SELECT 1, TIMESTAMPTZ '2024-01-30 14:30+00'
    + n * interval '1 min', 1, 2, 0.5, 1, 100 FROM generate_series(0, 99) AS n;
INSERT INTO public.cache_entries (type, name, key, value) VALUES
    ('etf_universe', E'SET transaction_timeout = 0;\nCOMMIT;\n\\.', 'mine', '["SPY"]'),
    ('themes', 'Zürich – 東京', 'dark', '{"a": 1}');
UPDATE public.cache_entries SET value = '["SPY", "QQQ"]' WHERE key = 'mine'
"""


@pytest.fixture(scope="session")
def sixteen() -> Iterator[Cluster]:
    """The older server in the wheel."""
    with running(place.installed().parents[1] / "pginstall" / "bin") as folder:
        yield Cluster(lambda name: f"postgresql://tickstock@/{name}?host={folder}&port=5432")


@pytest.fixture
def database_in(
    request: pytest.FixtureRequest, template_of: Callable[[Cluster], str]
) -> Iterator[Callable[[str], Database]]:
    """A filled database in the server of that name."""
    made: list[tuple[Cluster, str, Database]] = []

    def fill(server: str) -> Database:
        cluster: Cluster = request.getfixturevalue(server)
        name = cluster.create(template_of(cluster))
        database = Database.open(cluster.uri(name), Path(), migrate=False)
        made.append((cluster, name, database))
        with database.transaction() as connection:
            connection.execute(FILL)
        return database

    yield fill
    for cluster, name, database in made:
        database.close()
        cluster.drop(name)


@pytest.fixture(params=SERVERS)
def filled(request: pytest.FixtureRequest, database_in: Callable[[str], Database]) -> Database:
    return database_in(request.param)


def contents(database: Database) -> dict[str, object]:
    """All rows; definitions are written differently by each version."""
    with database.transaction() as connection:
        found = fingerprints(connection)
    return {table: f for table, f in found.items() if table != DEFINITIONS}


def scratches(database: Database) -> list[str]:
    with database.transaction() as connection:
        names = connection.execute("SELECT datname FROM pg_database").fetchall()
    return [name for (name,) in names if name.startswith(SCRATCH)]


def of(*majors: int) -> list[Client]:
    return [c for c in FOUND if c.major in majors]


@pytest.fixture
def posing(tmp_path: Path) -> Callable[..., Client]:
    """A client whose programs are those of another, with shell words before or after."""

    def make(real: Client, **changed: str) -> Client:
        folder = tmp_path / f"client{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name in PROGRAMS:
            usual = f'exec {shlex.quote(str(real.folder / name))} "$@"'
            (folder / name).write_text(f"#!/bin/sh\n{changed.get(name, usual)}\n")
            (folder / name).chmod(0o755)
        return Client(real.major, real.minor, folder)

    return make


# --- any server, any client -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "majors"),
    [("oldest", (15, 16, 18)), ("oldest", (16, 18)), ("sixteen", (18,)), ("embedded", (15, 18))],
)
def test_a_backup_is_proven_and_comes_back_on_the_same_server(
    kind: str, majors: tuple[int, ...], database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    filled, known = database_in(kind), of(*majors)
    before = contents(filled)
    made = back_up(filled, tmp_path / "b", prove=True, known=known)
    with filled.transaction() as connection:
        assert made.archive.server_major == connection.info.server_version // 10000
    assert made.archive.client_major == min(
        c.major for c in known if c.major >= made.archive.server_major
    )
    assert made.proof is not None
    assert {n: f.rows for n, f in made.proof.items() if n in ("universes", "history", "bars")} == {
        "universes": 2,
        "history": 2,
        "bars": 1100,
    }
    with filled.transaction() as connection:
        connection.execute("TRUNCATE tickstock.bars_day, public.cache_entries")
        connection.execute("SELECT tickstock.add_minute_months('{2024-02-01}')")
    programs.restore(filled, tmp_path / "b", replace=True, known=known)
    assert contents(filled) == before
    assert scratches(filled) == []
    with filled.transaction() as connection:  # it goes on counting where it was
        connection.execute("INSERT INTO tickstock.instruments (symbol) VALUES ('NEW')")


def test_a_backup_moves_to_any_server(
    filled: Database, database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    back_up(filled, tmp_path / "b", known=of(18))
    for target in SERVERS:
        other = database_in(target)
        with other.transaction() as connection:
            connection.execute("TRUNCATE public.cache_entries")
        programs.restore(other, tmp_path / "b", replace=True, known=of(18))
        assert contents(other) == contents(filled)


def test_what_an_older_server_does_not_know_is_refused_and_nothing_changed(
    database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    newer, older = database_in("embedded"), database_in("oldest")
    with newer.transaction() as connection:
        connection.execute("CREATE TABLE public.v (a int, b int GENERATED ALWAYS AS (a) VIRTUAL)")
    back_up(newer, tmp_path / "b")
    before = contents(older)
    with pytest.raises(DatabaseRefused, match="is of PostgreSQL 18, this server is 15"):
        programs.restore(older, tmp_path / "b", replace=True)
    assert contents(older) == before


def test_a_server_that_no_client_can_read_is_told_what_to_install(
    database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    database = database_in("embedded")
    with pytest.raises(DatabaseRefused, match=r"PostgreSQL 18.*postgresql-client-18"):
        back_up(database, tmp_path / "b", known=of(15, 16))
    assert list(tmp_path.iterdir()) == []
    back_up(database, tmp_path / "b")
    before = contents(database)
    with pytest.raises(DatabaseRefused, match="written by a newer pg_dump"):
        programs.restore(database, tmp_path / "b", replace=True, known=of(15, 16)[:1])
    assert contents(database) == before


def test_any_name_will_do(any_cluster: Cluster, tmp_path: Path) -> None:
    cluster = any_cluster
    name = cluster.create(name="dbname=a b'ü\"\\%")
    file = tmp_path / "a b'ü.dump"
    with Database.open(make_conninfo(cluster.uri("postgres"), dbname=name), Path()) as database:
        with database.transaction() as connection:
            connection.execute(FILL)
        before = contents(database)
        back_up(database, file, prove=True)
        programs.restore(database, file, replace=True, known=of(18))
        assert contents(database) == before
    cluster.drop(name)


@pytest.mark.parametrize(
    ("kind", "locale"),
    [
        ("oldest", "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"),
        ("oldest", "LOCALE 'C.UTF-8'"),
        ("embedded", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"),
    ],
)
def test_the_proof_is_done_under_the_locale_of_the_database(
    request: pytest.FixtureRequest, kind: str, locale: str, tmp_path: Path
) -> None:
    cluster: Cluster = request.getfixturevalue(kind)
    with psycopg.connect(cluster.uri("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE local TEMPLATE template0 {locale}")
    with Database.open(cluster.uri("local"), Path(), migrate=False) as database:
        with database.transaction() as connection:
            # A value that another locale would make otherwise: `lower` of the Turkish capital.
            connection.execute(
                "CREATE TABLE t (a text, b text GENERATED ALWAYS AS (lower(a)) STORED);"
                "INSERT INTO t (a) VALUES ('\u0130ZM\u0130R \u00dc')"
            )
        assert back_up(database, tmp_path / "b", prove=True).proof
    cluster.drop("local")


# --- addresses and passwords ------------------------------------------------------------------
HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A server over TCP that wants a password, and the way in for its owner."""
    found = server_programs(15) or place.installed().parents[1] / "pginstall" / "bin"
    with running(found, "listen_addresses=127.0.0.1", "port=54391", hba=HBA) as folder:
        owner = f"postgresql://tickstock@/postgres?host={folder}&port=54391"
        yield owner, 54391


@pytest.mark.parametrize("by", ["address", "environment"])
def test_a_password_is_on_no_command_line(
    far: tuple[str, int],
    by: str,
    posing: Callable[..., Client],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, port = far
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE ROLE ann LOGIN CREATEDB PASSWORD 'open sesame'")
        connection.execute("CREATE DATABASE stocks OWNER ann")
    uri = make_conninfo(host="127.0.0.1", port=port, user="ann", dbname="stocks")
    if by == "address":
        uri = make_conninfo(uri, password="open sesame")
    else:
        monkeypatch.setenv("PGPASSWORD", "open sesame")
    heard = tmp_path / "heard"
    known = [_listening(posing, c, heard) for c in of(18)]
    with Database.open(uri, Path(), migrate=False) as database:
        with database.transaction() as connection:
            connection.execute("CREATE TABLE public.t AS SELECT generate_series(1, 9) AS n")
        before = contents(database)
        assert back_up(database, tmp_path / "b", prove=True, known=known).proof
        programs.restore(database, tmp_path / "b", replace=True, known=known)
        assert contents(database) == before
    said = heard.read_text()
    assert "--format=custom" in said
    assert "sesame" not in said


def _listening(posing: Callable[..., Client], real: Client, heard: Path) -> Client:
    """A client that notes its command lines."""
    note = f'echo "$0 $*" >> {shlex.quote(str(heard))}; exec {shlex.quote(str(real.folder))}/'
    return posing(real, **{name: f'{note}{name} "$@"' for name in PROGRAMS})


# --- owners and privileges --------------------------------------------------------------------
def test_privileges_come_back_where_the_roles_are_and_are_told_where_not(
    database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    database, other = database_in("oldest"), database_in("embedded")
    with database.transaction() as connection:
        make(connection, "ts_backup")
    back_up(database, tmp_path / "b", prove=True)
    granted = "SELECT has_table_privilege('ts_backup_app', 'tickstock.bars_day', 'INSERT')"
    done = programs.restore(database, tmp_path / "b", replace=True)
    assert done.lost_roles == ()
    assert {"ts_backup_app", "ts_backup_reader"} <= set(done.archive.roles)
    with database.transaction() as connection:
        assert connection.execute(granted).fetchone() == (True,)
    moved = programs.restore(other, tmp_path / "b", replace=True)
    assert set(moved.lost_roles) == set(done.archive.roles)
    assert contents(other) == contents(database)
    with database.transaction() as connection:
        for kind in ("migrate", "app", "reader"):
            role = sql.Identifier(f"ts_backup_{kind}")
            connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


# --- the proof --------------------------------------------------------------------------------
def test_a_backup_that_lacks_rows_is_not_kept(
    database_in: Callable[[str], Database], posing: Callable[..., Client], tmp_path: Path
) -> None:
    filled, real = database_in("oldest"), of(18)[0]
    lossy = posing(
        real, pg_dump=f'exec {real.folder}/pg_dump --exclude-table-data=tickstock.bars_day "$@"'
    )
    with pytest.raises(DatabaseRefused, match=r"tickstock\.bars_day: 1000 rows before, 0 restored"):
        back_up(filled, tmp_path / "b", prove=True, known=[lossy])
    assert not [p for p in tmp_path.iterdir() if p.is_file()]
    assert scratches(filled) == []


def test_the_scratch_database_is_gone_when_the_proof_cannot_be_done(
    database_in: Callable[[str], Database], posing: Callable[..., Client], tmp_path: Path
) -> None:
    filled, real = database_in("oldest"), of(18)[0]
    broken = posing(
        real,
        psql="echo 'psql: error: no luck' >&2; exit 3",
    )
    with pytest.raises(DatabaseRefused, match="no luck"):
        back_up(filled, tmp_path / "b", prove=True, known=[broken])
    assert not [p for p in tmp_path.iterdir() if p.is_file()]
    assert scratches(filled) == []


def test_what_is_written_during_the_backup_is_no_difference(
    database_in: Callable[[str], Database], posing: Callable[..., Client], tmp_path: Path
) -> None:
    filled, real = database_in("oldest"), of(18)[0]
    go, done = tmp_path / "go", tmp_path / "done"
    os.mkfifo(go)
    os.mkfifo(done)
    slow = posing(real, pg_dump=f'echo > {go}; cat {done}; exec {real.folder}/pg_dump "$@"')

    def write() -> None:
        go.read_text()
        with filled.transaction() as connection:
            connection.execute("DELETE FROM tickstock.bars_day WHERE volume > 0")
        done.write_text("x")

    thread = threading.Thread(target=write)
    thread.start()
    made = back_up(filled, tmp_path / "b", prove=True, known=[slow])
    thread.join()
    assert made.proof is not None
    assert made.proof["bars"].rows == 1100
    with filled.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM tickstock.bars_day").fetchone() == (0,)


def test_who_may_make_no_database_is_told_before_anything_is_written(
    database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    database = database_in("oldest")
    with database.transaction() as connection:
        connection.execute("CREATE ROLE poor LOGIN IN ROLE pg_read_all_data")
    with Database.open(make_conninfo(database.conninfo, user="poor"), Path(), migrate=False) as db:
        with pytest.raises(DatabaseForbidden, match="CREATEDB"):
            back_up(db, tmp_path / "b", prove=True)
        assert list(tmp_path.iterdir()) == []
        back_up(db, tmp_path / "b")
    with database.transaction() as connection:
        connection.execute("DROP ROLE poor")


def test_a_fingerprint_tells_rows_apart_and_not_their_order(
    database_in: Callable[[str], Database],
) -> None:
    database = database_in("oldest")
    before = contents(database)
    with database.transaction() as connection:
        connection.execute("UPDATE tickstock.bars_minute SET low = low WHERE at < '2024-01-31'")
    assert contents(database) == before, "lies in another order"
    for change in (
        "UPDATE tickstock.bars_day SET low = low + 1e-12 WHERE at = '2020-03-01'",
        "UPDATE tickstock.bars_day SET open = 2 - open WHERE at = '2020-03-01'",
        "DELETE FROM tickstock.bars_minute WHERE at = '2024-01-30 15:00+00'",
        "UPDATE public.cache_entries SET name = name || ' ' WHERE key = 'dark'",
    ):
        with database.transaction() as connection:
            assert connection.execute(change).rowcount in (0, 1)
        if "2 - open" not in change:  # 2 - 1 is 1
            assert contents(database) != before
        before = contents(database)


def test_the_versions_are_in_the_file(
    database_in: Callable[[str], Database], tmp_path: Path
) -> None:
    made = back_up(database_in("oldest"), tmp_path / "b")
    again = programs.read_archive(tmp_path / "b", FOUND)
    assert again == made.archive
    assert re.match(r"15\.\d", again.server)
    assert re.match(r"15\.\d", again.client)
