"""What a command does not need it does not load: starting is most of its time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.moment import handed_on
from tickstock.cli.app import run
from tickstock.store.database import Database

NUMPYLESS = """
import sys
from tickstock.cli.app import run
code = run(sys.argv[1:])
heavy = {"numpy", "pandas", "pyarrow", "aiohttp", "scipy"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else code)
"""


WORDS = (
    "universe list",
    "universe show stock_universe:index_dow30|{AAPL,MSFT} --as-of 2025-01-31",
    "universe containing SPY",
    "universe blame etf_universe:core_etfs SPY",
    "config show",
    "db status",
)


def test_commands_that_read_no_bars_start_without_numpy(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    assert run(["universe", "organize", "--yes", "--home", str(tmp_path)]) == 0
    for words in WORDS:
        command = [sys.executable, "-c", NUMPYLESS, *words.split(), "--home", str(tmp_path)]
        done = subprocess.run(
            command, env=os.environ | handed_on(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
