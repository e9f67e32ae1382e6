"""The vendor's flat files alone, as the registry finds them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tickstock.errors import CredentialsRefused
from tickstock.model import Limits
from tickstock.spans import Span
from tickstock.vendors import BarSource
from tickstock.vendors.flatfiles import FILE_LAG
from tickstock.vendors.massive.settings import MassiveSettings
from tickstock.vendors.spec import Setup, VendorSpec

ALL_DAYS = Span(date(1970, 1, 1), date(2100, 1, 1))
"""Days without a file are found when they are asked for."""


def limits(setup: Setup[MassiveSettings]) -> Limits:
    lag = max(setup.settings.publication_lag, FILE_LAG)
    return Limits(publication_lag=lag, ticker=False, market_day=False, flat_days=ALL_DAYS)


def check(setup: Setup[MassiveSettings]) -> None:
    if not setup.argument and not setup.settings.has_s3:
        raise CredentialsRefused(
            "No S3 key for flat files.",
            "Set MASSIVE_S3_KEY_ID and MASSIVE_S3_SECRET, or TICKSTOCK_VENDOR=flatfiles:FOLDER.",
        )


def open_source(setup: Setup[MassiveSettings]) -> BarSource:
    from tickstock.vendors.flatfiles.files import Files, FolderFiles, s3_files
    from tickstock.vendors.flatfiles.source import FlatFiles

    check(setup)
    folder = Path(setup.argument)
    files: Files = FolderFiles(folder) if setup.argument else s3_files(setup.settings)
    return FlatFiles(files, setup.symbols, limits=limits(setup))


SPEC = VendorSpec(
    name="flatfiles",
    about="Massive's flat files alone: one a session, over S3 or in a folder",
    settings=MassiveSettings,
    limits=limits,
    open=open_source,
    check=check,
    argument="FOLDER",
)
