"""The routes of the page that existing clients know, under their names, with their field names.

A job is told with the status that clients read from Redis (`service.job_status`): times without a
zone, in this machine's local time, because clients compare them with their own clock.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput, UnknownJob
from tickstock.loading.request import Duration, LoadRequest, years_to_duration
from tickstock.service.client_jobs import JobDetail
from tickstock.service.job_status import JobStatus, local, refusal_status, status_of
from tickstock.web.context import RequestContext
from tickstock.web.historical import MAINTENANCE, README

NEWEST = 50


def universes(ctx: RequestContext) -> Response:
    """Every universe: `type`, `key`, `name`, `symbol_count`, `updated_at`."""
    found = [
        {
            "type": row.ref.type,
            "key": row.ref.key,
            "universe_key": row.ref.joined,
            "name": row.name,
            "symbol_count": row.symbols,
            "updated_at": row.updated_at.isoformat() if row.updated_at else None,
        }
        for row in ctx.tick.universes.list()
    ]
    return JSONResponse({"success": True, "universes": found, "total": len(found)})


def trigger(ctx: RequestContext) -> Response:
    """Submit a job from `universe_key` (or `csv_file`), `years` (or `duration`), `timeframes`."""
    tick = ctx.tick
    who = ctx.who.name if ctx.who else ""
    made = tick.plans.make(_request(ctx))
    load = tick.jobs.submit(made, requested_by=who, client_id=ctx.field("job_id") or None)
    ctx.note("load", f"{load.id} {load.title}")
    return JSONResponse({"success": True} | _status(ctx, load.id))


def _request(ctx: RequestContext) -> LoadRequest:
    universe, csv = ctx.field("universe_key"), ctx.field("csv_file")
    if bool(universe) == bool(csv):
        raise BadInput("Give universe_key or csv_file.", "Say etf_universe:core_etfs.")
    return ctx.tick.requests.of_client(
        universe,
        universe=universe,
        csv=csv,
        duration=_duration(ctx),
        timeframes=_timeframes(ctx),
    )


def _duration(ctx: RequestContext) -> str | Duration:
    if given := ctx.field("duration"):
        return given
    years = ctx.field("years")
    return years_to_duration(_number(years) if years else 1.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a number of years.", "Say 0.25 or 1.") from None


def _timeframes(ctx: RequestContext) -> list[str]:
    """`day,hour`, several fields of that name, or a JSON list."""
    given = ctx.body.get("timeframes") if ctx.body else ctx.fields.getlist("timeframes")
    if isinstance(given, list):
        return [str(word) for word in given] or ["day"]
    return [str(given) if given else "day"]


def statuses(ctx: RequestContext) -> Response:
    """The newest jobs, and how many are under way."""
    now = ctx.tick.clock()
    jobs = [_as_dict(detail, now) for detail in ctx.tick.client_jobs.newest(NEWEST)]
    active = sum(job["status"] in ("submitted", "running") for job in jobs)
    return JSONResponse({"success": True, "jobs": jobs, "active": active, "total": len(jobs)})


def status(ctx: RequestContext) -> Response:
    """One job, by its id, the start of it, or the client's own id; also one that was refused."""
    tick, job = ctx.tick, ctx.path("id")
    try:
        return JSONResponse(_status(ctx, tick.jobs.find(job)))
    except UnknownJob:
        refused = tick.client_jobs.refusal(job)
        if refused is None:
            raise
        said = refusal_status(refused).stamped(local(refused.at), local(tick.clock()))
        return JSONResponse(_with_ids(job, job, said, refused.at))


def cancel(ctx: RequestContext) -> Response:
    """End a job; `success` is false when it had ended before."""
    tick = ctx.tick
    load_id = tick.jobs.find(ctx.path("id"))
    done = tick.jobs.cancel(load_id, f"Cancelled by {ctx.name}.")
    if done:
        ctx.note("cancel", str(load_id))
    return JSONResponse({"success": done} | _status(ctx, load_id))


def gone(ctx: RequestContext) -> Response:
    """Rebuilding the cache moved to the maintenance commands."""
    del ctx
    body = {
        "success": False,
        "error": "Gone",
        "message": "Cache maintenance has moved to the command line.",
        "commands": [command for _, command in MAINTENANCE],
        "documentation": README,
    }
    return JSONResponse(body, 410)


def _status(ctx: RequestContext, load_id: uuid.UUID) -> dict[str, Any]:
    return _as_dict(ctx.tick.client_jobs.detail(load_id), ctx.tick.clock())


def _as_dict(detail: JobDetail, now: datetime) -> dict[str, Any]:
    """A job with the fields of the status that clients read from Redis, and its ids."""
    load = detail.progress.load
    status = status_of(detail).stamped(local(load.finished_at or now), local(now))
    return _with_ids(str(load.id), load.client_id, status, load.created_at)


def _with_ids(
    job_id: str, client_id: str | None, status: JobStatus, at: datetime
) -> dict[str, Any]:
    ids = {"job_id": job_id, "client_job_id": client_id}
    return ids | asdict(status) | {"submitted_at": local(at)}
