"""Applies the rules of universes to the bars that are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

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
        self._sole: dict[str, tuple[int, date] | None] = {}
        self._panels = Panels(connection, read_calendar(connection), ahead, known_at, files)

    def pick(
        self, rule: Rule, called: Mapping[Member, str], day: date | None
    ) -> tuple[frozenset[Member], tuple[str, ...]]:
        """As `evaluate.Lookup.pick`. Without a day, after the newest session of which one of them
        has a bar."""
        ids = self._instruments(called, day)
        order = sorted(sorted(ids, key=ids.__getitem__), key=called.__getitem__)
        numbers = [ids[member] for member in order]
        if day is None:
            newest = self._panels.newest(numbers)
            day = newest + ONE_DAY if newest else None
        if day is None:
            some = ", ".join(sorted(called.values())[:MAX_SHOWN])
            load = f"tickstock load '{{{some}}}' --for 1y"
            remark = f"{rule}: no day bar is held of any of the names. Load them first: {load}"
            return frozenset(), (remark,)
        found = pick(rule, self._panels.before(day, rule.sessions, numbers))
        strangers = sorted(called[member] for member in called.keys() - ids.keys())
        unjudged = sorted([*strangers, *(called[order[row]] for row in found.unjudged.tolist())])
        remarks = _remarks(rule, day, len(called), unjudged, found)
        return frozenset(order[row] for row in found.rows.tolist()), remarks

    def _instruments(self, called: Mapping[Member, str], day: date | None) -> dict[Member, int]:
        """The instrument of each member; a symbol may name none."""
        symbols = [member for member in called if isinstance(member, str)]
        found: dict[Member, int] = {}
        shared = []
        for symbol, sole in zip(symbols, self._sole_owners(symbols), strict=True):
            if sole is None:
                shared.append(symbol)
            elif day is None or day < sole[1]:
                found[symbol] = sole[0]
        if shared:
            span = Span.inclusive(day, day) if day else None
            meant = instruments.find_instruments(self._connection, shared, span)
            found.update((symbol, of.id) for symbol, of in meant.items())
        if len(symbols) < len(called):
            found.update((member, member) for member in called if not isinstance(member, str))
        return found

    def _sole_owners(self, symbols: Sequence[str]) -> list[tuple[int, date] | None]:
        """As `instruments.find_sole`, which is asked once about each; None for others."""
        new = [symbol for symbol in symbols if symbol not in self._sole]
        if new:
            self._sole.update(dict.fromkeys(new))
            self._sole.update(instruments.find_sole(self._connection, new))
        return [self._sole[symbol] for symbol in symbols]


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
