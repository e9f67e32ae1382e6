"""A PostgreSQL server of our own, for those who have none.

Processes join the server of a home folder and leave it. The first one in starts it, the last one
out stops it. Three locks of the kernel (`flock`) carry that, because the kernel frees them
however a process ends, and because a process id says nothing: it may be stale, used again by
another program, belong to a zombie, or to another container.

- `users.lock`, shared: held by every process that has joined or is about to.
- `start.lock`, exclusive: held while the server is looked for, started or stopped.
- `server.lock`, exclusive: handed to the server when it starts and inherited by all its processes.
  Whoever gets it knows that none of them is left, so that a second server can never be started
  on the same data, and files left behind by a killed one can be removed.

Whether the server works is judged by connecting. After `kill -9` of all its users the server goes
on and is used again by the next process that joins.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import logging
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg import pq
from psycopg.conninfo import make_conninfo

from tickstock.errors import DatabaseForbidden, DatabaseRefused, DatabaseUnavailable, TickStockError
from tickstock.store import place as places
from tickstock.store.place import Place

ROLE = "postgres"
QUEUE_SECONDS = 60.0
"""How long others may take to start or stop the server before we give up."""
START_SECONDS = 120.0
"""How long a start may take, with the replay of the log after a crash."""
REMNANT_SECONDS = 15.0
"""How long processes of a killed server may take to notice that it is gone."""
STOP_SECONDS = 20.0
LOG_BYTES = 1 << 20
_PAUSE = 0.01

_INITDB = (
    f"--username={ROLE}",
    "--auth-local=reject",  # `_say_who_may` says more before the first start
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)
_MAP = "tickstock"
_NOTE = "# TickStock writes this at every start.\n"
# A laptop's share of memory, little log (`log` is above `error` for the server's log: statements
# that fail are told to the client, not written down), and no log shipping.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "min_wal_size": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}

_log = logging.getLogger(__name__)


class EmbeddedServer:
    """One process's share in the server of a home folder.

    Use it as a context manager, or call `leave` when done; a process that ends normally leaves.
    """

    def __init__(self, place: Place, users: int) -> None:
        self._place = place
        self._leave = weakref.finalize(self, _leave, place, users, os.getpid())

    @classmethod
    def join(cls, home: Path) -> EmbeddedServer:
        """Join the server of `home`, which is made and started when it does not run.

        Raises DatabaseUnavailable when it does not start in time, DatabaseForbidden for a folder
        that may not be written or belongs to another user, and DatabaseRefused for a full disk or
        data of another version of PostgreSQL.
        """
        with _entry(home):
            place = places.find(home)
            users = _lock(place.folder / "users.lock", fcntl.LOCK_SH, QUEUE_SECONDS)
            try:
                with _turn(place):
                    _ensure_running(place)
            except BaseException:
                _leave(place, users, os.getpid())
                raise
            return cls(place, users)

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    def __repr__(self) -> str:
        return f"EmbeddedServer({str(self._place.folder)!r})"

    def uri(self, database: str) -> str:
        """The address of `database` for libpq; without a secret: the kernel says who we are."""
        folder = quote(os.fsencode(self._place.sockets), safe="")
        # An empty hostaddr keeps PGHOSTADDR of the environment out.
        return f"postgresql://{ROLE}@/{quote(database, safe='')}?host={folder}&port=5432&hostaddr="

    def program(self, name: str) -> Path:
        """The path of `psql`, `pg_dump` and the like, of the server's version."""
        return places.installed() / name

    def revive(self) -> None:
        """Start the server again if it was killed; wait for it if it recovers. Errors as `join`."""
        with _entry(self._place.folder), _turn(self._place):
            _ensure_running(self._place)

    def leave(self) -> None:
        """Leave; the last one out stops the server. A second call does nothing."""
        self._leave()


def stop(home: Path) -> bool:
    """Stop the server of `home`, also when others use it; False when none runs."""
    with _entry(home):
        place = places.find(home)
        with _turn(place):
            if _all_gone(place):
                return False
            if not _stop(place):
                raise DatabaseUnavailable(
                    f"The PostgreSQL server of {place.data} does not stop.",
                    f"See {place.log} and end its processes by hand.",
                )
            return True


# --- locks ------------------------------------------------------------------------------------
def _open(path: Path, flags: int) -> int:
    """Open a file of our folder, without following a link somebody may have put there."""
    handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
    return handle


def _try_lock(path: Path, kind: int) -> int | None:
    """The handle of the lock, or None when somebody else holds it."""
    handle = _open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


def _release(handle: int) -> None:
    """Free a lock, also where a process forked meanwhile has a copy of its handle."""
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _lock(path: Path, kind: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    while (handle := _try_lock(path, kind)) is None:
        if time.monotonic() > end:
            raise DatabaseUnavailable(
                f"Another process has kept {path} locked for {seconds:.0f} s.",
                "Wait until it has started or stopped the database, or end it, and try again.",
            )
        time.sleep(_PAUSE)
    return handle


@contextlib.contextmanager
def _turn(place: Place) -> Iterator[None]:
    """Only one process at a time looks for, starts or stops the server."""
    handle = _lock(place.folder / "start.lock", fcntl.LOCK_EX, QUEUE_SECONDS)
    try:
        yield
    finally:
        _release(handle)


# --- is it there? -----------------------------------------------------------------------------
class _Answer(enum.Enum):
    READY = enum.auto()
    BUSY = enum.auto()  # starting, recovering or stopping
    NONE = enum.auto()


def _ping(place: Place) -> _Answer:
    if not places.sockets_sound(place):
        return _Answer.NONE
    address = make_conninfo(
        host=str(place.sockets), hostaddr="", port="5432", user=ROLE, dbname="postgres",
        connect_timeout=2,
    )  # fmt: skip
    answer = pq.PGconn.ping(os.fsencode(address))
    if answer == pq.Ping.OK:
        return _Answer.READY
    return _Answer.BUSY if answer == pq.Ping.REJECT else _Answer.NONE


def _all_gone(place: Place) -> bool:
    """Whether no process of a server on this data is left."""
    handle = _try_lock(place.folder / "server.lock", fcntl.LOCK_EX)
    if handle is None:
        return False
    _release(handle)
    return True


def _ensure_running(place: Place) -> None:
    _trim(place.log)
    begun = time.monotonic()
    while (answer := _ping(place)) is not _Answer.READY:
        if answer is _Answer.NONE:
            lock = _try_lock(place.folder / "server.lock", fcntl.LOCK_EX)
            if lock is not None:
                _start(place, lock)
                return
        longest = REMNANT_SECONDS if answer is _Answer.NONE else START_SECONDS
        if time.monotonic() - begun > longest:
            raise DatabaseUnavailable(
                f"The PostgreSQL server of {place.data} does not answer, yet processes of it live.",
                f"Wait until they have ended, or end those that hold {place.folder / 'server.lock'}"
                f" open, and try again; see {place.log}.",
            )
        time.sleep(_PAUSE)


# --- start ------------------------------------------------------------------------------------
def _start(place: Place, lock: int) -> None:
    """Start the server and wait until it answers. `lock` is the server's, taken over and closed."""
    try:
        programs = places.binaries(place)
        if not place.data.exists():
            _initialize(place, programs, lock)
        _check_version(place)
        _say_who_may(place)
        places.make_sockets(place)
        _clear_remains(place)
        said = _launch(place, programs, lock)
    finally:
        os.close(lock)  # not freed: the server has it now
    try:
        _await_ready(place, said)
    except BaseException:
        _stop(place)
        raise


def _await_ready(place: Place, said: int) -> None:
    end = time.monotonic() + START_SECONDS
    while _ping(place) is not _Answer.READY:
        if _all_gone(place):
            raise _start_failed(place, said)
        if time.monotonic() > end:
            raise DatabaseUnavailable(
                f"The PostgreSQL server of {place.data} is not ready after {START_SECONDS:.0f} s.",
                f"See {place.log} for what it does, and try again.",
            )
        time.sleep(_PAUSE)


def _initialize(place: Place, programs: Path, lock: int) -> None:
    """Make the cluster under another name first: one that is half made is never used.

    initdb holds `lock` too: it goes on when we are killed, and nobody may start in its midst.
    """
    fresh = place.root / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    places.give(fresh, place.user)
    command = [str(programs / "initdb"), "-D", str(fresh), *_INITDB]
    command += [f"--set={name}={value}" for name, value in _SETTINGS.items()]
    made = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", check=False, pass_fds=(lock,), **_as_user(place),
    )  # fmt: skip
    if made.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise _explain(place, f"The database in {place.root} could not be made", made.stdout)
    fresh.rename(place.data)


def _check_version(place: Place) -> None:
    version = (place.data / "PG_VERSION").read_text().strip()
    if version != places.MAJOR:
        raise DatabaseRefused(
            f"{place.data} was made by PostgreSQL {version}; this is version {places.MAJOR}.",
            f"Save it with the release of tickstock that made it (`tickstock db backup`), move the "
            f"folder away, and restore with this one (made for version {places.MAJOR}).",
        )


def _say_who_may(place: Place) -> None:
    """Let the accounts of `places.users` in, as any role, and no other: also where an earlier
    release made a cluster that trusts whoever reaches its socket."""
    rows = "".join(f'{_MAP} "{name}" all\n' for name in places.users(place))
    places.write(place.data / "pg_ident.conf", _NOTE + rows, place.user)
    rows = f"local all all peer map={_MAP}\n"
    places.write(place.data / "pg_hba.conf", _NOTE + rows, place.user)


def _clear_remains(place: Place) -> None:
    """Remove what a killed server left. We hold its lock: none of its processes is alive.

    A `postmaster.pid` whose number another process bears would keep the server from starting.
    """
    for file in (place.data / "postmaster.pid", place.socket, Path(f"{place.socket}.lock")):
        file.unlink(missing_ok=True)


def _launch(place: Place, programs: Path, lock: int) -> int:
    """Start the server as nobody's child, holding `lock`; gives where its log begins.

    The shell in between ends at once, so that the server outlives us, no Ctrl-C reaches it, and it
    never remains as a zombie that only we could remove.
    """
    command = [str(programs / "postgres"), "-D", str(place.data), "-k", str(place.sockets)]
    log = _open(place.log, os.O_WRONLY | os.O_APPEND)
    try:
        said = os.fstat(log).st_size
        subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" "$@" &', *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,),
            start_new_session=True, check=True, **_as_user(place),
        )  # fmt: skip
        return said
    finally:
        os.close(log)


def _as_user(place: Place) -> dict[str, Any]:
    """How to run the server's programs: a bare environment (it may hold secrets), its user."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    env = {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}
    options: dict[str, Any] = {"env": env, "cwd": "/", "umask": 0o077}
    if place.user is not None:
        options |= {"user": place.user.uid, "group": place.user.gid, "extra_groups": []}
    return options


def _start_failed(place: Place, said: int) -> TickStockError:
    text = place.log.read_bytes()[said:].decode(errors="replace")
    return _explain(place, f"The PostgreSQL server of {place.data} did not start", text)


def _explain(place: Place, what: str, said: str) -> TickStockError:
    free = shutil.disk_usage(place.root).free
    if "No space left on device" in said or free < LOG_BYTES:
        return _disk_full(place.root)
    lines = [line for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line]
    last = (errors or lines or ["it said nothing"])[-1].strip()
    return DatabaseUnavailable(f"{what}: {last}", f"See {place.log}.")


# --- stop -------------------------------------------------------------------------------------
def _leave(place: Place, users: int, pid: int) -> None:
    """Give our share back, and stop the server when it was the last one.

    Never fails: what was done with the database is done. Who comes next repairs what is left.
    A process that was forked from `pid`, which joined, has no share to give back.
    """
    if os.getpid() != pid:
        os.close(users)
        return
    try:
        with _turn(place):
            fcntl.flock(users, fcntl.LOCK_UN)
            _stop_unused(place)
    except (OSError, TickStockError) as exc:
        _log.warning("Leaving the PostgreSQL server of %s: %s", place.data, exc)
    finally:
        os.close(users)


def _stop_unused(place: Place) -> None:
    unused = _try_lock(place.folder / "users.lock", fcntl.LOCK_EX)
    if unused is None:
        return
    try:
        # One that does not answer is frozen or was killed; to wait for it would help nobody.
        if _ping(place) is not _Answer.NONE and not _stop(place):
            _log.warning("The PostgreSQL server of %s does not stop.", place.data)
    finally:
        _release(unused)


def _stop(place: Place) -> bool:
    """Stop the server, quickly or else at once. True when no process of it is left."""
    return _signal(place, signal.SIGINT) or _signal(place, signal.SIGQUIT)


def _signal(place: Place, number: signal.Signals) -> bool:
    end = time.monotonic() + STOP_SECONDS
    sent = False
    while not _all_gone(place):
        pid = None if sent else _postmaster(place)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            sent = True
        if time.monotonic() > end or pid == 0:
            return False
        time.sleep(_PAUSE)
    return True


def _postmaster(place: Place) -> int | None:
    """The process that listens on the socket: None when none does, 0 when it is out of our sight.

    Linux tells the truth from the kernel, also across containers; elsewhere the server's own file
    is read, which is fresh because stale ones are removed before a start.
    """
    if not places.sockets_sound(place):
        return None
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(place.socket))
        except OSError:
            return None
        if hasattr(socket, "SO_PEERCRED"):
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return int(struct.unpack("3i", credentials)[0])
    return int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])


# --- small things -----------------------------------------------------------------------------
def _trim(log: Path) -> None:
    """Keep the last quarter of a log that has grown too long."""
    if not log.exists() or log.stat().st_size <= LOG_BYTES:
        return
    handle = _open(log, os.O_RDWR | os.O_APPEND)
    try:
        tail = os.pread(handle, LOG_BYTES // 4, os.fstat(handle).st_size - LOG_BYTES // 4)
        os.ftruncate(handle, 0)
        os.write(handle, tail)
    finally:
        os.close(handle)


def _disk_full(path: Path) -> DatabaseRefused:
    return DatabaseRefused(
        f"The disk that holds {path} is full.",
        "Free some space there, or set TICKSTOCK_HOME to a folder on another disk.",
    )


@contextlib.contextmanager
def _entry(home: Path) -> Iterator[None]:
    """Tell the system's errors in our words."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(home) from exc
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DatabaseForbidden(
                f"The database folder in {home} cannot be used: {exc.strerror} ({exc.filename}).",
                "Make it writable for you, set TICKSTOCK_HOME to another folder, or set "
                "DATABASE_URI to a PostgreSQL server.",
            ) from exc
        raise DatabaseRefused(
            f"The embedded database in {home} cannot be used: {exc}.",
            "Set TICKSTOCK_HOME to another folder, or DATABASE_URI to a PostgreSQL server.",
        ) from exc
