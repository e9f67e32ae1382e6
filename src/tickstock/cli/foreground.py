"""Works on a load in this process and shows how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from tickstock.model import LoadState
from tickstock.service import TickStock
from tickstock.service.loads import Progress
from tickstock.worker.drain import Policy
from tickstock.worker.run import SourceFactory, Worker, configured_source, stop_on_signals

PATIENCE = 20.0
"""Seconds that a person at a terminal waits for a database that is away."""
EXIT = {
    LoadState.COMPLETED: 0,
    LoadState.WITH_ERRORS: 3,
    LoadState.FAILED: 1,
    LoadState.CANCELLED: 1,
}
PERMISSION = ("CredentialsRefused", "NotEntitled")
Show = Callable[[Progress], None]


def exit_code(progress: Progress) -> int:
    """What a command that waited for this load ends with."""
    state = progress.load.state
    if not state.finished:
        return 130
    if state is LoadState.FAILED and any(e.kind in PERMISSION for e in progress.errors):
        return 4
    return EXIT[state]


def work_and_watch(
    tick: TickStock, load_id: uuid.UUID, *, source: SourceFactory = configured_source
) -> Progress:
    """Drain the load here until it ends or Ctrl-C; answers how far it came."""
    with _shown() as show:
        return asyncio.run(_work(tick, load_id, source, show))


def watch(tick: TickStock, load_id: uuid.UUID) -> Progress:
    """Only look on, until the load ends or Ctrl-C."""
    with _shown() as show, contextlib.suppress(KeyboardInterrupt):
        while True:
            progress: Progress = tick.loads.progress(load_id)
            show(progress)
            if progress.load.state.finished:
                break
            time.sleep(0.3)
    return tick.loads.progress(load_id)


async def _work(tick: TickStock, load_id: uuid.UUID, source: SourceFactory, show: Show) -> Progress:
    worker = Worker(tick, source=source, policy=Policy(database_patience=PATIENCE))
    stop_on_signals(worker.stop)
    work = asyncio.create_task(worker.drain(load_id))
    while not work.done():
        await asyncio.wait({work}, timeout=0.2)
        if not work.done():
            show(await asyncio.to_thread(tick.loads.progress, load_id))
    work.result()
    progress = await asyncio.to_thread(tick.loads.progress, load_id)
    show(progress)
    return progress


@contextlib.contextmanager
def _shown() -> Any:
    """A bar on a terminal, a JSON line a second otherwise; both on stderr."""
    if not sys.stderr.isatty():
        yield _JsonLines()
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} sessions"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, transient=False) as bar:
        yield _Bar(bar)


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task: Any = None

    def __call__(self, progress: Progress) -> None:
        if self._task is None:
            self._task = self._bar.add_task("", total=progress.expected, rate="")
        finished = progress.load.state.finished
        what = str(progress.current) if progress.current and not finished else ""
        self._bar.update(
            self._task,
            description=what or progress.load.title,
            completed=progress.held,
            rate=f"{progress.calls}/{progress.calls_planned} calls",
        )


class _JsonLines:
    """Says what changed, at most once a second, and the end."""

    def __init__(self) -> None:
        self._said = ""
        self._at = 0.0

    def __call__(self, progress: Progress) -> None:
        line = json.dumps(line_of(progress))
        ended = progress.load.state.finished
        if line == self._said or (not ended and time.monotonic() - self._at < 1.0):
            return
        self._said, self._at = line, time.monotonic()
        print(line, file=sys.stderr, flush=True)


def line_of(progress: Progress) -> dict[str, Any]:
    """Progress in one flat object."""
    return {
        "load": str(progress.load.id),
        "state": progress.load.state.value,
        "percent": progress.percent,
        "held": progress.held,
        "expected": progress.expected,
        "calls": progress.calls,
        "calls_planned": progress.calls_planned,
        "bars_new": progress.rows_new,
        "bars_changed": progress.rows_changed,
        "seconds_left": progress.seconds_left,
    }
