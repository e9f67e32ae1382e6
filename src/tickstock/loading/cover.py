"""The cheapest rows and columns that together hold every missing cell.

A missing cell is an edge between its row (asked by a ticker call) and its column (asked by a
whole-market call). Choosing calls is a minimum-weight vertex cover of that bipartite graph, which
a minimum cut solves exactly (König, Egerváry). Thirty million edges need not go into the cut:

1. A row left out forces the columns of all its cells; where those cost more than a cover that is
   known already, the row is in every cheapest cover. The same for columns. This alone solves
   most plans.
2. The rest is cut on a sample of the edges. The result is a lower bound, as fewer edges never
   need more; where it covers the other edges too, it is the minimum. Otherwise the edges it
   leaves uncovered are sampled in turn, and the cut is taken again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tickstock.loading.bits import BLOCK, Bits
from tickstock.loading.flow import cheapest_cover
from tickstock.model import Flags, Floats, Ints

FORCING_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Sampling:
    """How edges are sampled. `edges` per sample: below so many, all are taken, and a cut of them
    takes about 20 ms. With about 16 random ones per row, hardly ever is an edge left uncovered.
    `block` rows are looked at at once."""

    edges: int = 200_000
    least_per_row: int = 16
    rounds: int = 40
    block: int = BLOCK


AS_EVER = Sampling()


@dataclass(frozen=True, eq=False)
class Cover:
    """The chosen rows and columns and what they cost; no cover costs less than `bound`."""

    rows: Flags
    columns: Flags
    cost: int
    bound: int

    @property
    def exact(self) -> bool:
        return self.cost == self.bound


def minimum_cover(
    missing: Bits, row_cost: Ints, column_cost: Ints, sampling: Sampling = AS_EVER
) -> Cover:
    """Rows and columns of least total cost such that each missing cell is in one of them.

    Costs are whole numbers, 0 or more, one per row and column. Never dearer than all rows with
    missing cells, or all columns. The same input gives the same choice everywhere.
    """
    rows, columns = _forced(missing, row_cost, column_cost)
    paid = int(row_cost[rows].sum() + column_cost[columns].sum())
    left = missing.without(rows, columns)
    if not left:
        return Cover(rows, columns, paid, paid)
    rest = _cut_by_samples(left, row_cost, column_cost, sampling)
    return Cover(rows | rest.rows, columns | rest.columns, paid + rest.cost, paid + rest.bound)


def _forced(missing: Bits, row_cost: Ints, column_cost: Ints) -> tuple[Flags, Flags]:
    """Rows and columns that are in every cheapest cover, as far as counting tells."""
    rows, columns = np.zeros(len(missing), np.bool_), np.zeros(missing.columns, np.bool_)
    left = missing
    for _ in range(FORCING_ROUNDS):
        more_columns = _too_full(left.column_counts(), column_cost, row_cost[left.any_in_row()])
        columns |= more_columns
        left = left.without(rows, columns)
        more_rows = _too_full(left.row_counts(), row_cost, column_cost[left.any_in_column()])
        rows |= more_rows
        left = left.without(rows, columns)
        if not left or not (more_rows.any() or more_columns.any()):
            break
    return rows, columns


def _too_full(counts: Ints, cost: Ints, across: Ints) -> Flags:
    """Lines whose cells, taken one by one across, cost more than a known cover of everything.

    `counts` are the cells of each line and `cost` is what it costs; `across` are the costs of the
    lines across that have cells. Taking a line leaves the counts of its like as they are, and
    makes the known cover of the rest cheaper: so one pass after another may force more.
    """
    forced = np.zeros(len(counts), np.bool_)
    if not len(across):
        return forced
    all_across, cheapest = int(across.sum()), int(across.min())
    while True:
        live = (counts > 0) & ~forced
        more = live & (counts * cheapest > min(all_across, int(cost[live].sum())))
        if not more.any():
            return forced
        forced |= more


def _cut_by_samples(left: Bits, row_cost: Ints, column_cost: Ints, sampling: Sampling) -> Cover:
    """Cut, look for uncovered cells, add some of them, and again; the best cover found."""
    nothing = Cover(np.zeros(len(left), np.bool_), np.zeros(left.columns, np.bool_), 0, 0)
    best = _completed(nothing, left, row_cost, column_cost)
    edges, flow = _sample(left, sampling), None
    for _ in range(sampling.rounds):
        cut, flow = _minimum_cut(edges, row_cost, column_cost, flow)
        uncovered = left.without(cut.rows, cut.columns)
        whole = _completed(cut, uncovered, row_cost, column_cost)
        cheaper = whole if whole.cost < best.cost else best
        best = replace(cheaper, bound=max(best.bound, cut.bound))
        if best.exact or not uncovered:
            break
        # None of these is among the earlier ones, which are covered: no edge comes twice.
        edges = np.concatenate([edges, _sample(uncovered, sampling)])
    return best


def _completed(part: Cover, uncovered: Bits, row_cost: Ints, column_cost: Ints) -> Cover:
    """`part`, and all rows with uncovered cells, or all such columns, whichever is cheaper."""
    rows, columns = uncovered.any_in_row(), uncovered.any_in_column()
    by_row, by_column = int(row_cost[rows].sum()), int(column_cost[columns].sum())
    if by_row <= by_column:
        return replace(part, rows=part.rows | rows, cost=part.cost + by_row)
    return replace(part, columns=part.columns | columns, cost=part.cost + by_column)


def _sample(cells: Bits, sampling: Sampling) -> Ints:
    """Numbers (row times columns, plus column) of some set cells: up to a quota in each row."""
    counts = cells.row_counts()
    if counts.sum() <= sampling.edges:
        quota = cells.columns
    else:
        quota = max(sampling.least_per_row, sampling.edges // int(np.count_nonzero(counts)))
    parts = [np.empty(0, np.int64)]
    for first, flags in cells.blocks(block=sampling.block):
        found = np.flatnonzero(flags)
        ranks = _ranks(counts[first : first + len(flags)], quota, first)
        parts.append(found[ranks] + first * cells.columns)
    return np.concatenate(parts)


def _ranks(counts: Ints, quota: int, seed: int) -> Ints:
    """Which of the cells of a block to take: in each row one from each of `quota` equal parts."""
    taken = np.minimum(counts, quota)
    line = np.repeat(np.arange(len(counts)), taken)
    turn = np.arange(len(line)) - (np.cumsum(taken) - taken)[line]
    low, high = (edge * counts[line] // taken[line] for edge in (turn, turn + 1))
    begins = np.cumsum(counts) - counts
    picked: Ints = (
        begins[line] + low + (_scatter(line + seed, turn) * (high - low)).astype(np.int64)
    )
    return picked


def _scatter(line: Ints, turn: Ints) -> Floats:
    """Numbers in [0, 1) that look random and are the same on every machine and version."""
    mixed = (line * 2_654_435_761 + turn).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(40)) / 2**24


def _minimum_cut(
    edges: Ints, row_cost: Ints, column_cost: Ints, flow: Ints | None = None
) -> tuple[Cover, Ints]:
    """The minimum cover of `edges` alone; of several the one with the fewest columns. Also the flow
    that proves it, with which a cut of more edges may begin."""
    row, column = np.divmod(edges, len(column_cost))
    solved = cheapest_cover(column, row, column_cost, row_cost, flow)
    rows = np.zeros(len(row_cost), np.bool_)
    rows[row[~solved.left[column]]] = True
    return Cover(rows, solved.left, solved.cost, solved.cost), solved.flow
