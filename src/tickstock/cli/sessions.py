"""`tickstock sessions`."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.holdings import First, Last
from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick

Day = Annotated[date, Parameter(help="A session (New York date).")]


def list_(
    *,
    for_: Annotated[str | None, Parameter(name="--for", help="How far back, say 1mo.")] = None,
    from_: First = None,
    to_: Last = None,
    common: Common = Common(),
) -> int:
    """List sessions with their hours in New York, and days closed by hand.

    Of the last month, or of the days given.
    """
    from tickstock.clock import NEW_YORK

    with open_tick(common) as tick:
        span = tick.dates.span(for_ or (None if from_ or to_ else "1mo"), from_, to_)
        found, closed = tick.sessions.between(span), tick.sessions.closures()
    closed = [c for c in closed if c.day in span]
    if common.json:
        print_json("sessions list", {"sessions": found, "closed": closed})
        return 0
    for session in found:
        opens, closes = (t.astimezone(NEW_YORK) for t in (session.opens, session.closes))
        short = "  short" if session.is_short else ""
        print(f"{session.day:%a %Y-%m-%d}  {opens:%H:%M}-{closes:%H:%M}{short}")
    for closure in closed:
        console().print(f"{closure.day:%a %Y-%m-%d}  closed: {closure.reason}", markup=False)
    return 0


def close(
    day: Day,
    *,
    reason: Annotated[str, Parameter(name=["--reason", "-m"], help="Why, for those who wonder.")],
    common: Common = Common(),
) -> int:
    """Mark a day on which the exchange did not open after all.

    No bars are expected of it any more. For days that the shipped calendar does not know yet;
    those in the past it has.
    """
    with open_tick(common) as tick:
        tick.sessions.close(day, reason)
    talk(f"{day} is no session. `tickstock sessions reopen {day}` takes that back.")
    return 0


def reopen(
    day: Day,
    *,
    common: Common = Common(),
) -> int:
    """Take back a closure by hand.

    The day is a session again, and its bars are expected.
    """
    with open_tick(common) as tick:
        tick.sessions.reopen(day)
    talk(f"{day} is a session again.")
    return 0
