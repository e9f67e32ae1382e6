"""Who may sign in: roles are changed here; people are added and removed on the command line."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.service.access import Role
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of


def set_role(ctx: RequestContext) -> Response:
    """Give a user another role."""
    _set(ctx)
    return ctx.go("/system#users")


def users(ctx: RequestContext) -> Response:
    """Everybody who may sign in with a password."""
    found = ctx.services.access.users()
    rows = [{"name": u.name, "role": u.role, "since": u.created_at.isoformat()} for u in found]
    return JSONResponse({"users": rows})


def give_role(ctx: RequestContext) -> Response:
    """Give a user another role; answers all users."""
    _set(ctx)
    return users(ctx)


def _set(ctx: RequestContext) -> None:
    name, role = ctx.path("name"), one_of(Role, ctx.field("role"), "a role")
    ctx.services.access.set_role(name, role)
    ctx.note("role changed", f"{name} ({role})")
