"""Historical Data: choose what to load, see the plan, load it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from tickstock.errors import StalePlan, TickStockError
from tickstock.service.browse import Preview, preview
from tickstock.web.load_form import DURATIONS, TIMEFRAMES, LoadForm
from tickstock.web.universe_rows import search
from tickstock.web.visit import Visit

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


def show(visit: Visit) -> Response:
    """The page; with the plan when the address says what to load."""
    form = LoadForm.read(visit.request.query_params.multi_items())
    return _page(visit, form, _card(visit, form))


def picker(visit: Visit) -> Response:
    """The list of universes that a search finds."""
    form = LoadForm.read(visit.request.query_params.multi_items())
    found = search(visit.tick.universes.list(), form.search, PICKER_LINES, form.universe)
    return visit.page("picker.html", form=form, found=found)


def plan(visit: Visit) -> Response:
    """The plan card of the fields in the address."""
    form = LoadForm.read(visit.request.query_params.multi_items())
    return visit.page("plan.html", card=_card(visit, form))


def load(visit: Visit) -> Response:
    """Submit. With the digest of a plan exactly that plan, or the new one is shown and nothing
    is done."""
    form = LoadForm.read(visit.fields.multi_items())
    try:
        made = visit.tick.plans.make(form.request(visit.tick))
        submitted = visit.tick.jobs.submit(
            made, requested_by=visit.name, digest=visit.field("digest") or None
        )
    except StalePlan as e:
        return _page(visit, form, _card(visit, form), status=409, stale=e)
    except TickStockError as e:
        return _page(visit, form, Card(form, form.chosen, error=e), status=422)
    visit.note("load", f"{submitted.id} {submitted.title}")
    return visit.go(f"/jobs/{submitted.id}")


def _card(visit: Visit, form: LoadForm) -> Card:
    """Planning may note instruments that are new: only who may load is shown a plan."""
    if not form.chosen or not visit.may("operator"):
        return Card(form, form.chosen)
    try:
        return Card(form, True, preview(visit.tick, form.request(visit.tick)))
    except TickStockError as e:
        return Card(form, True, error=e)


def _page(
    visit: Visit, form: LoadForm, card: Card, status: int = 200, stale: StalePlan | None = None
) -> Response:
    tick = visit.tick
    return visit.page(
        "historical.html",
        status,
        form=form,
        card=card,
        stale=stale,
        found=search(tick.universes.list(), form.search, PICKER_LINES, form.universe),
        csv_files=tick.universes.csv_files(),
        csv_dir=tick.settings.csv_dir,
        durations=DURATIONS,
        timeframes=TIMEFRAMES,
        recent=tick.jobs.newest(RECENT),
        maintenance=MAINTENANCE,
        readme=README,
    )
