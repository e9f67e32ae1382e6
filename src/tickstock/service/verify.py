"""Stored bars against what is kept about them, and against the splits and dividends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tickstock.actions import Adjust
from tickstock.checksums import Cells, Comparison, compare, joined
from tickstock.content import ContentHash, symbol_hashes
from tickstock.crosscheck import ActionFinding
from tickstock.errors import BadFile, BadSetting
from tickstock.model import BarTable, Instrument, Timeframe
from tickstock.service import damages
from tickstock.service.damages import Damage
from tickstock.service.doubts import findings_in
from tickstock.service.reading import read
from tickstock.store import bars as bar_store
from tickstock.store import checksums, coverage, instruments, job_checksums
from tickstock.store.connection import Connection
from tickstock.store.database import Database

STORED = (Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE)
AT_ONCE: Mapping[Timeframe, int] = {
    Timeframe.DAY: 200,
    Timeframe.HOUR: 20,
    Timeframe.MINUTE: 1,
}
"""Instruments checked at once, so that memory stays flat in the size of the universe."""
COMPARED = 1_000
"""Instruments whose checksums are read at once: each time, all writes are looked through."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found. `hashes`: symbol and hash of its raw bars, for comparing two databases;
    `content` is the hash of all of them. `without_bars` are symbols of which none is stored, and
    `others` the timeframes in which some of those are held after all, with these. `unknown`:
    symbols with the number of days, and `unknown_jobs` the number of jobs, that were written before
    checksums were kept: nothing says what they should be."""

    timeframe: Timeframe
    bars: int
    damages: tuple[Damage, ...]
    findings: tuple[ActionFinding, ...]
    hashes: tuple[tuple[str, str], ...]
    content: str
    without_bars: tuple[str, ...]
    others: tuple[tuple[Timeframe, tuple[str, ...]], ...] = ()
    unknown: tuple[tuple[str, int], ...] = ()
    unknown_jobs: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was taken as it is: days of instruments, and jobs."""

    days: int
    jobs: int


class Verify:
    """Checks what is stored; changes no bars."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def stored(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe = Timeframe.DAY,
        *,
        compared: int = COMPARED,
    ) -> Verified:
        """Bars against their checksums, coverage and kept counts and, of day bars, against splits
        and dividends; and the ledger. All as of one moment."""
        symbols = tuple(dict.fromkeys(symbols))
        stored, content = timeframe.stored, ContentHash()
        found: list[Damage] = []
        findings: list[ActionFinding] = []
        hashes: list[tuple[str, str]] = []
        unknown: list[tuple[str, int]] = []
        unreadable: set[str] = set()
        count = 0
        with self._database.snapshot() as connection:
            checksums.take_time(connection)
            known = instruments.find_held(connection, symbols)
            chosen = [known[s] for s in symbols if s in known]
            for many in _groups(chosen, compared):
                cells: list[Cells] = []
                unread: set[int] = set()
                for some in _groups(many, AT_ONCE[stored]):
                    try:
                        bars = self._raw(connection, some, stored)
                    except (BadFile, BadSetting) as e:  # a sealed file; of others there are none
                        found += [Damage(i.symbol, e.what, e.hint) for i in some]
                        unread.update(i.id for i in some)
                        continue
                    count += len(bars)
                    cells.append(damages.cells_there(bars, some, stored))
                    found += damages.against_kept(connection, some, bars, stored)
                    findings += self._findings(connection, some, bars, stored)
                    hashes += symbol_hashes(bars)
                    content.add(bars)
                unreadable.update(i.symbol for i in many if i.id in unread)
                there = [i for i in many if i.id not in unread]
                names = {i.id: i.symbol for i in reversed(there)}
                comparison = _compared(connection, there, cells, stored)
                found += damages.altered(comparison, names)
                found += damages.odd(connection, stored, names)
                found += damages.coverage_altered(connection, stored, names)
                unknown += damages.unknown_days(comparison, names)
            found += damages.of_nobody(connection, stored)
            in_ledger, unknown_jobs = damages.in_ledger(connection)
            seen = {*dict(hashes), *unreadable}
            without = tuple(s for s in symbols if s not in seen)
            lacking = [known[s] for s in without if s in known]
            others = tuple(_held_otherwise(connection, lacking, stored))
        return Verified(
            stored,
            count,
            (*found, *in_ledger),
            tuple(sorted(findings)),
            tuple(hashes),
            content.hexdigest(),
            without,
            others,
            tuple(unknown),
            unknown_jobs,
        )

    def accept(self, symbols: Sequence[str], timeframe: Timeframe = Timeframe.DAY) -> Accepted:
        """Take bars, what is kept about them, and jobs that have ended, for right as they are."""
        stored, days = timeframe.stored, 0
        with self._database.transaction() as connection:
            known = instruments.find_held(connection, tuple(dict.fromkeys(symbols)))
        for some in _groups([*known.values()], AT_ONCE[stored]):
            with self._database.transaction() as connection:
                days += self._accept(connection, some, stored)
        with self._database.transaction() as connection:
            jobs = [j.id for j in job_checksums.ended(connection) if j.changes != ()]
            job_checksums.write(connection, jobs)
        return Accepted(days, len(jobs))

    def _accept(self, connection: Connection, some: Sequence[Instrument], stored: Timeframe) -> int:
        ids = sorted({i.id for i in some})
        bar_store.lock_instruments(connection, ids)
        bars = self._raw(connection, some, stored)
        cells = damages.cells_there(bars, some, stored)
        comparison = _compared(connection, some, [cells], stored)
        new = comparison.wrong | comparison.unknown
        actual = comparison.actual
        checksums.add_cells(connection, stored, Cells(actual.key[new], actual.sums[new]))
        checksums.accept_coverage(connection, stored, damages.counts(bars, some, stored))
        return int(new.sum())

    def _raw(
        self, connection: Connection, some: Sequence[Instrument], stored: Timeframe
    ) -> BarTable:
        now = self._clock()
        return read(connection, some, stored, None, adjust=Adjust.RAW, known_at=None, now=now).bars

    def _findings(
        self,
        connection: Connection,
        some: Sequence[Instrument],
        bars: BarTable,
        stored: Timeframe,
    ) -> list[ActionFinding]:
        if stored is not Timeframe.DAY:
            return []
        return [*findings_in(connection, some, bars, None, self._clock())]


def _compared(
    connection: Connection,
    many: Sequence[Instrument],
    cells: Sequence[Cells],
    stored: Timeframe,
) -> Comparison:
    ids = np.unique(np.array([i.id for i in many], np.int64))
    return compare(joined(cells), checksums.read_statements(connection, stored, ids))


def _held_otherwise(
    connection: Connection, some: Sequence[Instrument], asked: Timeframe
) -> Iterator[tuple[Timeframe, tuple[str, ...]]]:
    """Symbols of which no bar of the timeframe asked for is stored, by those that are."""
    for timeframe in STORED:
        if timeframe is not asked and some:
            kept = coverage.summaries(connection, timeframe, [i.id for i in some])
            held = tuple(i.symbol for i in some if i.id in kept and kept[i.id].bars)
            if held:
                yield timeframe, held


def _groups(chosen: Sequence[Instrument], size: int) -> Iterator[Sequence[Instrument]]:
    return (chosen[i : i + size] for i in range(0, len(chosen), size))
