"""Why sessions are not held, in columns: of a whole market many names lack one for the same reason.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tickstock.model import Hole, HoleCause, Ints, epoch_day

CAUSES = sorted(HoleCause)


@dataclass(frozen=True, slots=True, eq=False)
class SharedHole:
    """One hole that each of these instruments has; whose `hole` itself is does not count."""

    instrument: Ints
    hole: Hole

    def each(self) -> Iterable[Hole]:
        return (replace(self.hole, instrument_id=i) for i in self.instrument.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class HoleColumns:
    """Holes in columns: days since 1970 (half-open), and in `kinds`, at the place `kind`, one with
    the same cause, words and times."""

    instrument: Ints
    start: Ints
    end: Ints
    kind: Ints
    kinds: tuple[Hole, ...]

    @classmethod
    def of(cls, holes: Sequence[Hole]) -> HoleColumns:
        return cls.shared([SharedHole(np.array([h.instrument_id], np.int64), h) for h in holes])

    @classmethod
    def shared(cls, holes: Sequence[SharedHole]) -> HoleColumns:
        """By instrument, days and cause; of two that say the same, the later one counts."""
        kinds = tuple(h.hole for h in holes)
        kind = np.repeat(np.arange(len(holes)), [len(h.instrument) for h in holes])
        instrument = np.concatenate([np.empty(0, np.int64), *(h.instrument for h in holes)])
        spans = [(epoch_day(h.span.start), epoch_day(h.span.end), CAUSES.index(h.cause))
                 for h in kinds]  # fmt: skip
        start, end, cause = np.array(spans, np.int64).reshape(-1, 3).T[:, kind]
        keys = (cause, end, start, instrument)
        order = np.lexsort((kind, *keys))
        again = [np.diff(key[order]) == 0 for key in keys]
        kept = order[np.append(~np.logical_and.reduce(again), True)[: len(order)]]
        return cls(instrument[kept], start[kept], end[kept], kind[kept], kinds)

    def __len__(self) -> int:
        return len(self.instrument)
