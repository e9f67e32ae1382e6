"""Asking for one job within what the account includes: what it refuses is learned once, and what
is known to be refused is not sent. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

from tickstock.clock import Clock, new_york_date
from tickstock.errors import NotEntitled
from tickstock.loading.account import (
    PROBE,
    AccountLimit,
    AccountLimits,
    Asked,
    Met,
    is_too_new,
    left_of,
    limit_of,
    met_of,
    parts_of_refused,
    plan_edges,
)
from tickstock.model import Answer, Call
from tickstock.sessions import Calendar
from tickstock.spans import ONE_DAY, Span, subtract
from tickstock.vendors import BarSource, Gate

MOST_QUESTIONS = 40
"""To explain one refusal: to halve all sessions there are takes 14."""


class CallGate(Gate, Protocol):
    """A gate as one call meets it."""

    def waiting(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Inside, the vendor has not been asked, and the call may be called back."""

    def is_asked(self) -> None:
        """The vendor is asked, once more."""


@dataclass(slots=True)
class Entitled:
    """A source, asked for no more than the account includes, as far as that is known."""

    source: BarSource
    calendar: Calendar
    clock: Clock
    _learned: dict[Asked, int] = field(default_factory=dict)
    """What has been learned since it was kept last, and when, counted."""
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """What was learned is kept by threads."""
    _met: dict[Asked, Met] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever looks for what is included: what one finds out, the others need not ask."""
    _probes: tuple[int, ...] = ()
    _edges: tuple[int, ...] = ()
    _kept: dict[Asked, AccountLimit] = field(default_factory=dict)
    _known: dict[Asked, AccountLimit] = field(default_factory=dict)
    """Of what is kept: what counts for this job, and stands."""

    def begin(
        self, wanted: Span | None, kept: AccountLimits, *, but_only: AccountLimits | None = None
    ) -> None:
        """Learn what is `kept` of earlier jobs, or of it `but_only` some; `wanted` are the days of
        this one."""
        now = self.clock()
        newest = self.calendar.published(now, self.source.limits.publication_lag)
        last = min(newest, self.calendar.between(wanted)[1]) if wanted else newest
        self._probes = tuple(dict.fromkeys(max(n - PROBE, 0) for n in (last, newest)))
        before = sorted(self._session(limit.since) for limit in kept if limit.since)
        plans = plan_edges(new_york_date(now), self.calendar)
        self._edges = tuple(dict.fromkeys((*before, *plans)))
        self._kept = {limit.asked: limit for limit in kept}
        counts = kept if but_only is None else but_only
        self._known = {limit.asked: limit for limit in counts if limit.stands(now)}
        self._met.clear()

    def _session(self, day: date) -> int:
        return self.calendar.between(Span(day, day + ONE_DAY))[0]

    # -- asking ----------------------------------------------------------------------------------
    def of(self, call_gate: CallGate) -> BarSource:
        """The source as one call asks it."""
        return _Asking(self, call_gate)

    async def _fetch(self, call: Call, call_gate: CallGate) -> Answer:
        call_gate.is_asked()
        return await self.source.fetch(call, call_gate)

    async def fetch(self, call: Call, call_gate: CallGate) -> Answer:
        """As the source; NotEntitled also without asking."""
        met, turn = self._of(call), self._turn
        start, end = self.calendar.between(call.span)
        self.refuse_known(call)
        if met.holds(start, end) or not (turn.locked() or self._is_unsure(call, met, start)):
            return await self._send(call, met, call_gate, turn)
        async with contextlib.AsyncExitStack() as stack:
            async with call_gate.waiting():
                await stack.enter_async_context(turn)
            self.refuse_known(call)
            await self._settle_first(call, met, start, call_gate)
            self.refuse_known(call)
            if not met.holds(start, end):  # the others had better wait for what comes of it
                return await self._send(call, met, call_gate, None)
        return await self._send(call, met, call_gate, turn)

    def refuse_known(self, call: Call) -> None:
        """Raise NotEntitled for a call of which days are known not to be included."""
        if left_of(call, self._of(call), self.calendar) != call.span:
            raise NotEntitled(
                f"The vendor account is not entitled to {call}: other calls told.",
                "Ask for a span that the plan includes, or change the plan.",
            )

    def is_refused(self, call: Call) -> bool:
        """Whether a call that is to be sent will be refused, as a whole or in part."""
        return left_of(call, self._of(call), self.calendar) != call.span

    async def _send(
        self, call: Call, met: Met, call_gate: CallGate, turn: asyncio.Lock | None
    ) -> Answer:
        try:
            answer = await self._fetch(call, call_gate)
        except NotEntitled:
            async with turn or contextlib.nullcontext():
                await self._explain(call, met, call_gate)
            raise
        except Exception:
            met.has_begun = True
            raise
        self._answered(call, met)
        return answer

    def _is_unsure(self, call: Call, met: Met, start: int) -> bool:
        """Whether others had better wait for what comes of this call."""
        return not met.has_begun or self._question_first(call, met, start) is not None

    async def _settle_first(self, call: Call, met: Met, start: int, call_gate: CallGate) -> None:
        for _ in range(MOST_QUESTIONS):
            session = self._question_first(call, met, start)
            if session is None:
                return
            await self._ask(call, met, session, call_gate)

    def _question_first(self, call: Call, met: Met, start: int) -> int | None:
        is_known = any(call.symbol in other.good for other in self._met.values())
        met.hint = self._hint(call)
        return met.question_first(start, call.symbol, is_known=is_known)

    async def _explain(self, call: Call, met: Met, call_gate: CallGate) -> None:
        """Find out why a call was refused."""
        start, end = self.calendar.between(call.span)
        asked: set[int] = set()
        met.has_begun = True
        while len(asked) < MOST_QUESTIONS:
            session = met.question(start, end, call.symbol)
            if session is None or session in asked:
                return
            asked.add(session)
            await self._ask(call, met, session, call_gate)

    async def _ask(self, call: Call, met: Met, session: int, call_gate: CallGate) -> None:
        """One session alone, only to see whether it is refused."""
        day = self.calendar.day(session)
        question = replace(call, span=Span(day, day + ONE_DAY))
        try:
            await self._fetch(question, call_gate)
        except NotEntitled:
            met.was_refused(session, call.symbol)
            self._learn(call)
        else:
            self._answered(question, met)

    def _answered(self, call: Call, met: Met) -> None:
        start, end = self.calendar.between(call.span)
        before = met.too_early, met.too_late, met.excludes
        met.was_answered(start, end, call.symbol)
        kept = self._kept.get(_asked(call))
        if before != (met.too_early, met.too_late, met.excludes) or _is_wrong(kept, call):
            self._learn(call)

    def _learn(self, call: Call) -> None:
        with self._lock:
            self._count += 1
            self._learned[_asked(call)] = self._count

    # -- what is known ---------------------------------------------------------------------------
    def parts(self, call: Call) -> tuple[Call, ...]:
        """The calls that take the place of a refused one."""
        return parts_of_refused(call, self._of(call), self.calendar)

    def refused(self, call: Call) -> list[Span]:
        """The days of a refused call that stay refused; those for being new by themselves."""
        return list(subtract([call.span], [part.span for part in self.parts(call)]))

    def is_new(self, call: Call) -> bool:
        """Whether a call is refused for being new."""
        return is_too_new(call.span, self._of(call), self.calendar)

    def excludes(self, call: Call) -> bool:
        """Whether nothing of its kind and timeframe is included."""
        return self._of(call).excludes

    def newly_learned(self) -> dict[Asked, int]:
        """Of what something was learned that is not kept yet, and when, counted. For any thread, as
        the two that follow."""
        with self._lock:
            return dict(self._learned)

    def limit(self, asked: Asked) -> AccountLimit | None:
        """What is known of it by now."""
        return limit_of(asked, self._met[asked], self.calendar, self.clock())

    def forget_learned(self, kept: Mapping[Asked, int]) -> None:
        """This was kept, as it was then."""
        with self._lock:
            self._learned = {a: n for a, n in self._learned.items() if n > kept.get(a, 0)}

    def _of(self, call: Call) -> Met:
        asked = _asked(call)
        if asked not in self._met:
            known = self._known.get(asked)
            self._met[asked] = met_of(known, self._probes, self._edges, self.calendar)
        return self._met[asked]

    def _hint(self, call: Call) -> int | None:
        """Where the history begins in another timeframe, or for another kind of call."""
        found = [m.since for asked, m in self._met.items() if asked != _asked(call)]
        known = [since for since in found if since is not None]
        others = [k for a, k in self._known.items() if a != _asked(call)]
        kept = [self._session(k.since) for k in others if k.since]
        return max(known, default=None) or max(kept, default=None)


def _asked(call: Call) -> Asked:
    return call.kind, call.timeframe


def _is_wrong(kept: AccountLimit | None, call: Call) -> bool:
    """Whether an answer shows that the account includes more than what is kept of it."""
    if kept is None:
        return False
    return kept.excludes or (kept.since is not None and call.span.start < kept.since)


class _Asking:
    """What the account includes of a source, to be asked through one call_gate."""

    def __init__(self, entitled: Entitled, call_gate: CallGate) -> None:
        self.name, self.limits = entitled.source.name, entitled.source.limits
        self._entitled, self._call_gate = entitled, call_gate

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        del gate  # the call_gate is the call's own
        return await self._entitled.fetch(call, self._call_gate)

    async def close(self) -> None:
        return
