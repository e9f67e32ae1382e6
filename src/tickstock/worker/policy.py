"""How hard a worker tries."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try. Times in seconds.

    `concurrency` calls and `bars` may be in hand, of all jobs together; `batch` calls, or the
    first few of them that hold `batch_bars`, are committed at once. Bar files are written anew when
    nothing was committed for `refold_seconds`.
    """

    lease: float = 30.0
    concurrency: int = 64
    bars: int = 250_000
    batch: int = 50
    batch_bars: int = 100_000
    attempts: int = 5
    backoff: float = 1.0
    longest_backoff: float = 60.0
    outage_seconds: float = 600.0
    refold_seconds: float = 60.0

    def delay(self, attempt: int, dice: random.Random) -> timedelta:
        """Exponential with full jitter, so that many workers do not come back in step."""
        top = min(self.backoff * 2 ** (attempt - 1), self.longest_backoff)
        return timedelta(seconds=dice.uniform(top / 2, top))
