"""Plans that were shown, kept so that they can be performed as they were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tickstock.errors import StalePlan
from tickstock.model import UniverseRef
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("plans.sql")


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan's name, its digest, what was asked, and in figures the state it was made from."""

    token: str
    digest: str
    request: dict[str, Any]
    state: dict[str, Any]
    expires_at: datetime


def keep_plan(connection: Connection, plan: KeptPlan, now: datetime) -> None:
    """Keep a plan until it expires; those that have expired by `now` are forgotten."""
    connection.execute(QUERIES["prune"], {"now": now})
    columns = {
        "token": plan.token,
        "digest": plan.digest,
        "request": Jsonb(plan.request),
        "state": Jsonb(plan.state),
        "expires_at": plan.expires_at,
    }
    connection.execute(QUERIES["keep"], columns)


def find_plan(connection: Connection, token: str, now: datetime) -> KeptPlan:
    """The plan of a token, or of the start of one. Raises StalePlan where there is none."""
    found = rows.every(connection, KeptPlan, QUERIES["find"], {"token": token, "now": now})
    if not token or not found:
        raise StalePlan(
            f"No plan {token[:40]!r} is known here; plans are kept for some days.",
            "Make it again with `tickstock plan`, and load that one.",
        )
    if len(found) > 1:
        raise StalePlan(f"Several plans start with {token!r}.", "Give more of the token.")
    return found[0]


def universe_revision(connection: Connection, refs: Iterable[UniverseRef], environment: str) -> str:
    """A text that changes with every change of one of these universes, and with every history that
    is told of one. Empty where there is none."""
    names = [ref.joined for ref in refs]
    if not names:
        return ""
    params = {"environment": environment, "refs": names}
    return str(rows.scalar(connection, QUERIES["universe_revision"], params))
