"""Who may sign in: roles are changed here; people are added and removed on the command line."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from tickstock.service.access import Role
from tickstock.web.fields import one_of
from tickstock.web.visit import Visit


def set_role(visit: Visit) -> Response:
    """Give a user another role."""
    _set(visit)
    return visit.go("/system#users")


def users(visit: Visit) -> Response:
    """Everybody who may sign in with a password."""
    found = visit.desk.access.users()
    rows = [{"name": u.name, "role": u.role, "since": u.created_at.isoformat()} for u in found]
    return JSONResponse({"users": rows})


def give_role(visit: Visit) -> Response:
    """Give a user another role; answers all users."""
    _set(visit)
    return users(visit)


def _set(visit: Visit) -> None:
    name, role = visit.path("name"), one_of(Role, visit.field("role"), "a role")
    visit.desk.access.set_role(name, role)
    visit.note("role changed", f"{name} ({role})")
