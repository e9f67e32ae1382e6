"""Who may sign in: added, given a role or another password, and removed."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput, TickStockError
from tickstock.service.access import Role
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of
from tickstock.web.system import page
from tickstock.web.system_forms import ScheduleForm, Typed


def set_role(ctx: RequestContext) -> Response:
    """Give a user another role."""
    try:
        _set(ctx)
    except TickStockError as e:
        return page(ctx, Typed(ScheduleForm(), error=e, about="user"))
    return ctx.go("/system#users")


def add(ctx: RequestContext) -> Response:
    """Let somebody sign in with a password."""
    name, role = ctx.field("user").strip(), ctx.field("role")
    try:
        given = one_of(Role, role, "a role")
        ctx.services.access.add_user(name, ctx.field("password"), given)
    except TickStockError as e:
        return page(ctx, Typed(ScheduleForm(), name, role, e, "user"))
    ctx.note("user added", f"{name} ({role})")
    return ctx.go("/system#users")


def set_password(ctx: RequestContext) -> Response:
    """Give a user another password, and end all sessions of the user."""
    name = ctx.path("name")
    try:
        ctx.services.access.set_password(name, ctx.field("password"))
    except TickStockError as e:
        return page(ctx, Typed(ScheduleForm(), error=e, about="user"))
    ctx.note("password changed", name)
    return ctx.go("/system#users")


def remove(ctx: RequestContext) -> Response:
    """Let a user sign in no more, and end all sessions of the user."""
    name = ctx.path("name")
    try:
        if name == ctx.name:
            raise BadInput("You cannot remove yourself.", "Another admin can.")
        ctx.services.access.remove_user(name)
    except TickStockError as e:
        return page(ctx, Typed(ScheduleForm(), error=e, about="user"))
    ctx.note("user removed", name)
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
