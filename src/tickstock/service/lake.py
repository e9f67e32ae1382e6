"""Stored day bars as Iceberg tables: published, and told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickstock.config import Settings
from tickstock.private import make_folder
from tickstock.store.bar_files import BarFiles
from tickstock.store.database import Database

if TYPE_CHECKING:
    from tickstock.lake import Lakeside, Published


@dataclass(frozen=True, slots=True)
class TableStatus:
    """A published table: `metadata` is what readers without a catalog take, `as_of` the moment of
    the database that it tells of, `snapshots` how many publishes can still be read."""

    name: str
    metadata: str
    snapshot: int
    as_of: str
    published_at: datetime
    rows: int
    files: int
    bytes: int
    snapshots: int


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """Where tables are and what is in them. `catalog` is what PyIceberg opens the catalog with;
    *** stands for a password."""

    catalog: dict[str, str]
    tables: tuple[TableStatus, ...]


class Lake:
    """The tables in the catalog and warehouse that are set."""

    def __init__(self, database: Database, settings: Settings, files: BarFiles | None) -> None:
        self._database = database
        self._settings = settings
        self._files = files

    def publish(self, *, anew: bool = False) -> Published:
        """Bring the tables to the state of the database; see `Lakeside.publish`.

        Raises:
            MissingExtra: what it needs is not installed.
        """
        if isinstance(folder := self._settings.lake_folder, Path):
            make_folder(folder)
        return self._side().publish(self._database, anew=anew)

    def table(self, name: str) -> Any:
        """A published table, as PyIceberg's; None where it was not published yet. Raises as
        `publish`."""
        return self._side().table(name)

    def properties(self, *, is_shown: bool = False) -> dict[str, str]:
        """What `pyiceberg.catalog.load_catalog("tickstock", **properties)` takes, in any program.
        May hold the password of the database; where it is shown, *** instead. Raises as `publish`.
        """
        from tickstock.lake.catalog import as_location, properties_for_readers

        settings = self._settings
        where, warehouse = settings.lake_catalog, as_location(settings.lake_folder)
        return properties_for_readers(
            where, warehouse, self._database, settings.s3_endpoint, is_shown=is_shown
        )

    def status(self) -> LakeStatus:
        """Raises as `publish`."""
        from tickstock.lake.tables import SCHEMAS

        side = self._side()
        tables = (side.table(name) for name in SCHEMAS)
        found = tuple(status for table in tables if table for status in _status(table))
        return LakeStatus(self.properties(is_shown=True), found)

    def _side(self) -> Lakeside:
        from tickstock.lake import Lakeside, open_catalog
        from tickstock.lake.catalog import IN_DATABASE, as_location

        where, warehouse = self._settings.lake_catalog, as_location(self._settings.lake_folder)
        return Lakeside(
            open_catalog(where, warehouse, self._database, self._settings.s3_endpoint),
            self._settings.lake_namespace,
            warehouse,
            is_own=where == IN_DATABASE,
            kept=self._settings.lake_snapshots,
            files=self._files,
        )


def _status(table: Any) -> Iterator[TableStatus]:
    from tickstock.lake.publish import AS_OF

    snapshot = table.current_snapshot()
    if snapshot is None:
        return
    said = snapshot.summary.additional_properties
    yield TableStatus(
        table.name()[-1],
        table.metadata_location,
        snapshot.snapshot_id,
        said.get(AS_OF, ""),
        datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
        int(said.get("total-records", 0)),
        int(said.get("total-data-files", 0)),
        int(said.get("total-files-size", 0)),
        len(table.snapshots()),
    )
