"""Database roles with the least privileges: one migrates, one jobs and organizes, one reads."""

from __future__ import annotations

import re
from typing import Any

from psycopg import sql

from tickstock.errors import BadInput
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("roles.sql")
KINDS = ("migrate", "app", "reader")
PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,40}")


def statements(prefix: str = "tickstock") -> tuple[str, ...]:
    """The SQL that makes the roles `PREFIX_migrate`, `PREFIX_app` and `PREFIX_reader`, and gives
    each what it needs. May be run again, as after an upgrade. BadInput for a prefix that will not
    do."""
    if not PREFIX.fullmatch(prefix):
        raise BadInput(
            f"{prefix[:60]!r} cannot begin the name of a role.",
            "Use up to 40 small letters, digits and _ , first a letter.",
        )
    names = {kind: f"{prefix}_{kind}" for kind in KINDS}
    identifiers: dict[str, Any] = {k: sql.Identifier(n) for k, n in names.items()}
    literals: dict[str, Any] = {f"{k}_name": sql.Literal(n) for k, n in names.items()}
    return tuple(
        sql.SQL(text).format(**identifiers, **literals).as_string(None) for text in QUERIES.values()
    )


def make(connection: Connection, prefix: str = "tickstock") -> None:
    """Make the roles in this database, all or nothing. Needs a superuser, or whoever may create
    roles and owns what is there."""
    for text in statements(prefix):
        connection.execute(text.encode())
