"""Under which tickers firms traded before: asked of the vendor when a person wants it.

found = await tick.renames.ask(plan, vendor, gate)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from tickstock.clock import Clock
from tickstock.config import Settings
from tickstock.errors import NotEntitled
from tickstock.loading.account import STANDS
from tickstock.loading.renames import EventSubject, RenameVerdict, judge_history, whom_to_ask
from tickstock.model import Limits, epoch_day
from tickstock.service.vendor import account_of
from tickstock.sessions import Calendar
from tickstock.store import instruments
from tickstock.store import ticker_events as store
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.moment import database_now
from tickstock.store.universe_lookup import StoreLookup
from tickstock.universes.expression import evaluate, parse
from tickstock.vendors import Gate
from tickstock.vendors.massive.ticker_events import EventsCall, EventsSource

FORGET = "`tickstock vendor limits --forget` has it asked again."


@dataclass(frozen=True, slots=True)
class RenamePlan:
    """Whom to ask about, by FIGI or ticker, a call each; how many were `answered` within 30 days,
    and how many `unknowable`: no longer listed, and without a FIGI. `seconds` at the vendor's
    limit; `refused` says that the account does not include it."""

    asked: tuple[str, ...]
    answered: int
    unknowable: int
    seconds: float
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RenamesFound:
    """What the answers came to: how many firms were `asked` about, had several tickers
    (`renamed`), or are `unknown` to the vendor; and what was left alone, and why."""

    asked: int
    renamed: int
    unknown: int
    doubts: tuple[str, ...]


class Renames:
    """Keeps what the vendor tells of former tickers, and makes use of it."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def plan(
        self, source: str, limits: Limits, expression: str | None = None, accepted: str = ""
    ) -> RenamePlan:
        """Whom a reading would ask about: the members of an expression, or, without one, whoever
        began to trade while the whole market was held. `accepted` is asked again. Nobody is asked
        for it.

        Raises what evaluating the expression raises.
        """
        with self._database.transaction() as connection:
            since = database_now(connection) - STANDS
            subjects = self._subjects(connection, expression)
            known = store.answered(connection, source, since) - {accepted}
            refused = store.refused(connection, account_of(self._settings), since)
        asked, answered, unknowable = whom_to_ask(subjects, known)
        if accepted and accepted not in asked:
            asked.append(accepted)
        a_minute = limits.calls_per_minute
        seconds = 60 * len(asked) / a_minute if a_minute else 0.0
        told = f"{refused.words} (as of {refused.refused_at:%Y-%m-%d})" if refused else ""
        return RenamePlan(tuple(asked), answered, unknowable, seconds, told)

    def _subjects(self, connection: Connection, expression: str | None) -> list[EventSubject]:
        if expression is None:
            return store.appeared(connection)
        lookup = StoreLookup(connection, self._settings.environment, clock=self._clock)
        symbols = evaluate(parse(expression), lookup).symbols
        found = instruments.find_instruments(connection, symbols)
        strangers = [EventSubject(symbol) for symbol in symbols if symbol not in found]
        ids = sorted({one.id for one in found.values()})
        return [*store.subjects_of(connection, ids), *strangers]

    async def ask(
        self,
        plan: RenamePlan,
        vendor: EventsSource,
        gate: Gate,
        say: Callable[[int, str], None] = lambda _, __: None,
        *,
        accepted: str = "",
    ) -> RenamesFound:
        """Ask about each, and keep each answer at once: broken off, the next plan goes on there.
        `say` hears of how many were asked, and of whom.

        Raises NotEntitled, once and then without a call, for an account that does not include it;
        else what `EventsSource.fetch_ticker_events` does.
        """
        if plan.refused:
            raise NotEntitled(f"Nobody was asked: {plan.refused}.", FORGET)
        with self._database.transaction() as connection:
            calendar = read_calendar(connection)
        renamed = unknown = 0
        doubts: list[str] = []
        for number, asked in enumerate(plan.asked, start=1):
            call = EventsCall(asked)
            try:
                history = await vendor.fetch_ticker_events(call, gate)
            except NotEntitled as refusal:
                self._keep_refusal(refusal)
                raise NotEntitled(refusal.what, f"It is not asked for again. {FORGET}") from None
            with self._database.transaction() as connection:
                verdict = RenameVerdict()
                if history is not None:
                    owners = store.owners_of(connection, history.tickers)
                    verdict = judge_history(
                        history, owners, _first_session(calendar), is_accepted=asked == accepted
                    )
                doubts += store.record_history(connection, vendor.name, asked, history, verdict)
            unknown += history is None
            renamed += history is not None and len(history.tickers) > 1
            say(number, asked)
        return RenamesFound(len(plan.asked), renamed, unknown, tuple(doubts))

    def _keep_refusal(self, refusal: NotEntitled) -> None:
        with self._database.transaction() as connection:
            now = database_now(connection)
            store.refuse(connection, account_of(self._settings), refusal.what.rstrip("."), now)


def _first_session(calendar: Calendar) -> Callable[[date], date]:
    """The first session on a day or after it; the day itself beyond the calendar."""

    def first(day: date) -> date:
        index = int(calendar.before(np.array([epoch_day(day)]))[0])
        return calendar.day(index) if day in calendar.known and index < len(calendar) else day

    return first
