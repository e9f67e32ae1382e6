"""How a job ends in a worker: by its verdict, or by a fault that is told once and not met again.

A fault is what asking again would not fix: an error inside TickStock that is no single call's, or
whatever goes wrong in finishing. It ends the job as failed, without a report, with the error's
name as its message, and nobody goes on with it until somebody says so (`retry`). A database that is
away is no fault: it is waited for. One that answers and refuses even to write down the failure is
asked again in growing pauses, and warned of once.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from tickstock.errors import Terminal, TickStockError, Transient
from tickstock.loading.report import Report
from tickstock.model import JobState
from tickstock.service.verdicts import Verdicts
from tickstock.shortage import shortage
from tickstock.worker.outage_retry import OutageRetry

log = structlog.get_logger("tickstock.worker")
P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds until a job is looked at again that cannot be worked on here, doubled each time."""


class Stage(enum.StrEnum):
    """What is being done for a job."""

    BARS = "its bars were being loaded"
    ACTIONS = "its splits and dividends were being asked for"
    VERDICT = "its verdict was being written"


@dataclass(slots=True)
class End:
    """How far one job is, and the verdict when there is one. `is_excused` tells of an error met
    while bars were loaded that a call answers for: it is asked again, up to so many attempts."""

    stage: Stage = Stage.BARS
    report: Report | None = None
    is_excused: Callable[[], bool] = lambda: False

    def is_fault(self, error: Exception) -> bool:
        """Whether this error ends the job."""
        if self.stage is Stage.BARS:
            return not isinstance(error, TickStockError) and not self.is_excused()
        return not isinstance(error, Transient)


@dataclass(slots=True)
class _Trouble:
    """What was last told of a job that cannot be worked on here."""

    said: str
    pause: float
    until: float


class Ends:
    """Ends jobs for one process. Belongs to one event loop."""

    def __init__(self, verdicts: Verdicts, retry: OutageRetry) -> None:
        self._verdicts = verdicts
        self._retry = retry
        self._trouble: dict[uuid.UUID, _Trouble] = {}

    @contextlib.asynccontextmanager
    async def of(self, load_id: uuid.UUID) -> AsyncIterator[End]:
        """Work on a job inside; a fault ends the job, and goes no further than this.

        Raises what is none, and what the database says when it does not take the failure.
        """
        end = End()
        try:
            yield end
        except Exception as error:
            if short := shortage(error):
                raise short from error  # of this machine, and not the job's
            if not end.is_fault(error):
                raise
            end.report = await self._fail(load_id, end.stage, error)
        self._trouble.pop(load_id, None)

    async def verdict(self, load_id: uuid.UUID, *, in_vain: bool) -> Report | None:
        """Write the verdict; None when calls are open, when somebody asks for splits and dividends
        or has to, unless that is `in_vain`, and when somebody else has written it."""
        report = await self._through(self._verdicts.finish, load_id, in_vain=in_vain)
        if report is not None:
            log.info("job ended", load=str(load_id), state=report.state, message=report.message)
        return report

    async def _fail(self, load_id: uuid.UUID, stage: Stage, error: Exception) -> Report | None:
        told = message_of(load_id, stage, error)
        is_new = load_id not in self._trouble
        try:
            done = await self._through(
                self._verdicts.fail, load_id, told, with_open=stage is Stage.BARS
            )
        except TickStockError:
            if is_new:
                log.error("job cannot be ended", load=str(load_id), exc_info=error)
            raise
        if not done:
            return None  # others have ended it, or have calls of it in hand
        log.error("job ended by a fault", load=str(load_id), message=told, exc_info=error)
        return Report(JobState.FAILED, told, ())

    async def _through(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread, through an outage, and past clashes with the work of others."""
        ask = partial(asyncio.to_thread, work, *args, **kwargs)
        return await self._retry.past_clashes(ask)

    # -- jobs that cannot be worked on here -------------------------------------------------
    def rests(self, load_id: uuid.UUID) -> bool:
        """Whether a job is not to be tried again yet."""
        trouble = self._trouble.get(load_id)
        return trouble is not None and asyncio.get_running_loop().time() < trouble.until

    def hold_off(self, load_id: uuid.UUID, error: TickStockError) -> None:
        """The job cannot be worked on here, for a reason that is not its own: a refusal of the
        database, a setting. Logged when it is new, not again each time."""
        before, said = self._trouble.get(load_id), f"{type(error).__name__}: {error}"
        if before is None or before.said != said:
            log.error("job not drained", load=str(load_id), error=error)
        pause = 0.0
        if isinstance(error, Terminal):
            pause = min(before.pause * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
            pause = max(pause, FIRST_PAUSE)
        now = asyncio.get_running_loop().time()
        self._trouble[load_id] = _Trouble(said, pause, now + pause)


def message_of(load_id: uuid.UUID, stage: Stage, error: Exception) -> str:
    """What the job says of a fault. The text of an unforeseen error is for the log alone: it may
    quote what is nobody's business."""
    name = type(error).__name__
    what = f"An error inside TickStock ({name}) ended this job while {stage}."
    if isinstance(error, TickStockError):
        what = f"This job ended while {stage}: {name}, {error.what}"
    return (
        f"{what} What it loaded is kept, and the log has the details. "
        f"To have it finished: tickstock jobs retry {str(load_id)[:8]}"
    )
