"""Bar files: written from the database, from which day bars are then read faster."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from tickstock.config import Settings
from tickstock.errors import BadSetting
from tickstock.store import folding
from tickstock.store.bar_files import BarFiles
from tickstock.store.database import Database
from tickstock.store.folding import Compared, Folded


class BarFolder:
    """The folder of bar files that is set."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._folder = settings.bar_files_folder
        self._seen = self._left = 0

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

    def refold(self, is_leaving: Callable[[], bool]) -> Folded | None:
        """Write what has changed, where files were written once: when nothing was written since it
        was last asked, so that a load is not followed step by step; and after an hour all the same.
        None where it is not the time. Where nobody has files, what was noted for them is forgotten.

        Raises:
            Transient: another one is writing files now, or `is_leaving` has come true.
        """
        files = self.readable
        waiting = folding.read_waiting(self._database, files) if files else None
        if files is None or waiting is None:
            folding.forget_unneeded_changes(self._database)
            return None
        is_quiet = waiting.changes == self._seen
        self._seen = waiting.changes
        # What an open transaction holds back waits on, however often it is written.
        if not waiting.is_old and (not is_quiet or waiting.changes in (0, self._left)):
            return None
        done = folding.fold(self._database, files, is_leaving=is_leaving)
        left = folding.read_waiting(self._database, files)
        self._seen = self._left = left.changes if left else 0
        return done

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
