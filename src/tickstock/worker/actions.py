"""The splits and dividends of a job, asked for once its bars are there.

Whatever goes wrong here leaves the bars as they are; the job's verdict says it. A database that is
away is nothing that goes wrong: it is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ParamSpec, TypeVar

import structlog

from tickstock.actions import ActionCall
from tickstock.clock import awake_or_not
from tickstock.errors import (
    CredentialsRefused,
    DatabaseUnavailable,
    FenceLost,
    NotEntitled,
    TickStockError,
    Transient,
)
from tickstock.failpoints import reach
from tickstock.service.actions import Actions, Work
from tickstock.store.actions import ActionClaim, lost
from tickstock.vendors import ActionSource, Gate
from tickstock.worker.belief import most_tries
from tickstock.worker.lease_gate import LeaseGate
from tickstock.worker.outage_retry import OutageRetry
from tickstock.worker.policy import Policy

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")


class _Over(Exception):
    """The slice is over."""


class Asking:
    """Asks for what a job's plan of actions says. One instance for one job.

    `is_over` is asked before each call: whether to leave the rest to the next slice.
    """

    def __init__(
        self,
        actions: Actions,
        source: ActionSource,
        gate: Gate,
        worker: str,
        policy: Policy,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._actions = actions
        self._source = source
        self._gate = gate
        self._worker = worker
        self._policy = policy
        self._is_over = is_over
        self._lease = timedelta(seconds=policy.lease)
        self._retry = OutageRetry(lambda: policy.outage_seconds)
        self._dice = random.Random()
        self._good_until = 0.0

    async def run(self, load_id: uuid.UUID) -> bool:
        """Ask, write, and say what came of it, as far as that is for this worker to do. False when
        the claim was lost, or the slice is over.

        A stop from outside (a cancellation) hands the rest to whoever takes over the job.
        Raises DatabaseUnavailable when the database stayed away for longer than the policy
        allows.
        """
        asked = awake_or_not()
        work = await self._through_outages(self._actions.claim, load_id, self._worker, self._lease)
        if work is None:
            return True
        try:
            async with self._held(work.claim, asked):
                reach("actions.claimed")
                errors = await self._ask_all(work)
                reach("actions.asked")
                await self._through_outages(self._actions.end, work.claim, errors)
                reach("actions.ended")
        except FenceLost as e:
            log.warning("claim lost", load=str(load_id), error=str(e))
            return False
        except _Over:
            return False
        return True

    async def _ask_all(self, work: Work) -> list[str]:
        errors = list[str]()
        refused = set()
        for call in work.calls:
            if call.kind in refused:
                continue
            if self._is_over():
                raise _Over
            try:
                await self._ask(call, work)
            except (FenceLost, DatabaseUnavailable):
                raise
            except TickStockError as error:
                log.warning("actions not loaded", call=str(call), error=str(error))
                errors.append(error.what)
                if isinstance(error, CredentialsRefused | NotEntitled):
                    refused.add(call.kind)
        return errors

    async def _ask(self, call: ActionCall, work: Work) -> None:
        """One call, again after what may pass, up to the policy's attempts."""
        for attempt in range(1, self._policy.attempts):
            try:
                return await self._once(call, work)
            except DatabaseUnavailable:
                raise
            except Transient as error:
                if attempt >= most_tries(error):
                    raise
                log.info("actions to be asked again", call=str(call), error=str(error))
            await asyncio.sleep(self._policy.delay(attempt, self._dice).total_seconds())
        return await self._once(call, work)

    async def _once(self, call: ActionCall, work: Work) -> None:
        lease_gate = LeaseGate(self._gate, _ActionHold(self, work.claim))
        answer = await self._retry.through(lambda: self._source.fetch_actions(call, lease_gate))
        reach("actions.fetched")
        if answer.aside:
            told = {"records": len(answer.aside), "first": str(answer.aside[0])}
            log.warning("records put aside", call=str(call), **told)
        await self._through_outages(self._actions.write, answer, work)

    async def _through_outages(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._retry.through(lambda: asyncio.to_thread(work, *args, **kwargs))

    @contextlib.asynccontextmanager
    async def _held(self, claim: ActionClaim, asked: float) -> AsyncIterator[None]:
        """Keep the claim while inside; give it up when the work ends before its end."""
        self._good_until = asked + self._lease.total_seconds()
        name = f"claim of the actions of {claim.load_id}"
        keeper = asyncio.create_task(self._keep(claim), name=name)
        try:
            yield
        except BaseException:
            with contextlib.suppress(TickStockError):
                await asyncio.to_thread(self._actions.hand_back, claim)
            raise
        finally:
            keeper.cancel()

    async def _keep(self, claim: ActionClaim) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with contextlib.suppress(TickStockError):
                await asyncio.to_thread(self._hold_on, claim)

    def is_overdue(self) -> bool:
        """Whether the claim may be another's by now, for all that we know."""
        return awake_or_not() >= self._good_until

    async def hold_on(self, claim: ActionClaim) -> None:
        """As `_hold_on`, for the loop."""
        await self._through_outages(self._hold_on, claim)

    def _hold_on(self, claim: ActionClaim) -> None:
        """Renew the claim. Raises FenceLost when it is no longer ours: nothing is sent then."""
        asked = awake_or_not()
        if not self._actions.renew(claim, self._lease):
            self._good_until = 0.0
            raise lost(claim)
        self._good_until = asked + self._lease.total_seconds()


@dataclass(frozen=True, slots=True)
class _ActionHold:
    """The claim, as the gate looks at it."""

    asking: Asking
    claim: ActionClaim

    def is_overdue(self) -> bool:
        return self.asking.is_overdue()

    async def renew(self) -> None:
        await self.asking.hold_on(self.claim)
