"""The JSON API: everything that the page does, by the same service."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput, StalePlan
from tickstock.loading.report import item_results
from tickstock.loading.request import LoadRequest
from tickstock.model import Timeframe
from tickstock.service.plans import plan_as_dict
from tickstock.service.progress import Progress, figures_of
from tickstock.service.system import look, look_at_redis
from tickstock.store.universes import Listed
from tickstock.universes.plan import Mode, as_dict
from tickstock.web import steering
from tickstock.web.changes import allowed_at_once, plan_answer
from tickstock.web.context import RequestContext
from tickstock.web.fields import day, moment, one_of, ref_of, span_of, texts
from tickstock.web.jobs import Filter

MOST_JOBS = 200
MOST_CHANGES = 500


# --- universes ----------------------------------------------------------------------------
def universes(ctx: RequestContext) -> Response:
    """Every universe."""
    return JSONResponse({"universes": [_listed(row) for row in ctx.tick.universes.list()]})


def _listed(row: Listed) -> dict[str, Any]:
    return {
        "ref": str(row.ref),
        "type": row.ref.type,
        "key": row.ref.key,
        "name": row.name,
        "symbols": row.symbols,
        "expression": row.expression,
        "description": row.description,
        "source": row.source,
        "updated_at": _iso(row.updated_at),
    }


def universe(ctx: RequestContext) -> Response:
    """One universe with its members."""
    found = ctx.tick.universes.get(ref_of(ctx))
    return JSONResponse(
        {
            "ref": str(found.ref),
            "name": found.name,
            "symbols": list(found.symbols),
            "expression": found.expression,
            "description": found.description,
            "source": found.source,
            "updated_at": _iso(found.updated_at),
        }
    )


def universe_history(ctx: RequestContext) -> Response:
    """Every recorded change of a universe, and histories recorded of it, the latest first."""
    changes = [
        {
            "revision": None if e.action == "history" else e.id,
            "at": e.at.isoformat(),
            "action": e.action,
            "by": e.by_role,
            "application": e.application,
            "source": e.source,
            "reason": e.reason,
            "days": [e.days.start.isoformat(), e.days.last.isoformat()] if e.days else None,
            "old_name": e.old_name,
            "new_name": e.new_name,
            "old_expression": e.old_expression,
            "new_expression": e.new_expression,
            "joined": None if e.joined is None else list(e.joined),
            "left": None if e.left is None else list(e.left),
        }
        for e in ctx.tick.history.log(ref_of(ctx), MOST_CHANGES)
    ]
    return JSONResponse({"ref": ref_of(ctx), "changes": changes})


def blame(ctx: RequestContext) -> Response:
    """Since when, and through which change, each member is in a universe."""
    members = [
        {
            "symbol": b.symbol,
            "since": b.since.isoformat() if b.since else None,
            "revision": b.revision,
            "at": _iso(b.at),
            "by": b.by_role,
            "source": b.source,
            "reason": b.reason,
        }
        for b in ctx.tick.history.blame(ref_of(ctx))
    ]
    return JSONResponse({"ref": ref_of(ctx), "members": members})


def diff(ctx: RequestContext) -> Response:
    """Two universes or expressions compared."""
    found = ctx.tick.history.diff(ctx.query("first"), ctx.query("second"))
    only = {"only_first": list(found.only_first), "only_second": list(found.only_second)}
    return JSONResponse(only | {"common": list(found.common)})


def findings(ctx: RequestContext) -> Response:
    """Everything that the health check finds about the stored universes."""
    rows = [
        {
            "severity": f.severity.value,
            "universe": str(f.ref),
            "symbol": f.symbol,
            "what": f.what,
            "why": f.why,
            "fix": f.fix,
        }
        for f in ctx.tick.universes.validate()
    ]
    return JSONResponse({"findings": rows})


def members(ctx: RequestContext) -> Response:
    """The symbols of an expression now, `as_of` a day or as `known_at` a time, which part let each
    in, and for a past day how far today's list stands for it."""
    day_, known = day(ctx.query("as_of")), moment(ctx.query("known_at"))
    found = ctx.tick.history.show(ctx.query("expression"), day_, known)
    return JSONResponse(
        {
            "symbols": list(found.symbols),
            "lineage": {symbol: list(parts) for symbol, parts in found.lineage.items()},
            "survivorship": found.label.as_dict() if found.label else None,
            "notes": list(found.notes),
        }
    )


def organize_plan(ctx: RequestContext) -> Response:
    """What organizing would do."""
    plan = ctx.tick.universes.plan_organize(_mode(ctx.query("mode")))
    return plan_answer(plan, applied=False)


def organize(ctx: RequestContext) -> Response:
    """Do the plan with this digest, or nothing."""
    plan = ctx.tick.universes.plan_organize(_mode(ctx.field("mode")))
    if plan.digest != ctx.field("digest"):
        raise StalePlan("This is not the digest of the plan as it is now.", "Ask for it again.")
    reason = f"organize by the API by {ctx.name}"
    allow = [*texts(ctx, "allow"), *allowed_at_once(ctx, plan)]
    ctx.tick.universes.apply(plan, reason=reason, allow=allow)
    ctx.note("organize", ", ".join(f"{n} {word}" for word, n in plan.counts.items() if n))
    return JSONResponse(as_dict(plan) | {"applied": True})


def _mode(text: str) -> Mode:
    if text not in ("", Mode.REPLACE, Mode.PRESERVE):
        raise BadInput(f"{text[:40]!r} is not a mode.", "Use replace or preserve.")
    return Mode(text or Mode.REPLACE)


# --- loads --------------------------------------------------------------------------------
def csv_files(ctx: RequestContext) -> Response:
    """The CSV files that may be loaded from."""
    return JSONResponse({"files": list(ctx.tick.universes.csv_files())})


def plan(ctx: RequestContext) -> Response:
    """What a job would do: the same plan as `tickstock plan`."""
    return JSONResponse(plan_as_dict(ctx.tick.plans.make(_request(ctx))))


def submit(ctx: RequestContext) -> Response:
    """Make a job durable. With a `digest`, exactly the plan that had it."""
    tick = ctx.tick
    load = tick.jobs.submit(
        tick.plans.make(_request(ctx)),
        requested_by=ctx.name,
        client_id=ctx.field("job_id") or None,
        digest=ctx.field("digest") or None,
    )
    ctx.note("load", f"{load.id} {load.title}")
    return JSONResponse(progress_as_dict(tick.jobs.progress(load.id)), 201)


def _request(ctx: RequestContext) -> LoadRequest:
    symbols = texts(ctx, "symbols")
    csv, universe = ctx.field("csv") or None, ctx.field("universe")
    if sum(map(bool, (csv, universe, symbols))) != 1:
        raise BadInput("Give one of universe, csv and symbols.", "Say etf_universe:core_etfs.")
    return ctx.tick.requests.resolve(
        universe,
        symbols=symbols,
        csv=csv,
        duration=ctx.field("for") or None,
        first=day(ctx.field("from")),
        last=day(ctx.field("to")),
        timeframes=_words(ctx.body.get("timeframes")),
        refresh=ctx.body.get("refresh") is True,
    )


def loads(ctx: RequestContext) -> Response:
    """The newest jobs, by `state`, `q` and `before`."""
    found = Filter.read(ctx).found(ctx, MOST_JOBS)
    return JSONResponse({"loads": [progress_as_dict(p) for p in found]})


def load(ctx: RequestContext) -> Response:
    """One job: how far it is, what it came to, what went wrong."""
    return JSONResponse(progress_as_dict(steering.progress_of(ctx)))


def cancel(ctx: RequestContext) -> Response:
    """End a job; what is done stays done."""
    return _load(ctx, steering.cancel(ctx))


def retry(ctx: RequestContext) -> Response:
    """Ask again for what failed or was cancelled."""
    return _load(ctx, steering.retry(ctx))


def pause(ctx: RequestContext) -> Response:
    """Ask nothing more for a job until it is resumed."""
    return _load(ctx, steering.pause(ctx))


def resume(ctx: RequestContext) -> Response:
    """Go on with a paused job."""
    return _load(ctx, steering.resume(ctx))


def clone(ctx: RequestContext) -> Response:
    """A new job for the same request, planned as of now; the answer is the new job."""
    return _load(ctx, steering.clone(ctx), 201)


def _load(ctx: RequestContext, load_id: uuid.UUID, status: int = 200) -> Response:
    return JSONResponse(progress_as_dict(ctx.tick.jobs.progress(load_id)), status)


def progress_as_dict(progress: Progress) -> dict[str, Any]:
    load = progress.load
    return {
        "id": str(load.id),
        "job_id": load.client_id,
        "title": load.title,
        "message": load.message,
        "requested_by": load.requested_by,
        "request": load.request,
        **figures_of(progress),
        "current": str(progress.current) if progress.current else None,
        "errors": [
            {
                "kind": e.kind,
                "calls": e.calls,
                "failed": e.failed,
                "symbol": e.symbol,
                "example": e.example,
            }
            for e in progress.errors
        ],
        "report": load.report,
        "created_at": _iso(load.created_at),
        "started_at": _iso(load.started_at),
        "finished_at": _iso(load.finished_at),
    }


# --- coverage and system ------------------------------------------------------------------
def coverage(ctx: RequestContext) -> Response:
    """Sessions expected and held of every symbol of a universe, and why the rest is not."""
    tick = ctx.tick
    timeframe, span = one_of(Timeframe, ctx.query("timeframe", "day"), "a timeframe"), span_of(ctx)
    first, last = (span.start, span.last) if span else (None, None)
    asked = tick.requests.look(ctx.query("universe"), first=first, last=last)
    view = tick.holdings.coverage(asked.symbols, timeframe, asked.span, intervals=asked.intervals)
    items = [
        {
            "symbol": i.symbol,
            "expected": i.expected,
            "held": i.held,
            "causes": {cause.value: n for cause, n in i.causes},
        }
        for i in item_results(view.grid)
    ]
    return JSONResponse({"items": items, "never_heard_of": list(view.unknown)})


def system(ctx: RequestContext) -> Response:
    """How the installation is doing."""
    found, redis = (
        look(ctx.tick.database, ctx.tick.settings, ctx.tick.clock),
        look_at_redis(ctx.tick.settings),
    )
    return JSONResponse(
        {
            "workers_alive": found.alive,
            "leases": [{"worker": x.worker, "calls": x.calls} for x in found.leases],
            "budgets": [
                {"vendor": b.vendor, "granted": b.granted, "throttled": b.throttled}
                for b in found.budgets
            ],
            "database": found.address,
            "server": found.server,
            "schema": list(found.steps),
            "pending": list(found.pending),
            "redis": {"address": redis.address, "trouble": redis.trouble},
            "vendor": found.vendor,
            "environment": found.environment,
            "bytes": found.sizes.bytes,
            "bars": found.sizes.bars,
            "open_loads": found.sizes.open_loads,
        }
    )


def _words(given: object) -> str:
    if isinstance(given, list):
        return ",".join(str(word) for word in given) or "day"
    return str(given) if given else "day"


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
