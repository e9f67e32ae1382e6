"""What the account at the vendor includes, as it is kept between jobs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tickstock.loading.account import AccountLimit, AccountLimits, Asked
from tickstock.model import CallKind, Timeframe
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("account_limits.sql")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account it is: the vendor, and a fingerprint of what it is opened with; none where no
    key is set, as in a process that only plans."""

    vendor: str
    fingerprint: str = ""


def known(
    connection: Connection, account: Account, learned_by: uuid.UUID | None = None
) -> AccountLimits:
    """What is known of an account, whether it stands or not; with `learned_by`, only what that load
    has met itself."""
    params = _params(account) | {"learned_by": learned_by}
    rows = connection.execute(QUERIES["known"], params).fetchall()
    return tuple(
        AccountLimit(CallKind(kind), Timeframe(timeframe), since, lag, tuple(refused), excl, at)
        for kind, timeframe, since, lag, refused, excl, at in rows
    )


def learn(
    connection: Connection,
    account: Account,
    newly_learned: Mapping[Asked, AccountLimit | None],
    learned_by: uuid.UUID,
) -> None:
    """Keep what a job has met; what it found to be no limit goes."""
    for (kind, timeframe), limit in sorted(newly_learned.items()):
        params = _params(account) | {"kind": kind, "timeframe": timeframe}
        if limit is None:
            connection.execute(QUERIES["drop"], params)
            continue
        params |= {"since": limit.since, "lag": limit.lag, "excludes": limit.excludes}
        params |= {"refused": list(limit.refused), "learned_at": limit.learned_at}
        connection.execute(QUERIES["learn"], params | {"learned_by": learned_by})


def forget(connection: Connection, vendor: str) -> int:
    """Forget what is known of a vendor's accounts, and all gaps for what an account does not
    include, of whichever vendor: the next job asks for them. How many limits that is."""
    connection.execute(QUERIES["forget_gaps"])
    return connection.execute(QUERIES["forget"], {"vendor": vendor}).rowcount


def _params(account: Account) -> dict[str, Any]:
    return {"vendor": account.vendor, "account": account.fingerprint}
