"""Named points at which a test may have this process killed or frozen, as chance might, or meet
an error that nobody foresaw.

Off, a point costs one comparison. The environment variable TICKSTOCK_FAILPOINT, read once, arms
one of them: `commit.copied@3:kill` ends the process by SIGKILL when it comes to `commit.copied`
for the third time, `...:freeze` stops it by SIGSTOP, `...:fault` raises a RuntimeError there from
the third time on, `...:short` a MemoryError, and `trace:FILE` adds the name of every point that is
reached to FILE. For tests alone.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "TICKSTOCK_FAILPOINT"
ERRORS: Mapping[str, type[Exception]] = {"fault": RuntimeError, "short": MemoryError}
SIGNALS: Mapping[str, signal.Signals] = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


def reach(name: str) -> None:
    """The program is at the point `name`."""
    if _armed is not None:
        _armed(name)


def arm(order: str) -> None:
    """Do from now on what TICKSTOCK_FAILPOINT would have said; nothing, if that is empty.

    Raises ValueError for an order that cannot be read.
    """
    global _armed  # what is armed belongs to the process, as its signals do
    if not order:
        _armed = None
    elif order.startswith("trace:"):
        _armed = _trace(Path(order.removeprefix("trace:")))
    else:
        point, _, action = order.partition(":")
        name, _, number = point.partition("@")
        if action not in (*SIGNALS, *ERRORS):
            raise ValueError(
                f"{VARIABLE} is {order!r}; write it as NAME@NUMBER:kill, :freeze, :fault or :short."
            )
        _armed = _strike(name, int(number), SIGNALS.get(action) or ERRORS[action])


def _trace(file: Path) -> Callable[[str], None]:
    def note(name: str) -> None:
        with file.open("a", encoding="ascii") as lines:  # one short write: threads do not mix
            lines.write(f"{name}\n")

    return note


def _strike(
    name: str, number: int, blow: signal.Signals | type[Exception]
) -> Callable[[str], None]:
    reached, lock = 0, threading.Lock()

    def count(at: str) -> None:
        nonlocal reached
        if at != name:
            return
        with lock:
            reached += 1
            if isinstance(blow, type):
                if reached >= number:
                    raise blow(f"a fault at {name}, as {VARIABLE} has ordered")
            elif reached == number:
                # To this thread: of a process that is stopped as a whole, another thread may get
                # the signal, and this one then goes on for a while.
                signal.pthread_kill(threading.get_ident(), blow)

    return count


_armed: Callable[[str], None] | None = None
arm(os.environ.get(VARIABLE, ""))
