"""`lake publish` and `lake status`, and that the published bars are those that `bars` prints."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from pyiceberg.table import StaticTable

from tests.conftest import Cluster
from tickstock.cli.app import run
from tickstock.config import read_settings
from tickstock.service import TickStock

SYMBOLS = "{SA, SB, SC}"
SPAN = ("--from", "2023-12-01", "--to", "2024-02-28")


def test_what_is_published_is_what_bars_prints(
    cluster: Cluster,
    template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def person(*words: str) -> str:
        assert run([*words, "--home", str(tmp_path)]) == 0, capsys.readouterr()
        return capsys.readouterr().out

    name = cluster.create(template)
    monkeypatch.setenv("DATABASE_URI", cluster.uri(name))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")
    person("load", SYMBOLS, *SPAN)
    assert "Nothing was published yet" in person("lake", "status")
    assert "bars of 2 years were written" in person("lake", "publish")
    assert person("lake", "publish").startswith("0 bars of 0 years were written")
    told = json.loads(person("lake", "status", "--json"))["data"]
    bars = told["tables"][0]
    printed = csv.DictReader(
        io.StringIO(person("bars", SYMBOLS, *SPAN, "--adjust", "raw", "--format", "csv"))
    )
    expected = [(row["symbol"], row["date"], float(row["close"])) for row in printed]
    assert (bars["name"], bars["rows"], bars["files"]) == ("bars_day", len(expected), 2)
    assert str(tmp_path / "lake") in bars["metadata"]
    assert bars["metadata"] in person("lake", "status")
    found = StaticTable.from_metadata(bars["metadata"]).scan().to_arrow().to_pylist()
    assert sorted((r["symbol"], r["date"].isoformat(), r["close"]) for r in found) == expected
    cluster.drop(name)


def test_no_password_is_shown(cluster: Cluster, template: str, home: Path) -> None:
    name = cluster.create(template)
    address = f"{cluster.uri(name)}{'&' if '?' in cluster.uri(name) else '?'}password=s%2F%26cret"
    with TickStock.open(read_settings({"DATABASE_URI": address}, home=home)) as tick:
        assert "password=s%2F%26cret&" in tick.lake.properties()["uri"]
        shown = tick.lake.status().catalog["uri"]
        assert "cret" not in shown
        assert "password=***" in shown
    cluster.drop(name)
