"""System: workers, budget, database, schema, and what was done by whom."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from tickstock.service.system import look
from tickstock.web.visit import Visit


def home(visit: Visit) -> Response:
    """The page begins with what people come for."""
    del visit
    return RedirectResponse("/admin/historical-data", 303)


def show(visit: Visit) -> Response:
    """How the installation is doing."""
    log = visit.desk.access.log() if visit.may("admin") else None
    found = look(visit.tick.database, visit.tick.settings)
    schedules = visit.tick.schedules.planned()
    return visit.page("system.html", system=found, schedules=schedules, log=log)


def healthz(visit: Visit) -> Response:
    """Whether the page and its database answer; for probes."""
    with visit.tick.database.transaction():
        return PlainTextResponse("ok\n")


def live(visit: Visit) -> Response:
    """Server-sent events: `universes` and `loads` say that something of that kind has changed."""
    return StreamingResponse(visit.desk.live.stream(), media_type="text/event-stream")
