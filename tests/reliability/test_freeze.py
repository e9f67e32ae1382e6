"""A worker frozen past its lease changes nothing when it wakes; without the fence it would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from tests.reliability.form import FORM, record
from tests.reliability.freezing import freeze_once
from tests.reliability.rig import Rig
from tickstock.store import ledger
from tickstock.store.database import Database

RUNS = FORM.freezes


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def late_writes(database: Database, seeds: range) -> list[int]:
    """The seeds with which a woken worker wrote something."""
    runs = {seed: freeze_once(database, seed) for seed in seeds}
    assert sum(run.froze for run in runs.values()) > len(seeds) // 2
    return [seed for seed, run in runs.items() if run.changed]


def test_a_woken_worker_writes_nothing(database: Database) -> None:
    assert late_writes(database, range(RUNS)) == []
    record("worker frozen past its lease, then woken", runs=RUNS, late_writes=0)


def test_without_the_fence_it_would(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "fence_check", lambda _, leases: {x.id for x in leases})
    wrote = len(late_writes(database, range(RUNS)))
    assert wrote > RUNS // 4
    record("the same without the fence", runs=RUNS, late_writes=wrote)


@pytest.mark.parametrize("point", ["drain.fetched", "actions.fetched"])
def test_a_frozen_process_writes_nothing_when_it_goes_on(rig: Rig, point: str) -> None:
    for _ in range(FORM.frozen_processes):
        assert rig.freeze("load", point).changed == ()
    runs = FORM.frozen_processes
    record("process stopped by SIGSTOP between answer and commit", runs=runs, late_writes=0)


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_process_that_freezes_before_it_sends_asks_for_nothing_again(
    rig: Rig, which: str
) -> None:
    """Another has asked for it by then: the first call is one for bars, the last for dividends."""
    point = "gate.entered"
    number = 1 if which == "first" else rig.baseline("plain load").points[point]
    for _ in range(FORM.frozen_processes):
        frozen = rig.freeze("plain load", point, number)
        assert (frozen.changed, frozen.asked) == ((), ())
    runs = FORM.frozen_processes
    record("process stopped by SIGSTOP right before it sends", runs=runs, repeated=0)


@pytest.mark.parametrize("point", ["commit.finished", "bars.copying"])
def test_a_process_that_freezes_in_its_commit_does_not_keep_others_out(
    rig: Rig, point: str
) -> None:
    """It holds locks that the server takes from it."""
    for _ in range(FORM.frozen_processes):
        assert rig.freeze("load", point).changed == ()
    runs = FORM.frozen_processes
    record("process stopped by SIGSTOP inside its commit", runs=runs, late_writes=0)
