"""Members of indexes out of packages that somebody has installed. They are no dependencies."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from tickstock.errors import BadFile, BadInput, MissingExtra
from tickstock.extras import install_command, need
from tickstock.universes.files import Gather, Imported
from tickstock.universes.sources import CatalogSource
from tickstock.universes.suggest import did_you_mean, shown

Found = tuple[Iterable[str], date | None]
"""Symbols, and the last day of which the package knows something."""


def read_package(source: CatalogSource) -> Imported:
    """The members that an installed package gives for an index.

    Raises:
        BadInput: the package has no such index.
        MissingExtra: it is not installed.
        BadFile: it is another version than the one we know, or what it gives is no symbols.
    """
    read, indexes = _READERS[source.what]
    if source.index not in indexes:
        guess = did_you_mean(source.index, indexes) or f"It has {', '.join(indexes)}."
        raise BadInput(f"{source.what} has no index {shown(source.index)}.", guess)
    version = _version(source.what)
    try:
        symbols, as_of = read(indexes[source.index])
        listed = list(symbols)
    except Exception as e:
        raise BadFile(
            f"The package {source.what} {version} cannot be read: {type(e).__name__}: {e}.",
            "Install the version that the documentation names.",
        ) from e
    gather = Gather(str(source))
    for place, symbol in enumerate(listed, 1):
        gather.count_row()
        gather.add(place, str(symbol))
    gather.as_of = as_of
    return gather.done(f"package {source.what} {version}")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtra(
            f"The package {package} is not installed.", f"Install: {install_command([package])}"
        ) from None


def _index_constitution(index: str) -> Found:
    package = need("index_constitution")
    members, history = package.latest(index), package.history(index)
    changes = [*history["opt-in"].dropna(), *history["opt-out"].dropna()]
    return members["symbol"], max((change.date() for change in changes), default=None)


def _pytickersymbols(index: str) -> Found:
    package: Any = need("pytickersymbols")
    return [stock["symbol"] for stock in package.PyTickerSymbols().get_stocks_by_index(index)], None


_READERS: Mapping[str, tuple[Callable[[str], Found], Mapping[str, str]]] = {
    "index-constitution": (
        _index_constitution,
        {"sp500": "sp500", "nasdaq100": "nasdaq100", "dow30": "dow30"},
    ),
    "pytickersymbols": (
        _pytickersymbols,
        {
            "sp500": "S&P 500",
            "sp100": "S&P 100",
            "sp600": "S&P 600",
            "nasdaq100": "NASDAQ 100",
            "dow30": "DOW JONES",
        },
    ),
}
"""How each package is read, and its names of the indexes that it has of ours."""
