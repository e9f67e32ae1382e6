"""The main paths, by command, on the oldest PostgreSQL supported, in every run.

The whole folder runs there with `--server oldest`; this is the part that is never left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tickstock.cli.app import run

SPRING = ("--from", "2012-03-01", "--to", "2012-06-29")
MINE = "stock_universe:theme_mine"


def test_from_nothing_to_a_proven_backup_and_back(
    oldest: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, file = oldest.create(), str(tmp_path / "b.dump")
    monkeypatch.setenv("DATABASE_URI", oldest.uri(name))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "replay")
    monkeypatch.chdir(tmp_path)

    def shell(*words: str) -> str:
        assert run([*words, "--home", str(tmp_path)]) == 0, capsys.readouterr().err
        said = capsys.readouterr()
        return said.out + (said.err if "--json" not in words else "")

    assert "PostgreSQL 15" in shell("db", "status")
    shell("universe", "organize", "--yes")
    shell("universe", "set", MINE, "AAPL", "FB", "--yes")
    shell("load", MINE, *SPRING)
    assert "vendor empty: 55 sessions of 1 symbol" in shell("missing", MINE, *SPRING)
    before = json.loads(shell("verify", MINE, "--json"))["data"]

    made = json.loads(shell("db", "backup", file, "--prove", "--json"))["data"]
    assert made["server"].startswith("15.")
    assert made["proof"]["bars"]["rows"] == before["bars"] == 115
    assert {"universes", "history", "coverage", "ledger", "definitions"} < set(made["proof"])

    shell("universe", "delete", MINE, "--yes")
    shell("load", "{IBM}", *SPRING)
    shell("db", "restore", file, "--replace")
    assert json.loads(shell("verify", MINE, "--json"))["data"] == before
    assert "IBM" not in shell("coverage", MINE, *SPRING)
    oldest.drop(name)
