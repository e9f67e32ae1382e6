"""Signing in by password or one-time link, and signing out."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.errors import SignInRefused
from tickstock.service.access import LONGEST
from tickstock.web.answers import FOR_EVERYBODY, status_of
from tickstock.web.visit import Kind, Visit, local


def show(visit: Visit) -> Response:
    """The form."""
    back = local(visit.query("next", "/"))
    if visit.who is not None:
        return visit.go(back)
    return visit.page("sign_in.html", back=back, error=None, name="")


def enter(visit: Visit) -> Response:
    """Name and password become a session. A program sends them as JSON and keeps the cookie."""
    name, back = visit.field("name"), local(visit.field("next", "/"))
    try:
        token = visit.desk.access.sign_in(name, visit.field("password"), visit.client)
    except FOR_EVERYBODY as e:
        if visit.body:
            raise
        return visit.page("sign_in.html", status_of(e), back=back, error=e, name=name)
    answer = JSONResponse({"signed_in": True}) if visit.body else visit.go(back)
    return _with_cookie(visit, answer, token)


def follow_link(visit: Visit) -> Response:
    """The address that `tickstock serve` prints signs in once."""
    if visit.request.method == "HEAD":  # somebody's preview must not use it up
        return Response(status_code=204)
    if not visit.desk.site.links:
        raise SignInRefused("Links are taken on this machine only.", "Sign in with a password.")
    token = visit.desk.access.spend_link(visit.path("token"))
    return _with_cookie(visit, visit.go("/"), token)


def leave(visit: Visit) -> Response:
    """Signs out."""
    site = visit.desk.site
    visit.desk.access.sign_out(visit.request.cookies.get(site.cookie, ""))
    answer = visit.go("/sign-in") if visit.kind is Kind.PAGE else JSONResponse({"signed_in": False})
    answer.delete_cookie(site.cookie, secure=site.secure, httponly=True, samesite="lax")
    return answer


def _with_cookie(visit: Visit, answer: Response, token: str) -> Response:
    site = visit.desk.site
    answer.set_cookie(
        site.cookie,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=site.secure,
    )
    return answer
