"""The routes of the page that existing clients know, under their names, with their field names.

A load is told with the fields of the status that clients read from Redis: times without a zone, in
this machine's local time, because clients compare them with their own clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput
from tickstock.loading.request import LoadRequest, duration_span, years_to_duration
from tickstock.service.progress import Progress
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
    made = tick.loads.plan(_request(visit))
    load = tick.loads.submit(made, requested_by=who, client_id=visit.field("job_id") or None)
    visit.note("load", f"{load.id} {load.title}")
    status = status_of(tick.loads.progress(load.id))
    return JSONResponse({"success": True} | status)


def _request(visit: Visit) -> LoadRequest:
    universe, csv = visit.field("universe_key"), visit.field("csv_file")
    if bool(universe) == bool(csv):
        raise BadInput("Give universe_key or csv_file.", "Say etf_universe:core_etfs.")
    loads, years = visit.tick.loads, visit.field("years")
    # What clients write may be a key alone, or a union `SPY:nasdaq100`.
    symbols = visit.tick.universes.client_members(universe) if universe else ()
    duration = visit.field("duration") or (None if years else "1y")
    first, last = None, None
    if duration is None:
        lag = loads.limits().publication_lag
        asked = years_to_duration(_number(years))
        span = duration_span(asked, loads.calendar(), visit.tick.clock(), lag)
        first, last = span.start, span.last
    return loads.request(
        universe,
        symbols=symbols,
        csv=csv or None,
        duration=duration,
        first=first,
        last=last,
        timeframes=_timeframes(visit),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a number of years.", "Say 0.25 or 1.") from None


def _timeframes(visit: Visit) -> str:
    """`day,hour`, several fields of that name, or a JSON list."""
    given = visit.body.get("timeframes") if visit.body else visit.fields.getlist("timeframes")
    if isinstance(given, list):
        return ",".join(str(word) for word in given) or "day"
    return str(given) if given else "day"


def statuses(visit: Visit) -> Response:
    """The newest loads, and how many are under way."""
    jobs = [status_of(p) for p in visit.tick.loads.newest(NEWEST)]
    active = sum(job["status"] in ("submitted", "running") for job in jobs)
    return JSONResponse({"success": True, "jobs": jobs, "active": active, "total": len(jobs)})


def status(visit: Visit) -> Response:
    """One load, by its id, the start of it, or the client's own id."""
    tick = visit.tick
    return JSONResponse(status_of(tick.loads.progress(tick.loads.find(visit.path("id")))))


def cancel(visit: Visit) -> Response:
    """End a load; `success` is false when it had ended before."""
    tick = visit.tick
    load_id = tick.loads.find(visit.path("id"))
    done = tick.loads.cancel(load_id, f"Cancelled by {visit.name}.")
    if done:
        visit.note("cancel", str(load_id))
    return JSONResponse({"success": done} | status_of(tick.loads.progress(load_id)))


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


def status_of(progress: Progress) -> dict[str, Any]:
    """A load with the fields of the status that existing clients read."""
    load = progress.load
    report = load.report or {}
    good, bad = report.get("good_symbols", []), report.get("failed_symbols", [])
    current = progress.current.symbol if progress.current else ""
    return {
        "job_id": str(load.id),
        "client_job_id": load.client_id,
        "status": load.state.value,
        "progress": progress.percent,
        "message": load.message or f"{progress.held} of {progress.expected} sessions held",
        "description": load.title,
        "total_symbols": int(load.summary["symbols"]),
        "processed_symbols": len(good) + len(bad),
        "successful_symbols": good,
        "failed_symbols": bad,
        "current_symbol": current or None,
        "symbols_loaded": len(good),
        "symbols_failed": len(bad),
        "ohlcv_records_loaded": progress.rows_new,
        "error_message": progress.errors[0].example if progress.errors else None,
        "started_at": _local(load.started_at),
        "completed_at": _local(load.finished_at),
        "submitted_at": _local(load.created_at),
    }


def _local(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone().replace(tzinfo=None).isoformat()
