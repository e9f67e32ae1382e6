"""Runs the proofs of reliability, and writes what came of them into RELIABILITY.md.

python -m tests.reliability                        the short form; nothing is written
python -m tests.reliability --long                 all of it, for an hour
python -m tests.reliability --long --only freeze   one proof: the file test_freeze.py
python -m tests.reliability --long --only failpoints --seeds 3-5
python -m tests.reliability --add FILE             pieces that were kept in another file

The long form keeps the figures of each piece in a file, and writes the page from all pieces in it;
a piece that is run again takes the place of what it gave before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.reliability.form import SEEDS, VARIABLE, seeds_of
from tests.reliability.page import Piece, page, read, write
from tickstock.clock import machine_now

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
FIGURES = FOLDER / "figures.jsonl"
BENCHMARK = "ledger"
"""The piece that is no proof: how fast it is."""
PROOFS = sorted(file.stem.removeprefix("test_") for file in FOLDER.glob("test_*.py"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", nargs="+", choices=[*PROOFS, BENCHMARK], metavar="NAME")
    parser.add_argument("--seeds", default="0-9", help="of the kills, as FIRST-LAST")
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--add", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--page", type=Path, default=ROOT / "RELIABILITY.md")
    given = parser.parse_args()
    seeds_of(given.seeds)
    if given.add:
        return _keep((piece for file in given.add for piece in read(file)), given)
    names = given.only or [*PROOFS, BENCHMARK]
    if not given.long:
        files = [_file(name) for name in names if name != BENCHMARK]
        return subprocess.run([*_pytest(), *files], cwd=ROOT, check=False).returncode
    return _keep((_run(name, given.seeds) for name in names), given)


def _keep(pieces: Iterable[Piece], given: argparse.Namespace) -> int:
    """Keep each as soon as it has ended, and write the page anew; the exit code."""
    failed = 0
    for piece in pieces:
        write(given.figures, piece)
        given.page.write_text(page(read(given.figures)), encoding="utf-8")
        failed += not piece.is_good
    return min(failed, 1)


def _pytest() -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def _file(name: str) -> str:
    return str(FOLDER / f"test_{name}.py")


def _run(name: str, seeds: str) -> Piece:
    """Run one piece in a process of its own."""
    seeds = seeds if name == "failpoints" else ""
    with tempfile.NamedTemporaryFile(prefix="ts-figures-") as made:
        return _run_into(Path(made.name), name, seeds)


def _run_into(file: Path, name: str, seeds: str) -> Piece:
    environ = os.environ | {VARIABLE: str(file)} | ({SEEDS: seeds} if seeds else {})
    command = [*_pytest(), _file(name), "--timeout", "3600"]
    if name == BENCHMARK:
        command = [sys.executable, str(ROOT / "benchmarks" / "ledger.py"), "--figures", str(file)]
    begun = time.monotonic()
    run = subprocess.run(
        command, cwd=ROOT, env=environ, check=False, text=True, stdout=subprocess.PIPE
    )
    print(run.stdout, flush=True)
    figures: list[dict[str, Any]] = [json.loads(x) for x in file.read_text("utf-8").splitlines()]
    said = run.stdout.strip().splitlines()[-1].strip(" =") if run.stdout.strip() else "nothing said"
    return Piece(
        name,
        seeds,
        machine_now().strftime("%Y-%m-%d %H:%M"),
        round(time.monotonic() - begun, 1),
        run.returncode == 0,
        said if name != BENCHMARK else "measured",
        tuple(figures),
    )


if __name__ == "__main__":
    sys.exit(main())
