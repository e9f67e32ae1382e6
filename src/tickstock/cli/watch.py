"""Shows how far a job is: a bar, lines, an exit code."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tickstock.model import GapCause, JobState
from tickstock.service import TickStock
from tickstock.service.progress import Progress, figures_of
from tickstock.words import cut, duration, plural

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

EXIT = {
    JobState.COMPLETED: 0,
    JobState.WITH_ERRORS: 3,
    JobState.FAILED: 1,
    JobState.CANCELLED: 1,
}
LONG_HOLD = 5.0
"""Seconds for which a vendor wants no call that are worth a word."""
PERMISSION = ("CredentialsRefused", "NotEntitled")
Show = Callable[[Progress, str], None]
"""Shows how far a job is, to somebody who is the worker of that name (or none)."""


def exit_code(progress: Progress) -> int:
    """What a command that waited for this job ends with."""
    state = progress.load.state
    if not state.finished:
        return 130
    causes = set((progress.load.report or {}).get("causes", ()))
    is_refused = any(e.kind in PERMISSION for e in progress.errors)
    if state is JobState.FAILED and (is_refused or causes == {GapCause.NOT_ENTITLED}):
        return 4
    return EXIT[state]


def watch(tick: TickStock, load_id: uuid.UUID) -> Progress:
    """Only look on, until the job ends or Ctrl-C."""
    with shown() as show, contextlib.suppress(KeyboardInterrupt):
        while not (progress := tick.jobs.progress(load_id)).load.state.finished:
            show(progress, "")
            time.sleep(0.3)
        show(progress, "")
    return tick.jobs.progress(load_id)


@contextlib.contextmanager
def shown() -> Iterator[Show]:
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
    """The bar; trouble is told above it, when it begins and when its kind changes."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._told: set[str] = set()

    def __call__(self, progress: Progress, me: str) -> None:
        if self._task is None:
            self._task = self._bar.add_task("", total=progress.expected, rate="")
        finished = progress.load.state.finished
        what = str(progress.current) if progress.current and not finished else ""
        self._bar.update(
            self._task,
            description=held_up(progress, me) or what or cut(progress.load.title),
            completed=progress.held,
            rate=standing(progress) or calls_made(progress),
        )
        kinds = {e.kind for e in progress.errors}
        if not finished and kinds - self._told:
            self._bar.console.print(trouble(progress), style="yellow", markup=False)
        self._told = kinds


class _JsonLines:
    """Says what changed, at most once a second, and the end."""

    def __init__(self) -> None:
        self._said = ""
        self._at = 0.0

    def __call__(self, progress: Progress, me: str) -> None:
        line = json.dumps(line_of(progress) | {"waiting_for": held_up(progress, me)})
        ended = progress.load.state.finished
        if line == self._said or (not ended and time.monotonic() - self._at < 1.0):
            return
        self._said, self._at = line, time.monotonic()
        print(line, file=sys.stderr, flush=True)


def calls_made(progress: Progress) -> str:
    """`1,321 of 3,000 calls made, 1,679 not asked`."""
    text = f"{progress.calls:,} of {progress.calls_planned:,} calls made"
    parts = {"failed": progress.calls_failed, "not asked": progress.calls_not_asked}
    return ", ".join([text, *(f"{n:,} {what}" for what, n in parts.items() if n)])


def standing(progress: Progress) -> str:
    """Why nothing is asked, and for how long; nothing while calls are made."""
    still = progress.standstill
    if still is None:
        held = progress.held_off
        return f"the vendor wants no call for {duration(held)}" if held >= LONG_HOLD else ""
    if progress.paused:
        return f"paused for {duration(still.seconds)}"
    return f"waiting for a worker for {duration(still.seconds)}"


def trouble(progress: Progress) -> str:
    """What keeps calls of a running job from an answer, most frequent first; mostly nothing."""
    if progress.load.state.finished:
        return ""
    return " ".join(
        f"{plural(e.calls, 'call')}, {e.kind}: {e.example}" for e in progress.errors[:2]
    )


def held_up(progress: Progress, me: str) -> str:
    """Whom this process waits for, where others have calls in hand and it has none; else nothing.

    After a worker was killed, its calls are its own until their leases end.
    """
    others = [h for h in progress.holders if h.worker != me]
    if not me or not others or len(others) < len(progress.holders):
        return ""
    first, until = others[0], max(h.until for h in others).astimezone()
    calls = sum(h.calls for h in others)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    leased = "is leased" if calls == 1 else "are leased"
    return f"{plural(calls, 'call')} {leased} by worker {first.worker}{more} until {until:%H:%M:%S}"


def line_of(progress: Progress) -> dict[str, object]:
    """Progress in one flat object. `trouble` is why calls are being asked again, if any are."""
    return {
        "load": str(progress.load.id),
        **figures_of(progress),
        "trouble": trouble(progress),
    }
