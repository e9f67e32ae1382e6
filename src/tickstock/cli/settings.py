"""`tickstock config show`."""

from __future__ import annotations

from pydantic import SecretStr

from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import settings_of
from tickstock.config import VARIABLES, Settings
from tickstock.logs import MASK


def show(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """All settings as they are now; secrets are masked."""
    settings = settings_of(common)
    names = {field: name for name, field in VARIABLES.items()}
    values = {f: _text(getattr(settings, f)) for f in Settings.model_fields}
    if common.json:
        print_json("config show", {names[f]: v for f, v in values.items()})
        return 0
    out = console()
    for field, info in Settings.model_fields.items():
        out.print(f"{names[field]:<30} {values[field] or '-':<30} [dim]{info.description}[/]")
    return 0


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return MASK
    return "" if value is None else str(value)
