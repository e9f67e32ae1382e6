"""Real databases for the tests: one server a run, one fresh database a test.

A database of a test is a clone of a migrated template, made in a few hundredths of a second.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests import moment
from tests.redis_fixtures import redis_process as redis_process
from tests.redis_fixtures import redis_server as redis_server
from tickstock.store.database import Database
from tickstock.store.embedded import EmbeddedServer

pytest.register_assert_rewrite("tickstock.testing.vendor_contract")  # before it is imported


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "the one seed to run, of a proof that runs many"
    parser.addoption("--seed", type=int, default=None, help=about)
    when = f"the moment at which it takes place, with its zone [default: {moment.DEFAULT}]"
    parser.addoption("--now", default=moment.DEFAULT, help=when)
    parser.addoption("--zone", default="UTC", help="where machine and server are [default: UTC]")
    every = "run tests/acceptance/test_dates.py on every day of tests/dates.py, in this zone"
    parser.addoption("--every-day", action="store_true", help=every)


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is imported: a moment that is set is never read from the machine."""
    moment.take_place(config.getoption("--now"), config.getoption("--zone"))


def pytest_report_header(config: pytest.Config) -> str:
    return f"takes place at {config.getoption('--now')} in {config.getoption('--zone')}"


TEMPLATE = "tickstock_template"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server in which a test may make databases."""

    uri: Callable[[str], str]

    def create(self, template: str = "template1") -> str:
        """The name of a new database like `template`."""
        name = f"test_{next(_numbers)}"
        # FILE_COPY clones without writing all of it to the log as well, which is faster here.
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, name: str) -> None:
        self._run("DROP DATABASE {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.uri("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def new_folder() -> Path:
    """A folder with a short path that every user may enter, in memory where there is enough."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    path = Path(tempfile.mkdtemp(prefix="ts-", dir=memory if roomy else "/tmp"))
    path.chmod(0o711)
    return path


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The home of the run's server."""
    path = new_folder()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[EmbeddedServer]:
    """The run's embedded server, without the care that only a power failure would need."""
    with EmbeddedServer.join(home) as joined:
        with psycopg.connect(joined.uri("postgres"), autocommit=True) as conn:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                conn.execute(f"ALTER SYSTEM SET {setting} = off")
            conn.execute("SELECT pg_reload_conf()")
        yield joined


@pytest.fixture(scope="session")
def cluster(server: EmbeddedServer) -> Cluster:
    return Cluster(server.uri)


@pytest.fixture(scope="session")
def template(server: EmbeddedServer, home: Path) -> str:
    """The name of a migrated, empty database, to be cloned."""
    Database.open(None, home, name=TEMPLATE).close()
    return TEMPLATE


@pytest.fixture
def database(cluster: Cluster, template: str, home: Path) -> Iterator[Database]:
    """A migrated database of the test's own."""
    name = cluster.create(template)
    with Database.open(cluster.uri(name), home, migrate=False) as opened:
        yield opened
    cluster.drop(name)


# --- the oldest PostgreSQL that is supported ----------------------------------------------------
@pytest.fixture(scope="session")
def oldest() -> Iterator[Cluster]:
    """A PostgreSQL 15 of the system, started for the run; skips where there is none."""
    programs = Path("/usr/lib/postgresql/15/bin")
    if not (programs / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 in {programs}")
    folder = new_folder()
    options = _as_nobody(folder) if os.geteuid() == 0 else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"} | options
    made = [programs / "initdb", "-D", folder / "data", "-U", "tickstock", "-A", "trust", "-N"]
    subprocess.run([*made, "-E", "UTF8", "--locale=C"], check=True, **quiet)
    settings = ("-c", "listen_addresses=", "-c", "fsync=off")
    run = [programs / "postgres", "-D", folder / "data", "-k", folder, *settings]
    process = subprocess.Popen(run, **quiet)
    cluster = Cluster(lambda name: f"postgresql://tickstock@/{name}?host={folder}")
    try:
        _await(cluster, process)
        yield cluster
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder)


def _as_nobody(folder: Path) -> dict[str, object]:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _await(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        if psycopg.pq.PGconn.ping(cluster.uri("postgres").encode()) == psycopg.pq.Ping.OK:
            return
        time.sleep(0.02)
    raise RuntimeError("PostgreSQL 15 ended instead of starting")


@pytest.fixture(params=["embedded", "oldest"])
def any_cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each server in turn: the embedded one, and the oldest one supported."""
    name = "cluster" if request.param == "embedded" else "oldest"
    found: Cluster = request.getfixturevalue(name)
    return found


@pytest.fixture
def empty(any_cluster: Cluster) -> Iterator[str]:
    """The address of an empty database of the test's own, in each server in turn."""
    name = any_cluster.create()
    yield any_cluster.uri(name)
    any_cluster.drop(name)
