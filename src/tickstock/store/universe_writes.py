"""The reader of a plan for universes that performs it: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from tickstock.errors import (
    StalePlan,
)
from tickstock.failpoints import reach
from tickstock.model import UniverseRef
from tickstock.store import history as past
from tickstock.store import locks
from tickstock.store.connection import Connection
from tickstock.store.queries import load
from tickstock.store.universe_lookup import scope
from tickstock.universes.guard import check_plan
from tickstock.universes.plan import (
    Action,
    Change,
    Facts,
    OrganizePlan,
    state_of,
)

QUERIES = load("universes.sql")

MANY_WRITES = 1_000


BATCH = 2_000
"""Rows sent in one statement, as one JSON text: arrays of texts are quoted element by element,
which for 10,000 universes of 500 symbols took longer than writing them."""


def apply(
    conn: Connection,
    plan: OrganizePlan,
    *,
    allow: Collection[str] = (),
    source: str = "",
    reason: str = "",
    batch: int = BATCH,
    many: int = MANY_WRITES,
) -> None:
    """Do what `plan` says: all of it or, on any exception, nothing.

    Runs in the caller's transaction, which has to end soon: other writers wait for it. Rows that
    the plan leaves as they are are not written at all.

    Args:
        allow: keys of changes that the change guard is to let through.
        source, reason: what the history will say about every row that changes.
        batch: rows sent in one statement. From `many` rows on, the server is told to expect them.

    Raises:
        GuardRefused: the plan loses too much; see `guard.objections`.
        StalePlan: a row that the plan was made from has changed since.
    """
    check_plan(plan, allow)
    with conn.transaction():
        conn.execute(QUERIES["lock"], {"space": locks.UNIVERSES, "environment": plan.environment})
        if _state_now(conn, plan) != plan.state:
            raise _stale()
        reach("universes.locked")
        conn.execute(QUERIES["say_why"], {"source": source, "reason": reason})
        has_many = len(plan.writes) >= many
        if has_many:
            conn.execute(QUERIES["expect_many"])
        for action, query in _ROW_QUERIES:
            _write(conn, plan, query, [c for c in plan.changes if c.action is action], batch)
            reach("universes.rows")
        _write_facts(conn, plan, batch)
        reach("universes.facts")
        past.record(conn, plan.recordings, plan.environment, reason)
        if has_many:
            conn.execute(QUERIES["sort_in"])
            # Until the server has looked by itself, it plans for the rows that there were before.
            conn.execute(QUERIES["count_rows"])


_ROW_QUERIES = (
    (Action.REMOVE, "delete_rows"),
    (Action.CHANGE, "update_rows"),
    (Action.ADD, "insert_rows"),
)


def _state_now(conn: Connection, plan: OrganizePlan) -> str:
    rows = conn.execute(QUERIES["versions"], scope(plan.environment, plan.scope))
    return state_of((UniverseRef(kind, key), v, facts) for kind, key, v, facts in rows)


def _stale() -> StalePlan:
    return StalePlan(
        "The universes have changed since this plan was made; nothing was written.",
        "Make the plan anew and look at it again.",
    )


def _write(
    conn: Connection, plan: OrganizePlan, query: str, changes: Sequence[Change], size: int
) -> None:
    """Perform the changes of one action. A row that moved since the state was checked, by a writer
    who does not know our lock, is not met by the query and shows in its count."""
    for batch in _batches(changes, size):
        rows = [
            {
                "type": c.ref.type,
                "key": c.ref.key,
                "name": c.name,
                "value": c.symbols,
                "symbols": len(c.symbols),
                "version": c.before.version if c.before else None,
            }
            for c in batch
        ]
        done = conn.execute(QUERIES[query], _rows(plan, rows)).fetchone()
        if done is None or done[0] != len(batch):
            raise _stale()


def _write_facts(conn: Connection, plan: OrganizePlan, size: int) -> None:
    """After the rows: an expression is tied to the value that was just written."""
    changes = [c for c in plan.writes if c.facts != c.facts_before or c.facts.expression]
    for batch in _batches(changes, size):
        rows = [{"type": c.ref.type, "key": c.ref.key, **_shallow(c.facts)} for c in batch]
        conn.execute(QUERIES["write_facts"], _rows(plan, rows))


def _shallow(facts: Facts) -> dict[str, object]:
    return {field.name: getattr(facts, field.name) for field in fields(facts)}


def _batches(changes: Sequence[Change], size: int) -> Iterator[Sequence[Change]]:
    for start in range(0, len(changes), size):
        yield changes[start : start + size]


def _rows(plan: OrganizePlan, rows: list[dict[str, Any]]) -> dict[str, object]:
    return {"environment": plan.environment, "rows": msgspec.json.encode(rows).decode()}
