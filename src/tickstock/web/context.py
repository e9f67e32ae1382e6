"""One request, as handlers see it, and the rule of a route. How it gets there: `dispatch.py`."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import FormData, Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tickstock.service import TickStock
from tickstock.service.access import Access, Role, Visitor
from tickstock.web.live import Live
from tickstock.web.look_limit import LookLimit
from tickstock.web.render import render
from tickstock.web.site import Site
from tickstock.web.universe_rows import Shelf

NOT_TYPED = ("digest", "kept", "file_name", "password", "next")
"""Fields of forms that nobody types, or that may stand in no address."""


class AnswerKind(enum.StrEnum):
    """What a route answers: a whole page, a part of one, or JSON (also a stream of events)."""

    PAGE = "page"
    PART = "part"
    JSON = "json"


def answer_kind(path: str, headers: Headers, otherwise: AnswerKind = AnswerKind.PAGE) -> AnswerKind:
    """What errors are told in: JSON to programs, which ask below `/api`, send JSON, or take JSON
    and no pages; `otherwise` to all others."""
    accepts = headers.get("accept", "")
    sends_json = headers.get("content-type", "").startswith("application/json")
    is_program = (sends_json or "application/json" in accepts) and "html" not in accepts
    return AnswerKind.JSON if is_program or path.startswith("/api/") else otherwise


@dataclass(frozen=True, slots=True)
class PageServices:
    """What every handler may use."""

    tick: TickStock
    access: Access
    site: Site
    live: Live
    shelf: Shelf
    looks: LookLimit = field(default_factory=LookLimit)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: the address, the fields of a form or a JSON body, and who asks; `form_at` is
    the page of the form."""

    services: PageServices
    request: Request
    kind: AnswerKind
    fields: FormData
    body: Mapping[str, Any]
    who: Visitor | None = None
    form_at: str = ""

    @property
    def tick(self) -> TickStock:
        return self.services.tick

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

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What somebody typed into a form."""
        return [
            (name, value)
            for name, value in self.fields.multi_items()
            if isinstance(value, str) and name not in NOT_TYPED and value
        ]

    @property
    def typed_at(self) -> str:
        """The page that shows what was typed again; empty for what comes from no form."""
        typed = self.typed
        return f"{self.form_at}?{urlencode(typed)}" if self.form_at and typed else self.form_at

    def has_role(self, role: str) -> bool:
        """Whether the one who asks has the role, or a higher one."""
        return self.who is not None and self.who.role.covers(Role(role))

    def note(self, action: str, subject: str = "") -> None:
        """Keep in the audit log that the one who asks did this."""
        self.services.access.note(self.name, action, subject)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        return HTMLResponse(render(template, ctx=self, **context), status)

    def go(self, address: str) -> Response:
        """Look there next, with GET."""
        return RedirectResponse(address, 303)


Handler = Callable[[RequestContext], Response]


@dataclass(frozen=True, slots=True)
class Route:
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
    kind: AnswerKind = AnswerKind.PAGE
    form_at: str = ""
    token: bool = False
    largest: int | None = None
    body: Mapping[str, Any] | None = None


def local(address: str) -> str:
    """The address if it is a path of this page, else the start."""
    parts = urlsplit(address)
    foreign = parts.scheme or parts.netloc or not address.startswith("/")
    return "/" if foreign or address[1:2] in ("/", "\\") else address
