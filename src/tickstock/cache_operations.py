"""The doors that programs written for the cache table know: `CacheOperations`, `UniverseOrganizer`.

Both are thin: what they do is done by `store.universe_*`, as by the command line and the page.
Errors are those of `tickstock.errors`. An unknown or unreadable universe is a ValueError too; a
database that does not answer raises DatabaseUnavailable, and is never `[]` or False.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property, partial
from typing import Self

from tickstock.clock import new_york_date, utc_now
from tickstock.config import Settings, read_settings
from tickstock.errors import TickStockError
from tickstock.model import UNIVERSE_TYPES, UniverseRef
from tickstock.service import TickStock
from tickstock.store import listings, universe_plans, universe_writes, universes
from tickstock.store.database import Database
from tickstock.universes.catalog import catalog
from tickstock.universes.guard import names_of, objections
from tickstock.universes.plan import Mode, lines

logger = logging.getLogger("tickstock.universes")


class _OpensItself:
    """Works on the database that is handed in, else on the one that the settings name, which is
    opened when it is first needed and closed by `close`. Without settings they are read."""

    def __init__(self, database: Database | None = None, settings: Settings | None = None) -> None:
        self._given = database
        self._settings = settings or read_settings()

    @cached_property
    def _opened(self) -> TickStock:
        return TickStock.open(self._settings)

    @property
    def _database(self) -> Database:
        return self._given or self._opened.database

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, if it was opened here."""
        opened = self.__dict__.pop("_opened", None)
        if opened is not None:
            opened.close()


class CacheOperations(_OpensItself):
    """Reads universes of the environment that the settings name."""

    def get_universe_symbols(self, universe_type: str, universe_key: str) -> list[str]:
        """The symbols of a universe, in stored order; of an expression, what it gives now.

        Raises UnknownUniverse and MalformedUniverse (both ValueErrors), DatabaseUnavailable.
        """
        ref = UniverseRef(universe_type, universe_key)
        logger.info("Loading from cache: %s", ref)
        with self._database.transaction() as conn:
            symbols = universes.members(conn, ref, self._settings.environment)
        logger.info("Loaded %d symbols from cache: %s", len(symbols), ref)
        return list(symbols)

    def list_available_universes(self) -> list[dict[str, object]]:
        """Every universe: `type`, `name`, `key`, `symbol_count` (None where the stored value
        cannot be read) and `updated_at` (ISO 8601, UTC). By type, name and key."""
        with self._database.transaction() as conn:
            found = universes.list_universes(conn, self._settings.environment)
        logger.info("Found %d universes in cache", len(found))
        return [
            {
                "type": row.ref.type,
                "name": row.name,
                "key": row.ref.key,
                "symbol_count": row.symbols,
                "updated_at": row.updated_at.isoformat() if row.updated_at else None,
            }
            for row in found
        ]

    def validate_universe_exists(self, universe_type: str, universe_key: str) -> bool:
        """Whether there is such a universe. Raises DatabaseUnavailable."""
        ref = UniverseRef(universe_type, universe_key)
        with self._database.transaction() as conn:
            return universes.exists(conn, ref, self._settings.environment)


class UniverseOrganizer(_OpensItself):
    """Brings the stored universes to their definitions.

    `organize` does both types in one plan and one transaction. The two methods for one type each
    are one plan and one transaction each: when the second fails, the first stays done.
    """

    def __init__(
        self,
        dry_run: bool = False,
        database: Database | None = None,
        settings: Settings | None = None,
        allow: Collection[str] = (),
        *,
        allow_foreign: bool = False,
        allow_removals: bool = False,
    ) -> None:
        """`allow` names universes whose losses the change guard is to let through;
        `allow_foreign` lets all rows pass that TickStock never wrote, `allow_removals` all that
        would be removed."""
        super().__init__(database, settings)
        self.dry_run = dry_run
        self.stats = dict.fromkeys(("added", "updated", "deleted", "unchanged", "errors"), 0)
        self._allow = tuple(allow)
        self._foreign, self._removals = allow_foreign, allow_removals

    def organize(
        self, preserve_existing: bool = False, types: Collection[str] = UNIVERSE_TYPES
    ) -> None:
        """Bring the universes of `types` to their definitions; a dry run only counts and logs,
        also what the change guard would refuse.

        Raises what `store.universe_writes.apply` raises; nothing of this call is done then.
        """
        mode = Mode.PRESERVE if preserve_existing else Mode.REPLACE
        try:
            self._organize(mode, types)
        except TickStockError:
            self.stats["errors"] += 1
            raise

    def _organize(self, mode: Mode, types: Collection[str]) -> None:
        environment = self._settings.environment
        with self._database.transaction() as conn:
            identify = partial(listings.identified, conn)
            today = new_york_date(utc_now())
            definitions = catalog(self._settings.universes, identify, today).definitions
            plan = universe_plans.plan_organize(conn, definitions, mode, environment, types)
            for line in lines(plan):
                logger.info("%s%s", "[DRY RUN] " if self.dry_run else "", line)
            allow = [
                *self._allow, *names_of(plan, foreign=self._foreign, removals=self._removals)
            ]  # fmt: skip
            if not self.dry_run:
                reason = f"organize ({mode})"
                universe_writes.apply(conn, plan, allow=allow, source="organizer", reason=reason)
            elif (found := objections(plan, allow)).why:
                logger.warning("[DRY RUN] %s", found)
        for name, counted in STATS.items():
            self.stats[name] += plan.counts[counted]

    def organize_etf_universes(self, preserve_existing: bool = False) -> None:
        """`organize` for ETFs alone."""
        self.organize(preserve_existing, ["etf_universe"])

    def organize_stock_universes(self, preserve_existing: bool = False) -> None:
        """`organize` for stocks alone."""
        self.organize(preserve_existing, ["stock_universe"])

    def print_summary(self) -> None:
        """Print what was counted since this object was made."""
        print("CACHE ORGANIZATION SUMMARY")
        for name, count in self.stats.items():
            print(f"{name.capitalize() + ':':<11}{count}")
        if self.dry_run:
            print("Dry run: nothing was changed.")
        elif self.stats["errors"]:
            print("Failed: what failed has changed nothing.")
        else:
            print("Done.")


STATS = {"added": "added", "updated": "changed", "deleted": "removed", "unchanged": "unchanged"}
"""The guide's words for what a plan counts."""
