"""`tickstock instruments`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.asking import ask_listings
from tickstock.cli.output import Common, print_json, talk
from tickstock.cli.session import open_tick
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.service.listings import Refreshed, RefreshPlan

SHOWN = 5


def refresh(
    *,
    plan: Annotated[
        bool, Parameter(negative="", help="Show how many calls it takes, and do nothing.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Read from the vendor who is listed, and who no longer is.

    With kind, exchange, FIGI, CIK and last day, a thousand a call. Instruments get their kinds and
    lifetimes by it, lists of symbols are judged by it, and FIGIs in place of symbols are
    understood. Broken off, it goes on where it was.
    """
    with open_tick(common) as tick:
        source = tick.settings.vendor.partition(":")[0]
        made = tick.listings.plan(source, tick.dates.limits())
        if not common.json:
            talk(_planned(made))
        if plan:
            if common.json:
                print_json("instruments refresh", asdict(made) | {"calls": made.calls})
            return 0
        say = (lambda _: None) if common.json else talk
        found = ask_listings(tick, partial(tick.listings.refresh, say=say))
        kept = tick.listings.kept()
    if common.json:
        rows = [
            {"source": k.source, "symbols": k.count, "read_at": k.read_at.isoformat()}
            | (asdict(found) if k.source == source else {})
            for k in kept
        ]
        print_json("instruments refresh", rows)
        return 0
    _print(found)
    return 0


def _planned(made: RefreshPlan) -> str:
    went_on = f" ({plural(made.kept, 'page')} of a reading begun before are kept)"
    minutes = f", {max(made.seconds / 60, 1):.0f} min at the limit" if made.seconds else ""
    return (
        f"About {plural(made.calls, 'call')}: {made.listed} for those listed, {made.delisted} for"
        f" those no longer{minutes}{went_on if made.kept else ''}."
    )


def _print(found: Refreshed) -> None:
    talk(
        f"{found.listed:,} symbols are listed, {found.delisted:,} no longer: {found.new:,} records"
        f" are new, {found.ended:,} are said no longer; {found.made:,} instruments were made."
    )
    for text in found.apart[:SHOWN]:
        talk(f"note: {text}")
    if (more := len(found.apart) - SHOWN) > 0:
        talk(f"note: and {more} more.")
