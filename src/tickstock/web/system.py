"""System: workers, budget, database, schema, and what was done by whom."""

from __future__ import annotations

from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)

from tickstock.service.access import Role
from tickstock.service.system import look, look_at_redis
from tickstock.web.load_form import DURATIONS
from tickstock.web.visit import Visit


def home(visit: Visit) -> Response:
    """The page begins with what people come for."""
    del visit
    return RedirectResponse("/admin/historical-data", 303)


def show(visit: Visit) -> Response:
    """How the installation is doing."""
    access = visit.desk.access
    return visit.page(
        "system.html",
        system=look(visit.tick.database, visit.tick.settings, visit.tick.clock),
        redis=look_at_redis(visit.tick.settings),
        schedules=visit.tick.schedules.planned(),
        users=access.users() if visit.may("admin") else None,
        roles=list(Role),
        log=access.log() if visit.may("admin") else None,
        durations=[d for d in DURATIONS if d[0] != "dates"],
    )


def audit(visit: Visit) -> Response:
    """The last entries of the audit log, the latest first."""
    rows = visit.desk.access.log()
    found = [
        {"at": r.at.isoformat(), "who": r.who, "action": r.action, "subject": r.subject}
        for r in rows
    ]
    return JSONResponse({"entries": found})


def healthz(visit: Visit) -> Response:
    """Whether the page and its database answer; for probes."""
    with visit.tick.database.transaction():
        return PlainTextResponse("ok\n")


def live(visit: Visit) -> Response:
    """Server-sent events: `universes` and `loads` say that something of that kind has changed."""
    return visit.desk.live.open(visit.request.cookies.get(visit.desk.site.cookie, ""))
