"""What jobs were when they ended, and whether they still are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("job_checksums.sql")
HEAD, NUMBER, CALL = 8, 8, 12
"""Bytes: of the job, and of its splits and dividends; of a call's number, and of a call."""


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that has ended. `changes`: what is no longer as it was then; None where nothing says
    how that was."""

    id: uuid.UUID
    changes: tuple[str, ...] | None


def write(connection: Connection, ids: Sequence[uuid.UUID]) -> None:
    """Say what these jobs are from now on; in the transaction that ends them."""
    connection.execute(QUERIES["write"], {"ids": list(ids)})


def ended(connection: Connection) -> list[EndedJob]:
    """Every job that has ended, oldest first."""
    rows = connection.execute(QUERIES["ended"]).fetchall()
    return [
        EndedJob(job, None if is_unknown else tuple(_changes(was or b"", is_ or b"")))
        for job, is_unknown, was, is_ in rows
    ]


def contradictions(connection: Connection) -> list[tuple[uuid.UUID, int | None, str]]:
    """What cannot be: the job, the call if it is one's, and what is said of it."""
    return connection.execute(QUERIES["contradictions"]).fetchall()


def _changes(was: bytes, now: bytes) -> Iterator[str]:
    if was[:HEAD] != now[:HEAD]:
        yield "what it was asked, its state or its report is not as it was when it ended"
    actions = slice(HEAD, 2 * HEAD)
    if any(was[actions]) and was[actions] != now[actions]:
        yield "what came of its splits and dividends is not as it was when it ended"
    before, after = _calls(was), _calls(now)
    for number in sorted({*before, *after}):
        if number not in after:
            yield f"its call {number} is gone"
        elif number not in before:
            yield f"call {number} was none of its when it ended"
        elif before[number] != after[number]:
            yield f"its call {number} is not as it was when it ended"


def _calls(checksum: bytes) -> dict[int, bytes]:
    parts = (checksum[i : i + CALL] for i in range(2 * HEAD, len(checksum), CALL))
    return {int.from_bytes(part[:NUMBER]): part[NUMBER:] for part in parts}
