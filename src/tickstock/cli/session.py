"""Opens an installation for one command, with its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tickstock.cli.output import Common
from tickstock.config import Settings, read_settings
from tickstock.logs import set_up_logs


def settings_of(common: Common, **options: Any) -> Settings:
    """The settings of this command, with the log set up."""
    settings = read_settings(home=common.home, **options)
    set_up_logs(settings.log_file, settings.log_level, settings.secrets, show=common.verbose)
    return settings


@contextmanager
def open_tick(common: Common, **options: Any) -> Iterator[Any]:
    """The service on the database of the settings; closed at the end."""
    from tickstock.service import TickStock

    with TickStock.open(settings_of(common, **options)) as tick:
        yield tick
