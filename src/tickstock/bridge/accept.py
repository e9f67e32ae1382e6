"""From a message to a durable job: which symbols, which days, one transaction."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from tickstock.bridge.messages import JobMessage
from tickstock.failpoints import reach
from tickstock.loading.plan import Plan, digest_of
from tickstock.loading.request import LoadRequest
from tickstock.service import TickStock
from tickstock.universes.suggest import visible

log = logging.getLogger("tickstock.bridge")


def accept(tick: TickStock, job: JobMessage) -> uuid.UUID:
    """The durable load of this job: a new one, or the one that it became before.

    Raises what resolving the symbols and planning raise, and what the database raises.
    """
    known = tick.client_jobs.find(job.job_id)
    if known is not None:
        return known
    reach("bridge.new_job")
    request = _request(tick, job)
    if job.symbols and (verdict := tick.universes.judge(request.symbols)).unknown:
        log.warning("Job %s: %s", visible(job.job_id), verdict)
    plan = tick.plans.make(request) if job.bars else nothing_asked(request)
    reach("bridge.planned")
    load = tick.jobs.submit(
        plan,
        title=job.source,
        requested_by=job.requested_by,
        client_id=job.job_id,
        job=kept_of(job),
    )
    return load.id


def _request(tick: TickStock, job: JobMessage) -> LoadRequest:
    return tick.requests.of_client(
        job.expression or job.source,
        symbols=job.symbols,
        universe=job.universe,
        csv=job.csv_file,
        duration=job.duration,
        timeframes=job.timeframes,
        refresh=job.refresh,
    )


def nothing_asked(request: LoadRequest) -> Plan:
    """The plan of a job that wants no bars: no item, no call, completed when submitted."""
    digest = digest_of(request, (), (), ())
    return Plan(request, (), (), (), 0, 0, 0.0, 0.0, exact=True, digest=digest)


def kept_of(job: JobMessage) -> Mapping[str, Any]:
    """What is kept of the message with the job, for the status and for people."""
    return {"type": job.job_type, "timeframes": list(job.timeframes), "bars": job.bars} | dict(
        job.kept
    )
