"""How often somebody who is not signed in may ask for what costs a look into the database."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from tickstock.errors import TooManyAttempts

MOST_LOOKS = 120
"""At one receipt, or guesses from one address, in a minute: a receipt with its picture is two."""
MOST_NAMES = 10_000
"""Receipts and addresses that are remembered; beyond it those of the longest ago are forgotten."""
WINDOW = 60.0


class LookLimit:
    """Counts by a name: a receipt, an address. Safe to share between threads."""

    def __init__(
        self,
        most: int = MOST_LOOKS,
        names: int = MOST_NAMES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._names, self._clock = most, names, clock
        self._asked: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def count(self, name: str) -> None:
        """One more of it. Raises TooManyAttempts, which itself counts for nothing."""
        now = self._clock()
        with self._lock:
            times = self._asked.pop(name, None) or deque(maxlen=self._most)
            self._asked[name] = times  # the last one of all
            if len(self._asked) > self._names:
                del self._asked[next(iter(self._asked))]
            if len(times) == self._most and now - times[0] < WINDOW:
                raise TooManyAttempts(
                    "There were too many looks at once.",
                    "Wait a minute, then try again.",
                    WINDOW - (now - times[0]),
                )
            times.append(now)
