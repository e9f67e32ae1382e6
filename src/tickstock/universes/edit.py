"""Changes of single universes by a person, as the same plan that an organize makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tickstock.model import UniverseRef
from tickstock.universes.organize import change_to, read_row
from tickstock.universes.plan import (
    NO_FACTS,
    Action,
    Change,
    Facts,
    Mode,
    OrganizePlan,
    StoredRow,
    state_of,
)


@dataclass(frozen=True, slots=True)
class WantedUniverse:
    """How a universe should be. With an `expression`, `symbols` is what it gives now.

    None for `description` or `source` leaves them as they are. With `plain` the stored value
    becomes a plain list also where it names these symbols already, in another shape.
    """

    name: str
    symbols: tuple[str, ...]
    expression: str | None = None
    description: str | None = None
    source: str | None = None
    plain: bool = False


def edit_plan(
    edits: Mapping[UniverseRef, WantedUniverse | None],
    rows: Iterable[StoredRow],
    facts: Mapping[UniverseRef, Facts],
    environment: str,
) -> OrganizePlan:
    """What making each universe of `edits` as wanted, or removing it (None), would do.

    `rows` and `facts` are those of the universes in `edits`. What the last organize wrote stays
    the base of the next merge, so that preserve knows this for a person's change.
    """
    held = {r.ref: read_row(r, environment, facts.get(r.ref, NO_FACTS)) for r in rows}
    changes = []
    for ref, wanted in sorted(edits.items()):
        row, known = held.get(ref), facts.get(ref, NO_FACTS)
        before = row.before if row else None
        if wanted is not None:
            after = _facts_after(wanted, known)
            change = change_to(ref, wanted.name, wanted.symbols, after, before, known)
            is_plain = row is None or row.row.value == list(wanted.symbols)
            if wanted.plain and change.action is Action.SAME and not is_plain:
                change = replace(change, action=Action.CHANGE, notes=("written as a plain list",))
            changes.append(change)
        elif row is not None:
            name = row.row.name
            changes.append(Change(Action.REMOVE, ref, name, (), known, known, row.before))
    return OrganizePlan(
        environment=environment,
        mode=Mode.EDIT,
        changes=tuple(changes),
        state=state_of((r.row.ref, r.row.version, r.row.facts_version) for r in held.values()),
        scope=tuple(sorted(edits)),
    )


def _facts_after(wanted: WantedUniverse, known: Facts) -> Facts:
    return replace(
        known,
        expression=wanted.expression,
        description=known.description if wanted.description is None else wanted.description,
        source=known.source if wanted.source is None else wanted.source,
    )
