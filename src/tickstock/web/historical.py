"""Historical Data: choose what to load, see the plan, load it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from tickstock.errors import StalePlan, TickStockError
from tickstock.service.browse import Preview, preview
from tickstock.web.context import RequestContext
from tickstock.web.jobs import names_of
from tickstock.web.load_form import DURATIONS, TIMEFRAMES, LoadForm
from tickstock.web.universe_rows import search

PICKER_LINES = 60
RECENT = 6
ORGANIZE = "scripts/cache_maintenance/organize_universes.py"
VALIDATE = "scripts/cache_maintenance/validate_cache.py"
MAINTENANCE = (
    ("Organize universes (replace all)", f"python {ORGANIZE}"),
    ("Organize universes (preserve existing)", f"python {ORGANIZE} --preserve"),
    ("Dry run (preview changes)", f"python {ORGANIZE} --dry-run --verbose"),
    ("Validate cache integrity", f"python {VALIDATE}"),
)
README = "scripts/cache_maintenance/README.md"


@dataclass(frozen=True, slots=True)
class Card:
    """The plan card: a plan, or what is in the way of one. `chosen` False: nothing picked yet."""

    form: LoadForm
    chosen: bool
    preview: Preview | None = None
    error: TickStockError | None = None


def show(ctx: RequestContext) -> Response:
    """The page; with the plan when the address says what to load."""
    form = LoadForm.read(ctx.request.query_params.multi_items())
    return _page(ctx, form, card_of(ctx, form))


def picker(ctx: RequestContext) -> Response:
    """The list of universes that a search finds."""
    form = LoadForm.read(ctx.request.query_params.multi_items())
    found = search(ctx.services.shelf.rows(), form.search, PICKER_LINES, form.universe)
    return ctx.page("picker.html", form=form, found=found)


def plan(ctx: RequestContext) -> Response:
    """The plan card of the fields in the address."""
    form = LoadForm.read(ctx.request.query_params.multi_items())
    return ctx.page("plan.html", card=card_of(ctx, form))


def load(ctx: RequestContext) -> Response:
    """Submit. With the digest of a plan exactly that plan, or the new one is shown and nothing
    is done."""
    form = LoadForm.read(ctx.fields.multi_items())
    try:
        made = ctx.tick.plans.make(form.request(ctx.tick))
        submitted = ctx.tick.jobs.submit(
            made, requested_by=ctx.name, digest=ctx.field("digest") or None
        )
    except StalePlan as e:
        return _page(ctx, form, card_of(ctx, form), status=409, stale=e)
    except TickStockError as e:
        return _page(ctx, form, Card(form, form.chosen, error=e), status=422)
    ctx.note("load", f"{submitted.id} {submitted.title}")
    return ctx.go(f"/jobs/{submitted.id}")


def card_of(ctx: RequestContext, form: LoadForm) -> Card:
    """The plan of a form, or what is in the way of one."""
    if not form.chosen:
        return Card(form, False)
    try:
        return Card(form, True, preview(ctx.tick, form.request(ctx.tick)))
    except TickStockError as e:
        return Card(form, True, error=e)


def _page(
    ctx: RequestContext,
    form: LoadForm,
    card: Card,
    status: int = 200,
    stale: StalePlan | None = None,
) -> Response:
    tick = ctx.tick
    return ctx.page(
        "historical.html",
        status,
        form=form,
        card=card,
        stale=stale,
        found=search(ctx.services.shelf.rows(), form.search, PICKER_LINES, form.universe),
        csv_files=tick.universes.csv_files(),
        csv_dir=tick.settings.csv_dir,
        durations=DURATIONS,
        timeframes=TIMEFRAMES,
        recent=(recent := tick.jobs.newest(RECENT)),
        names=names_of(ctx, recent),
        maintenance=MAINTENANCE,
        readme=README,
    )
