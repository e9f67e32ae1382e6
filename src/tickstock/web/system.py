"""System: workers, budget, database, schema, and what was done by whom."""

from __future__ import annotations

import shlex

from starlette.responses import (
    PlainTextResponse,
    Response,
)

from tickstock.service.access import Role
from tickstock.service.system import look, look_at_redis
from tickstock.web.answers import status_of
from tickstock.web.context import RequestContext
from tickstock.web.load_form import DURATIONS, OWN, TIMEFRAMES
from tickstock.web.system_forms import Typed


def show(ctx: RequestContext) -> Response:
    """How the installation is doing."""
    return page(ctx, Typed.read(ctx))


def page(ctx: RequestContext, typed: Typed) -> Response:
    """The page with what was typed, and why it could not be done."""
    access, planned = ctx.services.access, ctx.tick.schedules.planned()
    ran = [s.last.load_id for s in planned if s.last and s.last.load_id]
    return ctx.page(
        "system.html",
        status_of(typed.error) if typed.error else 200,
        typed=typed,
        results={p.load.id: p for p in ctx.tick.jobs.progress_of(ran)},
        system=look(ctx.tick.database, ctx.tick.settings, ctx.tick.clock),
        redis=look_at_redis(ctx.tick.settings),
        schedules=planned,
        timeframes=TIMEFRAMES,
        users=access.users() if ctx.has_role("admin") else None,
        roles=list(Role),
        quoted=lambda words: map(shlex.quote, words),
        log=access.log() if ctx.has_role("admin") else None,
        durations=[d for d in DURATIONS if d[0] not in ("dates", OWN)],
    )


def healthz(ctx: RequestContext) -> Response:
    """Whether the page and its database answer; for probes."""
    with ctx.tick.database.transaction():
        return PlainTextResponse("ok\n")


def live(ctx: RequestContext) -> Response:
    """Server-sent events: `universes` and `loads` say that something of that kind has changed."""
    return ctx.services.live.open(ctx.request.cookies.get(ctx.services.site.cookie, ""))
