"""`tickstock user ...`: who may sign in to the page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick
from tickstock.errors import BadInput

if TYPE_CHECKING:
    from tickstock.service.access import Access

Name = Annotated[str, Parameter(help="Name of the user.")]


def add(
    name: Name,
    *,
    role: Annotated[
        Literal["viewer", "operator", "admin"],
        Parameter(help="viewer looks, operator also loads, admin also changes universes."),
    ] = "viewer",
    common: Common = Common(),
) -> int:
    """Let somebody sign in.

    The password is asked for, or read from the first line of stdin.
    """
    from tickstock.service.access import Role

    password = _password(name)
    with _access(common) as access:
        access.add_user(name, password, Role(role))
        access.note("cli", "user added", f"{name} ({role})")
    talk(f"{name} may sign in as {role}.")
    return 0


def list_(*, common: Common = Common()) -> int:
    """List everybody who may sign in with a password."""
    with _access(common) as access:
        found = access.users()
    if common.json:
        rows = [{"name": u.name, "role": u.role, "since": u.created_at.isoformat()} for u in found]
        print_json("user list", rows)
        return 0
    if not found:
        talk("No user yet. Make one: tickstock user add NAME --role admin")
    for u in found:
        console().print(f"{u.name:<24} {u.role:<9} since {u.created_at:%Y-%m-%d}", markup=False)
    return 0


def remove(name: Name, *, common: Common = Common()) -> int:
    """Remove a user.

    Signs the user out everywhere.
    """
    with _access(common) as access:
        access.remove_user(name)
        access.note("cli", "user removed", name)
    talk(f"{name} was removed.")
    return 0


def passwd(name: Name, *, common: Common = Common()) -> int:
    """Change a user's password.

    Signs the user out everywhere.
    """
    password = _password(name)
    with _access(common) as access:
        access.set_password(name, password)
        access.note("cli", "password changed", name)
    talk(f"The password of {name} was changed.")
    return 0


def link(
    *,
    address: Annotated[
        str, Parameter(help="Where the page is served on this machine.")
    ] = "http://127.0.0.1:8177",
    common: Common = Common(),
) -> int:
    """Print an address that signs in once, as admin, at this machine."""
    with _access(common) as access:
        token = access.make_link()
        access.note("cli", "link made")
    found = f"{address.rstrip('/')}/sign-in/link/{token}"
    if common.json:
        print_json("user link", {"address": found})
    else:
        print(found)
    return 0


def _password(name: str) -> str:
    """Never an argument: those can be read by every process of the machine."""
    from tickstock.extras import require

    require("argon2")  # before anybody types one
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    first = getpass(f"Password for {name}: ")
    if getpass("The same again: ") != first:
        raise BadInput("The two passwords differ.", "Try again.")
    return first


@contextmanager
def _access(common: Common) -> Iterator[Access]:
    """The service's users, on the database of the settings."""
    from tickstock.service.access import Access

    with open_tick(common) as tick:
        yield Access(tick.database)
