"""What a released step says never changes, and every earlier database becomes today's."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.conftest import Cluster
from tests.migration.schemas import FOLDER, frozen
from tests.migration.test_migrate import connect
from tickstock.errors import DatabaseRefused
from tickstock.store.backup import DEFINITIONS, QUERIES, Fingerprint, fingerprints
from tickstock.store.migrate import ADDITIVE, EARLIER, _step, migrate, status, steps

FILES = sorted(FOLDER.glob("*.sql"))
EARLIER_FILES = [f for f in FILES if f.name.startswith("earlier_")]


def test_a_released_step_is_as_it_was_released() -> None:
    today = {step.version: step.checksum for step in steps()}
    assert frozen() == {v: c for v, c in today.items() if v in frozen()}, (
        "A step that people's databases have taken was edited. Undo that, and make a new step."
    )
    later = [v for v in today if v not in frozen()]
    assert all(v > max(frozen()) for v in later), "a new step comes after the released ones"
    assert {f"{v}.sql" for v in frozen()} <= {f.name for f in FILES}


def test_every_earlier_form_is_in_one_of_the_files() -> None:
    said = "".join(f.read_text("utf-8") for f in EARLIER_FILES)
    assert len(EARLIER_FILES) == 7
    assert [key for key in EARLIER if f"'{key[0]}'" not in said or key[1] not in said] == []


def definitions(conn: psycopg.Connection) -> Fingerprint:
    with conn.transaction():
        conn.execute(QUERIES["write_one_way"])
        return fingerprints(conn)[DEFINITIONS]


@pytest.fixture(scope="module")
def todays(cluster: Cluster, template: str) -> Fingerprint:
    with connect(cluster.uri(template)) as fresh:
        return definitions(fresh)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_an_earlier_database_becomes_todays(
    cluster: Cluster, file: Path, todays: Fingerprint
) -> None:
    name = cluster.create()
    with connect(cluster.uri(name)) as conn:
        conn.execute("SET check_function_bodies = off")
        conn.execute(file.read_bytes())
        conn.execute(
            "INSERT INTO cache_entries (type, name, key, value)"
            " VALUES ('etf_universe', 'Mine', 'mine', '[\"SPY\"]')"
        )
        conn.execute("INSERT INTO tickstock.instruments (symbol) VALUES ('SPY')")
        conn.execute(
            "INSERT INTO tickstock.universe_facts (environment, type, key, expression)"
            " VALUES ('DEFAULT', 'etf_universe', 'mine', '{SPY}')"
        )
        conn.execute("RESET check_function_bodies")
        migrate(conn)
        assert status(conn).pending == ()
        applied = {a.version: a.checksum for a in status(conn).applied if a.part == "tickstock"}
        assert applied == {step.version: step.checksum for step in steps()}
        assert definitions(conn) == todays
        kept = "SELECT f.expression FROM tickstock.universe_facts f JOIN cache_entries USING (key)"
        assert conn.execute(kept).fetchall() == [("{SPY}",)]
    cluster.drop(name)


def test_a_form_that_was_never_ours_is_refused_and_nothing_changed(cluster: Cluster) -> None:
    name = cluster.create()
    with connect(cluster.uri(name)) as conn:
        migrate(conn)
        conn.execute(
            "UPDATE tickstock.migrations SET checksum = repeat('0', 64)"
            " WHERE part = 'tickstock' AND version = '0006'"
        )
        with pytest.raises(DatabaseRefused, match="in another form"):
            migrate(conn)
    cluster.drop(name)


@pytest.mark.parametrize("additive", [True, False])
def test_an_older_program_runs_on_a_newer_schema_if_all_that_is_new_was_added(
    cluster: Cluster, template: str, additive: bool
) -> None:
    step = _step("9999_later.sql", "-- additive: a column\nSELECT" if additive else "SELECT")
    assert step.name == "later" + ADDITIVE * additive
    name = cluster.create(template)
    with connect(cluster.uri(name)) as conn:
        conn.execute(
            "INSERT INTO tickstock.migrations (part, version, name, checksum)"
            " VALUES ('tickstock', %s, %s, %s)",
            (step.version, step.name, step.checksum),
        )
        if additive:
            assert migrate(conn) == ()
        else:
            with pytest.raises(DatabaseRefused, match="newer than this tickstock"):
                migrate(conn)
    cluster.drop(name)
