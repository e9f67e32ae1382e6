"""Whom symbols mean that are to be looked at, and on which days each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tickstock.model import Instrument
from tickstock.spans import Span
from tickstock.store import instruments
from tickstock.store.connection import Connection


@dataclass(frozen=True, slots=True)
class SeenInstruments:
    """Instruments in the order of their symbols; `intervals`, where days are meant of each, are
    those. `unknown` are the symbols never heard of, each with the days that are meant of it."""

    instruments: tuple[Instrument, ...]
    intervals: tuple[tuple[Span, ...], ...]
    unknown: Mapping[str, tuple[Span, ...]]


def find_seen(
    connection: Connection,
    symbols: Sequence[str],
    span: Span | None,
    intervals: Sequence[tuple[Span, ...]] = (),
) -> SeenInstruments:
    """Whom `symbols` mean in `span`, or with `intervals`, one entry a symbol, on those days: as a
    job of them asks, a symbol that two had after each other means both."""
    if intervals and span is not None:
        wanted = list(zip(symbols, intervals, strict=True))
        found = instruments.foresee_dated(connection, wanted, span)
        place = {symbol: n for n, symbol in enumerate(symbols)}
        found.sort(key=lambda one: place[one[0].symbol])
        known = [(one, days) for one, days in found if one.id > 0]
        unknown = {one.symbol: days for one, days in found if one.id < 0}
        return SeenInstruments(
            tuple(one for one, _ in known), tuple(days for _, days in known), unknown
        )
    symbols = tuple(dict.fromkeys(symbols))
    held = instruments.find_held(connection, symbols, span)
    days = (span,) if span else ()
    return SeenInstruments(
        tuple(held[s] for s in symbols if s in held),
        (),
        {s: days for s in symbols if s not in held},
    )
