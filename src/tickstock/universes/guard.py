"""The change guard: a plan that loses much of a universe is a mistake more often than a wish."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tickstock.errors import GuardRefused
from tickstock.universes.plan import Action, Change

MAX_SHARE = 0.20
"""The share of a universe that a change may drop."""
MAX_DROPPED = 5
"""A change that drops no more symbols than this passes whatever their share is."""


def check_guard(
    changes: Iterable[Change],
    allow: Collection[str] = (),
    *,
    least: int = 0,
    max_share: float = MAX_SHARE,
    max_dropped: int = MAX_DROPPED,
) -> None:
    """Let changes pass that lose little, or are allowed by key or `type:key` in `allow`.

    Removing a whole universe is not held here: that is asked about by name.

    Args:
        least: how many symbols a list has at least that can be all of its universe.

    Raises:
        GuardRefused: naming every change that drops more than `max_share` of a universe and more
            than `max_dropped` symbols, leaves none, or leaves fewer than `least`; nothing may be
            written then.
    """
    refused = [
        (change, why)
        for change in changes
        if change.ref.key not in allow and str(change.ref) not in allow
        for why in (*_losses(change, max_share, max_dropped), *_shortfall(change, least))
    ]
    if refused:
        names = " ".join(f"--allow {key}" for key in dict.fromkeys(c.ref.key for c, _ in refused))
        raise GuardRefused(
            "The change guard refuses: " + "; ".join(f"{c.ref} {why}" for c, why in refused) + ".",
            f"Nothing was changed. If this is meant, repeat with {names}.",
        )


def _losses(change: Change, max_share: float, max_dropped: int) -> Iterator[str]:
    if change.action is not Action.CHANGE or not change.held:
        return
    held, dropped = len(change.held), len(change.leaves)
    if not change.symbols:
        yield f"would lose all of its {held} symbols"
    elif dropped > max_dropped and dropped > max_share * held:
        yield (
            f"would lose {dropped} of {held} symbols ({dropped / held:.0%}; "
            f"up to {max_share:.0%} pass)"
        )


def _shortfall(change: Change, least: int) -> Iterator[str]:
    size = len(change.symbols)
    if size < least and change.action in (Action.ADD, Action.CHANGE):
        yield f"would hold {size} symbols, and a complete list has at least {least}"
