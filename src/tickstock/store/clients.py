"""Which of PostgreSQL's client programs fit a server and a backup.

pg_dump reads servers of its own version and of older ones; its file holds what only servers of
its own version and newer ones are sure to understand, and pg_restore reads files of its own version
and older ones. So a client of the server's own version is best, then the least newer one. Those of
the embedded server's wheel (16 and 18 at present) are always there; others are looked for where
systems put them.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tickstock.errors import DatabaseRefused
from tickstock.store import place

PROGRAMS = ("pg_dump", "pg_restore", "psql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat, Fedora
    "/usr/lib/postgresql*/bin",  # SUSE, Arch
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Library/PostgreSQL/*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True)
class Client:
    """A folder with pg_dump, pg_restore and psql of one version."""

    major: int
    minor: int
    folder: Path

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def find() -> tuple[Client, ...]:
    """The clients on this machine: those of the wheel, those on PATH, those in the usual places."""
    seen: dict[Path, Client | None] = {}
    for folder in _folders():
        real = folder.resolve()
        if real not in seen:
            seen[real] = _client(real)
    return tuple(client for client in seen.values() if client)


def _folders() -> Iterator[Path]:
    yield from place.bundled()
    yield from (Path(p) for p in os.environ.get("PATH", "").split(os.pathsep) if p)
    for pattern in _PLACES:
        yield from Path("/").glob(pattern[1:])


def _client(folder: Path) -> Client | None:
    # Debian's /usr/bin/pg_dump is a script that picks a version by rules of its own.
    programs = [folder / name for name in PROGRAMS]
    if not all(p.is_file() and p.resolve().name == p.name for p in programs):
        return None
    try:
        said = subprocess.run(
            [programs[0], "--version"], capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=20, check=False,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(said)
    return Client(int(found[1]), int(found[2] or 0), folder) if found else None


def for_dump(clients: Sequence[Client], server: int) -> Client:
    """The client whose backup of a server of major version `server` can be restored there and on
    newer ones. Raises DatabaseRefused where none can read the server."""
    able = [c for c in clients if c.major >= server]
    if not able:
        raise DatabaseRefused(
            f"The server is PostgreSQL {server}, and {_newest(clients)}.", _install(server)
        )
    return _least(able)


def for_restore(clients: Sequence[Client], written_by: int) -> Client:
    """The client that can read a file of pg_dump `written_by`. Raises DatabaseRefused."""
    able = [c for c in clients if c.major >= written_by]
    if not able:
        raise DatabaseRefused(
            f"The backup was written by pg_dump {written_by}, and {_newest(clients)}.",
            f"{_install(written_by)} Nothing was changed.",
        )
    return _least(able)


def newest(clients: Sequence[Client]) -> Client:
    """The client that reads the most. Raises DatabaseRefused where there is none."""
    if not clients:
        raise DatabaseRefused("PostgreSQL's client programs are not here.", _install(18))
    return max(clients, key=lambda c: (c.major, c.minor))


def _least(able: Iterable[Client]) -> Client:
    return min(able, key=lambda c: (c.major, -c.minor))


def _newest(clients: Sequence[Client]) -> str:
    if not clients:
        return "no client programs of PostgreSQL are here"
    return f"the newest client programs here are {newest(clients)}"


def _install(major: int) -> str:
    return (
        f"Install the client programs of PostgreSQL {major} (Debian, Ubuntu: "
        f"`apt install postgresql-client-{major}`; macOS: `brew install postgresql@{major}`)."
    )
