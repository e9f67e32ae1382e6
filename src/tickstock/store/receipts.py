"""Receipts: what views of coverage showed, with the hash of the token that lets somebody see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, cast

from tickstock.model import Timeframe
from tickstock.spans import Span
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("receipts.sql")


@dataclass(frozen=True, slots=True)
class ReceiptSubject:
    """What a receipt is about: which instruments and symbols without one, and which days."""

    timeframe: str
    first: date | None
    last: date | None
    instruments: Sequence[int]
    unknown: Sequence[str]

    @property
    def span(self) -> Span:
        """Its days; none where it has no session."""
        if self.first is None or self.last is None:
            return Span(date.min, date.min)
        return Span.inclusive(self.first, self.last)


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """A receipt to be kept; `body` as JSON."""

    token_hash: bytes
    made_at: datetime
    made_by: str
    reason: str
    universe: str
    life: timedelta
    state: str
    body: str


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """What was kept of a receipt that can be looked at."""

    id: int
    body: str
    expires_at: datetime
    about: ReceiptSubject
    state: str


@dataclass(frozen=True, slots=True)
class MadeReceipt:
    """A receipt in the list of those that were made."""

    id: int
    made_at: datetime
    made_by: str
    reason: str
    universe: str
    timeframe: str
    first: date | None
    last: date | None
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    expired: bool

    @property
    def standing(self) -> str:
        """In a word: whether it can be looked at."""
        return "revoked" if self.revoked_at else "expired" if self.expired else "live"


def add(connection: Connection, new: NewReceipt, about: ReceiptSubject) -> int:
    """Its number."""
    params = asdict(new) | {
        "timeframe": about.timeframe, "first": about.first, "last": about.last,
        "instruments": list(about.instruments), "unknown": list(about.unknown),
    }  # fmt: skip
    return cast("int", rows.scalar(connection, QUERIES["add"], params))


def live_of(connection: Connection, made_by: str) -> int:
    """How many receipts of somebody can be looked at; nobody makes one while this is looked at."""
    connection.execute(QUERIES["lock"])
    return cast("int", rows.scalar(connection, QUERIES["live_of"], {"made_by": made_by}))


def find(connection: Connection, token_hash: bytes) -> KeptReceipt | None:
    """None for a token that never was, is past its time, or was revoked."""
    return rows.first(connection, _kept, QUERIES["find"], {"token_hash": token_hash})


def _kept(**columns: Any) -> KeptReceipt:
    about = {field.name: columns.pop(field.name) for field in fields(ReceiptSubject)}
    return KeptReceipt(about=ReceiptSubject(**about), **columns)


def made(connection: Connection, made_by: str | None, most: int, skip: int) -> list[MadeReceipt]:
    params = {"made_by": made_by, "most": most, "skip": skip}
    return rows.every(connection, MadeReceipt, QUERIES["made"], params)


def revoke(connection: Connection, number: int, revoked_by: str, made_by: str | None) -> str | None:
    """The universe of the receipt; None where there is none of that maker."""
    params = {"id": number, "revoked_by": revoked_by, "made_by": made_by}
    return cast("str | None", rows.scalar(connection, QUERIES["revoke"], params))


def forget(connection: Connection, before: datetime) -> None:
    """Remove receipts that expired or were revoked before a time."""
    connection.execute(QUERIES["forget"], {"before": before})


def state(connection: Connection, about: ReceiptSubject) -> str:
    """Another text whenever what a receipt is about has changed."""
    by_day = Timeframe(about.timeframe).stored is Timeframe.DAY
    params = {
        "timeframe": Timeframe(about.timeframe).stored, "ids": list(about.instruments),
        "unknown": list(about.unknown), "start": about.span.start, "end": about.span.end,
        "zone": "UTC" if by_day else "America/New_York",
    }  # fmt: skip
    return cast("str", rows.scalar(connection, QUERIES["state"], params))
