"""Plans by token, gaps, and the newest sessions again, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_run import Shell
from tickstock.store.database import Database

TWO = "{AAPL, FB}"
SPRING = ("--from", "2012-03-01", "--to", "2012-06-29")


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"DATABASE_URI": database.conninfo, "TICKSTOCK_VENDOR": "replay"})


def test_a_plan_is_done_once_as_it_was_shown(shell: Shell) -> None:
    shown = shell.run("plan", TWO, *SPRING)
    token = shown.out.split("tickstock load --plan ")[1].split()[0]
    assert shell.run("plan", TWO, *SPRING, "--json").json()["token"] == token
    both = shell.run("load", TWO, "--plan", token)
    assert (both.code, both.out) == (2, "")
    assert "A plan says all there is to load" in both.err
    done = shell.run("load", "--plan", token[:6])
    assert done.code == 0, done.said
    again = shell.run("load", "--plan", token)
    assert again.code == 5
    assert "bars arrived for" in again.err
    assert "tickstock plan" in again.err
    unknown = shell.run("load", "--plan", "feedface", "--json")
    assert (unknown.code, unknown.out) == (5, "")


def test_what_is_missing_is_listed_by_cause(shell: Shell) -> None:
    assert shell.run("load", TWO, *SPRING).code == 0
    told = shell.run("missing", "{AAPL, FB, NOPE}", *SPRING)
    assert told.code == 0
    assert "vendor empty: 55 sessions of 1 symbol" in told.out
    assert "FB 2012-03-01..2012-05-17" in told.out
    assert "never asked for: 85 sessions of 1 symbol  (NOPE)" in told.out
    data = shell.run("missing", TWO, *SPRING, "--json").json()
    (gap,) = data["gaps"]
    assert (gap["cause"], gap["sessions"], gap["symbols"]) == ("vendor_empty", 55, 1)
    assert gap["expires_first"] > "2026"
    whole = shell.run("missing", "{AAPL}", *SPRING)
    assert "Nothing is missing." in whole.err


def test_refresh_asks_for_the_newest_sessions(shell: Shell) -> None:
    first = shell.run("refresh", "{SPY}", "--sessions", "3", "--json")
    assert first.code == 0, first.said
    again = shell.run("refresh", "{SPY}", "--sessions", "3", "--json").json()
    assert (again["calls"], again["bars_new"], again["bars_changed"]) == (1, 0, 0)
