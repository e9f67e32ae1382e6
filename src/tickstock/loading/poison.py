"""Whether it is a call that ends the workers which ask for it. Pure.

Workers die of many things: of a restart, of a deployment, of memory that another call took. A call
that is in hand when three of them die is suspect; it is set aside when its deaths are the greater
part of all that there were since the first of them.
"""

from __future__ import annotations

MOST_LOST = 3
"""Workers that may be lost with one call, where few others are."""
MOST_LOST_ANYHOW = 10
"""Workers that may be lost with one call, whatever else goes on: several calls may kill in turn."""


def is_poison(lost: int, beside: int) -> bool:
    """Whether a call is to be set aside with which so many workers were lost; `beside` it, since
    the first of them, so many others were."""
    return lost >= MOST_LOST_ANYHOW or (lost >= MOST_LOST and lost > beside)
