"""`tickstock instruments`."""

from __future__ import annotations

from tickstock.cli.asking import ask_listings
from tickstock.cli.output import Common, print_json, talk
from tickstock.cli.session import open_tick


def refresh(
    *,
    common: Common = Common(),
) -> int:
    """Read from the vendor which symbols are listed now.

    With kind, exchange and FIGI, a thousand a call. Lists of symbols are judged by them too, and
    FIGIs in place of symbols are understood.
    """
    with open_tick(common) as tick:
        count = ask_listings(tick, tick.listings.refresh)
        kept = tick.listings.kept()
    if common.json:
        rows = [
            {"source": k.source, "symbols": k.count, "read_at": k.read_at.isoformat()} for k in kept
        ]
        print_json("instruments refresh", rows)
        return 0
    talk(f"{count:,} symbols are listed.")
    return 0
