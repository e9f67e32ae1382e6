"""Named universes of symbols in PostgreSQL, and their price history kept complete."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickstock.cache_operations import CacheOperations, UniverseOrganizer
    from tickstock.config import Settings, read_settings
    from tickstock.errors import TickStockError
    from tickstock.model import Timeframe, UniverseRef
    from tickstock.service import TickStock

__version__ = "0.1.0"
__all__ = [
    "CacheOperations",
    "Settings",
    "TickStock",
    "TickStockError",
    "Timeframe",
    "UniverseOrganizer",
    "UniverseRef",
    "__version__",
    "read_settings",
]
_PLACES = {
    "CacheOperations": "cache_operations",
    "Settings": "config",
    "TickStock": "service",
    "TickStockError": "errors",
    "Timeframe": "model",
    "UniverseOrganizer": "cache_operations",
    "UniverseRef": "model",
    "read_settings": "config",
}


def __getattr__(name: str) -> Any:
    # When asked for, not before: the command line starts by importing this package.
    if place := _PLACES.get(name):
        return getattr(import_module(f"tickstock.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
