"""How a request gets to its handler: read, signed in, allowed; and what errors become.

Handlers are plain functions that run in a thread, because the service waits for the database.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tickstock.errors import BadInput, TickStockError
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.web import answers
from tickstock.web.context import (
    AnswerKind,
    PageServices,
    RequestContext,
    Route,
    answer_kind,
    local,
)

log = logging.getLogger("tickstock.web")
MOST_FIELDS = 200
LARGEST_FIELD = 65_536
UNREADABLE = re.compile("[\0\ud800-\udfff]")


def endpoint(rule: Route) -> Callable[[Request], Any]:
    """What the router calls for a rule."""

    async def answer(request: Request) -> Response:
        services: PageServices = request.app.state.services
        kind = answer_kind(rule.path, request.headers, rule.kind)
        ctx = RequestContext(services, request, kind, FormData(), {}, form_at=rule.form_at)
        try:
            ctx = await _with_body(rule, ctx)
            refuse_unreadable(ctx)
        except TickStockError as e:
            return answers.of_error(ctx, e)
        except ClientDisconnect:
            return Response(status_code=408)  # nobody reads it
        return await run_in_threadpool(_answer, rule, ctx)

    return answer


def _answer(rule: Route, ctx: RequestContext) -> Response:
    try:
        ctx = _with_visitor(ctx)
        if rule.role is not None and not (rule.token and _shows_token(ctx)):
            if ctx.who is None:
                return answers.sign_in_first(ctx, _back(rule, ctx))
            if not ctx.has_role(rule.role):
                return answers.not_allowed(ctx, rule.role)
        return rule.handler(ctx)
    except TickStockError as e:
        log.info("%s %s: %s", rule.method, ctx.request.url.path, e)
        return answers.of_error(ctx, e)
    except Exception as e:
        log.exception("%s %s failed", rule.method, ctx.request.url.path)
        return answers.of_fault(ctx, e)


def _shows_token(ctx: RequestContext) -> bool:
    wanted = ctx.tick.settings.metrics_token
    kind, _, shown = ctx.request.headers.get("authorization", "").partition(" ")
    if wanted is None or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(shown.strip().encode(), wanted.get_secret_value().encode())


def _with_visitor(ctx: RequestContext) -> RequestContext:
    token = ctx.request.cookies.get(ctx.services.site.cookie)
    who = ctx.services.access.visitor(token) if token else None
    return replace(ctx, who=who)


async def _with_body(rule: Route, ctx: RequestContext) -> RequestContext:
    request = ctx.request
    if request.method in ("GET", "HEAD"):
        return ctx
    if request.headers.get("content-type", "").startswith("application/json"):
        body = _object(await request.body())
        if rule.body is not None and rule.body.get("additionalProperties") is False:
            _refuse_strangers(body, rule.body["properties"])
        return replace(ctx, body=body)
    fields = await request.form(
        max_files=int(rule.largest is not None),
        max_fields=MOST_FIELDS,
        max_part_size=rule.largest or LARGEST_FIELD,
    )
    return replace(ctx, fields=fields)


def refuse_unreadable(ctx: RequestContext) -> None:
    """Raises BadInput for text that no database keeps: the character NUL, and half of a pair of
    surrogates, which JSON can say and UTF-8 cannot."""
    request = ctx.request
    given: list[tuple[str, Any]] = [
        *request.path_params.items(),
        *request.query_params.multi_items(),
        *ctx.fields.multi_items(),
        *ctx.body.items(),
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


def _back(rule: Route, ctx: RequestContext) -> str:
    """Where to go after signing in: the same page, or the one that shows the typed form again."""
    if rule.kind is AnswerKind.PART:
        shown = urlsplit(ctx.request.headers.get("hx-current-url", ""))
        return local(f"{shown.path}?{shown.query}" if shown.query else shown.path)
    if rule.method == "GET":
        return ctx.address
    return ctx.typed_at or "/"
