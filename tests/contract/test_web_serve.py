"""`tickstock serve` and `tickstock user` as processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Cluster
from tests.web_kit import Client, organized

COMMAND = [sys.executable, "-c", "from tickstock.cli import main; main()"]


@pytest.fixture(scope="module")
def environ(cluster: Cluster, template: str, home: Path) -> Iterator[dict[str, str]]:
    own = home / "serve"
    own.mkdir()
    with organized(cluster, template, home) as database:
        yield os.environ | {
            "DATABASE_URI": make_conninfo(database.conninfo),
            "TICKSTOCK_HOME": str(own),
            "TICKSTOCK_VENDOR": "replay",
        }


def tickstock(
    environ: dict[str, str], *words: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], env=environ, input=stdin, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_address_serves_and_stops_cleanly(
    environ: dict[str, str], number: signal.Signals
) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], env=environ, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        printed = process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/sign-in/link/([\w-]+))", printed)
        assert found, printed
        client = Client(int(found[1]))
        assert client.get(found[2]).status == 303
        assert client.get("/admin/historical-data").status == 200
        assert client.get("/api/system").json["workers_alive"] >= 1
        # A page that is open must not hold the end up.
        assert client.get("/live").status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert "Stopped." in err
    assert "Traceback" not in err
    log = (Path(environ["TICKSTOCK_HOME"]) / "logs" / "tickstock.log").read_text()
    assert found[3] not in log
    assert "Traceback" not in log


def test_it_refuses_to_be_reached_by_others_unprotected(environ: dict[str, str]) -> None:
    open_to_all = tickstock(environ, "serve", "--host", "0.0.0.0", "--port", "0")
    no_user = tickstock(environ, "serve", "--port", "0", "--public-url", "https://t.example")
    half = tickstock(environ, "serve", "--certificate", "x.pem")
    for done, says in ((open_to_all, "TLS"), (no_user, "no user"), (half, "--key")):
        assert done.returncode == 2
        assert says in done.stderr
        assert done.stdout == ""


def test_users_and_passwords_that_nobody_can_read_along(environ: dict[str, str]) -> None:
    secret = "canary password 4711"
    added = tickstock(environ, "user", "add", "ann", "--role", "admin", stdin=secret + "\n")
    assert added.returncode == 0, added.stderr
    assert tickstock(environ, "user", "add", "ann", stdin=secret + "\n").returncode == 5
    assert tickstock(environ, "user", "add", "bob", stdin="short\n").returncode == 2
    listed = tickstock(environ, "user", "list")
    assert re.search(r"ann +admin", listed.stdout)
    changed = tickstock(environ, "user", "passwd", "ann", stdin="another password 4711\n")
    assert changed.returncode == 0
    link = tickstock(environ, "user", "link", "--address", "http://localhost:1")
    assert re.fullmatch(r"http://localhost:1/sign-in/link/[\w-]+\n", link.stdout)
    assert tickstock(environ, "user", "remove", "ann").returncode == 0
    assert tickstock(environ, "user", "remove", "ann").returncode == 2
    log = Path(environ["TICKSTOCK_HOME"]) / "logs" / "tickstock.log"
    said = "".join(d.stdout + d.stderr for d in (added, listed, changed)) + log.read_text()
    assert "4711" not in said
