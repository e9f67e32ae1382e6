"""What is asked, held and shown on unusual days, wherever machine and server are.

Which sessions that has to be is told by a few lines of our own, not by the package. The long form,
with more tests, days and places: `python -m tests.dates`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import moment
from tests.conftest import Cluster
from tests.dates import DAYS, SHORT
from tests.published import listed, published, week
from tests.web_kit import running, settings_for
from tickstock.cli.app import run
from tickstock.clock import utc_now
from tickstock.config import VARIABLES
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

pytestmark = pytest.mark.dates
TWO = ("AAA", "BBB")
SYMBOLS = "{AAA, BBB}"


# --- when and where -------------------------------------------------------------------------------
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Where the run has a day or a place of its own, that one alone."""
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "cell" in metafunc.fixturenames and "cell" not in given:
        now, zone = (metafunc.config.getoption(name) for name in ("--now", "--zone"))
        if metafunc.config.getoption("--every-day"):
            cells = {day: (at, zone) for day, at in DAYS.items()}
        elif (now, zone) != (moment.DEFAULT, "UTC"):
            cells = {"here": (now, zone)}
        else:
            cells = {day: (DAYS[day], zone) for day, zone in SHORT}
        metafunc.parametrize("cell", cells.values(), ids=cells.keys())


@pytest.fixture
def here(cell: tuple[str, str], request: pytest.FixtureRequest) -> Iterator[str]:
    """It is that moment, and this machine is in that zone, which is the fixture's value."""
    moment.take_place(*cell)
    yield cell[1]
    moment.take_place(*map(request.config.getoption, ("--now", "--zone")))


@pytest.fixture
def database(cluster: Cluster, template: str, home: Path, here: str) -> Iterator[Database]:
    name = cluster.create(template)
    with psycopg.connect(cluster.uri("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET timezone TO '{here}'")
    with Database.open(cluster.uri(name), home, migrate=False) as opened:
        with opened.transaction() as connection:
            fill_reference(connection)
        yield opened
    cluster.drop(name)


Command = Callable[..., Any]


@pytest.fixture
def ask(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:  # fmt: skip
    """A command in this process: its exit code, and its data or what it says."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    monkeypatch.setenv("TICKSTOCK_HOME", str(tmp_path))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "replay")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def command(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*words])
        said = capsys.readouterr()
        assert "inside TickStock" not in said.err, (words, said.err)
        body = json.loads(said.out)["data"] if "--json" in words and said.out else None
        return code, body if body is not None else said.out + said.err

    yield command
    for handler in [h for h in root.handlers if h not in handlers]:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


# --- on every day, everywhere ---------------------------------------------------------------------
def test_a_week_of_bars_is_all_there_is_and_all_is_held(ask: Command, database: Database) -> None:
    wanted = week(utc_now())
    days = [s.day for s in wanted]
    code, load = ask("load", SYMBOLS, "--for", "1w", "--timeframes", "day,hour,1min", "--json")
    assert (code, load["state"]) == (0, "completed")
    assert load["held"] == load["expected"] == 2 * 3 * len(wanted)

    # Read as anybody reads, in the server's own zone.
    with psycopg.connect(database.conninfo) as plain:
        per_day = plain.execute("SELECT symbol, array_agg(at ORDER BY at) FROM"
                                " tickstock.bars_day JOIN tickstock.instruments ON id ="
                                " instrument_id GROUP BY 1").fetchall()  # fmt: skip
        assert dict(per_day) == dict.fromkeys(TWO, days)
        for name, wanted_bars in (("hour", "hours"), ("minute", "minutes")):
            count = plain.execute(
                f"SELECT (at AT TIME ZONE 'America/New_York')::date, count(*) FROM"
                f" tickstock.bars_{name} GROUP BY 1 ORDER BY 1"
            ).fetchall()
            assert count == [(s.day, 2 * getattr(s, wanted_bars)) for s in wanted], name

    assert ask("plan", SYMBOLS, "--for", "1w", "--json")[1]["calls"] == []
    assert f"{2 * len(days)} of {2 * len(days)} sessions held" in ask(
        "coverage", SYMBOLS, "--for", "1w")[1]  # fmt: skip
    assert "Nothing is missing" in ask("missing", SYMBOLS, "--for", "1w")[1]
    code, bars = ask("bars", "{AAA}", "--for", "1w", "--json")
    assert code == 0
    assert [row["date"] for row in bars] == [str(day) for day in days]


def test_what_is_published_later_is_the_only_thing_asked_then(
    ask: Command, cell: tuple[str, str]
) -> None:
    assert ask("load", SYMBOLS, "--for", "1w", "--json")[0] == 0
    for later in (timedelta(hours=12), timedelta(days=3)):
        before = {s.day for s in published(utc_now())}
        moment.take_place((datetime.fromisoformat(cell[0]) + later).isoformat(), cell[1])
        new = [s.day for s in week(utc_now()) if s.day not in before]
        plan = ask("plan", SYMBOLS, "--for", "1w", "--json")[1]
        assert sum(call["cells"] for call in plan["calls"]) == 2 * len(new)
        assert ask("load", SYMBOLS, "--for", "1w", "--json")[1]["state"] == "completed"
        assert ask("plan", SYMBOLS, "--for", "1w", "--json")[1]["calls"] == []


def test_every_view_and_command_answers(ask: Command, database: Database, home: Path) -> None:
    core = "etf_universe:core_etfs"
    assert ask("universe", "organize", "--yes")[0] == 0
    assert ask("load", "{SPY, QQQ}", "--for", "1mo", "--json")[1]["state"] == "completed"
    for words in (
        ("doctor",), ("universe", "validate"), ("sessions", "list"),
        ("schedule", "add", "daily", "{SPY}", "--at", "09:00", "--after-close"),
        ("schedule", "list"),
        ("jobs", "list"), ("coverage", core, "--for", "1mo"), ("missing", core, "--for", "1y"),
        ("bars", "{SPY}", "--for", "3mo", "--timeframe", "week"), ("plan", core, "--for", "5y"),
        ("schedule", "run-now", "daily"), ("verify", "{SPY}"),
    ):  # fmt: skip
        code, said = ask(*words)
        assert code == 0, (words, said)
    with running(database, settings_for(home), worker=False) as page:
        client = page.client()
        for view in (
            "/jobs", "/universes", "/universes?check=1", f"/coverage?universe={core}&for=1mo",
            "/bars?symbol=SPY&for=3mo", "/system", "/metrics", "/api/schedules", "/api/findings",
            f"/admin/historical-data/plan?form=1&universe={core}&duration=1mo&timeframes=day",
        ):  # fmt: skip
            answer = client.get(view)
            assert answer.status == 200, (view, answer.text)


@pytest.mark.parametrize("cell", [("2029-03-01T12:00-05:00", "UTC")], ids=["past the list"])
def test_where_the_list_of_sessions_has_ended_it_is_said(
    ask: Command, database: Database, home: Path, cell: tuple[str, str]
) -> None:
    """Nothing is guessed, nothing breaks, and what is held can still be read."""
    core = "etf_universe:core_etfs"
    dates = ("--from", "2028-11-20", "--to", "2028-11-24")
    assert ask("universe", "organize", "--yes")[0] == 0
    moment.take_place("2028-12-20T12:00-05:00", cell[1])
    assert ask("load", "{SPY}", *dates, "--json")[1]["held"] == 4
    moment.take_place(*cell)
    for words in (("plan", core), ("load", core), ("coverage", core), ("missing", core)):
        code, said = ask(*words, "--for", "1mo")
        assert code == 0, (words, said)
        if words[0] in ("plan", "load"):
            assert f"ended on {max(listed())}" in said, words
    assert ask("bars", "{SPY}", *dates)[0] == 0
    with running(database, settings_for(home), worker=False) as page:
        client = page.client()
        for view in ("/jobs", "/universes", "/system", "/metrics", "/api/schedules"):
            assert client.get(view).status == 200, view
        for view in (f"/coverage?universe={core}&for=1mo", "/bars?symbol=SPY&for=3mo"):
            assert client.get(view).status < 500, view
