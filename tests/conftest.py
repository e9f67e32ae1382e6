"""Real databases for the tests: one server a run, one fresh database a test.

A database of a test is a clone of a migrated template, made in a few hundredths of a second.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from tests import moment
from tests.redis_fixtures import redis_process as redis_process
from tests.redis_fixtures import redis_server as redis_server
from tests.servers import OLDEST, programs, running
from tests.servers import Cluster as Cluster
from tests.servers import new_folder as new_folder
from tickstock import clock
from tickstock.store.database import Database
from tickstock.store.embedded import EmbeddedServer

pytest.register_assert_rewrite("tickstock.testing.vendor_contract")  # before it is imported
# Properties are judged by what they find, not by how long a busy machine took.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "the one seed to run, of a proof that runs many"
    parser.addoption("--seed", type=int, default=None, help=about)
    parser.addoption("--storm", type=int, default=300, help="how many lists the storm reads")
    about = "how many orders tests/store/test_bar_files.py and test_sealing.py try"
    parser.addoption("--folds", type=int, default=15, help=about)
    when = f"the moment at which it takes place, with its zone [default: {moment.DEFAULT}]"
    parser.addoption("--now", default=moment.DEFAULT, help=when)
    parser.addoption("--zone", default="UTC", help="where machine and server are [default: UTC]")
    every = "run tests/acceptance/test_dates.py on every day of tests/dates.py, in this zone"
    parser.addoption("--every-day", action="store_true", help=every)
    about = "the server of the tests: the embedded one, or a PostgreSQL 15 of the system"
    parser.addoption("--server", choices=("embedded", "oldest"), default="embedded", help=about)


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is imported: a moment that is set is never read from the machine."""
    moment.take_place(config.getoption("--now"), config.getoption("--zone"))


LONGEST = (
    "reliability/test_gauntlet.py",
    "docs/test_tutorial.py",
    "browser/test_page.py",
    "unit/test_list_limits.py",
    "contract/test_bridge.py",
    "contract/test_drain.py",
    "acceptance/test_kill.py",
    "acceptance/test_load_cli.py",
    "docs/test_howtos.py",
)
"""Files that take longest come first, so that none of them is what all wait for at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    place = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


def pytest_report_header(config: pytest.Config) -> str:
    return f"takes place at {config.getoption('--now')} in {config.getoption('--zone')}"


@pytest.fixture
def machine_clock() -> Iterator[None]:
    """The test takes place now: what opens a real vendor is refused on a day that is set."""
    clock.set_clock("")
    yield
    clock.set_clock(os.environ[clock.VARIABLE])


TEMPLATE = "tickstock_template"


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
def embedded(server: EmbeddedServer) -> Cluster:
    return Cluster(server.uri)


@pytest.fixture(scope="session")
def oldest() -> Iterator[Cluster]:
    """A PostgreSQL 15 of the system, started for the run; skips where there is none."""
    found = programs(OLDEST)
    if found is None:
        pytest.skip(f"no PostgreSQL {OLDEST} in /usr/lib/postgresql")
    with running(found) as folder:
        yield Cluster(lambda name: f"postgresql://tickstock@/{name}?host={folder}&port=5432")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The server of the run, as `--server` says."""
    found: Cluster = request.getfixturevalue(request.config.getoption("server"))
    return found


@pytest.fixture(scope="session")
def template_of() -> Callable[[Cluster], str]:
    """The name of a migrated, empty database in a server, to be cloned."""

    @functools.cache
    def make(cluster: Cluster) -> str:
        cluster.create(name=TEMPLATE)
        Database.open(cluster.uri(TEMPLATE), Path()).close()
        return TEMPLATE

    return make


@pytest.fixture(scope="session")
def template(cluster: Cluster, template_of: Callable[[Cluster], str]) -> str:
    return template_of(cluster)


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[Database]:
    """A migrated database of the test's own."""
    yield from _database(cluster, template)


def _database(cluster: Cluster, template: str) -> Iterator[Database]:
    name = cluster.create(template)
    with Database.open(cluster.uri(name), Path(), migrate=False) as opened:
        yield opened
    cluster.drop(name)


# --- each server in turn, whatever `--server` says ----------------------------------------------
@pytest.fixture(params=["embedded", "oldest"])
def any_cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each server in turn: the embedded one, and the oldest one supported."""
    found: Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def any_database(any_cluster: Cluster, template_of: Callable[[Cluster], str]) -> Iterator[Database]:
    """As `database`, in each server in turn."""
    yield from _database(any_cluster, template_of(any_cluster))


@pytest.fixture
def empty(any_cluster: Cluster) -> Iterator[str]:
    """The address of an empty database of the test's own, in each server in turn."""
    name = any_cluster.create()
    yield any_cluster.uri(name)
    any_cluster.drop(name)
