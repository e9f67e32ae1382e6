"""What becomes of calls that were not answered: asked again, replaced by their parts, or failed."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from tickstock.loading.account import AccountLimits, Asked
from tickstock.loading.judge import NOT_ENTITLED_STANDS, RECENT_EMPTY_STANDS, failure_gaps
from tickstock.loading.targets import AskedSpans, Target, WantedTargets
from tickstock.loading.unheld import GapColumns
from tickstock.model import Call, CallKind, Gap, GapCause, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.store import account_limits, bars, coverage, jobs, ledger
from tickstock.store.account_limits import Account
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.ledger import Lease
from tickstock.worker.belief import Belief
from tickstock.worker.entitled import Entitled
from tickstock.worker.policy import Policy

log = structlog.get_logger("tickstock.worker")

AGAIN = (Transient, DatabaseRefused, Conflict)
"""Errors after which a call is asked again, up to the policy's attempts. That includes a full disk,
which somebody may have emptied by then."""
NO_ATTEMPT = (VendorThrottled, DatabaseUnavailable)
"""Errors that are nothing against the call: they do not count as an attempt."""
CAUSE_OF: Mapping[type[TickStockError], GapCause] = {
    NotEntitled: GapCause.NOT_ENTITLED,
    PoisonCall: GapCause.POISON,
}
"""Why sessions are not held whose call failed for good, where it is not just that."""


@dataclass(frozen=True, slots=True)
class Given:
    """A call to be given up: how often the vendor was asked for it, and whether it has met its
    error as often as it may."""

    lease: Lease
    asked: int
    is_last: bool


@dataclass(slots=True)
class Settler:
    """Settles calls of one job, by the class of the error that they met, and keeps what was
    learned of the account."""

    database: Database
    load_id: uuid.UUID
    clock: Clock
    policy: Policy
    dice: random.Random
    belief: Belief
    wanted: Mapping[Timeframe, WantedTargets]
    entitled: Entitled
    calendar: Calendar
    account: Account | None = None
    _met_by: Counter[tuple[int, type]] = field(default_factory=Counter)

    def begin_account(
        self, connection: Connection, wanted: Mapping[Timeframe, Sequence[Target]]
    ) -> None:
        """Take over what is known of the account."""
        spans = [target.span for targets in wanted.values() for target in targets]
        days = Span(min(s.start for s in spans), max(s.end for s in spans)) if spans else None
        kept: AccountLimits = ()
        mine: AccountLimits | None = None
        if self.account is not None:
            kept = account_limits.known(connection, self.account)
            if jobs.read(connection, self.load_id).asked.refresh:  # what others met is no matter
                mine = account_limits.known(connection, self.account, self.load_id)
        self.entitled.begin(days, kept, but_only=mine)

    def keep_account(self) -> None:
        """Keep what was learned of the account."""
        learned = self.entitled.newly_learned()
        if self.account is None or not learned:
            return
        with self.database.brief() as connection:
            self._keep(connection, learned)
        self.entitled.forget_learned(learned)

    def _keep(self, connection: Connection, learned: Iterable[Asked]) -> None:
        if self.account is not None:
            limits = {asked: self.entitled.limit(asked) for asked in learned}
            account_limits.learn(connection, self.account, limits, self.load_id)

    def met(self, lease: Lease, error: TickStockError, asked: int) -> Given:
        """Count that a call met an error; what is to be given up, however often that is tried.

        Args:
            asked: how often the vendor was asked for it.
        """
        self._met_by[lease.id, type(error)] += 1
        often = self._met_by[lease.id, type(error)] >= self.belief.most_tries(lease.call, error)
        return Given(lease, asked, is_last=often or lease.attempt >= self.policy.attempts)

    def give_up(self, given: Sequence[Given], error: TickStockError) -> None:
        """Postpone or fail calls, by the class of the error."""
        given = sorted(given, key=lambda g: g.lease.id)  # as everybody locks them
        learned = self.entitled.newly_learned()
        with self.database.brief() as connection:
            failed = [call for g in given for call in self._fails(connection, g, error)]
            if isinstance(error, CredentialsRefused):
                failed += ledger.fail_rest(connection, self.load_id, error)
            if failed:
                self._mark_failed(connection, failed, error)
            self._keep(connection, learned)
            reach("drain.giving_up")
        self.entitled.forget_learned(learned)
        reach("drain.given_up")

    def set_aside(self, connection: Connection) -> None:
        """Give up the calls that workers die with."""
        for call, error in ledger.set_aside(connection, self.load_id):
            log.error("call set aside", call=str(call), error=str(error))
            self._mark_failed(connection, [call], error)

    def _fails(self, connection: Connection, given: Given, error: TickStockError) -> list[Call]:
        """Fail the call for good, if that is what the error means, or have it asked again, or its
        parts. Answers what has failed."""
        lease, asked = given.lease, given.asked
        free = isinstance(error, NO_ATTEMPT)
        again = isinstance(error, AGAIN) and (free or not given.is_last)
        if not isinstance(error, DatabaseUnavailable):  # an outage is told once for all calls
            log.warning(
                "call not answered", call=str(lease.call), error=str(error), final=not again
            )
        if isinstance(error, NotEntitled):
            return self._refused_parts(connection, lease, error, asked)
        if isinstance(error, VendorTooSlow) and (parts := self.belief.parts(lease.call)):
            if ledger.fail(connection, lease, error, asked):
                ledger.replace_call(connection, lease, parts)
            return []
        if not again:
            return [lease.call] if ledger.fail(connection, lease, error, asked) else []
        delay = self.policy.delay(lease.attempt, self.dice)
        if isinstance(error, VendorThrottled) and error.retry_after is not None:
            delay = timedelta(seconds=error.retry_after)
        ledger.postpone(connection, lease, delay, error, refund=free, asked=asked)
        return []

    def _refused_parts(
        self, connection: Connection, lease: Lease, error: NotEntitled, asked: int
    ) -> list[Call]:
        """Have the part asked for that the account includes; answers the others."""
        call = lease.call
        if not ledger.fail(connection, lease, error, asked):
            return []
        ledger.replace_call(connection, lease, self.entitled.parts(call))
        return [replace(call, span=span) for span in self.entitled.refused(call)]

    def _mark_failed(
        self, connection: Connection, calls: Sequence[Call], error: TickStockError
    ) -> None:
        # A whole-market load has a call a day for thousands of names, and one error for all.
        alike: dict[tuple[Timeframe, str, GapCause, timedelta | None], list[Span]] = {}
        for call in calls:
            meaning = self._meaning(call, error)
            alike.setdefault((call.timeframe, call.symbol, *meaning), []).append(call.span)
        found: dict[Timeframe, dict[tuple[int, Span], Gap]] = {}
        told, now = str(error)[:500], self.clock()
        for (timeframe, symbol, cause, stands), spans in alike.items():
            targets, days = self.wanted[timeframe].under(symbol), self.calendar.joined(spans)
            for gap in failure_gaps(targets, days, cause, told, now, stands):
                found.setdefault(timeframe, {})[gap.instrument_id, gap.span] = gap
        bars.lock_instruments(connection, sorted({i for gaps in found.values() for i, _ in gaps}))
        for timeframe, gaps in found.items():
            columns = GapColumns.of(list(gaps.values()))
            coverage.replace_gaps(connection, timeframe, AskedSpans.of(gaps), columns)

    def _meaning(self, call: Call, error: TickStockError) -> tuple[GapCause, timedelta | None]:
        """Why a call brought nothing, and for how long that stands. What is too new may be had
        tomorrow; what is refused for all tickers at once, by ticker at the next job."""
        if not isinstance(error, NotEntitled):
            return CAUSE_OF.get(type(error), GapCause.FAILED), None
        limits = self.entitled.source.limits
        by_ticker = limits.ticker and call.timeframe in limits.timeframes
        if call.kind is not CallKind.TICKER and by_ticker and self.entitled.excludes(call):
            return GapCause.FAILED, None
        new = self.entitled.is_new(call)
        return GapCause.NOT_ENTITLED, RECENT_EMPTY_STANDS if new else NOT_ENTITLED_STANDS
