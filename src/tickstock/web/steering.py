"""What a visitor can do with the load that the address names; the page and the API answer each in
their own way."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tickstock.service.progress import Progress
from tickstock.web.visit import Visit


def progress_of(visit: Visit) -> Progress:
    """How far the load is."""
    tick = visit.tick
    return tick.jobs.progress(tick.jobs.find(visit.path("id")))


def cancel(visit: Visit) -> uuid.UUID:
    why = f"Cancelled by {visit.name}."
    return _steer(visit, "cancel", lambda load_id: visit.tick.jobs.cancel(load_id, why))


def retry(visit: Visit) -> uuid.UUID:
    return _steer(visit, "retry", visit.tick.jobs.retry)


def pause(visit: Visit) -> uuid.UUID:
    return _steer(visit, "pause", visit.tick.steering.pause)


def resume(visit: Visit) -> uuid.UUID:
    return _steer(visit, "resume", visit.tick.steering.resume)


def clone(visit: Visit) -> uuid.UUID:
    """The new load."""
    load = progress_of(visit).load
    made = visit.tick.steering.clone(load.id, visit.name)
    visit.note("clone", f"{load.id} as {made.id} {made.title}")
    return made.id


def _steer(visit: Visit, what: str, do: Callable[[uuid.UUID], object]) -> uuid.UUID:
    """Do it; what changed something is noted in the audit log."""
    load = progress_of(visit).load
    if do(load.id):
        visit.note(what, f"{load.id} {load.title}")
    return load.id
