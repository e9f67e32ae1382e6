"""Why sessions are not held, in columns: of a whole market many names lack one for the same reason.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tickstock.model import Gap, GapCause, Ints, epoch_day

CAUSES = sorted(GapCause)


@dataclass(frozen=True, slots=True, eq=False)
class SharedGap:
    """One gap that each of these instruments has; whose `gap` itself is does not count."""

    instrument: Ints
    gap: Gap

    def each(self) -> Iterable[Gap]:
        return (replace(self.gap, instrument_id=i) for i in self.instrument.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class GapColumns:
    """Gaps in columns: days since 1970 (half-open), and in `kinds`, at the place `kind`, one with
    the same cause, words and times."""

    instrument: Ints
    start: Ints
    end: Ints
    kind: Ints
    kinds: tuple[Gap, ...]

    @classmethod
    def of(cls, gaps: Sequence[Gap]) -> GapColumns:
        return cls.shared([SharedGap(np.array([h.instrument_id], np.int64), h) for h in gaps])

    @classmethod
    def shared(cls, gaps: Sequence[SharedGap]) -> GapColumns:
        """By instrument, days and cause; of two that say the same, the later one counts."""
        kinds = tuple(h.gap for h in gaps)
        kind = np.repeat(np.arange(len(gaps)), [len(h.instrument) for h in gaps])
        instrument = np.concatenate([np.empty(0, np.int64), *(h.instrument for h in gaps)])
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
