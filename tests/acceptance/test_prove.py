"""`tickstock db prove`: on each server, and with a user who may not."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.cli_run import Shell
from tests.conftest import Cluster
from tickstock.service.prove import Proof
from tickstock.store.backup import SCRATCH
from tickstock.store.prove import Ended


def databases(cluster: Cluster) -> set[str]:
    with psycopg.connect(cluster.uri("postgres")) as connection:
        rows = connection.execute("SELECT datname FROM pg_database").fetchall()
    return {name for (name,) in rows}


@pytest.mark.slow
def test_the_proof_holds_and_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    name = cluster.create()
    shell = Shell(tmp_path, {"DATABASE_URI": cluster.uri(name)})
    done = shell.run("db", "prove", "--workers", "2", "--jobs", "3", "--seconds", "6", "--json")
    assert done.code == 0, done.said
    found = done.json()
    assert found["holds"]
    assert found["completed"] == 3
    assert found["kills"] >= 1
    assert found["bars"] == found["bars_expected"] > 0
    assert not [x for x in databases(cluster) if x.startswith(SCRATCH)]
    with psycopg.connect(cluster.uri(name)) as connection:
        made = "SELECT count(*)::int FROM pg_namespace WHERE nspname = 'tickstock'"
        assert connection.execute(made).fetchone() == (0,)
    cluster.drop(name)


def test_who_may_make_no_database_is_refused(any_cluster: Cluster, tmp_path: Path) -> None:
    name = any_cluster.create()
    with psycopg.connect(any_cluster.uri(name), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS meek")
        connection.execute("CREATE ROLE meek LOGIN")
    uri = psycopg.conninfo.make_conninfo(any_cluster.uri(name), user="meek")
    done = Shell(tmp_path, {"DATABASE_URI": uri}).run("db", "prove", "--seconds", "1")
    assert done.code == 4, done.said
    assert "CREATEDB" in done.err
    any_cluster.drop(name)


def test_a_bar_that_is_lost_or_a_load_that_failed_is_no_proof() -> None:
    quiet = Ended(3, 3, 0, 150, "a")
    assert Proof(2, 3, 30, quiet=quiet, disturbed=quiet).holds
    for other in (Ended(3, 3, 0, 149, "b"), Ended(3, 3, 0, 150, "b"), Ended(3, 2, 0, 150, "a")):
        assert not Proof(2, 3, 30, quiet=quiet, disturbed=other).holds
    assert not Proof(2, 3, 30, quiet=Ended(3, 2, 0), disturbed=Ended(3, 2, 0)).holds
