"""A year of a hundred symbols with gaps punched into it: one job heals what can be healed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cluster
from tests.kit import sessions, span
from tests.loading_rig import (
    forget,
    random_cells,
    rig,
    sql,
    stored,
    synthetic_table,
    truth_of,
    write_folder,
)
from tests.reliability.form import FORM, record
from tickstock.model import CallKind, GapCause, JobState, Timeframe, epoch_day
from tickstock.store.database import Database

DAY = Timeframe.DAY
SYMBOLS = tuple(f"H{n:03}" for n in range(100))
YEAR = span("2024-01-02", "2024-12-31")
GAPS, GAPS = 500, 40


@pytest.mark.parametrize("seed", range(FORM.punched_years))
def test_one_load_heals_all_gaps_and_asks_nothing_else(
    cluster: Cluster, template: str, tmp_path: Path, seed: int
) -> None:
    name = cluster.create(template)
    with Database.open(cluster.uri(name), tmp_path, migrate=False) as database:
        calls = _punch_and_heal(database, tmp_path, np.random.default_rng(seed))
    cluster.drop(name)
    record("a year of 100 symbols, 500 gaps punched", runs=1, healing_calls=calls)


def _punch_and_heal(database: Database, home: Path, rng: np.random.Generator) -> int:
    days = sessions(YEAR)
    # Bars that the vendor itself has never had, in one cell or a few in a row of some symbols.
    gaps = {(int(s), int(d)) for s, d in zip(*_places(rng, len(days)), strict=True)}
    bars = synthetic_table(SYMBOLS, YEAR)
    column = np.searchsorted([epoch_day(d) for d in days], bars.at)
    cells = zip(bars.owner.tolist(), column.tolist(), strict=True)
    bars = bars.rows(np.array([cell not in gaps for cell in cells]))
    now = [timedelta(0)]
    here = rig(
        database,
        home,
        vendor={"folder": write_folder(home / "vendor", bars)},
        shift=lambda: now[0],
        settings={"MASSIVE_CALLS_PER_MINUTE": str(rng.choice([0, 5]))},
    )
    asked = {"symbols": SYMBOLS, "first": YEAR.start, "last": YEAR.last}
    first = here.load(here.plan(**asked))
    assert first.load.state is JobState.COMPLETED
    assert first.load.report["causes"] == {"vendor_empty": len(gaps)}
    truth = truth_of(bars)
    assert stored(database) == truth
    # Gaps among what is held.
    rows = sql(database, "SELECT id, symbol FROM tickstock.instruments")
    ids = {symbol: id_ for id_, symbol in rows}
    absent = {(ids[SYMBOLS[s]], days[d]) for s, d in gaps}
    picked = random_cells(rng, [ids[s] for s in SYMBOLS], days, GAPS + len(gaps))
    gaps = [cell for cell in picked if cell not in absent][:GAPS]
    forget(database, gaps)
    assert len(stored(database)) == len(truth) - GAPS
    healing = here.plan(**asked)
    assert healing.exact
    assert healing.cells == GAPS
    assert len(healing.calls) <= len(SYMBOLS)
    assert [(s.cause, s.cells) for s in healing.skips] == [(GapCause.VENDOR_EMPTY, len(gaps))]
    healed = here.load(healing)
    assert (here.asked, healed.rows_new, healed.rows_changed) == (len(healing.calls), GAPS, 0)
    assert healed.load.state is JobState.COMPLETED
    assert healed.held == len(truth)
    assert stored(database) == truth
    _gaps_expire(here, asked, now, len(gaps))
    return len(healing.calls)


def _places(rng: np.random.Generator, days: int) -> tuple[list[int], list[int]]:
    """Cells of gaps: at most two in a row, as a run of more looks like a lost page."""
    symbols, at = rng.integers(0, len(SYMBOLS), GAPS), rng.integers(1, days // 5, GAPS) * 5
    return symbols.tolist(), (at - rng.integers(0, 2, GAPS)).tolist()


def _gaps_expire(here: object, asked: dict[str, object], now: list[timedelta], gaps: int) -> None:
    """Gaps of the vendor are explained, left alone for 30 days, and asked for again then."""
    from tests.loading_rig import Rig

    assert isinstance(here, Rig)
    for days in (0, 1, 29):
        now[0] = timedelta(days=days)
        assert here.plan(**asked).calls == ()
        (gap,) = here.tick.missing.find(SYMBOLS, [DAY], YEAR).gaps
        assert (gap.cause, gap.cells) == ("vendor_empty", gaps)
        assert all(reason.endswith("holds no bar.") for reason, _ in gap.reasons)
    now[0] = timedelta(days=31)
    again = here.plan(**asked)
    assert again.cells == gaps
    assert here.load(again).load.report["causes"] == {"vendor_empty": gaps}
    # Amid what is held an empty answer of a ticker stands when a second one confirms it.
    tickers = sum(p.call.kind is CallKind.TICKER for p in again.calls)
    assert len(again.calls) < here.asked <= len(again.calls) + tickers
    assert here.plan(**asked).calls == ()
