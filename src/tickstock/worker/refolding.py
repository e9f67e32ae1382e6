"""Bar files of this machine follow the database, where somebody had them written once.

Every worker process sees to the folder that is set for it: which of those that share one does it
is nobody's concern, as the database lets one at a time.
"""

from __future__ import annotations

import asyncio
import threading

from tickstock.errors import Transient
from tickstock.service.bar_folder import BarFolder
from tickstock.waiting import within
from tickstock.worker.trouble import TroubleLog


class Refolding:
    """Looks every so many seconds whether files are to be written anew."""

    def __init__(self, folder: BarFolder, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._trouble = TroubleLog("bar files not written")

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop, also in the middle of writing."""
        leaving = threading.Event()
        while not await within(self._seconds, stopping):
            work = asyncio.create_task(
                asyncio.to_thread(self._folder.refold, leaving.is_set), name="worker: bar files"
            )
            stop = asyncio.create_task(stopping.wait(), name="worker: bar files: stop")
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if stopping.is_set():
                leaving.set()
            try:
                await work
            except Transient:
                pass  # somebody else does it, or the database is away, which others tell
            except Exception as e:
                self._trouble.trouble(e)  # the worker goes on, and bars are read from the database
            else:
                self._trouble.well()
