"""Answers that any route may give instead of its own: errors, and "sign in first".

Each comes as the route's kind of answer: a page, a part of one, or JSON. None shows a traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, JSONResponse, Response

from tickstock.errors import (
    BadInput,
    Conflict,
    CredentialsRefused,
    DatabaseRefused,
    DatabaseUnavailable,
    EmptyUniverse,
    GuardRefused,
    MalformedUniverse,
    OutOfResources,
    SignInRefused,
    TickStockError,
    TooManyAttempts,
    Transient,
    UnknownJob,
    UnknownReceipt,
    UnknownUniverse,
)
from tickstock.shortage import shortage
from tickstock.web.context import RequestContext
from tickstock.web.render import render

STATUS: tuple[tuple[type[TickStockError], int], ...] = (
    (UnknownUniverse, 404),
    (UnknownJob, 404),
    (UnknownReceipt, 404),
    (Conflict, 409),
    (GuardRefused, 409),
    (SignInRefused, 401),
    (TooManyAttempts, 429),
    (BadInput, 422),
    (EmptyUniverse, 422),
    (MalformedUniverse, 422),
    (CredentialsRefused, 502),
    (DatabaseRefused, 503),
    (Transient, 503),
)
"""HTTP status by class, the first that fits; 500 for the rest."""


FOR_EVERYBODY = (BadInput, OutOfResources, SignInRefused, TooManyAttempts, UnknownReceipt)
"""What a visitor who is nobody has brought about himself, and what names nothing of ours. Whatever
else happens to him is the database's doing, whose words name its address, user and tables."""
NO_FACTS: Mapping[str, object] = {}
BESIDE = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
"""A part that could not be had leaves what is shown as it is: the note comes on top of the page."""


def status_of(error: TickStockError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def of_error(ctx: RequestContext, error: TickStockError) -> Response:
    """An error as an answer. Who is not signed in, as nobody is while the database is away, does
    not learn where it is or what it says."""
    if ctx.who is None and not isinstance(error, FOR_EVERYBODY):
        error = DatabaseUnavailable("The database is away.", "Try again in a few seconds.")
    status = status_of(error)
    answer = _say(ctx, status, type(error).__name__, error.what, error.hint, error.facts)
    if isinstance(error, TooManyAttempts):
        answer.headers["retry-after"] = f"{error.retry_after:.0f}"
    elif status == 503:
        answer.headers["retry-after"] = "5"
    return answer


def of_fault(ctx: RequestContext, error: Exception) -> Response:
    """What the machine did not give, or a fault of ours, which the log has in full; the reader is
    told so, and nothing of it."""
    if short := shortage(error):
        return of_error(ctx, short)
    return _say(ctx, 500, "InternalError", "An error inside TickStock.", "The log has the details.")


def of_status(ctx: RequestContext, status: int, what: str) -> Response:
    """An answer of the router: no such page, wrong method, body too large."""
    return _say(ctx, status, "Refused", what, "")


def not_allowed(ctx: RequestContext, role: str) -> Response:
    who = ctx.who.role if ctx.who else "nobody"
    return _say(
        ctx, 403, "NotAllowed", f"This needs the role {role}; you are {who}.",
        "Ask an admin for it.",
    )  # fmt: skip


def sign_in_first(ctx: RequestContext, back: str) -> Response:
    """401: JSON for JSON, a note for a part of a page, and the sign-in page for a person."""
    if ctx.kind == "page":
        answer: Response = ctx.page("sign_in.html", 401, back=back, error=None, name="")
    elif ctx.kind == "part":
        link = f"/sign-in?{urlencode({'next': back})}"
        answer = HTMLResponse(render("signed_out.html", link=link), 401, BESIDE)
    else:
        answer = _say(ctx, 401, "SignInNeeded", "Nobody is signed in.", "POST /sign-in first.")
    answer.headers["www-authenticate"] = 'Session realm="tickstock"'
    return answer


def _say(
    ctx: RequestContext,
    status: int,
    kind: str,
    what: str,
    hint: str,
    facts: Mapping[str, object] = NO_FACTS,
) -> Response:
    if ctx.kind == "json":
        body = {"error": kind, "what": what, "hint": hint, "message": f"{what} {hint}".strip()}
        return JSONResponse({**body, **facts}, status)
    if ctx.kind == "part":
        return HTMLResponse(render("note.html", what=what, hint=hint), status, BESIDE)
    context = {"ctx": ctx, "status": status, "what": what, "hint": hint}
    return HTMLResponse(render("error.html", **context), status)
