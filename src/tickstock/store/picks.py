"""Applies the rules of universes to the bars that are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from tickstock.model import Ints
from tickstock.spans import ONE_DAY, Span
from tickstock.store import instruments
from tickstock.store.bar_files import BarFiles
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection
from tickstock.store.panels import Panels
from tickstock.universes.names import Member
from tickstock.universes.picking import Picked, pick
from tickstock.universes.rules import Rule
from tickstock.words import plural

MAX_SHOWN = 5


class Picks:
    """Picks members on one connection; with `ahead`, for days that come in order (see `Panels`), by
    the bars that were known at the moment `known_at`, or are now."""

    def __init__(
        self,
        connection: Connection,
        ahead: int = 0,
        known_at: datetime | None = None,
        files: BarFiles | None = None,
    ) -> None:
        self._connection = connection
        self._lasting: dict[Member, int] = {}
        self._shared: set[Member] = set()
        self._panels = Panels(connection, read_calendar(connection), ahead, known_at, files)

    def pick(
        self, rule: Rule, called: Mapping[Member, str], day: date | None
    ) -> tuple[frozenset[Member], tuple[str, ...]]:
        """As `evaluate.Lookup.pick`. Without a day, after the newest session of which one of them
        has a bar."""
        ids = self._instruments(called, day)
        order = sorted(ids, key=ids.__getitem__)
        numbers = [ids[member] for member in order]
        if day is None:
            newest = self._panels.newest(numbers)
            day = newest + ONE_DAY if newest else None
        if day is None:
            some = ", ".join(sorted(called.values())[:MAX_SHOWN])
            load = f"tickstock load '{{{some}}}' --for 1y"
            remark = f"{rule}: no day bar is held of any of the names. Load them first: {load}"
            return frozenset(), (remark,)
        panel = self._panels.before(day, rule.sessions, numbers)
        found = pick(rule, replace(panel, rank=_ranks([called[member] for member in order])))
        strangers = sorted(called[member] for member in called.keys() - ids.keys())
        unjudged = sorted([*strangers, *(called[order[row]] for row in found.unjudged.tolist())])
        remarks = _remarks(rule, day, len(called), unjudged, found)
        return frozenset(order[row] for row in found.rows.tolist()), remarks

    def _instruments(self, called: Mapping[Member, str], day: date | None) -> dict[Member, int]:
        """The instrument of each member; a symbol may name none."""
        found = self._known(called)
        if new := called.keys() - found.keys() - self._shared:
            self._ask(new)
            found = self._known(called)
        if len(found) < len(called):
            shared = [member for member in called if member in self._shared]
            span = Span.inclusive(day, day) if day else None
            meant = instruments.find_instruments(self._connection, map(str, shared), span)
            found.update((symbol, of.id) for symbol, of in meant.items())
        return found

    def _known(self, called: Mapping[Member, str]) -> dict[Member, int]:
        lasting = self._lasting
        return {member: lasting[member] for member in called if member in lasting}

    def _ask(self, members: AbstractSet[Member]) -> None:
        """Which of them mean one instrument whatever the day; the others are `_shared`."""
        symbols = [member for member in members if isinstance(member, str)]
        self._lasting.update((m, m) for m in members if not isinstance(m, str))
        found = instruments.find_lasting(self._connection, symbols)
        # By the strings that are asked about again: these are found without being compared.
        self._lasting.update((symbol, found[symbol]) for symbol in symbols if symbol in found)
        self._shared.update(members - self._lasting.keys())


def _ranks(symbols: Sequence[str]) -> Ints:
    """The place of each in the order of the alphabet; of equal ones the first is before."""
    ranks = np.empty(len(symbols), np.int64)
    ranks[sorted(range(len(symbols)), key=symbols.__getitem__)] = np.arange(len(symbols))
    return ranks


def _remarks(
    rule: Rule, day: date, names: int, unjudged: list[str], found: Picked
) -> tuple[str, ...]:
    """What the bars do not tell, for people."""
    remarks = []
    if unjudged:
        more = ", ..." if len(unjudged) > MAX_SHOWN else ""
        remarks.append(
            f"{rule}, before {day}: {len(unjudged)} of {plural(names, 'name')} cannot be judged, as"
            f" no bar of the window is held: {', '.join(unjudged[:MAX_SHOWN])}{more}."
        )
    judged = found.gaps.copy()
    judged[found.unjudged] = 0
    if judged.any():
        remarks.append(
            f"{rule}, before {day}: {plural(int(judged.sum()), 'session')} of the windows of"
            f" {plural(int((judged > 0).sum()), 'name')} are not held, and left out."
        )
    return tuple(remarks)
