"""Splits and dividends: what is known of them, what is to be asked, and what an answer changes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from tickstock.actions import ActionAnswer, ActionCall, ActionKind, Dividend, Split
from tickstock.clock import new_york_date
from tickstock.loading.actions import Subject, plan_actions
from tickstock.loading.poison import MOST_LOST, is_poison
from tickstock.loading.report import Report
from tickstock.model import MARKET, JobState
from tickstock.service.vendor import vendor_has
from tickstock.store import actions, asides, instruments, job_items, jobs, ledger, losses
from tickstock.store.actions import ActionClaim, Outcome
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.vendors.spec import Capability

SET_ASIDE = (
    "{} workers died or lost their lease while they asked for them. See in the log what ended "
    "them; then retry the job."
)
T = TypeVar("T", Split, Dividend)
Targets = Mapping[int, tuple[str, ...]]
"""Instruments and all the tickers that they had."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is ours to be asked for a job. `through`: the New York date that answers are known
    for."""

    claim: ActionClaim
    targets: Targets
    calls: tuple[ActionCall, ...]
    through: date


class Actions:
    """Reads splits and dividends, and keeps them known."""

    def __init__(self, database: Database, vendor: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._vendor = vendor
        self._clock = clock

    def splits(self, symbols: Sequence[str], known_at: datetime | None = None) -> list[Split]:
        """The vendor's records, as known now or `known_at` a moment; by symbol, then by day."""
        return self._recorded(actions.read_splits, symbols, known_at)

    def dividends(self, symbols: Sequence[str], known_at: datetime | None = None) -> list[Dividend]:
        """The vendor's records, as known now or `known_at` a moment; by symbol, then by day."""
        return self._recorded(actions.read_dividends, symbols, known_at)

    def _recorded(
        self,
        read: Callable[[Connection, Sequence[int], datetime | None], Mapping[int, Sequence[T]]],
        symbols: Sequence[str],
        known_at: datetime | None,
    ) -> list[T]:
        with self._database.transaction() as connection:
            found = instruments.find_held(connection, symbols)
            ids = [found[s].id for s in symbols if s in found]
            by_id = read(connection, ids, known_at)
        return [one for id_ in ids for one in by_id.get(id_, ())]

    # -- asking ------------------------------------------------------------------------------
    def plan(self, symbols: Sequence[str], *, refresh: bool = False) -> tuple[ActionCall, ...]:
        """What a job of these symbols asks for besides bars. With `refresh`, all of it again."""
        with self._database.transaction() as connection:
            found = instruments.foresee_instruments(connection, symbols)
            targets = {s: found[s].id for s in symbols}
            return self.calls(connection, targets, refresh=refresh)

    def calls(
        self,
        connection: Connection,
        instruments_of: Mapping[str, int],
        *,
        refresh: bool = False,
        since: datetime | None = None,
    ) -> tuple[ActionCall, ...]:
        """As `plan`, of symbols and their instruments; none where the vendor has no splits and
        dividends. What has been asked for `since` a moment is known also with `refresh`."""
        return self._calls(connection, _targets(connection, instruments_of), refresh, since)

    def _calls(
        self, connection: Connection, targets: Targets, refresh: bool, since: datetime | None
    ) -> tuple[ActionCall, ...]:
        if not vendor_has(self._vendor, Capability.ACTIONS):
            return ()
        asked = not refresh or since is not None
        known = actions.read_known(connection, [*targets], since if refresh else None)
        jumped = actions.read_jumped(connection, [*targets], self.today())
        plans = [
            plan_actions(
                kind,
                [
                    Subject(tickers, known.get((i, kind)) if asked else None, (i, kind) in jumped)
                    for i, tickers in targets.items()
                ],
                self.today(),
            )
            for kind in ActionKind
        ]
        return tuple(call for plan in plans for call in plan)

    def today(self) -> date:
        """The New York date."""
        return new_york_date(self._clock())

    # -- for the worker of a job -----------------------------------------------------------
    def claim(self, load_id: uuid.UUID, worker: str, lease: timedelta) -> Work | None:
        """What is to be asked now that the bars of a job are there, for this worker to ask, which
        holds the claim for `lease`.

        None where there is nothing for it to ask: another one is at it, it was done, nothing is
        due; and while calls are open, or the job is paused or has ended.
        """
        with self._database.brief() as connection:
            # The verdict, and whatever adds calls, locks the job as well: one goes before the
            # other, and sees what it left.
            load = jobs.lock(connection, load_id)
            is_closed = load.state.finished or load.paused_at is not None
            if is_closed or ledger.open_calls(connection, load_id)[0]:
                return None
            outcome = actions.outcome(connection, load_id)
            if outcome is not None and (outcome.is_over or outcome.is_held):
                return None
            items = job_items.read(connection, load_id)
            targets = _targets(connection, {i.symbol: i.instrument_id for i in items})
            begun = load.started_at or load.created_at
            calls = self._calls(connection, targets, load.asked.refresh, begun)
            if not calls:
                actions.settle(connection, load_id)
                return None
            claim = actions.claim(connection, load_id, worker, lease)
            if claim is None:
                return None
            if self._kills(connection, claim):
                actions.end(connection, claim, "failed", SET_ASIDE.format(claim.lost))
                return None
            return Work(claim, targets, calls, self.today())

    def _kills(self, connection: Connection, claim: ActionClaim) -> bool:
        """Whether workers die of asking, and not of something else."""
        if claim.lost < MOST_LOST:
            return False
        beside = losses.beside(connection, claim.load_id, None, claim.worker)
        return is_poison(claim.lost, beside)

    def renew(self, claim: ActionClaim, lease: timedelta) -> bool:
        """Hold the claim for another `lease`; whether it is still ours."""
        with self._database.brief() as connection:
            return actions.renew(connection, claim, lease)

    def hand_back(self, claim: ActionClaim) -> None:
        """Leave the rest to whoever comes next."""
        with self._database.brief() as connection:
            actions.hand_back(connection, claim)

    def write(self, answer: ActionAnswer, work: Work) -> None:
        """Write one answer, and count what it changed, in one transaction.

        Raises VendorUnreadable, see `compare`; FenceLost when the claim has gone to another.
        """
        call = answer.call
        with self._database.brief() as connection:
            targets = self._spoken_of(connection, call, work.targets)
            changes = actions.write_answer(
                connection,
                call.kind,
                targets,
                answer.records,
                since=call.since,
                through=work.through,
                origin=answer.origin,
            )
            changes = replace(changes, calls=answer.pages)
            actions.count(connection, work.claim, changes)
            asides.note_of_load(connection, work.claim.load_id, call, answer.aside)

    def _spoken_of(self, connection: Connection, call: ActionCall, targets: Targets) -> Targets:
        """The targets whose records an answer brings up to date."""
        if call.tickers:
            asked = frozenset(call.tickers)
            return {i: tickers for i, tickers in targets.items() if asked.issuperset(tickers)}
        if call.since is None:
            return targets
        known = actions.read_known(connection, [*targets])
        ends = {i: known.get((i, call.kind)) for i in targets}
        return {i: targets[i] for i, k in ends.items() if k is not None and k.through >= call.since}

    def end(self, claim: ActionClaim, errors: Iterable[str]) -> None:
        """Write down what came of it. Raises FenceLost when the claim has gone to another."""
        told = "; ".join(dict.fromkeys(errors))[:1000]
        with self._database.brief() as connection:
            actions.end(connection, claim, "failed" if told else "done", told)


def _targets(connection: Connection, instruments_of: Mapping[str, int]) -> Targets:
    """A whole market has none: they are asked for those that somebody loads by name."""
    instruments_of = {s: i for s, i in instruments_of.items() if s != MARKET}
    had = instruments.tickers_had(connection, instruments_of.values())
    return {i: had.get(i, (symbol,)) for symbol, i in instruments_of.items()}


def with_actions(report: Report, outcome: Outcome | None) -> Report:
    """The verdict on a job whose splits and dividends could not be had says so."""
    if outcome is None or outcome.state != "failed":
        return report
    state = JobState.WITH_ERRORS if report.state is JobState.COMPLETED else report.state
    told = f"{report.message}; splits or dividends not loaded: {outcome.message}"
    return replace(report, state=state, message=told)


def outcome_as_dict(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    c = outcome.changes
    counts = {"added": c.added, "corrected": c.corrected, "withdrawn": c.withdrawn}
    return {"state": outcome.state, "calls": c.calls, **counts, "message": outcome.message}
