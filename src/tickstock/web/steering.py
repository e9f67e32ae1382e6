"""What a visitor can do with the job that the address names; the page and the API answer each in
their own way."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tickstock.service.progress import Progress
from tickstock.web.context import RequestContext


def progress_of(ctx: RequestContext) -> Progress:
    """How far the job is."""
    tick = ctx.tick
    return tick.jobs.progress(tick.jobs.find(ctx.path("id")))


def cancel(ctx: RequestContext) -> uuid.UUID:
    why = f"Cancelled by {ctx.name}."
    return _steer(ctx, "cancel", lambda load_id: ctx.tick.jobs.cancel(load_id, why))


def retry(ctx: RequestContext) -> uuid.UUID:
    return _steer(ctx, "retry", ctx.tick.jobs.retry)


def pause(ctx: RequestContext) -> uuid.UUID:
    return _steer(ctx, "pause", ctx.tick.steering.pause)


def resume(ctx: RequestContext) -> uuid.UUID:
    return _steer(ctx, "resume", ctx.tick.steering.resume)


def clone(ctx: RequestContext) -> uuid.UUID:
    """The new job."""
    load = progress_of(ctx).load
    made = ctx.tick.steering.clone(load.id, ctx.name)
    ctx.note("clone", f"{load.id} as {made.id} {made.title}")
    return made.id


def _steer(ctx: RequestContext, what: str, do: Callable[[uuid.UUID], object]) -> uuid.UUID:
    """Do it; what changed something is noted in the audit log."""
    load = progress_of(ctx).load
    if do(load.id):
        ctx.note(what, f"{load.id} {load.title}")
    return load.id
