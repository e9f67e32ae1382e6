"""Runs the proofs of reliability and writes what came of them into RELIABILITY.md.

python -m tests.reliability                    the short form, nothing is written
python -m tests.reliability --long [--seeds 10]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.reliability.form import VARIABLE

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove what TickStock survives.")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    command = [sys.executable, "-m", "pytest", str(ROOT / "tests" / "reliability"), "-q"]
    if not given.long:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    file = Path(tempfile.mkdtemp(prefix="ts-figures-")) / "figures.jsonl"
    file.touch()
    environ = os.environ | {VARIABLE: str(file), f"{VARIABLE}_SEEDS": str(given.seeds)}
    begun = time.monotonic()
    run = subprocess.run(
        [*command, "--timeout", "3600"], cwd=ROOT, env=environ, check=False, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    print(run.stdout)
    figures = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    said = run.stdout.strip().splitlines()[-1]
    text = report(figures, said, time.monotonic() - begun)
    (ROOT / "RELIABILITY.md").write_text(text, encoding="utf-8")
    return run.returncode


def report(figures: list[dict[str, Any]], said: str, seconds: float) -> str:
    """The page; `said` is the last line of the test run."""
    lines = [
        "# What TickStock survives",
        "",
        "Written by `python -m tests.reliability --long`, not by hand; what each proof does is in",
        "`tests/reliability/`.",
        "",
        f"- when: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes",
        f"- on: {platform.system()} {platform.machine()}, {os.cpu_count()} cores,",
        f"  Python {platform.python_version()}, PostgreSQL 18",
        f"- result: {said.strip(' =')}",
        "",
        "| proof | figures |",
        "|---|---|",
    ]
    lines += [f"| {one.pop('what')} | {_figures(one)} |" for one in _added_up(figures)]
    return "\n".join(lines) + "\n"


def _added_up(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Proofs of one name in one line: numbers of runs are added, other figures are the last."""
    found: dict[str, dict[str, Any]] = {}
    for one in figures:
        known = found.setdefault(one["what"], {})
        runs = known.get("runs", 0) + one.get("runs", 0)
        known |= one | ({"runs": runs} if runs else {})
    return list(found.values())


def _figures(one: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.items())


if __name__ == "__main__":
    sys.exit(main())
