"""Signing in by password or one-time link, and signing out."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.errors import SignInRefused
from tickstock.service.access import LONGEST
from tickstock.web.answers import FOR_EVERYBODY, status_of
from tickstock.web.context import AnswerKind, RequestContext, local


def show(ctx: RequestContext) -> Response:
    """The form."""
    back = local(ctx.query("next", "/"))
    if ctx.who is not None:
        return ctx.go(back)
    return ctx.page("sign_in.html", back=back, error=None, name="")


def enter(ctx: RequestContext) -> Response:
    """Name and password become a session. A program sends them as JSON and keeps the cookie."""
    name, back = ctx.field("name"), local(ctx.field("next", "/"))
    try:
        token = ctx.services.access.sign_in(name, ctx.field("password"), ctx.client)
    except FOR_EVERYBODY as e:
        if ctx.body:
            raise
        return ctx.page("sign_in.html", status_of(e), back=back, error=e, name=name)
    answer = JSONResponse({"signed_in": True}) if ctx.body else ctx.go(back)
    return _with_cookie(ctx, answer, token)


def follow_link(ctx: RequestContext) -> Response:
    """The address that `tickstock serve` prints signs in once."""
    if ctx.request.method == "HEAD":  # somebody's preview must not use it up
        return Response(status_code=204)
    if not ctx.services.site.links:
        raise SignInRefused("Links are taken on this machine only.", "Sign in with a password.")
    token = ctx.services.access.spend_link(ctx.path("token"))
    return _with_cookie(ctx, ctx.go("/"), token)


def leave(ctx: RequestContext) -> Response:
    """Signs out."""
    site = ctx.services.site
    ctx.services.access.sign_out(ctx.request.cookies.get(site.cookie, ""))
    answer = (
        ctx.go("/sign-in") if ctx.kind is AnswerKind.PAGE else JSONResponse({"signed_in": False})
    )
    answer.delete_cookie(site.cookie, secure=site.secure, httponly=True, samesite="lax")
    return answer


def _with_cookie(ctx: RequestContext, answer: Response, token: str) -> Response:
    site = ctx.services.site
    answer.set_cookie(
        site.cookie,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=site.secure,
    )
    return answer
