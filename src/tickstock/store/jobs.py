"""Jobs: what was asked for, its state, and its end."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from tickstock.errors import UnknownJob
from tickstock.failpoints import reach
from tickstock.loading.codec import decode, encode
from tickstock.loading.plan import Plan
from tickstock.loading.request import LoadRequest
from tickstock.model import JobState
from tickstock.store import actions, job_checksums, job_items, ledger, rows, tasks
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("jobs.sql")


class Order(enum.StrEnum):
    """In what order jobs are listed; figures the largest first, of equal ones the newest."""

    NEWEST = "newest"
    NAME = "name"
    STATE = "state"
    SESSIONS = "sessions"
    CALLS = "calls"
    BY = "by"


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the ledger knows it. `request` is as it was written; `asked` is what it says,
    and `job` what a client's message said besides."""

    id: uuid.UUID
    client_id: str | None
    title: str
    requested_by: str
    request: dict[str, Any]
    summary: dict[str, Any]
    vendor: str
    priority: int
    state: JobState
    message: str
    report: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused_at: datetime | None
    active_since: datetime | None
    parent_id: uuid.UUID | None

    @property
    def asked(self) -> LoadRequest:
        return decode(self.request)

    @property
    def job(self) -> dict[str, Any]:
        found = self.request.get("job")
        return found if isinstance(found, dict) else {}

    @property
    def met_a_fault(self) -> bool:
        """Whether it was ended by a fault of ours: then it has no report."""
        return self.state is JobState.FAILED and self.report is None


def submit(
    connection: Connection,
    plan: Plan,
    *,
    title: str,
    vendor: str,
    summary: dict[str, Any],
    job: Mapping[str, Any] | None = None,
    requested_by: str = "",
    client_id: str | None = None,
    priority: int = 0,
    load_id: uuid.UUID | None = None,
    parent_id: uuid.UUID | None = None,
) -> tuple[uuid.UUID, bool]:
    """Make a plan durable. Answers the job's id, and False when `client_id` had it already.

    `job` is what a client's message said besides the request, and is kept with it.
    """
    new = {
        "id": load_id or uuid.uuid4(),
        "client_id": client_id,
        "title": title,
        "requested_by": requested_by,
        "request": Jsonb(encode(plan.request) | ({"job": dict(job)} if job else {})),
        "summary": Jsonb(summary),
        "vendor": vendor,
        "priority": priority,
        "parent_id": parent_id,
    }
    added = rows.scalar(connection, QUERIES["add_load"], new)
    if added is None:
        # Not `find`: a client's id may read like the start of another job's.
        known = find_client(connection, client_id or "")
        if known is None:
            raise UnknownJob(f"The job {client_id!r} was removed meanwhile.", "Submit it again.")
        return known, False
    reach("submit.load_added")
    job_items.add(connection, added, plan)
    reach("submit.items_added")
    ledger.add_calls(connection, added, plan)
    reach("submit.calls_added")
    announce(connection, added)
    return added, True


def announce(connection: Connection, load_id: uuid.UUID) -> None:
    connection.execute(QUERIES["announce"], {"load_id": str(load_id)})


def lock(connection: Connection, load_id: uuid.UUID) -> Job:
    """The job, which changes no more until the transaction ends."""
    connection.execute(QUERIES["lock_load"], {"load_id": load_id})
    return read(connection, load_id)


def lock_open(connection: Connection, load_id: uuid.UUID) -> bool:
    """Lock a job that has not ended and has no open calls; whether it is one."""
    row = connection.execute(QUERIES["lock_open"], {"load_id": load_id}).fetchone()
    return row is not None and not ledger.open_calls(connection, load_id)[0]


def in_vain(connection: Connection, load_id: uuid.UUID) -> bool:
    """Whether the vendor refused the key, or calls failed and none was answered: to whomever."""
    return bool(rows.scalar(connection, QUERIES["in_vain"], {"load_id": load_id}))


def finish(
    connection: Connection,
    load_id: uuid.UUID,
    state: JobState,
    message: str,
    report: dict[str, Any],
) -> bool:
    """Write the verdict. False when calls are open, somebody asks for splits and dividends, or
    somebody else has written it."""
    params = {"load_id": load_id, "state": state, "message": message, "report": Jsonb(report)}
    done = connection.execute(QUERIES["finish_load"], params).fetchone() is not None
    reach("finish.written")
    if done:
        job_checksums.write(connection, [load_id])
        tasks.drop_waiting(connection, load_id)
        announce(connection, load_id)
    return done


def fail_load(connection: Connection, load_id: uuid.UUID, message: str, *, with_open: bool) -> bool:
    """End a job without a verdict. Its open calls are cancelled `with_open`; else there must be
    none. False when there are, or it has ended."""
    params = {"load_id": load_id, "message": message, "with_open": with_open}
    if connection.execute(QUERIES["fail_load"], params).fetchone() is None:
        return False
    _end_rest(connection, load_id)
    return True


def cancel(connection: Connection, load_id: uuid.UUID, message: str) -> bool:
    """End a job now; what is done stays done. False when it had ended."""
    params = {"load_id": load_id, "message": message}
    if connection.execute(QUERIES["cancel_load"], params).fetchone() is None:
        return False
    reach("cancel.load")
    _end_rest(connection, load_id)
    return True


def _end_rest(connection: Connection, load_id: uuid.UUID) -> None:
    """What is open of a job that has just ended, in the same transaction."""
    connection.execute(QUERIES["cancel_calls"], {"load_id": load_id})
    actions.stop(connection, load_id)
    reach("cancel.calls")
    job_checksums.write(connection, [load_id])
    tasks.end_tasks(connection, load_id)
    announce(connection, load_id)


def reopen(connection: Connection, load_id: uuid.UUID, *, anyway: bool = False) -> int:
    """Let what failed or was cancelled be asked again; answers how many calls that is.

    With `anyway`, the job begins again also where no call is to be asked again.
    """
    lock(connection, load_id)
    count = connection.execute(QUERIES["reopen_calls"], {"load_id": load_id}).rowcount
    if anyway or count:
        actions.reopen(connection, load_id)
        if connection.execute(QUERIES["reopen_load"], {"load_id": load_id}).rowcount:
            announce(connection, load_id)
    return count


def read(connection: Connection, load_id: uuid.UUID) -> Job:
    found = rows.first(connection, _load, QUERIES["load"], {"load_id": load_id})
    if found is None:
        raise UnknownJob(f"No job has the id {load_id}.", "`tickstock jobs list` shows them.")
    return found


def find(connection: Connection, text: str) -> uuid.UUID:
    """The id of the job that `text` names: an id, the start of one, or a client's own id."""
    prefix = "".join(c for c in text.lower() if c in "0123456789abcdef-") if text else "-"
    params = {"prefix": (prefix if prefix == text.lower() else "-") + "%", "text": text}
    found = connection.execute(QUERIES["find"], params).fetchall()
    if not found:
        raise UnknownJob(f"No job is named {text!r}.", "`tickstock jobs list` shows them.")
    first, is_named = found[0]
    if len(found) > 1 and not is_named:
        raise UnknownJob(f"Several jobs start with {text!r}.", "Give more of the id.")
    return first  # type: ignore[no-any-return]


def find_client(connection: Connection, client_id: str) -> uuid.UUID | None:
    """The job that a client has named exactly so."""
    return find_clients(connection, [client_id]).get(client_id)


def find_clients(connection: Connection, client_ids: Sequence[str]) -> dict[str, uuid.UUID]:
    """The jobs that clients have named exactly so, by that name."""
    params = {"client_ids": list(client_ids)}
    return dict(connection.execute(QUERIES["loads_of_clients"], params).fetchall())


def read_many(connection: Connection, ids: Sequence[uuid.UUID]) -> list[Job]:
    """Those of the jobs that exist, oldest first."""
    return rows.every(connection, _load, QUERIES["loads_by_id"], {"ids": list(ids)})


def newest(
    connection: Connection,
    most: int,
    state: JobState | None = None,
    text: str = "",
    before: datetime | None = None,
    *,
    by: str = "",
    timeframe: str = "",
    order: Order = Order.NEWEST,
    skip: int = 0,
) -> list[Job]:
    """The newest jobs of `state`, with `text` in title, requester or name of the universe, made
    before `before`, `by` somebody, of a timeframe; or the first in another order."""
    params = {
        "most": most, "state": state, "text": text, "before": before, "by": by,
        "timeframe": timeframe, "order": order, "skip": skip,
    }  # fmt: skip
    return rows.every(connection, _load, QUERIES["loads"], params)


def begin_activity(connection: Connection, load_id: uuid.UUID, worker: str) -> None:
    """Count the pace from now, where nobody but `worker` is at work on the job."""
    connection.execute(QUERIES["begin_activity"], {"load_id": load_id, "worker": worker})


def unfinished(
    connection: Connection, kept: timedelta, minutes: timedelta
) -> list[tuple[uuid.UUID, bool, str]]:
    """Jobs without a verdict, newest first: those that a fault ended within `kept` (True, and
    what they say), and those that have nothing left to ask and stay open for `minutes`."""
    params = {"kept": kept, "minutes": minutes}
    return connection.execute(QUERIES["unfinished"], params).fetchall()


def pause(connection: Connection, load_id: uuid.UUID) -> bool:
    """Let no call be claimed, and hand back those in hand. False when it has ended or is paused."""
    ledger.hold_claims(connection, load_id)
    if connection.execute(QUERIES["pause_load"], {"load_id": load_id}).fetchone() is None:
        return False
    connection.execute(QUERIES["pause_calls"], {"load_id": load_id})
    actions.stop(connection, load_id)
    tasks.end_tasks(connection, load_id)
    announce(connection, load_id)
    return True


def unpause(connection: Connection, load_id: uuid.UUID) -> bool:
    """Let calls be claimed again. False when the job was not paused."""
    if connection.execute(QUERIES["unpause_load"], {"load_id": load_id}).fetchone() is None:
        return False
    announce(connection, load_id)
    return True


def is_paused(connection: Connection, load_id: uuid.UUID) -> bool:
    """Whether calls of the job may not be claimed now."""
    return bool(rows.scalar(connection, QUERIES["is_paused"], {"load_id": load_id}))


def prune(connection: Connection, before: datetime) -> int:
    """Remove finished jobs of before a time with their calls; how many jobs those were."""
    return connection.execute(QUERIES["prune"], {"before": before}).rowcount


def count_prunable(connection: Connection, before: datetime) -> int:
    """How many jobs `prune` would remove."""
    return int(rows.scalar(connection, QUERIES["count_prunable"], {"before": before}))


def _load(state: str, **rest: Any) -> Job:
    return Job(state=JobState(state), **rest)
