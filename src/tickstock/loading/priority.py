"""Who goes first, where nobody has said."""

from __future__ import annotations

URGENT, QUICK, MIDDLING, HUGE = 30, 20, 10, 0
LIMITS = ((10, URGENT), (100, QUICK), (1000, MIDDLING))
"""Up to so many calls, a job has this priority."""


def priority_of(calls: int) -> int:
    """The priority of a job with so many calls: what is soon done passes what takes hours."""
    return next((priority for most, priority in LIMITS if calls <= most), HUGE)
