"""The lived-in gauntlet: a database as a stranger's application leaves it, loads larger than our
constants in an unfavourable order, a worker killed in between; then every command, every view of
the page and every old route. None ends in an error inside TickStock, no job is left running."""

from __future__ import annotations

import io
import itertools
import random
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import pytest

from tests import foreign_kit
from tests.cli_run import Shell, ended, until
from tests.conftest import Cluster
from tests.reliability.form import FORM
from tests.web_kit import Client, running
from tickstock.cli.app import COMMANDS, GROUPS, run
from tickstock.config import Settings
from tickstock.model import UniverseRef
from tickstock.service.access import Role
from tickstock.store.database import Database
from tickstock.web.routes import RULES

pytestmark = pytest.mark.timeout(900)
SEED = 9
DAYS = "3d"
ODD = tuple(str(UniverseRef("stock_universe", key)) for key in foreign_kit.ODD_KEYS)
BAD = "etf_universe:bad_nested"
INTERNAL = re.compile(r"inside TickStock|Traceback|InternalError")


def name_of(number: int) -> str:
    """A symbol of three letters after the first, as many as are needed."""
    return "L" + "".join(chr(65 + number // 26**place % 26) for place in (2, 1, 0))


def lived(size: int) -> str:
    return f"stock_universe:index_lived_{size}"


def lived_rows() -> Iterator[tuple[Any, ...]]:
    """Universes beyond the blocks that loads are kept in, each in an order of its own."""
    order = random.Random(SEED)
    for size in FORM.lived_in:
        symbols = [name_of(n) for n in range(size)]
        order.shuffle(symbols)
        value = {"symbols": symbols, "count": size - 1}
        yield "stock_universe", f"Lived {size}", f"index_lived_{size}", value, None, None, None


def edge_of(size: int) -> str:
    """The symbols beside the edges of the first blocks of 255, which are loaded before the rest, so
    that their rows are full where a block ends and the next one begins."""
    order = random.Random(SEED)
    for known in FORM.lived_in:
        symbols = [name_of(n) for n in range(known)]
        order.shuffle(symbols)
        if known == size:
            near = [s for edge in range(255, size, 255) for s in symbols[edge - 2 : edge + 2]]
            return "{" + ", ".join(near) + "}"
    raise AssertionError(size)


@dataclass
class Place:
    """The stranger's database, taken over and loaded into, and the home of who works with it."""

    shell: Shell
    uri: str
    load: str = ""

    def sql(self, statement: str) -> list[Any]:
        with psycopg.connect(self.uri, autocommit=True) as conn:
            return conn.execute(statement.encode()).fetchall()

    def states(self) -> set[str]:
        return {state for (state,) in self.sql("SELECT state FROM tickstock.loads")}

    def open_loads(self) -> int:
        ((found,),) = self.sql("SELECT count(*) FROM tickstock.loads WHERE finished_at IS NULL")
        assert isinstance(found, int)
        return found


@pytest.fixture(scope="module")
def place(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    name = cluster.create()
    uri = cluster.uri(name)
    theirs = [foreign_kit.universe(n) for n in range(20)]
    foreign_kit.strangers_database(uri, [*foreign_kit.odd_rows(), *theirs, *lived_rows()])
    home = tmp_path_factory.mktemp("lived")
    settings = {
        "DATABASE_URI": uri,
        "TICKSTOCK_VENDOR": "synthetic",
        "TICKSTOCK_LEASE_SECONDS": "1",
        "TICKSTOCK_CSV_DIR": str(home),
    }
    yield Place(Shell(home, settings), uri)
    cluster.drop(name)


@pytest.fixture(scope="module")
def loaded(place: Place) -> Place:
    """With everything loaded, over the death of a worker."""
    shell = place.shell
    migrated = shell.run("db", "migrate", "--zone", "America/New_York")
    assert migrated.code == 0, migrated.said
    assert "public.ohlcv_daily (table)" in migrated.err
    for size in FORM.lived_in:
        for universe in (edge_of(size), lived(size)):
            done = shell.run("load", universe, "--for", DAYS, "--background")
            assert done.code == 0, done.said
    killed = shell.start("worker", TICKSTOCK_FAILPOINT="commit.written@2:kill")
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert place.open_loads()
    with psycopg.connect(place.uri, autocommit=True) as conn:  # the stranger goes on meanwhile
        foreign_kit.write(conn, [(*foreign_kit.universe(100)[:5], None, None)])
    worker = shell.start("worker")
    try:
        until(lambda: not place.open_loads() or worker.poll() is not None, 120)
    finally:
        worker.send_signal(signal.SIGTERM)
        stopped = ended(worker)
    assert (stopped.code, place.open_loads()) == (0, 0), stopped.said
    assert place.states() == {"completed"}
    ((load,),) = place.sql("SELECT id::text FROM tickstock.loads ORDER BY created_at DESC LIMIT 1")
    place.load = str(load)
    return place


# --- the command line -------------------------------------------------------------------------
LARGEST = lived(max(FORM.lived_in))
OF_ALL = (LARGEST, ODD[0], "*", BAD)
ELSEWHERE = {
    "demo": "has a database of its own: tests/acceptance",
    "worker": "runs above, and dies",
    "serve": "its page and its worker run below",
    "db shell": "is psql",
    "db prove": "has databases of its own: tests/acceptance/test_prove.py",
    "db stop": "stops the server of all tests, and is a word about DATABASE_URI here",
    "jobs watch": "the job has ended: as jobs show",
}
"""Commands that the walk leaves out, and why."""


def each(*words: str, of: tuple[str, ...] = OF_ALL) -> list[tuple[str, ...]]:
    return [tuple(u if w == "U" else w for w in words) for u in of]


WALK: dict[str, list[tuple[str, ...]]] = {
    "load": each("U", "--for", "1d"),
    "plan": each("U", "--for", DAYS),
    "refresh": [(lived(256), "--sessions", "1")],
    "missing": each("U", "--for", DAYS),
    "coverage": each("U", "--for", DAYS),
    "bars": each("U", "--for", "1d", of=(LARGEST, ODD[0], BAD)),
    "revisions": [(LARGEST,), (BAD,)],
    "export": [(LARGEST, "bars", "--for", DAYS)],
    "verify": [(LARGEST,), (ODD[0],), (BAD,), ("--folder", "bars")],
    "files fold": [(), ("--anew",)],
    "files verify": [(), ("--json",)],
    "files seal": [("--before", "2025-01"), ("--before", BAD),
                   ("--before", "2025-01", "--timeframes", "hour")],
    "files sealed": [(), ("--json",)],
    "files unseal": [(BAD,), (BAD, "--lost")],
    "lake publish": [(), ("--anew",)],
    "lake status": [(), ("--json",)],
    "doctor": [(), ("--json",)],
    "bridge": [()],
    "universe list": [(), ("--json",), ("--type", "stock_etf_combo")],
    "universe show": [*each("U", of=(*OF_ALL, *ODD)), (LARGEST, "--why")],
    "universe set": [(ref, "--name", "Their name", "--yes") for ref in (*ODD[:3], BAD)],
    "universe add": each("U", "IWM", "--yes", of=(LARGEST, *ODD[::3], BAD)),
    "universe remove": each("U", "IWM", "--yes", of=(LARGEST, *ODD[::3], BAD)),
    "universe revert": each("U", "--yes", of=(*ODD[:3], BAD)),
    "universe rename": [(ODD[1], "stock_universe:theme_renamed", "--yes"),
                        (BAD, "etf_universe:theme_bad", "--yes")],
    "universe delete": [(ODD[-1], "--yes"), ("etf_universe:bad_number", "--yes")],
    "universe containing": [("SPY",), ("SPY", "--as-of", "2020-01-02")],
    "universe diff": each("U", LARGEST, of=(*OF_ALL, ODD[2])),
    "universe log": each("U", of=(LARGEST, *ODD[2:], BAD)),
    "universe blame": each("U", of=(LARGEST, *ODD[2:-1], BAD)),
    "universe record": [(ODD[2], "intervals.csv", "--yes"), (BAD, "intervals.csv", "--yes")],
    "universe import": [("list.csv", "--as", u, "--yes") for u in (ODD[3], BAD)],
    "universe export": each("U", "--format", "json", of=(*OF_ALL, ODD[2])),
    "universe refresh": [(LARGEST,), (BAD,)],
    "universe build": [("stock_universe:theme_built", "--rule", f"pick({LARGEST}; top 9 by price)",
                        "--from", "2026-01-02", "--to", "2026-03-02", "--yes")],
    "universe validate": [(), ("--format", "markdown"), ("--fix", "--yes")],
    "universe organize": [("--dry-run",), ("--yes",), ("--preserve", "--yes")],
    "instruments refresh": [()],
    "instruments renames": [("--plan",), (LARGEST, "--plan"), (ODD[0],)],
    "vendor limits": [(), ("--json",)],
    "jobs list": [(), ("--json",)],
    "jobs show": [("LOAD",)],
    "jobs cancel": [("LOAD",)],
    "jobs pause": [("LOAD",)],
    "jobs resume": [("LOAD",)],
    "jobs retry": [("LOAD",)],
    "jobs clone": [("LOAD",)],
    "jobs prune": [("--dry-run",), ("--older-than", "30d")],
    "schedule add": [("nightly", ODD[2], "--at", "18:00"), ("all", "*", "--at", "18:00")],
    "schedule list": [()],
    "schedule run-now": [("nightly",)],
    "schedule remove": [("all",)],
    "sessions list": [()],
    "sessions close": [("2027-03-02", "--reason", "storm")],
    "sessions reopen": [("2027-03-02",)],
    "user add": [("ann",)],
    "user list": [()],
    "user passwd": [("ann",)],
    "user link": [()],
    "user remove": [("ann",)],
    "config show": [()],
    "db status": [()],
    "db migrate": [()],
    "db backup": [("kept.dump",)],
    "db restore": [("kept.dump",)],
    "db roles": [()],
}  # fmt: skip
FAILS = {"universe refresh", "universe build", "instruments refresh", "instruments renames",
         "universe validate",
         "bridge", "db restore", "universe revert", "jobs cancel", "jobs pause", "jobs resume",
         "jobs retry", "jobs prune", "user add", "user passwd", "user remove", "schedule add",
         "schedule run-now", "schedule remove", "sessions reopen", "db roles",
         "universe record"}  # fmt: skip
"""Commands that may say no to what they are given here; the others do it, but for a row that cannot
be read."""


def test_the_walk_names_every_command() -> None:
    known = {*COMMANDS, *(f"{group} {name}" for group, (_, c) in GROUPS.items() for name in c)}
    assert {*WALK, *ELSEWHERE} == known
    assert not WALK.keys() & ELSEWHERE.keys()


def test_every_command_answers(
    loaded: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in loaded.shell.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(loaded.shell.home)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n" * 8))
    (loaded.shell.home / "list.csv").write_text("symbol\nSPY\nQQQ\nIWM\n")
    (loaded.shell.home / "intervals.csv").write_text("symbol,opt-in,opt-out\nSPY,2020-01-02,\n")
    faults = []
    for command, ways in WALK.items():
        for way in ways:
            words = [*command.split(), *(loaded.load if w == "LOAD" else w for w in way)]
            code = run([*words, "--home", str(loaded.shell.home)])
            said = capsys.readouterr()
            refused = command in FAILS or BAD in way or command == "universe organize"
            if (
                INTERNAL.search(said.out + said.err)
                or (code and not refused)
                or code not in range(6)
            ):
                faults.append(f"{' '.join(words)}: {code}: {said.err[-600:]}")
    assert not faults, "\n".join(faults)
    assert_all_ended(loaded)


def assert_all_ended(place: Place) -> None:
    """No job is left running: a worker that looks at all that is open comes to an end with it."""
    worker = place.shell.start("worker")
    try:
        until(lambda: not place.open_loads() or worker.poll() is not None, 60)
    finally:
        worker.send_signal(signal.SIGTERM)
        stopped = ended(worker)
    assert (stopped.code, place.open_loads()) == (0, 0), stopped.said
    assert "running" not in place.states()


# --- the page ---------------------------------------------------------------------------------
H = "/admin/historical-data"
FORM_FIELDS = {"form": "1", "source": "universe", "duration": "1d", "timeframes": "day"}
REFS = (LARGEST, *ODD[::2], BAD, "etf_universe:bad_nothing", "stock_etf_combo:old")
QUERIES: dict[str, list[dict[str, str]]] = {
    H: [FORM_FIELDS | {"universe": u} for u in OF_ALL],
    f"{H}/plan": [FORM_FIELDS | {"universe": u} for u in (*OF_ALL, *ODD[:3])],
    f"{H}/picker": [{"search": "odd"}, {"search": "Lived"}],
    "/universes": [{"q": "odd"}, {"check": "1"}],
    "/universes/organize": [{}, {"mode": "preserve"}],
    "/universes/diff": [{"first": u, "second": LARGEST} for u in (*OF_ALL, *ODD[:3])],
    "/universes/edit": [{"ref": u} for u in REFS],
    "/universes/edit/plan": [{"ref": u, "do": "members", "symbols": "IWM"} for u in REFS],
    "/universes/import": [{"ref": u} for u in REFS],
    "/universes/{ref}": [{}, {"as_of": "2020-01-02"}, {"blame": "1"}],
    "/coverage": [{"universe": u, "for": "1mo"} for u in (*OF_ALL, *ODD[:3])],
    "/coverage/plan": [
        {"universe": u, "for": "1mo", "cause": "never_asked"} for u in (*OF_ALL, *ODD[:3])
    ],
    "/find": [{}, {"q": "odd"}, {"q": "a @ 2020-01-02"}, {"q": "failed"}, {"q": name_of(0)}],
    "/bars": [{"symbol": name_of(0), "for": "1mo", "universe": ODD[0]}],
    "/api/bars": [{"symbol": name_of(0), "for": "1mo"}],
    "/api/coverage": [{"universe": u, "for": "1mo"} for u in (*OF_ALL, *ODD[:3])],
    "/api/diff": [{"first": ODD[0], "second": "*"}],
    "/api/members": [{"expression": u} for u in (*OF_ALL, *ODD)],
    "/jobs": [{}, {"state": "completed"}, {"q": "odd"}],
}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/sign-in": [{"name": "nobody", "password": "x"}],
    f"{H}/load": [FORM_FIELDS | {"universe": u} for u in OF_ALL],
    "/jobs/cancel": [{}, {"id": "nobody"}], "/jobs/retry": [{}, {"id": "nobody"}],
    "/jobs/{id}/cancel": [{}], "/jobs/{id}/retry": [{}], "/jobs/{id}/pause": [{}],
    "/jobs/{id}/resume": [{}], "/jobs/{id}/clone": [{}],
    "/receipts": [{"universe": u, "why": "asked", "days": "1"} for u in (*OF_ALL, *ODD)],
    "/receipts/{id}/revoke": [{}],
    "/universes/organize": [{"mode": "replace", "digest": "x"}],
    "/universes/edit": [{"ref": u, "do": "add", "symbols": "IWM"} for u in REFS],
    "/universes/import": [{"ref": ODD[3], "title": ""}],
    "/schedules": [{"name": "paged", "universe": ODD[4], "at": "18:00"}],
    "/schedules/{name}/run": [{}], "/schedules/{name}/remove": [{}],
    "/users": [{"user": "paged", "role": "viewer", "password": "x" * 20}],
    "/users/{name}/role": [{"role": "viewer"}], "/users/{name}/password": [{"password": "y" * 20}],
    "/users/{name}/remove": [{}],
    f"{H}/trigger-universe-load": [
        *({"universe_key": f"stock_universe:{key}", "years": 0.003, "timeframes": ["day"]}
          for key in (*foreign_kit.ODD_KEYS[:4], "a:b")),
        {"universe_key": f"SPY:{LARGEST.partition(':')[2]}", "years": 0.003},
        {"universe_key": BAD, "years": 0.003}, {"universe_key": "SPY:nothing", "years": 0.003},
    ],
    f"{H}/job/{{id}}/cancel": [{}], f"{H}/rebuild-cache": [{}],
    "/api/universes/{ref}/edit": [{"do": "add", "symbols": ["IWM"]}],
    "/api/universes/{ref}/import": [{"name": "list.csv", "content": "symbol\nSPY\nIWM\n"}],
    "/api/organize": [{"mode": "replace", "digest": "x"}],
    "/api/plan": [{"universe": u, "for": "1d"} for u in (*OF_ALL, *ODD[:4])],
    "/api/loads": [{"universe": u, "for": "1d"} for u in (*OF_ALL, *ODD[:4])],
    "/api/receipts": [{"universe": u, "why": "asked"} for u in (*OF_ALL, *ODD[:4])],
    "/api/receipts/{id}/revoke": [{}],
    "/api/loads/{id}/cancel": [{}], "/api/loads/{id}/retry": [{}], "/api/loads/{id}/pause": [{}],
    "/api/loads/{id}/resume": [{}], "/api/loads/{id}/clone": [{}],
    "/api/schedules": [{"name": "by api", "universe": ODD[4], "at": "18:00"}],
    "/api/schedules/{name}/run": [{}], "/api/schedules/{name}/remove": [{}],
    "/api/users/{name}/role": [{"role": "viewer"}],
}  # fmt: skip
LAST = ("/sign-out",)


def test_the_bodies_name_every_route_that_writes() -> None:
    assert {rule.path for rule in RULES if rule.method == "POST"} == {*BODIES, *LAST}


def test_every_route_answers(loaded: Place) -> None:
    settings = Settings(home=loaded.shell.home, vendor="synthetic", lease_seconds=1)
    with (
        Database.open(loaded.uri, loaded.shell.home, migrate=False) as database,
        running(database, settings) as page,
    ):
        client = page.client(Role.ADMIN)
        faults = [fault for rule in RULES for fault in _faults(client, rule, loaded)]
        assert not faults, "\n".join(faults)
        until(lambda: not loaded.open_loads(), 60)
    assert loaded.states() <= {"completed", "completed_with_errors", "cancelled", "failed"}


def _faults(client: Client, rule: Any, place: Place) -> Iterator[str]:
    if rule.path in LAST:
        return
    names = {"id": [place.load], "token": ["x"], "name": ["paged", "viewer"],
             "symbol": ["AAPL", "BRK.B", "NOBODY", quote("a b/c", safe="")],
             "ref": [quote(ref, safe="") for ref in REFS]}  # fmt: skip
    parts = re.findall(r"\{(\w+)\}", rule.path)
    for values in itertools.product(*(names[part] for part in parts)):
        path = rule.path.format(**dict(zip(parts, values, strict=True)))
        for asked in _ways(client, rule, path):
            answer = asked()
            if answer.status >= 500 or INTERNAL.search(answer.body.decode("utf-8", "replace")):
                yield f"{rule.method} {path}: {answer.status}: {answer.text[:400]}"


def _ways(client: Client, rule: Any, path: str) -> Iterator[Callable[[], Any]]:
    if rule.method == "GET":
        for query in QUERIES.get(rule.path, [{}]):
            yield lambda query=query: client.get(f"{path}?{urlencode(query)}")
        return
    for fields in BODIES[rule.path]:
        if rule.kind == "json":
            yield lambda fields=fields: client.ask("POST", path, body=fields)
        else:
            yield lambda fields=fields: client.post(path, fields)
