"""The outermost layer: what every request must be, and what every answer carries.

Pure ASGI, so that it also holds for files, streams and answers of the framework itself.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tickstock.web.context import AnswerKind, answer_kind
from tickstock.web.site import Site

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
YEAR = 31_536_000


class SameOrigin:
    """Refuses foreign names and requests that other sites make; adds the headers."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, self._with_headers(send))

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        origins = ", ".join(sorted(self._site.origins))
        # A probe asks by address, and learns nothing but "ok".
        if headers.get("host", "").lower() not in self._site.hosts and scope["path"] != "/healthz":
            return _say(headers, scope, 421, f"This page answers under {origins} only.")
        if scope["method"] not in SAFE_METHODS and not self._same_origin(headers):
            said = (
                "Refused: the request does not come from this page. A program says where it means "
                f"to write by the header `Origin: {min(self._site.origins)}`."
            )
            return _say(headers, scope, 403, said)
        return None

    def _same_origin(self, headers: Headers) -> bool:
        """Browsers say by Sec-Fetch-Site who asks; the older ones, and programs, by Origin."""
        fetch_site = headers.get("sec-fetch-site")
        if fetch_site is not None:
            return fetch_site in ("same-origin", "none")
        return headers.get("origin", "") in self._site.origins

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                if self._site.secure:
                    headers["strict-transport-security"] = f"max-age={YEAR}"
            await send(message)

        return sending


def _say(headers: Headers, scope: Scope, status: int, what: str) -> ASGIApp:
    """In plain text; in JSON to programs."""
    if answer_kind(scope["path"], headers) is AnswerKind.JSON:
        body = {"error": "Refused", "what": what, "hint": "", "message": what}
        return JSONResponse(body, status)
    return PlainTextResponse(f"{what}\n", status)
