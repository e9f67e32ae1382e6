"""One voice for what is away: the database, or Redis.

When it goes, everything that needs it fails at once and goes on failing: calls, requests of the
page, the bridge, the job engine, the libraries below them. The log of a process tells of that in
one voice: what is away and since when, at first at once and then ever more rarely, and one line
when it is over. Never two lines in a second, whatever is away; what was not said is counted.

Whoever holds a door to such a thing says `away` when it failed there and `back` when it answered.
Lines of others that tell of the same are left out of the log: `is_said` knows them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from tickstock.clock import Clock, machine_now
from tickstock.errors import DatabaseUnavailable

log = structlog.get_logger("tickstock.outage")
DATABASE, REDIS = "database", "redis"
GAP = 1.0
"""Seconds between two lines."""
LONGEST_GAP = 60.0
"""The gap doubles with each line of one outage, up to this."""
CALM = 3.0
"""Seconds without a failure until an outage is over; longer than any pause between two attempts."""
DEEPEST = 10
"""How far the causes of an error are followed."""

Later = Callable[[float, Callable[[], None]], None]
Say = Callable[[str, dict[str, object]], None]
Sign = Callable[[object], bool]


def _say(event: str, facts: dict[str, object]) -> None:
    log.warning(event, **facts)


def _later(seconds: float, do: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()


@dataclass(slots=True)
class _Outage:
    """`gap` is until the next line may be said, at `due`. `answered`: when it did again, and at
    what time of the machine's clock; nothing while it fails."""

    since: datetime
    error: str
    due: float
    gap: float = GAP
    unsaid: int = 0
    answered: tuple[float, datetime] | None = None
    is_watched: bool = False


class Outages:
    """What is away, for one process; to be used by any thread.

    Args:
        say: writes an event with its facts into the log.
        clock: seconds that only go forward.
        wall: the time for people.
        later: does something after so many seconds.
    """

    def __init__(
        self,
        say: Say = _say,
        clock: Callable[[], float] = time.monotonic,
        wall: Clock = machine_now,
        later: Later = _later,
    ) -> None:
        self._say, self._clock, self._wall, self._later = say, clock, wall, later
        self._signs: dict[str, Sign] = {}
        self._open: dict[str, _Outage] = {}
        self._free = float("-inf")
        # A log is written with the lock held, and what is logged is asked about by the same thread.
        self._lock = threading.RLock()

    def recognize(self, what: str, sign: Sign) -> None:
        """Take what `sign` is true of, an error of a library say, for a sign that `what` is away.
        It is asked about whatever a line of the log holds."""
        self._signs[what] = sign

    def is_away(self, what: str) -> bool:
        return what in self._open

    def away(self, what: str, error: object) -> None:
        """It failed, for all that the caller knows because it is away. `error` says so, or is a
        connection that was found to be closed."""
        with self._lock:
            now = self._clock()
            outage = self._open.get(what)
            if outage is None:
                outage = self._open[what] = _Outage(self._wall(), _text(error), now)
            outage.answered = None
            outage.unsaid += 1
            if now < max(outage.due, self._free):
                return
            outage.due, outage.gap = now + outage.gap, min(outage.gap * 2, LONGEST_GAP)
            facts = {"since": _stamp(outage.since), "error": _text(error)}
            unsaid, outage.unsaid = outage.unsaid - 1, 0
            self._log(f"{what} away", facts | {"unsaid": unsaid})

    def back(self, what: str) -> None:
        """It has answered; which is next to nothing to say while it was not away."""
        if what not in self._open:
            return
        with self._lock:
            outage = self._open.get(what)
            if outage is None or outage.answered is not None:
                return
            outage.answered = self._clock(), self._wall()
            if not outage.is_watched:
                outage.is_watched = True
                self._later(CALM, lambda: self._look(what))

    def settle(self, what: str) -> None:
        """Nobody here asks it any more: an outage that seems to be over is."""
        with self._lock:
            outage = self._open.get(what)
            if outage is not None and outage.answered is not None:
                self._end(what, outage, outage.answered[1])

    def is_said(self, things: Iterable[object]) -> bool:
        """Whether one of these things, which a line of the log holds, tells that something is away:
        that is told by the lines of `away` alone. A library's error is a sign of that."""
        for thing in things:
            for error in causes(thing):
                if isinstance(error, DatabaseUnavailable):
                    return self.is_away(DATABASE)  # whoever raised it has said so, if it is
                for what, sign in self._signs.items():
                    if sign(error):
                        self.away(what, error)
                        return True
        return False

    def _look(self, what: str) -> None:
        """End an outage, when nothing has failed for long enough."""
        with self._lock:
            outage = self._open.get(what)
            if outage is None:
                return
            outage.is_watched = False
            if outage.answered is None:
                return
            now = self._clock()
            left = max(outage.answered[0] + CALM, self._free) - now
            if left > 0:
                outage.is_watched = True
                self._later(left, lambda: self._look(what))
            else:
                self._end(what, outage, outage.answered[1])

    def _end(self, what: str, outage: _Outage, at: datetime) -> None:
        del self._open[what]
        seconds = max((at - outage.since).total_seconds(), 0.0)
        facts: dict[str, object] = {"since": _stamp(outage.since), "seconds": round(seconds, 1)}
        self._log(f"{what} back", facts | {"error": outage.error, "unsaid": outage.unsaid})

    def _log(self, event: str, facts: dict[str, object]) -> None:
        self._free = self._clock() + GAP
        self._say(event, facts)


def causes(thing: object) -> Iterator[object]:
    """It, and where it is an error what caused it, and so on; all errors of a group."""
    left = [thing]
    for _ in range(DEEPEST):
        if not left:
            return
        found = left.pop()
        yield found
        if isinstance(found, BaseExceptionGroup):
            left += found.exceptions
        elif isinstance(found, BaseException) and found.__cause__ is not None:
            left.append(found.__cause__)


def _text(sign: object) -> str:
    if not isinstance(sign, BaseException):
        return "A connection was found to be closed."
    return " ".join(str(sign).split()) or type(sign).__name__


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


OUTAGES = Outages()
"""Those of this process."""
