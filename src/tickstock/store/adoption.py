"""Take over a `cache_entries` that another application made.

Databases that have been in use carry the published table in an older form: another unique key,
limited text, times without a zone. It is brought into the published form in place. Every row keeps
its id, its value and any further column; what cannot be kept is named and nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.errors import FeatureNotSupported
from psycopg.sql import SQL, Composed, Identifier, Literal

from tickstock.errors import BadSetting, DatabaseRefused
from tickstock.store import rows
from tickstock.store.queries import load

QUERIES = load("adoption.sql")
KEY = ["environment", "key", "type"]
TEXTS = ("type", "name", "key", "environment")
TIMES = ("created_at", "updated_at")
_ALLOWED = (
    {"id": ("int8", "int4", "int2"), "value": ("jsonb", "json")}
    | dict.fromkeys(TEXTS, ("text", "varchar", "bpchar"))
    | dict.fromkeys(TIMES, ("timestamptz", "timestamp"))
)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: str
    not_null: bool
    filled: bool


def check_zone(zone: str) -> str:
    """`zone`, if it is an IANA name. Raises BadSetting if not."""
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        raise BadSetting(
            f"{zone!r} is not the name of a time zone.", "Give one such as America/New_York or UTC."
        ) from None


def adopt(conn: Connection, zone: str) -> None:
    """Bring an existing `public.cache_entries` into the published form; without one, do nothing.

    `conn` must be in a transaction, which is to be rolled back on an error. `zone` is where clocks
    stood that wrote times without a zone. Raises DatabaseRefused, with what is in the way, when
    rows collide under the published key or the table is something else.
    """
    kind = conn.execute(QUERIES["kind"]).fetchone()
    if kind is None:
        return
    if kind[0] != "r":
        raise DatabaseRefused(
            "public.cache_entries is there and is not an ordinary table.",
            "Rename it, or give tickstock a database of its own.",
        )
    conn.execute(QUERIES["lock"])
    try:
        _conform(conn, zone)
    except FeatureNotSupported as exc:
        raise DatabaseRefused(
            f"public.cache_entries cannot be changed: {exc.diag.message_primary} "
            f"({exc.diag.message_detail}).",
            "Drop what depends on that column, migrate, and create it again.",
        ) from exc


def _conform(conn: Connection, zone: str) -> None:
    _check_columns(_columns(conn).values())
    _add_missing(conn)
    _check_collisions(conn)
    columns = _columns(conn)
    for name in TEXTS:
        if columns[name].type != "text":
            conn.execute(_about("to_text", name))
    _fill_environment(conn, columns["environment"])
    _convert_value(conn, columns["value"])
    for name in TIMES:
        _convert_time(conn, columns[name], zone)
    for column in _columns(conn).values():
        if column.name in _ALLOWED and not column.not_null and not _has_null(conn, column.name):
            conn.execute(_about("refuse_null", column.name))
    _add_key(conn)


def _columns(conn: Connection) -> dict[str, _Column]:
    return {c.name: c for c in rows.every(conn, _Column, QUERIES["columns"])}


def _about(query: str, column: str) -> Composed:
    return SQL(QUERIES[query]).format(column=Identifier(column))


def _has_null(conn: Connection, column: str) -> bool:
    return bool(rows.scalar(conn, _about("has_null", column)))


# --- what must be so --------------------------------------------------------------------------
def _check_columns(columns: Iterable[_Column]) -> None:
    problems = [f"column {name} is missing" for name in _missing(columns)]
    for c in columns:
        if c.type not in _ALLOWED.get(c.name, (c.type,)):
            expected = " or ".join(_ALLOWED[c.name])
            problems.append(f"column {c.name} is {c.type}, not {expected}")
        if c.name not in _ALLOWED and c.not_null and not c.filled:
            problems.append(f"column {c.name} is required and has no default")
    if problems:
        raise DatabaseRefused(
            f"public.cache_entries is not a table that can be adopted: {'; '.join(problems)}.",
            "Correct it, rename it, or give tickstock a database of its own.",
        )


def _missing(columns: Iterable[_Column]) -> list[str]:
    there = {c.name for c in columns}
    return [name for name in ("type", "name", "key", "value") if name not in there]


def _check_collisions(conn: Connection) -> None:
    found = conn.execute(QUERIES["colliding"]).fetchall()
    if not found:
        return
    told = [
        f"{kind}:{key} in {env} (ids {', '.join(ids)})" for kind, key, env, ids in found[:_SHOWN]
    ]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise DatabaseRefused(
        "Rows of public.cache_entries have the same type, key and environment and differ in their "
        f"names only: {'; '.join(told)}{more}.",
        "Keep one row of each, rename the keys of the others or delete them, and migrate again. "
        "Nothing was changed.",
    )


def _check_json(conn: Connection) -> None:
    texts = conn.execute(QUERIES["json_texts"])
    lost = [
        f"{ref} (id {id_}: {why})" for id_, ref, text in texts if (why := what_jsonb_loses(text))
    ]
    if lost:
        raise DatabaseRefused(
            f"Values of public.cache_entries cannot be kept as jsonb: {'; '.join(lost[:_SHOWN])}.",
            "Correct these rows and migrate again. Nothing was changed.",
        )


def what_jsonb_loses(text: str) -> str:
    """What of a JSON text PostgreSQL's jsonb cannot hold, for people; "" when it holds all."""
    twice: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> object:
        names = [name for name, _ in pairs]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return pairs

    json.loads(text, object_pairs_hook=note, parse_int=str, parse_float=str)
    if twice:
        return f"the name {twice[0]!r} is there twice"
    unescaped = text.replace(r"\\", "")  # what is left of a backslash begins an escape
    return r"it holds the character \u0000" if r"\u0000" in unescaped else ""


# --- what is made so --------------------------------------------------------------------------
def _add_missing(conn: Connection) -> None:
    columns = _columns(conn)
    if "id" not in columns:
        conn.execute(QUERIES["add_id"])
    elif not columns["id"].filled:
        conn.execute(QUERIES["number_id"])
    if "environment" not in columns:
        conn.execute(QUERIES["add_environment"])
    for name in TIMES:
        if name not in columns:
            conn.execute(_about("add_time", name))


def _fill_environment(conn: Connection, column: _Column) -> None:
    if _has_null(conn, "environment"):
        conn.execute(QUERIES["fill_environment"])
    if not column.filled:
        conn.execute(QUERIES["default_environment"])


def _convert_value(conn: Connection, column: _Column) -> None:
    if column.type == "json":
        _check_json(conn)
        conn.execute(QUERIES["json_to_jsonb"])


def _convert_time(conn: Connection, column: _Column, zone: str) -> None:
    if column.type == "timestamp":
        query = SQL(QUERIES["to_instant"])
        conn.execute(query.format(column=Identifier(column.name), zone=Literal(zone)))
    if column.type == "timestamp" or not column.filled:
        conn.execute(_about("default_now", column.name))


def _add_key(conn: Connection) -> None:
    """Add the key that we rely on. An older one on (type, name, key, environment) stays: other
    programs' `ON CONFLICT` may name it."""
    if KEY not in rows.scalars(conn, QUERIES["uniques"]):
        conn.execute(QUERIES["add_key"])
