"""Opens a vendor by its name, with the settings of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from tickstock.vendors import BarSource
from tickstock.vendors.registry import find
from tickstock.vendors.spec import Setup


def open_source(
    vendor: str,
    *,
    symbols: Iterable[str] = (),
    clock: Callable[[], datetime] | None = None,
    **settings: Any,
) -> BarSource:
    """The source that TICKSTOCK_VENDOR=`vendor` opens for a job of `symbols`.

    `settings` are the fields of the vendor's settings: `api_key="k"` for ACME_API_KEY.

    Raises:
        BadSetting, CredentialsRefused: what is set is not enough.
    """
    spec, argument = find(vendor)
    chosen = spec.settings.model_validate(settings)
    setup = Setup(chosen, argument, tuple(symbols))
    return spec.open(setup if clock is None else replace(setup, clock=clock))
