"""PostgreSQL's own programs on an open database: psql, pg_dump, pg_restore.

Which version of them is `clients`'s choice. The address goes by environment: process arguments are
readable by everybody on the machine.

A backup is a file in pg_dump's custom format, whose head says which server it is of and which
pg_dump wrote it. It is restored in one transaction: pg_restore writes its script, psql runs it, and
we stand between the two, because the script alone would fail. It begins with settings that an older
server does not know (`transaction_timeout` before 17), and it drops the constraints of partitions
one by one, which no server allows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from tickstock.errors import BadFile, DatabaseRefused
from tickstock.store import clients
from tickstock.store.clients import Client
from tickstock.store.database import Database
from tickstock.store.queries import load

QUERIES = load("programs.sql")
_WRITTEN = re.compile(r";\s+Dumped (from database|by pg_dump) version: (\d+)(\S*)")
_GRANT = re.compile(r'\b(?:TO|FROM|FOR ROLE) ("(?:[^"]|"")+"|\w+)(?= WITH GRANT| IN SCHEMA|;| )')
_TABLE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (\S.*) \($", re.MULTILINE)
_HEAD = (b"--", b"\\", b"SET ", b"SELECT pg_catalog.set_config(", b"\n")
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup says of itself: versions of the server it is of and of the pg_dump that
    wrote it, the roles that were granted something, and its tables, as SQL names them."""

    server: str
    client: str
    roles: tuple[str, ...]
    tables: frozenset[str]

    @property
    def server_major(self) -> int:
        return _major(self.server)

    @property
    def client_major(self) -> int:
        return _major(self.client)


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `lost_roles` are roles of the backup that this server lacks; where there are
    any, no privilege was restored."""

    archive: Archive
    lost_roles: tuple[str, ...]


def psql(database: Database, options: Sequence[str]) -> int:
    """psql with this terminal; answers its exit code."""
    program = clients.newest(clients.find()).folder / "psql"
    return subprocess.run([program, *options], env=_environment(database), check=False).returncode


# --- backup -----------------------------------------------------------------------------------
def check_target(file: Path) -> None:
    """Raises BadFile when `file` exists."""
    if file.exists():
        raise BadFile(f"{file} exists already.", "Name another file, or remove it.")


def dump(database: Database, file: Path, known: Sequence[Client], *, snapshot: str = "") -> None:
    """Write the whole database to `file`, which `new_file` made, in pg_dump's own format, by one of
    the clients `known`. `snapshot` is one that an open transaction exported.

    Raises DatabaseRefused when none fits or pg_dump fails.
    """
    with database.transaction() as connection:
        major = connection.info.server_version // 10000
    command = ["pg_dump", "--format=custom", f"--file={file}"]
    command += [f"--snapshot={snapshot}"] if snapshot else []
    _run(database, clients.for_dump(known, major), command)


def new_file(file: Path) -> Path:
    """A new private file beside `file`, to be given its name when it is whole. Raises BadFile."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    except OSError as e:
        raise BadFile(f"{file} cannot be written: {e.strerror}.", "Name another folder.") from e
    os.close(handle)
    return Path(name)


# --- restore ----------------------------------------------------------------------------------
def restore(
    database: Database, file: Path, *, replace: bool, known: Sequence[Client] | None = None
) -> Restored:
    """Bring a database back to what a backup holds: all of it or, on any error, nothing.

    With `replace` what is there now is dropped first, in the same transaction; without it the
    database must be empty. `known` are the clients to choose from, without it those of this
    machine. Raises BadFile, DatabaseRefused.
    """
    known = clients.find() if known is None else known
    archive = read_archive(file, known)
    client = clients.for_restore(known, archive.client_major)
    if not replace:
        _refuse_filled(database)
    with database.transaction() as connection:
        server = connection.info.server_version // 10000
        missing = connection.execute(QUERIES["missing_roles"], {"names": list(archive.roles)})
        lost = tuple(row[0] for row in missing)
        settings = {row[0] for row in connection.execute(QUERIES["settings"])}
        partitions = [row[0] for row in connection.execute(QUERIES["partitions"])]
    options = ["--no-owner", *(["--no-privileges"] if lost else [])]
    options += ["--clean", "--if-exists"] if replace else []
    first = [f"DROP TABLE {p};\n" for p in partitions if replace and p in archive.tables]
    try:
        _run_script(database, client, ["--file=-", *options, str(file)], first, settings)
    except DatabaseRefused as e:
        if archive.server_major <= server:
            raise
        raise DatabaseRefused(
            f"{e.what} The backup is of PostgreSQL {archive.server_major}, this server is "
            f"{server}, which may not know all that is in it.",
            f"Restore into PostgreSQL {archive.server_major} or newer. Nothing was changed.",
        ) from e
    return Restored(archive, lost)


def read_archive(file: Path, known: Sequence[Client]) -> Archive:
    """What the backup in `file` says of itself. Raises BadFile, DatabaseRefused."""
    try:
        with file.open("rb") as stream:
            head = stream.read(5)
    except OSError as e:
        raise BadFile(f"{file} cannot be read: {e.strerror}.", "Check the name.") from e
    if head != b"PGDMP":
        raise BadFile(f"{file} is not a backup.", "Give a file that `tickstock db backup` wrote.")
    client = clients.newest(known)
    listed = _read(client, ["--list", str(file)], file)
    found = {name: f"{major}{rest}" for name, major, rest in _WRITTEN.findall(listed)}
    if len(found) < 2:
        raise BadFile(f"{file} does not say which server it is of.", "Give another backup.")
    script = _read(client, ["--schema-only", "--file=-", str(file)], file)  # names as SQL has them
    return Archive(
        found["from database"],
        found["by pg_dump"],
        tuple(_roles(script)),
        frozenset(_TABLE.findall(script)),
    )


def _roles(script: str) -> Iterator[str]:
    """The roles to which a script grants something, each once."""
    lines = (s for s in script.splitlines() if s.startswith(("GRANT ", "ALTER DEFAULT PRIV")))
    names = (name for line in lines for name in _GRANT.findall(line))
    plain = (n[1:-1].replace('""', '"') if n.startswith('"') else n.lower() for n in names)
    yield from dict.fromkeys(n for n in plain if n != "public")


def _read(client: Client, options: Sequence[str], file: Path) -> str:
    done = subprocess.run(
        [client.folder / "pg_restore", *options], env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode and "unsupported version" in said:
        raise DatabaseRefused(
            f"{file} was written by a newer pg_dump than the client programs here ({client}).",
            "Install the client programs of the version that wrote it. Nothing was changed.",
        )
    if done.returncode:
        raise BadFile(f"{file} cannot be read: {_error_line(said)}.", "Give another backup.")
    return done.stdout.decode("utf-8", "replace")


def _refuse_filled(database: Database) -> None:
    with database.transaction() as connection:
        row = connection.execute(load("migrate.sql")["is_in_use"]).fetchone()
    if row and row[0]:
        raise DatabaseRefused(
            f"The database {database.safe_uri} is not empty.",
            "Restore into an empty one, or add --replace to drop what is there.",
        )


def _run_script(
    database: Database,
    client: Client,
    options: Sequence[str],
    first: Sequence[str],
    settings: Container[str],
) -> None:
    """Have psql run what pg_restore writes, after the statements `first`."""
    psql = [str(client.folder / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    script = [str(client.folder / "pg_restore"), *options]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as heard:
        with (
            subprocess.Popen(
                psql, env=_environment(database) | {"LC_ALL": "C"}, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=said,
            ) as writing,
            subprocess.Popen(
                script, env=os.environ | {"LC_ALL": "C"}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=heard,
            ) as reading,
        ):  # fmt: skip
            try:
                _feed(cast("IO[bytes]", writing.stdin), reading, first, settings)
            except BrokenPipeError:
                reading.kill()  # psql has ended; it says why
        for name, process, words in (("psql", writing, said), ("pg_restore", reading, heard)):
            words.seek(0)
            _refuse_failed(name, process.returncode, words.read())


def _feed(
    sink: IO[bytes],
    reading: subprocess.Popen[bytes],
    first: Sequence[str],
    settings: Container[str],
) -> None:
    """Hand the script over in a transaction that is committed only if it came to its end."""
    script = cast("IO[bytes]", reading.stdout)
    with sink:
        sink.write("".join(["BEGIN;\n", *first]).encode())
        sink.writelines(_known_head(script, settings))
        shutil.copyfileobj(script, sink, _PIECE)
        if reading.wait() == 0:
            sink.write(b"COMMIT;\n")


def _known_head(script: Iterable[bytes], settings: Container[str]) -> Iterator[bytes]:
    """The script's lines up to the first that makes something, without unknown settings."""
    for line in script:
        words = line.split(maxsplit=2)
        if not line.startswith(b"SET ") or words[1].decode("ascii", "replace") in settings:
            yield line
        if not line.startswith(_HEAD):
            return


# --- running ----------------------------------------------------------------------------------
def _run(database: Database, client: Client, command: Sequence[str]) -> None:
    done = subprocess.run(
        [client.folder / command[0], *command[1:]],
        env=_environment(database) | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    _refuse_failed(command[0], done.returncode, done.stderr)


def _refuse_failed(program: str, code: int, said: bytes) -> None:
    if code:
        line = _error_line(said.decode("utf-8", "replace"))
        raise DatabaseRefused(f"{program} ended with {code}: {line}.", "Nothing was changed.")


def _error_line(said: str) -> str:
    """The line that says what went wrong, and its detail: what follows may be a whole statement."""
    lines = [line.strip().rstrip(".") for line in said.splitlines() if line.strip()]
    line = [s for s in lines if re.search(r"\b(error|ERROR|FATAL):", s)]
    detail = [s.removeprefix("DETAIL:").strip() for s in lines if s.startswith("DETAIL:")]
    return "; ".join([*(line or lines[-1:] or ["no message"])[:1], *detail[:1]])


def _environment(database: Database) -> dict[str, str]:
    """Ours, with the address on top, as libpq itself names its parts: what the address leaves open
    (PGPASSWORD, PGSSLMODE ...) comes from where it came for our own connection."""
    environ = dict(os.environ)
    environ.pop("PGCLIENTENCODING", None)  # a backup is written as the database is encoded
    names = {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar
    }
    for key, value in conninfo_to_dict(database.conninfo).items():
        if name := names.get(key):
            environ.pop(name, None)
            environ |= {name: str(value)} if value != "" else {}
    return environ


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
