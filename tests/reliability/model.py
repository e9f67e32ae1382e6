"""The ledger and the budget as small pure functions of time: a mirror of the SQL.

Mirrored from `store/ledger.sql` (claim, renew, hand_back, fence_check with finish_calls, postpone,
fail, fail_rest, cancel_load with cancel_calls, reopen_calls with reopen_load, finish_load) and from
`store/budget.sql` (take, wait, push_back). `test_simulation.py` proves that the two agree on random
commands. Times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WAITING, LEASED, DONE, FAILED, CANCELLED = "waiting", "leased", "done", "failed", "cancelled"
OPEN = (WAITING, LEASED)
GRACE, LOOK = 250, 20
Held = tuple[int, int]
"""A lease: position of the call, fence."""


class Call:
    __slots__ = ("attempt", "fence", "lease_until", "not_before", "state", "worker")

    def __init__(self) -> None:
        self.state, self.attempt, self.fence = WAITING, 0, 0
        self.worker: str | None = None
        self.lease_until: int | None = None
        self.not_before: int | None = None

    def is_free(self, now: int) -> bool:
        if self.state == WAITING:
            return self.not_before is None or self.not_before <= now
        return self.state == LEASED and self.lease_until is not None and self.lease_until < now

    def row(self) -> tuple[object, ...]:
        return (
            self.state, self.attempt, self.fence, self.worker, self.lease_until, self.not_before,
        )  # fmt: skip


class Ledger:
    """One load. Without `fenced`, what a late worker says is believed."""

    def __init__(self, calls: int, *, fenced: bool = True) -> None:
        self.calls = [Call() for _ in range(calls)]
        self.state = "submitted"
        self.fenced = fenced

    def claim(self, now: int, worker: str, most: int, lease: int) -> list[Held]:
        free = [i for i, call in enumerate(self.calls) if call.is_free(now)][:most]
        for i in free:
            call = self.calls[i]
            call.state, call.worker, call.lease_until = LEASED, worker, now + lease
            call.fence += 1
            call.attempt += 1
        if free and self.state == "submitted":
            self.state = "running"
        return [(i, self.calls[i].fence) for i in free]

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
            self._wait(i, max(self.calls[i].attempt - 1, 0))

    def postpone(self, now: int, held: Held, delay: int, *, refund: bool) -> None:
        for i in self._ours([held]):
            self._wait(i, self.calls[i].attempt - refund)
            self.calls[i].not_before = now + delay

    def _wait(self, i: int, attempt: int) -> None:
        call = self.calls[i]
        call.state, call.attempt, call.worker, call.lease_until = WAITING, attempt, None, None

    def fail(self, held: Held) -> bool:
        ours = self._ours([held])
        for i in ours:
            self.calls[i].state, self.calls[i].lease_until = FAILED, None
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
        return True

    def reopen(self) -> int:
        again = [call for call in self.calls if call.state in (FAILED, CANCELLED)]
        for call in again:
            call.state, call.attempt, call.not_before, call.lease_until = WAITING, 0, None, None
        if again and self.has_ended:
            self.state = "submitted"
        return len(again)

    def finish(self, verdict: str) -> bool:
        if self.has_ended or any(call.state in OPEN for call in self.calls):
            return False
        self.state = verdict
        return True

    @property
    def has_ended(self) -> bool:
        return self.state not in ("submitted", "running")


class Budget:
    """One account's grants."""

    def __init__(self, now: int) -> None:
        self.next_at = now
        self.wanted_priority, self.wanted_until = 0, now

    def take(self, now: int, n: int, spacing: int, tolerance: int, priority: int = 0) -> int:
        """As `store.budget.take`, in milliseconds and without its shortest wait."""
        is_kept = self.wanted_until > now and self.wanted_priority > priority
        if is_kept:
            return max(self.next_at, min(self.wanted_until, now + LOOK)) - now
        if self.next_at > now:
            self.wanted_priority, self.wanted_until = priority, self.next_at + GRACE
            return self.next_at - now
        first = max(self.next_at, now - tolerance)
        self.next_at, self.wanted_until = first + n * spacing, now
        return first - now

    def push_back(self, now: int, delay: int) -> None:
        self.next_at = max(self.next_at, now + delay)
