"""Plans: made of a request, kept under a token once shown, performed as they were or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tickstock.config import Settings
from tickstock.errors import StalePlan
from tickstock.loading.account import account_text, within_account
from tickstock.loading.codec import decode, encode
from tickstock.loading.moved import state_of, what_moved
from tickstock.loading.plan import Plan
from tickstock.loading.planner import make_plan
from tickstock.loading.request import LoadRequest
from tickstock.model import Instrument
from tickstock.service.dates import Dates
from tickstock.service.grids import Grids
from tickstock.service.requests import Requests
from tickstock.spans import Span
from tickstock.store import instruments
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.plans import KeptPlan, find_plan, keep_plan

STANDS = timedelta(days=7)
TOKEN_LENGTH = 12


class Plans:
    """Makes plans, keeps them, and finds them again."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        requests: Requests,
        grids: Grids,
        dates: Dates,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vendor = settings.vendor
        self._requests = requests
        self._grids = grids
        self._dates = dates
        self._clock = clock

    def make(self, request: LoadRequest) -> Plan:
        """The cheapest calls for what is missing. Nothing is written, so a reader may plan too."""
        with self._database.transaction() as connection:
            return self.made_in(connection, request)

    def made_in(self, connection: Connection, request: LoadRequest) -> Plan:
        """As `make`, in a transaction of the caller's."""
        chosen, intervals = _chosen(connection, request)
        grids = [
            self._grids.of(
                connection,
                chosen,
                timeframe,
                request.span,
                refresh=request.refresh,
                intervals=intervals,
            )
            for timeframe in request.timeframes
        ]
        known = self._grids.account(connection)
        made = make_plan(request, grids, within_account(self._dates.limits(), known))
        frames = [limit for limit in known if limit.timeframe in request.timeframes]
        return replace(made, account=account_text(frames))

    def refuse_stale(self, connection: Connection, request: LoadRequest, digest: str) -> None:
        """Raise StalePlan where the plan of a request is no longer the one of `digest`."""
        now = self.made_in(connection, request)
        if now.digest != digest:
            raise StalePlan(
                "The plan that was shown no longer fits: bars, universe or sessions changed since.",
                "Look at the new plan and submit that one.",
            )

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
        request = self._requests.resolve_again(asked)
        plan = self.make(request)
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


def _chosen(
    connection: Connection, request: LoadRequest
) -> tuple[list[Instrument], list[tuple[Span, ...]]]:
    """The instruments that are asked for, each once, and their days where the request has some."""
    if request.intervals:
        wanted = list(zip(request.symbols, request.intervals, strict=True))
        found = instruments.foresee_dated(connection, wanted, request.span)
        return [one for one, _ in found], [days for _, days in found]
    named = instruments.foresee_instruments(connection, request.symbols, request.span)
    # Two tickers of one instrument (before and after a rename) are asked for once.
    once: dict[int, Instrument] = {}
    for symbol in request.symbols:
        once.setdefault(named[symbol].id, named[symbol])
    return [*once.values()], []


def with_instruments(connection: Connection, plan: Plan) -> Plan:
    """The plan with instruments made for the symbols that had none when it was made."""
    fresh = sorted({item.symbol for item in plan.items if item.instrument_id < 0})
    if not fresh:
        return plan
    found = instruments.ensure_instruments(connection, fresh, plan.request.span)
    items = (
        replace(item, instrument_id=found[item.symbol].id) if item.instrument_id < 0 else item
        for item in plan.items
    )
    return replace(plan, items=tuple(items))


def summary_of(plan: Plan) -> dict[str, Any]:
    """The plan in figures, as kept with the job and shown before it."""
    return {
        "symbols": len({i.symbol for i in plan.items}),
        "expected": sum(i.expected for i in plan.items),
        "held": sum(i.held for i in plan.items),
        "missing": plan.cells,
        "calls": len(plan.calls),
        "calls_by_kind": {k.value: n for k, n in sorted(plan.calls_by_kind.items())},
        "bars": plan.expected_bars,
        "bytes": plan.bytes,
        "seconds": round(plan.seconds, 1),
        "exact": plan.exact,
        "digest": plan.digest,
        "account": plan.account,
    }


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """A plan for `--json` and the API; days are both included."""
    return {
        "request": encode(plan.request),
        "summary": summary_of(plan),
        "calls": [
            {
                "kind": p.call.kind,
                "timeframe": p.call.timeframe,
                "symbol": p.call.symbol,
                "from": p.call.span.start.isoformat(),
                "to": p.call.span.last.isoformat(),
                "cells": p.cells,
            }
            for p in plan.calls
        ],
        "skips": [
            {"timeframe": s.timeframe, "cause": s.cause, "cells": s.cells} for s in plan.skips
        ],
    }
