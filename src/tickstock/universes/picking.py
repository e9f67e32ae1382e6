"""Who passes a rule on a day. Pure, over columns; what the bars do not tell is said, never zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tickstock.model import Flags, Floats, Ints
from tickstock.universes.rules import Look, Measure, Rule


@dataclass(frozen=True, eq=False)
class Panel:
    """Day bars of some names over consecutive sessions, the last of which is the one before the day
    that is asked about.

    `close` and `volume` have a row a name and a column a session, NaN where no bar is held. `since`
    is the column in which a name was listed, below 0 for one listed before the first: it counts
    sessions. `rank` orders names of equal measure.
    """

    close: Floats
    volume: Floats
    since: Ints
    rank: Ints

    def __len__(self) -> int:
        return len(self.close)

    @property
    def sessions(self) -> int:
        return int(self.close.shape[1])

    @cached_property
    def held(self) -> Flags:
        """Of which cells a bar is held."""
        return ~np.isnan(self.close)

    def last(self, sessions: int) -> Panel:
        """The last sessions alone, or all where there are no more."""
        cut = max(self.sessions - sessions, 0)
        if not cut:
            return self
        return Panel(self.close[:, cut:], self.volume[:, cut:], self.since - cut, self.rank)


@dataclass(frozen=True, eq=False)
class Picked:
    """The rows of the members, most first where a `top` asked for it, else in order of rank.

    `unjudged` are rows of which nothing can be said: no bar is held in some window of the rule.
    `gaps` counts, for each row, the sessions of the widest window in which it was listed and of
    which no bar is held.
    """

    rows: Ints
    unjudged: Ints
    gaps: Ints


def pick(rule: Rule, panel: Panel) -> Picked:
    """The members among the names of a panel, which reaches as far back as `rule.sessions`."""
    measured = {look: measure(look, panel) for look in rule.looks}
    unknown = np.zeros(len(panel), np.bool_)
    for values in measured.values():
        unknown |= np.isnan(values)
    passes = ~unknown
    for condition in rule.conditions:
        values = measured[condition.look]
        with np.errstate(invalid="ignore"):
            fits = values >= condition.limit if condition.is_least else values <= condition.limit
        passes &= fits
    rows = np.flatnonzero(passes)
    if rule.top is None:
        rows = rows[np.argsort(panel.rank[rows], kind="stable")]
    else:
        most = -measured[rule.top.look][rows]
        rows = rows[np.lexsort((panel.rank[rows], most))][: rule.top.count]
    window = panel.last(rule.sessions)
    lacking = _listed(window) & ~window.held
    return Picked(rows, np.flatnonzero(unknown), lacking.sum(axis=1, dtype=np.int64))


def measure(look: Look, panel: Panel) -> Floats:
    """A measure of each name, NaN where no bar of its window is held."""
    window = panel.last(look.sessions)
    has = window.held
    if look.measure is Measure.AGE:
        age = (panel.sessions - panel.since).astype(np.float64)
        return np.where(age < 0, np.nan, age)  # not listed yet, or nobody knows
    if look.measure is Measure.HELD:
        listed = _listed(window)
        held = (has & listed).sum(axis=1)
        share: Floats = np.full(len(panel), np.nan)
        np.divide(held, window.sessions, out=share, where=held > 0)
        return share
    if look.measure is Measure.PRICE:
        return _latest(window.close, has)
    if look.measure is Measure.VOLUME:
        return _medians(np.where(has, window.volume, np.nan), has)
    return _medians(window.volume * window.close, has)


def _listed(window: Panel) -> Flags:
    """The cells from the session of a name's listing on."""
    columns = np.arange(window.sessions)
    flags: Flags = columns[np.newaxis] >= window.since[:, np.newaxis]
    return flags


def _latest(values: Floats, has: Flags) -> Floats:
    """The last value of each row that is there."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    column = values.shape[1] - 1 - has[:, ::-1].argmax(axis=1)
    return np.where(has.any(axis=1), values[np.arange(len(values)), column], np.nan)


def _medians(values: Floats, has: Flags) -> Floats:
    """The median of the values of each row that are there, the others being NaN: of an even number,
    the mean of both in the middle."""
    count = has.sum(axis=1)
    ordered = np.sort(values, axis=1)  # NaN comes last
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    row = np.arange(len(values))
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, values.shape[1] - 1)
    middle = (ordered[row, low] + ordered[row, high]) / 2
    return np.where(count > 0, middle, np.nan)
