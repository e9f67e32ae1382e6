"""The chosen rows and columns against all possible choices, and against an independent solver."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching, maximum_flow

from tickstock.loading.bits import Bits
from tickstock.loading.cover import AS_EVER, Cover, Sampling, minimum_cover
from tickstock.model import Flags, Ints

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)


def cheapest(flags: Flags, row_cost: Ints, column_cost: Ints) -> int:
    """The least cost of all covers: every choice of rows, and the columns that it leaves."""
    costs = []
    for chosen in product([False, True], repeat=len(flags)):
        rows = np.array(chosen)
        columns = flags[~rows].any(axis=0)
        costs.append(int(row_cost[rows].sum() + column_cost[columns].sum()))
    return min(costs)


def check(flags: Flags, row_cost: Ints, column_cost: Ints, sampling: Sampling = AS_EVER) -> Cover:
    """The cover, after seeing that it covers, costs what it says, and beats single strategies."""
    found = minimum_cover(Bits.pack(flags), row_cost, column_cost, sampling)
    assert not flags[~found.rows][:, ~found.columns].any()
    assert found.cost == row_cost[found.rows].sum() + column_cost[found.columns].sum()
    assert found.bound <= found.cost
    assert found.cost <= row_cost[flags.any(axis=1)].sum()
    assert found.cost <= column_cost[flags.any(axis=0)].sum()
    return found


@st.composite
def problems(draw: st.DrawFn, most: int) -> tuple[Flags, Ints, Ints]:
    shape = draw(SHAPES)
    cost = st.integers(0, draw(st.sampled_from([1, 3, most])))
    flags = draw(hnp.arrays(np.bool_, shape))
    rows, columns = (np.array(draw(st.lists(cost, min_size=n, max_size=n))) for n in shape)
    return flags, rows, columns


@given(hnp.arrays(np.bool_, SHAPES))
def test_with_equal_costs_no_fewer_calls_are_possible(flags: Flags) -> None:
    one = np.ones(len(flags), np.int64), np.ones(flags.shape[1], np.int64)
    found = check(flags, *one)
    assert found.exact
    assert found.cost == cheapest(flags, *one)


@given(problems(1000))
@settings(max_examples=200)
def test_with_any_costs_none_is_cheaper(problem: tuple[Flags, Ints, Ints]) -> None:
    found = check(*problem)
    assert found.exact
    assert found.cost == cheapest(*problem)


@given(problems(1000), st.sampled_from((1, 2, 3)))
@settings(max_examples=200)
def test_cutting_tiny_samples_again_and_again_ends_with_the_same_cost(
    problem: tuple[Flags, Ints, Ints], block: int
) -> None:
    found = check(*problem, Sampling(edges=2, least_per_row=1, block=block))
    assert found.exact
    assert found.cost == cheapest(*problem)


@given(problems(1000))
def test_stopped_early_it_states_a_bound_that_holds(problem: tuple[Flags, Ints, Ints]) -> None:
    found = check(*problem, Sampling(edges=1, least_per_row=1, rounds=1, block=2))
    assert found.bound <= cheapest(*problem) <= found.cost


@given(problems(2**40))
def test_costs_beyond_32_bits_are_exact_too(
    problem: tuple[Flags, Ints, Ints],
) -> None:
    found = check(*problem)
    assert found.exact
    assert found.cost == cheapest(*problem)


def flow_value(flags: Flags, row_cost: Ints, column_cost: Ints) -> int:
    """The minimum cover's cost by one flow over all edges, without our reductions."""
    rows, columns = flags.shape
    graph = np.zeros((rows + columns + 2, rows + columns + 2), np.int32)
    graph[-2, :rows], graph[rows:-2, -1] = row_cost, column_cost
    graph[:rows, rows:-2][flags] = 2**31 - 1
    return int(maximum_flow(csr_array(graph), rows + columns, rows + columns + 1).flow_value)


RNG = np.random.default_rng(7)
SIDE = 300
PICTURES = {
    "scattered": RNG.random((SIDE, SIDE)) < 0.03,
    "dense": RNG.random((SIDE, SIDE)) < 0.5,
    "listings": np.arange(SIDE) >= RNG.integers(0, SIDE, SIDE)[:, None],
    "stale tails": np.arange(SIDE) >= SIDE - RNG.pareto(1.0, SIDE)[:, None] * 5,
    "crowded corner": RNG.random((SIDE, SIDE)) < RNG.random((SIDE, 1)) ** 4 * RNG.random(SIDE) ** 4,
}


@pytest.mark.parametrize("picture", PICTURES)
def test_larger_pictures_agree_with_plain_flow_and_matching(picture: str) -> None:
    """More rows than are looked at at once, and more edges than one sample has."""
    some = Sampling(edges=2000)
    flags = PICTURES[picture]
    one = np.ones(SIDE, np.int64)
    matching = maximum_bipartite_matching(csr_array(flags))
    assert check(flags, one, one, some).cost == np.count_nonzero(matching >= 0)
    weights = RNG.integers(1, 1000, (2, SIDE))
    weighted = check(flags, *weights, some)
    assert weighted.exact
    assert weighted.cost == flow_value(flags, *weights)


def test_ties_in_calls_go_to_the_smaller_answers() -> None:
    flags = np.eye(6, dtype=np.bool_)
    rows, columns = np.full(6, 1000), np.full(6, 1000)
    rows[:3] += 1
    columns[3:] += 1
    found = check(flags, rows, columns)
    assert found.rows.tolist() == [False] * 3 + [True] * 3
    assert found.columns.tolist() == [True] * 3 + [False] * 3


def test_the_choice_is_the_same_every_time() -> None:
    flags = PICTURES["stale tails"]
    one = np.ones(SIDE, np.int64)
    first, second = (minimum_cover(Bits.pack(flags), one, one) for _ in range(2))
    assert np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.columns, second.columns)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (3, 3)])
def test_nothing_missing_costs_nothing(shape: tuple[int, int]) -> None:
    costs = (np.ones(n, np.int64) for n in shape)
    found = minimum_cover(Bits.empty(*shape), *costs)
    assert (found.cost, found.bound) == (0, 0)
    assert not found.rows.any()
    assert not found.columns.any()
