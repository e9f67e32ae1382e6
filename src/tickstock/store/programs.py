"""PostgreSQL's own programs on an open database: psql, pg_dump, pg_restore.

They come with the embedded server (version 18) and work with older servers too. The address goes
by environment: process arguments are readable by everybody on the machine.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tickstock.errors import BadFile, DatabaseRefused
from tickstock.store import place
from tickstock.store.database import Database
from tickstock.store.queries import load

QUERIES = load("migrate.sql")
_NAMES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "dbname": "PGDATABASE",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
}


def psql(database: Database, options: Sequence[str]) -> int:
    """psql with this terminal; answers its exit code."""
    return subprocess.run(  # noqa: S603 -- our own program, options of the person who calls
        [str(place.installed() / "psql"), *options], env=_environment(database), check=False
    ).returncode


def dump(database: Database, file: Path) -> int:
    """Write the whole database to `file` in pg_dump's own format; answers its size in bytes.

    The file appears only when it is whole, and only its owner may read it.
    Raises BadFile when `file` exists or cannot be written, DatabaseRefused when pg_dump fails.
    """
    if file.exists():
        raise BadFile(f"{file} exists already.", "Name another file, or remove it.")
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    except OSError as e:
        raise BadFile(f"{file} cannot be written: {e.strerror}.", "Name another folder.") from e
    partial = Path(name)
    try:
        os.close(handle)
        _run(database, ["pg_dump", "--format=custom", "--no-owner", f"--file={partial}"])
        size = partial.stat().st_size
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return size


def restore(database: Database, file: Path, *, replace: bool) -> None:
    """Bring a database back to what `dump` wrote: all of it or, on any error, nothing.

    With `replace` what is there now is dropped first, in the same transaction; without it the
    database must be empty. Raises BadFile, DatabaseRefused.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(5)
    except OSError as e:
        raise BadFile(f"{file} cannot be read: {e.strerror}.", "Check the name.") from e
    if head != b"PGDMP":
        raise BadFile(f"{file} is not a backup.", "Give a file that `tickstock db backup` wrote.")
    if not replace:
        _refuse_filled(database)
    clean = ["--clean", "--if-exists"] if replace else []
    name = conninfo_to_dict(database.conninfo).get("dbname", "")
    options = ["--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={name}"]
    _run(database, ["pg_restore", *options, *clean, str(file)])


def _refuse_filled(database: Database) -> None:
    with database.transaction() as connection:
        row = connection.execute(QUERIES["is_in_use"]).fetchone()
    if row and row[0]:
        raise DatabaseRefused(
            f"The database {database.safe_uri} is not empty.",
            "Restore into an empty one, or add --replace to drop what is there.",
        )


def _run(database: Database, command: Sequence[str]) -> None:
    program = str(place.installed() / command[0])
    done = subprocess.run(  # noqa: S603 -- our own program and options
        [program, *command[1:]],
        env=_environment(database),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DatabaseRefused(
            f"{command[0]} ended with {done.returncode}: {said[-1] if said else 'no message'}.",
            "Nothing was changed.",
        )


def _environment(database: Database) -> dict[str, str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    for key, value in conninfo_to_dict(database.conninfo).items():
        if key in _NAMES and value:
            environ[_NAMES[key]] = str(value)
    return environ
