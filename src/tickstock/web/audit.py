"""The audit log: who did what, to be filtered and taken away as a file."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from tickstock.clock import midnight
from tickstock.errors import BadInput
from tickstock.spans import ONE_DAY
from tickstock.store.sign_in import AuditFilter, AuditRow
from tickstock.universes.files.written import safe_cell
from tickstock.web.context import RequestContext
from tickstock.web.fields import day, place_in_list

PAGE_LINES = 100
MOST_EXPORTED = 100_000
"""Entries of one file."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What the address asks the log for. Days are those of New York, both included."""

    who: str = ""
    text: str = ""
    first: date | None = None
    last: date | None = None

    @classmethod
    def read(cls, ctx: RequestContext) -> AuditQuery:
        return cls(
            ctx.query("who").strip(),
            ctx.query("q").strip(),
            day(ctx.query("from")),
            day(ctx.query("to")),
        )

    @property
    def wanted(self) -> AuditFilter:
        after = self.last + ONE_DAY if self.last and self.last < date.max else None
        return AuditFilter(self.who, self.text, _midnight(self.first), _midnight(after))

    def address(self, path: str = "/audit", **other: str) -> str:
        named = {"who": self.who, "q": self.text, "from": self.first, "to": self.last}
        pairs = {name: str(value) for name, value in named.items() if value} | other
        return f"{path}?{urlencode(pairs)}" if pairs else path


def show(ctx: RequestContext) -> Response:
    """The entries that the filter lets through, the latest first."""
    query, skip = AuditQuery.read(ctx), place_in_list(ctx.query("skip"))
    found = ctx.services.access.log(PAGE_LINES + 1, query.wanted, skip)
    older = query.address(skip=str(skip + PAGE_LINES)) if len(found) > PAGE_LINES else ""
    return ctx.page("audit.html", query=query, log=found[:PAGE_LINES], older=older)


def export(ctx: RequestContext) -> Response:
    """The same entries as a CSV file, all of them."""
    found = ctx.services.access.log(MOST_EXPORTED + 1, AuditQuery.read(ctx).wanted)
    if len(found) > MOST_EXPORTED:
        raise BadInput(
            f"More than {MOST_EXPORTED:,} entries fit the filter.", "Ask for fewer days at a time."
        )
    headers = {"content-disposition": 'attachment; filename="audit.csv"'}
    return Response(_csv(found), 200, headers, "text/csv; charset=utf-8")


def entries(ctx: RequestContext) -> Response:
    """Entries of the audit log, the latest first: by default the last 50."""
    most = place_in_list(ctx.query("limit", "50"))
    if not 0 < most <= MOST_EXPORTED:
        raise BadInput(f"{most} entries were asked for.", f"Ask for 1 to {MOST_EXPORTED}.")
    found = ctx.services.access.log(
        most, AuditQuery.read(ctx).wanted, place_in_list(ctx.query("skip"))
    )
    return JSONResponse({"entries": [asdict(r) | {"at": r.at.isoformat()} for r in found]})


def _csv(found: list[AuditRow]) -> str:
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(["at", "who", "action", "subject"])
    for row in found:
        # Names and subjects are what others typed: no spreadsheet shall run them.
        lines.writerow([row.at.isoformat(), *map(safe_cell, (row.who, row.action, row.subject))])
    return out.getvalue()


def _midnight(on: date | None) -> datetime | None:
    return midnight(on) if on else None
