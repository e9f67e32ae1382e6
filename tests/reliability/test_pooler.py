"""TickStock behind a real PgBouncer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli_run import Shell, until
from tests.pooler import PROGRAM, pooled
from tests.servers import OLDEST, Cluster, programs, running
from tickstock.config import read_settings
from tickstock.service import TickStock
from tickstock.store.database import Database
from tickstock.store.pooler import Pooling, pooling
from tickstock.store.reference import fill_reference

SETTINGS = {
    "TICKSTOCK_VENDOR": "replay",
    "MASSIVE_CALLS_PER_MINUTE": "0",
    "TICKSTOCK_LEASE_SECONDS": "3",
}
LOADS = 8
DONE = "SELECT count(*)::int FROM tickstock.loads WHERE state = 'completed'"


@pytest.fixture(scope="module")
def behind() -> Iterator[Path]:
    """A PostgreSQL of its own, which lets everybody in."""
    found = programs(OLDEST)
    if found is None or PROGRAM is None:
        pytest.skip(f"no PostgreSQL {OLDEST} in /usr/lib/postgresql, or no pgbouncer")
    with running(found) as folder:
        yield folder


@contextmanager
def reached(behind: Path, mode: str) -> Iterator[str]:
    """The address of a database that is reached through a pooler."""
    cluster = Cluster(lambda name: f"postgresql://tickstock@/{name}?host={behind}&port=5432")
    name = cluster.create()
    with pooled(str(behind), 5432, "tickstock", mode) as folder:
        yield f"postgresql://tickstock@/{name}?host={folder}&port=6432"
    cluster.drop(name)


@pytest.fixture
def shell(behind: Path, tmp_path: Path) -> Iterator[Shell]:
    """Somebody whose database is reached through a pooler alone, which pools by transactions."""
    with reached(behind, "transaction") as uri:
        yield Shell(tmp_path, SETTINGS | {"DATABASE_URI": uri})


def test_loads_are_worked_on_behind_a_pooler(shell: Shell) -> None:
    uri = shell.settings["DATABASE_URI"]
    with Database.open(uri, shell.home) as database:
        tick = TickStock(read_settings(shell.settings, shell.home, home=shell.home), database)
        with database.transaction() as connection:
            fill_reference(connection)
        worker = shell.start("worker")
        try:
            for number in range(LOADS):
                request = tick.requests.resolve(symbols=[f"QB{number}"], duration="1w")
                tick.jobs.submit(tick.plans.make(request))
            until(lambda: completed(database) == LOADS)
            checks = {c["name"]: c for c in shell.run("doctor", "--json").json()["checks"]}
        finally:
            worker.terminate()
            _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    # Prepared statements of the job engine were taken for one another's.
    assert not [x for x in shell.log() if "away" in x["event"]]
    assert checks["pooler"]["health"] == "warning"
    assert checks["workers"]["what"] == "1 alive"


def test_the_proof_for_a_server_of_ones_own_holds_behind_a_pooler(shell: Shell) -> None:
    run = shell.run("db", "prove", "--jobs", "2", "--workers", "2", "--seconds", "4", "--json")
    assert run.code == 0, run.said
    proof = run.json()
    assert proof["holds"]
    assert proof["bars"] == proof["bars_expected"] > 0


def test_one_that_keeps_sessions_is_told_apart(behind: Path, tmp_path: Path) -> None:
    with reached(behind, "session") as uri, Database.open(uri, tmp_path, migrate=False) as database:
        assert pooling(database) is Pooling.SESSIONS


def completed(database: Database) -> int:
    with database.transaction() as connection:
        row = connection.execute(DONE).fetchone()
    assert row is not None
    return int(row[0])


def test_without_a_pooler_nothing_stands_between(any_database: Database) -> None:
    assert pooling(any_database) is Pooling.NONE
