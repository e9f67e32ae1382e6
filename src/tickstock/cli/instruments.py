"""`tickstock instruments`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.asking import ask_events, ask_listings
from tickstock.cli.output import Common, print_json, talk
from tickstock.cli.session import open_tick
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.service.listings import Refreshed, RefreshPlan
    from tickstock.service.renames import RenamePlan, RenamesFound

SHOWN = 5


def refresh(
    *,
    same: Annotated[
        list[str] | None,
        Parameter(help="A ticker that is still the firm's whose bars are held; repeatable."),
    ] = None,
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
        found = ask_listings(tick, partial(tick.listings.refresh, say=say, same=same or ()))
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


def renames(
    expression: Annotated[
        str | None,
        Parameter(help="Whose members; without it, who began to trade in a market that is held."),
    ] = None,
    /,
    *,
    accept: Annotated[
        str, Parameter(help="A ticker or FIGI that is the firm whose bars are held all the same.")
    ] = "",
    plan: Annotated[
        bool, Parameter(negative="", help="Show how many calls it takes, and do nothing.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Ask the vendor under which tickers firms traded before.

    A call each, under the limit that all share; an answer stands for 30 days, so that what was
    broken off goes on where it was. What bars and other sources do not bear out is said and left
    alone. Ask before you load: bars that are held under two tickers stay two instruments.
    """
    with open_tick(common) as tick:
        source = tick.settings.vendor.partition(":")[0]
        made = tick.renames.plan(source, tick.dates.limits(), expression, accept)
        if not common.json:
            talk(_rename_plan(made))
        if plan or not made.asked:
            if common.json:
                print_json("instruments renames", asdict(made) | {"calls": len(made.asked)})
            return 0
        say = _nothing_said if common.json else partial(_say_asked, len(made.asked))
        found = ask_events(tick, partial(tick.renames.ask, made, say=say, accepted=accept))
    if common.json:
        print_json("instruments renames", asdict(found))
        return 0
    _print_renames(found)
    return 0


def _nothing_said(number: int, asked: str) -> None:
    del number, asked


def _say_asked(of: int, number: int, asked: str) -> None:
    """How far it is, at each tenth."""
    if number * 10 // of > (number - 1) * 10 // of:
        talk(f"{number:,} of {of:,} asked about, {asked} the last")


def _rename_plan(made: RenamePlan) -> str:
    minutes = f", {max(made.seconds / 60, 1):.0f} min at the limit" if made.seconds else ""
    known = f"; {made.answered:,} were answered within 30 days" if made.answered else ""
    rest = (
        f"; {made.unknowable:,} are no longer listed and have no FIGI to ask by"
        if made.unknowable
        else ""
    )
    refused = f" {made.refused}." if made.refused else ""
    return f"{plural(len(made.asked), 'call')}{minutes}{known}{rest}.{refused}"


def _print_renames(found: RenamesFound) -> None:
    talk(
        f"Of {plural(found.asked, 'firm')} {found.renamed:,} had another ticker before;"
        f" {found.unknown:,} are unknown to the vendor."
    )
    for text in found.doubts[:SHOWN]:
        talk(f"note: {text}")
    if (more := len(found.doubts) - SHOWN) > 0:
        talk(f"note: and {more} more.")


def _planned(made: RefreshPlan) -> str:
    went_on = f" ({plural(made.kept, 'page')} of a reading begun before are kept)"
    minutes = f", {max(made.seconds / 60, 1):.0f} min at the limit" if made.seconds else ""
    return (
        f"About {plural(made.calls, 'call')}: {made.listed} for those listed, {made.delisted} for"
        f" those no longer{minutes}{went_on if made.kept else ''}."
    )


def _renamed(found: Refreshed) -> str:
    names = ", ".join(f"{before} to {after}" for before, after in found.renamed[:SHOWN])
    more = f" and {len(found.renamed) - SHOWN:,} more" if len(found.renamed) > SHOWN else ""
    some = ", ".join(after for _, after in found.renamed[:SHOWN])
    return (
        f"{len(found.renamed):,} changed their ticker since the last reading ({names}{more}); since"
        f" when, `tickstock instruments renames '{{{some}}}'` asks."
    )


def _print(found: Refreshed) -> None:
    talk(
        f"{found.listed:,} symbols are listed, {found.delisted:,} no longer: {found.new:,} records"
        f" are new, {found.ended:,} are said no longer; {found.made:,} instruments were made."
    )
    if found.renamed:
        talk(_renamed(found))
    for text in found.apart[:SHOWN]:
        talk(f"note: {text}")
    if (more := len(found.apart) - SHOWN) > 0:
        talk(f"note: and {more} more.")
