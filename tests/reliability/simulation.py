"""Workers, a ledger and a budget in a world of their own: thousands of schedules a second.

A schedule is all that a seed says: how many calls and workers, how long answers take, who dies,
freezes or is told to stop and when, when the database is away, what the vendor refuses. Time is
virtual, one event follows another, and so a seed that fails does so each time:

    python -m tests.reliability.simulation --seed 4711      one schedule, told event by event
    python -m tests.reliability.simulation --count 100000   seeds 0 to 99,999, on all cores

The ledger and the budget are those of `model.py`; the workers mirror `worker/drain.py` (claim,
fetch, commit in batches, give up, hand back), `worker/heartbeat.py`, `worker/gate.py`, and from
there to the verdict `worker/actions.py` and `service/jobs.py`. Not mirrored: bars (a call's answer
is one write), and a freeze between the look at the clock and the sending of a request, which no
program can exclude.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.reliability.model import (
    DONE,
    FAILED,
    OPEN,
    Budget,
    Held,
    Ledger,
)
from tickstock.loading.poison import MOST_LOST, is_poison

LEASE, ATTEMPTS, MOST, BATCH = 1_000, 3, 2, 3
SPLITS_AND_DIVIDENDS = 2
"""Calls that are made for them."""
CALM_AFTER = 6_000
"""From then on nothing more goes wrong, so that every job must end."""
TOO_LONG = 120_000
ACTIONS = -1
JITTER = 20
"""Milliseconds that requests take to the vendor, which counts them when they come."""


class Violation(AssertionError):
    """What must never be, was."""


@dataclass
class Variant:
    """What is built in wrong on purpose, to see that the simulation finds it."""

    fenced: bool = True
    one_budget: bool = True
    once: bool = True
    looks: bool = True
    """Whether a worker looks at its own lease before it sends."""


@dataclass
class Process:
    """A worker. `life` is raised by its death: what was on its way for an earlier one is lost."""

    name: str
    priority: int = 0
    life: int = 0
    is_alive: bool = True
    stopping: bool = False
    frozen_until: int = 0
    held: dict[int, int] = field(default_factory=dict)
    good: dict[int, int] = field(default_factory=dict)
    """Until when the leases are, as it knows; that of splits and dividends under ACTIONS."""
    ready: list[Held] = field(default_factory=list)
    is_alone: bool = False
    asking: int | None = None
    """The fence under which it asks for splits and dividends."""
    committing: bool = False
    grants: list[int] = field(default_factory=list)


class World:
    """One schedule."""

    def __init__(self, seed: int, variant: Variant | None = None) -> None:
        self.dice = dice = random.Random(seed)
        self.variant = variant or Variant()
        self.now, self.numbers = 0, itertools.count()
        self.events: list[
            tuple[int, int, Process | None, int, Callable[..., None], tuple[Any, ...]]
        ] = []
        given = self.variant
        self.ledger = Ledger(dice.randint(1, 5), fenced=given.fenced, once=given.once)
        self.asked_late = self.known = 0
        self.was_cancelled = False
        self.is_refused = dice.random() < 0.2
        self.limit, self.window = dice.choice([(5, 2_000), (100, 1_000)])
        self.spacing = self.window * 21 // (20 * self.limit)
        self.late = max(self.spacing // 20, 20)
        self.shared = Budget(0)
        self.budgets: dict[str, Budget] = {}
        self.arrivals: list[int] = []
        self.writes = [0] * len(self.ledger.calls)
        self.longest = dice.choice([50, 400, 2_500])
        self.outages = [self._span(800) for _ in range(dice.randint(0, 2))]
        urgency = dice.choice([(0,), (0, 0, 30)])
        self.workers = [Process(f"w{i}", dice.choice(urgency)) for i in range(dice.randint(1, 4))]
        self.told: list[str] | None = None
        self._set_the_scene()

    def _span(self, longest: int) -> tuple[int, int]:
        start = self.dice.randrange(CALM_AFTER)
        return start, start + self.dice.randint(1, longest)

    def _set_the_scene(self) -> None:
        dice = self.dice
        for worker in self.workers:
            self.at(dice.randrange(50), worker, self.claim)
            self.at(LEASE // 3, worker, self.beat)
            for _ in range(dice.choice([0, 0, 1, 2])):
                what = dice.choice([self.die, self.freeze, self.freeze, self.stop])
                self.at(dice.randrange(CALM_AFTER), None, what, worker)
        if dice.random() < 0.1:
            self.at(dice.randrange(CALM_AFTER), None, self.cancel)
        self.at(CALM_AFTER + 1, None, self.calm)

    # -- time ------------------------------------------------------------------------------------
    def at(
        self, delay: int, worker: Process | None, what: Callable[..., None], *about: Any
    ) -> None:
        life = worker.life if worker else 0
        event = (self.now + delay, next(self.numbers), worker, life, what, about)
        heapq.heappush(self.events, event)

    def run(self) -> World:
        while not self.ledger.has_ended or self.now <= CALM_AFTER:
            if not self.events or self.now > TOO_LONG:
                raise Violation(f"the job does not end: {self._rows()}")
            self.now, _, worker, life, what, about = heapq.heappop(self.events)
            if worker is None:
                what(*about)
            elif worker.life == life and worker.is_alive:
                self._do(worker, what, about)
        self._judge()
        return self

    def _do(self, worker: Process, what: Callable[..., None], about: tuple[Any, ...]) -> None:
        if self.now < worker.frozen_until:
            # The heartbeat has to ask the database first.
            late = self.dice.randint(1, 40) if what == self.beat else 0
            self.at(worker.frozen_until - self.now + late, worker, what, *about)
            return
        if self.told is not None:
            self.told.append(f"{self.now:6} {worker.name} {what.__name__} {about or ''}")
        what(worker, *about)

    def is_away(self, worker: Process, what: Callable[..., None], *about: Any) -> bool:
        """Whether the database is; then the worker does the same again when it is back."""
        for start, end in self.outages:
            if start <= self.now < end:
                self.at(end - self.now + self.dice.randrange(200), worker, what, *about)
                return True
        return False

    # -- what a worker does ----------------------------------------------------------------------
    def claim(self, worker: Process) -> None:
        if worker.stopping or self.is_away(worker, self.claim):
            return
        free = 0 if worker.held and worker.is_alone else MOST - len(worker.held)
        if free > 0:
            alone = not worker.held
            if alone:
                self.ledger.set_aside(self.now)
            found = self.ledger.claim(self.now, worker.name, free, LEASE, alone=alone)
            worker.is_alone = any(self.ledger.calls[i].lost for i, _ in found)
            for held in found:
                self._claimed(worker, *held)
        if not worker.held and not self.ledger.has_open_calls and worker.asking is None:
            self.at(self.dice.randint(0, 60), worker, self.begin_actions)
        self.at(self.dice.randint(20, 300), worker, self.claim)

    def _claimed(self, worker: Process, i: int, fence: int) -> None:
        if self.writes[i]:
            raise Violation(f"call {i} was finished and is claimed again")
        worker.held[i], worker.good[i] = fence, self.now + LEASE
        self.at(0, worker, self.ask, i, fence)

    def beat(self, worker: Process) -> None:
        if self.is_away(worker, self.beat):
            return
        ours = self.ledger.renew(self.now, list(worker.held.items()), LEASE)
        worker.held = {i: worker.held[i] for i in ours}
        worker.good |= dict.fromkeys(ours, self.now + LEASE)
        if worker.asking is not None:
            self._hold_on(worker)
        self.at(LEASE // 3, worker, self.beat)

    def ask(self, worker: Process, i: int, fence: int) -> None:
        """Pass the gate, then ask."""
        if worker.held.get(i) != fence:
            return  # the lease was lost: its task was ended
        if not worker.grants and not self._take(worker, i, fence):
            return
        due = worker.grants.pop(0)
        self.at(max(due - self.now, 0), worker, self.send, i, fence, due)

    def _take(self, worker: Process, i: int, fence: int) -> bool:
        if self.is_away(worker, self.ask, i, fence):
            return False
        n = max(1, 100 // self.spacing)
        wait = self._budget(worker).take(self.now, n, self.spacing, self.late, worker.priority)
        if wait > 0:
            self.at(wait, worker, self.ask, i, fence)
            return False
        worker.grants = [self.now + wait + k * self.spacing for k in range(n)]
        return True

    def _budget(self, worker: Process) -> Budget:
        if self.variant.one_budget:
            return self.shared
        return self.budgets.setdefault(worker.name, Budget(0))

    def send(self, worker: Process, i: int, fence: int, due: int) -> None:
        if worker.held.get(i) != fence:
            return
        if self.now - due > self.late:
            self.ask(worker, i, fence)
            return
        if self.variant.looks and self.now >= worker.good[i]:
            if not self.is_away(worker, self.send, i, fence, due):
                self._look_first(worker, i, fence)
            return
        self.asked_late += self.ledger.calls[i].state == DONE and not self.was_cancelled
        self.arrivals.append(self.now + self.dice.randrange(JITTER))
        self.at(self.dice.randint(1, self.longest), worker, self.answered, i, fence)

    def _look_first(self, worker: Process, i: int, fence: int) -> None:
        """By its clock the lease may be lost: it sends only when it holds it anew."""
        if self.ledger.renew(self.now, [(i, fence)], LEASE):
            worker.good[i] = self.now + LEASE
            self.ask(worker, i, fence)
        else:
            del worker.held[i]

    def answered(self, worker: Process, i: int, fence: int) -> None:
        if worker.held.get(i) != fence:
            return
        outcome = self.dice.random() if self.now < CALM_AFTER else 1.0
        if outcome < 0.25:
            worker.held.pop(i)
            self.give_up(worker, i, fence, outcome)
            return
        worker.ready.append((i, fence))
        if not worker.committing:
            worker.committing = True
            self.at(self.dice.randint(0, 30), worker, self.commit)

    def give_up(self, worker: Process, i: int, fence: int, outcome: float) -> None:
        if self.is_away(worker, self.give_up, i, fence, outcome):
            return
        if outcome < 0.05:  # too many calls: not counted
            self.shared.push_back(self.now, 300)
            self.ledger.postpone(self.now, (i, fence), 300, refund=True)
        elif outcome < 0.22 and self.ledger.calls[i].attempt < ATTEMPTS:
            self.ledger.postpone(self.now, (i, fence), self.dice.randint(50, 500), refund=False)
        else:
            self.ledger.fail((i, fence))

    def commit(self, worker: Process) -> None:
        if self.is_away(worker, self.commit):
            return
        batch, worker.ready = worker.ready[:BATCH], worker.ready[BATCH:]
        for i in self.ledger.finish_calls(batch):
            self.writes[i] += 1
            if self.writes[i] > 1:
                raise Violation(f"call {i} was written twice")
        for i, fence in batch:
            if worker.held.get(i) == fence:
                del worker.held[i]
        worker.committing = bool(worker.ready)
        if worker.ready:
            self.at(1, worker, self.commit)

    # -- after the bars --------------------------------------------------------------------------
    def begin_actions(self, worker: Process) -> None:
        """As `service.actions.claim`: in one transaction."""
        if worker.stopping or worker.asking is not None:
            return
        if self.is_away(worker, self.begin_actions):
            return
        ledger = self.ledger
        if ledger.has_ended or ledger.has_open_calls:
            return
        was_over = ledger.actions.is_over
        fence = None
        if self.is_due or not ledger.once:
            fence = ledger.claim_actions(self.now, worker.name, LEASE)
        else:
            ledger.settle_actions(self.now)
        if fence is None:
            self.at(self.dice.randint(0, 60), worker, self.verdict)
        elif is_poison(ledger.actions.lost, ledger.beside(self.now, None, worker.name)):
            ledger.end_actions(worker.name, fence, FAILED)
        else:
            if was_over:
                raise Violation("splits and dividends were asked for, and are claimed again")
            worker.asking, worker.good[ACTIONS] = fence, self.now + LEASE
            self.at(self.dice.randint(0, 60), worker, self.ask_actions, fence)

    @property
    def is_due(self) -> bool:
        return self.known < SPLITS_AND_DIVIDENDS

    def _hold_on(self, worker: Process) -> bool:
        assert worker.asking is not None
        if self.ledger.renew_actions(self.now, worker.name, worker.asking, LEASE):
            worker.good[ACTIONS] = self.now + LEASE
            return True
        worker.asking = None
        return False

    def ask_actions(self, worker: Process, fence: int) -> None:
        if worker.asking != fence or self.is_away(worker, self.ask_actions, fence):
            return
        if self.now >= worker.good[ACTIONS] and not self._hold_on(worker):
            return
        if self.is_refused or not self.is_due:
            self.at(self.dice.randint(0, 40), worker, self.end_actions, fence)
            return
        self.at(self.dice.randint(1, self.longest), worker, self.write_actions, fence)

    def write_actions(self, worker: Process, fence: int) -> None:
        if worker.asking != fence or self.is_away(worker, self.write_actions, fence):
            return
        if not self.ledger.count_actions(worker.name, fence):
            worker.asking = None
            return
        if self.ledger.actions.fence != fence or self.ledger.has_ended:
            raise Violation("a late answer was written")
        self.known += 1
        self.at(0, worker, self.ask_actions, fence)

    def end_actions(self, worker: Process, fence: int) -> None:
        if worker.asking != fence or self.is_away(worker, self.end_actions, fence):
            return
        worker.asking = None
        if self.ledger.end_actions(worker.name, fence, FAILED if self.is_refused else DONE):
            self.at(self.dice.randint(0, 60), worker, self.verdict)

    def verdict(self, worker: Process) -> None:
        if self.is_away(worker, self.verdict):
            return
        if self.ledger.once and not self.ledger.actions.is_over:
            return
        if self.ledger.finish("completed") and not self.ledger.actions.is_over:
            raise Violation(f"a verdict while splits and dividends are {self.ledger.actions.row()}")

    # -- what happens to it ----------------------------------------------------------------------
    def die(self, worker: Process) -> None:
        self._end(worker)
        self.at(self.dice.randint(1, 1_500), None, self.begin, worker)

    def _end(self, worker: Process) -> None:
        worker.life += 1
        worker.is_alive = worker.stopping = worker.committing = False
        worker.frozen_until = 0
        worker.held, worker.ready, worker.grants = {}, [], []
        worker.good, worker.asking, worker.is_alone = {}, None, False

    def begin(self, worker: Process) -> None:
        if not worker.is_alive:
            worker.is_alive = True
            self.at(0, worker, self.claim)
            self.at(LEASE // 3, worker, self.beat)

    def freeze(self, worker: Process) -> None:
        worker.frozen_until = self.now + self.dice.randint(1, 3 * LEASE)

    def stop(self, worker: Process) -> None:
        """Told to stop: what has been fetched is committed, the rest is handed back."""
        if not worker.is_alive or self.now < worker.frozen_until:
            return
        worker.stopping = True
        fetched = {i for i, _ in worker.ready}
        rest = [(i, fence) for i, fence in worker.held.items() if i not in fetched]
        for i, _ in rest:
            del worker.held[i]
        if (fence := worker.asking) is not None:
            worker.asking = None
            self.ledger.hand_back_actions(worker.name, fence)
        self.at(0, worker, self.leave, rest)

    def leave(self, worker: Process, rest: list[Held]) -> None:
        if self.is_away(worker, self.leave, rest):
            return
        self.ledger.hand_back(rest)
        if worker.ready:
            self.at(40, worker, self.leave, [])
            return
        self.die(worker)

    def cancel(self) -> None:
        if self.ledger.cancel():
            self.was_cancelled = True  # of which a worker hears with its next heartbeat
            self.at(self.dice.randrange(500), None, self.retry)

    def retry(self) -> None:
        self.ledger.reopen()

    def calm(self) -> None:
        """All is well from now on: whoever is dead comes back."""
        for worker in self.workers:
            self.begin(worker)

    # -- what must hold in the end ---------------------------------------------------------------
    def _judge(self) -> None:
        for i, call in enumerate(self.ledger.calls):
            if call.state in OPEN:
                raise Violation(f"call {i} is open in a job that ended")
            if (call.state == DONE) != (self.writes[i] == 1):
                raise Violation(f"call {i} is {call.state} and was written {self.writes[i]} times")
            if call.state == FAILED and call.attempt < 1 and call.lost < MOST_LOST:
                raise Violation(f"call {i} failed without having been asked")
        if self.asked_late:
            raise Violation(f"{self.asked_late} calls that were done were asked again")
        self._judge_rate()

    def _judge_rate(self) -> None:
        came = sorted(self.arrivals)
        for first, over in zip(came, came[self.limit :], strict=False):
            if over - first < self.window:
                raise Violation(f"{self.limit + 1} requests within {over - first} ms")

    def _rows(self) -> list[tuple[object, ...]]:
        return [call.row() for call in self.ledger.calls]


def failing(seeds: range, variant: Variant | None = None) -> list[tuple[int, str]]:
    """The seeds whose schedules break a rule, and which."""
    found = []
    for seed in seeds:
        try:
            World(seed, variant).run()
        except Violation as violation:
            found.append((seed, str(violation)))
    return found


def failing_on_all_cores(count: int) -> list[tuple[int, str]]:
    step = 2_000
    parts = [range(a, min(a + step, count)) for a in range(0, count, step)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [one for part in pool.map(failing, parts) for one in part]


def told(found: Sequence[tuple[int, str]], variant: Variant | None = None) -> str:
    """What failed, each with the command that plays it again."""
    wrong = [name for name, right in asdict(variant or Variant()).items() if not right]
    options = "".join(f" --without {name}" for name in wrong)
    command = "python -m tests.reliability.simulation --seed"
    return "\n".join(f"seed {seed}: {why}\n{command} {seed}{options}" for seed, why in found[:20])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument(
        "--without", action="append", default=[], help="fenced, one_budget, once or looks"
    )
    given = parser.parse_args()
    variant = Variant(**dict.fromkeys(given.without, False))
    if given.seed is None:
        begun = time.monotonic()
        found = failing_on_all_cores(given.count)
        print(f"{given.count} schedules, {time.monotonic() - begun:.1f} s, {len(found)} failing")
        print(told(found))
        return bool(found)
    world = World(given.seed, variant)
    world.told = []
    try:
        world.run()
    except Violation as violation:
        world.told.append(f"VIOLATION {violation}")
    print("\n".join(world.told))
    return world.told[-1:] != [] and world.told[-1].startswith("VIOLATION")


if __name__ == "__main__":
    sys.exit(main())
