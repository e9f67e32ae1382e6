"""How far a list can stand for a universe as it was: the label on every read of the past.

Whoever looks at ten years of today's S&P 500 looks at the survivors: two fifths of the members of
then are no longer in it. The label says how many, and what became of the others. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from tickstock.model import Instrument
from tickstock.words import plural


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Why nobody can say how far the list stands for the past.

    `is_own`: it is a list of somebody's own, of which nobody was told a past or expects one.
    """

    why: str
    is_own: bool

    def __str__(self) -> str:
        return f"survivorship: unknown. {self.why}"

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {"unknown": str(self)}


@dataclass(frozen=True, slots=True)
class Survivorship:
    """The list used against the members on `day`, compared by instrument: a rename is no loss.

    `then` members, of which `stayed` are in the list used; of its `used` symbols `newcomers` were
    no members then. Of the members that are not in it, `delisted` are no longer listed, and of
    `unresolved` nothing is known: they left, or trade under a ticker that nobody told us of.
    """

    day: date
    then: int
    used: int
    stayed: int
    newcomers: int
    delisted: tuple[str, ...]
    unresolved: tuple[str, ...]

    @property
    def share_stayed(self) -> float:
        """The share of the members of then that are in the list used."""
        return self.stayed / self.then if self.then else 1.0

    @property
    def share_newcomers(self) -> float:
        """The share of the list used that were no members then."""
        return self.newcomers / self.used if self.used else 0.0

    def __str__(self) -> str:
        if self.stayed == self.then and not self.newcomers:
            them = f"all {self.then} of them" if self.then != 1 else "the only one"
            return f"survivorship: the members of {self.day}, {them}"
        text = (
            f"survivorship: of the {plural(self.then, 'member')} of {self.day}, {self.stayed}"
            f" ({self.share_stayed:.0%}) {'is' if self.stayed == 1 else 'are'} in this list;"
            f" {self.newcomers} of its {self.used} ({self.share_newcomers:.0%})"
            f" {'was no member' if self.newcomers == 1 else 'were no members'} then"
        )
        gone, unclear = len(self.delisted), len(self.unresolved)
        if gone or unclear:
            text += (
                f"; of those missing {gone} are no longer listed, {unclear} left or were renamed"
                " to something unknown"
            )
        return text

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {
            "day": self.day.isoformat(),
            "then": self.then,
            "used": self.used,
            "stayed": self.stayed,
            "share_stayed": round(self.share_stayed, 4),
            "newcomers": self.newcomers,
            "share_newcomers": round(self.share_newcomers, 4),
            "delisted": list(self.delisted),
            "unresolved": list(self.unresolved),
        }


def survivorship(
    used: Iterable[int | str],
    then: Iterable[str],
    day: date,
    now_named: Mapping[str, Instrument],
    then_named: Mapping[str, Instrument],
) -> Survivorship:
    """The label of the list `used` for a span that begins on `day`, with the members of `then`.

    Used are symbols, or the ids of instruments. `now_named` says which instruments the symbols of
    the list name, `then_named` which ones the members named on that day; a symbol without an entry
    is compared as it is written.
    """
    used, then = list(used), list(then)
    held = {_key(symbol, now_named) for symbol in used}
    before = {_key(symbol, then_named): symbol for symbol in then}
    missing = [symbol for key, symbol in sorted(before.items(), key=str) if key not in held]
    delisted = [s for s in missing if s in then_named and then_named[s].is_gone]
    return Survivorship(
        day,
        len(before),
        len(held),
        len(before) - len(missing),
        len(held - before.keys()),
        tuple(sorted(delisted)),
        tuple(sorted(set(missing) - set(delisted))),
    )


def _key(symbol: int | str, named: Mapping[str, Instrument]) -> int | str:
    if isinstance(symbol, int):
        return symbol
    found = named.get(symbol)
    return symbol if found is None else found.id
