"""How a request gets to its handler: read, signed in, allowed; and what errors become.

Handlers are plain functions that run in a thread, because the service waits for the database.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tickstock.errors import BadInput, TickStockError
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.web import answers
from tickstock.web.visit import Desk, Kind, Rule, Visit, local

log = logging.getLogger("tickstock.web")
MOST_FIELDS = 200
LARGEST_FIELD = 65_536
UNREADABLE = re.compile("[\0\ud800-\udfff]")
NOT_TYPED = ("digest", "kept", "file_name", "password")
"""Fields of forms that nobody types, or that may stand in no address."""


def endpoint(rule: Rule) -> Callable[[Request], Any]:
    """What the router calls for a rule."""

    async def answer(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        visit = Visit(desk, request, rule.kind, FormData(), {})
        try:
            visit = await _with_body(rule, visit)
            refuse_unreadable(visit)
        except TickStockError as e:
            return answers.of_error(visit, e)
        except ClientDisconnect:
            return Response(status_code=408)  # nobody reads it
        return await run_in_threadpool(_answer, rule, visit)

    return answer


def _answer(rule: Rule, visit: Visit) -> Response:
    try:
        visit = _with_visitor(visit)
        if rule.role is not None and not (rule.token and _shows_token(visit)):
            if visit.who is None:
                return answers.sign_in_first(visit, _back(rule, visit))
            if not visit.may(rule.role):
                return answers.not_allowed(visit, rule.role)
        return rule.handler(visit)
    except TickStockError as e:
        log.info("%s %s: %s", rule.method, visit.request.url.path, e)
        return answers.of_error(visit, e)
    except Exception:
        log.exception("%s %s failed", rule.method, visit.request.url.path)
        return answers.of_fault(visit)


def _shows_token(visit: Visit) -> bool:
    wanted = visit.tick.settings.metrics_token
    kind, _, shown = visit.request.headers.get("authorization", "").partition(" ")
    if wanted is None or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(shown.strip().encode(), wanted.get_secret_value().encode())


def _with_visitor(visit: Visit) -> Visit:
    token = visit.request.cookies.get(visit.desk.site.cookie)
    who = visit.desk.access.visitor(token) if token else None
    return Visit(visit.desk, visit.request, visit.kind, visit.fields, visit.body, who)


async def _with_body(rule: Rule, visit: Visit) -> Visit:
    request = visit.request
    if request.method in ("GET", "HEAD"):
        return visit
    if request.headers.get("content-type", "").startswith("application/json"):
        body = _object(await request.body())
        if rule.body is not None and rule.body.get("additionalProperties") is False:
            _refuse_strangers(body, rule.body["properties"])
        return Visit(visit.desk, request, visit.kind, visit.fields, body)
    fields = await request.form(
        max_files=int(rule.largest is not None),
        max_fields=MOST_FIELDS,
        max_part_size=rule.largest or LARGEST_FIELD,
    )
    return Visit(visit.desk, request, visit.kind, fields, {})


def refuse_unreadable(visit: Visit) -> None:
    """Raises BadInput for text that no database keeps: the character NUL, and half of a pair of
    surrogates, which JSON can say and UTF-8 cannot."""
    request = visit.request
    given: list[tuple[str, Any]] = [
        *request.path_params.items(),
        *request.query_params.multi_items(),
        *visit.fields.multi_items(),
        *visit.body.items(),
    ]
    for name, value in given:
        if _is_unreadable(name) or _is_unreadable(value):
            raise BadInput(
                f"{shown(name)} holds a character that is no text (NUL, or half a pair).",
                "Send text without it.",
            )


def _is_unreadable(value: object) -> bool:
    if isinstance(value, str):
        return UNREADABLE.search(value) is not None
    if isinstance(value, Mapping):
        return any(_is_unreadable(one) for pair in value.items() for one in pair)
    return isinstance(value, list) and any(map(_is_unreadable, value))


def _refuse_strangers(body: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    strangers = [name for name in body if name not in known]
    if strangers:
        names = ", ".join(shown(name) for name in strangers[:10])
        hint = did_you_mean(strangers[0], known) or f"There are: {', '.join(known)}."
        raise BadInput(f"The body has a field that means nothing here: {names}.", hint)


def _object(data: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(data or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadInput("The body is not JSON.", "Send one JSON object.") from None
    if not isinstance(body, dict):
        raise BadInput(f"The body is a JSON {type(body).__name__}.", "Send one JSON object.")
    return body


def _back(rule: Rule, visit: Visit) -> str:
    """Where to go after signing in: the same page, or the one that shows the typed form again."""
    if rule.kind is Kind.PART:
        return local(urlsplit(visit.request.headers.get("hx-current-url", "")).path)
    if rule.method == "GET":
        return visit.address
    typed = [
        (k, v) for k, v in visit.fields.multi_items() if isinstance(v, str) and k not in NOT_TYPED
    ]
    return f"{rule.form_at or '/'}?{urlencode(typed)}" if typed else rule.form_at or "/"
