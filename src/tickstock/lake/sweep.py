"""Removes what no kept snapshot of a table needs: old snapshots, and files of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pyarrow.fs import FileSelector, FileType
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from tickstock.lake.writing import OURS


def expire(table: Table, kept: int) -> None:
    """Keep the newest `kept` snapshots, and of the files those that these need.

    Only files that an expired snapshot named are removed, and our own data files that none names:
    what a publish left that did not get to its commit.
    """
    by_age = sorted(table.snapshots(), key=lambda s: (s.sequence_number or 0, s.timestamp_ms))
    old = by_age[: max(0, len(by_age) - kept)]
    named = {path for snapshot in old for path in _files_of(table, snapshot)}
    if old:
        # Not those that a branch or a tag of somebody's holds.
        held = {ref.snapshot_id for ref in table.metadata.refs.values()}
        ids = [s.snapshot_id for s in old if s.snapshot_id not in held]
        table.maintenance.expire_snapshots().by_ids(ids).commit()
    needed = {path for snapshot in table.snapshots() for path in _files_of(table, snapshot)}
    for path in (named | set(_data_files(table))) - needed:
        with suppress(OSError):
            table.io.delete(path)


def _files_of(table: Table, snapshot: Snapshot) -> Iterator[str]:
    yield snapshot.manifest_list
    for manifest in snapshot.manifests(table.io):
        yield manifest.manifest_path
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            yield entry.data_file.file_path


def _data_files(table: Table) -> Iterator[str]:
    """Our data files in the table's folder."""
    if not isinstance(table.io, PyArrowFileIO):
        return
    root = table.location_provider().new_data_location("")
    scheme, netloc, path = PyArrowFileIO.parse_location(root)
    system = table.io.fs_by_scheme(scheme, netloc)
    found = system.get_file_info(
        FileSelector(path.rstrip("/"), allow_not_found=True, recursive=True)
    )
    for one in found:
        if one.type is FileType.File and one.base_name.startswith(OURS):
            yield f"{root.removesuffix(path)}{one.path}"
