"""What becomes of calls that were not answered: asked again, replaced by their parts, or failed."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from tickstock.clock import Clock
from tickstock.errors import (
    Conflict,
    CredentialsRefused,
    DatabaseRefused,
    DatabaseUnavailable,
    NotEntitled,
    PoisonCall,
    TickStockError,
    Transient,
    VendorThrottled,
    VendorTooSlow,
)
from tickstock.failpoints import reach
from tickstock.loading.entitlement import Met, is_refused, parts_of_refused
from tickstock.loading.judge import WantedTargets, failure_holes
from tickstock.model import Call, Hole, HoleCause, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span, subtract
from tickstock.store import bars, coverage, ledger
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.ledger import Lease
from tickstock.worker.belief import Belief
from tickstock.worker.policy import Policy

log = structlog.get_logger("tickstock.worker")

AGAIN = (Transient, DatabaseRefused, Conflict)
"""Errors after which a call is asked again, up to the policy's attempts. That includes a full disk,
which somebody may have emptied by then."""
NO_ATTEMPT = (VendorThrottled, DatabaseUnavailable)
"""Errors that are nothing against the call: they do not count as an attempt."""
CAUSE_OF: Mapping[type[TickStockError], HoleCause] = {
    NotEntitled: HoleCause.NOT_ENTITLED,
    PoisonCall: HoleCause.POISON,
}
"""Why sessions are not held whose call failed for good, where it is not just that."""


@dataclass(slots=True)
class Settler:
    """Settles calls of one load, by the class of the error that they met."""

    database: Database
    load_id: uuid.UUID
    calendar: Calendar
    clock: Clock
    policy: Policy
    dice: random.Random
    belief: Belief
    wanted: Mapping[Timeframe, WantedTargets]
    met: dict[Timeframe, Met] = field(default_factory=dict)
    _met_by: Counter[tuple[int, type]] = field(default_factory=Counter)

    def refuse_known(self, call: Call) -> None:
        """Raise NotEntitled for days that the account was refused in calls for other symbols."""
        if is_refused(call, self.met.get(call.timeframe, Met()), self.calendar):
            raise NotEntitled(
                f"The vendor account is not entitled to {call}: calls for other symbols told.",
                "Ask for a span that the plan includes, or change the plan.",
            )

    def give_up(self, leases: Sequence[Lease], error: TickStockError) -> None:
        """Postpone or fail calls, by the class of the error."""
        with self.database.brief() as connection:
            failed = [call for x in leases for call in self._fails(connection, x, error)]
            if isinstance(error, CredentialsRefused):
                failed += ledger.fail_rest(connection, self.load_id, error)
            if failed:
                self._mark_failed(connection, failed, error)
            reach("drain.giving_up")
        reach("drain.given_up")

    def set_aside(self, connection: Connection) -> None:
        """Give up the calls that workers die with."""
        for call, error in ledger.set_aside(connection, self.load_id):
            log.error("call set aside", call=str(call), error=str(error))
            self._mark_failed(connection, [call], error)

    def _fails(self, connection: Connection, lease: Lease, error: TickStockError) -> list[Call]:
        """Fail the call for good, if that is what the error means, or have it asked again, or its
        parts. Answers what has failed."""
        free = isinstance(error, NO_ATTEMPT)
        self._met_by[lease.id, type(error)] += 1
        often = self._met_by[lease.id, type(error)] >= self.belief.most_tries(lease.call, error)
        left = lease.attempt < self.policy.attempts and not often
        again = isinstance(error, AGAIN) and (free or left)
        if not isinstance(error, DatabaseUnavailable):  # an outage is told once for all calls
            log.warning(
                "call not answered", call=str(lease.call), error=str(error), final=not again
            )
        if isinstance(error, NotEntitled):
            return self._refused_parts(connection, lease, error)
        if isinstance(error, VendorTooSlow) and (parts := self.belief.parts(lease.call)):
            if ledger.fail(connection, lease, error):
                ledger.replace_call(connection, lease, parts)
            return []
        if not again:
            return [lease.call] if ledger.fail(connection, lease, error) else []
        delay = self.policy.delay(lease.attempt, self.dice)
        if isinstance(error, VendorThrottled) and error.retry_after is not None:
            delay = timedelta(seconds=error.retry_after)
        ledger.postpone(connection, lease, delay, error, refund=free)
        return []

    def _refused_parts(
        self, connection: Connection, lease: Lease, error: NotEntitled
    ) -> list[Call]:
        """Have those parts asked that the account may be entitled to; answers the others."""
        call = lease.call
        if not ledger.fail(connection, lease, error):
            return []
        met = ledger.met(connection, self.load_id, call.timeframe, self.calendar)
        self.met[call.timeframe] = met
        parts = parts_of_refused(call, met, self.calendar)
        ledger.replace_call(connection, lease, parts)
        rest = subtract([call.span], [part.span for part in parts])
        return [replace(call, span=span) for span in rest]

    def _mark_failed(
        self, connection: Connection, calls: Sequence[Call], error: TickStockError
    ) -> None:
        cause = CAUSE_OF.get(type(error), HoleCause.FAILED)
        found: dict[Timeframe, dict[tuple[int, Span], Hole]] = {}
        for call in calls:
            targets = self.wanted[call.timeframe].of(call)
            for hole in failure_holes(call, targets, cause, str(error)[:500], self.clock()):
                found.setdefault(call.timeframe, {})[hole.instrument_id, hole.span] = hole
        bars.lock_instruments(connection, sorted({i for holes in found.values() for i, _ in holes}))
        for timeframe, holes in found.items():
            coverage.replace_holes(connection, timeframe, list(holes), list(holes.values()))
