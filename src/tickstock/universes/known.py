"""Which symbols somebody knows: the shipped list of US symbols, and the members of the catalog.

The list is of one day (see data/symbols/ORIGIN.md), so a symbol that is not in it may be newer or
long gone; what a database holds bars of is known too. A verdict tells, and never decides.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from tickstock.universes.share_classes import SHARE_CLASSES
from tickstock.words import plural

Traded = Callable[[Sequence[str]], Collection[str]]
"""Given symbols that no list knows, answers those that are known otherwise."""
MAX_SHARE = 0.20
"""The share of a list that may be known to nobody before it is asked about."""
MAX_UNKNOWN = 5
"""A list with no more unknown symbols passes whatever their share is: people do hold new ones."""
_SHOWN = 8
_DATA = resources.files("tickstock") / "data"


@dataclass(frozen=True, slots=True)
class SymbolVerdict:
    """How many symbols a list has, and those among them that nobody knows."""

    size: int
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = plural(self.size, "symbol")
        if not self.unknown:
            return f"{count}: all known." if self.size > 1 else f"{count}: known."
        names = ", ".join(self.unknown[:_SHOWN])
        more = f" and {len(self.unknown) - _SHOWN} more" if len(self.unknown) > _SHOWN else ""
        known = self.size - len(self.unknown)
        return f"{count}: {known} known, {len(self.unknown)} known to nobody ({names}{more})."

    @property
    def is_doubtful(self) -> bool:
        """Whether so much is unknown that the list may not be one of US symbols."""
        return len(self.unknown) > max(MAX_UNKNOWN, MAX_SHARE * self.size)


def nobody_else(_: Sequence[str]) -> Collection[str]:
    """For where there is no database to ask."""
    return ()


NO_VERDICT = SymbolVerdict(0)


def judge(symbols: Sequence[str], traded: Traded = nobody_else) -> SymbolVerdict:
    """The verdict on a list."""
    unknown = [symbol for symbol in symbols if not is_known(symbol)]
    others = frozenset(traded(unknown)) if unknown else frozenset[str]()
    return SymbolVerdict(len(symbols), tuple(symbol for symbol in unknown if symbol not in others))


def is_known(symbol: str) -> bool:
    """Whether the shipped list, the catalog or a told event names the symbol."""
    return symbol in us_symbols() or symbol in SHARE_CLASSES or symbol in _catalog_symbols()


def with_dot(symbol: str) -> str | None:
    """The share class that is meant by a symbol which is written without its dot: BRKB is BRK.B.

    None where somebody knows the symbol as it is, or nobody the one with the dot.
    """
    return _dotless().get(symbol)


@cache
def us_symbols() -> Mapping[str, str]:
    """The shipped list of US symbols, with their kinds."""
    text = (_DATA / "symbols" / "us_symbols.csv").read_text(encoding="utf-8")
    rows = (line.split(",", 2) for line in text.splitlines()[2:])
    return {symbol: kind for symbol, kind, _ in rows}


@cache
def _dotless() -> dict[str, str]:
    classes = {s for s in us_symbols() if s[-2:-1] == "."} | SHARE_CLASSES
    return {bare: s for s in classes if not is_known(bare := s.replace(".", ""))}


@cache
def _catalog_symbols() -> frozenset[str]:
    """Members of the shipped universes, today and on past days, and tickers of told events."""
    return frozenset(_symbols_of_tables()) | frozenset(_symbols_of_definitions())


def _symbols_of_tables() -> Iterator[str]:
    for folder in ("catalog/members", "catalog/history", "instruments"):
        for file in _DATA.joinpath(*folder.split("/")).iterdir():
            if file.name.endswith(".csv"):
                rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
                yield from (row[c] for row in rows for c in ("symbol", "new_symbol") if row.get(c))


def _symbols_of_definitions() -> Iterable[str]:
    for file in (_DATA / "catalog").iterdir():
        if file.name.endswith(".toml"):
            for entries in tomllib.loads(file.read_text(encoding="utf-8")).values():
                for entry in entries.values():
                    yield from entry.get("symbols", ())
