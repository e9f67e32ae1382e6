"""History that changes after it was loaded: by a split, and by bars that are restated."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.test_splits_and_dividends import SEVEN, House
from tests.conftest import Cluster
from tests.kit import day, span
from tests.loading_rig import sql
from tests.reliability.form import record
from tickstock.actions import Adjust
from tickstock.cli.app import run
from tickstock.model import JobState, epoch_day
from tickstock.store.database import Database
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.recorded import shipped_bars

DATA = Path(__file__).parents[1] / "data" / "aapl_adjusted_closes.csv.gz"
YEARS = span("2000-03-01", "2013-03-01")
EX_DATES = ("2012-08-09", "2012-11-07", "2013-02-07")
"""Of the dividends of these years, which the data set's adjusted closes count too."""
BEFORE_THE_SPLIT = datetime(2014, 6, 6, 21, tzinfo=UTC)


@pytest.fixture
def house(cluster: Cluster, template: str, tmp_path: Path) -> Iterator[House]:
    (tmp_path / "tickstock.toml").write_text("massive_calls_per_minute = 0\n")
    name = cluster.create(template)
    with Database.open(cluster.uri(name), tmp_path, migrate=False) as database:
        yield House(database, tmp_path)
    cluster.drop(name)


def name_of(house: House) -> str:
    ((name,),) = sql(house.database, "SELECT current_database()")
    return str(name)


def adjusted_closes() -> tuple[list[int], list[float]]:
    with gzip.open(DATA, "rt") as text:
        rows = list(csv.DictReader(text))
    return [epoch_day(day(r["date"])) for r in rows], [float(r["adjusted"]) for r in rows]


def test_thirteen_years_of_closes_are_adjusted_as_in_the_original_data_set(house: House) -> None:
    """The set's adjusted closes count dividends and later splits too: from one ex-date to the next,
    they are ours times a constant."""
    house.now = BEFORE_THE_SPLIT
    done = house.load(over=YEARS)
    days, published = adjusted_closes()
    assert done.load.state is JobState.COMPLETED
    assert (done.rows_new, done.held) == (len(days), len(days))
    raw = house.closes(adjust=Adjust.RAW)
    assert raw == shipped_bars().of("AAPL", YEARS).close.tolist()
    made = np.array(house.closes())
    edges = [0, *np.searchsorted(days, [epoch_day(day(d)) for d in EX_DATES]).tolist(), len(days)]
    ratio = made / published
    for start, end in pairwise(edges):
        assert ratio[start:end] == pytest.approx(ratio[start], rel=2e-7)
    record("closes adjusted as in the original data set", closes=len(days))


def test_a_split_between_two_loads_changes_what_is_read_and_fetches_nothing(house: House) -> None:
    house.now = BEFORE_THE_SPLIT
    house.load(over=YEARS)
    before, raw, moment = house.closes(), house.closes(adjust=Adjust.RAW), house.known_now()
    house.now += timedelta(days=3)
    second = house.load(over=YEARS, splits=[SEVEN])
    assert (second.calls_planned, second.rows_new, second.rows_changed) == (0, 0, 0)
    assert [a for a in house.asked if "/aggs/" in a] == []
    assert house.closes() == pytest.approx([c / 7 for c in before], abs=1e-6)
    assert house.closes(adjust=Adjust.RAW) == raw
    assert house.closes(known_at=moment) == before
    assert house.closes(known_at=moment, adjust=Adjust.RAW) == raw
    record("a 7:1 split between two jobs", bars=len(raw), fetched_again=0)


def test_a_restated_bar_is_told_and_both_answers_can_be_read(
    house: House,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    week = span("2005-02-14", "2005-02-18")
    house.load(over=week)
    before, moment = house.closes(adjust=Adjust.RAW), house.known_now()
    again = house.load(over=week, refresh=True, faults=[Fault(What.RESTATED, "/range/")])
    assert (again.rows_new, again.rows_changed) == (0, 5)
    assert again.load.report is not None
    assert again.load.report["rows_changed"] == 5
    after = house.closes(adjust=Adjust.RAW)
    assert after != before
    assert house.closes(adjust=Adjust.RAW, known_at=moment) == before
    assert house.closes(adjust=Adjust.RAW, known_at=house.known_now()) == after
    monkeypatch.setenv("DATABASE_URI", cluster.uri(name_of(house)))
    monkeypatch.setenv("MASSIVE_API_KEY", "sesame")

    def said(*words: str) -> str:
        assert run([*words, "--home", str(house.home)]) == 0
        return capsys.readouterr().out

    job = str(again.load.id)[:8]
    assert "5 changed" in said("jobs", "show", job)
    assert f"what changed: tickstock revisions --job {job}" in said("jobs", "show", job)
    told = json.loads(said("revisions", "--job", job, "--json"))["data"]
    assert {r["timeframe"] for r in told} == {"day"}
    assert [r["old"]["close"] for r in told] == before
    assert [r["new"]["close"] for r in told] == after
    lines = said("revisions", "{AAPL}", "--job", job).splitlines()
    assert len(lines) == 5
    assert all("close" in line and "→" in line for line in lines)
    dated = said("bars", "{AAPL}", "--from", "2005-02-14", "--to", "2005-02-18", "--adjust",
                 "raw", "--format", "csv", "--known-at", moment.isoformat())  # fmt: skip
    assert [float(line.split(",")[5]) for line in dated.splitlines()[1:]] == before
    record("restated bars, with both answers and a report", bars=len(told))
