"""Whose bars the tickers of a whole session are: the instrument that had the ticker then, or a new
one. Pure.

A ticker is taken up by another firm, mostly after years. Nobody says so in the bars; but where the
whole market is held, it can be seen that nobody traded under it meanwhile. So many held sessions
without the ticker, and it is taken for another instrument's; sessions that are not held say
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import numpy as np

from tickstock.loading.ticker_owner import TickerOwner
from tickstock.model import Ints, epoch_day
from tickstock.spans import ONE_DAY, Span

ANOTHER_AFTER = 252
"""Held sessions without a ticker after which another instrument is taken to have it: a year. A
halt hardly lasts so long, and exchanges give a ticker to another firm after months."""


class HeldSessions:
    """The sessions that are held of the whole market, to be counted between days."""

    def __init__(self, days: Ints) -> None:
        self._days = days

    def between(self, after: date, before: date) -> int:
        """How many lie after one day and before another."""
        edges = np.array([epoch_day(after) + 1, epoch_day(before)])
        low, high = (int(n) for n in np.searchsorted(self._days, edges))
        return max(high - low, 0)


@dataclass(slots=True)
class Whose:
    """Tells whose tickers are on days, and remembers what it has told. `fresh` are instruments to
    be made, `changed` those whose tickers have other days now."""

    held: HeldSessions
    owners: dict[str, list[TickerOwner]] = field(default_factory=dict)
    another_after: int = ANOTHER_AFTER
    fresh: list[TickerOwner] = field(default_factory=list)
    changed: dict[int, TickerOwner] = field(default_factory=dict)

    def know(self, owners: Iterable[TickerOwner]) -> None:
        for owner in owners:
            self.owners.setdefault(owner.symbol, []).append(owner)

    def of(self, symbol: str, day: date) -> TickerOwner:
        """Who traded under a ticker on a day."""
        known = self.owners.setdefault(symbol, [])
        owner = self._recorded(known, day) or self._near(known, day)
        if owner is None:
            owner = TickerOwner(0, symbol)
            self.fresh.append(owner)
            known.append(owner)
        owner.first = day if owner.first is None else min(owner.first, day)
        owner.end = day + ONE_DAY if owner.end is None else max(owner.end, day + ONE_DAY)
        if len(known) > 1:
            self._date(known)
        return owner

    def _recorded(self, known: Sequence[TickerOwner], day: date) -> TickerOwner | None:
        """The one of whom it was told that the ticker was its on that day, and since when: of one
        that was told to have it up to a day, it is the bars that say since when."""
        for owner in known:
            if owner.is_recorded and date.min < owner.since <= day < owner.until:
                return owner
        return None

    def _near(self, known: Sequence[TickerOwner], day: date) -> TickerOwner | None:
        """The one whose bars are next to the day, if they are near it; one without bars may have
        any on its days."""
        found, least = None, (1, self.another_after)
        for owner in known:
            if owner.is_recorded and not owner.since <= day < owner.until:
                continue
            if owner.first is None or owner.end is None:
                if owner.since <= day < owner.until:
                    return owner
                continue
            distance = self._distance(owner.first, owner.end, day)
            if distance < least:
                found, least = owner, distance
        return found

    def _distance(self, first: date, end: date, day: date) -> tuple[int, int]:
        """In days, where they are too few to hold so many sessions; else in held sessions."""
        days = (first - day).days if day < first else (day - end).days + 1
        if days < self.another_after:
            return (0, max(days, 0))
        if day < first:
            return (1, self.held.between(day, first))
        return (1, self.held.between(end - ONE_DAY, day))

    def _date(self, known: list[TickerOwner]) -> None:
        """Each has the ticker up to the first bar of the next one, or up to a day that was told:
        the earliest from ever, the last for ever."""
        by_bars = sorted((o for o in known if o.first), key=_first)
        edges = [date.min, *(_edge(a, b) for a, b in pairwise(by_bars)), date.max]
        others = [o for o in known if not o.first]
        for owner, (low, high) in zip(by_bars, pairwise(edges), strict=True):
            since = max([low, *(o.until for o in others if o.until <= _first(owner))])
            until = min([high, *(o.since for o in others if o.since > _first(owner))])
            if (since, until) != (owner.since, owner.until):
                owner.since, owner.until = since, until
                if not owner.is_new:
                    self.changed[owner.id] = owner


def _edge(earlier: TickerOwner, later: TickerOwner) -> date:
    """The day from which a ticker is the later one's."""
    if earlier.is_recorded and earlier.until <= _first(later):
        return earlier.until
    if later.is_recorded and later.since > date.min:
        return later.since
    return _first(later)


def _first(owner: TickerOwner) -> date:
    return owner.first or date.min


def sessions_in(spans: Iterable[Span], days: Ints) -> Ints:
    """The sessions (days since 1970) of a calendar that lie in some spans."""
    edges = [(epoch_day(s.start), epoch_day(s.end)) for s in spans]
    parts = [days[np.searchsorted(days, a) : np.searchsorted(days, b)] for a, b in edges]
    found: Ints = np.concatenate(parts) if parts else np.empty(0, np.int64)
    return found
