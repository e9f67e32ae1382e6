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

VARIABLE = "TICKSTOCK_RELIABILITY"
"""The file that figures are written to; where it is set, the long form is run."""


@dataclass(frozen=True)
class Form:
    """Sizes of the proofs; times in seconds."""

    kill_seeds: int = 1
    freezes: int = 20
    frozen_processes: int = 1
    schedules: int = 3_000
    restarted_symbols: int = 80
    restart_every: float = 0.7
    vendor_delay: float = 0.12
    limit_seconds: float = 9.0
    limits: tuple[tuple[int, float], ...] = ((5, 2.0),)
    jobs: int = 50


LONG = Form(
    kill_seeds=int(os.environ.get(f"{VARIABLE}_SEEDS", "10")),
    freezes=1_000,
    frozen_processes=5,
    schedules=100_000,
    restarted_symbols=500,
    restart_every=10.0,
    vendor_delay=0.9,
    limit_seconds=40.0,
    limits=((5, 2.0), (100, 1.0)),
    jobs=500,
)
FORM = LONG if VARIABLE in os.environ else Form()


def record(what: str, **figures: Any) -> None:
    """Keep the figures of one proof for the report."""
    if file := os.environ.get(VARIABLE):
        with Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"what": what, **figures}) + "\n")
