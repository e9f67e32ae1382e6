"""The replay vendor, as the registry finds it."""

from __future__ import annotations

from pathlib import Path

from tickstock.model import Limits
from tickstock.vendors import BarSource
from tickstock.vendors.massive.settings import MassiveSettings
from tickstock.vendors.spec import Capability, Setup, VendorSpec


def limits(setup: Setup[MassiveSettings]) -> Limits:
    return Limits(publication_lag=setup.settings.publication_lag)


def open_source(setup: Setup[MassiveSettings]) -> BarSource:
    """Its bars from the folder alone, or of a market of that size; without either the shipped bars,
    and synthetic ones."""
    from tickstock.vendors.replay.market import market_of
    from tickstock.vendors.replay.recorded_listings import shipped_tickers
    from tickstock.vendors.replay.server import ReplayVendor
    from tickstock.vendors.replay.source import ReplaySource

    market = market_of(setup.argument, setup.calendar)
    is_folder = bool(setup.argument) and market is None
    folder = Path(setup.argument) if is_folder else None
    listing = () if setup.argument else setup.symbols
    tickers = () if setup.argument else shipped_tickers()
    vendor = ReplayVendor(
        folder, symbols=listing, tickers=tickers, market=market, calendar=setup.calendar,
        now=setup.seconds,
    )  # fmt: skip
    return ReplaySource(vendor, limits(setup))


SPEC = VendorSpec(
    name="replay",
    about="a server on loopback that speaks Massive's wire format, with real and synthetic bars",
    settings=MassiveSettings,
    limits=limits,
    open=open_source,
    argument="FOLDER|market=TICKERS@YEAR",
    capabilities=frozenset(Capability),
)
