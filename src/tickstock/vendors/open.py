"""The one place that turns a vendor's name into a source of bars."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from tickstock.actions import ActionAnswer, ActionCall
from tickstock.clock import VARIABLE, epoch_now, is_set, utc_now
from tickstock.errors import BadSetting, CredentialsRefused
from tickstock.model import Answer, Call
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.vendors import BarSource, Gate, Limits
from tickstock.vendors.files import Files, FolderFiles, S3Files
from tickstock.vendors.flatfiles import ENDPOINT, FlatFiles, WithFiles
from tickstock.vendors.massive import BASE_URL, MassiveSource, checked_base, is_this_machine
from tickstock.vendors.reference import ListingCall, R
from tickstock.vendors.replay import ReplayVendor
from tickstock.vendors.synthetic import SyntheticSource

_REPLAY_KEY = "replay"  # the loopback server takes any


def open_source(
    vendor: str,
    *,
    api_key: str = "",
    base_url: str = BASE_URL,
    calls_per_minute: float = 0.0,
    publication_lag: timedelta = timedelta(hours=8),
    s3: S3Account | None = None,
    symbols: Iterable[str] = (),
    calendar: Calendar | None = None,
    now: Callable[[], float] = epoch_now,
) -> BarSource:
    """The source named `vendor`: `massive`, `flatfiles`, `flatfiles:FOLDER`, `synthetic`, `replay`,
    or `replay:FOLDER`.

    Args:
        api_key: needed for massive alone.
        calls_per_minute: the account's limit, 0 where none binds.
        s3: the account's way to flat files; massive takes them too where it is given.
        symbols: the listing of which synthetic and replay invent bars for the whole market; of flat
            files, what is read. `replay:FOLDER` serves what is in the folder and nothing else.
        now: epoch seconds, for synthetic bars.

    Raises:
        BadSetting: no such vendor or folder, or an address that must not be given a key.
        CredentialsRefused: massive or flatfiles without a key.
        BadFile: a replay folder that cannot be read.
    """
    limits = Limits(calls_per_minute=calls_per_minute, publication_lag=publication_lag)
    days = calendar or shipped_calendar()
    kind, _, folder = vendor.partition(":")
    if vendor == "massive":
        source = MassiveSource(base_url, api_key, limits=limits)
        _refuse_set_clock(base_url, *([s3.endpoint] if s3 else []))
        return source if s3 is None else WithFiles(source, FlatFiles(s3.files(), symbols))
    if kind == "flatfiles":
        return FlatFiles(_flat_files(folder, s3), symbols)
    if vendor == "synthetic":
        return SyntheticSource(days, symbols, limits=limits, now=now)
    if vendor == "replay":
        return ReplaySource(ReplayVendor(symbols=symbols, calendar=days, now=now), limits)
    if kind == "replay" and folder:
        return ReplaySource(ReplayVendor(Path(folder), calendar=days, now=now), limits)
    raise BadSetting(
        f"There is no vendor {vendor!r}.",
        "Use massive, flatfiles, flatfiles:FOLDER, synthetic, replay or replay:FOLDER.",
    )


@dataclass(frozen=True, slots=True)
class S3Account:
    """The key pair with which the vendor's flat files are read, and where."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    endpoint: str = ENDPOINT

    def files(self) -> S3Files:
        return S3Files(checked_base(self.endpoint, ENDPOINT), self.key_id, self.secret)


def _flat_files(folder: str, s3: S3Account | None) -> Files:
    if folder:
        return FolderFiles(Path(folder))
    if s3 is None:
        raise CredentialsRefused(
            "No S3 key for flat files.",
            "Set MASSIVE_S3_KEY_ID and MASSIVE_S3_SECRET, or TICKSTOCK_VENDOR=flatfiles:FOLDER.",
        )
    files = s3.files()
    _refuse_set_clock(s3.endpoint)
    return files


def _refuse_set_clock(*addresses: str) -> None:
    """Real bars are not asked for on a day that a test has made up."""
    away = [a for a in addresses if not is_this_machine(urlsplit(a).hostname or "")]
    if away and is_set():
        raise BadSetting(
            f"The clock is set to {utc_now():%Y-%m-%d %H:%M} UTC, and the vendor is a real one.",
            f"{VARIABLE} is for tests alone: unset it.",
        )


class ReplaySource:
    """Massive's client against a replay vendor of its own, started with the first call."""

    def __init__(self, vendor: ReplayVendor, limits: Limits) -> None:
        self.name = "replay"
        self.limits = limits
        self._vendor = vendor
        self._running = AsyncExitStack()
        self._source: MassiveSource | None = None
        self._starting = asyncio.Lock()

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        """As `MassiveSource.fetch`."""
        return await (await self._started()).fetch(call, gate)

    async def fetch_actions(self, call: ActionCall, gate: Gate) -> ActionAnswer:
        """As `MassiveSource.fetch_actions`."""
        return await (await self._started()).fetch_actions(call, gate)

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]:
        """As `MassiveSource.fetch_listing`."""
        return await (await self._started()).fetch_listing(call, gate)

    async def close(self) -> None:
        self._source = None
        await self._running.aclose()

    async def _started(self) -> MassiveSource:
        async with self._starting:
            return self._source or await self._start()

    async def _start(self) -> MassiveSource:
        vendor = await self._running.enter_async_context(self._vendor)
        self._source = MassiveSource(vendor.url, _REPLAY_KEY, name=self.name, limits=self.limits)
        self._running.push_async_callback(self._source.close)
        return self._source
