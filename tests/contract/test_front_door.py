"""What anonymous visitors can do to the page: floods, halves of requests, text that is none."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.web_kit import PASSWORDS, Client, Running, organized, running, settings_for, until
from tickstock.errors import (
    Conflict,
    DatabaseForbidden,
    DatabaseUnavailable,
    TickStockError,
    TooManyAttempts,
    Transient,
)
from tickstock.service.access import TRIES, TRIES_PER_NAME, Role
from tickstock.service.passwords import Passwords
from tickstock.store.database import Database
from tickstock.web.connections import ConnectionLimits
from tickstock.web.live import MOST_OF_ONE
from tickstock.web.routes import RULES

HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
HALF_A_FORM = (
    b"POST /sign-in HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n"
    b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"
)


@pytest.fixture(scope="module")
def database(cluster: Cluster, template: str, home: Path) -> Iterator[Database]:
    with organized(cluster, template, home) as found:
        yield found


@pytest.fixture(scope="module")
def page(database: Database, home: Path) -> Iterator[Running]:
    with running(database, settings_for(home), worker=False) as found:
        yield found


@pytest.fixture
def strict(database: Database, home: Path) -> Iterator[Running]:
    """A page that waits for nobody long, for few connections."""
    limits = ConnectionLimits(head=0.5, body=0.5, most=12)
    with running(database, settings_for(home), worker=False, users=False, limits=limits) as found:
        yield found


@pytest.fixture
def narrow(database: Database, home: Path) -> Iterator[Running]:
    """A page for few connections, which waits for each as long as it takes."""
    limits = ConnectionLimits(head=600, body=600, most=12)
    with running(database, settings_for(home), worker=False, users=False, limits=limits) as found:
        yield found


@contextlib.contextmanager
def connected(page: Running, *sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as raw:
        for data in sent:
            raw.sendall(data)
        yield raw


def until_closed(raw: socket.socket) -> bytes:
    """What still comes, up to the end of the connection."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(4096):
            found += data
    return found


# --- passwords ------------------------------------------------------------------------------
@pytest.mark.parametrize("names", [1, 40])
def test_of_many_wrong_passwords_at_once_few_are_looked_at(page: Running, names: int) -> None:
    with page.tick.database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.sign_in_failures")

    def guess(number: int) -> int:
        fields = {"name": f"flood{number % names}", "password": f"wrong {number}"}
        return page.anonymous().post("/sign-in", fields).status

    with ThreadPoolExecutor(40) as pool:
        found = Counter(pool.map(guess, range(200)))
    assert found[401] <= (TRIES_PER_NAME if names == 1 else TRIES)
    assert found[401] + found[429] == 200
    with page.tick.database.transaction() as connection:
        row = connection.execute("SELECT count(*) FROM tickstock.sign_in_failures").fetchone()
    # An attempt that nobody looked at, because too many others waited, is not held against a name.
    assert row == (found[401],)


def test_a_good_password_leaves_nothing_counted(page: Running) -> None:
    with page.tick.database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.sign_in_failures")
    fields = {"name": "viewer", "password": PASSWORDS[Role.VIEWER]}
    for _ in range(TRIES_PER_NAME + 1):
        assert page.anonymous().post("/sign-in", fields).status == 303


def test_two_hashes_at_a_time_and_a_short_line() -> None:
    passwords = Passwords(at_once=1, waiting=0, wait_seconds=20)
    hashed = passwords.hash("a long enough password")
    assert passwords.fits(hashed, "a long enough password")
    assert not passwords.fits(hashed, "another")
    assert not passwords.fits(None, "a long enough password")
    with passwords._in_turn(), pytest.raises(TooManyAttempts, match="at this moment"):
        passwords.fits(hashed, "a long enough password")
    assert passwords.fits(hashed, "a long enough password")


def test_who_waits_too_long_for_a_hash_is_asked_to_come_again() -> None:
    passwords = Passwords(at_once=1, waiting=1, wait_seconds=0.01)
    with passwords._in_turn(), pytest.raises(TooManyAttempts):
        passwords.hash("a long enough password")


# --- connections ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ((), b"408"),
        ((HEAD,), b"408"),
        ((HEAD, b"X-More: 1\r\n"), b"408"),
        ((HEAD + b"Origin: http://127.0.0.1\r\nContent-Length: 9\r\n\r\n", b"half"), b""),
        ((HALF_A_FORM, b'{"a"'), b""),
    ],
)
def test_half_a_request_is_not_waited_for(
    strict: Running, caplog: pytest.LogCaptureFixture, sent: tuple[bytes, ...], says: bytes
) -> None:
    places = {b"{host}": f"127.0.0.1:{strict.port}", b"{origin}": strict.url}
    filled = []
    for part in sent:
        for place, text in places.items():
            part = part.replace(place, text.encode())
        filled.append(part)
    with connected(strict, *filled) as raw:
        assert says in until_closed(raw)
    assert strict.anonymous().get("/healthz").status == 200
    assert "Traceback" not in caplog.text


def test_half_open_connections_keep_nobody_out(
    narrow: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(connected(narrow, HEAD)) for _ in range(100)]
        assert narrow.anonymous().get("/healthz").status == 200
        # The oldest made room for the newest.
        until_closed(halves[0])
    assert narrow.anonymous().get("/healthz").status == 200
    assert "Traceback" not in caplog.text


def test_a_connection_that_is_kept_is_used_again(strict: Running) -> None:
    kept = http.client.HTTPConnection("127.0.0.1", strict.port, timeout=20)
    with contextlib.closing(kept):
        for _ in range(5):
            kept.request("GET", "/healthz")
            assert kept.getresponse().read() == b"ok\n"


def test_one_session_opens_some_streams_and_no_more(page: Running) -> None:
    client = page.client()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(stream(page, client)) for _ in range(MOST_OF_ONE)]
        assert client.get("/live").status == 429
        assert page.client(Role.VIEWER).get("/live").status == 200
        streams[0].close()
        assert eventually(lambda: client.get("/live").status == 200)


@contextlib.contextmanager
def stream(page: Running, client: Client) -> Iterator[socket.socket]:
    cookie = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    head = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie}\r\n\r\n"
    with connected(page, head.encode()) as raw:
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        yield raw


def eventually(found: Callable[[], bool]) -> bool:
    return any(found() or threading.Event().wait(0.05) for _ in range(200))


# --- a database that is away ----------------------------------------------------------------
SECRETS = ("canary", "127.0.0.9", "5439", "says:", "psycopg", "postgres", "socket")


@pytest.fixture
def astray(database: Database, home: Path) -> Iterator[Running]:
    """A page whose database cannot be reached."""
    address = "postgresql://canary_user:canary_word@127.0.0.9:5439/canary_base"
    with (
        Database.open(database.conninfo, home, migrate=False) as own,
        running(own, settings_for(home), worker=False, users=False) as found,
    ):
        until(lambda: found.tick.house._kept)  # what is made at the start needs it no longer
        while own._kept:
            own._kept.pop().close()
        own.conninfo = address
        yield found
        own.conninfo = database.conninfo


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_nobody_learns_where_a_database_is_that_is_away(astray: Running, accept: str) -> None:
    cookies = {}, {astray.site.cookie: "made-up"}
    for rule in RULES:
        path = re.sub(r"\{[a-z]+\}", "etf_universe:x", rule.path)
        for cookie in cookies:
            client = Client(astray.port, dict(cookie))
            body = None if rule.method == "GET" else b"{}"
            answer = client.ask(rule.method, path, body=body, accept=accept)
            told = f"{answer.text} {answer.headers}".lower()
            assert not [word for word in SECRETS if word in told], (rule.path, told)
            assert answer.status in (200, 303, 401, 415, 422, 503), (rule.path, answer.status)
            assert cookie == {} or rule.role is None or answer.status == 503, rule.path


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable("postgresql://canary@db/x says: gone."),
        DatabaseForbidden("postgresql://canary@db/x says: no."),
        Transient("postgresql://canary@db/x says: deadlock detected (40P01)."),
        Conflict("postgresql://canary@db/x says: duplicate key (23505)."),
    ],
)
def test_nor_what_it_says(
    page: Running, monkeypatch: pytest.MonkeyPatch, error: TickStockError
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(page.access, "sign_in", refuse)
    answer = page.anonymous().post("/sign-in", {"name": "a", "password": "x"})
    assert answer.status == 503
    assert "canary" not in answer.text
    assert "The database is away." in answer.text


# --- text that is none ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sign-in", b'{"name": "a\\u0000b", "password": "x"}'),
        ("POST", "/sign-in", b'{"name": "\\ud800", "password": "x"}'),
        ("POST", "/api/plan", b'{"symbols": ["AAPL\\u0000"]}'),
        ("POST", "/api/plan", json.dumps({"universe": "x\0"}).encode()),
        ("GET", "/universes?q=%00", None),
        ("GET", "/api/universes/etf_universe:a%00b", None),
        ("GET", "/jobs/%00", None),
        ("GET", "/bars?symbol=%00", None),
    ],
)
def test_text_that_no_database_keeps_is_refused(
    page: Running, method: str, path: str, body: bytes | None
) -> None:
    answer = page.client().ask(method, path, body=body)
    assert answer.status == 422, answer.text
    assert "NUL" in answer.text or "not JSON" in answer.text


def test_a_form_with_such_text_is_refused(page: Running) -> None:
    answer = page.anonymous().post("/sign-in", {"name": "a\0b", "password": "x"})
    assert answer.status == 422
