"""Opens an installation for one command, with its log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tickstock.cli.output import Common
from tickstock.config import Settings, read_settings
from tickstock.logs import set_up_logs
from tickstock.private import make_home

if TYPE_CHECKING:
    from tickstock.service import TickStock


def settings_of(
    common: Common, *, vendor: str | None = None, database_uri: str | None = None
) -> Settings:
    """The settings of this command, with the home folder made and the log set up."""
    settings = read_settings(home=common.home, vendor=vendor, database_uri=database_uri)
    with contextlib.suppress(OSError):  # whoever needs it says why it cannot be had
        make_home(settings.home, has_server=settings.database_uri is None)
    set_up_logs(settings.log_file, settings.log_level, settings.secrets, show=common.verbose)
    return settings


@contextmanager
def open_tick(
    common: Common, *, vendor: str | None = None, database_uri: str | None = None
) -> Iterator[TickStock]:
    """The service on the database of the settings; closed at the end."""
    from tickstock.service import TickStock

    with TickStock.open(settings_of(common, vendor=vendor, database_uri=database_uri)) as tick:
        yield tick
