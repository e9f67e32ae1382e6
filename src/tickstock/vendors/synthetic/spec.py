"""Synthetic bars, as the registry finds them."""

from __future__ import annotations

from tickstock.model import Limits
from tickstock.vendors import BarSource
from tickstock.vendors.massive.settings import MassiveSettings
from tickstock.vendors.spec import Setup, VendorSpec


def limits(setup: Setup[MassiveSettings]) -> Limits:
    return Limits(publication_lag=setup.settings.publication_lag)


def open_source(setup: Setup[MassiveSettings]) -> BarSource:
    from tickstock.vendors.synthetic.source import SyntheticSource

    return SyntheticSource(setup.calendar, setup.symbols, limits=limits(setup), now=setup.seconds)


SPEC = VendorSpec(
    name="synthetic",
    about="bars for any symbol that no market has seen, to try things out",
    settings=MassiveSettings,
    limits=limits,
    open=open_source,
)
