"""The OpenAPI document, made from the table of routes. What the table does not say, query fields
and bodies, is said here; a test holds both together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import tickstock
from tickstock.model import JobState
from tickstock.store.jobs import Order
from tickstock.web.audit import MOST_EXPORTED
from tickstock.web.bodies import DATE, MODE, TEXT
from tickstock.web.context import AnswerKind, Route
from tickstock.web.replies import EXAMPLES, FILES, REPLIES

TIMEFRAME: dict[str, Any] = {"enum": ["day", "hour", "1min"]}
MOMENT = TEXT | {"format": "date-time"}
CREATED = {
    "/api/loads",
    "/api/loads/{id}/clone",
    "/api/receipts",
    "/api/schedules",
    "/api/schedules/{name}/run",
}
"""What answers 201."""
NEEDED = {"/api/members": {"expression"}, "/api/diff": {"first", "second"}, "/api/bars": {"symbol"},
          "/api/coverage": {"universe"}}  # fmt: skip
"""Query fields without which nothing is answered."""
QUERIES: dict[str, dict[str, Any]] = {
    "/api/members": {"expression": TEXT, "as_of": DATE, "known_at": MOMENT},
    "/api/diff": {"first": TEXT, "second": TEXT},
    "/api/universes/{ref}/export": {"form": {"enum": ["csv", "json", "toml", "txt", "parquet"]}},
    "/api/bars": {
        "symbol": TEXT,
        "timeframe": {"enum": ["day", "hour", "1min", "week", "month"]},
        "adjust": {"enum": ["raw", "splits", "total"]},
        "for": TEXT,
        "from": DATE,
        "to": DATE,
    },
    "/api/organize": {"mode": MODE},
    "/api/loads": {
        "state": {"enum": list(JobState)},
        "q": TEXT | {"description": "in title, requester or the name of the universe"},
        "by": TEXT | {"description": "who asked for it"},
        "timeframe": TIMEFRAME,
        "sort": {"enum": list(Order)},
        "skip": {"type": "integer", "minimum": 0},
        "before": MOMENT,
    },
    "/api/audit": {
        "who": TEXT,
        "q": TEXT | {"description": "in what was done, or to what"},
        "from": DATE,
        "to": DATE,
        "limit": {"type": "integer", "minimum": 1, "maximum": MOST_EXPORTED},
        "skip": {"type": "integer", "minimum": 0},
    },
    "/api/receipts": {"skip": {"type": "integer", "minimum": 0}},
    "/api/coverage": {
        "universe": TEXT,
        "timeframe": TIMEFRAME,
        "for": TEXT,
        "from": DATE,
        "to": DATE,
    },
}
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {"error": TEXT, "what": TEXT, "hint": TEXT, "message": TEXT},
}
REASONS = {
    "401": "nobody is signed in",
    "403": "the role is too low, or the request comes from elsewhere",
    "404": "no such universe, load or receipt",
    "405": "the address does not take that method; the header `Allow` says which it takes",
    "409": "the state has moved since, or somebody else was first",
    "422": "the input cannot be what it should be",
    "503": "the database does not answer",
}
ABOUT = """Sign in with `POST /sign-in` (`{"name": ..., "password": ...}`) and keep the cookie.
Requests that write carry `Origin` with the address of this page."""


def document(rules: Iterable[Route]) -> dict[str, Any]:
    """The document about these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules:
        if documented(rule):
            paths.setdefault(rule.path, {})[rule.method.lower()] = _operation(rule)
    return {
        "openapi": "3.1.0",
        "info": {"title": "TickStock", "version": tickstock.__version__, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "tickstock"},
            },
        },
        "security": [{"session": []}],
    }


def documented(rule: Route) -> bool:
    """Routes for programs: JSON, and not the stream that only the page reads."""
    return rule.kind is AnswerKind.JSON and rule.role is not None and rule.path != "/live"


def _operation(rule: Route) -> dict[str, Any]:
    text = (rule.handler.__doc__ or "").strip()
    success = "410" if rule.path.endswith("/rebuild-cache") else "200"
    if rule.method == "POST" and rule.path in CREATED:
        success = "201"
    reasons = {status: _failure(reason) for status, reason in REASONS.items()}
    operation: dict[str, Any] = {
        "summary": text,
        "operationId": f"{rule.handler.__module__.rpartition('.')[2]}_{rule.handler.__name__}_"
        f"{rule.method.lower()}",
        "description": f"Role: {rule.role}.",
        "parameters": _parameters(rule),
        "responses": {success: {"description": text, "content": _content(rule)}} | reasons,
    }
    if rule.body and rule.body["properties"]:
        names = rule.body.get("required") or list(rule.body["properties"])[:1]
        example = {name: EXAMPLES[name] for name in names if name in EXAMPLES}
        content = {"application/json": {"schema": rule.body, "example": example}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _content(rule: Route) -> dict[str, Any]:
    if rule.path in FILES:
        return {kind: {"schema": TEXT} for kind in FILES[rule.path]}
    return {"application/json": {"schema": reply_of(rule)}}


def reply_of(rule: Route) -> dict[str, Any]:
    """The schema of what is answered where all went well."""
    return REPLIES.get(f"{rule.method} {rule.path}") or REPLIES[rule.path]


def _failure(reason: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": reason, "content": {"application/json": {"schema": schema}}}


def _parameters(rule: Route) -> list[dict[str, Any]]:
    queries = QUERIES.get(rule.path, {}) if rule.method == "GET" else {}
    needed = NEEDED.get(rule.path, set())
    in_path = [_parameter(name, "path", TEXT, True) for name in re.findall(r"{(\w+)}", rule.path)]
    return in_path + [_parameter(n, "query", s, n in needed) for n, s in queries.items()]


def _parameter(name: str, where: str, schema: dict[str, Any], needed: bool) -> dict[str, Any]:
    found = {"name": name, "in": where, "required": needed, "schema": schema}
    return found | ({"example": EXAMPLES[name]} if name in EXAMPLES else {})
