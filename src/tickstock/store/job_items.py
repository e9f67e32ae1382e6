"""What a job was asked to hold: an instrument in a timeframe."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg.types.multirange import Multirange

from tickstock.loading.plan import Plan
from tickstock.loading.targets import Target
from tickstock.model import Instrument, Timeframe
from tickstock.spans import Span
from tickstock.store import coverage, instruments, rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("job_items.sql")


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One instrument in one timeframe of a job, as it was when the job was submitted."""

    instrument_id: int
    symbol: str
    timeframe: Timeframe
    span: Span
    expected: int
    held_before: int
    intervals: tuple[Span, ...] = ()


def read(connection: Connection, load_id: uuid.UUID) -> list[ItemRow]:
    return rows.every(connection, _item, QUERIES["items"], {"load_id": load_id})


def _item(
    timeframe: str, start: date, end: date, intervals: Multirange[date] | None, **rest: Any
) -> ItemRow:
    return ItemRow(
        timeframe=Timeframe(timeframe), span=Span(start, end), intervals=_spans(intervals), **rest
    )


def targets(connection: Connection, load_id: uuid.UUID) -> dict[Timeframe, tuple[Target, ...]]:
    """What a job wants of its instruments, each under the tickers that it had at the time."""
    items = read(connection, load_id)
    plain = {i.instrument_id: Instrument(i.instrument_id, i.symbol) for i in items}
    dated = {i.id: i for i in instruments.with_lifetimes(connection, [*plain.values()])}
    holds = coverage.first_and_last(connection, [*plain])
    known = {i for i, _ in holds}
    found: dict[Timeframe, list[Target]] = {}
    for item in items:
        one = dated[item.instrument_id]
        found.setdefault(item.timeframe, []).extend(
            Target(
                one.id,
                t.symbol,
                t.span,
                item.intervals,
                one.listed,
                one.delisted,
                holds.get((one.id, item.timeframe)),
                one.id in known,
            )
            for t in one.called(item.span)
        )
    return {timeframe: tuple(wanted) for timeframe, wanted in found.items()}


def add(connection: Connection, load_id: uuid.UUID, plan: Plan) -> None:
    if not plan.items:
        return
    connection.execute(
        QUERIES["add_items"],
        {
            "load_id": load_id,
            "ids": [i.instrument_id for i in plan.items],
            "timeframes": [i.timeframe for i in plan.items],
            "symbols": [i.symbol for i in plan.items],
            "starts": [i.span.start for i in plan.items],
            "ends": [i.span.end for i in plan.items],
            "expected": [i.expected for i in plan.items],
            "held": [i.held for i in plan.items],
            "intervals": [
                rows.multirange(i.intervals) if i.intervals else None for i in plan.items
            ],
        },
    )


def _spans(ranges: Multirange[date] | None) -> tuple[Span, ...]:
    found = ((r.lower, r.upper) for r in ranges or ())
    return tuple(Span(start, end) for start, end in found if start and end)
