"""The suite on other days and in other places.

    python -m tests.dates [--day WORDS] [--zone ZONE] [pytest options]

runs the tests that are marked `dates` once for each day and zone, in a process of its own whose
clock begins at that moment and whose machine and server are in that zone, and prints a table. The
suite itself has a short form of it (`tests/acceptance/test_dates.py`).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ZONES = ("UTC", "America/New_York", "Asia/Tokyo")
DAYS = {
    "Saturday after Thanksgiving": "2026-11-28T12:00-05:00",
    "Monday before the open": "2026-11-30T08:00-05:00",
    "closed for mourning": "2025-01-09T12:00-05:00",
    "day after the clock went forward": "2026-03-09T10:00-04:00",
    "day after the clock went back": "2026-11-02T10:00-05:00",
    "29 February": "2028-02-29T12:00-05:00",
    "31 December, 23:30": "2026-12-31T23:30-05:00",
    "1 January": "2027-01-01T12:00-05:00",
    "half day before its close": "2026-11-27T12:30-05:00",
    "half day after its close": "2026-11-27T13:30-05:00",
    "newest session not published": "2026-11-18T22:00-05:00",
}
SHORT = (
    ("Saturday after Thanksgiving", "America/New_York"),
    ("closed for mourning", "UTC"),
    ("29 February", "Asia/Tokyo"),
    ("31 December, 23:30", "Asia/Tokyo"),
    ("newest session not published", "America/New_York"),
)
"""What the suite takes of it."""


@dataclass(frozen=True)
class Cell:
    """What came of the tests on one day in one zone."""

    passed: int
    failed: tuple[str, ...]
    code: int
    seconds: float

    def __str__(self) -> str:
        told = f"{self.passed} passed" if not self.code else f"{len(self.failed)} FAILED"
        return f"{told}, {self.seconds:.0f} s"


def marked() -> list[str]:
    """The files with such tests: to look through all of them takes longer than to run these."""
    files = (ROOT / "tests").rglob("test_*.py")
    return sorted(str(f) for f in files if "pytest.mark.dates" in f.read_text("utf-8"))


def run(now: str, zone: str, more: list[str]) -> Cell:
    """The marked tests at a moment in a zone."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "dates"]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "--now", now, "--zone", zone, *more, *marked()],
        cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    found = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    passed = re.search(r"(\d+) passed", done.stdout)
    if done.returncode:
        print(done.stdout[-6000:], file=sys.stderr)
    seconds = time.monotonic() - begun
    return Cell(int(passed[1]) if passed else 0, tuple(found), done.returncode, seconds)


def table(cells: dict[tuple[str, str], Cell], zones: list[str]) -> str:
    """Days down, zones across."""
    days = list(dict.fromkeys(day for day, _ in cells))
    rows = [["", *zones]]
    rows += [[day, *(str(cells.get((day, zone), "")) for zone in zones)] for day in days]
    widths = [max(len(row[i]) for row in rows) for i in range(len(zones) + 1)]
    lines = ["  ".join(f"{x:<{w}}" for x, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", default="", help="only the days with these words in their name")
    parser.add_argument("--zone", choices=ZONES, help="only this zone")
    given, more = parser.parse_known_args()
    zones = [given.zone] if given.zone else [*ZONES]
    cells: dict[tuple[str, str], Cell] = {}
    for day, now in DAYS.items():
        for zone in zones if given.day in day else []:
            cells[day, zone] = cell = run(now, zone, more)
            print(f"{day}, {zone}: {cell}", file=sys.stderr, flush=True)
    print(table(cells, zones))
    for (day, zone), cell in cells.items():
        for name in cell.failed:
            print(f"{day}, {zone}: {name}")
    return int(any(cell.code for cell in cells.values()) or not cells)


if __name__ == "__main__":
    sys.exit(main())
