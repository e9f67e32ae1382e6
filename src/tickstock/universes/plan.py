"""What an organize, or an edit, would do to the stored universes: a value with two readers.

`lines` and `as_dict` print it, `store.universe_writes.apply` performs it; nothing is decided in
between.
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import msgspec

from tickstock.model import UniverseRef
from tickstock.universes.known import Traded, judge
from tickstock.universes.membership import History
from tickstock.words import plural

SCHEMA = "tickstock.universe-plan/1"
SHOWN = 12
"""Symbols named on one line; the rest is counted."""


class Mode(enum.StrEnum):
    """`REPLACE` and `PRESERVE` are the two ways to organize; `EDIT` changes single universes."""

    REPLACE = "replace"
    PRESERVE = "preserve"
    EDIT = "edit"


class Action(enum.StrEnum):
    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"
    SAME = "="


WORDS = {
    Action.ADD: "added",
    Action.CHANGE: "changed",
    Action.REMOVE: "removed",
    Action.SAME: "unchanged",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is kept beside a row, because the published table has no column for it.

    `expression` is None where the row is a plain list, also where it was an expression and
    somebody has written a list over it. `base`, `base_name` and `base_expression` are what the
    definition said at the last organize; None before the first.
    """

    description: str = ""
    source: str = ""
    expression: str | None = None
    base: tuple[str, ...] | None = None
    base_name: str | None = None
    base_expression: str | None = None


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A universe's row as it was read; `value` is JSON as Python holds it.

    `version` moves with every change of the row, `facts_version` with every change of the facts
    beside it; both mean nothing else.
    """

    ref: UniverseRef
    name: str
    value: object
    version: str
    facts_version: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """The version of a row that a change starts from; `symbols` None: it could not be read.
    `is_foreign`: another program made the row, and TickStock never wrote it."""

    name: str
    symbols: tuple[str, ...] | None
    version: str
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one universe; `name`, `symbols` and `facts` are how it is afterwards.

    A `SAME` change leaves the row alone and may still move the facts beside it.
    """

    action: Action
    ref: UniverseRef
    name: str
    symbols: tuple[str, ...]
    facts: Facts
    facts_before: Facts
    before: Before | None = None
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Symbols that join and that nobody knows; see `known`."""

    @property
    def held(self) -> tuple[str, ...]:
        """The symbols before; none where there was no row or it could not be read."""
        return (self.before and self.before.symbols) or ()

    @property
    def is_foreign(self) -> bool:
        """Whether it happens to a row that TickStock never wrote."""
        return self.before is not None and self.before.is_foreign

    @property
    def joins(self) -> tuple[str, ...]:
        return without(self.symbols, self.held)

    @property
    def leaves(self) -> tuple[str, ...]:
        return without(self.held, self.symbols)

    @property
    def writes(self) -> bool:
        """Whether performing it changes anything in the database."""
        return self.action is not Action.SAME or self.facts != self.facts_before


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A person and the definitions changed the same thing in different ways; theirs is kept."""

    ref: UniverseRef
    about: str
    theirs: str
    defined: str

    def __str__(self) -> str:
        return f"{self.ref}: {self.about}: kept {self.theirs}; the definition says {self.defined}."


@dataclass(frozen=True, slots=True)
class Recording:
    """A history that is to be kept beside a universe; what was told of it before is kept too."""

    ref: UniverseRef
    history: History

    def __str__(self) -> str:
        days, count = self.history.days, len(self.history.intervals)
        source = f" from {self.history.source}" if self.history.source else ""
        return f"{self.ref}: {plural(count, 'membership interval')}, {days}{source}"


@dataclass(frozen=True, slots=True)
class OrganizePlan:
    """Changes in the order of their refs, and what is left alone although it needs a look.

    `problems` are rows that could not be read or evaluated, with what happens to them. `state`
    stands for the rows the plan was made from: those in `scope`, or all of the environment (None).
    `recordings` are histories that are not kept yet. `least` is the size below which a list cannot
    be all of its universe.
    """

    environment: str
    mode: Mode
    changes: tuple[Change, ...]
    state: str
    scope: tuple[UniverseRef, ...] | None = None
    conflicts: tuple[MergeConflict, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    recordings: tuple[Recording, ...] = ()
    least: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many universes are `added`, `changed`, `removed` and `unchanged`."""
        found = Counter(c.action for c in self.changes)
        return {word: found[action] for action, word in WORDS.items()}

    @property
    def writes(self) -> tuple[Change, ...]:
        return tuple(c for c in self.changes if c.writes)

    @property
    def idle(self) -> bool:
        """Whether performing the plan changes nothing in the database."""
        return not self.writes and not self.recordings

    @property
    def removed(self) -> tuple[UniverseRef, ...]:
        """What has to be asked for by name before it is done."""
        return tuple(c.ref for c in self.changes if c.action is Action.REMOVE)

    @property
    def digest(self) -> str:
        """Names this plan over this state: equal digests do the same to the same rows."""
        told = [(recording.ref, recording.history.digest) for recording in self.recordings]
        parts = (self.environment, self.mode, self.state, self.changes, told)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def state_of(versions: Iterable[tuple[UniverseRef, str, str]]) -> str:
    """One name for a set of rows, from ref, version and facts version of each."""
    return hashlib.sha256(msgspec.json.encode(sorted(versions))).hexdigest()


def without(symbols: tuple[str, ...], others: Collection[str]) -> tuple[str, ...]:
    """`symbols` in their order, less `others`."""
    gone = set(others)
    return tuple(s for s in symbols if s not in gone)


# --- the reader that prints ---------------------------------------------------------------
def lines(plan: OrganizePlan, *, verbose: bool = False) -> list[str]:
    """The plan for people; `verbose` also names the unchanged universes and every symbol."""
    counts = ", ".join(f"{n} {word}" for word, n in plan.counts.items())
    shown = [c for c in plan.changes if verbose or c.action is not Action.SAME or _facts_move(c)]
    return [
        f"Plan ({plan.mode}) for environment {plan.environment}: {counts}.",
        *(line for change in shown for line in _change_lines(change, verbose)),
        *(f"history: {recording}" for recording in plan.recordings),
        *(f"conflict: {conflict}" for conflict in plan.conflicts),
        *(f"problem: {problem}" for problem in plan.problems),
        *(f"note: {note}" for note in plan.notes),
    ]


def _facts_move(change: Change) -> bool:
    return change.facts.expression != change.facts_before.expression


def _change_lines(change: Change, verbose: bool) -> list[str]:
    held, now = len(change.held), len(change.symbols)
    size = f"{held} -> " if change.action is Action.CHANGE else ""
    size += plural(now if change.action is Action.CHANGE else now or held, "symbol")
    notes = f" ({'; '.join(change.notes)})" if change.notes else ""
    head = f'{change.action} {change.ref} "{change.name}": {size}{notes}'
    if change.action is not Action.CHANGE:
        return [head]
    moved = (("joins", change.joins), ("leaves", change.leaves))
    return [head, *(f"    {w} {_some(symbols, verbose)}" for w, symbols in moved if symbols)]


def judged(plan: OrganizePlan, traded: Traded, *, say: bool = True) -> OrganizePlan:
    """The plan with the verdict on what joins each list: in the change, and, unless it is said
    elsewhere, among the notes."""
    changes, notes = [], list(plan.notes)
    for change in plan.changes:
        joins = () if change.facts.expression else change.joins
        verdict = judge(joins, traded) if change.action in (Action.ADD, Action.CHANGE) else None
        if verdict and verdict.unknown:
            notes += [f"{change.ref}: {verdict}"] if say else []
            changes.append(replace(change, unknown=verdict.unknown))
        else:
            changes.append(change)
    return replace(plan, changes=tuple(changes), notes=tuple(notes))


def _some(symbols: tuple[str, ...], verbose: bool) -> str:
    """`A B C and 9 more`, after how many there are."""
    shown = symbols if verbose else symbols[:SHOWN]
    more = f" and {len(symbols) - len(shown)} more" if len(shown) < len(symbols) else ""
    return f"({len(symbols)}): {' '.join(shown)}{more}"


def as_dict(plan: OrganizePlan) -> dict[str, object]:
    """The plan for programs, as JSON holds it; `schema` names this form and its version."""
    return {
        "schema": SCHEMA,
        "environment": plan.environment,
        "mode": str(plan.mode),
        "digest": plan.digest,
        "counts": plan.counts,
        "changes": [_change_dict(c) for c in plan.changes],
        "histories": [_recording_dict(recording) for recording in plan.recordings],
        "conflicts": [
            {"universe": str(c.ref), "about": c.about, "kept": c.theirs, "defined": c.defined}
            for c in plan.conflicts
        ],
        "problems": list(plan.problems),
        "notes": list(plan.notes),
    }


def _change_dict(change: Change) -> dict[str, object]:
    return {
        "universe": str(change.ref),
        "action": WORDS[change.action],
        "name": change.name,
        "expression": change.facts.expression,
        "symbols_before": len(change.held),
        "symbols": len(change.symbols),
        "joins": list(change.joins),
        "leaves": list(change.leaves),
        "unknown": list(change.unknown),
        "notes": list(change.notes),
    }


def _recording_dict(recording: Recording) -> dict[str, object]:
    return {
        "universe": str(recording.ref),
        "from": recording.history.days.start.isoformat(),
        "to": recording.history.days.last.isoformat(),
        "intervals": len(recording.history.intervals),
        "source": recording.history.source,
    }
