"""What a batch of answers adds to what is held. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from tickstock.loading.judge import session_index
from tickstock.model import Flags, Gain, Ints, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import ONE_DAY, Span

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Brought:
    """Bars that answers brought, ordered by instrument and time: whose they are, their times (see
    `model.BarTable`), the number of the answer in its batch, and whether they were new."""

    instrument: Ints
    at: Ints
    answer: Ints
    new: Flags


def gains_of(
    brought: Brought,
    origin: Callable[[int, int], str],
    timeframe: Timeframe,
    calendar: Calendar,
) -> list[Gain]:
    """One gain for each instrument. `origin` tells where the bars of an answer (its number) come
    from that are an instrument's (its id); of several answers the last one counts."""
    if not len(brought.at):
        return []
    first = np.flatnonzero(np.diff(brought.instrument, prepend=-1))
    edges = np.append(first, len(brought.at))
    unit = DAY_SECONDS if timeframe is Timeframe.DAY else 1
    columns = (
        brought.instrument[first],
        np.maximum.reduceat(brought.answer, first),
        np.add.reduceat(brought.new, first, dtype=np.int64),
        brought.at[first] * unit,
        brought.at[edges[1:] - 1] * unit,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    held = _held(session_index(brought.at, timeframe, calendar), edges, calendar)
    return [
        Gain(instrument, origin(answer, instrument), spans, new, start, end)
        for (instrument, answer, new, start, end), spans in zip(rows, held, strict=True)
    ]


def _held(session: Ints, edges: Ints, calendar: Calendar) -> Iterator[tuple[Span, ...]]:
    """The spans of each instrument, whose rows lie from one edge to the next. Most hold the same
    sessions as another one."""
    known: dict[bytes, tuple[Span, ...]] = {}
    for start, end in pairwise(edges.tolist()):
        mine = session[start:end]
        key = mine.tobytes()
        if key not in known:
            known[key] = tuple(_session_spans(mine, calendar))
        yield known[key]


def _session_spans(sessions: Ints, calendar: Calendar) -> Iterator[Span]:
    """Spans of days over runs of consecutive sessions, each up to the next session's day."""
    for run in np.split(sessions, np.flatnonzero(np.diff(sessions) > 1) + 1):
        yield Span(_day(calendar, int(run[0])), _day(calendar, int(run[-1]) + 1))


def _day(calendar: Calendar, index: int) -> date:
    """The day of a session; past the calendar's end, the day after its last session."""
    last = len(calendar) - 1
    return calendar.day(index) if index <= last else calendar.day(last) + ONE_DAY
