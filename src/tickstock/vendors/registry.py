"""Which vendors there are: our own, and those that installed packages add by an entry point.

A package adds one by an entry point of the group `tickstock.vendors` that names a `VendorSpec`:

    [project.entry-points."tickstock.vendors"]
    acme = "tickstock_acme:SPEC"
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from tickstock.errors import BadSetting
from tickstock.vendors.spec import AnySpec, Capability, VendorSpec

GROUP = "tickstock.vendors"
OWN = {
    name: EntryPoint(name, f"tickstock.vendors.{name}.spec:SPEC", GROUP)
    for name in ("massive", "flatfiles", "synthetic", "replay")
}
"""Ours, without a look at what is installed: that takes time, and can be out of date."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def find(vendor: str) -> tuple[AnySpec, str]:
    """The vendor that a value of TICKSTOCK_VENDOR names, and what follows its colon.

    Raises:
        BadSetting: there is none of that name, it takes no such thing, or it cannot be loaded.
    """
    name, colon, argument = vendor.partition(":")
    spec = named(name)
    if spec is None:
        raise BadSetting(f"There is no vendor {vendor!r}.", f"Use {usage()}.")
    if bool(colon) != bool(argument) or (argument and not spec.argument):
        raise BadSetting(f"There is no vendor {vendor!r}.", f"Use {' or '.join(spec.usage)}.")
    return spec, argument


def named(name: str) -> AnySpec | None:
    """The vendor of that name, None where there is none. Raises as `find` does."""
    if name in OWN:
        return _load(OWN[name])
    found = [entry for entry in _installed() if entry.name == name]
    if len({entry.value for entry in found}) > 1:
        packages = " and ".join(sorted(_package(entry) for entry in found))
        raise BadSetting(f"Two packages have a vendor {name!r}: {packages}.", "Uninstall one.")
    return _load(found[0]) if found else None


def names() -> tuple[str, ...]:
    """The names of all vendors, ours first."""
    others = sorted({entry.name for entry in _installed()} - set(OWN))
    return (*OWN, *others)


def with_capability(capability: Capability) -> tuple[str, ...]:
    """The names of our own vendors that have it."""
    return tuple(name for name, entry in OWN.items() if _load(entry).has(capability))


def usage() -> str:
    """What TICKSTOCK_VENDOR may be, for people. Vendors of others are named, and not loaded."""
    forms = [form for entry in OWN.values() for form in _load(entry).usage]
    forms += names()[len(OWN) :]
    return f"{', '.join(forms[:-1])} or {forms[-1]}"


def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry for entry in entry_points(group=GROUP) if _NAME.fullmatch(entry.name))


@cache
def _load(entry: EntryPoint) -> AnySpec:
    try:
        spec = entry.load()
    except Exception as error:  # whatever a foreign module does
        raise BadSetting(
            f"The vendor {entry.name!r} of {_package(entry)} cannot be loaded: "
            f"{type(error).__name__}: {error}.",
            "Upgrade or uninstall that package.",
        ) from error
    if not isinstance(spec, VendorSpec) or spec.name != entry.name:
        raise BadSetting(
            f"The vendor {entry.name!r} of {_package(entry)} cannot be used: {entry.value} is no "
            "VendorSpec of that name.",
            "Upgrade or uninstall that package.",
        )
    return spec


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist is not None else entry.value
