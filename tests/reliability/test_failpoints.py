"""`kill -9` at every failpoint: what is left in the end is as if nothing had happened."""

from __future__ import annotations

import os
import random
import re
import zlib
from datetime import date
from pathlib import Path

import pytest

import tickstock
from tests.reliability.form import FORM, record
from tests.reliability.rig import SETTINGS, Rig
from tickstock import failpoints

NAMED = sorted(
    name
    for file in Path(tickstock.__file__).parent.rglob("*.py")
    for name in re.findall(r'reach\("([a-z_.]+)"\)', file.read_text("utf-8"))
)
"""Every point that stands in the source."""


SHARES = 3


def today() -> int:
    """Whose turn it is in the short form."""
    return int(os.environ.get("TICKSTOCK_SHARE", date.today().toordinal())) % SHARES  # noqa: DTZ011


def scenario_of(rig: Rig, point: str) -> str:
    """The first scenario that comes to the point."""
    return next(name for name in SETTINGS if point in rig.baseline(name).points)


def struck(rig: Rig, name: str, point: str, seed: int) -> None:
    """Kill at one of the times that the point is reached; `seed` says at which."""
    times = rig.baseline(name).points[point]
    number = random.Random(f"{point} {seed}").randint(1, times)
    strike = rig.strike(name, point, number)
    # A later time may not come again: workers do not divide their work alike each time.
    if strike.code == 0 and number > 1:
        strike = rig.strike(name, point, 1)
    assert strike.is_good, (name, point, number, strike)


def test_names_are_unique_and_many() -> None:
    assert len(NAMED) == len(set(NAMED)) >= 40


@pytest.mark.parametrize("point", NAMED)
def test_a_worker_killed_there_leaves_no_trace(rig: Rig, point: str) -> None:
    if FORM.kill_seeds == 1 and zlib.crc32(point.encode()) % SHARES != today():
        pytest.skip("the short form takes a third of the points each day, the long form all")
    names = [scenario_of(rig, point)]
    if FORM.kill_seeds > 1:
        names = [name for name in SETTINGS if point in rig.baseline(name).points]
    for name in names:
        for seed in range(FORM.kill_seeds):
            struck(rig, name, point, seed)
    runs = len(names) * FORM.kill_seeds
    record("kill -9 at every failpoint", runs=runs, points=len(NAMED), differences=0, repeated=0)


@pytest.mark.parametrize("point", ["actions.asked", "actions.known", "finish.begin"])
def test_of_a_load_that_asks_for_nothing_again_neither(rig: Rig, point: str) -> None:
    struck(rig, "plain load", point, seed=1)


def test_off_they_do_nothing_and_on_they_must_be_known() -> None:
    failpoints.reach("commit.judge")
    with pytest.raises(ValueError, match="NAME@NUMBER:kill"):
        failpoints.arm("commit.judge")
