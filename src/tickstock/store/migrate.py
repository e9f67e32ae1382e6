"""Bring a database's schema up to date, step by step.

Our steps are the numbered files in `migrations/`. The job engine's steps are procrastinate's own
migrations: its whole schema where there is none, later its new migrations one by one, by name.
A procrastinate schema that another application made is used as it is and never changed.

Each step is one transaction, and takes the same advisory lock first, then looks again at what is
still to be done: of two processes one does a step and the other waits and finds it done. The lock
is held by transactions, not by a session, so that it also holds through PgBouncer.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from psycopg import Connection
from psycopg.errors import InvalidSchemaName, UndefinedTable

from tickstock.errors import DatabaseRefused
from tickstock.failpoints import reach
from tickstock.store import adoption, packages
from tickstock.store.queries import load

QUERIES = load("migrate.sql")
OURS = "tickstock"
ENGINE = "procrastinate"
_WHOLE = "whole schema"
_FOREIGN = "made by another application"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema. `part` is `tickstock` or `procrastinate`."""

    part: str
    version: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.part} {self.version} {self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """A step that was done, `at` by the database's clock."""

    part: str
    version: str
    name: str
    checksum: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """What was done to a schema and what is still to be done, both in order."""

    applied: tuple[Applied, ...]
    pending: tuple[Step, ...]


def migrate(
    conn: Connection,
    *,
    after: Callable[[Connection], None] | None = None,
    zone: str = "UTC",
) -> tuple[str, ...]:
    """Apply what is pending and name it; nothing, after one query, in an up-to-date database.

    `conn` must be in autocommit and not in a transaction. `after` is called with it inside the
    transaction of the last step, so that it is done once and together with it. `zone` (IANA name)
    is the one in which times without a zone in an existing `cache_entries` are to be read.
    Raises DatabaseRefused when a step that was applied has changed since, when the database is
    newer than this release, and for an existing table that cannot be adopted; the step in question
    then changes nothing.
    """
    if _is_current(conn):
        return ()
    zone = adoption.check_zone(zone)
    done: list[str] = []
    while (step := _apply_next(conn, after, zone)) is not None:
        reach("migrate.committed")
        done.append(str(step))
    return tuple(done)


def status(conn: Connection) -> Status:
    """What is applied and what is pending. Raises DatabaseRefused as `migrate` does."""
    found = conn.execute(QUERIES["has_record"]).fetchone()
    return _status(_applied(conn) if found and found[0] else ())


def refuse_unasked(conn: Connection, where: str) -> None:
    """Let an up-to-date or an empty database pass; one that holds something is migrated only
    when somebody asks for it. Raises DatabaseRefused; `where` is its address for people."""
    pending = len(status(conn).pending)
    row = conn.execute(QUERIES["is_in_use"]).fetchone()
    if pending and row and row[0]:
        raise DatabaseRefused(
            f"The schema of {where} is behind by {pending} steps, and the database is in use.",
            "Make a backup (`tickstock db backup FILE`), then run `tickstock db migrate`.",
        )


def _is_current(conn: Connection) -> bool:
    try:
        return not _status(_applied(conn)).pending
    except (UndefinedTable, InvalidSchemaName):
        return False


def _status(applied: tuple[Applied, ...]) -> Status:
    _check(applied)
    return Status(applied, (*_pending_ours(applied), *_pending_engine(applied)))


def _apply_next(
    conn: Connection, after: Callable[[Connection], None] | None, zone: str
) -> Step | None:
    with conn.transaction():
        conn.execute(QUERIES["take_turn"])
        conn.execute(QUERIES["act_as_owner"])
        pending = status(conn).pending
        if not pending:
            return None
        conn.execute(QUERIES["create_record"])
        reach("migrate.turn")
        step = pending[0]
        if step.part == ENGINE:
            _apply_engine(conn, step)
        else:
            _apply_ours(conn, step, zone)
        reach("migrate.applied")
        if after is not None and len(pending) == 1:
            after(conn)
        return step


def _apply_ours(conn: Connection, step: Step, zone: str) -> None:
    if step == steps()[0]:
        adoption.adopt(conn, zone)
    conn.execute(step.sql)
    _record(conn, step)


def _record(conn: Connection, step: Step) -> None:
    row = {"part": step.part, "version": step.version, "name": step.name}
    conn.execute(QUERIES["record"], row | {"checksum": step.checksum})


def _applied(conn: Connection) -> tuple[Applied, ...]:
    return tuple(Applied(*row) for row in conn.execute(QUERIES["applied"]))


# --- our steps --------------------------------------------------------------------------------
@functools.cache
def steps() -> tuple[Step, ...]:
    """Our steps, in order: `0001_start.sql` and so on."""
    folder = resources.files("tickstock.store").joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(_step(file.name, file.read_text(encoding="utf-8")) for file in files)


def _step(file: str, text: str) -> Step:
    version, _, name = file.removesuffix(".sql").partition("_")
    return Step(OURS, version, name, text)


def _check(applied: tuple[Applied, ...]) -> None:
    known = {step.version: step for step in steps()}
    for one in applied:
        if one.part != OURS:
            continue
        if one.version not in known:
            raise DatabaseRefused(
                f"The database is newer than this tickstock: it has step {one.version} {one.name}, "
                f"the last one known here is {max(known)}.",
                "Upgrade tickstock on this machine.",
            )
        if one.checksum != known[one.version].checksum:
            raise DatabaseRefused(
                f"Step {one.version} {one.name} was applied on {one.at:%Y-%m-%d} in another form "
                "than this tickstock has it.",
                "Install the release that made this database, or restore it from a backup into an "
                "empty one.",
            )


def _pending_ours(applied: tuple[Applied, ...]) -> tuple[Step, ...]:
    done = {one.version for one in applied if one.part == OURS}
    return tuple(step for step in steps() if step.version not in done)


# --- the job engine's steps -------------------------------------------------------------------
def _engine_folder() -> Path:
    return packages.folder(ENGINE) / "sql"


@functools.cache
def engine_steps() -> Mapping[str, Path]:
    """procrastinate's migrations by version (`03.04.00_01`), in order."""
    files = sorted((_engine_folder() / "migrations").glob("*.sql"))
    return {file.stem: file for file in files}


def _pending_engine(applied: tuple[Applied, ...]) -> tuple[Step, ...]:
    done = {one.version: one.name for one in applied if one.part == ENGINE}
    if not done or _FOREIGN in done.values():
        release = importlib.metadata.version(ENGINE)
        if release in done:
            return ()
        text = (_engine_folder() / "schema.sql").read_text(encoding="utf-8")
        return (Step(ENGINE, release, _WHOLE, text),)
    return tuple(
        Step(ENGINE, version, "migration", file.read_text(encoding="utf-8"))
        for version, file in engine_steps().items()
        if version not in done
    )


def _apply_engine(conn: Connection, step: Step) -> None:
    if step.name != _WHOLE:
        conn.execute(step.sql)
        _record(conn, step)
        return
    found = conn.execute(QUERIES["has_engine"]).fetchone()
    if found is not None and found[0]:
        _check_foreign(conn)
        _record(conn, Step(ENGINE, step.version, _FOREIGN, ""))
        return
    conn.execute(step.sql)
    for version, file in engine_steps().items():
        _record(conn, Step(ENGINE, version, _WHOLE, file.read_text(encoding="utf-8")))


def _check_foreign(conn: Connection) -> None:
    queries = (_engine_folder() / "queries.sql").read_text(encoding="utf-8")
    functions = sorted(set(re.findall(r"\b(procrastinate_\w+)\(", queries)))
    lacking = [row[0] for row in conn.execute(QUERIES["engine_lacks"], {"functions": functions})]
    if lacking:
        raise DatabaseRefused(
            "Another application's procrastinate schema in this database is older than "
            f"{importlib.metadata.version(ENGINE)}: it lacks {', '.join(lacking)}.",
            "Apply procrastinate's migrations to it, or give tickstock a database of its own.",
        )
