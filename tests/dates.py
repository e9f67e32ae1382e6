"""The suite on other days and in other places.

    python -m tests.dates [--wide] [--day WORDS] [--zone ZONE] [pytest options]

runs `tests/acceptance/test_dates.py` for each day and zone, with the clock beginning at that moment
and machine and server in that zone, and prints a table. With `--wide` it runs all tests that are
marked `dates`, each time in a process of its own. The suite itself has a short form of it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEART = "tests/acceptance/test_dates.py"
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
    is_good: bool = True

    @property
    def is_well(self) -> bool:
        return self.is_good and self.passed > 0 and not self.failed

    def __str__(self) -> str:
        return f"{self.passed} passed" if self.is_well else f"{len(self.failed)} FAILED"


Cells = dict[tuple[str, str], Cell]


def marked() -> list[str]:
    """The files with such tests: to look through all of them takes longer than to run these."""
    files = (ROOT / "tests").rglob("test_*.py")
    return sorted(str(f) for f in files if "pytest.mark.dates" in f.read_text("utf-8"))


def pytest(*options: str) -> tuple[str, int, float]:
    """What it prints, how it ends, and the seconds."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", *options],
        cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout[-8000:], file=sys.stderr)
    return done.stdout, done.returncode, time.monotonic() - begun


def outcomes(printed: str, day: str = "") -> Cell:
    """What the summary says of all tests, or of those of one day."""
    found = re.findall(
        r"^(PASSED|FAILED|ERROR) (\S+?(?:\[[^]]*\])?)(?: - .*)?$", printed, re.MULTILINE
    )
    mine = [(how, name) for how, name in found if not day or f"[{day}]" in name]
    return Cell(
        sum(how == "PASSED" for how, _ in mine), tuple(n for how, n in mine if how != "PASSED")
    )


def one_process_each(days: list[str], zones: list[str], more: list[str]) -> Cells:
    """All marked tests, for each day and zone in a process whose clock begins there."""
    cells: Cells = {}
    for day in days:
        for zone in zones:
            where = ("--now", DAYS[day], "--zone", zone)
            printed, code, seconds = pytest("-m", "dates", *where, *more, *marked())
            cells[day, zone] = replace(outcomes(printed), is_good=code == 0)
            print(f"{day}, {zone}: {cells[day, zone]}, {seconds:.0f} s", file=sys.stderr)
    return cells


def one_process_a_zone(days: list[str], zones: list[str], more: list[str]) -> Cells:
    """The heart of them, all days in one process: a tenth of the time."""
    cells: Cells = {}
    for zone in zones:
        printed, _, seconds = pytest("--every-day", "--zone", zone, *more, HEART)
        print(f"{zone}: {seconds:.0f} s", file=sys.stderr)
        cells |= {(day, zone): outcomes(printed, day) for day in days}
    return cells


def table(cells: Cells, zones: list[str]) -> str:
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
    parser.add_argument(
        "--wide", action="store_true", help="all marked tests; takes ten times as long"
    )
    given, more = parser.parse_known_args()
    zones = [given.zone] if given.zone else [*ZONES]
    days = [day for day in DAYS if given.day in day]
    run = one_process_each if given.wide else one_process_a_zone
    cells = run(days, zones, more)
    print(table(cells, zones))
    for (day, zone), cell in cells.items():
        for name in cell.failed:
            print(f"{day}, {zone}: {name}")
    return int(not cells or not all(cell.is_well for cell in cells.values()))


if __name__ == "__main__":
    sys.exit(main())
