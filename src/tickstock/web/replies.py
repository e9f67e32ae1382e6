"""JSON schemas of what programs are answered, with an example of each; a test holds every answer
against its schema. No answer has a field that its schema does not name."""

from __future__ import annotations

from typing import Any

from tickstock.model import GapCause, JobState
from tickstock.web.bodies import DATE, TEXT, TEXTS

Schema = dict[str, Any]
INT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = TEXT | {"format": "date-time"}
COUNTS: Schema = {"type": "object", "additionalProperties": INT}
ANY: Schema = {"type": "object"}


def one(*lacking: str, **fields: Schema) -> Schema:
    """An object with these fields; all are there but for those that may be `lacking`."""
    always = [name for name in fields if name not in lacking]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": always,
        "properties": fields,
    }


def many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def maybe(schema: Schema) -> Schema:
    """Or null."""
    if isinstance(schema.get("type"), str):
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


CAUSES: Schema = {
    "type": "object",
    "description": "sessions by cause",
    "propertyNames": {"enum": [cause.value for cause in GapCause]},
    "additionalProperties": INT,
}
STATE: Schema = {"enum": [state.value for state in JobState]}
LISTED = one(
    ref=TEXT, type=TEXT, key=TEXT, name=TEXT, symbols=maybe(INT), expression=maybe(TEXT),
    description=TEXT, source=TEXT, updated_at=maybe(TIME),
)  # fmt: skip
UNIVERSE = one(
    ref=TEXT, name=TEXT, symbols=TEXTS, expression=maybe(TEXT), description=TEXT, source=TEXT,
    updated_at=maybe(TIME),
)  # fmt: skip
CHANGE = one(
    revision=maybe(INT), at=TIME, action=TEXT, by=TEXT, application=TEXT, source=TEXT, reason=TEXT,
    days=maybe(many(DATE)), old_name=maybe(TEXT), new_name=maybe(TEXT), old_expression=maybe(TEXT),
    new_expression=maybe(TEXT), joined=maybe(TEXTS), left=maybe(TEXTS),
)  # fmt: skip
MEMBER = one(
    symbol=TEXT, since=maybe(DATE), revision=maybe(INT), at=maybe(TIME), by=TEXT, source=TEXT,
    reason=TEXT,
)  # fmt: skip
FINDING = one(
    severity=TEXT, universe=TEXT, symbol=maybe(TEXT), what=TEXT, why=TEXT, fix=TEXT
)  # fmt: skip
UNIVERSE_PLAN = one(
    "guard", "guard_refs", "imported",
    schema=TEXT, environment=TEXT, mode=TEXT, digest=TEXT, counts=COUNTS,
    changes=many(
        one(
            universe=TEXT, action=TEXT, name=TEXT, expression=maybe(TEXT), symbols_before=INT,
            symbols=INT, joins=TEXTS, leaves=TEXTS, unknown=TEXTS, notes=TEXTS,
        )
    ),
    histories=many(ANY), conflicts=many(ANY), problems=TEXTS, notes=TEXTS,
    guard=maybe(TEXT), guard_refs=TEXTS, applied=FLAG,
    imported=one(
        name=TEXT, form=TEXT, symbols=TEXTS, rows=ANY, as_of=maybe(DATE), sha256=TEXT, known=INT,
        unknown=TEXTS, remarks=many(one(line=maybe(INT), what=TEXT)),
    ),
)  # fmt: skip
REQUEST = ANY | {"description": "universe, symbols, timeframes, from, to, refresh"}
PLAN = one(
    request=REQUEST,
    summary=one(
        symbols=INT, expected=INT, held=INT, missing=INT, calls=INT, calls_by_kind=COUNTS, bars=INT,
        bytes=INT, seconds=NUMBER, exact=FLAG, digest=TEXT, account=TEXT,
    ),
    calls=many(
        one(**{"kind": TEXT, "timeframe": TEXT, "symbol": TEXT, "from": DATE, "to": DATE,
               "cells": INT})
    ),
    skips=many(one(timeframe=TEXT, cause=TEXT, cells=INT)),
)  # fmt: skip
JOB = one(
    id=TEXT | {"format": "uuid"}, job_id=maybe(TEXT), title=TEXT, state=STATE, paused=FLAG,
    message=TEXT, requested_by=TEXT, request=REQUEST, percent=INT, held=INT, expected=INT,
    calls=INT | {"description": "made"}, calls_planned=INT,
    calls_failed=INT | {"description": "of those made"}, calls_not_asked=INT,
    calls_a_minute=maybe(NUMBER), bars_new=INT, bars_changed=INT, seconds_left=maybe(NUMBER),
    standstill={"enum": ["paused", "no_worker", None]}, standstill_since=maybe(TIME),
    current=maybe(TEXT),
    errors=many(one(kind=TEXT, calls=INT, failed=INT, symbol=TEXT, example=TEXT)),
    report=maybe(ANY), created_at=TIME, started_at=maybe(TIME), finished_at=maybe(TIME),
)  # fmt: skip
COVERAGE = one(
    items=many(one(symbol=TEXT, expected=INT, held=INT, causes=CAUSES)), never_heard_of=TEXTS
)
RECEIPTS = one(receipts=many(one(**{
    "id": INT, "made_at": TIME, "made_by": TEXT, "reason": TEXT, "universe": TEXT,
    "timeframe": TEXT, "from": maybe(DATE), "to": maybe(DATE), "expires_at": TIME,
    "revoked_at": maybe(TIME), "revoked_by": maybe(TEXT),
    "standing": {"enum": ["live", "expired", "revoked"]},
})))  # fmt: skip
NUMBERS = many(maybe(NUMBER))
DOUBT = one(at=TEXT, reason=TEXT, detail=TEXT)
BARS = one(**{
    "symbol": TEXT, "origin": maybe(TEXT), "timeframe": TEXT, "adjust": TEXT, "from": DATE,
    "to": DATE, "earlier": INT,
    "bars": one(at=TEXTS, open=NUMBERS, high=NUMBERS, low=NUMBERS, close=NUMBERS, volume=NUMBERS,
                vwap=NUMBERS, trades=NUMBERS),
    "missing": many(one(**{
        "from": DATE, "to": DATE, "sessions": INT, "cause": TEXT, "text": TEXT, "colour": TEXT,
        "detail": TEXT, "expires_at": maybe(TIME), "do": TEXT, "at": TEXTS,
    })),
    "splits": many(one(**{"day": DATE, "from": NUMBER, "to": NUMBER, "kind": TEXT})),
    "doubtful": many(DOUBT), "quarantined": many(DOUBT),
    "findings": many(one(day=DATE, doubt=TEXT, what=TEXT, do=TEXT)),
})  # fmt: skip
SCHEDULE = one(**{
    "name": TEXT, "universe": TEXT, "at": TEXT, "after_close": FLAG, "for": TEXT,
    "timeframes": TEXT, "vendor": TEXT, "next": maybe(TIME),
    "last": maybe(one(due=TIME, missed=INT, state=TEXT, load=maybe(TEXT), message=TEXT)),
})  # fmt: skip
SCHEDULES = one(schedules=many(SCHEDULE))
USERS = one(users=many(one(name=TEXT, role={"enum": ["viewer", "operator", "admin"]}, since=TIME)))
SYSTEM = one(
    workers_alive=INT, leases=many(one(worker=TEXT, calls=INT)),
    budgets=many(one(vendor=TEXT, granted=INT, throttled=INT)), database=TEXT, server=TEXT,
    schema=TEXTS, pending=TEXTS, redis=one(address=TEXT, trouble=TEXT), vendor=TEXT,
    environment=TEXT, bytes=INT, bars=INT, open_loads=INT,
)  # fmt: skip
STATUS = {
    "job_id": TEXT, "client_job_id": maybe(TEXT), "status": STATE, "progress": INT, "message": TEXT,
    "description": TEXT, "total_symbols": INT, "processed_symbols": INT,
    "successful_symbols": TEXTS, "failed_symbols": TEXTS, "current_symbol": TEXT,
    "symbols_loaded": INT, "symbols_failed": INT, "ohlcv_records_loaded": INT,
    "error_message": TEXT, "started_at": maybe(TIME), "completed_at": maybe(TIME),
    "updated_at": TIME, "timestamp": TIME, "submitted_at": TIME,
}  # fmt: skip
OLD_JOB = one("success", success=FLAG, **STATUS)
GONE = one(success=FLAG, error=TEXT, message=TEXT, commands=TEXTS, documentation=TEXT)
H = "/admin/historical-data"
REPLIES: dict[str, Schema] = {
    "/api/universes": one(universes=many(LISTED)),
    "/api/universes/{ref}": UNIVERSE,
    "/api/universes/{ref}/history": one(ref=TEXT, changes=many(CHANGE)),
    "/api/universes/{ref}/blame": one(ref=TEXT, members=many(MEMBER)),
    "/api/universes/{ref}/edit": UNIVERSE_PLAN,
    "/api/universes/{ref}/import": UNIVERSE_PLAN,
    "/api/diff": one(only_first=TEXTS, only_second=TEXTS, common=TEXTS),
    "/api/findings": one(findings=many(FINDING)),
    "/api/members": one(symbols=TEXTS, lineage=ANY, survivorship=maybe(ANY), notes=TEXTS),
    "/api/organize": UNIVERSE_PLAN,
    "/api/csv-files": one(files=TEXTS),
    "/api/plan": PLAN,
    "GET /api/loads": one(loads=many(JOB)),
    "POST /api/loads": JOB,
    "/api/loads/{id}": JOB,
    **{f"/api/loads/{{id}}/{do}": JOB for do in ("cancel", "retry", "pause", "resume", "clone")},
    "/api/coverage": COVERAGE,
    "GET /api/receipts": RECEIPTS,
    "POST /api/receipts": one(link=TEXT),
    "/api/receipts/{id}/revoke": RECEIPTS,
    "/api/bars": BARS,
    "GET /api/schedules": SCHEDULES,
    "POST /api/schedules": SCHEDULE,
    "/api/schedules/{name}/run": one(load=TEXT),
    "/api/schedules/{name}/remove": SCHEDULES,
    "/api/users": USERS,
    "/api/users/{name}/role": USERS,
    "/api/audit": one(entries=many(one(at=TIME, who=TEXT, action=TEXT, subject=TEXT))),
    "/api/system": SYSTEM,
    "/api/openapi.json": ANY,
    f"{H}/universes": one(
        success=FLAG, total=INT,
        universes=many(one(type=TEXT, key=TEXT, universe_key=TEXT, name=TEXT,
                           symbol_count=maybe(INT), updated_at=maybe(TIME))),
    ),
    f"{H}/trigger-universe-load": OLD_JOB,
    f"{H}/jobs/status": one(success=FLAG, jobs=many(OLD_JOB), active=INT, total=INT),
    f"{H}/job/{{id}}/status": OLD_JOB,
    f"{H}/job/{{id}}/cancel": OLD_JOB,
    f"{H}/rebuild-cache": GONE,
}  # fmt: skip
"""By path, or by method and path where they differ."""
FILES: dict[str, tuple[str, ...]] = {
    "/api/universes/{ref}/export": (
        "text/csv", "application/json", "application/toml", "text/plain",
        "application/vnd.apache.parquet",
    ),
    "/metrics": ("text/plain",),
}  # fmt: skip
"""What is answered in another form than an object of JSON."""
EXAMPLES: dict[str, Any] = {
    "universe": "etf_universe:core_etfs",
    "expression": "etf_universe:sector_* | {SPY, QQQ}",
    "ref": "etf_universe:core_etfs",
    "id": "3f2a9c1e",
    "name": "nightly",
    "first": "stock_universe:index_dow30 @ 2020-01-02",
    "second": "stock_universe:index_dow30",
    "symbol": "SPY",
    "symbols": ["SPY", "QQQ"],
    "for": "1mo",
    "from": "2024-01-02",
    "to": "2024-06-28",
    "as_of": "2020-01-02",
    "known_at": "2024-06-28T18:30:00-04:00",
    "before": "2024-06-28T18:30:00-04:00",
    "state": "running",
    "q": "core",
    "by": "ann",
    "who": "ann",
    "at": "18:30",
    "why": "asked for by the services",
    "title": "Core ETFs",
    "universe_key": "etf_universe:core_etfs",
    "years": 0.25,
    "timeframes": ["day"],
    "timeframe": "day",
    "content": "U1BZClFRUQo=",
    "role": "operator",
    "do": "add",
    "digest": "5f0c27f3a1be",
    "skip": 50,
    "sort": "calls",
    "csv": "mine.csv",
    "csv_file": "mine.csv",
    "job_id": "my-load-17",
}
"""What fields are filled with in examples, by their names."""
