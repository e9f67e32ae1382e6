"""`tickstock universe build`: a universe by a rule, on one day a period."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.changes import Allow, How, carry_out
from tickstock.cli.output import Common
from tickstock.cli.session import open_tick
from tickstock.service.builds import Every


def build(
    ref: str,
    *,
    rule: Annotated[
        str, Parameter(help="Such as 'pick(index_sp500; price >= 5; top 100 by dollar_volume)'.")
    ],
    from_: Annotated[date, Parameter(name="--from", help="The first day.")],
    to: Annotated[date, Parameter(name="--to", help="The last day.")],
    every: Annotated[
        Every, Parameter(help="Members are picked on its first session.")
    ] = Every.MONTH,
    name: Annotated[str | None, Parameter(help="The universe's name for people.")] = None,
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Pick members by a rule on one day a period, and keep them as a history.

    Nothing after the close before each day is looked at. Shown first, then asked, then done. Built
    again, the difference is shown, and what was known before is kept: `universe show --known-at`.
    """
    from tickstock.spans import Span

    with open_tick(common) as tick:
        built = tick.builds.build(rule, Span.inclusive(from_, to), every, say_day)
        say_day(None)
        plan = tick.builds.plan(ref, built, title=name)
        more = {"days": len(built.members), "content": built.digest, "remarks": built.remarks}
        return carry_out(
            "universe build", plan, tick.edits.apply, common=common, how=how, allow=allow, more=more
        )


def say_day(day: date | None) -> None:
    """The day that is being picked, on a terminal; nothing where there is none."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{day}" if day else "\r\033[K")
        sys.stderr.flush()
