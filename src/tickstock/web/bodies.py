"""JSON schemas of what programs send. No body may have a field that its schema does not name, but
for those of the older application, whose clients may send more than we know."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
DATE: dict[str, Any] = {"type": "string", "format": "date"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
MODE: dict[str, Any] = {"enum": ["replace", "preserve"]}

LOAD_BODY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "description": "One of universe, csv and symbols; `for`, or `from` with or without `to`.",
    "properties": {
        "universe": TEXT | {"description": "type:key, or an expression over universes"},
        "csv": TEXT | {"description": "bare name of a file in the configured folder"},
        "symbols": TEXTS,
        "for": TEXT | {"description": "1d, 2d, 1w, 1mo, 3mo, 6mo, 1y, 2y, 5y, all"},
        "from": DATE,
        "to": DATE,
        "timeframes": {"type": "array", "items": {"enum": ["day", "hour", "1min"]}},
        "refresh": {"type": "boolean", "description": "ask again for what is held"},
        "digest": TEXT | {"description": "submit exactly the plan with this digest"},
        "job_id": TEXT | {"description": "your own id; the same id is the same job"},
    },
}
OLD_TRIGGER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "universe_key": TEXT,
        "csv_file": TEXT,
        "years": {"type": "number", "exclusiveMinimum": 0, "maximum": 50},
        "duration": TEXT,
        "timeframes": TEXTS,
        "job_id": TEXT,
    },
}


def _body(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


PLAN_DIGEST = TEXT | {"description": "of the plan that was answered: it is done; else only planned"}
ORGANIZE_BODY = _body(
    mode=MODE,
    digest=TEXT,
    allow=TEXTS | {"description": "universes that may lose more than the change guard lets"},
    allow_foreign={"type": "boolean", "description": "as if each row of others were in `allow`"},
    allow_removals={"type": "boolean", "description": "as if all that is removed were in `allow`"},
) | {"required": ["digest"]}
CHANGE_BODY = _body(
    do={
        "enum": [
            "members",
            "add",
            "remove",
            "list",
            "expression",
            "name",
            "rename",
            "delete",
            "revert",
        ]
    },
    symbols=TEXTS,
    leave=TEXTS | {"description": "members to take out while symbols are added"},
    expression=TEXT,
    title=TEXT | {"description": "its name for people"},
    description=TEXT,
    new_ref=TEXT | {"description": "type:key, to rename"},
    revision=TEXT | {"description": "number of a change, to revert to; empty undoes the last one"},
    why=TEXT,
    digest=PLAN_DIGEST,
    allow=TEXTS | {"description": "keys that may lose more than the change guard lets through"},
) | {"required": ["do"]}
IMPORT_BODY = _body(
    name=TEXT | {"description": "of the file, for messages"},
    content=TEXT | {"contentEncoding": "base64"},
    title=TEXT,
    column=TEXT | {"description": "heading or number of the column of symbols"},
    digest=PLAN_DIGEST,
    allow=TEXTS,
) | {"required": ["content"]}
ROLE_BODY = _body(role={"enum": ["viewer", "operator", "admin"]}) | {"required": ["role"]}
SCHEDULE_BODY = _body(
    name=TEXT,
    universe=TEXT,
    at=TEXT | {"description": "New York time, 18:30"},
    after_close={"type": "boolean"},
    timeframes=TEXT | {"description": "any of day,hour,1min"},
    **{"for": TEXT},
) | {"required": ["name", "universe", "at"]}
RECEIPT_BODY = _body(
    universe=TEXT,
    timeframe={"enum": ["day", "hour", "1min"]},
    **{"for": TEXT, "from": DATE, "to": DATE},
    why=TEXT | {"description": "what it is for; kept in the audit log"},
    days={"type": "integer", "minimum": 1, "maximum": 90, "description": "it can be seen for"},
) | {"required": ["universe", "why"]}
EMPTY_BODY = _body()
