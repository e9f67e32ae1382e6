"""Bar files: written from the database, from which day bars are then read faster."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from tickstock.config import Settings
from tickstock.errors import BadSetting
from tickstock.store import folding
from tickstock.store.bar_files import BarFiles
from tickstock.store.database import Database
from tickstock.store.folding import Compared, Folded, FoldingWork

UNASKED = 250_000
"""Day bars from which on files are written without being asked for, where the database is the
embedded one: to read them all takes a third of a second then."""
SOON = 3_000_000
"""Bars that are written after any load, however small: a few seconds."""
SHARE = 4
"""Bars that are written for each that was loaded: together they take as long as to commit it."""


class BarFolder:
    """The folder of bar files that is set."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._folder = settings.bar_files_folder
        # A server of one's own has many machines, each with a folder: there somebody has to say so.
        self._is_unasked = settings.database_uri is None
        self._seen = self._left = self._stored = 0

    @cached_property
    def readable(self) -> BarFiles | None:
        """What bars are read by way of; None where files are switched off."""
        return None if self._folder is None else BarFiles(self._folder)

    def fold(self, *, anew: bool = False) -> Folded:
        """Write the years that have changed, or all of them; see `folding.fold`.

        Raises:
            BadSetting: files are switched off.
        """
        return folding.fold(self._database, self._files(), anew=anew)

    def follow(
        self,
        loaded: int,
        announce: Callable[[int], None],
        *,
        unasked: int = UNASKED,
        soon: int = SOON,
    ) -> Folded | None:
        """Write what has changed after a load of so many bars, where that takes some seconds, or no
        longer than the load. None where it is left to a worker or the next load. Before it
        begins, `announce` is told about how many bars these are.

        Raises:
            Transient: another one is writing files now.
            BadFile: the folder cannot be written.
        """
        files = self.readable
        if files is None or not loaded:
            return None
        work = folding.read_work(self._database, files)
        if not self._is_due(work, unasked) or work.bars > max(soon, SHARE * loaded):
            return None
        announce(work.bars)
        return folding.fold(self._database, files)

    def _is_due(self, work: FoldingWork, unasked: int) -> bool:
        if work.is_first:
            return self._is_unasked and work.bars >= unasked
        return work.bars > 0

    def refold(self, is_leaving: Callable[[], bool], *, unasked: int = UNASKED) -> Folded | None:
        """Write what has changed, where files were written once: when nothing was written since it
        was last asked, so that a load is not followed step by step; and after an hour all the same.
        None where it is not the time. Where nobody has files, what was noted for them is forgotten;
        beside the embedded database they are written once there are `unasked` bars.

        Raises:
            Transient: another one is writing files now, or `is_leaving` has come true.
        """
        files = self.readable
        waiting = folding.read_waiting(self._database, files) if files else None
        if files is None or waiting is None:
            folding.forget_unneeded_changes(self._database)
            if files is None or not self._is_unasked:
                return None
            return self._fold_unasked(files, is_leaving, unasked)
        is_quiet = waiting.changes == self._seen
        self._seen = waiting.changes
        # What an open transaction holds back waits on, however often it is written.
        if not waiting.is_old and (not is_quiet or waiting.changes in (0, self._left)):
            return None
        done = folding.fold(self._database, files, is_leaving=is_leaving)
        left = folding.read_waiting(self._database, files)
        self._seen = self._left = left.changes if left else 0
        return done

    def _fold_unasked(
        self, files: BarFiles, is_leaving: Callable[[], bool], unasked: int
    ) -> Folded | None:
        """The first files, when no bars were added since the last look."""
        work = folding.read_work(self._database, files)
        before, self._stored = self._stored, work.bars
        if not self._is_due(work, unasked) or work.bars != before:
            return None
        return folding.fold(self._database, files, is_leaving=is_leaving)

    def verify(self) -> Compared:
        """Compare the files with the database. Raises as `fold`."""
        return folding.compare_files(self._database, self._files())

    def _files(self) -> BarFiles:
        if self.readable is None:
            raise BadSetting(
                "Bar files are switched off: TICKSTOCK_BAR_FILES is `off`.",
                "Set it to `on`, or to a folder.",
            )
        return self.readable
