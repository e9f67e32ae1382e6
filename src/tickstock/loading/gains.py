"""What a batch of answers adds to what is held. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from tickstock.checksums import key_of
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


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """What is added, in columns: one row an instrument, as in `Gain`. Origin and held spans, which
    many have alike, stand in `kinds` at the place `kind`."""

    instrument: Ints
    kind: Ints
    bars: Ints
    first: Ints
    last: Ints
    kinds: tuple[tuple[str, tuple[Span, ...]], ...]

    @classmethod
    def of(cls, gains: Sequence[Gain]) -> Gains:
        rows = [(g.instrument_id, i, g.bars, g.first, g.last) for i, g in enumerate(gains)]
        instrument, kind, bars, first, last = np.array(rows, np.int64).reshape(-1, 5).T
        kinds = tuple((g.origin, g.held) for g in gains)
        return cls(instrument, kind, bars, first, last, kinds)

    def __len__(self) -> int:
        return len(self.instrument)

    def __iter__(self) -> Iterator[Gain]:
        columns = (self.instrument, self.kind, self.bars, self.first, self.last)
        for instrument, kind, bars, first, last in zip(*(c.tolist() for c in columns), strict=True):
            origin, held = self.kinds[kind]
            yield Gain(instrument, origin, held, bars, first, last)


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Where the bars of each answer of a batch come from, as numbers of `names`: one for an answer,
    but for the instruments that `others` has, by answer and instrument."""

    names: tuple[str, ...]
    default: Ints
    others: Mapping[tuple[int, int], int]

    @classmethod
    def of(cls, found: Sequence[tuple[str, Mapping[int, str]]]) -> Origins:
        """Given the origin of each answer, and the other ones by instrument."""
        names: dict[str, int] = {}
        default = [names.setdefault(origin, len(names)) for origin, _ in found]
        others = {
            (answer, instrument): names.setdefault(origin, len(names))
            for answer, (_, exceptions) in enumerate(found)
            for instrument, origin in exceptions.items()
        }
        return cls(tuple(names), np.array(default, np.int64), others)

    def codes(self, answer: Ints, instrument: Ints) -> Ints:
        """Of each pair, its number."""
        codes = self.default[answer]
        if self.others:
            answers, ids = np.array([*self.others], np.int64).T
            keys = key_of(answers, ids)
            order = np.argsort(keys)
            keys, values = keys[order], np.array([*self.others.values()], np.int64)[order]
            mine = key_of(answer, instrument)
            place = np.minimum(np.searchsorted(keys, mine), len(keys) - 1)
            codes = np.where(keys[place] == mine, values[place], codes)
        return codes

    def pairs(self, answer: Ints, instrument: Ints) -> tuple[Ints, Ints]:
        """Each instrument with each number of its bars' origins, once."""
        every = np.unique(instrument * len(self.names) + self.codes(answer, instrument))
        return every // max(len(self.names), 1), every % max(len(self.names), 1)


def gains_of(brought: Brought, origins: Origins, timeframe: Timeframe, calendar: Calendar) -> Gains:
    """One gain for each instrument. Of several answers the origin of the last one counts."""
    if not len(brought.at):
        return Gains.of(())
    first = np.flatnonzero(np.diff(brought.instrument, prepend=-1))
    edges = np.append(first, len(brought.at))
    unit = DAY_SECONDS if timeframe is Timeframe.DAY else 1
    instrument = brought.instrument[first]
    origin = origins.codes(np.maximum.reduceat(brought.answer, first), instrument)
    pattern, spans = _held(session_index(brought.at, timeframe, calendar), edges, calendar)
    kinds, kind = np.unique(origin * len(spans) + pattern, return_inverse=True)
    return Gains(
        instrument,
        kind.reshape(-1),
        np.add.reduceat(brought.new, first, dtype=np.int64),
        brought.at[first] * unit,
        brought.at[edges[1:] - 1] * unit,
        tuple((origins.names[k // len(spans)], spans[k % len(spans)]) for k in kinds.tolist()),
    )


def _held(
    session: Ints, edges: Ints, calendar: Calendar
) -> tuple[Ints, tuple[tuple[Span, ...], ...]]:
    """The spans of each instrument, whose rows lie from one edge to the next, by their number. Most
    hold the same sessions as another one."""
    known: dict[bytes, int] = {}
    pattern = [
        known.setdefault(session[start:end].tobytes(), len(known))
        for start, end in pairwise(edges.tolist())
    ]
    spans = (tuple(session_spans(np.frombuffer(k, np.int64), calendar)) for k in known)
    return np.array(pattern, np.int64), tuple(spans)


def session_spans(sessions: Ints, calendar: Calendar) -> Iterator[Span]:
    """Spans of days over runs of consecutive sessions, each up to the next session's day."""
    for run in np.split(sessions, np.flatnonzero(np.diff(sessions) > 1) + 1):
        yield Span(_day(calendar, int(run[0])), _day(calendar, int(run[-1]) + 1))


def _day(calendar: Calendar, index: int) -> date:
    """The day of a session; past the calendar's end, the day after its last session."""
    last = len(calendar) - 1
    return calendar.day(index) if index <= last else calendar.day(last) + ONE_DAY
