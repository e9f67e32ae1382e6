"""What a visitor can do with the job that the address names; the page and the API answer each in
their own way."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tickstock.errors import BadInput
from tickstock.service.progress import Progress
from tickstock.web.context import RequestContext


def progress_of(ctx: RequestContext) -> Progress:
    """How far the job is."""
    tick = ctx.tick
    return tick.jobs.progress(tick.jobs.find(ctx.path("id")))


def cancel(ctx: RequestContext) -> uuid.UUID:
    cancel_one(ctx, progress := progress_of(ctx))
    return progress.load.id


def retry(ctx: RequestContext) -> uuid.UUID:
    retry_one(ctx, progress := progress_of(ctx))
    return progress.load.id


def pause(ctx: RequestContext) -> uuid.UUID:
    return _steer(ctx, "pause", ctx.tick.steering.pause)


def resume(ctx: RequestContext) -> uuid.UUID:
    return _steer(ctx, "resume", ctx.tick.steering.resume)


def each(ctx: RequestContext, do: Callable[[RequestContext, Progress], bool]) -> tuple[int, int]:
    """Do it to all jobs that the form has ticked: to how many it was done, and to how many there
    was nothing to do. Nothing is done to any where one of them is unknown."""
    ids = list(dict.fromkeys(str(value) for value in ctx.fields.getlist("id")))
    if not ids:
        raise BadInput("No job was ticked.", "Tick the jobs that are meant.")
    jobs = ctx.tick.jobs
    chosen = [jobs.progress(jobs.find(text)) for text in ids]
    done = sum(do(ctx, progress) for progress in chosen)
    return done, len(chosen) - done


def cancel_one(ctx: RequestContext, progress: Progress) -> bool:
    """False when it had ended."""
    why = f"Cancelled by {ctx.name}."
    return _noted(ctx, "cancel", progress, ctx.tick.jobs.cancel(progress.load.id, why))


def retry_one(ctx: RequestContext, progress: Progress) -> bool:
    """False when nothing of it failed or was cancelled."""
    return _noted(ctx, "retry", progress, ctx.tick.jobs.retry(progress.load.id))


def clone(ctx: RequestContext) -> uuid.UUID:
    """The new job."""
    load = progress_of(ctx).load
    made = ctx.tick.steering.clone(load.id, ctx.name)
    ctx.note("clone", f"{load.id} as {made.id} {made.title}")
    return made.id


def _steer(ctx: RequestContext, what: str, do: Callable[[uuid.UUID], object]) -> uuid.UUID:
    """Do it to the job of the address; what changed something is noted in the audit log."""
    progress = progress_of(ctx)
    _noted(ctx, what, progress, do(progress.load.id))
    return progress.load.id


def _noted(ctx: RequestContext, what: str, progress: Progress, changed: object) -> bool:
    if changed:
        ctx.note(what, f"{progress.load.id} {progress.load.title}")
    return bool(changed)
