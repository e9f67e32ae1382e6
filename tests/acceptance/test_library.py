"""TickStock inside somebody else's program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tickstock.store.database import Database

PROGRAM = """
import asyncio
from tickstock import TickStock, read_settings
from tickstock.worker.run import Worker

with TickStock.open(read_settings()) as tick:
    plan = tick.plans.make(tick.requests.resolve(symbols=["AAPL"], duration="1w"))
    load = tick.jobs.submit(plan)
    asyncio.run(Worker(tick).drain(load.id))
    print(tick.jobs.progress(load.id).load.state)
"""


@pytest.mark.dates
def test_a_program_that_uses_it_prints_what_it_prints_itself(
    database: Database, tmp_path: Path
) -> None:
    environ = {
        "DATABASE_URI": database.conninfo,
        "TICKSTOCK_VENDOR": "synthetic",
        "TICKSTOCK_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("completed\n", 0), done.stderr
