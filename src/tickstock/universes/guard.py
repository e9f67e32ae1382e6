"""The change guard: a plan that loses much is a mistake more often than a wish.

It looks at each universe, what joins it unknown, at rows that TickStock never wrote, and at
the table as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tickstock.errors import GuardRefused
from tickstock.model import UniverseRef, quoted
from tickstock.universes.known import MAX_SHARE as UNKNOWN_SHARE
from tickstock.universes.known import SymbolVerdict
from tickstock.universes.plan import Action, Change, Mode, OrganizePlan
from tickstock.words import plural

MAX_SHARE = 0.20
"""The share of a universe that a change may drop, and of the table that a plan may remove."""
MAX_DROPPED = 5
"""A change that drops no more symbols than this passes whatever their share is."""
MAX_REMOVED = 5
"""A plan that removes no more universes than this passes whatever their share is."""
MAX_REMOVED_SYMBOLS = 100
"""A plan that drops no more symbols than this, of all universes together, passes as well."""


@dataclass(frozen=True, slots=True)
class Objections:
    """What the guard holds against a plan: `why` for people, the universes that have to be allowed,
    and the options that allow many of them at once."""

    why: tuple[str, ...]
    refs: tuple[UniverseRef, ...]
    is_foreign: bool = False
    is_removal: bool = False

    @property
    def options(self) -> str:
        """How to allow it at the command line."""
        many = [
            *(["--allow-foreign (rows that TickStock never wrote)"] if self.is_foreign else []),
            *(["--allow-removals (all that would be removed)"] if self.is_removal else []),
        ]
        if many:
            return f"{' or '.join(many)}, or --allow KEY for each that is meant"
        return " ".join(
            f"--allow {quoted(key)}" for key in dict.fromkeys(ref.key for ref in self.refs)
        )

    def __str__(self) -> str:
        return f"The change guard refuses: {'; '.join(self.why)}."


def check_plan(plan: OrganizePlan, allow: Collection[str] = ()) -> None:
    """Let a plan pass to which there is no objection. Raises GuardRefused; see `objections`."""
    _refuse(objections(plan, allow))


def objections(plan: OrganizePlan, allow: Collection[str] = ()) -> Objections:
    """What the guard holds against a plan, beyond the changes that `allow` names.

    No change may drop more than `MAX_SHARE` of a universe and more than `MAX_DROPPED` symbols,
    leave none or fewer than `plan.least`, or bring many that nobody knows. An organize may besides
    not remove rows that TickStock never wrote, nor take symbols out of them, nor remove more than
    `MAX_SHARE` of all universes or of all their symbols. What a person names one by one, an edit,
    may; and removing a whole universe, which is asked about by name.
    """
    left = [c for c in plan.changes if not _is_allowed(c, allow)]
    each = _objections_to_each(left, plan.least)
    if plan.mode is Mode.EDIT:
        return each
    found = (each, _of_foreign_rows(left), _of_the_table(plan.changes, left))
    return Objections(
        tuple(why for o in found for why in o.why),
        tuple(dict.fromkeys(ref for o in found for ref in o.refs)),
        is_foreign=any(o.is_foreign for o in found),
        is_removal=any(o.is_removal for o in found),
    )


def names_of(plan: OrganizePlan, *, foreign: bool = False, removals: bool = False) -> list[str]:
    """What to allow so that all rows of others, or all removals, pass: `type:key` of each."""
    return [
        str(c.ref)
        for c in plan.changes
        if (foreign and c.is_foreign) or (removals and c.action is Action.REMOVE)
    ]


def _is_allowed(change: Change, allow: Collection[str]) -> bool:
    names = (change.ref.key, quoted(change.ref.key), str(change.ref), change.ref.joined)
    return any(name in allow for name in names)


def _refuse(found: Objections) -> None:
    if found.why:
        hint = f"Nothing was changed. If this is meant, repeat with {found.options}."
        if found.is_foreign or found.is_removal:
            hint += " With --preserve nothing is removed."
        raise GuardRefused(str(found), hint, tuple(str(ref) for ref in found.refs))


# --- each universe ------------------------------------------------------------------------
def _objections_to_each(changes: Iterable[Change], least: int) -> Objections:
    found = [
        (change.ref, why)
        for change in changes
        for why in (
            *_losses(change),
            *_shortfall(change, least),
            *_strangers(change),
        )
    ]
    return Objections(tuple(f"{ref} {why}" for ref, why in found), tuple(ref for ref, _ in found))


def _losses(change: Change) -> Iterator[str]:
    if change.action is not Action.CHANGE or not change.held:
        return
    held, dropped = len(change.held), len(change.leaves)
    if not change.symbols:
        yield f"would lose {f'all of its {held} symbols' if held > 1 else 'its only symbol'}"
    elif dropped > MAX_DROPPED and dropped > MAX_SHARE * held:
        yield (
            f"would lose {dropped} of {held} symbols ({dropped / held:.0%}; "
            f"up to {MAX_SHARE:.0%} pass)"
        )


def _strangers(change: Change) -> Iterator[str]:
    verdict = SymbolVerdict(len(change.joins), change.unknown)
    if verdict.is_doubtful:
        names = ", ".join(change.unknown[:5])
        yield (
            f"would get {len(change.unknown)} symbols known to nobody ({names}, ...), of"
            f" {len(change.joins)} that join (up to {UNKNOWN_SHARE:.0%} pass)"
        )


def _shortfall(change: Change, least: int) -> Iterator[str]:
    size = len(change.symbols)
    if size < least and change.action in (Action.ADD, Action.CHANGE):
        yield f"would hold {size} symbols, and a complete list has at least {least}"


# --- rows of others -----------------------------------------------------------------------
def _of_foreign_rows(changes: Iterable[Change]) -> Objections:
    """One sentence for each way in which rows of others would lose something, with all names."""
    foreign = [c for c in changes if c.is_foreign]
    ways = (
        ("would be removed", [c for c in foreign if c.action is Action.REMOVE]),
        ("would lose symbols", [c for c in foreign if c.action is Action.CHANGE and c.leaves]),
        (
            "cannot be read and would be replaced",
            [c for c in foreign if c.action is Action.CHANGE and not _is_readable(c)],
        ),
    )
    return Objections(
        tuple(
            f"{plural(len(lost), 'universe')} that TickStock never wrote {what}:"
            f" {', '.join(str(c.ref) for c in lost)}"
            for what, lost in ways
            if lost
        ),
        tuple(c.ref for _, lost in ways for c in lost),
        is_foreign=any(lost for _, lost in ways),
    )


def _is_readable(change: Change) -> bool:
    return change.before is None or change.before.symbols is not None


# --- the table ----------------------------------------------------------------------------
def _of_the_table(changes: Sequence[Change], left: Sequence[Change]) -> Objections:
    """Whether what is not allowed by name takes too much of all that is held."""
    gone = [c for c in left if c.action is Action.REMOVE]
    universes = sum(c.before is not None for c in changes)
    symbols, dropped = sum(len(c.held) for c in changes), sum(len(c.leaves) for c in left)
    shares = (
        (len(gone), universes, MAX_REMOVED, f"{plural(universes, 'universe')} would be removed"),
        (dropped, symbols, MAX_REMOVED_SYMBOLS, f"{symbols:,} entries of all lists would go"),
    )
    why = tuple(
        f"{lost:,} of {what} ({lost / held:.0%} of the table; up to {MAX_SHARE:.0%} pass)"
        for lost, held, most, what in shares
        if lost > most and lost > MAX_SHARE * held
    )
    if not why:
        return Objections((), ())
    losing = [c.ref for c in left if c.leaves or c.action is Action.REMOVE]
    return Objections(why, tuple(losing), is_removal=bool(gone))
