"""The PostgreSQL servers of a test run: the embedded one, and those of the system's packages."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

OLDEST = 15
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server in which a test may make databases."""

    uri: Callable[[str], str]

    def create(self, template: str = "template1", name: str = "") -> str:
        """The name of a new database like `template`."""
        name = name or f"test_{next(_numbers)}"
        # FILE_COPY clones without writing all of it to the log as well, which is faster here.
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, name: str) -> None:
        self._run("DROP DATABASE {} WITH (FORCE)", name)

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.uri("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def programs(major: int) -> Path | None:
    """The folder of a server's programs of that version, where the system has them."""
    folder = Path(f"/usr/lib/postgresql/{major}/bin")
    return folder if (folder / "initdb").exists() else None


def new_folder() -> Path:
    """A folder with a short path that every user may enter, in memory where there is enough."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    path = Path(tempfile.mkdtemp(prefix="ts-", dir=memory if roomy else "/tmp"))
    path.chmod(0o711)
    return path


@contextmanager
def running(folder_of_programs: Path, *settings: str, hba: str = "") -> Iterator[Path]:
    """A server of its own, ended at the end; gives the folder of its socket. `hba` says who may
    sign in how, where not everybody may."""
    folder = new_folder()
    options = _as_nobody(folder) if os.geteuid() == 0 else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"} | options
    made = [folder_of_programs / "initdb", "-D", folder / "data", "-U", "tickstock", "-A", "trust"]
    subprocess.run([*made, "-N", "-E", "UTF8", "--locale=C"], check=True, **quiet)
    if hba:
        (folder / "data" / "pg_hba.conf").write_text(hba)
    given = ["listen_addresses=", "fsync=off", *settings]
    command = [folder_of_programs / "postgres", "-D", folder / "data", "-k", folder]
    process = subprocess.Popen([*command, *(f"-c{s}" for s in given)], **quiet)
    try:
        port = next((s.removeprefix("port=") for s in settings if s.startswith("port=")), "5432")
        _await(f"postgresql://tickstock@/postgres?host={folder}&port={port}", process)
        yield folder
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder)


def _as_nobody(folder: Path) -> dict[str, object]:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _await(uri: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        if psycopg.pq.PGconn.ping(uri.encode()) == psycopg.pq.Ping.OK:
            return
        time.sleep(0.02)
    raise RuntimeError("PostgreSQL ended instead of starting")
