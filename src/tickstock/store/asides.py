"""How many rows of a job's answers were put aside, for its report."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from tickstock.model import Aside
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("asides.sql")
EXAMPLES = 5
"""Answers of which a row is named."""
LONGEST = 300
"""Characters of what is said of a call, which may be for many tickers, and of a row."""


@dataclass(frozen=True, slots=True)
class Asides:
    """Rows that could not be read, or are impossible in form, and examples with their places."""

    rows: int
    examples: tuple[str, ...]


def note_of_call(connection: Connection, call_id: int, call: object, rows: Sequence[Aside]) -> None:
    """Note what was put aside of the answer to one call for bars."""
    if rows:
        connection.execute(QUERIES["note_of_call"], _params(call, rows) | {"id": call_id})


def note_of_load(
    connection: Connection, load_id: uuid.UUID, call: object, rows: Sequence[Aside]
) -> None:
    """Note what was put aside of an answer with splits or dividends."""
    if rows:
        connection.execute(QUERIES["note_of_load"], _params(call, rows) | {"load_id": load_id})


def of_load(connection: Connection, load_id: uuid.UUID) -> Asides:
    """What was put aside of all answers of a job."""
    params = {"load_id": load_id, "most": EXAMPLES}
    row = connection.execute(QUERIES["of_load"], params).fetchone()
    return Asides(row[0], tuple(row[1])) if row else Asides(0, ())


def _params(call: object, rows: Sequence[Aside]) -> dict[str, object]:
    first = "".join(c if c.isprintable() else "\ufffd" for c in str(rows[0]))
    return {"of_call": str(call)[:LONGEST], "rows": len(rows), "first": first[:LONGEST]}
