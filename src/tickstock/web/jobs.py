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
from tickstock.web.load_form import form_of_load
from tickstock.web.steering import progress_of
from tickstock.web.visit import Visit

PAGE_LINES = 50
ADVICE = {
    "CredentialsRefused": "Set MASSIVE_API_KEY to a valid key, then retry.",
    "NotEntitled": "The account does not include this data: change the plan, or the request.",
    "VendorUnavailable": "The vendor did not answer. Retry when it does.",
    "VendorThrottled": "Too fast for the account: lower MASSIVE_CALLS_PER_MINUTE.",
    "VendorUnreadable": "The answer was not what the contract says. Retry; if it stays, report it.",
    "VendorRefused": "The vendor says that the question is wrong. Check the symbol.",
    "MixedOrigin": "Bars of another origin are held. Use a database of its own for invented bars.",
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
    def read(cls, visit: Visit) -> Filter:
        return cls(visit.query("state"), visit.query("q").strip(), visit.query("before"))

    def newest(self, visit: Visit, most: int = PAGE_LINES) -> list[Progress]:
        return visit.tick.jobs.newest(
            most, _state(self.state), text=self.text, before=_moment(self.before)
        )

    def address(self, path: str = "/jobs", **other: str) -> str:
        fields = {"state": self.state, "q": self.text, "before": self.before} | other
        pairs = {name: value for name, value in fields.items() if value}
        return f"{path}?{urlencode(pairs)}" if pairs else path


def list_all(visit: Visit) -> Response:
    """The newest loads that the filter lets through."""
    return _list(visit, "jobs.html")


def rows(visit: Visit) -> Response:
    """The same as a part, to be shown anew when something changes."""
    return _list(visit, "job_rows.html")


def _list(visit: Visit, template: str) -> Response:
    chosen = Filter.read(visit)
    found = chosen.newest(visit, PAGE_LINES + 1)
    older = ""
    if len(found) > PAGE_LINES:
        found = found[:PAGE_LINES]
        older = chosen.address(before=found[-1].load.created_at.isoformat())
    return visit.page(
        template, filter=chosen, jobs=found, older=older, states=[s.value for s in LoadState]
    )


def recent(visit: Visit) -> Response:
    """The last few loads, for other pages."""
    return visit.page("recent.html", recent=visit.tick.jobs.newest(6))


def show(visit: Visit) -> Response:
    """One load."""
    progress = progress_of(visit)
    return visit.page("job.html", **_context(visit, progress), again=_again(progress))


def progress(visit: Visit) -> Response:
    """How far a load is, as a part that asks for itself again until the load has ended."""
    return visit.page("job_progress.html", **_context(visit, progress_of(visit)))


def cancel(visit: Visit) -> Response:
    """End a load; what is done stays done."""
    return visit.go(f"/jobs/{steering.cancel(visit)}")


def retry(visit: Visit) -> Response:
    """Ask again for what failed or was cancelled."""
    return visit.go(f"/jobs/{steering.retry(visit)}")


def pause(visit: Visit) -> Response:
    """Ask nothing more for a load until it is resumed."""
    return visit.go(f"/jobs/{steering.pause(visit)}")


def resume(visit: Visit) -> Response:
    """Go on with a paused load."""
    return visit.go(f"/jobs/{steering.resume(visit)}")


def clone(visit: Visit) -> Response:
    """A new load for the same request, planned as of now."""
    return visit.go(f"/jobs/{steering.clone(visit)}")


def _again(progress: Progress) -> str:
    """The address of the form that asks for the same."""
    return form_of_load(progress.load.asked).address()


def _context(visit: Visit, progress: Progress) -> dict[str, Any]:
    load = progress.load
    ended = load.state.finished
    elapsed = progress.seconds
    # What a fault has ended may not be summed up: it is what the fault may have come from.
    items = _items(visit, progress) if ended and not load.met_a_fault else []
    return {
        "p": progress,
        "load": load,
        "ended": ended,
        "elapsed": elapsed,
        "rate": progress.calls / elapsed * 60 if elapsed and progress.calls else None,
        "items": sorted(items, key=lambda i: (not i.failed, not i.causes, i.symbol)),
        "advice": ADVICE,
        "no_worker": not ended and not workers_alive(visit.tick.database),
        "can_retry": ended
        and (progress.calls_failed or load.met_a_fault or load.state is LoadState.CANCELLED),
    }


def _items(visit: Visit, progress: Progress) -> Sequence[ItemResult]:
    return visit.tick.verdicts.results(progress.load.id)


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
