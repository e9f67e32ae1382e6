"""Which version of each of the vendor's flat files was read last."""

from __future__ import annotations

from tickstock.model import Answer
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("flat_files.sql")


def note_file(connection: Connection, answer: Answer) -> bool:
    """Note the version of the file that an answer was read from; whether the vendor has replaced it
    since it was read before."""
    call = answer.call
    row = connection.execute(
        QUERIES["note"],
        {
            "timeframe": call.timeframe,
            "day": call.span.start,
            "etag": answer.etag,
            "bytes": answer.bytes,
        },
    ).fetchone()
    return bool(row and row[0])
