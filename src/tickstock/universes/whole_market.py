"""The universes of the whole market: whoever traded on a day, by kind. Pure.

They are stored nowhere: who is in them is known from the answers for all tickers that are held.
"""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.model import MARKET, UniverseRef
from tickstock.spans import Span
from tickstock.universes.known import us_symbols
from tickstock.universes.nodes import AsOf, Bare, Node, Ref


@dataclass(frozen=True, slots=True)
class MarketUniverse:
    """What trades of some kinds, in the vendor's words; of every kind where there are none."""

    ref: UniverseRef
    name: str
    kinds: frozenset[str] = frozenset()

    def holds(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


STOCK_KINDS = frozenset(("CS", "ADRC", "OS", "GDR", "NYRS"))
ETF_KINDS = frozenset(("ETF", "ETN", "ETV", "ETS"))
MARKETS = {
    one.ref: one
    for one in (
        MarketUniverse(UniverseRef("stock_universe", MARKET), "Whole US market"),
        MarketUniverse(
            UniverseRef("stock_universe", f"{MARKET}_stocks"), "All US stocks", STOCK_KINDS
        ),
        MarketUniverse(UniverseRef("etf_universe", f"{MARKET}_etfs"), "All US ETFs", ETF_KINDS),
    )
}
_SHIPPED = {"company": "CS", "fund": "ETF"}


def kind_of(symbol: str, told: str) -> str:
    """What a symbol is in the vendor's word: as was `told`, else as the shipped list has it, which
    knows companies and funds; empty where nobody knows."""
    return told or _SHIPPED.get(us_symbols().get(symbol, ""), "")


@dataclass(frozen=True, slots=True)
class AskedMarket:
    """A market that is asked for as a whole, perhaps over the days of a span alone."""

    ref: UniverseRef
    intervals: tuple[tuple[Span, ...], ...] = ()


def loaded_as_market(node: Node) -> AskedMarket | None:
    """The market that an expression is as a whole, and the days that it is asked for over; None
    for any other expression, whose members are asked for by name."""
    intervals: tuple[tuple[Span, ...], ...] = ()
    if isinstance(node, AsOf) and isinstance(node.when, Span):
        intervals = ((node.when,),)
        node = node.node
    for ref in MARKETS:
        if node in (Ref(ref), Bare(ref.key)):
            return AskedMarket(ref, intervals)
    return None
