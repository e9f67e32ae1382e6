"""`tickstock doctor`, metrics, the log, and what the commands say about paused and ended jobs."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Cluster
from tests.kit import CALENDAR
from tests.published import week
from tests.web_kit import running, settings_for
from tickstock.cli.app import run
from tickstock.clock import machine_now, utc_now
from tickstock.config import Settings, known_settings, read_settings, sources, variables
from tickstock.errors import BadSetting, DatabaseUnavailable, VendorUnavailable
from tickstock.private import make_home
from tickstock.service import TickStock, doctor
from tickstock.service.access import Role
from tickstock.service.doctor import Check, Health, examine
from tickstock.store.calendar import fill_sessions
from tickstock.store.database import Database
from tickstock.store.system import BudgetRow, Signs
from tickstock.web.metrics import show

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
WELL = Signs(NOW, date(2027, 12, 31), 0, 0, 0, 0, 0, 28, NOW, ("massive",), 0)
CANARY = "canary-4b1d-secret"


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Commands set up the log of this process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def database(cluster: Cluster, template: str, home: Path) -> Iterator[Database]:
    name = cluster.create(template)
    with Database.open(cluster.uri(name), home, migrate=False) as opened:
        with opened.transaction() as connection:
            fill_sessions(connection)
        yield opened
    cluster.drop(name)


@pytest.fixture
def tickstock(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:  # fmt: skip
    """The command line in this process: exit code, stdout, stderr."""
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    monkeypatch.setenv("TICKSTOCK_HOME", str(tmp_path))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([*words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


Command = Callable[..., tuple[int, str, str]]


# --- the doctor ---------------------------------------------------------------------------------
def health(check: Check) -> Health:
    assert check.what
    if check.health is not Health.OK:
        assert check.why or check.do
    return check.health


@pytest.mark.dates
def test_a_new_installation_is_well(tickstock: Command) -> None:
    code, out, _ = tickstock("universe", "organize", "--yes")
    assert code == 0
    code, out, _ = tickstock("doctor", "--json", "--ask-vendor")
    checks = {c["name"]: c for c in json.loads(out)["data"]["checks"]}
    assert code == 0
    assert {name for name, c in checks.items() if c["health"] != "ok"} == {"test clock"}
    assert {"database", "schema", "clock", "workers", "queue", "sessions", "vendor"} <= set(checks)
    assert "1 bar for AAPL" in checks["vendor"]["what"]


def test_a_database_that_is_away_is_one_failure_and_no_traceback(
    tickstock: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URI", f"postgresql://ann:{CANARY}@127.0.0.1:1/stocks")
    code, out, err = tickstock("doctor")
    assert code == 1
    assert re.search(r"failure +database +postgresql://ann:\*\*\*@127.0.0.1:1/stocks", out)
    assert "Traceback" not in out + err
    assert CANARY not in out + err


def test_it_says_what_is_wrong_with_a_load_that_nobody_works_on(tickstock: Command) -> None:
    assert tickstock("load", "{AAA}", "--for", "1w", "--background")[0] == 0
    code, out, _ = tickstock("doctor")
    assert code == 1
    assert "1 of them with no call in hand" in out
    assert "tickstock worker" in out


def test_what_holds_no_schema_is_told_how_to_get_one(cluster: Cluster, tmp_path: Path) -> None:
    name = cluster.create()
    uri = cluster.uri(name)
    checks = examine(
        Settings(home=tmp_path, vendor="synthetic"),
        lambda: Database.open(uri, tmp_path, migrate=False), machine_now, {},
    )  # fmt: skip
    found = {c.name: c for c in checks}
    cluster.drop(name)
    assert found["schema"].health is Health.FAILURE
    assert "db migrate" in found["schema"].do


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        (doctor._clock(timedelta(seconds=1), timedelta(0)), Health.OK),
        (doctor._clock(timedelta(seconds=5), timedelta(seconds=9)), Health.OK),  # a slow answer
        (doctor._clock(timedelta(seconds=-9), timedelta(0)), Health.WARNING),
        (doctor._clock(timedelta(hours=1), timedelta(seconds=1)), Health.FAILURE),
        (doctor._server(150_004), Health.OK),
        (doctor._server(140_010), Health.FAILURE),
        (doctor._workers(0, WELL), Health.OK),
        (doctor._workers(1, replace(WELL, open_loads=3, unattended=3)), Health.OK),
        (doctor._workers(0, replace(WELL, open_loads=1, unattended=1)), Health.FAILURE),
        (doctor._workers(0, replace(WELL, schedules=1)), Health.FAILURE),
        (doctor._loads(1, replace(WELL, open_loads=2, unattended=1)), Health.WARNING),
        (doctor._leases(replace(WELL, stale_leases=2)), Health.WARNING),
        (doctor._queue(0), Health.OK),
        (doctor._queue(3), Health.WARNING),
        (doctor._budget(BudgetRow("massive", 9, 0, 12.0)), Health.OK),
        (doctor._budget(BudgetRow("massive", 9, 5, 3600.0)), Health.WARNING),
        (doctor._sessions(WELL, CALENDAR.known.last), Health.OK),
        (doctor._sessions(WELL, date(2026, 12, 1)), Health.WARNING),
        (doctor._sessions(WELL, date(2026, 11, 1)), Health.FAILURE),
        (doctor._sessions(replace(WELL, sessions_through=None), date(2027, 1, 1)), Health.FAILURE),
        (doctor._universes(replace(WELL, universes=0)), Health.WARNING),
        (doctor._universes(replace(WELL, universes_changed=LONG_AGO)), Health.WARNING),
        (doctor._origins(replace(WELL, origins=("massive", "synthetic"))), Health.WARNING),
        (doctor._origins(replace(WELL, origins=("synthetic",))), Health.OK),
        (doctor._key(Settings(vendor="massive"), NOW), Health.FAILURE),
        (doctor._key(Settings(vendor="massive", massive_api_key="k"), NOW), Health.OK),
        (doctor._key(Settings(vendor="flatfiles"), NOW), Health.FAILURE),
        (doctor._key(Settings(vendor="flatfiles:/x"), NOW), Health.OK),
        (doctor._disk(Settings(home=Path("/"))), Health.OK),
        (doctor._log(Settings(home=Path("/proc/none"))), Health.FAILURE),
    ],
)  # fmt: skip
def test_every_check_says_what_it_found_and_what_to_do(check: Check, wanted: Health) -> None:
    assert health(check) is wanted


def away() -> Database:
    raise DatabaseUnavailable("It is away.", "Wait.")


def test_who_is_asked_and_does_not_answer_is_a_failure(tmp_path: Path) -> None:
    def silent() -> str:
        raise VendorUnavailable("No answer.", "Wait.")

    checks = [*examine(Settings(home=tmp_path), away, lambda: NOW, {"vendor": silent})]
    assert checks[-1] == Check("vendor", Health.FAILURE, "No answer.", "", "Wait.")
    assert [c.what for c in checks if c.name == "database"] == ["It is away."]


def test_what_is_open_to_others_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    home, logs = tmp_path / "home", tmp_path / "home" / "logs"
    settings = Settings(home=home, vendor="synthetic")

    def privacy() -> Check:
        checks = examine(settings, away, lambda: NOW, {})
        return next(c for c in checks if c.name == "privacy")

    make_home(home, has_server=True)
    assert privacy().health is Health.OK
    home.chmod(0o755)
    logs.chmod(0o750)
    (logs / "tickstock.log").chmod(0o644)
    (home / "tickstock.toml").write_text("")
    (home / "tickstock.toml").chmod(0o640)
    found = privacy()
    assert found.health is Health.WARNING
    for mode in ("home (755)", "logs (750)", "tickstock.log (644)", "tickstock.toml (640)"):
        assert mode in found.what
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    subprocess.run(found.do.rpartition(": ")[2], shell=True, check=True)
    assert privacy().health is Health.OK


# --- what commands say --------------------------------------------------------------------------
def load_id(out: str) -> str:
    return str(json.loads(out)["data"]["load"])


def test_jobs_that_have_ended_can_neither_be_cancelled_nor_paused(tickstock: Command) -> None:
    _, out, err = tickstock("load", "{AAA}", "--for", "1w", "--json")
    job = load_id(out)
    for verb in ("cancel", "pause"):
        code, out, err = tickstock("jobs", verb, job)
        assert code == 1
        assert f"has ended (completed): there is nothing to {verb}." in err
    log = (Path(os.environ["TICKSTOCK_HOME"]) / "logs" / "tickstock.log").read_text()
    assert '"event": "job ended"' in log


def test_pausing_resuming_cloning_and_pruning_by_command(tickstock: Command) -> None:
    job = load_id(tickstock("load", "{AAA}", "--for", "1w", "--background", "--json")[1])
    code, out, _ = tickstock("jobs", "pause", job, "--json")
    assert (code, json.loads(out)["data"]["paused"]) == (0, True)
    assert "paused" in tickstock("jobs", "list")[1]
    assert tickstock("jobs", "pause", job)[0] == 0  # it is what was wanted
    code, out, _ = tickstock("jobs", "resume", job, "--background", "--json")
    assert (code, json.loads(out)["data"]["paused"]) == (0, False)
    code, out, _ = tickstock("jobs", "resume", job, "--json")
    assert (code, json.loads(out)["data"]["state"]) == (0, "completed")
    code, out, _ = tickstock("jobs", "clone", job, "--json")
    assert (code, json.loads(out)["data"]["calls_planned"]) == (0, 0)
    assert tickstock("jobs", "prune")[1].startswith("0 jobs")
    code, out, _ = tickstock("jobs", "prune", "--older-than", "1d", "--dry-run", "--json")
    assert (code, json.loads(out)["data"]["jobs"]) == (0, 0)
    assert tickstock("jobs", "prune", "--older-than", "all")[0] == 2


@pytest.mark.dates
def test_schedules_by_command(tickstock: Command) -> None:
    made = ("schedule", "add", "daily", "{AAA}", "--at", "18:30", "--after-close")
    code, out, err = tickstock(*made)
    assert code == 0
    assert "18:30 after every close" in out
    assert "final 8 hours after its close" in err  # by then, the day itself is not published
    assert tickstock(*made)[0] == 5
    code, out, _ = tickstock("schedule", "list", "--json")
    (only,) = json.loads(out)["data"]
    assert (only["name"], only["at"], only["for"], only["last"]) == ("daily", "18:30", "1w", None)
    assert tickstock("schedule", "run-now", "daily")[0] == 0
    assert tickstock("schedule", "remove", "daily")[0] == 0
    assert tickstock("schedule", "remove", "daily")[0] == 2
    assert tickstock("schedule", "add", "x", "{AAA}", "--at", "12:00", "--after-close")[0] == 2


@pytest.mark.dates
def test_symbols_that_were_never_asked_for_count_as_not_held(tickstock: Command) -> None:
    tickstock("load", "{S00}", "--for", "1w")
    many = "{" + ", ".join(f"S{n:02}" for n in range(21)) + "}"
    out = tickstock("coverage", many, "--for", "1w")[1]
    days = len(week(utc_now()))
    assert f"{days} of {21 * days} sessions held" in out
    assert f"never asked for: {20 * days} sessions of 20" in out
    assert "and 8 more" in out


def test_validate_says_its_counts_once_and_has_the_common_envelope(tickstock: Command) -> None:
    tickstock("universe", "organize", "--yes")
    _, out, err = tickstock("universe", "validate")
    assert (out + err).count("warning") <= 1 or not re.search(r"\b1 warnings\b", out + err)
    assert "errors" not in err
    body = json.loads(tickstock("universe", "validate", "--json")[1])
    assert body["schema"] == "tickstock/1"
    assert body["command"] == "universe validate"
    assert "findings" in body["data"]


# --- settings -----------------------------------------------------------------------------------
def test_config_show_gives_numbers_as_numbers_and_says_where_they_come_from(
    tickstock: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tickstock.toml").write_text('massive_calls_per_minute = 7\nlog_level = "debug"\n')
    monkeypatch.setenv("TICKSTOCK_LOG_LEVEL", "warning")
    found = json.loads(tickstock("config", "show", "--json")[1])["data"]
    file = str(tmp_path / "tickstock.toml")
    assert found["MASSIVE_CALLS_PER_MINUTE"] == {"value": 7.0, "source": file}
    assert found["TICKSTOCK_LOG_LEVEL"] == {"value": "warning", "source": "environment"}
    assert found["TICKSTOCK_LEASE_SECONDS"] == {"value": 30.0, "source": "default"}
    assert found["REDIS_URL"] == {"value": None, "source": "default"}
    assert sources({}, tmp_path, home=tmp_path)["home"] == "option"


def test_a_home_in_a_settings_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tickstock.toml").write_text('home = "/elsewhere"\n')
    with pytest.raises(BadSetting, match="TICKSTOCK_HOME"):
        read_settings({}, tmp_path)


# --- metrics ------------------------------------------------------------------------------------
def test_metrics_are_for_those_who_sign_in_or_show_the_token(
    database: Database, home: Path
) -> None:
    settings = settings_for(home, metrics_token=CANARY)
    with running(database, settings, worker=False) as page:
        anonymous = page.anonymous()
        assert anonymous.get("/metrics").status == 401
        assert anonymous.get("/metrics", Authorization="Bearer wrong").status == 401
        assert anonymous.get("/metrics", Authorization=f"Basic {CANARY}").status == 401
        # The token is for this alone.
        assert anonymous.get("/system", Authorization=f"Bearer {CANARY}").status == 401
        assert page.client(Role.VIEWER).get("/metrics").status == 200
        answer = anonymous.get("/metrics", Authorization=f"Bearer {CANARY}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert [*text_string_to_metric_families(answer.text)]


def test_without_a_token_in_the_settings_none_is_good(database: Database, home: Path) -> None:
    with running(database, settings_for(home), worker=False) as page:
        for shown in ("Bearer", "Bearer ", "Bearer None", "Bearer null"):
            assert page.anonymous().get("/metrics", Authorization=shown).status == 401


def metrics_of(tick: TickStock) -> dict[str, dict[str, float]]:
    class Desk:
        def __init__(self) -> None:
            self.tick = tick

    text = bytes(show(Desk()).body).decode()  # type: ignore[arg-type]
    return {
        family.name: {",".join(s.labels.values()): s.value for s in family.samples}
        for family in text_string_to_metric_families(text)
    }


@pytest.mark.dates
def test_metrics_tell_loads_calls_bars_answers_and_leases(
    tickstock: Command, database: Database, tmp_path: Path
) -> None:
    tickstock("load", "{AAA, BBB}", "--for", "1w", "--timeframes", "hour")
    tickstock("load", "{CCC}", "--for", "1w", "--timeframes", "hour", "--background")
    settings = Settings(home=tmp_path, vendor="synthetic")
    found = metrics_of(TickStock(settings, database))
    assert found["tickstock_loads"] == {"completed": 1, "submitted": 1}
    assert found["tickstock_open_calls"] == {"waiting": 1}
    assert found["tickstock_vendor_answers"] == {"bars": 2}
    bars = 2 * sum(session.hours for session in week(utc_now()))
    assert found["tickstock_bars_written"]["new"] == found["tickstock_bars"][""] == bars
    assert found["tickstock_workers_alive"][""] == 0
    assert found["tickstock_database_seconds"][""] > 0
    assert "tickstock_first_lease_seconds" not in found
    with database.transaction() as connection:
        connection.execute(
            "UPDATE tickstock.calls SET state = 'leased', lease_until = now() + interval '9 s',"
            " worker = 'w' WHERE state = 'waiting'"
        )
    found = metrics_of(TickStock(settings, database))
    assert 0 < found["tickstock_first_lease_seconds"][""] <= 9


def test_the_board_shows_what_there_is(database: Database, tmp_path: Path) -> None:
    board = json.loads((ROOT / "deploy" / "grafana" / "tickstock.json").read_text())
    with database.transaction() as connection:
        connection.execute("INSERT INTO tickstock.budgets (vendor) VALUES ('v')")
        connection.execute(
            "INSERT INTO tickstock.counters VALUES ('answers', 'bars', 1), ('bars', 'new', 1)"
        )
    there = set(metrics_of(TickStock(Settings(home=tmp_path), database)))
    there |= {"tickstock_first_lease_seconds"}  # only while there are leases
    asked = {
        name.removesuffix("_total")
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"tickstock_\w+", target["expr"])
    }
    assert asked == there


# --- secrets ------------------------------------------------------------------------------------
def test_no_command_shows_a_secret_anywhere(
    tickstock: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not where libpq, the vendor or Redis fail with it."""
    for known in known_settings():
        if known.secret:
            monkeypatch.setenv(known.variable, f"{CANARY}-{known.name}")
    good = os.environ["DATABASE_URI"]
    monkeypatch.setenv("REDIS_URL", f"redis://:{CANARY}@127.0.0.1:1/0")
    monkeypatch.setenv("MASSIVE_BASE_URL", "http://127.0.0.1:1")
    bad = (
        f"postgresql://ann:{CANARY}@127.0.0.1:1/x",
        f"postgresql://ann:{CANARY}@@127.0.0.1/x",
        f"host=127.0.0.1 port=1 password={CANARY}",
        f"host=127.0.0.1 port={CANARY}",
        f"postgresql://ann@127.0.0.1:1/x?password={CANARY}&bogus=1",
        f"{CANARY}",
    )
    commands = (
        ("config", "show"), ("config", "show", "--json"), ("doctor",), ("db", "status"),
        ("universe", "list"), ("jobs", "list"), ("schedule", "list"), ("load", "{AAA}", "-v"),
        ("plan", "{AAA}"), ("coverage", "{AAA}"), ("bars", "{AAA}"), ("db", "roles", "--print"),
        ("universe", "validate"), ("user", "list"), ("worker", "-v"), ("jobs", "show", CANARY[:3]),
    )  # fmt: skip
    said: list[Any] = []
    for uri in bad:
        monkeypatch.setenv("DATABASE_URI", uri)
        said += [(words, uri, *tickstock(*words)) for words in commands[:6]]
    monkeypatch.setenv("DATABASE_URI", good)
    monkeypatch.setenv("TICKSTOCK_VENDOR", "massive")
    said += [
        (words, "", *tickstock(*words)) for words in commands if words[0] not in ("worker", "load")
    ]
    for words, uri, _, out, err in said:
        assert CANARY not in out + err, (words, uri)
        assert "Traceback" not in out + err, (words, uri)
    logs = "".join(f.read_text() for f in (tmp_path / "logs").iterdir())
    assert CANARY not in logs


def test_an_error_before_there_is_a_log_is_told_without_a_traceback(
    tickstock: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setenv("TICKSTOCK_LEASE_SECONDS", "soon")
    code, out, err = tickstock("jobs", "list")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("TICKSTOCK_LEASE_SECONDS") == 1
    monkeypatch.setattr("tickstock.cli.session.read_settings", lambda **_: 1 / 0)
    code, out, err = tickstock("jobs", "list")
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert "ZeroDivisionError" in err
