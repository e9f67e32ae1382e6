"""Causes of gaps: everything that TickStock knows of each, in one table.

A cause that is added to `GapCause` in `model.py` needs a row here, and nothing anywhere else:
planning, reports, the command line, the page and its chart read this table.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from tickstock.model import GapCause


class Standing(enum.StrEnum):
    """What is known of a session of this cause, and so whether a job asks for it."""

    OUTSIDE = "outside"  # no vendor has bars of it: not expected, never asked for
    OPEN = "open"  # nothing was answered: asked for
    FAILED = "failed"  # remembered, and asked for again
    SETTLED = "settled"  # answered: not asked again until the answer expires


class Colour(enum.StrEnum):
    """How pictures show it. `BAD` calls for somebody, `GAP` does not, `NONE` is no gap at all."""

    BAD = "bad"
    GAP = "gap"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CauseFacts:
    """What a cause means.

    `text` finishes "not held, because ..." in a few words; `advice` says what to do. Where
    `fails_load`, a symbol that has such a session after a job counts as failed.
    """

    text: str
    advice: str
    colour: Colour
    standing: Standing
    fails_load: bool = False

    @property
    def expected(self) -> bool:
        """Whether the session counts among those that should be held."""
        return self.standing is not Standing.OUTSIDE


CAUSES: Mapping[GapCause, CauseFacts] = {
    GapCause.FAILED: CauseFacts(
        "the call failed",
        "Load again: `tickstock load` asks for these.",
        Colour.BAD,
        Standing.FAILED,
        fails_load=True,
    ),
    GapCause.POISON: CauseFacts(
        "each worker that asked for it died, and it was set aside",
        "See what ended the workers; then `tickstock jobs retry`, or load again.",
        Colour.BAD,
        Standing.FAILED,
        fails_load=True,
    ),
    GapCause.NOT_ENTITLED: CauseFacts(
        "the account does not include it",
        "Change the plan at the vendor, then `tickstock vendor limits --forget`, and load.",
        Colour.BAD,
        Standing.SETTLED,
        fails_load=True,
    ),
    GapCause.QUARANTINED: CauseFacts(
        "what came cannot be true, and was quarantined",
        "Look at the quarantined bars; `tickstock load --refresh` asks again.",
        Colour.BAD,
        Standing.SETTLED,
        fails_load=True,
    ),
    GapCause.VENDOR_EMPTY: CauseFacts(
        "the vendor says that there is none",
        "Nothing to do; `tickstock load --refresh` asks again at once.",
        Colour.GAP,
        Standing.SETTLED,
    ),
    GapCause.NEVER_ASKED: CauseFacts(
        "nobody has asked for it yet",
        "`tickstock load` asks for these.",
        Colour.GAP,
        Standing.OPEN,
        fails_load=True,
    ),
    GapCause.NOT_PUBLISHED: CauseFacts(
        "the vendor has not published it yet",
        "Nothing: a later job asks for these.",
        Colour.NONE,
        Standing.OUTSIDE,
    ),
    GapCause.NOT_LISTED: CauseFacts(
        "the symbol was not listed then",
        "Nothing: there are no bars of these days.",
        Colour.NONE,
        Standing.OUTSIDE,
    ),
}
"""In the order in which they call for somebody."""


def _of(*standings: Standing) -> tuple[GapCause, ...]:
    return tuple(c for s in standings for c, facts in CAUSES.items() if facts.standing is s)


OUTSIDE = _of(Standing.OUTSIDE)
"""Causes for which no vendor has bars to give: their sessions are not expected."""
SETTLED = _of(Standing.SETTLED)
"""Answers that stand until they expire: asking again sooner would give the same."""
REMEMBERED = (*_of(Standing.SETTLED, Standing.FAILED), GapCause.NOT_PUBLISHED)
"""Causes that are kept, the strongest first where two are known of one cell. That a session was not
published yet is kept where the vendor was asked for it: it was expected, and is asked for again."""
ANSWERED = (GapCause.VENDOR_EMPTY, GapCause.NOT_LISTED)
"""Of gaps in which the vendor was asked, or need not be, and has no bars."""
