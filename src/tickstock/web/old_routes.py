"""The routes of the page that existing clients know, under their names, with their field names.

A load is told with the status that clients read from Redis (`service.job_status`): times without a
zone, in this machine's local time, because clients compare them with their own clock.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput, UnknownLoad
from tickstock.loading.request import Duration, LoadRequest, years_to_duration
from tickstock.service.client_jobs import JobDetail
from tickstock.service.job_status import JobStatus, local, refusal_status, status_of
from tickstock.web.historical import MAINTENANCE, README
from tickstock.web.visit import Visit

NEWEST = 50


def universes(visit: Visit) -> Response:
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
        for row in visit.tick.universes.list()
    ]
    return JSONResponse({"success": True, "universes": found, "total": len(found)})


def trigger(visit: Visit) -> Response:
    """Submit a load from `universe_key` (or `csv_file`), `years` (or `duration`), `timeframes`."""
    tick = visit.tick
    who = visit.who.name if visit.who else ""
    made = tick.plans.make(_request(visit))
    load = tick.jobs.submit(made, requested_by=who, client_id=visit.field("job_id") or None)
    visit.note("load", f"{load.id} {load.title}")
    return JSONResponse({"success": True} | _told(visit, load.id))


def _request(visit: Visit) -> LoadRequest:
    universe, csv = visit.field("universe_key"), visit.field("csv_file")
    if bool(universe) == bool(csv):
        raise BadInput("Give universe_key or csv_file.", "Say etf_universe:core_etfs.")
    return visit.tick.requests.of_client(
        universe,
        universe=universe,
        csv=csv,
        duration=_duration(visit),
        timeframes=_timeframes(visit),
    )


def _duration(visit: Visit) -> str | Duration:
    if given := visit.field("duration"):
        return given
    years = visit.field("years")
    return years_to_duration(_number(years) if years else 1.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a number of years.", "Say 0.25 or 1.") from None


def _timeframes(visit: Visit) -> list[str]:
    """`day,hour`, several fields of that name, or a JSON list."""
    given = visit.body.get("timeframes") if visit.body else visit.fields.getlist("timeframes")
    if isinstance(given, list):
        return [str(word) for word in given] or ["day"]
    return [str(given) if given else "day"]


def statuses(visit: Visit) -> Response:
    """The newest loads, and how many are under way."""
    now = visit.tick.clock()
    jobs = [_as_dict(detail, now) for detail in visit.tick.client_jobs.newest(NEWEST)]
    active = sum(job["status"] in ("submitted", "running") for job in jobs)
    return JSONResponse({"success": True, "jobs": jobs, "active": active, "total": len(jobs)})


def status(visit: Visit) -> Response:
    """One load, by its id, the start of it, or the client's own id; also one that was refused."""
    tick, job = visit.tick, visit.path("id")
    try:
        return JSONResponse(_told(visit, tick.jobs.find(job)))
    except UnknownLoad:
        refused = tick.client_jobs.refusal(job)
        if refused is None:
            raise
        said = refusal_status(refused).stamped(local(refused.at), local(tick.clock()))
        return JSONResponse(_with_ids(job, job, said, refused.at))


def cancel(visit: Visit) -> Response:
    """End a load; `success` is false when it had ended before."""
    tick = visit.tick
    load_id = tick.jobs.find(visit.path("id"))
    done = tick.jobs.cancel(load_id, f"Cancelled by {visit.name}.")
    if done:
        visit.note("cancel", str(load_id))
    return JSONResponse({"success": done} | _told(visit, load_id))


def gone(visit: Visit) -> Response:
    """Rebuilding the cache moved to the maintenance commands."""
    del visit
    body = {
        "success": False,
        "error": "Gone",
        "message": "Cache maintenance has moved to the command line.",
        "commands": [command for _, command in MAINTENANCE],
        "documentation": README,
    }
    return JSONResponse(body, 410)


def _told(visit: Visit, load_id: uuid.UUID) -> dict[str, Any]:
    return _as_dict(visit.tick.client_jobs.detail(load_id), visit.tick.clock())


def _as_dict(detail: JobDetail, now: datetime) -> dict[str, Any]:
    """A load with the fields of the status that clients read from Redis, and its ids."""
    load = detail.progress.load
    status = status_of(detail).stamped(local(load.finished_at or now), local(now))
    return _with_ids(str(load.id), load.client_id, status, load.created_at)


def _with_ids(
    job_id: str, client_id: str | None, status: JobStatus, at: datetime
) -> dict[str, Any]:
    ids = {"job_id": job_id, "client_job_id": client_id}
    return ids | asdict(status) | {"submitted_at": local(at)}
