"""The status that clients read, out of what the ledger says: in Redis and at the page's routes.

Pure, and the only place where such a status is made: what one face says of a job, all say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import overload

from tickstock.model import JobState
from tickstock.service.client_jobs import JobDetail
from tickstock.service.progress import Progress
from tickstock.store.client_jobs import RefusedJob
from tickstock.store.tallies import CallError
from tickstock.words import plural, sessions_held

SHOWN_ERRORS = 3
NO_BARS = "No bars were asked for (include_ohlcv is false), so none were loaded."


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One status, in the fields, types and order of the contract.

    Texts are empty and the two times null where there is nothing to say. All times are naive
    local ISO 8601. `updated_at` is when anything else changed, `timestamp` when it was written.
    """

    status: str
    progress: int
    message: str
    description: str
    total_symbols: int = 0
    processed_symbols: int = 0
    successful_symbols: tuple[str, ...] = ()
    failed_symbols: tuple[str, ...] = ()
    current_symbol: str = ""
    symbols_loaded: int = 0
    symbols_failed: int = 0
    ohlcv_records_loaded: int = 0
    error_message: str = ""
    started_at: str | None = None
    completed_at: str | None = None
    updated_at: str = ""
    timestamp: str = ""

    def stamped(self, changed: str, now: str) -> JobStatus:
        """The same with the times of the last change and of this writing."""
        return replace(self, updated_at=changed, timestamp=now)


def status_of(detail: JobDetail, zone: tzinfo | None = None) -> JobStatus:
    """The status of a job, without the times that `stamped` adds. `zone` None: the machine's."""
    progress, load = detail.progress, detail.progress.load
    good, bad = detail.symbols.good, detail.symbols.failed
    return JobStatus(
        status=load.state.value,
        progress=progress.percent,
        message=_message(progress, zone),
        description=_description(progress),
        total_symbols=len(load.asked.symbols),
        processed_symbols=len(good) + len(bad),
        successful_symbols=good,
        failed_symbols=bad,
        current_symbol=progress.current.symbol if progress.current else "",
        symbols_loaded=len(good),
        symbols_failed=len(bad),
        ohlcv_records_loaded=progress.rows_new + progress.rows_changed,
        error_message=_error_message(progress),
        started_at=local(load.started_at, zone),
        completed_at=local(load.finished_at, zone),
    )


def refusal_status(refused: RefusedJob, zone: tzinfo | None = None) -> JobStatus:
    """The status of a job that became no job."""
    at = local(refused.at, zone)
    return JobStatus(
        status=JobState.FAILED.value,
        progress=0,
        message="Rejected: nothing was loaded.",
        description=f"{refused.job_type or 'job'}, rejected",
        error_message=refused.reason,
        started_at=at,
        completed_at=at,
    )


@overload
def local(at: datetime, zone: tzinfo | None = None) -> str: ...
@overload
def local(at: datetime | None, zone: tzinfo | None = None) -> str | None: ...
def local(at: datetime | None, zone: tzinfo | None = None) -> str | None:
    """An instant as clients compare it with their own clock: local, without a zone."""
    if at is None:
        return None
    return at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _message(progress: Progress, zone: tzinfo | None) -> str:
    """Nothing in it goes on by itself: who stands still says since when, not for how long."""
    load = progress.load
    if load.state is JobState.COMPLETED and not load.job.get("bars", True):
        return NO_BARS
    if load.state is JobState.CANCELLED and progress.calls_not_asked:
        return f"{load.message} {_calls(progress)}".strip()
    if load.state.finished:
        return load.message
    held = sessions_held(progress.held, progress.expected)
    if load.paused_at is not None:
        return f"Paused; {held}"
    if progress.standstill is not None:
        since = progress.standstill.since.astimezone(zone)
        return f"Waiting for a worker since {since:%H:%M:%S}; {held}"
    if load.state is JobState.SUBMITTED:
        return f"Waiting for a worker; {held}"
    return f"{held}, {progress.calls:,} of {progress.calls_planned:,} calls done"


def _calls(progress: Progress) -> str:
    made = f"{progress.calls:,} of {progress.calls_planned:,} calls were made"
    return f"{made}, {progress.calls_not_asked:,} not asked."


def _description(progress: Progress) -> str:
    load, asked = progress.load, progress.load.asked
    frames = ", ".join(load.job.get("timeframes", asked.timeframes))
    many = plural(len(asked.symbols), "symbol")
    return f"{load.title}: {many}, {frames}, {asked.span.start} to {asked.span.last}"


def _error_message(progress: Progress) -> str:
    """What failed for good, the most frequent cause first; nothing for a job without failures."""
    state = progress.load.state
    if state not in (JobState.FAILED, JobState.WITH_ERRORS):
        return ""
    if progress.load.met_a_fault:
        return progress.load.message
    texts = [_text(error) for error in progress.errors if error.failed][:SHOWN_ERRORS]
    return " ".join(texts) or progress.load.message


def _text(error: CallError) -> str:
    times = "" if error.failed == 1 else f" ({error.failed} times)"
    where = f"{error.symbol}: " if error.symbol else ""
    return f"{where}{error.example}{times}"
