"""The ledger and the budget as small pure functions of time: a mirror of the SQL.

Mirrored from `store/ledger.sql` (claim with claim_lost, set_aside, renew, hand_back, fence_check
with finish_calls, postpone, fail, fail_rest, cancel_load with cancel_calls, reopen_calls with
reopen_load, finish_load), from `store/actions.sql` (claim, renew, hand_back, count, end, settle,
stop, reopen) and from `store/budget.sql` (take, wait, push_back). `test_simulation.py` proves that
the two agree on random commands. Times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tickstock.loading.poison import MOST_LOST, is_poison

WAITING, LEASED, DONE, FAILED, CANCELLED = "waiting", "leased", "done", "failed", "cancelled"
RUNNING = "running"
OPEN = (WAITING, LEASED)
GRACE, LOOK = 250, 20
Held = tuple[int, int]
"""A lease: position of the call, fence."""


class Call:
    __slots__ = (
        "attempt", "fence", "is_poison", "lease_until", "lost", "not_before", "state", "worker",
    )  # fmt: skip

    def __init__(self) -> None:
        self.state, self.attempt, self.lost, self.fence = WAITING, 0, 0, 0
        self.is_poison = False
        self.worker: str | None = None
        self.lease_until: int | None = None
        self.not_before: int | None = None

    def is_due(self, now: int) -> bool:
        return self.state == WAITING and (self.not_before is None or self.not_before <= now)

    def is_expired(self, now: int) -> bool:
        return self.state == LEASED and self.lease_until is not None and self.lease_until < now

    def row(self) -> tuple[object, ...]:
        return (
            self.state, self.attempt, self.lost, self.fence, self.worker, self.lease_until,
            self.not_before,
        )  # fmt: skip


class Actions:
    """The splits and dividends of a job. `state` is empty where nobody has begun to ask."""

    __slots__ = ("answers", "fence", "lease_until", "lost", "state", "worker")

    def __init__(self) -> None:
        self.state, self.worker, self.fence, self.lost, self.answers = "", "", 0, 0, 0
        self.lease_until: int | None = None

    @property
    def is_over(self) -> bool:
        return self.state in (DONE, FAILED)

    def is_expired(self, now: int) -> bool:
        return self.state == RUNNING and self.lease_until is not None and self.lease_until < now

    def row(self) -> tuple[object, ...]:
        return (self.state, self.worker, self.fence, self.lost, self.lease_until, self.answers)


class Ledger:
    """One job. Without `fenced`, what a late worker says is believed; without `once`, splits and
    dividends that have ended are taken up again, and the verdict does not wait for who asks."""

    def __init__(self, calls: int, *, fenced: bool = True, once: bool = True) -> None:
        self.calls = [Call() for _ in range(calls)]
        self.actions = Actions()
        self.losses: list[tuple[int | None, str, int]] = []
        """Which call, with which worker, and when; None for splits and dividends."""
        self.state = "submitted"
        self.fenced = fenced
        self.once = once

    def claim(self, now: int, worker: str, most: int, lease: int, *, alone: bool) -> list[Held]:
        fresh = [i for i, call in enumerate(self.calls) if call.is_due(now) and not call.lost]
        free = fresh[:most] or self._lost(now)[:alone]
        for i in free:
            call = self.calls[i]
            if call.state == LEASED:
                call.lost += 1
                self.losses.append((i, str(call.worker), now))
            call.state, call.worker, call.lease_until = LEASED, worker, now + lease
            call.fence += 1
        if free and self.state == "submitted":
            self.state = "running"
        return [(i, self.calls[i].fence) for i in free]

    def _lost(self, now: int) -> list[int]:
        """Calls that workers were lost with, as `claim_lost` orders them."""
        found = []
        for i, call in enumerate(self.calls):
            lost = call.lost + call.is_expired(now)
            if (lost and call.is_due(now)) or call.is_expired(now):
                found.append((lost, i))
        return [i for _, i in sorted(found)]

    def set_aside(self, now: int) -> list[int]:
        poison = []
        for i, call in enumerate(self.calls):
            if not call.is_expired(now) or call.lost + 1 < MOST_LOST:
                continue
            if is_poison(call.lost + 1, self.beside(now, i, str(call.worker))):
                call.state, call.lease_until, call.is_poison = FAILED, None, True
                call.fence += 1
                call.lost += 1
                self.losses.append((i, str(call.worker), now))
                poison.append(i)
        return poison

    def beside(self, now: int, i: int | None, worker: str) -> int:
        """As `store.losses.beside`; nobody is silent."""
        mine = [(who, at) for of, who, at in self.losses if of == i]
        since, own = min([at for _, at in mine] + [now]), {who for who, _ in mine} | {worker}
        gone = {who for of, who, at in self.losses if at >= since and not self._kills(of)}
        gone |= {str(call.worker) for call in self.calls if call.is_expired(now)}
        gone |= {self.actions.worker} if self.actions.is_expired(now) else set()
        return len(gone - own)

    def _kills(self, i: int | None) -> bool:
        return i is not None and self.calls[i].is_poison

    def _ours(self, held: Iterable[Held]) -> list[int]:
        return [i for i, fence in held if self._is_ours(i, fence)]

    def _is_ours(self, i: int, fence: int) -> bool:
        return self.calls[i].fence == fence and self.calls[i].state == LEASED

    def renew(self, now: int, held: Sequence[Held], lease: int) -> list[int]:
        ours = self._ours(held)
        for i in ours:
            self.calls[i].lease_until = now + lease
        return ours

    def finish_calls(self, held: Sequence[Held]) -> list[int]:
        ours = self._ours(held) if self.fenced else [i for i, _ in held]
        for i in ours:
            self.calls[i].state, self.calls[i].lease_until = DONE, None
        return ours

    def hand_back(self, held: Sequence[Held]) -> None:
        for i in self._ours(held):
            self._wait(i)

    def postpone(self, now: int, held: Held, delay: int, *, refund: bool) -> None:
        for i in self._ours([held]):
            self._wait(i)
            self.calls[i].attempt += not refund
            self.calls[i].not_before = now + delay

    def _wait(self, i: int) -> None:
        call = self.calls[i]
        call.state, call.worker, call.lease_until = WAITING, None, None

    def fail(self, held: Held) -> bool:
        ours = self._ours([held])
        for i in ours:
            self.calls[i].state, self.calls[i].lease_until = FAILED, None
            self.calls[i].attempt += 1
        return bool(ours)

    def fail_rest(self) -> None:
        for call in self.calls:
            if call.state == WAITING:
                call.state = FAILED

    def cancel(self) -> bool:
        if self.has_ended:
            return False
        self.state = "cancelled"
        for call in self.calls:
            if call.state in OPEN:
                call.state, call.lease_until = CANCELLED, None
                call.fence += 1
        self.stop_actions()
        return True

    def reopen(self) -> int:
        again = [call for call in self.calls if call.state in (FAILED, CANCELLED)]
        for call in again:
            call.state, call.not_before, call.lease_until = WAITING, None, None
            call.attempt = call.lost = 0
            call.is_poison = False
        if again:
            self.reopen_actions()
            if self.has_ended:
                self.state = "submitted"
        return len(again)

    def finish(self, verdict: str) -> bool:
        if self.has_ended or self.has_open_calls:
            return False
        if self.once and self.actions.state == RUNNING:
            return False
        self.state = verdict
        return True

    @property
    def has_open_calls(self) -> bool:
        return any(call.state in OPEN for call in self.calls)

    # -- splits and dividends --------------------------------------------------------------------
    def claim_actions(self, now: int, worker: str, lease: int) -> int | None:
        """As `store.actions.claim`; the fence."""
        a = self.actions
        if not (a.state in ("", WAITING) or a.is_expired(now) or (a.is_over and not self.once)):
            return None
        if a.state == RUNNING:
            a.lost += 1
            self.losses.append((None, a.worker, now))
        a.state, a.worker, a.lease_until = RUNNING, worker, now + lease
        a.fence += 1
        return a.fence

    def _asks(self, worker: str, fence: int) -> bool:
        a = self.actions
        return (a.state, a.worker) == (RUNNING, worker) and (a.fence == fence or not self.fenced)

    def renew_actions(self, now: int, worker: str, fence: int, lease: int) -> bool:
        if not self._asks(worker, fence):
            return False
        self.actions.lease_until = now + lease
        return True

    def count_actions(self, worker: str, fence: int) -> bool:
        if not self._asks(worker, fence):
            return False
        self.actions.answers += 1
        self.actions.lost = 0
        return True

    def end_actions(self, worker: str, fence: int, state: str) -> bool:
        if not self._asks(worker, fence):
            return False
        self.actions.state, self.actions.lease_until = state, None
        return True

    def hand_back_actions(self, worker: str, fence: int) -> None:
        self.end_actions(worker, fence, WAITING)

    def settle_actions(self, now: int) -> None:
        a = self.actions
        if a.state == WAITING or a.is_expired(now):
            a.state, a.lease_until = DONE, None
            a.fence += 1

    def stop_actions(self) -> None:
        a = self.actions
        if a.state == RUNNING:
            a.state, a.lease_until = WAITING, None
            a.fence += 1

    def reopen_actions(self) -> None:
        a = self.actions
        if a.state:
            a.state, a.lease_until, a.lost = WAITING, None, 0
            a.fence += 1

    @property
    def has_ended(self) -> bool:
        return self.state not in ("submitted", "running")


class Budget:
    """One account's grants."""

    def __init__(self, now: int) -> None:
        self.next_at = now
        self.wanted_priority, self.wanted_until = 0, now

    def take(
        self,
        now: int,
        n: int,
        spacing: int,
        tolerance: int,
        priority: int = 0,
        following: int | None = None,
    ) -> int:
        """As `store.budget.take`, in milliseconds and without its shortest wait."""
        is_kept = self.wanted_until > now and self.wanted_priority > priority
        if is_kept:
            return max(self.next_at, min(self.wanted_until, now + LOOK)) - now
        if self.next_at > now:
            self.wanted_priority, self.wanted_until = priority, self.next_at + GRACE
            return self.next_at - now
        first = max(self.next_at, now - tolerance)
        self.next_at, self.wanted_until = first + n * spacing, now
        if following is not None:
            self.wanted_priority, self.wanted_until = following, self.next_at + GRACE
        return first - now

    def push_back(self, now: int, delay: int) -> None:
        self.next_at = max(self.next_at, now + delay)
