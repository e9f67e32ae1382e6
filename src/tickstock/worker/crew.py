"""Which of the open loads one process works on: the most urgent, those of one priority in turn."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLICE_SECONDS = 60.0
"""So long a load is worked on before it makes room for another one of the same priority."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """A load that is being worked on here, `since` when (in seconds of any steady clock)."""

    load_id: uuid.UUID
    priority: int
    since: float


@dataclass(frozen=True, slots=True)
class Waits:
    """A load that could be worked on; `last`: when it was here the last time, 0 if never."""

    load_id: uuid.UUID
    priority: int
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What to begin now, and what to hand back so that something else may begin."""

    begin: tuple[uuid.UUID, ...]
    hand_back: tuple[uuid.UUID, ...]


def next_turn(
    at_work: Sequence[AtWork], leaving: int, waiting: Sequence[Waits], places: int, now: float
) -> Turn:
    """Fill the free of `places`, the most urgent first and then who was here longest ago.

    Where there are too few places, loads of a lower priority are handed back for more urgent ones,
    and those that had their time for others of the same. `leaving` are being handed back already.
    """
    order = sorted(waiting, key=lambda w: (-w.priority, w.last))
    free = max(0, places - len(at_work) - leaving)
    begin, rest = order[:free], order[free + leaving :]
    back: list[uuid.UUID] = []
    by_worth = sorted(at_work, key=lambda a: (a.priority, a.since))
    for runs, waits in zip(by_worth, rest, strict=False):
        had_its_time = runs.priority == waits.priority and now - runs.since >= SLICE_SECONDS
        if not (runs.priority < waits.priority or had_its_time):
            break
        back.append(runs.load_id)
    return Turn(tuple(w.load_id for w in begin), tuple(back))


class Crew:
    """Keeps who is at work here. Times in seconds of one steady clock.

    Args:
        places: how many loads may be worked on side by side.
        rest: a load that left without having ended is not begun again before.
    """

    def __init__(self, places: int, rest: float) -> None:
        self._places = places
        self._rest = rest
        self._at_work: dict[uuid.UUID, AtWork] = {}
        self._leaving: set[uuid.UUID] = set()
        self._left: dict[uuid.UUID, float] = {}

    def turn(self, workable: Mapping[uuid.UUID, int], now: float) -> Turn:
        """What is due, of the loads that can be worked on (with their priorities)."""
        self._left = {i: at for i, at in self._left.items() if i in workable}
        waiting = [
            Waits(i, priority, self._left.get(i, 0.0))
            for i, priority in workable.items()
            if i not in self._at_work and now >= self._left.get(i, -self._rest) + self._rest
        ]
        staying = [a for i, a in self._at_work.items() if i not in self._leaving]
        found = next_turn(staying, len(self._leaving), waiting, self._places, now)
        self._leaving.update(found.hand_back)
        self._at_work |= {i: AtWork(i, workable[i], now) for i in found.begin}
        return found

    def left(self, load_id: uuid.UUID, now: float) -> None:
        """The load is no longer worked on here."""
        del self._at_work[load_id]
        self._leaving.discard(load_id)
        self._left[load_id] = now
