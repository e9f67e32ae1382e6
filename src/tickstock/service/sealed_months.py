"""Months of minute and hour bars in sealed files: sealed, brought back, listed, checked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tickstock.clock import Clock
from tickstock.errors import BadInput, Conflict, Transient
from tickstock.extras import require
from tickstock.loading.request import parse_timeframes
from tickstock.model import Timeframe
from tickstock.sealed_place import NOUNS, kinds_of_bars
from tickstock.store import sealing
from tickstock.store.database import Database
from tickstock.store.sealing import FileCheck, ListedMonth, SealedMonth

MONTH = re.compile(r"(\d{4})-(\d{2})")
CLOSES_AFTER = timedelta(days=3)
"""So long after its end a month still gets bars: those of the last sessions are published late."""
LISTS = "`tickstock files sealed` lists those that are."


@dataclass(frozen=True, slots=True)
class LeftMonth:
    """A month that was not sealed, and why."""

    timeframe: Timeframe
    month: date
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """Months that were sealed, and those that were not, of some timeframes."""

    timeframes: tuple[Timeframe, ...]
    months: tuple[SealedMonth, ...]
    left: tuple[LeftMonth, ...]


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What came back into the database. `lost`: of how many symbols and months it did not."""

    timeframes: tuple[Timeframe, ...]
    months: tuple[date, ...]
    bars: int
    lost: int


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """Sealed files that were read, with their bars; those that are damaged or lacking, and files in
    the folder from which this database reads nothing."""

    files: int
    bars: int
    by_timeframe: Mapping[Timeframe, int]
    damaged: tuple[FileCheck, ...]
    unnamed: tuple[str, ...]


class SealedMonths:
    """The bars that are in files and nowhere else."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def seal(self, before: str, timeframes: str = Timeframe.MINUTE) -> Sealed:
        """Move all months before one (`2025-01`) into files, one after the other; one that cannot
        be is left as it is.

        Raises:
            BadInput: it is no month, one that has just ended would be sealed, or bars of such a
                timeframe are not.
            BadFile: the folder cannot be written, or a file of before cannot be read.
            MissingExtra: pyarrow is not installed.
        """
        first, chosen = month_of(before), sealable(timeframes)
        if first + CLOSES_AFTER > self._clock().date():
            raise BadInput(
                f"Months before {before} are not closed yet.",
                f"A month can be sealed {CLOSES_AFTER.days} days after its end.",
            )
        require("pyarrow")
        made: list[SealedMonth] = []
        left: list[LeftMonth] = []
        for timeframe in chosen:
            self._seal(timeframe, first, made, left)
        return Sealed(chosen, tuple(made), tuple(left))

    def _seal(
        self, timeframe: Timeframe, before: date, made: list[SealedMonth], left: list[LeftMonth]
    ) -> None:
        with self._database.transaction() as connection:
            months = sealing.months_before(connection, timeframe, before)
        for month in months:
            try:
                made.append(sealing.seal(self._database, timeframe, month))
            except (Conflict, Transient) as e:
                left.append(LeftMonth(timeframe, month, e.what, e.hint))
        if timeframe is Timeframe.HOUR and any(one.timeframe is timeframe for one in made):
            sealing.make_reusable(self._database, timeframe)

    def unseal(
        self,
        months: Sequence[str],
        timeframes: str = Timeframe.MINUTE,
        *,
        is_lost: bool = False,
    ) -> Unsealed:
        """Bring months back into the database; see `sealing.unseal`. Raises BadInput where one is
        no month, or none of its bars is in a file."""
        firsts, chosen = sorted({month_of(month) for month in months}), sealable(timeframes)
        if not firsts:
            raise BadInput("No month was named.", LISTS)
        with self._database.transaction() as connection:
            there = {(one.timeframe, one.month) for one in sealing.listed(connection)}
        asked = [(timeframe, month) for timeframe in chosen for month in firsts]
        for timeframe, month in asked:
            if (timeframe, month) not in there:
                what = f"{month:%Y-%m} is not sealed ({kinds_of_bars([timeframe])})."
                raise BadInput(what, LISTS)
        bars = lost = 0
        for timeframe, month in asked:
            found = sealing.unseal(self._database, timeframe, month, is_lost=is_lost)
            bars, lost = bars + found[0], lost + found[1]
        return Unsealed(chosen, tuple(firsts), bars, lost)

    def listed(self) -> list[ListedMonth]:
        """What is sealed, by timeframe and month."""
        with self._database.transaction() as connection:
            return sealing.listed(connection)

    def check(self) -> CheckedFiles:
        """Read all that is in sealed files, and compare it with what was sealed."""
        found = list(sealing.check(self._database))
        damaged = tuple(one for one in found if one.what)
        bars = bars_of(found)
        unnamed = tuple(sealing.unnamed(self._database))
        return CheckedFiles(len(found), sum(bars.values()), bars, damaged, unnamed)


def bars_of(files: Iterable[FileCheck]) -> Counter[Timeframe]:
    """How many bars of each timeframe are read from these files."""
    found: Counter[Timeframe] = Counter()
    for one in files:
        found[one.timeframe] += one.bars
    return found


def sealable(text: str) -> tuple[Timeframe, ...]:
    """The timeframes of `1min,hour`. Raises BadInput."""
    chosen = parse_timeframes(text)
    for timeframe in chosen:
        if timeframe not in NOUNS:
            what = f"{timeframe.capitalize()} bars are not sealed: they stay in the database."
            raise BadInput(what, f"Give some of: {', '.join(NOUNS)}.")
    return chosen


def month_of(text: str) -> date:
    """The first day of `2025-01`. Raises BadInput."""
    found = MONTH.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= 12 or not int(found[1]):
        raise BadInput(f"{text!r} is no month.", "Write it as 2025-01.")
    return date(int(found[1]), int(found[2]), 1)
