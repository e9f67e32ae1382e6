"""When and where the tests take place. Both are set; nothing reads them from the machine.

The clock of the package begins at `--now`, in this process and in all that it starts. That of the
database goes as it does: what is kept is dated by it, and no test may hold the one against the
other. `--zone` is where this machine and the server are.
"""

from __future__ import annotations

import os
import time

from tickstock import clock

DEFAULT = "2026-11-18T17:00Z"
"""A Wednesday noon in New York, in a month that has half days and holidays later on."""
HANDED_ON = (clock.VARIABLE, "TZ", "PGTZ")
"""What a process has to be started with to be at the same time and place."""


def take_place(now: str, zone: str) -> None:
    clock.set_clock(now)
    os.environ |= {clock.VARIABLE: now, "TZ": zone, "PGTZ": zone}
    time.tzset()


def handed_on() -> dict[str, str]:
    """The same for an environment that is made from nothing."""
    return {name: os.environ[name] for name in HANDED_ON}
