"""Massive, as the registry finds it."""

from __future__ import annotations

from tickstock.errors import CredentialsRefused
from tickstock.model import HISTORY_STARTS, Limits
from tickstock.spans import ONE_DAY, Span
from tickstock.vendors import BarSource
from tickstock.vendors.flatfiles import FILE_LAG
from tickstock.vendors.massive.settings import NO_KEY, MassiveSettings
from tickstock.vendors.spec import Capability, Setup, VendorSpec


def limits(setup: Setup[MassiveSettings]) -> Limits:
    account, files = setup.settings, None
    if account.has_s3:
        lag = max(account.publication_lag, FILE_LAG)
        last = setup.calendar.last_published(setup.clock(), lag)
        files = Span(HISTORY_STARTS, max(HISTORY_STARTS, last + ONE_DAY))
    return Limits(
        calls_per_minute=account.calls_per_minute,
        publication_lag=account.publication_lag,
        flat_days=files,
    )


def check(setup: Setup[MassiveSettings]) -> None:
    if setup.settings.api_key is None:
        raise CredentialsRefused("No key for massive.", NO_KEY)


def open_source(setup: Setup[MassiveSettings]) -> BarSource:
    from tickstock.vendors.flatfiles.files import s3_files
    from tickstock.vendors.flatfiles.source import FlatFiles, WithFiles
    from tickstock.vendors.massive.source import MassiveSource

    account = setup.settings
    key = account.api_key.get_secret_value() if account.api_key else ""
    source = MassiveSource(account.base_url, key, limits=limits(setup))
    if not account.has_s3:
        return source
    return WithFiles(source, FlatFiles(s3_files(account), setup.symbols))


SPEC = VendorSpec(
    name="massive",
    about="Massive (formerly Polygon.io) over REST, and its flat files where they can be had",
    settings=MassiveSettings,
    limits=limits,
    open=open_source,
    check=check,
    capabilities=frozenset(Capability),
)
