"""Universes built by a rule: its members on one day a period, kept as a history.

Each day is picked with nothing later than the close before it. What is stored says by what
expression, over which bars, and how much was missing; built again, the difference is shown first
and what was known before is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import msgspec

from tickstock.clock import Clock
from tickstock.config import Settings
from tickstock.errors import BadDates, BadExpression
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.store import history as past
from tickstock.store import universe_plans
from tickstock.store import universes as store
from tickstock.store.bar_files import BarFiles
from tickstock.store.calendar import read_calendar
from tickstock.store.database import Database
from tickstock.store.panels import AHEAD
from tickstock.store.universe_lookup import StoreLookup
from tickstock.universes.expression import AsOf, evaluate_days, format_expression, parse
from tickstock.universes.membership import History, Interval, make_history
from tickstock.universes.nodes import has_rule
from tickstock.universes.plan import OrganizePlan
from tickstock.words import plural

MAX_REMARKS = 20


class Every(StrEnum):
    """How often members are picked: on the first session of each."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


PERIODS: dict[Every, Callable[[date], tuple[int, int]]] = {
    Every.WEEK: lambda day: day.isocalendar()[:2],
    Every.MONTH: lambda day: (day.year, day.month),
    Every.QUARTER: lambda day: (day.year, (day.month - 1) // 3),
    Every.YEAR: lambda day: (day.year, 0),
}


@dataclass(frozen=True, slots=True)
class Built:
    """Members by day, in order; each list stands until the next one, the last up to `through`."""

    expression: str
    every: Every
    through: date
    members: tuple[tuple[date, tuple[str, ...]], ...]
    remarks: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Names the content: equal digests mean the same members on the same days."""
        rows = [(str(day), symbols) for day, symbols in self.members]
        return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()[:12]

    @property
    def source(self) -> str:
        """What is kept of where the membership came from."""
        gaps = f", {plural(len(self.remarks), 'remark')} on bars not held" if self.remarks else ""
        return (
            f"{self.expression}, on the first session of each {self.every}"
            f" (content {self.digest}{gaps})"
        )

    def history(self) -> History:
        """Each list stands until the next one; the last is carried on."""
        days = [day for day, _ in self.members]
        span = Span.inclusive(days[0], self.through)
        intervals = [
            Interval(symbol, Span(day, until))
            for (day, symbols), until in zip(self.members, [*days[1:], span.end], strict=True)
            for symbol in symbols
        ]
        return make_history(intervals, span, self.source)


class Builds:
    """Picks members over a span, and makes a plan that keeps them."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, files: BarFiles | None = None
    ) -> None:
        self._database = database
        self._environment = settings.environment
        self._files = files
        self._clock = clock

    def build(
        self,
        expression: str,
        span: Span,
        every: Every = Every.MONTH,
        say: Callable[[date], None] = lambda _: None,
        ahead: int = AHEAD,
    ) -> Built:
        """The members on the first session of each period of `span`; `say` hears of each day.
        Bars are read `ahead` sessions at once, and looked at on their day.

        Raises BadExpression for one that picks by no rule, or has a date of its own; BadDates for
        a span without a session; EmptyUniverse for a day on which the rule picks nobody.
        """
        node = parse(expression)
        if isinstance(node, AsOf) or not has_rule(node):
            raise BadExpression(
                f"{format_expression(node)} picks by no rule, or on a day of its own.",
                "Write it like pick(index_sp500; top 100 by dollar_volume).",
            )
        found = []
        remarks: dict[str, None] = {}
        with self._database.transaction() as conn:
            lookup = StoreLookup(
                conn, self._environment, clock=self._clock, ahead=ahead, files=lambda: self._files
            )
            days = list(_days(read_calendar(conn), span, every))
            evaluations = evaluate_days(node, days, lookup)
            for day in days:
                say(day)
                picked = next(evaluations)
                found.append((day, picked.symbols))
                remarks.update(dict.fromkeys(picked.notes))
        if not found:
            raise BadDates(f"There is no session in {span}.", "Give a longer span.")
        return Built(format_expression(node), every, span.last, tuple(found), tuple(remarks))

    def plan(self, name: str, built: Built, *, title: str | None = None) -> OrganizePlan:
        """What keeping it as the universe `name` would do: its history, and the last list as the
        list of today. Performed by `Edits.apply`."""
        with self._database.transaction() as conn:
            ref = store.named(conn, name, self._environment)
            plan = universe_plans.plan_set(
                conn,
                ref,
                built.members[-1][1],
                name=title,
                source=built.source,
                environment=self._environment,
            )
            told = past.unrecorded(conn, {ref: built.history()}, self._environment, again=True)
        return replace(plan, recordings=told, notes=(*plan.notes, *built.remarks[:MAX_REMARKS]))


def _days(calendar: Calendar, span: Span, every: Every) -> Iterator[date]:
    """The first session of each period within a span."""
    start, end = calendar.between(span)
    last: tuple[int, int] | None = None
    for index in range(start, end):
        day = calendar.day(index)
        period = PERIODS[every](day)
        if period != last:
            last = period
            yield day
