"""Backups, and the proof of one: it is restored into a scratch database of the same server, and
what is there is compared with what the database held at the moment of the backup."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tickstock.errors import DatabaseForbidden, DatabaseRefused
from tickstock.store import clients, programs
from tickstock.store.clients import Client
from tickstock.store.connection import Connection
from tickstock.store.database import Database, translate
from tickstock.store.programs import Archive
from tickstock.store.queries import load
from tickstock.store.sealing import FileCheck, named_files

QUERIES = load("backup.sql")
SCRATCH = "tickstock_prove_"
DEFINITIONS = "definitions"
_PARTS = (
    ("universes", re.compile(r"public\.cache_entries|tickstock\.universe_(facts|counts)")),
    ("history", re.compile(r"tickstock\.universe_\w+")),
    ("bars", re.compile(r"tickstock\.(bars|sealed)_\w+")),
    (
        "coverage",
        re.compile(r"tickstock\.(coverage|holes|doubts|quarantine|bar_\w+|sessions|closures)"),
    ),
    (
        "ledger",
        re.compile(
            r"tickstock\.(loads|load_\w+|calls|losses|plans|budgets|rows_aside|account_\w+|schedule\w*)"
        ),
    ),
)
"""Tables that belong together, for people; the first that fits."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Number of rows, and a hash of their content that does not depend on their order."""

    rows: int
    content: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written. `proof`: what was found equal, by part, if that was asked for.
    `sealed`: the sealed files that the database names, which are not in it."""

    size: int
    archive: Archive
    proof: Mapping[str, Fingerprint] | None
    sealed: Sequence[FileCheck]


def back_up(
    database: Database,
    file: Path,
    *,
    prove: bool = False,
    known: Sequence[Client] | None = None,
) -> Backup:
    """Write the whole database to `file`, as of one moment.

    The file appears only when it is whole, with `prove` only when it was proven, and only its owner
    may read it. `known` are the clients to choose from, without it those of this machine.
    Raises BadFile when `file` exists or cannot be written, DatabaseRefused when no client fits,
    pg_dump fails, or what comes back is not what was there.
    """
    programs.check_target(file)
    known = clients.find() if known is None else known
    if prove:
        check_right(database, "The proof of a backup", "leave out --prove. No file was made.")
    partial = programs.new_file(file)
    try:
        proof = _proven(database, partial, known) if prove else None
        if proof is None:
            programs.dump(database, partial, known)
        archive = programs.read_archive(partial, known)
        # After it: files are added and never removed, so that all that the backup names are here.
        with database.transaction() as connection:
            sealed = named_files(connection)
        backup = Backup(partial.stat().st_size, archive, proof, sealed)
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return backup


def fingerprints(connection: Connection) -> dict[str, Fingerprint]:
    """What the database holds, by table, and its definitions as one more."""
    found = {}
    for schema, table in connection.execute(QUERIES["tables"]).fetchall():
        query = sql.SQL(QUERIES["fingerprint"]).format(table=sql.Identifier(schema, table))
        rows, left, right = connection.execute(query).fetchone() or (0, 0, 0)
        found[f"{schema}.{table}"] = Fingerprint(rows, _short(left, right))
    count, content = connection.execute(QUERIES["definitions"]).fetchone() or (0, "")
    return found | {DEFINITIONS: Fingerprint(count, content)}


def by_part(found: Mapping[str, Fingerprint]) -> dict[str, Fingerprint]:
    """Fingerprints of universes, history, bars, coverage, ledger and what else there is."""
    parts: dict[str, list[Fingerprint]] = {name: [] for name, _ in _PARTS}
    for table, one in found.items():
        name = DEFINITIONS if table == DEFINITIONS else _part(table)
        parts.setdefault(name, []).append(one)
    return {
        name: Fingerprint(sum(o.rows for o in some), _short(*(int(o.content, 16) for o in some)))
        for name, some in parts.items()
    }


def _part(table: str) -> str:
    return next((name for name, pattern in _PARTS if pattern.fullmatch(table)), "other tables")


def _short(*numbers: int) -> str:
    """Numbers as one of 128 bits; their order counts."""
    total = 0
    for number in numbers:
        total = (total * 0x9E3779B97F4A7C15F39CC0605CEDC835 + int(number)) % (1 << 128)
    return f"{total:032x}"


# --- the proof --------------------------------------------------------------------------------
def _proven(database: Database, file: Path, known: Sequence[Client]) -> dict[str, Fingerprint]:
    before = _written(database, file, known)
    _compare(before, _restored(database, file, known))
    return by_part(before)


def _written(database: Database, file: Path, known: Sequence[Client]) -> dict[str, Fingerprint]:
    """Write the backup, and say what was there at its moment."""
    with database.snapshot() as connection:
        connection.execute(QUERIES["write_one_way"])
        snapshot = (connection.execute(QUERIES["export"]).fetchone() or ("",))[0]
        programs.dump(database, file, known, snapshot=snapshot)
        return fingerprints(connection)


def _restored(database: Database, file: Path, known: Sequence[Client]) -> dict[str, Fingerprint]:
    with scratch_like(database) as scratch:
        programs.restore(scratch, file, replace=False, known=known)
        with scratch.snapshot() as connection:
            connection.execute(QUERIES["write_one_way"])
            return fingerprints(connection)


def _compare(before: Mapping[str, Fingerprint], after: Mapping[str, Fingerprint]) -> None:
    if differing := sorted(n for n in {*before, *after} if before.get(n) != after.get(n)):
        name = differing[0]
        rows = [f.rows if f else "no" for f in (before.get(name), after.get(name))]
        raise DatabaseRefused(
            f"The backup does not give back what the database held: {', '.join(differing)} "
            f"({name}: {rows[0]} rows before, {rows[1]} restored).",
            "No file was kept. Run `tickstock verify`, and report this as a fault.",
        )


def check_right(database: Database, what: str, otherwise: str) -> None:
    """Raises DatabaseForbidden where the user may not make a scratch database for `what`."""
    with database.transaction() as connection:
        row = connection.execute(QUERIES["may_create"]).fetchone()
    if not row or not row[0]:
        raise DatabaseForbidden(
            f"{what} needs a scratch database, which this user may not make.",
            f"Have `ALTER ROLE ... CREATEDB` done for it, or {otherwise}",
        )


@contextmanager
def scratch_like(database: Database) -> Iterator[Database]:
    """An empty database like this one, dropped whatever happens."""
    name = f"{SCRATCH}{secrets.token_hex(6)}"
    try:
        _alone(database, _creation(database, name))
        address = make_conninfo(database.conninfo, dbname=name)
        with Database.open(address, Path(), migrate=False) as scratch:
            yield scratch
    finally:
        query = sql.SQL(QUERIES["drop_scratch"])
        _alone(database, query.format(name=sql.Identifier(name)))


def _creation(database: Database, name: str) -> sql.Composed:
    with database.transaction() as connection:
        found = connection.execute(QUERIES["likeness"]).fetchone()
    encoding, collate, ctype, provider, locale = found or ("UTF8", "C", "C", "libc", None)
    like = sql.SQL("")
    if locale is not None:
        key = "ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE"
        like = sql.SQL(key) + sql.SQL(" ") + sql.Literal(locale)  # type: ignore[assignment]
    return sql.SQL(QUERIES["create_scratch"]).format(
        name=sql.Identifier(name),
        encoding=sql.Literal(encoding),
        collate=sql.Literal(collate),
        ctype=sql.Literal(ctype),
        provider=sql.SQL(provider),
        like=like,
    )


def _alone(database: Database, statement: sql.Composed) -> None:
    """A statement that may not be in a transaction."""
    try:
        with psycopg.connect(database.conninfo, autocommit=True) as connection:
            connection.execute(statement)
    except psycopg.Error as exc:
        raise translate(exc, database.safe_uri) from exc
