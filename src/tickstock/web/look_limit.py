"""How often somebody who is not signed in may ask for what costs a look into the database."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from tickstock.errors import TooManyAttempts

MOST_LOOKS = 120
"""From one address within a minute: a receipt with its picture is two."""
MOST_ADDRESSES = 10_000
"""That are remembered; beyond it those that asked longest ago are forgotten."""
WINDOW = 60.0


class LookLimit:
    """Counts by address. Safe to share between threads."""

    def __init__(
        self,
        most: int = MOST_LOOKS,
        addresses: int = MOST_ADDRESSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._addresses, self._clock = most, addresses, clock
        self._asked: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def count(self, address: str) -> None:
        """One more from there. Raises TooManyAttempts, which itself counts for nothing."""
        now = self._clock()
        with self._lock:
            times = self._asked.pop(address, None) or deque(maxlen=self._most)
            self._asked[address] = times  # the last one of all
            if len(self._asked) > self._addresses:
                del self._asked[next(iter(self._asked))]
            if len(times) == self._most and now - times[0] < WINDOW:
                raise TooManyAttempts(
                    "There were too many looks at receipts from here.",
                    "Wait a minute, then try again.",
                    WINDOW - (now - times[0]),
                )
            times.append(now)
