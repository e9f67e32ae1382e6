"""Universes: the list, one of them with its history, and organize."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from starlette.responses import Response

from tickstock.errors import BadDates, StalePlan, TickStockError, UnknownUniverse
from tickstock.model import Universe
from tickstock.service.browse import history
from tickstock.universes.expression import Evaluation
from tickstock.universes.plan import Mode, OrganizePlan
from tickstock.web.universe_rows import search
from tickstock.web.visit import Visit

MOST_LINES = 500


def list_all(visit: Visit) -> Response:
    """Every universe, with count, age and health."""
    return _list(visit, "universes.html")


def rows(visit: Visit) -> Response:
    """The same as a part."""
    return _list(visit, "universe_rows.html")


def _list(visit: Visit, template: str) -> Response:
    text = visit.query("q").strip()
    found = search(visit.tick.universes.list(), text, MOST_LINES)
    checked = _health(visit) if visit.query("check") else {"findings": None}
    return visit.page(template, found=found, text=text, **checked)


def health(visit: Visit) -> Response:
    """Everything that the health check finds; apart, because with many universes it takes long."""
    return visit.page("health.html", **_health(visit))


def _health(visit: Visit) -> dict[str, Any]:
    findings = visit.tick.universes.validate(datetime.now(UTC))
    return {"findings": findings, "counts": Counter(f.severity.value for f in findings)}


def show(visit: Visit) -> Response:
    """One universe: members now or on a day, which part let each in, and every change."""
    ref, as_of = visit.path("ref"), visit.query("as_of")
    revisions = history(visit.tick, ref)
    universe, found = None, None
    error: TickStockError | None = None
    try:
        universe = visit.tick.universes.get(ref)
        found = _members(visit, ref, as_of)
    except UnknownUniverse as e:
        if not revisions:
            raise
        error = e
    except TickStockError as e:
        error = e
    return visit.page(
        "universe.html",
        200 if error is None or revisions else 422,
        ref=ref,
        universe=universe,
        members=_in_order(universe, found, as_of),
        found=found,
        as_of=as_of,
        error=error,
        revisions=revisions,
    )


def _members(visit: Visit, ref: str, as_of: str) -> Evaluation:
    if not as_of:
        return visit.tick.universes.evaluate(ref)
    try:
        day = date.fromisoformat(as_of)
    except ValueError:
        raise BadDates(f"{as_of[:40]!r} is not a date.", "Write it like 2024-12-31.") from None
    return visit.tick.universes.evaluate(f"{ref} @ {day}")


def _in_order(universe: Universe | None, found: Evaluation | None, as_of: str) -> tuple[str, ...]:
    """The members as stored, where that is what is shown; else by name."""
    if found is None:
        return universe.symbols if universe and not as_of else ()
    return universe.symbols if universe and not as_of else found.symbols


def plan_organize(visit: Visit) -> Response:
    """What organizing would do. Nothing is done."""
    mode = _mode(visit.query("mode"))
    return _show_plan(visit, visit.tick.universes.plan_organize(mode))


def organize(visit: Visit) -> Response:
    """Do the plan that was shown, or show the new one when the state has moved."""
    mode = _mode(visit.field("mode"))
    plan = visit.tick.universes.plan_organize(mode)
    if plan.digest != visit.field("digest"):
        error = StalePlan(
            "The universes or their definitions have changed since this was shown.",
            "Look at the new plan; nothing was written.",
        )
        return _show_plan(visit, plan, error, 409)
    allowed = [value for value in visit.fields.getlist("allow") if isinstance(value, str)]
    who = visit.who.name if visit.who else ""
    try:
        visit.tick.universes.apply(plan, reason=f"organize from the page by {who}", allow=allowed)
    except TickStockError as e:
        return _show_plan(visit, plan, e, 409)
    visit.note("organize", ", ".join(f"{n} {word}" for word, n in plan.counts.items() if n))
    return visit.go("/universes?organized=1")


def _show_plan(
    visit: Visit, plan: OrganizePlan, error: TickStockError | None = None, status: int = 200
) -> Response:
    changes = [c for c in plan.changes if c.action.value != "="]
    return visit.page("organize.html", status, plan=plan, changes=changes, error=error)


def _mode(text: str) -> Mode:
    return Mode.PRESERVE if text == Mode.PRESERVE else Mode.REPLACE
