"""Jobs: all loads, one load, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.errors import BadInput
from tickstock.loading.report import ItemResult
from tickstock.model import LoadState
from tickstock.service.progress import Progress
from tickstock.service.system import workers_alive
from tickstock.web import steering
from tickstock.web.context import RequestContext
from tickstock.web.load_form import form_of_load
from tickstock.web.steering import progress_of

PAGE_LINES = 50
ADVICE = {
    "PoisonCall": "See in the log, and in that of the machine, what ended the workers; then retry.",
    "CredentialsRefused": "Set MASSIVE_API_KEY to a valid key, then retry.",
    "NotEntitled": "The account does not include this data: change the plan, or the request.",
    "VendorUnavailable": "The vendor did not answer. Retry when it does.",
    "VendorThrottled": "Too fast for the account: lower MASSIVE_CALLS_PER_MINUTE.",
    "VendorUnreadable": "The answer was not what the contract says. Retry; if it stays, report it.",
    "VendorRefused": "The vendor says that the question is wrong. Check the symbol.",
    "MixedOrigin": "Bars of another origin are held. Use a database of its own for synthetic bars.",
    "DatabaseRefused": "Look at the database: disk space, permissions.",
}
"""What to do about an error that calls met, by its class."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address asks the list for."""

    state: str
    text: str
    before: str

    @classmethod
    def read(cls, ctx: RequestContext) -> Filter:
        return cls(ctx.query("state"), ctx.query("q").strip(), ctx.query("before"))

    def newest(self, ctx: RequestContext, most: int = PAGE_LINES) -> list[Progress]:
        return ctx.tick.jobs.newest(
            most, _state(self.state), text=self.text, before=_moment(self.before)
        )

    def address(self, path: str = "/jobs", **other: str) -> str:
        fields = {"state": self.state, "q": self.text, "before": self.before} | other
        pairs = {name: value for name, value in fields.items() if value}
        return f"{path}?{urlencode(pairs)}" if pairs else path


def list_all(ctx: RequestContext) -> Response:
    """The newest loads that the filter lets through."""
    return _list(ctx, "jobs.html")


def rows(ctx: RequestContext) -> Response:
    """The same as a part, to be shown anew when something changes."""
    return _list(ctx, "job_rows.html")


def _list(ctx: RequestContext, template: str) -> Response:
    chosen = Filter.read(ctx)
    found = chosen.newest(ctx, PAGE_LINES + 1)
    older = ""
    if len(found) > PAGE_LINES:
        found = found[:PAGE_LINES]
        older = chosen.address(before=found[-1].load.created_at.isoformat())
    return ctx.page(
        template, filter=chosen, jobs=found, older=older, states=[s.value for s in LoadState]
    )


def recent(ctx: RequestContext) -> Response:
    """The last few loads, for other pages."""
    return ctx.page("recent.html", recent=ctx.tick.jobs.newest(6))


def show(ctx: RequestContext) -> Response:
    """One load."""
    progress = progress_of(ctx)
    return ctx.page("job.html", **_context(ctx, progress), again=_again(progress))


def progress(ctx: RequestContext) -> Response:
    """How far a load is, as a part that asks for itself again until the load has ended."""
    return ctx.page("job_progress.html", **_context(ctx, progress_of(ctx)))


def cancel(ctx: RequestContext) -> Response:
    """End a load; what is done stays done."""
    return ctx.go(f"/jobs/{steering.cancel(ctx)}")


def retry(ctx: RequestContext) -> Response:
    """Ask again for what failed or was cancelled."""
    return ctx.go(f"/jobs/{steering.retry(ctx)}")


def pause(ctx: RequestContext) -> Response:
    """Ask nothing more for a load until it is resumed."""
    return ctx.go(f"/jobs/{steering.pause(ctx)}")


def resume(ctx: RequestContext) -> Response:
    """Go on with a paused load."""
    return ctx.go(f"/jobs/{steering.resume(ctx)}")


def clone(ctx: RequestContext) -> Response:
    """A new load for the same request, planned as of now."""
    return ctx.go(f"/jobs/{steering.clone(ctx)}")


def _again(progress: Progress) -> str:
    """The address of the form that asks for the same."""
    return form_of_load(progress.load.asked).address()


def _context(ctx: RequestContext, progress: Progress) -> dict[str, Any]:
    load = progress.load
    ended = load.state.finished
    elapsed = progress.seconds
    # What a fault has ended may not be summed up: it is what the fault may have come from.
    items = _items(ctx, progress) if ended and not load.met_a_fault else []
    return {
        "p": progress,
        "load": load,
        "ended": ended,
        "elapsed": elapsed,
        "rate": progress.calls / elapsed * 60 if elapsed and progress.calls else None,
        "items": sorted(items, key=lambda i: (not i.failed, not i.causes, i.symbol)),
        "advice": ADVICE,
        "no_worker": not ended and not workers_alive(ctx.tick.database),
        "can_retry": ended
        and (progress.calls_failed or load.met_a_fault or load.state is LoadState.CANCELLED),
    }


def _items(ctx: RequestContext, progress: Progress) -> Sequence[ItemResult]:
    return ctx.tick.verdicts.results(progress.load.id)


def _state(text: str) -> LoadState | None:
    try:
        return LoadState(text) if text else None
    except ValueError:
        raise BadInput(
            f"{text[:40]!r} is not a state of a load.", f"One of: {', '.join(LoadState)}."
        ) from None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a time.", "Write it in ISO 8601.") from None
