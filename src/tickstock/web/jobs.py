"""Jobs: all jobs, one job, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.errors import BadInput
from tickstock.loading.report import ItemResult
from tickstock.model import JobState, Timeframe
from tickstock.service.progress import Progress
from tickstock.store.jobs import Order
from tickstock.web import job_strip, steering
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of, place_in_list
from tickstock.web.load_form import TIMEFRAMES, form_of_load
from tickstock.web.steering import progress_of
from tickstock.words import cut, plural

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
    "OutOfResources": "Give the worker's machine more of what the error names, then retry.",
    "DatabaseRefused": "Look at the database: disk space, permissions.",
}
"""What to do about an error that calls met, by its class."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address asks the list for."""

    state: str = ""
    text: str = ""
    by: str = ""
    timeframe: str = ""
    sort: str = ""
    skip: str = ""
    before: str = ""

    @classmethod
    def read(cls, ctx: RequestContext) -> Filter:
        names = (NAMES.get(f.name, f.name) for f in fields(cls))
        return cls(*(ctx.query(name).strip() for name in names))

    @property
    def order(self) -> Order:
        return one_of(Order, self.sort or Order.NEWEST, "an order of jobs")

    def found(self, ctx: RequestContext, most: int) -> list[Progress]:
        timeframe = one_of(Timeframe, self.timeframe, "a timeframe") if self.timeframe else ""
        return ctx.tick.jobs.newest(
            most, _state(self.state), text=self.text, before=_moment(self.before), by=self.by,
            timeframe=timeframe, order=self.order, skip=place_in_list(self.skip),
        )  # fmt: skip

    def address(self, path: str = "/jobs", **other: str) -> str:
        given = {NAMES.get(name, name): value for name, value in asdict(self).items()} | other
        pairs = {name: value for name, value in given.items() if value}
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def sorted_by(self, order: str) -> str:
        """The address of the list in another order, from its beginning."""
        return self.address(sort="" if order == Order.NEWEST else order, skip="", before="")

    @property
    def is_set(self) -> bool:
        return any(asdict(replace(self, sort="")).values())


NAMES = {"text": "q"}
"""What fields are called in the address."""


OUTCOMES = {
    "cancelled": ("cancelled", "good"),
    "ended": ("had ended already", "warn"),
    "retried": ("asked again for what was lacking", "good"),
    "whole": ("without anything that failed or was cancelled", "warn"),
}
"""What was done to ticked jobs, by its name in the address: what is said, and in what tone."""


def _outcomes(ctx: RequestContext) -> list[tuple[str, str]]:
    told = []
    for name, (text, tone) in OUTCOMES.items():
        if count := place_in_list(ctx.query(name)):
            told.append((tone, f"{plural(count, 'job')} {text}."))
    return told


def list_all(ctx: RequestContext) -> Response:
    """The jobs that the filter lets through, the newest first or in another order."""
    return _list(ctx, "jobs.html")


def rows(ctx: RequestContext) -> Response:
    """The same as a part, to be shown anew when something changes."""
    return _list(ctx, "job_rows.html")


def _list(ctx: RequestContext, template: str) -> Response:
    chosen = Filter.read(ctx)
    found = chosen.found(ctx, PAGE_LINES + 1)
    older = ""
    if len(found) > PAGE_LINES:
        found = found[:PAGE_LINES]
        older = chosen.address(skip=str(place_in_list(chosen.skip) + PAGE_LINES))
    return ctx.page(
        template, filter=chosen, jobs=found, names=names_of(ctx, found), older=older,
        states=[s.value for s in JobState], timeframes=TIMEFRAMES, outcomes=_outcomes(ctx),
    )  # fmt: skip


def recent(ctx: RequestContext) -> Response:
    """The last few jobs, for other pages."""
    found = ctx.tick.jobs.newest(6)
    return ctx.page("recent.html", recent=found, names=names_of(ctx, found))


def names_of(ctx: RequestContext, found: Sequence[Progress]) -> dict[str, str]:
    """What people call what these jobs are of; of a long list its beginning."""
    titles = [p.load.title for p in found]
    return {t: cut(t) for t in titles} | ctx.tick.universes.names(titles)


def show(ctx: RequestContext) -> Response:
    """One job."""
    progress = progress_of(ctx)
    form = form_of_load(progress.load.asked)
    strip = job_strip.context_of(ctx, progress)
    return ctx.page("job.html", **_context(ctx, progress) | strip, form=form)


def progress(ctx: RequestContext) -> Response:
    """How far a job is, as a part that asks for itself again until the job has ended."""
    return ctx.page("job_progress.html", **_context(ctx, progress_of(ctx)))


def cancel(ctx: RequestContext) -> Response:
    """End a job; what is done stays done."""
    return ctx.go(f"/jobs/{steering.cancel(ctx)}")


def retry(ctx: RequestContext) -> Response:
    """Ask again for what failed or was cancelled."""
    return ctx.go(f"/jobs/{steering.retry(ctx)}")


def cancel_ticked(ctx: RequestContext) -> Response:
    """End all jobs that are ticked in the list; what they have done stays done."""
    done, not_done = steering.each(ctx, steering.cancel_one)
    return _back(ctx, cancelled=done, ended=not_done)


def retry_ticked(ctx: RequestContext) -> Response:
    """Ask again for what failed or was cancelled of all jobs that are ticked in the list."""
    done, not_done = steering.each(ctx, steering.retry_one)
    return _back(ctx, retried=done, whole=not_done)


def _back(ctx: RequestContext, **counts: int) -> Response:
    """The list as it was looked at, with what was done."""
    address = Filter.read(ctx).address(**{name: str(n) for name, n in counts.items()})
    return ctx.go(address)


def pause(ctx: RequestContext) -> Response:
    """Ask nothing more for a job until it is resumed."""
    return ctx.go(f"/jobs/{steering.pause(ctx)}")


def resume(ctx: RequestContext) -> Response:
    """Go on with a paused job."""
    return ctx.go(f"/jobs/{steering.resume(ctx)}")


def clone(ctx: RequestContext) -> Response:
    """A new job for the same request, planned as of now."""
    return ctx.go(f"/jobs/{steering.clone(ctx)}")


def _context(ctx: RequestContext, progress: Progress) -> dict[str, Any]:
    load = progress.load
    ended = load.state.finished
    # What a fault has ended may not be summed up: it is what the fault may have come from.
    items = _items(ctx, progress) if ended and not load.met_a_fault else []
    return {
        "p": progress,
        "name": names_of(ctx, [progress])[load.title],
        "load": load,
        "ended": ended,
        "word": "paused" if progress.paused else load.state.value,
        "items": sorted(items, key=lambda i: (not i.failed, not i.causes, i.symbol)),
        "advice": ADVICE,
        "can_retry": ended
        and (progress.calls_failed or load.met_a_fault or load.state is JobState.CANCELLED),
    }


def _items(ctx: RequestContext, progress: Progress) -> Sequence[ItemResult]:
    return ctx.tick.verdicts.results(progress.load.id)


def _state(text: str) -> JobState | None:
    try:
        return JobState(text) if text else None
    except ValueError:
        raise BadInput(
            f"{text[:40]!r} is not a state of a job.", f"One of: {', '.join(JobState)}."
        ) from None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a time.", "Write it in ISO 8601.") from None
