"""The vendor's client behind a proxy, and with a certificate of one's own: real sockets, and a
process of its own, as certificates are read once."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="makes a certificate with openssl"
)
ASK = """
import asyncio, json, sys
from datetime import date
from tickstock.errors import TickStockError
from tickstock.model import Call, CallKind, Timeframe
from tickstock.spans import Span
from tickstock.vendors import OpenGate
from tickstock.vendors.massive.source import MassiveSource

async def ask():
    source = MassiveSource(sys.argv[1], "canary-key")
    span = Span.inclusive(date(2024, 7, 1), date(2024, 7, 1))
    try:
        answer = await source.fetch(Call(CallKind.TICKER, Timeframe.DAY, span, "AAPL"), OpenGate())
        return {"bars": len(answer.bars)}
    finally:
        await source.close()

try:
    print(json.dumps(asyncio.run(ask())))
except TickStockError as e:
    print(json.dumps({"error": type(e).__name__, "said": str(e)}))
"""
EMPTY = {"status": "OK", "ticker": "AAPL", "adjusted": False, "queryCount": 0, "resultsCount": 0}


@dataclass
class World:
    """A vendor over TLS under the name `localhost`, and a proxy that writes down what it is asked.

    `status` is what the proxy answers; 200 lets through. `keys` are those that the vendor saw.
    """

    certificate: Path
    status: int = 200
    vendor: str = ""
    proxy: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.certificate, self.certificate.with_name("key.pem"))
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await runner.setup()
        self.open.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.vendor = f"https://localhost:{runner.addresses[0][1]}"
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.open.callback(server.close)
        self.proxy = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.keys.append(request.headers.get("Authorization"))
        return web.json_response(EMPTY)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.splitlines()[0].split()
        user = next((line for line in head.splitlines() if "proxy-auth" in line.lower()), "")
        self.asked.append((f"{method} {target}", user.rpartition(" ")[2]))
        assert "canary" not in head
        writer.write(f"HTTP/1.1 {self.status} said\r\nContent-Length: 0\r\n\r\n".encode()
                     if self.status != 200 else b"HTTP/1.1 200 OK\r\n\r\n")  # fmt: skip
        if self.status == 200:
            host, _, port = target.rpartition(":")
            far, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pump(reader, back), _pump(far, writer))
        writer.close()

    def ask(self, **environ: str) -> dict[str, object]:
        """What the client comes back with, in a process with these variables."""
        clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        done = subprocess.run(
            [sys.executable, "-c", ASK, self.vendor], env=clean | environ, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        found: dict[str, object] = json.loads(done.stdout)
        return found


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()
    except ConnectionError:
        pass


@contextmanager
def running(world: World) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(world.start(), loop).result(10)
    yield world
    asyncio.run_coroutine_threadsafe(_stop(world), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _stop(world: World) -> None:
    await world.open.aclose()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    subprocess.run([*made.split(), *name.split(), *files], check=True, capture_output=True)
    return folder / "certificate.pem"


@pytest.fixture
def world(certificate: Path) -> Iterator[World]:
    with running(World(certificate)) as started:
        yield started


def test_the_vendor_is_asked_through_the_proxy_with_its_password(world: World) -> None:
    proxy = f"http://ann:secret@{world.proxy}"
    found = world.ask(HTTPS_PROXY=proxy, SSL_CERT_FILE=str(world.certificate))
    assert found == {"bars": 0}
    user = base64.b64encode(b"ann:secret").decode()
    assert world.asked == [(f"CONNECT {world.vendor.removeprefix('https://')}", user)]
    assert world.keys == ["Bearer canary-key"]


def test_hosts_of_no_proxy_are_asked_directly(world: World) -> None:
    found = world.ask(
        HTTPS_PROXY=f"http://{world.proxy}", NO_PROXY="localhost",
        SSL_CERT_FILE=str(world.certificate),
    )  # fmt: skip
    assert (found, world.asked) == ({"bars": 0}, [])


def test_without_its_certificate_the_vendor_is_not_trusted(world: World) -> None:
    found = world.ask(HTTPS_PROXY=f"http://{world.proxy}")
    assert found["error"] == "VendorUnavailable"
    assert "SSL_CERT_FILE" in str(found["said"])
    assert world.keys == []


@pytest.mark.parametrize(
    ("status", "error"), [(502, "VendorUnavailable"), (407, "BadSetting"), (403, "BadSetting")]
)
def test_a_proxy_that_refuses_is_named(world: World, status: int, error: str) -> None:
    world.status = status
    found = world.ask(HTTPS_PROXY=f"http://ann:secret@{world.proxy}")
    assert found["error"] == error
    assert f"The proxy {world.proxy} answered {status}" in str(found["said"])
    assert "secret" not in str(found)


def test_a_proxy_that_is_not_there_is_named(world: World) -> None:
    found = world.ask(HTTPS_PROXY="http://127.0.0.1:1")
    assert found["error"] == "VendorUnavailable"
    assert "The proxy 127.0.0.1:1 cannot be reached." in str(found["said"])
