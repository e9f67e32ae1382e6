"""Where the members of a universe come from, in words that can be asked again.

    file:holdings.csv · package:pytickersymbols:sp100 · vendor:tickers:ETF · vendor:etf:SPY

Such a word is kept beside the universe with the day it is good for (`provenance`), so that a
refresh knows where to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tickstock.errors import BadInput
from tickstock.model import UniverseRef
from tickstock.universes.files import Imported
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.universes.symbol import read_symbol
from tickstock.universes.validate import SIZES

FORMS = "file:PATH, package:NAME[:INDEX], vendor:tickers[:TYPE] or vendor:etf:SYMBOL"
PACKAGES = ("index-constitution", "pytickersymbols")
TYPES = ("CS", "ETF", "ADRC", "ETN", "ETV", "FUND", "PFD")
"""The vendor's words for what can be asked for; the default is by the type of the universe."""
LEAST = {"CS": 1_000, "ETF": 50}
"""A whole market that is smaller is not whole: there were 100 ETFs in 2003, stocks always more."""
LEAST_HELD = 5
INDEX_SHARE = 0.8
"""The share of an index's usual size below which a list is taken for a part of it."""


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """`kind` is file, package, tickers or etf; `what` the path, package, type or fund.

    `index` is which index of a package.
    """

    kind: str
    what: str
    index: str = ""

    @property
    def is_vendor(self) -> bool:
        return self.kind in ("tickers", "etf")

    def __str__(self) -> str:
        if self.is_vendor:
            return f"vendor:{self.kind}:{self.what}"
        return ":".join(filter(None, (self.kind, self.what, self.index)))


def parse_source(text: str, ref: UniverseRef) -> CatalogSource:
    """The source that `text` names; what it leaves out follows from the universe it is for.

    Raises BadInput for anything that is no source, BadSymbol for a fund that cannot be one.
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "file" and rest:
        return CatalogSource("file", rest)
    if kind == "package" and rest:
        return _package(rest, ref)
    what, _, detail = rest.partition(":")
    if kind == "vendor" and what == "tickers":
        return _tickers(detail, ref)
    if kind == "vendor" and what == "etf" and detail:
        return CatalogSource("etf", read_symbol(detail)[0])
    raise BadInput(f"{shown(text, 80)} is no source of members.", f"Give {FORMS}.")


def source_of(provenance: str, ref: UniverseRef) -> CatalogSource:
    """The source in what is kept beside a universe.

    Raises BadInput where it names none, or a file, of which only the name is kept.
    """
    word = provenance.split(" ", 1)[0].rstrip(",")
    try:
        source = parse_source(word, ref)
    except BadInput:
        source = None
    if source is None or source.kind == "file":
        what = f"{ref} has no source that could be asked again."
        if provenance:
            what = f"{ref} came from {shown(provenance, 120)}, which cannot be asked again."
        raise BadInput(what, f"Name one with --source: {FORMS}.")
    return source


def provenance(source: str, imported: Imported, today: date) -> str:
    """What is kept beside a universe: the source, what was read of it, and of which day it is.

    A source that names no day is dated by when it was read, in other words.
    """
    digest = f" sha256:{imported.sha256[:12]}" if imported.sha256 else ""
    when = f"as of {imported.as_of}" if imported.as_of else f"read on {today}"
    return f"{source}{digest}, {when}"


def least(ref: UniverseRef, source: CatalogSource | None = None) -> int:
    """How many symbols a list for a universe has at least, if it is all of it."""
    low, _ = SIZES.get(ref, (1, 0))
    floor = max(1, round(low * INDEX_SHARE))
    if source is None or source.kind == "file":
        return floor
    if source.kind == "tickers":
        return max(floor, LEAST.get(source.what, LEAST_HELD))
    return max(floor, LEAST_HELD)


def _package(text: str, ref: UniverseRef) -> CatalogSource:
    name, _, index = text.partition(":")
    if name not in PACKAGES:
        guess = did_you_mean(name, PACKAGES) or f"There are {' and '.join(PACKAGES)}."
        raise BadInput(f"{shown(name)} is no package with members of indexes.", guess)
    return CatalogSource("package", name, index or ref.key.removeprefix("index_"))


def _tickers(kind: str, ref: UniverseRef) -> CatalogSource:
    chosen = kind or ("ETF" if ref.type == "etf_universe" else "CS")
    if chosen not in TYPES:
        raise BadInput(
            f"{shown(chosen)} is no type of ticker that can be asked for.",
            f"Types are {', '.join(TYPES)}.",
        )
    return CatalogSource("tickers", chosen)
