"""The whole house at a glance: a line a universe, kept until something has changed.

house = tick.house.look()
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from tickstock.config import Settings
from tickstock.errors import MalformedUniverse
from tickstock.loading.house import Need, Stand, stands, sum_up
from tickstock.model import Ints, Timeframe, UniverseRef, epoch_day
from tickstock.service.dates import Dates
from tickstock.service.grids import Grids
from tickstock.store import coverage, instruments, universes
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.universes.value import read_value

DURATION = "1y"
FRESH = 2.0
"""Seconds for which nobody asks again whether something has changed."""
REST = 5.0
"""While jobs go on, figures are made anew after so many times what making them took."""


ORDER = {need: place for place, need in enumerate(Need)}


@dataclass(frozen=True, slots=True)
class HouseLine:
    """A universe and how it stands; `stand` is None where its row cannot be read. `said` is the
    text in which a search looks."""

    ref: UniverseRef
    name: str
    stand: Stand | None
    need: Need | None
    said: str


@dataclass(frozen=True, slots=True)
class House:
    """Day bars of every universe over the last year, as they were `at` a time, what needs a hand
    first. `months` are named by their first days; `published` is the last session with final
    bars."""

    at: datetime
    months: tuple[date, ...]
    published: date
    lines: tuple[HouseLine, ...]


@dataclass(frozen=True, slots=True)
class _Members:
    """Universes and their members, as numbers of `symbols`."""

    of: tuple[int | None, ...]
    universes: tuple[tuple[UniverseRef, str, Ints | None], ...]
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    house: House
    of: tuple[object, ...]
    looked: float
    made: float
    took: float


class Houses:
    """Looks at the house. What was seen is kept: nobody sums all of it up for each look. For any
    thread; while new figures are made, others get those of before."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        dates: Dates,
        grids: Grids,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._environment = settings.environment
        self._dates = dates
        self._grids = grids
        self._clock = clock
        self._lock = threading.Lock()
        self._members: _Members | None = None
        self._kept: _Kept | None = None

    def look(self) -> House:
        """The house as it is now, or was a moment ago."""
        kept = self._kept
        if kept and self._lock.locked():
            return kept.house  # somebody is making new figures
        with self._lock:
            self._kept = kept = self._newer(self._kept, time.monotonic())
        return kept.house

    def prepare(self) -> None:
        """Make figures before anybody asks. Who asks first has others made where something has
        changed since."""
        with self._lock:
            kept = self._newer(self._kept, time.monotonic())
            self._kept = replace(kept, looked=-math.inf, took=0.0)

    def _newer(self, kept: _Kept | None, now: float) -> _Kept:
        if kept and now - kept.looked < FRESH:
            return kept
        with self._database.snapshot() as connection:
            listed = universes.fingerprint(connection)
            published = self._dates.published()
            state = (listed, published, *coverage.fingerprint(connection))
            if kept and (state == kept.of or now - kept.made < REST * kept.took):
                return replace(kept, looked=now)
            if self._members is None or self._members.of != listed:
                self._members = self._read(connection, listed)
            house = self._made(connection, self._members, published)
        end = time.monotonic()
        return _Kept(house, state, end, end, end - now)

    def _read(self, connection: Connection, listed: tuple[int | None, ...]) -> _Members:
        places: dict[str, int] = {}
        found: list[tuple[UniverseRef, str, Ints | None]] = []
        for row in universes.stored(connection, self._environment):
            try:
                symbols = read_value(row.ref, self._environment, row.value)
            except MalformedUniverse:
                found.append((row.ref, row.name, None))
                continue
            rows = [places.setdefault(symbol, len(places)) for symbol in symbols]
            found.append((row.ref, row.name, np.array(rows, np.int64)))
        return _Members(listed, tuple(found), tuple(places))

    def _made(self, connection: Connection, members: _Members, published: date) -> House:
        span = self._dates.span(DURATION)
        known = instruments.find_held(connection, members.symbols, span)
        grid = self._grids.of(connection, list(known.values()), Timeframe.DAY, span)
        sums = sum_up(grid, int((grid.days <= epoch_day(published)).sum()))
        row_of = {symbol: row for row, symbol in enumerate(known)}
        rows = np.array([row_of.get(symbol, -1) for symbol in members.symbols], np.int64)
        return House(
            self._clock(),
            sums.months,
            published,
            tuple(
                _lines(
                    members,
                    stands(sums, [rows[of] for _, _, of in members.universes if of is not None]),
                )
            ),
        )


def _lines(members: _Members, found: Sequence[Stand]) -> list[HouseLine]:
    each = iter(found)
    lines = [
        _line(ref, name or ref.key, None if of is None else next(each))
        for ref, name, of in members.universes
    ]
    return sorted(lines, key=_urgency)


def _line(ref: UniverseRef, name: str, stand: Stand | None) -> HouseLine:
    need = stand.need if stand else None
    return HouseLine(ref, name, stand, need, f"{name} {ref}".lower())


def _urgency(line: HouseLine) -> tuple[int, int, int, str]:
    """What cannot be read before all, then what calls for somebody, then what lacks most."""
    if line.stand is None or line.need is None:
        return (-1, 0, 0, line.name)
    lacking = line.stand.expected - line.stand.held
    return (ORDER[line.need], -line.stand.calling, -lacking, line.name)
