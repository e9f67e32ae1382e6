"""Works on a job in this process and shows how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import uuid

from tickstock.cli.output import talk
from tickstock.cli.watch import Show, shown
from tickstock.errors import TickStockError, Transient
from tickstock.service import TickStock
from tickstock.service.progress import Progress
from tickstock.words import plural
from tickstock.worker.policy import Policy
from tickstock.worker.run import SourceFactory, Worker, configured_source, stop_on_signals

OUTAGE_SECONDS = 20.0
"""Seconds that a person at a terminal waits for a database that is away."""


def work_and_watch(
    tick: TickStock, load_id: uuid.UUID, *, source: SourceFactory = configured_source
) -> Progress:
    """Drain the job here until it ends or Ctrl-C; answers how far it came. Bar files follow."""
    with shown() as show:
        progress = asyncio.run(_work(tick, load_id, source, show))
    if progress.load.state.finished:
        _follow(tick, progress.rows_new + progress.rows_changed)
    return progress


def _follow(tick: TickStock, loaded: int) -> None:
    """Write bar files, where they are due. What comes of it is no concern of the job's."""
    try:
        tick.bar_files.follow(loaded, _announce)
    except Transient:
        pass  # somebody else writes them
    except TickStockError as e:
        talk(f"Bar files were not written. {e.what} {e.hint}")
    except KeyboardInterrupt:
        talk("Bar files were not written; the next load does it, or `tickstock files fold`.")


def _announce(bars: int) -> None:
    talk(f"Writing bar files, about {plural(bars, 'bar')}: day bars are read faster from them.")


async def _work(tick: TickStock, load_id: uuid.UUID, source: SourceFactory, show: Show) -> Progress:
    policy = Policy(lease=tick.settings.lease_seconds, outage_seconds=OUTAGE_SECONDS)
    worker = Worker(tick, source=source, policy=policy)
    stop_on_signals(worker.stop)
    work = asyncio.create_task(worker.drain(load_id), name=f"drain of {load_id}")
    while not work.done():
        await asyncio.wait({work}, timeout=0.2)
        # A database that is away is the worker's to wait for; only the picture stands still.
        with contextlib.suppress(Transient):
            progress = await asyncio.to_thread(tick.jobs.progress, load_id)
            show(progress, worker.name)
            if progress.paused or progress.load.state.finished:
                worker.stop()  # somebody else has said so; what is in hand is no longer ours
    await worker.leave()
    work.result()
    progress = await asyncio.to_thread(tick.jobs.progress, load_id)
    show(progress, worker.name)
    return progress
