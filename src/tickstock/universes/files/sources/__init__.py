"""Whose file it is, told by the first rows: one file here for each source that is known by name.

A file of this folder has a `SOURCES` with one or more `ListSource`; putting it here is all that a
new one needs. The first that recognises the rows reads them; those that ask for more columns come
first.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from tickstock.universes.files.delimited import Row
from tickstock.universes.files.sources.base import ListSource

__all__ = ["Source", "all_sources", "source_of"]


@cache
def all_sources() -> tuple[ListSource, ...]:
    """Every source, the most particular first."""
    found: list[ListSource] = []
    for module in pkgutil.iter_modules(__path__):
        if module.name != "base":
            found += importlib.import_module(f"{__name__}.{module.name}").SOURCES
    return tuple(sorted(found, key=lambda source: (-source.columns, source.name)))


def source_of(rows: Sequence[Row]) -> ListSource | None:
    """The source of a file that begins with these rows; None for a plain table."""
    return next((source for source in all_sources() if source.is_one(rows)), None)
