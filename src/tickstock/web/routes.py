"""Every route and who may use it. There is no other way in: the router is made from this table."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.service.access import Role
from tickstock.web import (
    api,
    audit,
    bars,
    changes,
    coverage,
    find,
    historical,
    house,
    imports,
    job_strip,
    jobs,
    metrics,
    old_routes,
    openapi,
    receipts,
    schedules,
    sign_in,
    symbols,
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
    RECEIPT_BODY,
    ROLE_BODY,
    SCHEDULE_BODY,
)
from tickstock.web.context import AnswerKind, RequestContext, Route

VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN
PART, JSON = AnswerKind.PART, AnswerKind.JSON
HISTORICAL = "/admin/historical-data"


def _openapi(ctx: RequestContext) -> Response:
    """This document."""
    del ctx
    return JSONResponse(_document())


@cache
def _document() -> dict[str, Any]:
    return openapi.document(RULES)


RULES = (
    Route("GET", "/healthz", system.healthz, None, JSON),
    # signing in
    Route("GET", "/sign-in", sign_in.show, None),
    Route("POST", "/sign-in", sign_in.enter, None, form_at="/sign-in"),
    Route("GET", "/sign-in/link/{token}", sign_in.follow_link, None),
    Route("POST", "/sign-out", sign_in.leave, None),
    # pages, and their parts
    Route("GET", "/", house.show, VIEWER),
    Route("GET", "/rows", house.rows, VIEWER, PART),
    Route("GET", "/live", system.live, VIEWER, JSON),
    Route("GET", HISTORICAL, historical.show, VIEWER),
    Route("GET", f"{HISTORICAL}/picker", historical.picker, VIEWER, PART),
    Route("GET", f"{HISTORICAL}/plan", historical.plan, VIEWER, PART),
    Route("POST", f"{HISTORICAL}/load", historical.load, OPERATOR, form_at=HISTORICAL),
    Route("GET", "/jobs", jobs.list_all, VIEWER),
    Route("GET", "/jobs/rows", jobs.rows, VIEWER, PART),
    Route("GET", "/jobs/recent", jobs.recent, VIEWER, PART),
    Route("POST", "/jobs/cancel", jobs.cancel_ticked, OPERATOR, form_at="/jobs"),
    Route("POST", "/jobs/retry", jobs.retry_ticked, OPERATOR, form_at="/jobs"),
    Route("GET", "/jobs/{id}", jobs.show, VIEWER),
    Route("GET", "/jobs/{id}/progress", jobs.progress, VIEWER, PART),
    Route("GET", "/jobs/{id}/strip", job_strip.show, VIEWER, PART),
    Route("POST", "/jobs/{id}/cancel", jobs.cancel, OPERATOR, form_at="/jobs"),
    Route("POST", "/jobs/{id}/retry", jobs.retry, OPERATOR, form_at="/jobs"),
    Route("POST", "/jobs/{id}/pause", jobs.pause, OPERATOR, form_at="/jobs"),
    Route("POST", "/jobs/{id}/resume", jobs.resume, OPERATOR, form_at="/jobs"),
    Route("POST", "/jobs/{id}/clone", jobs.clone, OPERATOR, form_at="/jobs"),
    Route("GET", "/universes", universes.list_all, VIEWER),
    Route("GET", "/universes/rows", universes.rows, VIEWER, PART),
    Route("GET", "/universes/health", universes.health, VIEWER, PART),
    Route("GET", "/universes/organize", universes.plan_organize, ADMIN),
    Route("POST", "/universes/organize", universes.organize, ADMIN, form_at="/universes/organize"),
    Route("GET", "/universes/diff", universes.diff, VIEWER),
    Route("GET", "/universes/edit", changes.show, ADMIN),
    Route("GET", "/universes/edit/plan", changes.plan, ADMIN, PART),
    Route("POST", "/universes/edit", changes.edit, ADMIN, form_at="/universes/edit"),
    Route("GET", "/universes/import", imports.show, ADMIN),
    Route(
        "POST",
        "/universes/import",
        imports.import_,
        ADMIN,
        form_at="/universes/import",
        largest=imports.LARGEST_BODY,
    ),
    Route("GET", "/universes/{ref}", universes.show, VIEWER),
    Route("GET", "/universes/{ref}/export", imports.export, VIEWER),
    Route("GET", "/find", find.show, VIEWER),
    Route("GET", "/find/rows", find.rows, VIEWER, PART),
    Route("GET", "/symbols/{symbol}", symbols.show, VIEWER),
    Route("GET", "/coverage", coverage.show, VIEWER),
    Route("GET", "/coverage/plan", coverage.plan, VIEWER, PART),
    Route("GET", "/receipts", receipts.list_all, VIEWER),
    Route("POST", "/receipts", receipts.make, VIEWER, form_at="/coverage"),
    Route("POST", "/receipts/{id}/revoke", receipts.revoke, VIEWER, form_at="/receipts"),
    Route("GET", "/receipt/{token}", receipts.show, None),
    Route("GET", "/receipt/{token}/receipt.md", receipts.markdown, None),
    Route("GET", "/receipt/{token}/receipt.svg", receipts.drawing, None),
    Route("GET", "/receipt/{token}/receipt.png", receipts.picture, None),
    Route("GET", "/bars", bars.show, VIEWER),
    Route("GET", "/system", system.show, VIEWER),
    Route("GET", "/audit", audit.show, ADMIN),
    Route("GET", "/audit/export", audit.export, ADMIN),
    Route("POST", "/schedules", schedules.add, OPERATOR, form_at="/system"),
    Route("POST", "/schedules/{name}/run", schedules.run, OPERATOR, form_at="/system"),
    Route("POST", "/schedules/{name}/remove", schedules.remove, OPERATOR, form_at="/system"),
    Route("POST", "/users", users.add, ADMIN, form_at="/system"),
    Route("POST", "/users/{name}/role", users.set_role, ADMIN, form_at="/system"),
    Route("POST", "/users/{name}/password", users.set_password, ADMIN, form_at="/system"),
    Route("POST", "/users/{name}/remove", users.remove, ADMIN, form_at="/system"),
    Route("GET", "/metrics", metrics.show, VIEWER, JSON, token=True),
    # what existing clients call
    Route("GET", f"{HISTORICAL}/universes", old_routes.universes, VIEWER, JSON),
    Route(
        "POST",
        f"{HISTORICAL}/trigger-universe-load",
        old_routes.trigger,
        OPERATOR,
        JSON,
        body=OLD_TRIGGER,
    ),
    Route("GET", f"{HISTORICAL}/jobs/status", old_routes.statuses, VIEWER, JSON),
    Route("GET", f"{HISTORICAL}/job/{{id}}/status", old_routes.status, VIEWER, JSON),
    Route("POST", f"{HISTORICAL}/job/{{id}}/cancel", old_routes.cancel, OPERATOR, JSON),
    Route("GET", f"{HISTORICAL}/rebuild-cache", old_routes.gone, VIEWER, JSON),
    Route("POST", f"{HISTORICAL}/rebuild-cache", old_routes.gone, VIEWER, JSON),
    # the API
    Route("GET", "/api/openapi.json", _openapi, VIEWER, JSON),
    Route("GET", "/api/universes", api.universes, VIEWER, JSON),
    Route("GET", "/api/universes/{ref}", api.universe, VIEWER, JSON),
    Route("GET", "/api/universes/{ref}/history", api.universe_history, VIEWER, JSON),
    Route("GET", "/api/universes/{ref}/blame", api.blame, VIEWER, JSON),
    Route("GET", "/api/universes/{ref}/export", imports.export, VIEWER, JSON),
    Route("POST", "/api/universes/{ref}/edit", changes.change, ADMIN, JSON, body=CHANGE_BODY),
    Route(
        "POST",
        "/api/universes/{ref}/import",
        imports.import_content,
        ADMIN,
        JSON,
        body=IMPORT_BODY,
        largest=imports.LARGEST_BODY,
    ),
    Route("GET", "/api/diff", api.diff, VIEWER, JSON),
    Route("GET", "/api/findings", api.findings, VIEWER, JSON),
    Route("GET", "/api/members", api.members, VIEWER, JSON),
    Route("GET", "/api/organize", api.organize_plan, ADMIN, JSON),
    Route("POST", "/api/organize", api.organize, ADMIN, JSON, body=ORGANIZE_BODY),
    Route("GET", "/api/csv-files", api.csv_files, VIEWER, JSON),
    Route("POST", "/api/plan", api.plan, VIEWER, JSON, body=LOAD_BODY),
    Route("GET", "/api/loads", api.loads, VIEWER, JSON),
    Route("POST", "/api/loads", api.submit, OPERATOR, JSON, body=LOAD_BODY),
    Route("GET", "/api/loads/{id}", api.load, VIEWER, JSON),
    Route("POST", "/api/loads/{id}/cancel", api.cancel, OPERATOR, JSON, body=EMPTY_BODY),
    Route("POST", "/api/loads/{id}/retry", api.retry, OPERATOR, JSON, body=EMPTY_BODY),
    Route("POST", "/api/loads/{id}/pause", api.pause, OPERATOR, JSON, body=EMPTY_BODY),
    Route("POST", "/api/loads/{id}/resume", api.resume, OPERATOR, JSON, body=EMPTY_BODY),
    Route("POST", "/api/loads/{id}/clone", api.clone, OPERATOR, JSON, body=EMPTY_BODY),
    Route("GET", "/api/coverage", api.coverage, VIEWER, JSON),
    Route("GET", "/api/receipts", receipts.receipts, VIEWER, JSON),
    Route("POST", "/api/receipts", receipts.create, VIEWER, JSON, body=RECEIPT_BODY),
    Route("POST", "/api/receipts/{id}/revoke", receipts.withdraw, VIEWER, JSON, body=EMPTY_BODY),
    Route("GET", "/api/bars", bars.data, VIEWER, JSON),
    Route("GET", "/api/schedules", schedules.schedules, VIEWER, JSON),
    Route("POST", "/api/schedules", schedules.create, OPERATOR, JSON, body=SCHEDULE_BODY),
    Route("POST", "/api/schedules/{name}/run", schedules.start, OPERATOR, JSON, body=EMPTY_BODY),
    Route(
        "POST", "/api/schedules/{name}/remove", schedules.delete, OPERATOR, JSON, body=EMPTY_BODY
    ),
    Route("GET", "/api/users", users.users, ADMIN, JSON),
    Route("POST", "/api/users/{name}/role", users.give_role, ADMIN, JSON, body=ROLE_BODY),
    Route("GET", "/api/audit", audit.entries, ADMIN, JSON),
    Route("GET", "/api/system", api.system, VIEWER, JSON),
)
