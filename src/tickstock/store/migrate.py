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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from psycopg import Connection
from psycopg.errors import InvalidSchemaName, UndefinedTable

from tickstock.errors import DatabaseRefused
from tickstock.failpoints import reach
from tickstock.store import adoption, locks, packages, rows
from tickstock.store.queries import load

QUERIES = load("migrate.sql")
EARLIER: Mapping[tuple[str, str], str] = {
    ("0001", "37a9c101dc4b520405212cf8dec4b6bd25885823796ad17eb9243f135094f92c"): "from_foundation",
    ("0001", "42ef383f4b546279c5e2ca222acd644c5c0e869f7ffcc2060d94b9600ad42268"): (
        "from_foreign_keys"
    ),
    ("0001", "904560189a7bd8d8755e9ca90da18ea5a31d0cba4834718d5c456e07bd0449b2"): "from_words",
    ("0004", "0eb627e5cea8e6ab18c3cb3a745ac1bacfe7e9ada31a4f2acc812ae0885ed279"): (
        "from_nested_loops"
    ),
    ("0006", "7f0d6d753ba5f1d5b42bcc51827cf3de4fb1268500e4ba0bb614079bf324504d"): "from_symbols",
    ("0006", "33bb7998373f6158ce675f81fea7a4f0d20e8d6422c44e4004b55935b9c53531"): "from_symbols",
    ("0006", "fb6cd0a11ae4b76d90c8e02044a08e71f32598c1898f9fb36798078fa959387b"): "from_symbols",
    ("0006", "a25cc8047ec87db2bd7c9e4a0c24e10b68e7143a4903e1ea565cbf5c65161e9b"): "from_symbols",
}
"""Forms that steps had before they were frozen, by version and checksum, and the query of
`earlier.sql` that makes today's of each."""
ADDITIVE = " (additive)"
"""How the name of a step ends that says of itself that older programs go on working."""
_ADDITIVE = re.compile(r"\A-- additive\b")
OURS = "tickstock"
ENGINE = "procrastinate"
_WHOLE = "whole schema"
_FOREIGN = "made by another application"


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One change of the schema. `part` is `tickstock` or `procrastinate`. `becomes` is set where a
    step was applied in an earlier form: the checksum of the form that `sql` makes of it."""

    part: str
    version: str
    name: str
    sql: str
    becomes: str = ""

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
    pending: tuple[MigrationStep, ...]


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
    newer than this release by a step that is not additive, and for an existing table that cannot
    be adopted; the step in question then changes nothing.
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
) -> MigrationStep | None:
    with conn.transaction():
        take_turn(conn)
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


def take_turn(conn: Connection) -> None:
    """Begin a step's transaction, when nobody else is at one."""
    conn.execute(QUERIES["begin_turn"])
    conn.execute(QUERIES["wait_for_turn"], {"key": locks.MIGRATION})


def _apply_ours(conn: Connection, step: MigrationStep, zone: str) -> None:
    if step == steps()[0]:
        adoption.adopt(conn, zone)
    conn.execute(step.sql)
    if step.becomes:
        conn.execute(QUERIES["reform"], {"version": step.version, "checksum": step.becomes})
    else:
        _record(conn, step)


def _record(conn: Connection, step: MigrationStep) -> None:
    row = {"part": step.part, "version": step.version, "name": step.name}
    conn.execute(QUERIES["record"], row | {"checksum": step.checksum})


def _applied(conn: Connection) -> tuple[Applied, ...]:
    return tuple(rows.every(conn, Applied, QUERIES["applied"]))


# --- our steps --------------------------------------------------------------------------------
@functools.cache
def steps() -> tuple[MigrationStep, ...]:
    """Our steps, in order: `0001_start.sql` and so on."""
    folder = resources.files("tickstock.store").joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(_step(file.name, file.read_text(encoding="utf-8")) for file in files)


def _step(file: str, text: str) -> MigrationStep:
    version, _, name = file.removesuffix(".sql").partition("_")
    return MigrationStep(OURS, version, name + ADDITIVE * bool(_ADDITIVE.match(text)), text)


def _check(applied: tuple[Applied, ...]) -> None:
    known = {step.version: step for step in steps()}
    for one in applied:
        if one.part != OURS:
            continue
        if one.version not in known:
            if one.name.endswith(ADDITIVE):
                continue
            raise DatabaseRefused(
                f"The database is newer than this tickstock: it has step {one.version} {one.name}, "
                f"the last one known here is {max(known)}.",
                "Upgrade tickstock on this machine.",
            )
        if (one.version, one.checksum) in EARLIER:
            continue
        if one.checksum != known[one.version].checksum:
            raise DatabaseRefused(
                f"Step {one.version} {one.name} was applied on {one.at:%Y-%m-%d} in another form "
                "than this tickstock has it.",
                "Install the release that made this database, or restore it from a backup into an "
                "empty one.",
            )


def _pending_ours(applied: tuple[Applied, ...]) -> tuple[MigrationStep, ...]:
    done = {one.version for one in applied if one.part == OURS}
    new = (step for step in steps() if step.version not in done)
    return (*_reforms(applied), *new)


def _reforms(applied: tuple[Applied, ...]) -> Iterator[MigrationStep]:
    """What makes today's form of steps that were applied in an earlier one."""
    today = {step.version: step.checksum for step in steps()}
    for one in applied:
        if one.part == OURS and (query := EARLIER.get((one.version, one.checksum))):
            sql = load("earlier.sql")[query]
            name = f"{one.name}, from an earlier form"
            yield MigrationStep(OURS, one.version, name, sql, today[one.version])


# --- the job engine's steps -------------------------------------------------------------------
def _engine_folder() -> Path:
    return packages.folder(ENGINE) / "sql"


@functools.cache
def engine_steps() -> Mapping[str, Path]:
    """procrastinate's migrations by version (`03.04.00_01`), in order."""
    files = sorted((_engine_folder() / "migrations").glob("*.sql"))
    return {file.stem: file for file in files}


def _pending_engine(applied: tuple[Applied, ...]) -> tuple[MigrationStep, ...]:
    done = {one.version: one.name for one in applied if one.part == ENGINE}
    if not done or _FOREIGN in done.values():
        release = importlib.metadata.version(ENGINE)
        if release in done:
            return ()
        text = (_engine_folder() / "schema.sql").read_text(encoding="utf-8")
        return (MigrationStep(ENGINE, release, _WHOLE, text),)
    return tuple(
        MigrationStep(ENGINE, version, "migration", file.read_text(encoding="utf-8"))
        for version, file in engine_steps().items()
        if version not in done
    )


def _apply_engine(conn: Connection, step: MigrationStep) -> None:
    if step.name != _WHOLE:
        conn.execute(step.sql)
        _record(conn, step)
        return
    found = conn.execute(QUERIES["has_engine"]).fetchone()
    if found is not None and found[0]:
        _check_foreign(conn)
        _record(conn, MigrationStep(ENGINE, step.version, _FOREIGN, ""))
        return
    conn.execute(step.sql)
    for version, file in engine_steps().items():
        _record(conn, MigrationStep(ENGINE, version, _WHOLE, file.read_text(encoding="utf-8")))


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
