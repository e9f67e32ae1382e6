"""`kill -9` at every failpoint: what is left in the end is as if nothing had happened."""

from __future__ import annotations

import os
import random
import re
import zlib
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
    if not name.startswith(("bar_file.", "fold.", "lake.", "seal.", "sealed_file.", "unseal."))
)
"""Every point that stands in the source, but those of bar files, sealed files and published tables,
which no load comes to: there, `tests/store/test_bar_files.py`, `test_sealing.py` and `test_lake.py`
kill."""


SHARES = 4
KILLS = "kill -9 at every failpoint, then finished by another process"


def share(number: int) -> list[str]:
    """The points of one of the quarters."""
    return [name for name in NAMED if zlib.crc32(name.encode()) % SHARES == number % SHARES]


def points() -> list[str]:
    """All in the long form. The short form takes a quarter of them: TICKSTOCK_SHARE=0 to 3 says
    which, and the same on every day."""
    if FORM.is_long:
        return NAMED
    return share(int(os.environ.get("TICKSTOCK_SHARE", "0")))


def scenario_of(rig: Rig, point: str) -> str:
    """The scenario that comes to the point most often: in some, only a slow machine does."""
    return max(SETTINGS, key=lambda name: rig.baseline(name).points[point])


def struck(rig: Rig, name: str, point: str, seed: int) -> bool:
    """Kill at one of the times that the point is reached; `seed` says at which. False when it did
    not come there this time, as may happen with what is done every so often."""
    times = rig.baseline(name).points[point]
    assert times, f"no scenario comes to {point}: {SETTINGS.keys()}"
    number = random.Random(f"{point} {seed}").randint(1, times)
    strike = rig.strike(name, point, number)
    # A later time may not come again: workers do not divide their work alike each time.
    if strike.code == 0:
        strike = rig.strike(name, point, 1)
    assert not strike.differences, (name, point, number, strike)
    assert not strike.repeated, (name, point, number, strike)
    assert strike.code in (0, -9), (name, point, number, strike)
    return strike.code == -9


def test_names_are_unique_and_many() -> None:
    assert len(NAMED) == len(set(NAMED)) >= 40
    assert sorted(name for number in range(SHARES) for name in share(number)) == NAMED
    record(KILLS, points=len(NAMED), failpoints=NAMED)


@pytest.mark.parametrize("point", points())
def test_a_worker_killed_there_leaves_no_trace(rig: Rig, point: str) -> None:
    names = [scenario_of(rig, point)]
    if FORM.is_long:
        names = [name for name in SETTINGS if point in rig.baseline(name).points]
    kills = sum(struck(rig, name, point, seed) for name in names for seed in FORM.kill_seeds)
    assert kills
    record(KILLS, kills=kills, differences=0, repeated=0)


@pytest.mark.parametrize("point", ["actions.asked", "actions.known", "finish.begin"])
def test_of_a_load_that_asks_for_nothing_again_neither(rig: Rig, point: str) -> None:
    assert struck(rig, "plain load", point, seed=1)


def test_off_they_do_nothing_and_on_they_must_be_known() -> None:
    failpoints.reach("commit.judge")
    with pytest.raises(ValueError, match="NAME@NUMBER:kill"):
        failpoints.arm("commit.judge")
