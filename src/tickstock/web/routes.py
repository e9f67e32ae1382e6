"""Every route and who may use it. There is no other way in: the router is made from this table."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.service.access import Role
from tickstock.web import (
    api,
    bars,
    changes,
    coverage,
    historical,
    imports,
    jobs,
    metrics,
    old_routes,
    openapi,
    schedules,
    sign_in,
    system,
    universes,
    users,
)
from tickstock.web.bodies import (
    CHANGE_BODY,
    EMPTY_BODY,
    IMPORT_BODY,
    LOAD_BODY,
    OLD_TRIGGER,
    ORGANIZE_BODY,
    ROLE_BODY,
    SCHEDULE_BODY,
)
from tickstock.web.visit import Kind, Rule, Visit

VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN
PART, JSON = Kind.PART, Kind.JSON
HISTORICAL = "/admin/historical-data"


def _openapi(visit: Visit) -> Response:
    """This document."""
    del visit
    return JSONResponse(_document())


@cache
def _document() -> dict[str, Any]:
    return openapi.document(RULES)


RULES = (
    Rule("GET", "/healthz", system.healthz, None, JSON),
    # signing in
    Rule("GET", "/sign-in", sign_in.show, None),
    Rule("POST", "/sign-in", sign_in.enter, None, form_at="/sign-in"),
    Rule("GET", "/sign-in/link/{token}", sign_in.follow_link, None),
    Rule("POST", "/sign-out", sign_in.leave, None),
    # pages, and their parts
    Rule("GET", "/", system.home, VIEWER),
    Rule("GET", "/live", system.live, VIEWER, JSON),
    Rule("GET", HISTORICAL, historical.show, VIEWER),
    Rule("GET", f"{HISTORICAL}/picker", historical.picker, VIEWER, PART),
    Rule("GET", f"{HISTORICAL}/plan", historical.plan, OPERATOR, PART),
    Rule("POST", f"{HISTORICAL}/load", historical.load, OPERATOR, form_at=HISTORICAL),
    Rule("GET", "/jobs", jobs.list_all, VIEWER),
    Rule("GET", "/jobs/rows", jobs.rows, VIEWER, PART),
    Rule("GET", "/jobs/recent", jobs.recent, VIEWER, PART),
    Rule("GET", "/jobs/{id}", jobs.show, VIEWER),
    Rule("GET", "/jobs/{id}/progress", jobs.progress, VIEWER, PART),
    Rule("POST", "/jobs/{id}/cancel", jobs.cancel, OPERATOR, form_at="/jobs"),
    Rule("POST", "/jobs/{id}/retry", jobs.retry, OPERATOR, form_at="/jobs"),
    Rule("POST", "/jobs/{id}/pause", jobs.pause, OPERATOR, form_at="/jobs"),
    Rule("POST", "/jobs/{id}/resume", jobs.resume, OPERATOR, form_at="/jobs"),
    Rule("POST", "/jobs/{id}/clone", jobs.clone, OPERATOR, form_at="/jobs"),
    Rule("GET", "/universes", universes.list_all, VIEWER),
    Rule("GET", "/universes/rows", universes.rows, VIEWER, PART),
    Rule("GET", "/universes/health", universes.health, VIEWER, PART),
    Rule("GET", "/universes/organize", universes.plan_organize, ADMIN),
    Rule("POST", "/universes/organize", universes.organize, ADMIN, form_at="/universes/organize"),
    Rule("GET", "/universes/diff", universes.diff, VIEWER),
    Rule("GET", "/universes/edit", changes.show, ADMIN),
    Rule("POST", "/universes/edit", changes.edit, ADMIN, form_at="/universes/edit"),
    Rule("GET", "/universes/import", imports.show, ADMIN),
    Rule(
        "POST",
        "/universes/import",
        imports.import_,
        ADMIN,
        form_at="/universes/import",
        largest=imports.LARGEST_BODY,
    ),
    Rule("GET", "/universes/{ref}", universes.show, VIEWER),
    Rule("GET", "/universes/{ref}/export", imports.export, VIEWER),
    Rule("GET", "/coverage", coverage.show, VIEWER),
    Rule("GET", "/bars", bars.show, VIEWER),
    Rule("GET", "/system", system.show, VIEWER),
    Rule("POST", "/schedules", schedules.add, OPERATOR, form_at="/system"),
    Rule("POST", "/schedules/{name}/run", schedules.run, OPERATOR, form_at="/system"),
    Rule("POST", "/schedules/{name}/remove", schedules.remove, OPERATOR, form_at="/system"),
    Rule("POST", "/users/{name}/role", users.set_role, ADMIN, form_at="/system"),
    Rule("GET", "/metrics", metrics.show, VIEWER, JSON, token=True),
    # what existing clients call
    Rule("GET", f"{HISTORICAL}/universes", old_routes.universes, VIEWER, JSON),
    Rule(
        "POST",
        f"{HISTORICAL}/trigger-universe-load",
        old_routes.trigger,
        OPERATOR,
        JSON,
        body=OLD_TRIGGER,
    ),
    Rule("GET", f"{HISTORICAL}/jobs/status", old_routes.statuses, VIEWER, JSON),
    Rule("GET", f"{HISTORICAL}/job/{{id}}/status", old_routes.status, VIEWER, JSON),
    Rule("POST", f"{HISTORICAL}/job/{{id}}/cancel", old_routes.cancel, OPERATOR, JSON),
    Rule("GET", f"{HISTORICAL}/rebuild-cache", old_routes.gone, VIEWER, JSON),
    Rule("POST", f"{HISTORICAL}/rebuild-cache", old_routes.gone, VIEWER, JSON),
    # the API
    Rule("GET", "/api/openapi.json", _openapi, VIEWER, JSON),
    Rule("GET", "/api/universes", api.universes, VIEWER, JSON),
    Rule("GET", "/api/universes/{ref}", api.universe, VIEWER, JSON),
    Rule("GET", "/api/universes/{ref}/history", api.universe_history, VIEWER, JSON),
    Rule("GET", "/api/universes/{ref}/blame", api.blame, VIEWER, JSON),
    Rule("GET", "/api/universes/{ref}/export", imports.export, VIEWER, JSON),
    Rule("POST", "/api/universes/{ref}/edit", changes.change, ADMIN, JSON, body=CHANGE_BODY),
    Rule(
        "POST",
        "/api/universes/{ref}/import",
        imports.import_content,
        ADMIN,
        JSON,
        body=IMPORT_BODY,
        largest=imports.LARGEST_BODY,
    ),
    Rule("GET", "/api/diff", api.diff, VIEWER, JSON),
    Rule("GET", "/api/findings", api.findings, VIEWER, JSON),
    Rule("GET", "/api/members", api.members, VIEWER, JSON),
    Rule("GET", "/api/organize", api.organize_plan, ADMIN, JSON),
    Rule("POST", "/api/organize", api.organize, ADMIN, JSON, body=ORGANIZE_BODY),
    Rule("GET", "/api/csv-files", api.csv_files, VIEWER, JSON),
    Rule("POST", "/api/plan", api.plan, OPERATOR, JSON, body=LOAD_BODY),
    Rule("GET", "/api/loads", api.loads, VIEWER, JSON),
    Rule("POST", "/api/loads", api.submit, OPERATOR, JSON, body=LOAD_BODY),
    Rule("GET", "/api/loads/{id}", api.load, VIEWER, JSON),
    Rule("POST", "/api/loads/{id}/cancel", api.cancel, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("POST", "/api/loads/{id}/retry", api.retry, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("POST", "/api/loads/{id}/pause", api.pause, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("POST", "/api/loads/{id}/resume", api.resume, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("POST", "/api/loads/{id}/clone", api.clone, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("GET", "/api/coverage", api.coverage, VIEWER, JSON),
    Rule("GET", "/api/bars", bars.data, VIEWER, JSON),
    Rule("GET", "/api/schedules", schedules.schedules, VIEWER, JSON),
    Rule("POST", "/api/schedules", schedules.create, OPERATOR, JSON, body=SCHEDULE_BODY),
    Rule("POST", "/api/schedules/{name}/run", schedules.start, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("POST", "/api/schedules/{name}/remove", schedules.delete, OPERATOR, JSON, body=EMPTY_BODY),
    Rule("GET", "/api/users", users.users, ADMIN, JSON),
    Rule("POST", "/api/users/{name}/role", users.give_role, ADMIN, JSON, body=ROLE_BODY),
    Rule("GET", "/api/audit", system.audit, ADMIN, JSON),
    Rule("GET", "/api/system", api.system, VIEWER, JSON),
)
