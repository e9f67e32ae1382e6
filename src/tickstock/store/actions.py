"""Splits and dividends in the database: the vendor's facts, each with the time it was known."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from tickstock.actions import Action, ActionKind, Dividend, Split
from tickstock.bars import JUMP
from tickstock.crosscheck import NEAR_DAYS
from tickstock.errors import FenceLost
from tickstock.failpoints import reach
from tickstock.loading.actions import ActionsDifference, KnownActions, attributed, compare
from tickstock.store import rows
from tickstock.store.bars import lock_instruments
from tickstock.store.connection import Connection
from tickstock.store.instruments import ticker_owners
from tickstock.store.moment import database_now
from tickstock.store.queries import load

QUERIES = load("actions.sql")
JUMP_DAYS = 180
"""So long after a jump that no split explains, all records are asked for again each day."""
A = TypeVar("A", Split, Dividend)


@dataclass(frozen=True, slots=True)
class Changes:
    """What answers changed: calls made, records added, corrected and withdrawn."""

    calls: int = 0
    added: int = 0
    corrected: int = 0
    withdrawn: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.calls + other.calls,
            self.added + other.added,
            self.corrected + other.corrected,
            self.withdrawn + other.withdrawn,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the actions of a job. `state`: waiting, running, done or failed; `is_held`: the
    lease of the worker that asks for them has not run out."""

    state: str
    changes: Changes
    message: str
    is_held: bool = False

    @property
    def is_over(self) -> bool:
        return self.state not in ("waiting", "running")


@dataclass(frozen=True, slots=True)
class ActionClaim:
    """The actions of a job are ours to ask for, as long as the fence stands. `lost`: how many
    workers were lost since one of them got an answer written."""

    load_id: uuid.UUID
    worker: str
    fence: int
    lost: int


def read_known(
    connection: Connection, instruments: Sequence[int], since: datetime | None = None
) -> dict[tuple[int, ActionKind], KnownActions]:
    """What is known of each instrument's records; absent: never asked, or not `since` that
    moment."""
    params = {"ids": list(instruments), "since": since}
    return dict(rows.every(connection, _known, QUERIES["known"], params))


def _known(
    instrument_id: int, kind: str, through: date, whole: date | None, tickers: Sequence[str]
) -> tuple[tuple[int, ActionKind], KnownActions]:
    return (instrument_id, ActionKind(kind)), KnownActions(through, whole, frozenset(tickers))


def read_jumped(
    connection: Connection, instruments: Sequence[int], today: date
) -> set[tuple[int, ActionKind]]:
    """Instruments with a jump in their day bars that no split explains, which came after all of
    their records were asked for last, or is recent and was not asked about today."""
    params = {"ids": list(instruments), "jump": JUMP, "near": NEAR_DAYS, "today": today}
    found = connection.execute(QUERIES["jumped"], params | {"recent": JUMP_DAYS})
    return {(id_, ActionKind(kind)) for id_, kind in found}


def read_splits(
    connection: Connection, instruments: Sequence[int], known_at: datetime | None = None
) -> dict[int, list[Split]]:
    """Splits by instrument, as known now or `known_at` a moment."""
    params = {"ids": list(instruments), "known_at": known_at}
    return _grouped(rows.every(connection, _split, QUERIES["splits"], params))


def _split(instrument_id: int, **split: Any) -> tuple[int, Split]:
    return instrument_id, Split(**split)


def read_dividends(
    connection: Connection, instruments: Sequence[int], known_at: datetime | None = None
) -> dict[int, list[Dividend]]:
    """Dividends by instrument, as known now or `known_at` a moment."""
    params = {"ids": list(instruments), "known_at": known_at}
    return _grouped(rows.every(connection, _dividend, QUERIES["dividends"], params))


def _dividend(instrument_id: int, **dividend: Any) -> tuple[int, Dividend]:
    return instrument_id, Dividend(**dividend)


def write_answer(
    connection: Connection,
    kind: ActionKind,
    targets: Mapping[int, Sequence[str]],
    records: Iterable[Action],
    *,
    since: date | None,
    through: date,
    origin: str,
) -> Changes:
    """Make the database hold what an answer says, and note that it is known `through` that day.

    `targets` are the instruments that the answer speaks of, each with the tickers it was asked for
    under; records of other tickers (of a whole market) are left out.

    Raises:
        VendorUnreadable: the answer lacks most of what was known before.
    """
    ids = sorted(targets)
    lock_instruments(connection, ids)
    tickers = {ticker for named in targets.values() for ticker in named}
    mine = (r for r in records if r.ticker in tickers)
    found = attributed(mine, ticker_owners(connection, tickers), targets)
    difference = compare(_held(connection, kind, ids), found, since, tickers)
    _write(connection, kind, difference, origin)
    reach("actions.written")
    pairs = [(id_, ticker) for id_ in ids for ticker in targets[id_]]
    known = {"ids": [i for i, _ in pairs], "tickers": [t for _, t in pairs], "kind": kind}
    connection.execute(QUERIES["set_known"], known | {"through": through, "whole": since is None})
    reach("actions.known")
    parts = (difference.added, difference.corrected, difference.withdrawn)
    return Changes(0, *map(len, parts))


def claim(
    connection: Connection, load_id: uuid.UUID, worker: str, lease: timedelta
) -> ActionClaim | None:
    """The claim to the actions of the job; None where another holds it, or they have ended."""
    params = {"load_id": load_id, "worker": worker, "lease": lease}
    return rows.first(connection, partial(ActionClaim, load_id, worker), QUERIES["claim"], params)


def renew(connection: Connection, claim: ActionClaim, lease: timedelta) -> bool:
    """Hold on to the claim; whether it is still ours."""
    params = _mine(claim) | {"lease": lease}
    return connection.execute(QUERIES["renew"], params).fetchone() is not None


def hand_back(connection: Connection, claim: ActionClaim) -> None:
    """What is not asked yet waits for somebody else, at once."""
    connection.execute(QUERIES["hand_back"], _mine(claim))


def count(connection: Connection, claim: ActionClaim, changes: Changes) -> None:
    """Count what an answer changed. Raises FenceLost when the claim has gone to another."""
    _refuse_late(connection, "count", claim, asdict(changes))


def end(connection: Connection, claim: ActionClaim, state: str, message: str = "") -> None:
    """Write down what came of it. Raises FenceLost when the claim has gone to another."""
    _refuse_late(connection, "end", claim, {"state": state, "message": message})


def _refuse_late(
    connection: Connection, query: str, claim: ActionClaim, more: dict[str, Any]
) -> None:
    if connection.execute(QUERIES[query], _mine(claim) | more).fetchone() is None:
        raise lost(claim)


def lost(claim: ActionClaim) -> FenceLost:
    """What is said to a worker whose claim is no longer its own."""
    return FenceLost(
        f"The splits and dividends of the job {str(claim.load_id)[:8]} are no longer this "
        "worker's to ask for.",
        "Another one asks for them, or the job was paused or has ended.",
    )


def settle(connection: Connection, load_id: uuid.UUID) -> None:
    """Nothing is left to be asked of what was begun."""
    connection.execute(QUERIES["settle"], {"load_id": load_id})


def stop(connection: Connection, load_id: uuid.UUID) -> None:
    """Refuse whoever asks for the actions of the job."""
    connection.execute(QUERIES["stop"], {"load_id": load_id})


def reopen(connection: Connection, load_id: uuid.UUID) -> None:
    """Let the actions be asked for again, if there were any."""
    connection.execute(QUERIES["reopen"], {"load_id": load_id})


def outcome(connection: Connection, load_id: uuid.UUID) -> Outcome | None:
    """What came of the actions of a job; None where none were asked for."""
    return rows.first(connection, _outcome, QUERIES["outcome"], {"load_id": load_id})


def _mine(claim: ActionClaim) -> dict[str, Any]:
    return {"load_id": claim.load_id, "worker": claim.worker, "fence": claim.fence}


def _outcome(state: str, message: str, is_held: bool, **changes: int) -> Outcome:
    return Outcome(state, Changes(**changes), message, is_held)


def _grouped(records: Iterable[tuple[int, A]]) -> dict[int, list[A]]:
    found: dict[int, list[A]] = {}
    for id_, record in records:
        found.setdefault(id_, []).append(record)
    return found


def _held(
    connection: Connection, kind: ActionKind, ids: Sequence[int]
) -> dict[tuple[int, str], Action]:
    found: Mapping[int, Sequence[Action]] = (
        read_splits(connection, ids)
        if kind is ActionKind.SPLITS
        else read_dividends(connection, ids)
    )
    return {(i, a.id): a for i, actions in found.items() for a in actions}


def _write(
    connection: Connection, kind: ActionKind, difference: ActionsDifference, origin: str
) -> None:
    at = database_now(connection)
    if ended := difference.ended:
        gone = {"at": at, "ids": [i for i, _ in ended], "vendor_ids": [v for _, v in ended]}
        connection.execute(QUERIES[f"end_{kind}"], gone)
    if new := difference.added + difference.corrected:
        columns = _columns([action for _, action in new])
        params = {"at": at, "origin": origin, "ids": [i for i, _ in new]}
        connection.execute(QUERIES[f"add_{kind}"], params | columns)


def _columns(records: Sequence[Action]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "vendor_ids": [r.id for r in records],
        "tickers": [r.ticker for r in records],
        "days": [r.day for r in records],
        "kinds": [r.kind for r in records],
    }
    names = ("split_from", "split_to", "cash", "currency", "declared", "recorded", "paid")
    for name in names:
        if hasattr(records[0], name):
            columns[name] = [getattr(r, name) for r in records]
    return columns
