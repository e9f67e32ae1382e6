"""Jobs as the programs know them that sent them under an id of their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tickstock.errors import UnknownJob
from tickstock.service.jobs import progress_then
from tickstock.service.progress import Progress
from tickstock.store import client_jobs, jobs
from tickstock.store.client_jobs import JobHead, RefusedJob, SymbolsSoFar
from tickstock.store.database import Database


@dataclass(frozen=True, slots=True)
class JobDetail:
    """How far a job is, and which of its symbols are done with."""

    progress: Progress
    symbols: SymbolsSoFar


class ClientJobs:
    """Looks at, refuses and cancels what clients sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, client_id: str) -> uuid.UUID | None:
        """The job of the client's id."""
        with self._database.transaction() as connection:
            return jobs.find_client(connection, client_id)

    def heads(self, window: timedelta) -> tuple[list[JobHead], list[RefusedJob]]:
        """Jobs that are open or ended within `window`, and those refused within it."""
        with self._database.transaction() as connection:
            return client_jobs.heads(connection, window), client_jobs.refusals(connection, window)

    def details(self, ids: Sequence[uuid.UUID]) -> list[JobDetail]:
        """All there is to say of these jobs, oldest first."""
        with self._database.snapshot() as connection:
            found = progress_then(connection, ids)
            unjudged = [p.load.id for p in found if p.load.report is None]
            so_far = client_jobs.symbols_so_far(connection, unjudged) if unjudged else {}
        return [JobDetail(p, _symbols(p, so_far)) for p in found]

    def detail(self, load_id: uuid.UUID) -> JobDetail:
        """All there is to say of one job. Raises UnknownJob where there is none."""
        for found in self.details([load_id]):
            return found
        raise UnknownJob(f"There is no job {load_id}.", "`tickstock jobs list` shows them.")

    def newest(self, most: int) -> list[JobDetail]:
        """All there is to say of the newest jobs, the newest first."""
        with self._database.transaction() as connection:
            ids = [load.id for load in jobs.newest(connection, most)]
        return self.details(ids)[::-1]

    def refusal(self, client_id: str) -> RefusedJob | None:
        """Why the job of this id became no job; None where that is not known, or it did."""
        with self._database.transaction() as connection:
            kept = client_jobs.refusals(connection, client_jobs.REFUSALS_KEPT)
        return next((refused for refused in kept if refused.client_id == client_id), None)

    def refuse(self, client_id: str, job_type: str, reason: str) -> None:
        """Keep, for the client to read, why its job becomes no job."""
        with self._database.transaction() as connection:
            client_jobs.refuse(connection, client_id, job_type, reason)

    def cancel(self, reasons: Mapping[str, str]) -> set[str]:
        """End the jobs of these client ids, each for its reason; answers the ids that have a
        load. A job that has ended stays as it is."""
        with self._database.transaction() as connection:
            found = jobs.find_clients(connection, list(reasons))
            for client_id, load_id in found.items():
                jobs.cancel(connection, load_id, reasons[client_id])
        return set(found)

    def cancel_all(self, reason: str) -> int:
        """End every open job that came from a client; how many those were."""
        with self._database.transaction() as connection:
            found = client_jobs.open_loads(connection)
            return sum(jobs.cancel(connection, load_id, reason) for load_id in found)


def _symbols(progress: Progress, so_far: dict[uuid.UUID, SymbolsSoFar]) -> SymbolsSoFar:
    report = progress.load.report
    if report is None:
        return so_far.get(progress.load.id, SymbolsSoFar())
    return SymbolsSoFar(tuple(report["good_symbols"]), tuple(report["failed_symbols"]))
