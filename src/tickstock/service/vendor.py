"""The vendor of the settings: what it can do, and how it is opened. Its name alone says which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from tickstock.config import Settings
from tickstock.sessions import Calendar
from tickstock.store.account_limits import Account
from tickstock.vendors import BarSource, Limits
from tickstock.vendors.registry import find
from tickstock.vendors.spec import AnySpec, Capability, Setup

FINGERPRINT = 16
"""Digits of a hash: enough to tell accounts apart, and nothing to find a key by."""


def vendor_limits(settings: Settings, calendar: Calendar, now: datetime) -> Limits:
    """The limits that plans are made by. `now` is timezone-aware."""
    spec, setup = _set_up(settings, calendar, lambda: now)
    return spec.limits(setup)


def open_vendor(
    settings: Settings,
    calendar: Calendar,
    clock: Callable[[], datetime],
    symbols: Sequence[str] = (),
) -> BarSource:
    """A source of bars for a job of `symbols`.

    Raises:
        BadSetting, CredentialsRefused: what is set is not enough.
        BadFile: a folder of bars that cannot be read.
    """
    spec, setup = _set_up(settings, calendar, clock, symbols)
    return spec.open(setup)


def check_vendor(settings: Settings, calendar: Calendar, now: datetime) -> None:
    """Whether all that the vendor needs is set. Raises as `open_vendor`, which asks nobody too."""
    spec, setup = _set_up(settings, calendar, lambda: now)
    spec.check(setup)


def account_of(settings: Settings) -> Account:
    """Whose account the vendor of the settings is asked for. By another key, or at another address,
    it is another account."""
    spec, argument = find(settings.vendor)
    chosen = settings.of_vendor(spec.settings)
    values = {n: getattr(chosen, n) for n in type(chosen).model_fields}
    keys = {n: v.get_secret_value() for n, v in values.items() if isinstance(v, SecretStr)}
    if not keys:
        return Account(settings.vendor)
    places = {n: v for n, v in values.items() if isinstance(v, str)}
    text = json.dumps([argument, keys, places], sort_keys=True)
    return Account(settings.vendor, hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT])


def vendor_has(vendor: str, capability: Capability) -> bool:
    """Whether the vendor of the settings has something besides bars."""
    return find(vendor)[0].has(capability)


def _set_up(
    settings: Settings,
    calendar: Calendar,
    clock: Callable[[], datetime],
    symbols: Sequence[str] = (),
) -> tuple[AnySpec, Setup[Any]]:
    spec, argument = find(settings.vendor)
    chosen = settings.of_vendor(spec.settings)
    return spec, Setup(chosen, argument, tuple(symbols), calendar, clock)
