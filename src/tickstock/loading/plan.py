"""A plan: exactly which questions a job puts to the vendor, what for, and what they cost.

The plan is a value with two readers: one prints it, one performs it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tickstock.loading.grid import Grid
from tickstock.loading.request import LoadRequest
from tickstock.model import Call, CallKind, GapCause, Timeframe
from tickstock.spans import Span


@dataclass(frozen=True, slots=True)
class Item:
    """What the job should hold of one instrument and timeframe, counted in sessions.

    `expected` of the sessions in `span` should be held, `held` were so when the plan was made.
    Where `intervals` are given, only those days of the span count.
    """

    instrument_id: int
    symbol: str
    timeframe: Timeframe
    span: Span
    expected: int
    held: int
    intervals: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A question, and how many of the missing sessions it is asked for.

    A session that two calls would bring is counted with the whole-market one.
    """

    call: Call
    cells: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Sessions that are neither held nor asked for, and why; with a few examples."""

    timeframe: Timeframe
    cause: GapCause
    cells: int
    examples: tuple[tuple[str, Span], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job will do. Two plans with the same digest do the same from the same state.

    `calls` are in the order in which they are made. `expected_bars` and `bytes` (compressed,
    over the network) are estimates, and `seconds` follows from them and the vendor's call limit.
    `exact` says that no other calls are cheaper at the same prices; `least_seconds` is what is
    proven about them otherwise. A ticker call is priced by its row's whole missing range.
    `price` is money, where the vendor charges by the call. `account` says what the account includes
    of what is asked for, as far as refusals have told.
    """

    request: LoadRequest
    calls: tuple[PlannedCall, ...]
    items: tuple[Item, ...]
    skips: tuple[Skip, ...]
    expected_bars: int
    bytes: int
    seconds: float
    least_seconds: float
    exact: bool
    digest: str
    price: float = 0.0
    account: str = ""

    @property
    def cells(self) -> int:
        """Missing sessions that the calls are asked for."""
        return sum(planned.cells for planned in self.calls)

    @property
    def calls_by_kind(self) -> dict[CallKind, int]:
        return dict(Counter(planned.call.kind for planned in self.calls))


def digest_of(
    request: LoadRequest,
    calls: Iterable[PlannedCall],
    items: Iterable[Item],
    grids: Iterable[Grid],
) -> str:
    """SHA-256 of the request, the calls, and which sessions were held and missing, in hex.

    The same on every machine; it changes when any of them does.
    """
    asked = _span(request.span)
    text = {
        "request": [
            request.universe,
            request.symbols,
            request.timeframes,
            asked,
            request.refresh,
            [[_span(s) for s in intervals] for intervals in request.intervals],
            request.revision,
        ],
        "calls": [
            [p.call.kind, p.call.timeframe, p.call.symbol, _span(p.call.span), p.cells]
            for p in calls
        ],
        "items": [[i.symbol, i.timeframe, _span(i.span), i.expected, i.held] for i in items],
        "state": [
            [_hash(g.held.packed.tobytes()), _hash(g.missing.packed.tobytes())] for g in grids
        ],
    }
    canonical = json.dumps(text, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
    return _hash(canonical.encode())


def _span(span: Span) -> list[str]:
    return [span.start.isoformat(), span.end.isoformat()]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
