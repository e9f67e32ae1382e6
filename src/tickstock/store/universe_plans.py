"""Plans for universes, made from the rows as they are. Nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from tickstock.errors import (
    BadKey,
)
from tickstock.model import READ_TYPES, UNIVERSE_TYPES, UniverseRef
from tickstock.store import history as past
from tickstock.store import instruments
from tickstock.store.connection import Connection
from tickstock.store.jsontext import decoded
from tickstock.store.queries import load
from tickstock.store.universe_lookup import StoreLookup, scope, unknown
from tickstock.universes.catalog import Definition
from tickstock.universes.edit import WantedUniverse, edit_plan
from tickstock.universes.expression import Ref, evaluate, format_expression, parse
from tickstock.universes.key import check_key, check_name
from tickstock.universes.membership import History
from tickstock.universes.organize import organize_plan
from tickstock.universes.plan import (
    Action,
    Facts,
    Mode,
    OrganizePlan,
    Recording,
    StoredRow,
)
from tickstock.universes.suggest import shown
from tickstock.universes.value import read_value

QUERIES = load("universes.sql")

OUR_NAME = "tickstock"
"""How our own sessions are called, unless the address of the database calls them otherwise."""


def fetch_rows(
    conn: Connection, environment: str, refs: Collection[UniverseRef] | None = None
) -> list[StoredRow]:
    """Rows as plans are made from them: all of the environment, or those of `refs`."""
    rows = conn.execute(QUERIES["fetch"], scope(environment, refs))
    return [
        StoredRow(UniverseRef(kind, key), name, decoded(value), version, facts_version)
        for kind, key, name, value, version, facts_version, *_ in rows
    ]


def fetch_facts(
    conn: Connection, environment: str, refs: Collection[UniverseRef] | None = None
) -> dict[UniverseRef, Facts]:
    """What is kept beside rows, also beside deleted ones."""
    return {
        UniverseRef(kind, key): Facts(
            description,
            source,
            expression,
            None if base is None else tuple(msgspec.json.decode(base)),
            base_name,
            base_expression,
        )
        for kind, key, description, source, expression, base, base_name, base_expression in (
            conn.execute(QUERIES["fetch_facts"], scope(environment, refs))
        )
    }


def fetch_foreign(conn: Connection, environment: str) -> set[UniverseRef]:
    """The rows that another program made and TickStock never wrote."""
    params = {"environment": environment, "types": list(READ_TYPES), "ours": OUR_NAME}
    return {UniverseRef(kind, key) for kind, key in conn.execute(QUERIES["foreign"], params)}


def plan_organize(
    conn: Connection,
    definitions: Iterable[Definition],
    mode: Mode = Mode.REPLACE,
    environment: str = "DEFAULT",
    types: Collection[str] = UNIVERSE_TYPES,
) -> OrganizePlan:
    """What bringing an environment to `definitions` would do; see `organize.organize_plan`."""
    definitions = [d for d in definitions if d.ref.type in types]
    rows, facts = fetch_rows(conn, environment), fetch_facts(conn, environment)
    lookup = StoreLookup(conn, environment)
    plan = organize_plan(
        definitions,
        rows,
        facts,
        mode=mode,
        environment=environment,
        types=types,
        foreign=fetch_foreign(conn, environment),
        names=instruments.read_names(conn),
        pick=lookup.pick,
        identify=lookup.identified,
    )
    kept = {c.ref for c in plan.changes if c.action is not Action.REMOVE}
    told = {d.ref: d.history for d in definitions if d.history and d.ref in kept}
    return replace(plan, recordings=past.unrecorded(conn, told, environment))


def plan_set(
    conn: Connection,
    ref: UniverseRef,
    symbols: Sequence[str] | None = None,
    *,
    expression: str | None = None,
    name: str | None = None,
    description: str | None = None,
    source: str | None = None,
    environment: str = "DEFAULT",
) -> OrganizePlan:
    """What making `ref` this list, or this stored expression, would do.

    With neither, what is there stays and only name, description or source change. A new universe
    without a name is named after its key.

    Raises:
        BadKey: a type that is never written, a new key or a name that breaks the convention.
        UnknownUniverse: neither symbols nor expression for a universe that does not exist.
    """
    _check_write(ref)
    rows, facts = fetch_rows(conn, environment, [ref]), fetch_facts(conn, environment, [ref])
    held = rows[0] if rows else None
    if held is None:
        check_key(ref.key)
    if symbols is None and expression is None:
        if held is None:
            raise unknown(conn, ref, environment)
        symbols = read_value(ref, environment, held.value)
        expression = facts[ref].expression if ref in facts else None
    elif expression is not None:
        expression = format_expression(parse(expression))
        lookup = StoreLookup(conn, environment, {ref: expression})
        symbols = evaluate(Ref(ref), lookup).symbols
    shown_name = held.name if held else ref.key.replace("_", " ").capitalize()
    wanted = WantedUniverse(
        shown_name if name is None else check_name(name),
        tuple(dict.fromkeys(symbols or ())),
        expression,
        description,
        source,
    )
    return edit_plan({ref: wanted}, rows, facts, environment)


def plan_lists(
    conn: Connection, lists: Mapping[UniverseRef, tuple[str, ...]], environment: str = "DEFAULT"
) -> OrganizePlan:
    """What storing these symbols of universes that exist as plain lists would do; everything else
    stays. Types that are never written are left out."""
    refs = [ref for ref in lists if ref.type in UNIVERSE_TYPES]
    rows, facts = fetch_rows(conn, environment, refs), fetch_facts(conn, environment, refs)
    wanted = {
        row.ref: WantedUniverse(
            row.name, lists[row.ref], facts.get(row.ref, Facts()).expression, plain=True
        )
        for row in rows
    }
    return edit_plan(wanted, rows, facts, environment)


def plan_delete(
    conn: Connection, refs: Collection[UniverseRef], environment: str = "DEFAULT"
) -> OrganizePlan:
    """What deleting universes would do. Raises UnknownUniverse for one that does not exist."""
    for ref in refs:
        _check_write(ref)
    rows, facts = fetch_rows(conn, environment, refs), fetch_facts(conn, environment, refs)
    for missing in set(refs).difference(row.ref for row in rows):
        raise unknown(conn, missing, environment)
    return edit_plan(dict.fromkeys(refs), rows, facts, environment)


def plan_rename(
    conn: Connection,
    ref: UniverseRef,
    new: UniverseRef,
    *,
    name: str | None = None,
    environment: str = "DEFAULT",
) -> OrganizePlan:
    """What giving a universe another key (and, if given, another name) would do.

    Expressions that name the old key are not rewritten; they fail by name until they are.
    Raises BadKey where `new` exists or breaks the convention, UnknownUniverse, MalformedUniverse.
    """
    _check_write(ref)
    _check_write(new)
    check_key(new.key)
    both = (ref, new)
    rows, facts = fetch_rows(conn, environment, both), fetch_facts(conn, environment, both)
    by_ref = {row.ref: row for row in rows}
    if ref not in by_ref:
        raise unknown(conn, ref, environment)
    if new in by_ref:
        raise BadKey(f"{new} exists already.", "Delete it first, or choose another key.")
    row, kept = by_ref[ref], facts.get(ref, Facts())
    wanted = WantedUniverse(
        row.name if name is None else check_name(name),
        read_value(ref, environment, row.value),
        kept.expression,
        kept.description,
        kept.source,
    )
    plan = edit_plan({ref: None, new: wanted}, rows, facts, environment)
    known = past.all_known(conn, ref, environment, f"renamed from {ref}")
    return replace(plan, recordings=(Recording(new, known),) if known else ())


def plan_revert(
    conn: Connection,
    ref: UniverseRef,
    *,
    revision: int | None = None,
    at: datetime | None = None,
    environment: str = "DEFAULT",
) -> OrganizePlan:
    """What bringing a universe back to an earlier state would do: the one that `revision` left,
    the one at `at`, or, with neither, the one before its last change. A deleted universe comes
    back, and one that was not there then is deleted.

    Raises:
        BadInput: a revision that is not of this universe.
        UnknownUniverse: nothing is recorded of it (by then).
        MalformedUniverse: the row could not be read then.
    """
    _check_write(ref)
    then = past.state(conn, ref, environment, revision=revision, at=at)
    rows, facts = fetch_rows(conn, environment, [ref]), fetch_facts(conn, environment, [ref])
    if then.name is None or then.symbols is None:
        return edit_plan({ref: None}, rows, facts, environment)
    symbols = then.symbols
    if then.expression is not None:
        lookup = StoreLookup(conn, environment, {ref: then.expression})
        symbols = evaluate(Ref(ref), lookup).symbols
    wanted = WantedUniverse(then.name, symbols, then.expression)
    return edit_plan({ref: wanted}, rows, facts, environment)


def plan_history(
    conn: Connection, ref: UniverseRef, history: History, environment: str = "DEFAULT"
) -> OrganizePlan:
    """What recording the history of a universe would do; the row itself stays as it is.

    Raises UnknownUniverse for one that does not exist: a history belongs to a universe.
    """
    _check_write(ref)
    rows = fetch_rows(conn, environment, [ref])
    if not rows:
        raise unknown(conn, ref, environment)
    facts = fetch_facts(conn, environment, [ref])
    plan = edit_plan({}, rows, facts, environment)
    recordings = past.unrecorded(conn, {ref: history}, environment, again=True)
    return replace(plan, scope=(ref,), recordings=recordings)


def _check_write(ref: UniverseRef) -> None:
    if ref.type not in UNIVERSE_TYPES:
        raise BadKey(
            f"{shown(str(ref), 120)} is of a type that is not written.",
            f"Types that are: {', '.join(UNIVERSE_TYPES)}.",
        )
