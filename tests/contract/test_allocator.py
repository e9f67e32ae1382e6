"""Memory that was given back is the system's again, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tickstock.config import read_settings
from tickstock.service import TickStock
from tickstock.store.database import Database
from tickstock.worker import run

CHILD = """
import sys
import numpy as np
from pathlib import Path
from tickstock.worker.allocator import LARGE, give_back_large_blocks

def resident():
    told = Path("/proc/self/status").read_text("ascii").split()
    return int(told[told.index("VmRSS:") + 1]) * 1024

if "set" in sys.argv:
    assert give_back_large_blocks()
np.ones(LARGE // 4)  # given back at once, whereby such blocks are no mappings of their own any more
before = resident()
large, small = [], []
for _ in range(8):
    large.append(np.ones(LARGE // 8))
    small.append(np.ones(LARGE // 512))  # lies above it, and stays
most = resident()
large.clear()
print((resident() - before) / (most - before))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps large blocks")
def test_large_blocks_are_given_back_whatever_lies_above_them() -> None:
    def kept(*how: str) -> float:
        command = [sys.executable, "-c", CHILD, *how]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert kept("set") < 0.2
    assert kept() > 0.5, "else it is not needed any more"


def test_workers_see_to_that(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[bool] = []
    monkeypatch.setattr(run, "give_back_large_blocks", lambda: done.append(True))
    run.Worker(TickStock(read_settings({}), database))
    assert done
