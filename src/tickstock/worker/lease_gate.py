"""The gate as somebody meets it who holds a lease: who was frozen, or cut off from the database,
may have lost it without a word, and then does not ask for what another has asked for by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tickstock.failpoints import reach
from tickstock.vendors import Gate


class Hold(Protocol):
    """A lease of one's own."""

    def is_overdue(self) -> bool:
        """Whether it may have run out, by our clock."""

    async def renew(self) -> None:
        """Hold on to it. Raises FenceLost where it is another's."""


@dataclass(frozen=True, slots=True)
class LeaseGate:
    """A gate with a look at one's own lease behind it, right before a request is sent."""

    gate: Gate
    hold: Hold

    async def enter(self) -> None:
        await self.gate.enter()
        reach("gate.entered")
        while self.hold.is_overdue():
            await self.hold.renew()
            await self.gate.enter()  # that took its time, and our turn may be over

    async def push_back(self, seconds: float | None) -> None:
        await self.gate.push_back(seconds)
