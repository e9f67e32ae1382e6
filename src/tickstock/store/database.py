"""The way to the database: connections, transactions, and errors in our words.

With an address, libpq gets it as it is (URI or `key=value`, services, `sslmode`, several hosts);
without one, the embedded server of a home folder is joined. Nothing relies on the state of a
session outside a transaction, so a connection may go through PgBouncer; only LISTEN needs a
connection of its own (`Database.conninfo`).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from tickstock.errors import (
    BadSetting,
    Conflict,
    DatabaseForbidden,
    DatabaseRefused,
    DatabaseUnavailable,
    TickStockError,
    Transient,
)
from tickstock.outages import DATABASE, OUTAGES
from tickstock.private import SEALED
from tickstock.sealed_bucket import place_at
from tickstock.sealed_place import SealedPlace, SealedWhere
from tickstock.store import migrate as migrations
from tickstock.store.connection import BarConnection
from tickstock.store.embedded import EmbeddedServer
from tickstock.store.plain_lists import write_plain_lists
from tickstock.store.queries import load

QUERIES = load("database.sql")
KEPT = 8
"""Connections kept open for the next transaction. More are made when needed, and closed after."""
CONNECT_SECONDS = 10
SILENCE = 15.0
"""Seconds without a word in the middle of a brief transaction, before it is given up: shorter than
a lease, so that the locks of a worker that froze are gone when its calls may be claimed again."""
_FORM = (
    "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in a password."
)


class Database:
    """An open database, to be used by any number of threads. `close` it, or use it in a `with`.

    Connections that broke while they were kept, say by a restart of the server, are replaced
    before they are used; an embedded server that was killed is started again.
    """

    def __init__(
        self, conninfo: str, name: str, server: EmbeddedServer | None, sealed_files: SealedWhere
    ) -> None:
        self.conninfo = conninfo
        """What libpq connects with, for connections that LISTEN. May hold the password."""
        self.sealed_files = sealed_files
        """Where the sealed files are that this database names."""
        self._name = name
        self._server = server
        self._kept: deque[BarConnection] = deque()
        self._lock = threading.Lock()
        self._closed = False
        OUTAGES.recognize(DATABASE, is_away)

    @classmethod
    def open(
        cls,
        uri: str | None,
        home: Path,
        *,
        application: str = "tickstock",
        name: str = "tickstock",
        migrate: bool = True,
        after: Callable[[Connection], None] | None = None,
        sealed_files: SealedWhere | None = None,
    ) -> Database:
        """Open the database at `uri`, or without one the database `name` of the server in `home`.

        `application` is shown in the server's list of sessions where the address names none.
        Sealed files are in `sealed_files`, by default in `home`.
        With `migrate` the schema is brought up to date; `after` as in `migrate.migrate`.
        Raises BadSetting for an address that cannot be read, else what `translate` gives.
        """
        server = None if uri else EmbeddedServer.join(home)
        try:
            address = uri or (server.uri(name) if server else "")
            sealed = sealed_files or home / SEALED
            database = cls(_with_defaults(address, application), name, server, sealed)
        except BaseException:
            if server:
                server.leave()
            raise
        try:
            with database.transaction() as connection:
                _check_encoding(connection, database.safe_uri)
            if migrate:
                database.migrate(after=after)
        except BaseException:
            database.close()
            raise
        return database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.safe_uri!r})"

    @property
    def safe_uri(self) -> str:
        """The address for people: without password or other secrets."""
        return mask(self.conninfo)

    @property
    def parameters(self) -> dict[str, str]:
        """What libpq connects with, by name. May hold the password."""
        found = _read(self.conninfo)
        return {name: str(found[name]) for name in found if found[name]}

    @property
    def sealed_place(self) -> SealedPlace:
        """The sealed files that this database names."""
        return place_at(self.sealed_files)

    @property
    def server(self) -> EmbeddedServer | None:
        """The embedded server, where that is what this database is in."""
        return self._server

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction, which commits at the end and rolls back on any exception.

        Raises what `translate` gives. DatabaseUnavailable while leaving may mean that the
        transaction was committed and only the answer was lost.
        """
        with self._translated(), ExitStack() as stack:
            yield self._begin(stack)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that only reads, as of one moment: what its queries tell fits together.
        Raises as `transaction`."""
        with self.transaction() as connection:
            connection.execute(QUERIES["one_moment"])
            yield connection

    @contextmanager
    def brief(self) -> Iterator[Connection]:
        """A transaction that the server ends, with what `transaction` raises, when nothing is heard
        of us for `SILENCE`: a worker that was frozen must not keep its locks from the others."""
        with self.transaction() as connection:
            connection.execute(QUERIES["limit_silence"], {"milliseconds": round(SILENCE * 1000)})
            yield connection

    def migrate(
        self, *, after: Callable[[Connection], None] | None = None, zone: str = "UTC"
    ) -> tuple[str, ...]:
        """Bring the schema up to date; the steps done. See `migrate.migrate`."""
        with self._translated():
            conn = self._connect()
            try:
                return migrations.migrate(conn, after=after, zone=zone)
            finally:
                self._give_back(conn)

    def close(self) -> None:
        """Close all connections (those in use when they are given back) and leave the server."""
        with self._lock:
            self._closed = True
            kept, self._kept = self._kept, deque()
        for conn in kept:
            conn.close()
        OUTAGES.settle(DATABASE)
        if self._server is not None:
            self._server.leave()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            raise translate_and_log(exc, self.safe_uri) from exc

    def _begin(self, stack: ExitStack) -> Connection:
        """A connection in which BEGIN went through: that is what proves a kept one to be alive."""
        while True:
            kept = self._take()
            conn = kept or self._connect()
            stack.callback(self._give_back, conn)
            try:
                stack.enter_context(conn.transaction())
            except psycopg.OperationalError:
                if kept is None or not conn.closed:
                    raise
            else:
                OUTAGES.back(DATABASE)
                conn.sealed_place = self.sealed_place
                return conn

    def _take(self) -> BarConnection | None:
        with self._lock:
            if self._closed:
                raise DatabaseUnavailable(
                    f"The database {self.safe_uri} was closed.", "Open it again."
                )
            return self._kept.pop() if self._kept else None

    def _give_back(self, conn: BarConnection) -> None:
        idle = not conn.closed and conn.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            if idle and not self._closed and len(self._kept) < KEPT:
                self._kept.append(conn)
                return
        conn.close()

    def connect(self) -> Connection:
        """A connection of one's own, in autocommit, to be closed: for libraries that keep theirs.
        Raises what psycopg does."""
        return self._connect()

    def _connect(self) -> BarConnection:
        try:
            return _dial(self.conninfo)
        except psycopg.OperationalError:
            if self._server is None:
                raise
            self._revive(self._server)
            _create_missing(self._server.uri("postgres"), self._name)
            return _dial(self.conninfo)

    @staticmethod
    def _revive(server: EmbeddedServer) -> None:
        try:
            server.revive()
        except DatabaseUnavailable as e:
            OUTAGES.away(DATABASE, e)
            raise


def _dial(conninfo: str) -> BarConnection:
    # No prepared statements: behind PgBouncer the next transaction may be in another session.
    conn = BarConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    write_plain_lists(conn)
    if conn.info.parameter_status("TimeZone") != "UTC":
        # PgBouncer carries this setting along, as one of the few that the server reports.
        conn.execute(QUERIES["use_utc"])
    return conn


def _check_encoding(conn: Connection, where: str) -> None:
    encoding = conn.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        raise DatabaseRefused(
            f"The database {where} is encoded in {encoding}, which cannot hold every name.",
            "Make one with `createdb --template=template0 --encoding=UTF8 NAME`.",
        )


def _create_missing(conninfo: str, name: str) -> None:
    with _dial(conninfo) as conn:
        if conn.execute(QUERIES["has_database"], {"name": name}).fetchone():
            return
        query = psycopg.sql.SQL(QUERIES["create_database"])
        try:
            conn.execute(query.format(name=psycopg.sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # another process was quicker


# --- addresses --------------------------------------------------------------------------------
def _read(uri: str) -> Mapping[str, Any]:
    """The parts of an address. Raises BadSetting, without showing any part: it may be a secret."""
    try:
        parts = conninfo_to_dict(uri)
    except psycopg.Error:
        raise BadSetting(
            "DATABASE_URI is not an address that PostgreSQL can read.", _FORM
        ) from None
    # A password with an unescaped @ or / spills over into these, and from there into messages.
    spilled = "@" in f"{parts.get('host', '')}{parts.get('dbname', '')}"
    if spilled or not set(str(parts.get("port", ""))) <= set("0123456789,"):
        raise BadSetting("Host, port or database in DATABASE_URI are not well-formed.", _FORM)
    return parts


def _with_defaults(uri: str, application: str) -> str:
    """`uri` with what it does not say: a name for the session, a limit to the wait."""
    parts = _read(uri)
    added: dict[str, Any] = {}
    if "fallback_application_name" not in parts:
        added["fallback_application_name"] = application
    said = {"connect_timeout", "service"} & parts.keys()
    if not said and not {"PGCONNECT_TIMEOUT", "PGSERVICE"} & os.environ.keys():
        added["connect_timeout"] = CONNECT_SECONDS
    return make_conninfo(uri, **added)


def mask(uri: str) -> str:
    """An address as people may see it: `postgresql://ann:***@db.example:5432/stocks`."""
    parts = _read(uri)
    user = quote(parts.get("user", ""), safe="") + (":***" if parts.get("password") else "")
    hosts = str(parts.get("host") or parts.get("hostaddr") or "").split(",")
    ports = str(parts.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    pairs = zip(hosts, ports, strict=False)
    where = ",".join(f"{quote(h, safe='')}:{p}" if p else quote(h, safe="") for h, p in pairs)
    service = f"?service={quote(parts['service'])}" if "service" in parts else ""
    return f"postgresql://{f'{user}@' if user else ''}{where}/{parts.get('dbname', '')}{service}"


# --- errors -----------------------------------------------------------------------------------
_RULES: tuple[tuple[tuple[str, ...], type[TickStockError], str], ...] = (
    # SQLSTATEs, or their beginnings; PostgreSQL's documentation, appendix A
    (
        ("28", "42501"),
        DatabaseForbidden,
        "Check user and password in DATABASE_URI, or have the privilege granted to the user.",
    ),
    (
        ("53100",),
        DatabaseRefused,
        "Free some disk space on the server, then do the same again: nothing was half-written.",
    ),
    (
        ("25006",),
        DatabaseRefused,
        "Point DATABASE_URI at the primary server, or let the server accept writes.",
    ),
    (("3D000",), DatabaseRefused, "Create it (`createdb`), or correct DATABASE_URI."),
    (("42P01", "3F000", "42703", "42883"), DatabaseRefused, "Run `tickstock db migrate`."),
    (("40", "55P03", "57014"), Transient, "Try again: the work was given up for another's."),
    (("23",), Conflict, "Look at the present state and try again: somebody else changed it."),
    (
        ("08", "53", "57P", "25P03"),  # the last: too long silent in a transaction
        DatabaseUnavailable,
        "Check that the server runs and has room for connections, and try again.",
    ),
)
# libpq keeps the SQLSTATE of a refused connection to itself. These are the server's words for
# 28xxx, 42501 and 3D000 at that point; in another language the refusal counts as an outage.
_REFUSALS = (
    ("authentication failed", "28"),
    ("no password supplied", "28"),
    ("no pg_hba.conf entry", "28"),
    ("pg_hba.conf rejects", "28"),
    ("is not permitted to log in", "28"),
    ("permission denied for database", "42501"),
    ('FATAL:  role "', "28"),
    ('FATAL:  database "', "3D000"),
)


def translate(exc: psycopg.Error, where: str = "PostgreSQL") -> TickStockError:
    """What psycopg raised, as an error of ours, told by its SQLSTATE.

    `where` is the address for people. The server's DETAIL, which quotes rows, is left out.
    """
    said = " ".join((exc.diag.message_primary or str(exc)).split()).rstrip(".")
    state = exc.sqlstate or _state_of_refusal(exc)
    what = f"{where} says: {said or type(exc).__name__}{f' ({exc.sqlstate})' * bool(exc.sqlstate)}."
    for states, kind, hint in _RULES:
        if state.startswith(states):
            return kind(what, hint)
    return DatabaseRefused(
        what, "Look into the server's log; if it does not explain this, report it as a fault."
    )


def translate_and_log(exc: psycopg.Error, where: str = "PostgreSQL") -> TickStockError:
    """As `translate`; that the database is away goes into the log, in one voice for all."""
    error = translate(exc, where)
    if isinstance(error, DatabaseUnavailable):
        OUTAGES.away(DATABASE, error)
    return error


def is_away(thing: object) -> bool:
    """Whether it is a sign that the database is away: an error of psycopg's, or a connection that
    was found to be closed."""
    if isinstance(thing, psycopg.Error):
        return isinstance(translate(thing), DatabaseUnavailable)
    return isinstance(thing, psycopg.Connection | psycopg.AsyncConnection) and thing.closed


def _state_of_refusal(exc: psycopg.Error) -> str:
    if isinstance(exc, psycopg.InternalError) and "results from command" in str(exc):
        return "08"  # a pooler whose session was cut tells of it twice
    if not isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
        return ""
    if exc.pgconn is not None and exc.pgconn.needs_password:
        return "28"
    return next((state for words, state in _REFUSALS if words in str(exc)), "08")
