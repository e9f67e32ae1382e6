"""How long a job stands still when its worker dies, or freezes with locks in its hands."""

from __future__ import annotations

import pytest

from tests.reliability.form import FORM, record
from tests.reliability.rig import Rig

BLOWS = ("drain.fetched:kill", "commit.finished:freeze", "bars.copying:freeze")
"""With calls in hand; idle inside its commit; while it sends bars, which is not idle."""


@pytest.mark.parametrize("blow", BLOWS)
def test_another_worker_goes_on_in_time(rig: Rig, blow: str) -> None:
    """The long form with leases and looks as they are by default."""
    point, _, action = blow.partition(":")
    seconds = rig.takeover("load", f"{point}@1:{action}")
    record(f"taken over from a worker after {point} ({action})", seconds=round(seconds, 1))


@pytest.mark.parametrize("point", ["commit.finished", "bars.copying"])
def test_the_locks_of_a_frozen_worker_do_not_stop_other_loads(rig: Rig, point: str) -> None:
    """Also those that come long before its calls may be claimed by others."""
    seconds = rig.beside("load", f"{point}@1:freeze")
    assert seconds >= FORM.silence / 2  # it did stand in the way
    record(f"another job of its symbols, after a freeze at {point}", seconds=round(seconds, 1))
