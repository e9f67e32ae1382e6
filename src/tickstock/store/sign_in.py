"""Users, sessions, one-time links and the audit log. All times are the database's.

Tokens come in as their SHA-256, passwords as their argon2id hash; neither is ever stored itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import cast

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("sign_in.sql")


@dataclass(frozen=True, slots=True)
class UserRow:
    """Somebody who may sign in with a password; `role` as stored."""

    name: str
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SecretRow:
    """What a given password is checked against."""

    id: int
    name: str
    role: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Who a session belongs to; `name` and `role` are None for one that began with a link."""

    name: str | None
    role: str | None
    long_ago: bool


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts of late from one address: for one name, and for any."""

    of_name: int
    of_all: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries of the audit log: of whom, with what text, from when and before when; all of
    them where nothing is said."""

    who: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what, when, to which subject."""

    at: datetime
    who: str
    action: str
    subject: str


# --- users --------------------------------------------------------------------------------
def add_user(connection: Connection, name: str, role: str, password_hash: str) -> bool:
    """False when the name is taken."""
    row = {"name": name, "role": role, "password_hash": password_hash}
    return connection.execute(QUERIES["add_user"], row).fetchone() is not None


def users(connection: Connection) -> list[UserRow]:
    return rows.every(connection, UserRow, QUERIES["users"])


def has_users(connection: Connection) -> bool:
    return bool(rows.scalar(connection, QUERIES["has_users"]))


def user(connection: Connection, name: str) -> SecretRow | None:
    return rows.first(connection, SecretRow, QUERIES["user"], {"name": name})


def remove_user(connection: Connection, name: str) -> bool:
    """False when there is nobody of that name."""
    return connection.execute(QUERIES["remove_user"], {"name": name}).fetchone() is not None


def set_password(connection: Connection, name: str, password_hash: str) -> bool:
    """Also signs the user out everywhere. False when there is nobody of that name."""
    params = {"name": name, "password_hash": password_hash}
    user_id = rows.scalar(connection, QUERIES["set_password"], params)
    if user_id is None:
        return False
    connection.execute(QUERIES["end_sessions_of"], {"user_id": user_id})
    return True


def set_role(connection: Connection, name: str, role: str) -> bool:
    """False when there is nobody of that name, or it is the last admin's."""
    connection.execute(QUERIES["lock_roles"])
    params = {"name": name, "role": role}
    return connection.execute(QUERIES["set_role"], params).fetchone() is not None


# --- sessions and links -------------------------------------------------------------------
def add_session(connection: Connection, token_hash: bytes, user_id: int | None) -> None:
    params = {"token_hash": token_hash, "user_id": user_id}
    connection.execute(QUERIES["add_session"], params)


def session(
    connection: Connection, token_hash: bytes, longest: timedelta, idle: timedelta
) -> SessionRow | None:
    """The session, if it still stands: `longest` after its start, `idle` after its last use."""
    params = {"token_hash": token_hash, "longest": longest, "idle": idle}
    found = rows.first(connection, SessionRow, QUERIES["session"], params)
    if found is not None and found.long_ago:
        connection.execute(QUERIES["touch_session"], {"token_hash": token_hash})
    return found


def end_session(connection: Connection, token_hash: bytes) -> None:
    connection.execute(QUERIES["end_session"], {"token_hash": token_hash})


def add_link(connection: Connection, token_hash: bytes, life: timedelta) -> None:
    connection.execute(QUERIES["add_link"], {"token_hash": token_hash, "life": life})


def spend_link(connection: Connection, token_hash: bytes) -> bool:
    """Use a link up; False when it was used before, never existed, or is too old."""
    return bool(rows.scalar(connection, QUERIES["spend_link"], {"token_hash": token_hash}))


def sweep(connection: Connection, longest: timedelta, idle: timedelta, window: timedelta) -> None:
    """Drop sessions, links and attempts that have no meaning any more."""
    connection.execute(QUERIES["sweep"], {"longest": longest, "idle": idle, "window": window})


# --- attempts -----------------------------------------------------------------------------
def attempts(connection: Connection, name: str, address: str, window: timedelta) -> Attempts:
    """Attempts of late from this address, for this name and for any, that did not fit or are not
    decided. Nobody else adds one until the transaction ends."""
    connection.execute(QUERIES["lock_attempts"])
    params = {"name": name, "address": address, "window": window}
    return rows.only(connection, Attempts, QUERIES["attempts"], params)


def add_attempt(connection: Connection, name: str, address: str) -> datetime:
    """Count an attempt, before it is known whether the password fits; when it was."""
    params = {"name": name, "address": address}
    return cast("datetime", rows.scalar(connection, QUERIES["add_attempt"], params))


def take_back_attempt(connection: Connection, name: str, address: str, at: datetime) -> None:
    params = {"name": name, "address": address, "at": at}
    connection.execute(QUERIES["take_back_attempt"], params)


def forget_attempts(connection: Connection, name: str, address: str) -> None:
    connection.execute(QUERIES["forget_attempts"], {"name": name, "address": address})


# --- the audit log ------------------------------------------------------------------------
def add_audit(connection: Connection, who: str, action: str, subject: str) -> None:
    params = {"who": who, "action": action, "subject": subject}
    connection.execute(QUERIES["add_audit"], params)


def audit(connection: Connection, wanted: AuditFilter, most: int, skip: int = 0) -> list[AuditRow]:
    params = asdict(wanted) | {"most": most, "skip": skip}
    return rows.every(connection, AuditRow, QUERIES["audit"], params)
