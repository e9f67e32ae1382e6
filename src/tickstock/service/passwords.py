"""Passwords as argon2id hashes. One hash takes 64 MiB for a moment, so few are made at a time."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from functools import cached_property

from tickstock.errors import BadInput, TooManyAttempts
from tickstock.extras import need

SHORTEST, LONGEST = 12, 1000
AT_ONCE = 2
"""Hashes made side by side in one process: 128 MiB."""
WAITING = 8
"""How many more may wait for one; whoever comes then is asked to come again."""
WAIT_SECONDS = 5.0


class Passwords:
    """Makes and checks hashes; safe to share between threads.

    Both raise TooManyAttempts while too many others wait for the same.
    """

    def __init__(
        self, at_once: int = AT_ONCE, waiting: int = WAITING, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._line = threading.BoundedSemaphore(at_once + waiting)
        self._wait_seconds = wait_seconds

    def hash(self, password: str) -> str:
        """Raises BadInput for a password that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise BadInput(
                f"A password of {len(password)} characters will not do.",
                f"Use {SHORTEST} or more; a few words do well.",
            )
        with self._in_turn():
            return _hashed(password)

    def fits(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password of the hash. None fits nothing, and takes as long: an unknown
        name must not be told from a wrong password."""
        argon2 = need("argon2")
        wrong = (argon2.exceptions.Argon2Error, argon2.exceptions.InvalidHashError)
        with self._in_turn():
            try:
                hasher = argon2.PasswordHasher()
                return bool(hasher.verify(hashed or self._decoy, password[: LONGEST + 1]))
            except wrong:
                return False

    @cached_property
    def _decoy(self) -> str:
        return _hashed(secrets.token_urlsafe(32))

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._line.acquire(blocking=False):
            raise _busy(self._wait_seconds)
        try:
            if not self._places.acquire(timeout=self._wait_seconds):
                raise _busy(self._wait_seconds)
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._line.release()


def _hashed(password: str) -> str:
    return str(need("argon2").PasswordHasher().hash(password))


def _busy(seconds: float) -> TooManyAttempts:
    return TooManyAttempts(
        "Too many people are signing in at this moment.", "Try again in a few seconds.", seconds
    )
