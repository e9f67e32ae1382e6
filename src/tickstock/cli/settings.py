"""`tickstock config show`."""

from __future__ import annotations

from pydantic import SecretStr

from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import settings_of
from tickstock.config import VARIABLES, Settings, sources
from tickstock.logs import MASK


def show(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """All settings as they are now, and where each comes from; secrets are masked."""
    settings = settings_of(common)
    names = {field: name for name, field in VARIABLES.items()}
    values = {f: _plain(getattr(settings, f)) for f in Settings.model_fields}
    origins = sources(home=common.home)
    if common.json:
        found = {f: {"value": values[f], "source": origins[f]} for f in values}
        print_json("config show", {names[f]: v for f, v in found.items()})
        return 0
    out = console()
    for field, info in Settings.model_fields.items():
        value = "-" if values[field] is None else str(values[field])
        out.print(f"{names[field]:<30} {value:<30} {origins[field]:<12} [dim]{info.description}[/]")
    return 0


def _plain(value: object) -> object:
    """Numbers as numbers, nothing as nothing, the rest as text."""
    if isinstance(value, SecretStr):
        return MASK
    return value if value is None or isinstance(value, int | float) else str(value)
