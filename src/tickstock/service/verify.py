"""Stored bars against what is kept about them, and against the splits and dividends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tickstock.actions import Adjust
from tickstock.bars import impossible
from tickstock.content import ContentHash, symbol_hashes
from tickstock.crosscheck import ActionFinding
from tickstock.model import BarTable, Flags, Instrument, Ints, Timeframe
from tickstock.service.doubts import findings_in
from tickstock.service.reading import read
from tickstock.spans import day_of
from tickstock.store import coverage, instruments
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection
from tickstock.store.coverage import Summary
from tickstock.store.database import Database
from tickstock.vendors.newyork import dates_of

STORED = (Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE)
AT_ONCE = {Timeframe.DAY: 200, Timeframe.HOUR: 20, Timeframe.MINUTE: 1}
"""Instruments checked at once, so that memory stays flat in the size of the universe."""
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Damage:
    """Bars and what is kept about them do not fit: a fault of the store, not of the vendor."""

    symbol: str
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found. `hashes`: symbol and hash of its raw bars, for comparing two databases;
    `content` is the hash of all of them. `without_bars` are symbols of which none is stored, and
    `others` the timeframes in which some of those are held after all, with these."""

    timeframe: Timeframe
    bars: int
    damages: tuple[Damage, ...]
    findings: tuple[ActionFinding, ...]
    hashes: tuple[tuple[str, str], ...]
    content: str
    without_bars: tuple[str, ...]
    others: tuple[tuple[Timeframe, tuple[str, ...]], ...] = ()


class Verify:
    """Checks what is stored; changes nothing."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def stored(self, symbols: Sequence[str], timeframe: Timeframe = Timeframe.DAY) -> Verified:
        """Bars against coverage and kept counts and, of day bars, against splits and dividends."""
        symbols = tuple(dict.fromkeys(symbols))
        stored, content = timeframe.stored, ContentHash()
        damages: list[Damage] = []
        findings: list[ActionFinding] = []
        hashes: list[tuple[str, str]] = []
        count = 0
        with self._database.transaction() as connection:
            found = instruments.find_held(connection, symbols)
            chosen = [found[s] for s in symbols if s in found]
            for some in _groups(chosen, AT_ONCE[stored]):
                bars = self._raw(connection, some, stored)
                count += len(bars)
                damages += _damages(connection, some, bars, stored)
                findings += self._findings(connection, some, bars, stored)
                hashes += symbol_hashes(bars)
                content.add(bars)
            without = tuple(s for s in symbols if s not in dict(hashes))
            lacking = [found[s] for s in without if s in found]
            others = tuple(_held_otherwise(connection, lacking, stored))
        return Verified(
            stored,
            count,
            tuple(damages),
            tuple(sorted(findings)),
            tuple(hashes),
            content.hexdigest(),
            without,
            others,
        )

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


# --- what is kept against what is there ------------------------------------------------------
def _damages(
    connection: Connection, some: Sequence[Instrument], bars: BarTable, stored: Timeframe
) -> Iterator[Damage]:
    ids = [i.id for i in some]
    kept = coverage.summaries(connection, stored, ids)
    held = coverage.held_spans(connection, stored, ids)
    bad, _ = impossible(bars)
    sessions = read_calendar(connection).days
    days = bars.at if stored is Timeframe.DAY else dates_of(bars.at)
    edges = np.searchsorted(bars.owner, np.arange(len(some) + 1)).tolist()
    for place, instrument in enumerate(some):
        rows = slice(edges[place], edges[place + 1])
        mine = np.flatnonzero(held.instrument == instrument.id)
        mine = mine[np.argsort(held.start[mine])]
        for what in (
            *_against_kept(kept.get(instrument.id), bars.at[rows], stored),
            *_against_held(held.start[mine], held.end[mine], days[rows], sessions),
            *_impossible(int(bad[rows].sum())),
        ):
            hint = f"Load it again: tickstock load '{{{instrument.symbol}}}' --for all --refresh"
            yield Damage(instrument.symbol, what, hint)


def _against_kept(kept: Summary | None, at: Ints, stored: Timeframe) -> Iterator[str]:
    count = kept.bars if kept else 0
    if count != len(at):
        yield f"{count} bars are counted, and {len(at)} are stored"
    if kept is None or not len(at):
        return
    unit = DAY_SECONDS if stored is Timeframe.DAY else 1
    for name, counted, row in (("first", kept.first_at, at[0]), ("last", kept.last_at, at[-1])):
        there = datetime.fromtimestamp(int(row) * unit, UTC)
        if counted != there:
            yield f"the {name} bar is noted as of {counted}, and is of {there}"


def _against_held(starts: Ints, ends: Ints, days: Ints, sessions: Ints) -> Iterator[str]:
    """Days with bars that are not held, and held sessions without a bar. `starts` and `ends` are
    the first days of the held spans, in order, and the days after their last ones."""
    there = np.unique(days)
    if outside := there[~_in_spans(starts, ends, there)].tolist():
        first = day_of(outside[0])
        yield f"{len(outside)} days have bars and do not count as held, the first {first}"
    held = sessions[_in_spans(starts, ends, sessions)]
    if empty := np.setdiff1d(held, there).tolist():
        yield f"{len(empty)} sessions count as held and have no bar, the first {day_of(empty[0])}"


def _in_spans(starts: Ints, ends: Ints, days: Ints) -> Flags:
    if not len(starts):
        return np.zeros(len(days), bool)
    place = np.searchsorted(starts, days, side="right") - 1
    inside: Flags = (place >= 0) & (days < ends[place])
    return inside


def _impossible(count: int) -> Iterator[str]:
    if count:
        yield f"{count} bars cannot be true (see the checks on bars)"
