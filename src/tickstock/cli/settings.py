"""`tickstock config show`."""

from __future__ import annotations

from pydantic import SecretStr

from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import settings_of
from tickstock.config import known_settings, sources
from tickstock.logs import MASK


def show(*, common: Common = Common()) -> int:
    """Show all settings, and where each comes from.

    Secrets are masked.
    """
    settings = settings_of(common)
    known = known_settings(settings.vendor)
    values = {one.name: _plain(one.value(settings)) for one in known}
    origins = sources(home=common.home)
    if common.json:
        found = {k.variable: {"value": values[k.name], "source": origins[k.name]} for k in known}
        print_json("config show", found)
        return 0
    out = console()
    for one in known:
        value, origin = values[one.name], origins[one.name]
        shown = "-" if value is None else str(value)
        out.print(f"{one.variable:<30} {shown:<30} {origin:<12} [dim]{one.description}[/]")
    return 0


def _plain(value: object) -> object:
    """Numbers as numbers, nothing as nothing, the rest as text."""
    if isinstance(value, SecretStr):
        return MASK
    return value if value is None or isinstance(value, int | float) else str(value)
