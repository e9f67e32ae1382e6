"""Universes: the list, one of them with its history, and organize."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.clock import NEW_YORK
from tickstock.errors import StalePlan, TickStockError, UnknownUniverse
from tickstock.model import Universe
from tickstock.service.history import UniverseDifference, View
from tickstock.store.history import LogEntry
from tickstock.universes.files.written import OutForm
from tickstock.universes.plan import Mode, OrganizePlan
from tickstock.web.answers import status_of
from tickstock.web.candles import WIDTH
from tickstock.web.changes import allowed, allowed_at_once, refusal
from tickstock.web.context import RequestContext
from tickstock.web.fields import day, moment, ref_of
from tickstock.web.universe_rows import search

MOST_CHANGES = 100
MOST_LINES = 150


def list_all(ctx: RequestContext) -> Response:
    """Every universe, with count, age and health."""
    return _list(ctx, "universes.html")


def rows(ctx: RequestContext) -> Response:
    """The same as a part."""
    return _list(ctx, "universe_rows.html")


def _list(ctx: RequestContext, template: str) -> Response:
    text = ctx.query("q").strip()
    found = search(ctx.services.shelf.rows(), text, MOST_LINES)
    checked = _health(ctx) if ctx.query("check") else {"findings": None}
    return ctx.page(template, found=found, text=text, **checked)


def health(ctx: RequestContext) -> Response:
    """Everything that the health check finds; apart, because with many universes it takes long."""
    return ctx.page("health.html", **_health(ctx))


def _health(ctx: RequestContext) -> dict[str, Any]:
    findings = ctx.tick.universes.validate()
    return {"findings": findings, "counts": Counter(f.severity.value for f in findings)}


def show(ctx: RequestContext) -> Response:
    """One universe: members now, on a day or as known at a time, and every change."""
    ref, as_of, known_at = ref_of(ctx), ctx.query("as_of"), ctx.query("known_at")
    log = _log(ctx, ref)
    universe, found, blame = None, None, []
    error: TickStockError | None = None
    try:
        universe = ctx.tick.universes.get(ref)
        found = ctx.tick.history.show(ref, day(as_of), moment(known_at, NEW_YORK))
        blame = ctx.tick.history.blame(ref) if ctx.query("blame") else []
    except UnknownUniverse as e:
        if not log:
            raise
        error = e
    except TickStockError as e:
        error = e
    moved = _moved(ctx, ref, as_of) if found and as_of and not known_at and universe else None
    return ctx.page(
        "universe.html",
        200 if error is None or log else 422,
        moved=moved,
        bar=_bar(moved) if moved else None,
        ref=ref,
        universe=universe,
        members=_in_order(universe, found, as_of or known_at),
        found=found,
        blame=blame,
        as_of=as_of,
        known_at=known_at,
        error=error,
        log=log,
        forms=list(OutForm),
        bars_of=lambda symbol: f"/bars?{urlencode({'symbol': symbol, 'universe': ref})}",
    )


def _log(ctx: RequestContext, ref: str) -> list[LogEntry]:
    """Every change; none for a universe of which nothing was ever recorded."""
    try:
        return ctx.tick.history.log(ref, MOST_CHANGES)
    except UnknownUniverse:
        return []


def _moved(ctx: RequestContext, ref: str, as_of: str) -> UniverseDifference | None:
    """Who left since a day, who joined, and who stayed; None where today's list cannot be had."""
    try:
        return ctx.tick.history.diff(f"{ref} @ {as_of}", ref)
    except TickStockError:
        return None


def _bar(found: UniverseDifference) -> list[tuple[str, float, float]]:
    """Parts of a bar: its kind, where it begins and how wide it is."""
    parts = (("down", found.only_first), ("", found.common), ("up", found.only_second))
    whole = sum(len(symbols) for _, symbols in parts) or 1
    bar, at = [], 0.0
    for kind, symbols in parts:
        wide = WIDTH * len(symbols) / whole
        bar.append((kind, round(at, 1), round(wide, 1)))
        at += wide
    return bar


def _in_order(universe: Universe | None, found: View | None, past: str) -> tuple[str, ...]:
    """The members as stored, where that is what is shown; else by name."""
    if past:
        return found.symbols if found else ()
    return universe.symbols if universe else ()


def diff(ctx: RequestContext) -> Response:
    """Two universes or expressions compared."""
    first, second = ctx.query("first").strip(), ctx.query("second").strip()
    days = ctx.query("on"), ctx.query("and")
    if any(days) and first:  # one universe on two days, the later perhaps today
        alone = first.partition("@")[0].strip()
        first, second = (f"{alone} @ {day}" if day else alone for day in days)
    context: dict[str, Any] = {
        "first": first, "second": second, "found": None, "error": None, "bar": None,
    }  # fmt: skip
    if not first or not second:
        return ctx.page("universe_diff.html", **context)
    try:
        found = ctx.tick.history.diff(first, second)
    except TickStockError as e:
        return ctx.page("universe_diff.html", status_of(e), **context | {"error": e})
    return ctx.page("universe_diff.html", **context | {"found": found, "bar": _bar(found)})


def plan_organize(ctx: RequestContext) -> Response:
    """What organizing would do. Nothing is done."""
    mode = _mode(ctx.query("mode"))
    return _show_plan(ctx, ctx.tick.universes.plan_organize(mode))


def organize(ctx: RequestContext) -> Response:
    """Do the plan that was shown, or show the new one when the state has moved."""
    mode = _mode(ctx.field("mode"))
    plan = ctx.tick.universes.plan_organize(mode)
    if plan.digest != ctx.field("digest"):
        error = StalePlan(
            "The universes or their definitions have changed since this was shown.",
            "Look at the new plan; nothing was written.",
        )
        return _show_plan(ctx, plan, error, 409)
    try:
        ctx.tick.universes.apply(
            plan,
            reason=f"organize from the page by {ctx.name}",
            allow=[*allowed(ctx), *allowed_at_once(ctx, plan)],
        )
    except TickStockError as e:
        return _show_plan(ctx, plan, e, 409)
    ctx.note("organize", ", ".join(f"{n} {word}" for word, n in plan.counts.items() if n))
    return ctx.go("/universes?organized=1")


def _show_plan(
    ctx: RequestContext, plan: OrganizePlan, error: TickStockError | None = None, status: int = 200
) -> Response:
    changes = [c for c in plan.changes if c.action.value != "="]
    guard = refusal(plan)
    return ctx.page("organize.html", status, plan=plan, changes=changes, guard=guard, error=error)


def _mode(text: str) -> Mode:
    return Mode.PRESERVE if text == Mode.PRESERVE else Mode.REPLACE
