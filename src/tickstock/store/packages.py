"""Installed packages, found without importing them: some take longer than a whole command."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tickstock.errors import DatabaseRefused


def folder(name: str) -> Path:
    """The folder of an installed package. Raises DatabaseRefused when it is not there."""
    spec = importlib.util.find_spec(name)
    for found in (spec.submodule_search_locations or []) if spec else []:
        return Path(found)
    raise DatabaseRefused(f"The package {name} is not installed.", "Install tickstock again.")
