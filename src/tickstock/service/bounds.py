"""Numbers from outside, before the database refuses them in words of its own."""

from __future__ import annotations

from tickstock.errors import BadInput

MOST_LINES = 100_000
MOST_PRIORITY = 1_000_000


def check_most(most: int) -> None:
    """Raises BadInput for a number of lines that no list has."""
    if not 1 <= most <= MOST_LINES:
        raise BadInput(f"{most} lines were asked for.", f"Give 1 to {MOST_LINES:,}.")


def check_priority(priority: int) -> None:
    """Raises BadInput for a priority that cannot be kept."""
    if not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
        raise BadInput(
            f"The priority {priority} cannot be kept.",
            f"Give {-MOST_PRIORITY:,} to {MOST_PRIORITY:,}; 30 is that of a small job.",
        )
