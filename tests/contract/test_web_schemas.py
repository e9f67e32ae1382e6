"""The OpenAPI document says what is answered: every answer is held against its schema."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.web_kit import Answer, Client, Running, organized, running, settings_for, until
from tickstock.service.access import Role

CORE = "etf_universe:core_etfs"
MINE = "stock_universe:theme_schema"
H = "/admin/historical-data"
KINDS: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
    "boolean": bool, "null": type(None),
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Where a value is not what a schema says, of the words that our schemas use."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, KINDS[k]) and (k == "boolean" or not isinstance(value, bool))
        for k in kinds
    ):
        yield f"{at}: {value!r:.60} is not {kinds}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r:.60} is none of {schema['enum']}"
    if "anyOf" in schema and all(any(faults(value, s, at)) for s in schema["anyOf"]):
        yield f"{at}: fits none of {schema['anyOf']}"
    if isinstance(value, dict):
        yield from (f"{at}: lacks {n}" for n in schema.get("required", []) if n not in value)
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, part in value.items():
            if name in known:
                yield from faults(part, known[name], f"{at}.{name}")
            elif rest is False:
                yield f"{at}: {name} is in no schema"
            elif isinstance(rest, dict):
                yield from faults(part, rest, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], f"{at}[{number}]")


@pytest.fixture(scope="module")
def page(cluster: Cluster, template: str, home: Path) -> Iterator[Running]:
    with (
        organized(cluster, template, home) as database,
        running(database, settings_for(home), worker=True) as found,
    ):
        yield found


class Walk:
    """Asks, and holds each answer against what the document says of it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.paths: dict[str, Any] = client.get("/api/openapi.json").json["paths"]
        self.seen: set[tuple[str, str]] = set()

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        answer = self.client.ask(method, path, body=body)
        bare = path.partition("?")[0]
        fits = [p for p in self.paths if re.fullmatch(re.sub(r"{\w+}", "[^/]+", p), bare)]
        said = min(fits, key=lambda p: p.count("{"))
        operation = self.paths[said][method.lower()]
        assert str(answer.status) in operation["responses"], (path, answer.status, answer.text)
        content = operation["responses"][str(answer.status)]["content"]
        kind = answer.headers.get_content_type()
        assert kind in content, (path, kind)
        if kind == "application/json":
            schema = content[kind]["schema"]
            schema = ERROR if "$ref" in schema else schema
            assert list(faults(answer.json, schema)) == [], path
        self.seen.add((method, said))
        return answer


ERROR = {"type": "object", "required": ["error", "message", "what", "hint"]}


def test_every_answer_is_as_the_document_says(page: Running) -> None:
    walk = Walk(page.client(Role.ADMIN))
    ask = walk.ask
    for path in (
        "/api/universes", f"/api/universes/{CORE}", f"/api/universes/{CORE}/blame",
        f"/api/universes/{CORE}/export?form=csv", "/api/findings", "/api/organize",
        f"/api/members?expression={CORE}&as_of=2026-01-02", "/api/csv-files", "/api/system",
        f"/api/diff?first={CORE}&second=etf_universe:index_broad_market", "/api/openapi.json",
        "/api/users", f"{H}/universes", f"{H}/rebuild-cache", "/metrics",
    ):  # fmt: skip
        ask("GET", path)
    change = {"do": "list", "symbols": ["IBM", "AAPL"]}
    digest = ask("POST", f"/api/universes/{MINE}/edit", change).json["digest"]
    ask("POST", f"/api/universes/{MINE}/edit", change | {"digest": digest})
    content = base64.b64encode(b"symbol\nSPY\nQQQ\n???\n").decode()
    ask("POST", f"/api/universes/{MINE}/import", {"content": content})
    ask("GET", f"/api/universes/{MINE}/history")
    ask("POST", "/api/organize", {"digest": ask("GET", "/api/organize").json["digest"]})
    ask("POST", "/api/plan", {"universe": CORE, "for": "1mo", "timeframes": ["day", "hour"]})
    made = ask("POST", "/api/loads", {"symbols": ["SPY", "AAPL"], "for": "1w"}).json
    for what in ("pause", "resume", "cancel", "retry"):
        ask("POST", f"/api/loads/{made['id']}/{what}", {})
    again = ask("POST", f"/api/loads/{made['id']}/clone", {}).json["id"]
    until(lambda: ask("GET", f"/api/loads/{again}").json["finished_at"])
    ask("GET", "/api/loads?sort=calls")
    ask("GET", "/api/coverage?universe=%7BSPY,AAPL%7D&for=1mo")
    ask("POST", "/api/receipts", {"universe": "{SPY, AAPL}", "for": "1mo", "why": "asked"})
    for receipt in ask("GET", "/api/receipts").json["receipts"]:
        ask("POST", f"/api/receipts/{receipt['id']}/revoke", {})
    ask("GET", "/api/bars?symbol=SPY&for=1mo")
    ask("GET", "/api/bars?symbol=SPY&timeframe=hour&for=1w")
    ask("POST", "/api/schedules", {"name": "x", "universe": CORE, "at": "01:00"})
    ask("POST", "/api/schedules/x/run", {})
    ask("GET", "/api/schedules")
    ask("POST", "/api/schedules/x/remove", {})
    ask("POST", "/api/users/viewer/role", {"role": "viewer"})
    ask("GET", "/api/audit")
    old = ask("POST", f"{H}/trigger-universe-load", {"universe_key": CORE, "duration": "1d"}).json
    ask("GET", f"{H}/jobs/status")
    ask("GET", f"{H}/job/{old['job_id']}/status")
    ask("POST", f"{H}/job/{old['job_id']}/cancel", {})
    ask("POST", f"{H}/rebuild-cache", {})
    told = {(m.upper(), p) for p, methods in walk.paths.items() for m in methods}
    assert told == walk.seen
    # What is refused is told as the document says too.
    for path in ("/api/loads/none", "/api/members?expression=%7B", "/api/diff"):
        assert ask("GET", path).status in (404, 422)
    assert page.anonymous().get("/api/loads").status == 401


def test_parameters_are_marked_and_have_examples(page: Running) -> None:
    paths = page.client(Role.VIEWER).get("/api/openapi.json").json["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            for parameter in operation["parameters"]:
                assert isinstance(parameter["required"], bool)
                if parameter["required"] or parameter["schema"].get("type") == "string":
                    assert "example" in parameter, (path, parameter["name"])
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body:
                assert body["example"], (method, path)
                assert list(faults(body["example"], body["schema"])) == []
