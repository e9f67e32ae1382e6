"""Schedules: jobs that come by themselves."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.errors import TickStockError
from tickstock.loading.due import parse_time
from tickstock.service.schedules import Planned, schedule_as_dict
from tickstock.store.jobs import Job
from tickstock.web.context import RequestContext
from tickstock.web.system import page
from tickstock.web.system_forms import ScheduleForm, Typed


def add(ctx: RequestContext) -> Response:
    """Load a universe every day, or after every close."""
    form = ScheduleForm.read(ctx.fields.multi_items())
    try:
        _add(ctx, after_close=form.after_close, timeframes=",".join(form.timeframes))
    except TickStockError as e:
        return page(ctx, Typed(form, error=e, about="schedule"))
    return ctx.go("/system#schedules")


def remove(ctx: RequestContext) -> Response:
    """End a schedule; the jobs that it made stay."""
    _remove(ctx)
    return ctx.go("/system#schedules")


def run(ctx: RequestContext) -> Response:
    """Submit its job now, besides the due times."""
    return ctx.go(f"/jobs/{_run(ctx).id}")


def _add(ctx: RequestContext, *, after_close: bool, timeframes: str) -> Planned:
    made = ctx.tick.schedules.add(
        ctx.field("name").strip(),
        ctx.field("universe").strip(),
        parse_time(ctx.field("at")),
        after_close=after_close,
        duration=ctx.field("for") or "1w",
        timeframes=timeframes or "day",
        created_by=ctx.name,
    )
    ctx.note("schedule added", f"{made.schedule.name} {made.schedule.universe}")
    return made


def _remove(ctx: RequestContext) -> None:
    ctx.tick.schedules.remove(ctx.path("name"))
    ctx.note("schedule removed", ctx.path("name"))


def _run(ctx: RequestContext) -> Job:
    load = ctx.tick.schedules.run_now(ctx.path("name"), ctx.name)
    ctx.note("schedule run", f"{ctx.path('name')} as {load.id}")
    return load


# --- for programs -----------------------------------------------------------------------------
def schedules(ctx: RequestContext) -> Response:
    """Every schedule, with when it is due next."""
    return JSONResponse({"schedules": [schedule_as_dict(p) for p in ctx.tick.schedules.planned()]})


def create(ctx: RequestContext) -> Response:
    """Add a schedule; `at` is New York time, `18:30`."""
    after_close = ctx.body.get("after_close") is True
    made = _add(ctx, after_close=after_close, timeframes=ctx.field("timeframes"))
    return JSONResponse(schedule_as_dict(made), 201)


def delete(ctx: RequestContext) -> Response:
    """End a schedule; answers those that are left."""
    _remove(ctx)
    return schedules(ctx)


def start(ctx: RequestContext) -> Response:
    """Submit the job of a schedule now; answers its id."""
    return JSONResponse({"load": str(_run(ctx).id)}, 201)
