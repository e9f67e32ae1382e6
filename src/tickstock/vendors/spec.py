"""How a vendor makes itself known: one `VendorSpec`, named by an entry point."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from tickstock.clock import Clock, utc_now
from tickstock.model import Limits
from tickstock.vendors import BarSource

if TYPE_CHECKING:  # settings are read without the sessions
    from tickstock.sessions import Calendar


class VendorSettings(BaseModel):
    """What a person can set for a vendor. A vendor without settings uses this class itself.

    The field `api_key` of a class with the prefix `acme`, which is the vendor's name, is the
    setting `acme_api_key` in a file and ACME_API_KEY in the environment. Its description is shown
    by `tickstock config show`; a `SecretStr` is masked everywhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    prefix: ClassVar[str] = ""

    @classmethod
    def setting(cls, field_name: str) -> str:
        """The name of a field in a file of settings."""
        return f"{cls.prefix}_{field_name}"

    @classmethod
    def variable(cls, field_name: str) -> str:
        """The name of a field in the environment."""
        return cls.setting(field_name).upper()


def _shipped() -> Calendar:
    from tickstock.sessions import shipped_calendar

    return shipped_calendar()


S = TypeVar("S", bound=VendorSettings)


class Capability(enum.StrEnum):
    """What a vendor may have besides bars."""

    ACTIONS = "splits and dividends"  # its source is an `ActionSource`
    LISTINGS = "listings"  # its source is a `ListingSource`


@dataclass(frozen=True, slots=True)
class Setup(Generic[S]):
    """All that a vendor is opened with: nothing else of the world is read.

    `argument` is what follows the colon in TICKSTOCK_VENDOR. `symbols` are what a job wants:
    the listing of a vendor that makes synthetic bars, and what is kept of a file that holds all
    tickers.
    """

    settings: S
    argument: str = ""
    symbols: tuple[str, ...] = ()
    calendar: Calendar = field(default_factory=_shipped)
    clock: Clock = utc_now

    def seconds(self) -> float:
        """The clock in seconds since 1970."""
        return self.clock().timestamp()


@dataclass(frozen=True, slots=True)
class VendorSpec(Generic[S]):
    """A vendor: its `name` in TICKSTOCK_VENDOR, and how it is used. Its module imports little: it
    is loaded whenever settings are read; what `open` needs is imported there.

    Args:
        about: what it is, in one line.
        limits: what plans are made by, as far as settings and the clock tell. Asks nobody.
        open: the source. Raises BadSetting or CredentialsRefused where something is not set.
        argument: what may follow the name and a colon, as `FOLDER`; empty: nothing.
        check: raises what `open` would raise, without opening anything.
    """

    name: str
    about: str
    settings: type[S]
    limits: Callable[[Setup[S]], Limits]
    open: Callable[[Setup[S]], BarSource]
    check: Callable[[Setup[S]], None] = field(default=lambda _: None)
    argument: str = ""
    capabilities: frozenset[Capability] = frozenset()

    def has(self, capability: Capability) -> bool:
        return capability in self.capabilities

    @property
    def usage(self) -> tuple[str, ...]:
        """How it is named in TICKSTOCK_VENDOR."""
        return (self.name, f"{self.name}:{self.argument}") if self.argument else (self.name,)


AnySpec = VendorSpec[Any]
