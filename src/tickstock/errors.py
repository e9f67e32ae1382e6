"""Every error that TickStock raises, on one screen.

The class answers the only question a caller has to ask, "is it worth trying again?":
`Transient` yes, later; `Terminal` no, not until somebody changes something.
Foreign exceptions (psycopg, aiohttp, OSError) are translated at the one door where they enter.

A message finishes its own sentence: what was received, what is wrong with it, what to do next.
`exit_code` is what the command line ends with.
"""

from __future__ import annotations


class TickStockError(Exception):
    """Base of all. `what` happened and `hint`, what the reader can do about it."""

    exit_code = 1

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what} {hint}".strip())
        self.what = what
        self.hint = hint

    @property
    def facts(self) -> dict[str, object]:
        """What programs may want besides the words, which nobody should have to search."""
        return {}


class Transient(TickStockError):
    """The same call may succeed later without anybody changing anything."""


class Terminal(TickStockError):
    """Will fail the same way until input, state or permission changes."""


# --- input and settings -------------------------------------------------------------------
class BadInput(Terminal):
    """A value from outside that cannot be what it should be: argument, setting, file, message."""

    exit_code = 2


class BadSymbol(BadInput):
    """`kind` says in one word what it is instead of a symbol, where that is known by its shape."""

    def __init__(self, what: str, hint: str = "", kind: str = "") -> None:
        super().__init__(what, hint)
        self.kind = kind


class BadKey(BadInput): ...


class BadExpression(BadInput): ...


class BadDates(BadInput): ...


class BadSetting(BadInput): ...


class BadFile(BadInput): ...


class MissingExtra(BadInput, ImportError):
    """A package that only some commands need is not installed. An ImportError, for programs."""


# --- universes ----------------------------------------------------------------------------
class UnknownUniverse(Terminal, ValueError):
    """No row of that type and key in this environment. A ValueError, as callers of old expect."""


class MalformedUniverse(Terminal, ValueError):
    """A stored value that is none of the shapes a universe may have. A ValueError, as above."""


class EmptyUniverse(Terminal):
    """An expression or a row that names no symbol at all."""


class GuardRefused(Terminal):
    """A change that loses more of a universe than the change guard lets through. `refs` are the
    universes, as `type:key`, that have to be allowed."""

    def __init__(self, what: str, hint: str = "", refs: tuple[str, ...] = ()) -> None:
        super().__init__(what, hint)
        self.refs = refs

    @property
    def facts(self) -> dict[str, object]:
        return {"refs": list(self.refs)}


# --- plans and jobs ----------------------------------------------------------------------
class Conflict(Terminal):
    """Somebody else changed the same thing in between."""

    exit_code = 5


class StalePlan(Conflict): ...


class FenceLost(Conflict):
    """A worker that lost its lease tried to commit."""


class PoisonCall(Terminal):
    """A call with which worker after worker died or lost its lease."""


class UnknownJob(Terminal): ...


class MixedOrigin(Terminal):
    """Bars of another origin (say, synthetic ones) are held for this instrument."""


# --- machine ------------------------------------------------------------------------------
class OutOfResources(Transient):
    """The machine gave no more memory, threads, open files or room on a disk."""


# --- vendor -------------------------------------------------------------------------------
class VendorUnavailable(Transient):
    """No answer, or a 5xx one."""


class VendorTooSlow(VendorUnavailable):
    """No answer in time: less may be answered."""


class VendorThrottled(Transient):
    """429. `retry_after` seconds, when the vendor said so."""

    def __init__(self, what: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, hint)
        self.retry_after = retry_after

    @property
    def facts(self) -> dict[str, object]:
        return {"retry_after": self.retry_after}


class VendorUnreadable(Transient):
    """An answer came, and it is not what the contract says. Never "no data"."""


class VendorEndless(VendorUnreadable):
    """Pages that lead round in a circle. Asked again, they would once more."""


class VendorRefused(Terminal):
    """The vendor says that the question is wrong (400, 404)."""


class CredentialsRefused(Terminal):
    """The key is missing or unknown."""

    exit_code = 4


class NotEntitled(Terminal):
    """The key is good, the plan does not include this data."""

    exit_code = 4


# --- the page -----------------------------------------------------------------------------
class SignInRefused(Terminal):
    """Name and password do not fit, or a link that is used up or too old."""

    exit_code = 4


class UnknownReceipt(Terminal):
    """A receipt that never was, was revoked, or is past its time."""


class TooManyAttempts(Transient):
    """Too many wrong passwords, or looks at receipts, of late. `retry_after` seconds."""

    def __init__(self, what: str, hint: str, retry_after: float) -> None:
        super().__init__(what, hint)
        self.retry_after = retry_after

    @property
    def facts(self) -> dict[str, object]:
        return {"retry_after": self.retry_after}


# --- database -----------------------------------------------------------------------------
class DatabaseUnavailable(Transient):
    """PostgreSQL does not answer. Never shown as an empty list."""


class DatabaseRefused(Terminal):
    """PostgreSQL answers and says no: permission, disk full, read-only, a foreign schema."""


class DatabaseForbidden(DatabaseRefused):
    """Wrong password or missing privilege."""

    exit_code = 4
