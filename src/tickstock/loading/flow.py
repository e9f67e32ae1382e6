"""The cheapest vertex cover of a bipartite graph: a maximum flow, pushed in waves.

Every left node sends what it costs along its edges, every right node lets through what it costs.
What cannot be let through is sent back and elsewhere, always nearer to where there is room, until
nothing can move: the first phase of push-relabel (Goldberg and Tarjan, 1988) with exact distances
in every round, and all nodes of one distance at once, which numpy does in a few operations.

Then the nodes from which room can still be reached have sent all they had, and the others
are full: that is a cover whose cost is the flow, so there is none cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickstock.model import Flags, Floats, Ints

FAR = np.iinfo(np.int64).max
FIRST_PARTS = 16
"""Into so many parts the nodes are cut that send for the first time, one after the other."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges sorted by their left node, and their `order` by the right one; those of a node begin
    at `of_left` and, in that order, at `of_right`."""

    left: Ints
    right: Ints
    order: Ints
    of_left: Ints
    of_right: Ints

    @classmethod
    def of(cls, left: Ints, right: Ints, lefts: int, rights: int) -> Edges:
        """Of edges that are sorted by their left node already."""
        order = np.argsort(right, kind="stable")
        of_left = np.searchsorted(left, np.arange(lefts + 1))
        of_right = np.searchsorted(right[order], np.arange(rights + 1))
        return cls(left, right, order, of_left, of_right)

    def from_left(self, nodes: Ints) -> Ints:
        """The edges of some left nodes, node by node."""
        return _ranges(self.of_left, nodes)

    def from_right(self, nodes: Ints) -> Ints:
        """The edges of some right nodes, node by node."""
        return self.order[_ranges(self.of_right, nodes)]


@dataclass(eq=False)
class FlowState:
    """What lies where: `waiting` at left nodes, `stuck` at right ones, `room` left in these, and
    the `flow` along each edge."""

    waiting: Ints
    stuck: Ints
    room: Ints
    flow: Ints


@dataclass(frozen=True, eq=False)
class Solved:
    """The `left` nodes of a cheapest cover, as few as possible, and what the cover costs; its right
    nodes are those with an edge to another left node. `flow` proves it."""

    left: Flags
    cost: int
    flow: Ints


def cheapest_cover(
    left: Ints, right: Ints, left_cost: Ints, right_cost: Ints, flow: Ints | None = None
) -> Solved:
    """Edge `i` joins `left[i]` and `right[i]`. Costs are whole numbers, 0 or more.

    `flow` is that of an earlier solution for the first edges: what it sent need not be sent anew.
    """
    first = np.argsort(left, kind="stable")
    edges = Edges.of(left[first], right[first], len(left_cost), len(right_cost))
    sent = np.zeros(len(left), np.int64)
    sent[: 0 if flow is None else len(flow)] = 0 if flow is None else flow
    used = np.diff(edges.of_left) > 0
    waiting = np.where(used, left_cost, 0)
    np.subtract.at(waiting, left, sent)
    came = np.zeros(len(right_cost), np.int64)
    np.add.at(came, right, sent)
    passed = np.minimum(came, right_cost)
    state = FlowState(waiting, came - passed, right_cost - passed, sent[first])
    _begin(edges, state)
    while True:
        near_left, near_right = _distances(edges, state)
        if not _push_all(edges, state, near_left, near_right):
            break
    sent[first] = state.flow
    return Solved(used & (near_left < FAR), int(right_cost.sum() - state.room.sum()), sent)


def _begin(edges: Edges, state: FlowState) -> None:
    """Send a first time, from those with the fewest ways first: others can go elsewhere."""
    ways = np.diff(edges.of_left)
    sources = np.argsort(ways, kind="stable")
    sources = sources[state.waiting[sources] > 0]
    for part in np.array_split(sources, FIRST_PARTS):
        _send(edges, state, np.sort(part), state.room > 0)


def _distances(edges: Edges, state: FlowState) -> tuple[Ints, Ints]:
    """Steps to the nearest room, of left and right nodes: from left to right any edge may be
    taken, back only one along which something was sent."""
    near_left, near_right = (np.full(len(n), FAR) for n in (state.waiting, state.stuck))
    found = np.flatnonzero(state.room > 0)
    near_right[found] = step = 0
    while True:
        lefts = edges.left[edges.from_right(found)]
        lefts = _distinct(lefts[near_left[lefts] == FAR], len(near_left))
        if not len(lefts):
            return near_left, near_right
        near_left[lefts] = step + 1
        back = edges.from_left(lefts)
        rights = edges.right[back[state.flow[back] > 0]]
        found = _distinct(rights[near_right[rights] == FAR], len(near_right))
        near_right[found] = step = step + 2


def _push_all(edges: Edges, state: FlowState, near_left: Ints, near_right: Ints) -> bool:
    """Move everything that can move one wave nearer to where there is room; whether any could."""
    left = near_left[(state.waiting > 0) & (near_left < FAR)]
    right = near_right[(state.stuck > 0) & (near_right < FAR)]
    farthest = int(max(left.max(initial=0), right.max(initial=0)))
    for step in range(farthest, 0, -1):
        if step % 2:
            sources = np.flatnonzero((state.waiting > 0) & (near_left == step))
            _send(edges, state, sources, near_right == step - 1)
        else:
            sources = np.flatnonzero((state.stuck > 0) & (near_right == step))
            _send_back(edges, state, sources, near_left == step - 1)
    return farthest > 0


def _send(edges: Edges, state: FlowState, sources: Ints, targets: Flags) -> None:
    """From left nodes to right ones, more to where there is much room and few others come."""
    picked = edges.from_left(sources)
    picked = picked[targets[edges.right[picked]]]
    if not len(picked):
        return
    owner, target = edges.left[picked], edges.right[picked]
    weights = np.maximum(state.room[target], 1) / np.diff(edges.of_right)[target]
    amounts = _shares(owner, weights, state.waiting)
    state.flow[picked] += amounts
    state.waiting[owner] = 0
    np.add.at(state.stuck, target, amounts)
    passed = np.minimum(state.stuck, state.room)
    state.stuck -= passed
    state.room -= passed


def _shares(owner: Ints, weights: Floats, amount: Ints) -> Ints:
    """The `amount` of each owner in whole parts by `weights`; equal owners are neighbours."""
    begins = _begins(owner)
    ends = np.append(begins[1:], len(owner))
    so_far = np.cumsum(weights)
    before = np.repeat(so_far[begins] - weights[begins], ends - begins)
    total = np.repeat(so_far[ends - 1], ends - begins) - before
    whole = amount[owner]
    upto = np.floor((so_far - before) / total * whole).astype(np.int64)
    upto = np.clip(upto, 0, whole)
    upto[ends - 1] = whole[ends - 1]  # whatever was rounded on the way
    parts: Ints = np.diff(upto, prepend=0)
    parts[begins] = upto[begins]
    return parts


def _send_back(edges: Edges, state: FlowState, sources: Ints, targets: Flags) -> None:
    """From right nodes to left ones, no more than came along each edge."""
    picked = edges.from_right(sources)
    picked = picked[(state.flow[picked] > 0) & targets[edges.left[picked]]]
    if not len(picked):
        return
    owner, came = edges.right[picked], state.flow[picked]
    begins = _begins(owner)
    before = np.cumsum(came) - came
    before -= np.repeat(before[begins], np.diff(np.append(begins, len(owner))))
    amounts = np.clip(state.stuck[owner] - before, 0, came)
    state.flow[picked] -= amounts
    np.subtract.at(state.stuck, owner, amounts)
    np.add.at(state.waiting, edges.left[picked], amounts)


def _begins(owner: Ints) -> Ints:
    """Where the runs of equal owners begin."""
    return np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))


def _distinct(nodes: Ints, count: int) -> Ints:
    flags = np.zeros(count, np.bool_)
    flags[nodes] = True
    return np.flatnonzero(flags)


def _ranges(begin: Ints, nodes: Ints) -> Ints:
    """The numbers from `begin[n]` up to `begin[n + 1]` for each of `nodes`."""
    counts = begin[nodes + 1] - begin[nodes]
    ends = np.cumsum(counts)
    return np.repeat(begin[nodes] - (ends - counts), counts) + np.arange(
        ends[-1] if len(ends) else 0
    )
