"""`tickstock vendor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick
from tickstock.words import plural


def limits(
    *,
    forget: Annotated[
        bool, Parameter(negative="", help="Forget them, so that the next job asks again.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Show what your account at the vendor includes, as its refusals have told.

    How far back and how new, which timeframes, and which kinds of calls. What was learned stands
    for 30 days, and plans leave out what is not included. After a change of your plan at the
    vendor, use --forget: the next job asks for everything again.
    """
    from tickstock.loading.account import account_text

    with open_tick(common) as tick:
        if forget:
            count = tick.account.forget()
            talk(f"{plural(count, 'limit')} forgotten; the next job asks again.")
        found, events = tick.account.limits(), tick.account.events_refused()
        if common.json:
            shown = [asdict(limit) | {"told": account_text([limit])} for limit in found]
            refused = asdict(events) if events else None
            print_json(
                "vendor limits",
                {"account": account_text(found), "limits": shown, "ticker_events": refused},
            )
            return 0
        out = console()
        if events:
            out.print(
                f"Ticker events are not included, learned on {events.refused_at:%Y-%m-%d}.",
                markup=False,
            )
        elif not found:
            out.print("Nothing has been refused that this vendor sells.", markup=False)
            return 0
        if found:
            out.print(f"Your account: {account_text(found)}", markup=False)
        for limit in found:
            kind = limit.kind.replace("_", " ")
            day = f"{limit.learned_at:%Y-%m-%d}"
            what = account_text([limit]) or f"nothing of {', '.join(limit.refused)}"
            out.print(f"  {kind:<12}{limit.timeframe:<6}{what}, learned on {day}", markup=False)
    return 0
