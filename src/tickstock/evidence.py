"""Which of the splits and dividends recorded of one day explain the night before it. Pure.

The raw prices are the witness: of all sets of records, the one stands whose expected move is
nearest to the move from the last close to the open. Where the sets are too near to each other for
a night's ordinary move, the witness is silent and the records decide, the last one first.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

DECIDES = 0.05
"""By how much, as a logarithm, one set must be nearer than what the records say by themselves: more
than most nights move by."""
DECISIVE_MOVE = 0.25
"""Below this logarithm of its factor (about 5-for-4) a split drowns in an ordinary night's move."""
MANY = 6
"""With more claims than these, sets of one and of two are weighed, not all sets."""


class Sort(enum.Enum):
    """Of one sort, the records of a day are taken for one event, but for dividends."""

    SPLIT = enum.auto()
    SPIN_OFF = enum.auto()
    DIVIDEND = enum.auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one record says happened at the open: prices were multiplied by `factor`, and `cash` per
    share in the units after the splits was left out of them."""

    sort: Sort
    factor: float = 1.0
    cash: float = 0.0


@dataclass(frozen=True, slots=True)
class Night:
    """The last close before the day `day` (since 1970), which is the first with a bar, its open."""

    day: int
    close: float
    opened: float

    @property
    def moved(self) -> float:
        return math.log(self.opened / self.close)


class ClaimVerdict(enum.Enum):
    """What the bars say to a set of claims."""

    CONFIRMED = enum.auto()
    DENIED = enum.auto()
    SILENT = enum.auto()


@dataclass(frozen=True, slots=True)
class Weighed:
    """Which claims stand, by their places. `off`: how far their expected move is from the night's,
    as a logarithm; `margin`: how much farther the next best set is, `nothing` included. Both are
    None without a night. `told`: the bars, not the order of the records, decided."""

    stands: tuple[int, ...]
    verdict: ClaimVerdict
    off: float | None = None
    margin: float | None = None
    told: bool = False


def weigh(claims: Sequence[Claim], night: Night | None) -> Weighed:
    """The set of claims on one day that stands."""
    said = _as_said(claims)
    if night is None:
        return Weighed(said, ClaimVerdict.SILENT)
    options = list(dict.fromkeys(chain([said], _sets(len(claims)))))
    off = {s: _off(expected(claims, s, night.close), night.moved) for s in options}
    best = min(options, key=lambda s: (off[s], len(s)))
    told = off[said] - off[best] > DECIDES
    stands = best if told else said
    outcome = expected(claims, stands, night.close)
    others = [abs(night.moved), *(d for s, d in off.items() if not _same(claims, s, stands, night))]
    margin = min(others) - off[stands]
    decided = told or (margin > DECIDES and off[stands] == min(off.values()))
    return Weighed(stands, verdict(outcome, night.moved), off[stands], margin, decided)


def _as_said(claims: Sequence[Claim]) -> tuple[int, ...]:
    """The last split and the last spin-off, and all dividends."""
    last = {c.sort: i for i, c in enumerate(claims)}
    return tuple(i for i, c in enumerate(claims) if c.sort is Sort.DIVIDEND or last[c.sort] == i)


def _sets(count: int) -> Iterator[tuple[int, ...]]:
    largest = count if count <= MANY else 2
    for size in range(1, largest + 1):
        yield from combinations(range(count), size)


def expected(claims: Sequence[Claim], chosen: Iterable[int], close: float) -> float | None:
    """The logarithm of the move that a set of claims asks for; None where nothing would be left."""
    picked = [claims[i] for i in chosen]
    units = math.prod(c.factor for c in picked if c.sort is Sort.SPLIT)
    left = 1.0 - sum(c.cash for c in picked) / (close * units)
    if left <= 0:
        return None
    return math.log(left) + sum(math.log(c.factor) for c in picked)


def _off(expected_move: float | None, moved: float) -> float:
    return math.inf if expected_move is None else abs(moved - expected_move)


def _same(claims: Sequence[Claim], a: Iterable[int], b: Iterable[int], night: Night) -> bool:
    """Whether two sets ask for the same move."""
    one, other = expected(claims, a, night.close), expected(claims, b, night.close)
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, abs_tol=1e-9)


def verdict(expected_move: float | None, moved: float) -> ClaimVerdict:
    """Confirmed when the price moved to within half of the way; denied when it hardly moved."""
    if expected_move is None or abs(expected_move) < DECISIVE_MOVE:
        return ClaimVerdict.SILENT
    if abs(moved - expected_move) <= 0.5 * abs(expected_move):
        return ClaimVerdict.CONFIRMED
    return ClaimVerdict.DENIED if abs(moved) <= 0.25 * abs(expected_move) else ClaimVerdict.SILENT
