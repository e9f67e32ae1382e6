"""What becomes of one universe in an organize: replaced by its definition, or merged with it.

The merge of preserve has three sides: the row, the definition, and as their base what the
definition said at the last organize. A symbol in the row and not in the base was put there by a
person, one in the base and not in the row was taken out by a person: both stay so. What the
definition gained or lost since the base, the row gains or loses. Without a base (the row is older
than our first organize) nothing is taken out: the row keeps name and symbols, and the
definition's symbols join. Of two different names the person's stays, and of two different
expressions; that is a conflict, and it is listed.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass

from tickstock.model import UniverseRef
from tickstock.universes.catalog import Definition
from tickstock.universes.plan import Before, Facts, MergeConflict, StoredRow, without


@dataclass(frozen=True, slots=True)
class HeldList:
    """A stored row, read; `problem` says why its symbols could not be. `is_foreign`: TickStock
    never wrote it."""

    row: StoredRow
    symbols: tuple[str, ...] | None
    facts: Facts
    problem: str = ""
    is_foreign: bool = False

    @property
    def before(self) -> Before:
        return Before(self.row.name, self.symbols, self.row.version, self.is_foreign)


@dataclass(frozen=True, slots=True)
class Content:
    """Symbols; or `(expression | extra) - less`, where `extra` and `less` are a person's."""

    symbols: tuple[str, ...] = ()
    expression: str | None = None
    extra: tuple[str, ...] = ()
    less: tuple[str, ...] = ()


class Fate(enum.Enum):
    WRITE = enum.auto()
    """The row becomes `content`, where it is not so already."""
    KEEP = enum.auto()
    """The row stays as it is."""
    REMOVE = enum.auto()
    """The row goes."""
    ABSENT = enum.auto()
    """There is no row, and none is made."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision about one universe, before expressions are evaluated."""

    ref: UniverseRef
    fate: Fate
    name: str
    content: Content = Content()
    definition: Definition | None = None
    conflicts: tuple[MergeConflict, ...] = ()
    notes: tuple[str, ...] = ()


def replaced(ref: UniverseRef, definition: Definition | None, row: HeldList | None) -> Draft:
    """The definition is right; a universe without one goes. One of the two is given."""
    if definition is None:
        return Draft(ref, Fate.REMOVE, row.row.name if row else "")
    return _as_defined(definition)


def preserved(
    ref: UniverseRef, definition: Definition | None, row: HeldList | None, facts: Facts
) -> Draft:
    """Nothing goes, and what a person did stays. One of `definition` and `row` is given."""
    if definition is None:
        return _kept(ref, row, "in no definition")
    if row is None:
        return _deleted(definition, facts) if facts.base is not None else _as_defined(definition)
    if row.symbols is None:
        return _kept(ref, row, "unreadable")
    return _merged(definition, row, row.symbols)


def _as_defined(definition: Definition) -> Draft:
    return Draft(definition.ref, Fate.WRITE, definition.name, content_of(definition), definition)


def content_of(definition: Definition) -> Content:
    return Content(definition.symbols, definition.expression)


def _kept(ref: UniverseRef, row: HeldList | None, why: str) -> Draft:
    if row is None:
        return Draft(ref, Fate.ABSENT, "")
    content = Content(row.symbols or (), row.facts.expression)
    return Draft(ref, Fate.KEEP, row.row.name, content, notes=(f"kept, {why}",))


def _deleted(definition: Definition, facts: Facts) -> Draft:
    """A person deleted it since the last organize: that stays so too, and is said."""
    ref = definition.ref
    note = f"{ref} was deleted since the last organize and stays so; replace brings it back."
    if not _defined_anew(definition, facts):
        return Draft(ref, Fate.ABSENT, definition.name, notes=(note,))
    conflict = MergeConflict(ref, "existence", "it deleted", "something new since then")
    return Draft(ref, Fate.ABSENT, definition.name, conflicts=(conflict,), notes=(note,))


def _merged(definition: Definition, row: HeldList, symbols: tuple[str, ...]) -> Draft:
    name, names = _merge_name(definition, row)
    content, contents = _merge_content(definition, symbols, row.facts)
    return Draft(
        definition.ref, Fate.WRITE, name, content, definition, conflicts=(*names, *contents)
    )


def _merge_name(definition: Definition, row: HeldList) -> tuple[str, tuple[MergeConflict, ...]]:
    base, theirs, ours = row.facts.base_name, row.row.name, definition.name
    if theirs in (base, ours):
        return ours, ()
    if ours == base:
        return theirs, ()
    return theirs, (MergeConflict(definition.ref, "name", f'"{theirs}"', f'"{ours}"'),)


def _merge_content(
    definition: Definition, theirs: tuple[str, ...], facts: Facts
) -> tuple[Content, tuple[MergeConflict, ...]]:
    if facts.expression is not None and facts.expression != facts.base_expression:
        return _keep_expression(definition, facts)
    if facts.expression is not None or theirs == facts.base:
        return content_of(definition), ()
    base = facts.base
    if definition.expression is None:
        return Content(_merge_lists(base or (), theirs, definition.symbols)), ()
    extra = theirs if base is None else without(theirs, base)
    less = () if base is None else without(base, theirs)
    return Content((), definition.expression, extra, less), ()


def _keep_expression(
    definition: Definition, facts: Facts
) -> tuple[Content, tuple[MergeConflict, ...]]:
    """A person's expression cannot be merged with another text: it stays."""
    theirs = Content(expression=facts.expression)
    if definition.expression == facts.expression or not _defined_anew(definition, facts):
        return theirs, ()
    ours = definition.expression or f"a list of {len(definition.symbols)} symbols"
    return theirs, (MergeConflict(definition.ref, "content", str(facts.expression), ours),)


def _defined_anew(definition: Definition, facts: Facts) -> bool:
    """Whether the definition has another content than at the last organize."""
    if definition.expression is not None or facts.base_expression is not None:
        return definition.expression != facts.base_expression
    return definition.symbols != facts.base


def _merge_lists(
    base: Collection[str], theirs: tuple[str, ...], ours: tuple[str, ...]
) -> tuple[str, ...]:
    """Their order and edits, less what the definition lost since `base`, plus what it gained."""
    lost = set(base).difference(ours)
    return (*without(theirs, lost), *without(ours, {*base, *theirs}))
