"""Flat files as the vendor has them, and a server that speaks as much S3 as they need."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
from aiohttp import web

from tickstock.model import BarTable, Timeframe
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.spans import Span, day_of
from tickstock.vendors.newyork import instants_of
from tickstock.vendors.synthetic.source import synthetic_bars

HEADER = "ticker,volume,open,close,high,low,window_start,transactions"
PRODUCT = {Timeframe.DAY: "day_aggs_v1", Timeframe.MINUTE: "minute_aggs_v1"}
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, ?"
    r"SignedHeaders=([\w;-]+), ?Signature=[0-9a-f]{64}"
)


def key_on(day: date, timeframe: Timeframe = Timeframe.DAY) -> str:
    return f"us_stocks_sip/{PRODUCT[timeframe]}/{day:%Y}/{day:%m}/{day:%Y-%m-%d}.csv.gz"


def packed(lines: Iterable[str], header: str = HEADER) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in (header, *lines)).encode(), 1, mtime=0)


def lines_of(bars: BarTable, timeframe: Timeframe, hour: int = 0) -> list[str]:
    """One line a bar; a day's stamp is at `hour` o'clock in New York."""
    day = timeframe is Timeframe.DAY
    stamps = (instants_of(bars.at, hour) if day else bars.at) * 1_000_000_000
    columns = (bars.volume, bars.open, bars.close, bars.high, bars.low, stamps, bars.trades)
    return [
        f"{bars.tickers[owner]},{volume!r},{o!r},{c!r},{h!r},{low!r},{at},{max(n, 0)}"
        for owner, volume, o, c, h, low, at, n in zip(
            bars.owner.tolist(), *(c.tolist() for c in columns), strict=True
        )
    ]


def session_files(
    bars: BarTable, timeframe: Timeframe, calendar: Calendar | None = None, hour: int = 0
) -> dict[str, bytes]:
    """The files that hold `bars`, one a session, by key."""
    days = calendar or shipped_calendar()
    place = days.sessions_of(bars.at) if timeframe is not Timeframe.DAY else bars.at
    out = {}
    for at in np.unique(place).tolist():
        part = bars.rows(place == at)
        part = part.rows(np.lexsort((part.at, np.array(part.tickers)[part.owner])))
        day = day_of(at) if timeframe is Timeframe.DAY else days.day(at)
        out[key_on(day, timeframe)] = packed(lines_of(part, timeframe, hour))
    return out


def synthetic_files(
    symbols: Iterable[str], span: Span, timeframe: Timeframe, now: float
) -> dict[str, bytes]:
    bars = synthetic_bars(sorted(symbols), timeframe, span, shipped_calendar(), now)
    return session_files(bars, timeframe)


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    for key, data in files.items():
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


class S3Stub:
    """Serves objects of one bucket, path-style, to whoever signs with the one key.

    It does not prove a signature; it insists on there being one, of the asked form, by the key.
    `refused` are keys of objects that the account is not entitled to.
    """

    def __init__(self, objects: Mapping[str, bytes], bucket: str = "flatfiles") -> None:
        self.objects = dict(objects)
        self.bucket = bucket
        self.key_id = "KEYID0123456789"
        self.refused: set[str] = set()
        self.broken: dict[str, int] = {}
        self.requests: list[web.BaseRequest] = []
        self.url = ""

    async def __aenter__(self) -> S3Stub:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self.requests.append(request)
        signed = SIGNED.fullmatch(request.headers.get("Authorization", ""))
        if signed is None or "x-amz-date" not in request.headers:
            return self._error(403, "AccessDenied")
        if signed[1] != self.key_id:
            return self._error(403, "InvalidAccessKeyId")
        bucket, _, key = request.path.lstrip("/").partition("/")
        if bucket != self.bucket:
            return self._error(404, "NoSuchBucket")
        if key in self.refused:
            return self._error(403, "AccessDenied")
        if key in self.broken:
            return self._error(self.broken[key], "SlowDown")
        if key not in self.objects:
            return self._error(404, "NoSuchKey")
        body = self.objects[key]
        tag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        stamp = "Thu, 07 Mar 2024 16:00:00 GMT"
        return web.Response(body=body, headers={"ETag": f'"{tag}"', "Last-Modified": stamp})

    def _error(self, status: int, code: str) -> web.Response:
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return web.Response(status=status, text=body, content_type="application/xml")
