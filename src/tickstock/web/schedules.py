"""Schedules: loads that come by themselves."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.loading.due import parse_time
from tickstock.service.schedules import Planned, schedule_as_dict
from tickstock.store.jobs import Load
from tickstock.web.visit import Visit


def add(visit: Visit) -> Response:
    """Load a universe every day, or after every close."""
    _add(visit, after_close=bool(visit.field("after_close")))
    return visit.go("/system#schedules")


def remove(visit: Visit) -> Response:
    """End a schedule; the loads that it made stay."""
    _remove(visit)
    return visit.go("/system#schedules")


def run(visit: Visit) -> Response:
    """Submit its load now, besides the due times."""
    return visit.go(f"/jobs/{_run(visit).id}")


def _add(visit: Visit, *, after_close: bool) -> Planned:
    made = visit.tick.schedules.add(
        visit.field("name").strip(),
        visit.field("universe").strip(),
        parse_time(visit.field("at")),
        after_close=after_close,
        duration=visit.field("for") or "1w",
        timeframes=visit.field("timeframes") or "day",
        created_by=visit.name,
    )
    visit.note("schedule added", f"{made.schedule.name} {made.schedule.universe}")
    return made


def _remove(visit: Visit) -> None:
    visit.tick.schedules.remove(visit.path("name"))
    visit.note("schedule removed", visit.path("name"))


def _run(visit: Visit) -> Load:
    load = visit.tick.schedules.run_now(visit.path("name"), visit.name)
    visit.note("schedule run", f"{visit.path('name')} as {load.id}")
    return load


# --- for programs -----------------------------------------------------------------------------
def schedules(visit: Visit) -> Response:
    """Every schedule, with when it is due next."""
    return JSONResponse(
        {"schedules": [schedule_as_dict(p) for p in visit.tick.schedules.planned()]}
    )


def create(visit: Visit) -> Response:
    """Add a schedule; `at` is New York time, `18:30`."""
    made = _add(visit, after_close=visit.body.get("after_close") is True)
    return JSONResponse(schedule_as_dict(made), 201)


def delete(visit: Visit) -> Response:
    """End a schedule; answers those that are left."""
    _remove(visit)
    return schedules(visit)


def start(visit: Visit) -> Response:
    """Submit the load of a schedule now; answers its id."""
    return JSONResponse({"load": str(_run(visit).id)}, 201)
