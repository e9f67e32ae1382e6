"""Who may use the page: users with roles, sign-in, sessions, one-time links, and the audit log.

A token is 32 random bytes; the database keeps its SHA-256. Passwords are kept as argon2id hashes.
"""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from tickstock.errors import BadInput, Conflict, SignInRefused, TooManyAttempts
from tickstock.service.passwords import Passwords
from tickstock.store import sign_in as store
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.sign_in import AuditFilter, AuditRow, UserRow

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
LONGEST, IDLE = timedelta(days=7), timedelta(hours=12)
"""How long a session lasts at most, and how long without being used."""
LINK_LIFE = timedelta(minutes=15)
WINDOW = timedelta(minutes=15)
"""Over which wrong passwords are counted, per address, so that nobody can lock out another."""
TRIES_PER_NAME, TRIES = 5, 25
LINK_NAME = "local"
"""What somebody is called who came by a one-time link: a person at the machine itself."""
EVERY_ENTRY = AuditFilter()


class Role(enum.StrEnum):
    """What somebody may do; each role may also do what the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in."""

    name: str
    role: Role


class Access:
    """Users, sessions, links, audit log. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._passwords = Passwords()

    # -- users -------------------------------------------------------------------------------
    def add_user(self, name: str, password: str, role: Role) -> None:
        """Raises BadInput for a name or password that will not do, Conflict for a taken name."""
        if not NAME.fullmatch(name):
            raise BadInput(
                f"{name[:80]!r} cannot be the name of a user.",
                "Use up to 64 letters, digits and . _ @ - , first a letter or digit.",
            )
        hashed = self._passwords.hash(password)
        with self._database.transaction() as connection:
            if not store.add_user(connection, name, role, hashed):
                raise Conflict(f"There is a user {name} already.", "Choose another name.")

    def users(self) -> list[UserRow]:
        with self._database.transaction() as connection:
            return store.users(connection)

    def has_users(self) -> bool:
        with self._database.transaction() as connection:
            return store.has_users(connection)

    def remove_user(self, name: str) -> None:
        """Also signs the user out everywhere. Raises BadInput when there is no such user."""
        with self._database.transaction() as connection:
            if not store.remove_user(connection, name):
                raise _nobody(name)

    def set_password(self, name: str, password: str) -> None:
        """Also signs the user out everywhere. Raises BadInput as `add_user` does."""
        hashed = self._passwords.hash(password)
        with self._database.transaction() as connection:
            if not store.set_password(connection, name, hashed):
                raise _nobody(name)

    def set_role(self, name: str, role: Role) -> None:
        """Another role, from the next request on.

        Raises BadInput when there is no such user, Conflict for taking the last admin's role.
        """
        with self._database.transaction() as connection:
            if store.set_role(connection, name, role):
                return
            if store.user(connection, name) is None:
                raise _nobody(name)
        raise Conflict(f"{name} is the last admin.", "Make somebody else one first.")

    # -- signing in --------------------------------------------------------------------------
    def sign_in(self, name: str, password: str, address: str) -> str:
        """The token of a new session.

        Raises SignInRefused, which does not tell whether the name exists, and TooManyAttempts.
        """
        with self._database.transaction() as connection:
            # Counted before the password is looked at: of many that come at once, few get further.
            attempt = self._count(connection, name, address)
            found = store.user(connection, name)
        try:
            good = self._passwords.fits(found.password_hash if found else None, password)
        except TooManyAttempts:
            with self._database.transaction() as connection:
                store.take_back_attempt(connection, name[:80], address, attempt)
            raise
        if found is None or not good:
            raise SignInRefused("Name and password do not fit.", "Try again; mind capitals.")
        with self._database.transaction() as connection:
            store.forget_attempts(connection, name[:80], address)
            return self._begin(connection, found.id, found.name)

    def _count(self, connection: Connection, name: str, address: str) -> datetime:
        """Keep that a password is given for a name; when that was."""
        found = store.attempts(connection, name[:80], address, WINDOW)
        if found.of_name >= TRIES_PER_NAME or found.of_all >= TRIES:
            minutes = int(WINDOW.total_seconds() // 60)
            raise TooManyAttempts(
                "There were too many wrong passwords from here.",
                f"Wait {minutes} minutes, then try again.",
                WINDOW.total_seconds(),
            )
        return store.add_attempt(connection, name[:80], address)

    def make_link(self) -> str:
        """The token of a link that signs in once, as admin, within a quarter of an hour."""
        token = secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            store.sweep(connection, LONGEST, IDLE, WINDOW)
            store.add_link(connection, _digest(token), LINK_LIFE)
        return token

    def spend_link(self, token: str) -> str:
        """The token of a new session for a link that is good, once. Raises SignInRefused."""
        with self._database.transaction() as connection:
            if store.spend_link(connection, _digest(token)):
                return self._begin(connection, None, LINK_NAME)
        raise SignInRefused(
            "This link was used before, or is too old.",
            "Make a new one with: tickstock user link",
        )

    def _begin(self, connection: Connection, user_id: int | None, name: str) -> str:
        token = secrets.token_urlsafe(32)
        store.sweep(connection, LONGEST, IDLE, WINDOW)
        store.add_session(connection, _digest(token), user_id)
        store.add_audit(connection, name, "signed in", "")
        return token

    def visitor(self, token: str) -> Visitor | None:
        """Who the session of this token belongs to, with today's role; None when it has ended."""
        with self._database.transaction() as connection:
            found = store.session(connection, _digest(token), LONGEST, IDLE)
        if found is None:
            return None
        if found.name is None or found.role is None:
            return Visitor(LINK_NAME, Role.ADMIN)
        return Visitor(found.name, Role(found.role))

    def sign_out(self, token: str) -> None:
        with self._database.transaction() as connection:
            store.end_session(connection, _digest(token))

    # -- the audit log -----------------------------------------------------------------------
    def note(self, who: str, action: str, subject: str = "") -> None:
        """Keep who did what."""
        with self._database.transaction() as connection:
            store.add_audit(connection, who, action, subject)

    def log(
        self, most: int = 50, wanted: AuditFilter = EVERY_ENTRY, skip: int = 0
    ) -> list[AuditRow]:
        """The last entries that are wanted, the latest first; without the last `skip` of them."""
        with self._database.transaction() as connection:
            return store.audit(connection, wanted, most, skip)


def _nobody(name: str) -> BadInput:
    return BadInput(f"There is no user {name[:80]!r}.", "`tickstock user list` shows them.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
