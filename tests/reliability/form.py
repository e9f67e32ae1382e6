"""How much of each proof is run, and the figures that come of it.

The short form is for every day. The long form (`python -m tests.reliability --long`) takes a while,
and writes RELIABILITY.md.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tickstock.store import database
from tickstock.worker.policy import Policy

VARIABLE = "TICKSTOCK_RELIABILITY"
"""The file that figures are written to; where it is set, the long form is run."""
SEEDS = f"{VARIABLE}_SEEDS"


def seeds_of(text: str) -> range:
    """`3-5` as the numbers that it names."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


@dataclass(frozen=True)
class Form:
    """Sizes of the proofs; times in seconds. `gone`: how soon the engine takes a silent worker for
    dead, 0 as by default. `most_times`: that a worker comes to the point where it dies."""

    is_long: bool = False
    kill_seeds: range = range(1)
    freezes: int = 20
    frozen_processes: int = 1
    schedules: int = 3_000
    restarted_symbols: int = 40
    restart_every: float = 0.6
    most_restarts: int = 2
    vendor_delay: float = 0.3
    limit_seconds: float = 4.0
    limits: tuple[tuple[int, float], ...] = ((5, 2.0),)
    jobs: int = 50
    whole_jobs: int = 10
    most_times: int = 12
    worker_lives: tuple[float, float] = (4.0, 20.0)
    lived_in: tuple[int, ...] = (256, 600)
    small_choices: int = 150
    large_choices: int = 30
    plans: int = 32
    planned_symbols: int = 1_000
    punched_years: int = 1
    faulty_vendors: int = 40
    corruptions: int = 4
    lease: float = 1.5
    gone: float = 1.0
    silence: float = 0.75
    takeover: float = 30.0
    outage: float = 3.0
    soak: float = 8.0
    soak_pause: float = 0.1
    soak_blow: int = 30
    flood: int = 2_500


LONG = Form(
    is_long=True,
    kill_seeds=seeds_of(os.environ.get(SEEDS, "0-9")),
    freezes=1_000,
    frozen_processes=5,
    schedules=100_000,
    restarted_symbols=500,
    restart_every=10.0,
    most_restarts=1_000,
    vendor_delay=0.9,
    limit_seconds=40.0,
    limits=((5, 2.0), (100, 1.0)),
    jobs=500,
    whole_jobs=400,
    most_times=80,
    worker_lives=(10.0, 60.0),
    lived_in=(256, 600, 3_000),
    small_choices=2_000,
    large_choices=1_000,
    plans=1_000,
    planned_symbols=10_000,
    punched_years=20,
    faulty_vendors=2_000,
    corruptions=100,
    lease=Policy().lease,
    gone=0.0,
    silence=database.SILENCE,
    takeover=45.0,
    outage=60.0,
    soak=1800.0,
    soak_pause=0.5,
    soak_blow=200,
    flood=100_000,
)
FORM = LONG if VARIABLE in os.environ else Form()


def record(what: str, **figures: Any) -> None:
    """Keep the figures of one proof for the report."""
    if file := os.environ.get(VARIABLE):
        with Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"what": what, **figures}) + "\n")
