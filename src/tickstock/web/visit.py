"""One request, as handlers see it, and how it gets to them: read, signed in, allowed.

Handlers are plain functions that run in a thread, because the service waits for the database.
"""

from __future__ import annotations

import enum
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tickstock.errors import BadInput, TickStockError
from tickstock.service import TickStock
from tickstock.service.access import Access, Role, Visitor
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.web import answers
from tickstock.web.live import Live
from tickstock.web.render import render
from tickstock.web.site import Site

log = logging.getLogger("tickstock.web")
MOST_FIELDS = 200
LARGEST_FIELD = 65_536
UNREADABLE = re.compile("[\0\ud800-\udfff]")
NOT_TYPED = ("digest", "kept", "file_name", "password")
"""Fields of forms that nobody types, or that may stand in no address."""


class Kind(enum.StrEnum):
    """What a route answers: a whole page, a part of one, or JSON (also a stream of events)."""

    PAGE = "page"
    PART = "part"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Desk:
    """What every handler may use."""

    tick: TickStock
    access: Access
    site: Site
    live: Live


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: the address, the fields of a form or a JSON body, and who asks."""

    desk: Desk
    request: Request
    kind: Kind
    fields: FormData
    body: Mapping[str, Any]
    who: Visitor | None = None

    @property
    def tick(self) -> TickStock:
        return self.desk.tick

    @property
    def address(self) -> str:
        """Path and query."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    @property
    def client(self) -> str:
        return self.request.client.host if self.request.client else ""

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, otherwise: str = "") -> str:
        return self.request.query_params.get(name, otherwise)

    def field(self, name: str, otherwise: str = "") -> str:
        """A field of the form or of the JSON body, as text."""
        value = self.body.get(name) if self.body else self.fields.get(name)
        return otherwise if value is None else str(value)

    @property
    def name(self) -> str:
        """Of the one who asks."""
        return self.who.name if self.who else ""

    def may(self, role: str) -> bool:
        """Whether the one who asks has the role, or a higher one."""
        return self.who is not None and self.who.role.covers(Role(role))

    def note(self, action: str, subject: str = "") -> None:
        """Keep in the audit log that the one who asks did this."""
        self.desk.access.note(self.name, action, subject)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        return HTMLResponse(render(template, visit=self, **context), status)

    def go(self, address: str) -> Response:
        """Look there next, with GET."""
        return RedirectResponse(address, 303)


Handler = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Rule:
    """One route, and who may use it: `role` None is everybody, also without signing in.

    `form_at` is the page on which the fields of this route's form are typed; there they are shown
    again when the session ended in between. With `token`, programs that cannot sign in may show
    the metrics token of the settings instead, as a bearer token.

    `largest` is how many bytes a request may have, where that is not the usual; its form may carry
    a file. `body` is the JSON schema of what programs send; where it allows no additional
    properties, a field of another name is refused.
    """

    method: str
    path: str
    handler: Handler
    role: Role | None
    kind: Kind = Kind.PAGE
    form_at: str = ""
    token: bool = False
    largest: int | None = None
    body: Mapping[str, Any] | None = None


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


def local(address: str) -> str:
    """The address if it is a path of this page, else the start."""
    parts = urlsplit(address)
    foreign = parts.scheme or parts.netloc or not address.startswith("/")
    return "/" if foreign or address[1:2] in ("/", "\\") else address
