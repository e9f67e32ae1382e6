"""Months of minute bars in sealed files: sealed, brought back, listed, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tickstock.clock import Clock
from tickstock.errors import BadInput, Conflict, Transient
from tickstock.extras import require
from tickstock.store import sealing
from tickstock.store.database import Database
from tickstock.store.sealing import FileCheck, ListedMonth, SealedMonth

MONTH = re.compile(r"(\d{4})-(\d{2})")
CLOSES_AFTER = timedelta(days=3)
"""So long after its end a month still gets bars: those of the last sessions are published late."""


@dataclass(frozen=True, slots=True)
class LeftMonth:
    """A month that was not sealed, and why."""

    month: date
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """Months that were sealed, and those that were not."""

    months: tuple[SealedMonth, ...]
    left: tuple[LeftMonth, ...]


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What came back into the database. `lost`: of how many symbols and months it did not."""

    months: tuple[date, ...]
    bars: int
    lost: int


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """Sealed files that were read, those that are damaged or lacking, and files in the folder from
    which this database reads nothing."""

    files: int
    bars: int
    damaged: tuple[FileCheck, ...]
    unnamed: tuple[str, ...]


class SealedMonths:
    """The minute bars that are in files and nowhere else."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def seal(self, before: str) -> Sealed:
        """Move all months before one (`2025-01`) into files, one after the other; one that cannot
        be is left as it is.

        Raises:
            BadInput: it is no month, or one that has just ended would be sealed.
            BadFile: the folder cannot be written, or a file of before cannot be read.
            MissingExtra: pyarrow is not installed.
        """
        first = month_of(before)
        if first + CLOSES_AFTER > self._clock().date():
            raise BadInput(
                f"Months before {before} are not closed yet.",
                f"A month can be sealed {CLOSES_AFTER.days} days after its end.",
            )
        require("pyarrow")
        with self._database.transaction() as connection:
            months = sealing.months_before(connection, first)
        made: list[SealedMonth] = []
        left: list[LeftMonth] = []
        for month in months:
            try:
                made.append(sealing.seal(self._database, month))
            except (Conflict, Transient) as e:
                left.append(LeftMonth(month, e.what, e.hint))
        return Sealed(tuple(made), tuple(left))

    def unseal(self, months: Sequence[str], *, is_lost: bool = False) -> Unsealed:
        """Bring months back into the database; see `sealing.unseal`. Raises BadInput where one is
        no month, or none of its bars is in a file."""
        firsts = sorted({month_of(month) for month in months})
        with self._database.transaction() as connection:
            there = {one.month for one in sealing.listed(connection)}
        if not firsts or (others := [m for m in firsts if m not in there]):
            what = f"{others[0]:%Y-%m} is not sealed." if firsts else "No month was named."
            raise BadInput(what, "`tickstock files sealed` lists those that are.")
        bars = lost = 0
        for month in firsts:
            found = sealing.unseal(self._database, month, is_lost=is_lost)
            bars, lost = bars + found[0], lost + found[1]
        return Unsealed(tuple(firsts), bars, lost)

    def listed(self) -> list[ListedMonth]:
        """What is sealed, by month."""
        with self._database.transaction() as connection:
            return sealing.listed(connection)

    def check(self) -> CheckedFiles:
        """Read all that is in sealed files, and compare it with what was sealed."""
        found = list(sealing.check(self._database))
        damaged = tuple(one for one in found if one.what)
        bars = sum(one.bars for one in found)
        return CheckedFiles(len(found), bars, damaged, tuple(sealing.unnamed(self._database)))


def month_of(text: str) -> date:
    """The first day of `2025-01`. Raises BadInput."""
    found = MONTH.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= 12 or not int(found[1]):
        raise BadInput(f"{text!r} is no month.", "Write it as 2025-01.")
    return date(int(found[1]), int(found[2]), 1)
