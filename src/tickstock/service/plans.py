"""Plans that were shown: kept under a token, and performed as they were or refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tickstock.config import Settings
from tickstock.errors import StalePlan
from tickstock.loading.codec import decode, encode
from tickstock.loading.moved import state_of, what_moved
from tickstock.loading.plan import Plan
from tickstock.service.loads import Loads
from tickstock.store.database import Database
from tickstock.store.plans import KeptPlan, find_plan, keep_plan

STANDS = timedelta(days=7)
TOKEN_LENGTH = 12


class Plans:
    """Keeps plans and finds them again."""

    def __init__(
        self, database: Database, settings: Settings, loads: Loads, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._vendor = settings.vendor
        self._loads = loads
        self._clock = clock

    def keep(self, plan: Plan) -> str:
        """Keep a plan for some days; answers the token that names it."""
        now, token = self._clock(), plan.digest[:TOKEN_LENGTH]
        kept = KeptPlan(
            token,
            plan.digest,
            encode(plan.request),
            state_of(plan, self._vendor),
            now + STANDS,
        )
        with self._database.transaction() as connection:
            keep_plan(connection, kept, now)
        return token

    def recall(self, token: str) -> Plan:
        """The plan of a token, made again: exactly what was shown.

        Raises:
            StalePlan: there is no such plan any more, or it would not be the same; the message says
                what has moved.
        """
        with self._database.transaction() as connection:
            kept = find_plan(connection, token.strip().lower(), self._clock())
        asked = decode(kept.request)
        request = self._loads.resolved_again(asked)
        plan = self._loads.plan(request)
        if plan.digest == kept.digest:
            return plan
        moved = what_moved(
            kept.state,
            state_of(plan, self._vendor),
            (asked.symbols, request.symbols),
            (asked.revision, request.revision),
        )
        raise StalePlan(
            f"The plan {kept.token} no longer fits: {'; '.join(moved)}.",
            "Look at the new plan (`tickstock plan`) and load that one.",
        )
