"""Loading from the command line, in processes of its own: what a person does, and meets."""

from __future__ import annotations

import csv
import gzip
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.cli_run import Result, Shell, ended
from tests.conftest import Cluster, new_folder
from tickstock.store import embedded
from tickstock.store.database import Database
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.worker.policy import Policy

CORE = "etf_universe:core_etfs"
TEN = {"SPY", "QQQ", "IWM", "DIA", "VOO", "VTI", "VEA", "VWO", "AGG", "BND"}
STOCKS = "{AAPL, FB, GOOG, IBM, MSFT}"
KEY = "canary-5e5a3e-key"
PASSWORD = "canary-77c1f0-word"


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    """Somebody with a PostgreSQL of their own and the replay vendor."""
    return Shell(tmp_path, {"DATABASE_URI": database.conninfo, "TICKSTOCK_VENDOR": "replay"})


def query(database: Database, text: str) -> list[Any]:
    with database.transaction() as conn:
        return conn.execute(text).fetchall()


def bars(database: Database) -> int:
    return int(query(database, "SELECT count(*) FROM tickstock.bars_day")[0][0])


def massive(shell: Shell, url: str, key: str = KEY) -> Shell:
    return shell.with_settings(
        TICKSTOCK_VENDOR="massive",
        MASSIVE_BASE_URL=url,
        MASSIVE_API_KEY=key,
        MASSIVE_CALLS_PER_MINUTE=0,
    )


def progress_lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]


# --- the guide's own test ------------------------------------------------------------------------
@pytest.fixture
def alone() -> Iterator[Shell]:
    """Somebody with nothing: the embedded server."""
    home = new_folder()
    yield Shell(home, {"TICKSTOCK_VENDOR": "replay"})
    embedded.stop(home)
    shutil.rmtree(home)


def test_the_guides_first_test_on_a_machine_with_nothing(alone: Shell) -> None:
    shown = alone.run("universe", "organize", "--dry-run")
    assert shown.code == 0
    assert CORE in shown.out
    assert alone.run("universe", "list", "--json").json() == []  # a dry run writes nothing
    assert alone.run("universe", "organize", "--yes").code == 0

    loaded = alone.run("load", CORE, "--for", "1d", "--json")
    assert loaded.code == 0, loaded.said
    done = loaded.json()
    assert (done["state"], done["percent"]) == ("completed", 100)
    assert (done["expected"], done["held"], done["bars_new"]) == (10, 10, 10)
    assert set(done["report"]["good_symbols"]) == TEN
    lines = alone.log()
    assert any(f"Loading from cache: {CORE}" in line["event"] for line in lines)
    assert [line for line in lines if line["level"] in ("error", "critical")] == []
    rows = list(csv.DictReader(alone.run("bars", CORE, "--format", "csv").out.splitlines()))
    assert len(rows) == 10
    assert {row["symbol"] for row in rows} == TEN
    assert len({row["date"] for row in rows}) == 1

    again = alone.run("load", CORE, "--for", "1d", "--json").json()
    assert (again["state"], again["calls_planned"], again["bars_new"]) == ("completed", 0, 0)


def test_a_csv_file_loads_the_same(shell: Shell, database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "core.csv").write_text("\ufeffSymbol\n" + "\n".join(sorted(TEN)) + "\nSPY\n", "utf-8")
    done = shell.run("load", "--csv", "core.csv", "--for", "1d", "--json", TICKSTOCK_CSV_DIR=folder)
    assert done.code == 0, done.said
    assert (done.json()["held"], done.json()["bars_new"]) == (10, 10)
    assert bars(database) == 10
    for name in ("../core.csv", "/etc/passwd", "none.csv"):
        refused = shell.run("load", "--csv", name, "--for", "1d", TICKSTOCK_CSV_DIR=folder)
        assert refused.code == 2, refused.said
        assert "core.csv" not in refused.out


# --- every real bar, through the wire ----------------------------------------------------------
def shipped() -> list[str]:
    """The lines of the shipped file, without its header."""
    name = "data/bars/stocks_2000_2013.csv.gz"
    text = gzip.decompress(files("tickstock").joinpath(name).read_bytes()).decode()
    return text.splitlines()[1:]


def test_every_real_bar_comes_back_as_it_was_printed_in_any_zone(
    shell: Shell, database: Database
) -> None:
    done = shell.run("load", STOCKS, "--from", "2000-03-01", "--to", "2013-03-01", "--json",
                     TZ="America/Chicago")  # fmt: skip
    assert done.code == 0, done.said
    assert done.json()["bars_new"] == len(shipped()) == 12_154
    for zone in ("America/Chicago", "UTC", "Asia/Tokyo"):
        printed = shell.run("bars", STOCKS, "--adjust", "raw", "--format", "csv", TZ=zone)
        assert printed.code == 0
        header, *lines = printed.out.splitlines()
        assert header.startswith("symbol,date,open,high,low,close,volume,")
        assert [line.rsplit(",", 2)[0] for line in lines] == shipped()
    again = shell.run("load", STOCKS, "--from", "2000-03-01", "--to", "2013-03-01", "--json",
                      TZ="Asia/Tokyo")  # fmt: skip
    assert (again.json()["calls_planned"], again.json()["bars_new"]) == (0, 0)


# --- JSON ----------------------------------------------------------------------------------------
def test_every_json_output_is_one_document_with_its_schema(shell: Shell) -> None:
    span = ("--from", "2012-07-02", "--to", "2012-07-06")
    planned = shell.run("plan", "{IBM}", *span, "--json").json()
    assert planned["summary"]["missing"] == 4
    load = shell.run("load", "{IBM}", *span, "--json").json()
    assert load["state"] == "completed"
    assert load["trouble"] == ""
    shown = shell.run("jobs", "show", load["load"][:8], "--json").json()
    assert shown["report"]["items"] == [["IBM", "day", 4, 4, {}]]
    assert [p["load"] for p in shell.run("jobs", "list", "--json").json()] == [load["load"]]
    held = shell.run("coverage", "{IBM}", "--json").json()["items"]
    assert [(i["symbol"], i["expected"], i["held"], i["origin"]) for i in held] == [
        ("IBM", 4, 4, "recorded")
    ]
    rows = shell.run("bars", "{IBM}", "--adjust", "raw", "--json").json()
    assert [row["date"] for row in rows] == ["2012-07-02", "2012-07-03", "2012-07-05", "2012-07-06"]
    assert rows[0] == {"symbol": "IBM", "date": "2012-07-02", "open": 196.0, "high": 197.0,
                       "low": 194.53, "close": 195.77, "volume": 3487800, "vwap": None,
                       "trades": None} | {k: rows[0][k] for k in ("open", "high", "low", "close",
                                                                  "volume")}  # fmt: skip


# --- input that cannot be ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("load", "etf_universe:core_etf", "--for", "1d"), 1, "etf_universe:core_etfs"),
        (("load", CORE, "--for", "1 fortnite"), 2, "fortnite"),
        (("load", CORE, "--for", "1d", "--from", "2012-01-03"), 2, "Both"),
        (("load", CORE, "--from", "2012-02-30"), 2, "2012-02-30"),
        (("load", CORE, "--from", "2012-02-03", "--to", "2012-02-01"), 2, "earlier date first"),
        (("load", CORE, "--timeframes", "2min"), 2, "2min"),
        (("load",), 2, "No universe"),
        (("load", CORE, "--csv", "x.csv"), 2, "Both"),
        (("load", "{AAPL"), 2, "AAPL"),
        (("bars", "{ZZTOP}"), 1, "ZZTOP"),
        (("jobs", "show", "0000"), 1, "0000"),
        (("jobs", "list", "--state", "odd"), 2, "odd"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_wrong_input_is_named_and_ends_with_its_code(
    organized: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = organized.run(*arguments)
    assert result.code == code, result.said
    assert said in result.err + result.out


@pytest.fixture(scope="module")
def organized(cluster: Cluster, template: str) -> Iterator[Shell]:
    """Somebody with the shipped universes, for tests that write nothing."""
    home, name = new_folder(), cluster.create(template)
    shell = Shell(home, {"DATABASE_URI": cluster.uri(name), "TICKSTOCK_VENDOR": "replay"})
    assert shell.run("universe", "organize", "--yes").code == 0
    yield shell
    cluster.drop(name)
    shutil.rmtree(home)


def test_a_value_that_is_no_universe_is_named_by_its_row(shell: Shell, database: Database) -> None:
    with database.transaction() as conn:
        conn.execute(
            "INSERT INTO cache_entries (type, name, key, value) VALUES"
            " ('etf_universe', 'Broken', 'broken', '{\"symbols\": \"SPY QQQ\", \"n\": 3}')"
        )
    refused = shell.run("load", "etf_universe:broken", "--for", "1d")
    assert refused.code == 1, refused.said
    assert "etf_universe:broken" in refused.err
    assert query(database, "SELECT count(*)::int FROM tickstock.loads") == [(0,)]


# --- vendors and databases that fail -------------------------------------------------------------
def test_a_wrong_key_ends_with_4_at_once(shell: Shell, database: Database) -> None:
    with serve_in_thread(ReplayVendor(key=KEY)) as vendor:
        symbols = "{" + ",".join(f"S{a}{b}" for a in "ABCDEFGHIJKL" for b in "ABCDEFGHIJKL") + "}"
        refused = massive(shell, vendor.url, "canary-wrong").run(
            "load", symbols, "--from", "2012-01-03", "--to", "2012-12-31"
        )
        assert len(vendor.requests) <= Policy().concurrency
    assert refused.code == 4, refused.said
    assert "MASSIVE_API_KEY" in refused.out
    assert bars(database) == 0
    assert "canary" not in refused.said


def test_no_key_is_said_before_anything_is_submitted(shell: Shell, database: Database) -> None:
    refused = shell.run("load", "{IBM}", "--for", "1d", TICKSTOCK_VENDOR="massive")
    assert refused.code == 4, refused.said
    assert "MASSIVE_API_KEY" in refused.err
    assert query(database, "SELECT count(*)::int FROM tickstock.loads") == [(0,)]


def test_a_symbol_the_vendor_refuses_ends_with_3_and_the_others_are_loaded(
    shell: Shell, database: Database
) -> None:
    with serve_in_thread(ReplayVendor(faults=[Fault(What.NOT_FOUND, "/ticker/IBM/")])) as vendor:
        partly = massive(shell, vendor.url).run(
            "load", STOCKS, "--from", "2012-07-02", "--to", "2012-07-31", "--json"
        )
    assert partly.code == 3, partly.said
    assert partly.json()["report"]["failed_symbols"] == ["IBM"]
    assert bars(database) == 4 * 21
    shown = shell.run("jobs", "show", partly.json()["load"])
    assert "1 failed" not in shown.out.partition("why: ")[2]
    why = shlex.split(shown.out.partition("why: tickstock ")[2])
    assert "failed: 21 sessions of 1 symbol" in shell.run(*why).out


@pytest.fixture(scope="module")
def hopeless(cluster: Cluster, template: str) -> Iterator[dict[str, tuple[Result, list[Any]]]]:
    """Jobs that are tried for some seconds in vain: side by side, as that takes its time."""
    home, names = new_folder(), {n: cluster.create(template) for n in ("down", "html")}
    with serve_in_thread(ReplayVendor(faults=[Fault(What.WEB_PAGE)])) as vendor:
        urls = {"down": "http://127.0.0.1:9", "html": vendor.url}
        running = {}
        for name, database in names.items():
            shell = Shell(home, {"DATABASE_URI": cluster.uri(database)})
            command = ("load", "{IBM}", "--from", "2012-07-02", "--to", "2012-07-31")
            running[name] = massive(shell, urls[name]).start(*command)
        results = {name: ended(process) for name, process in running.items()}
    found = {}
    for name, result in results.items():
        with psycopg.connect(cluster.uri(names[name])) as conn:
            left = conn.execute(
                "SELECT (SELECT count(*) FROM tickstock.bars_day),"
                " (SELECT count(*) FROM tickstock.coverage), (SELECT state FROM tickstock.calls)"
            ).fetchone()
        found[name] = (result, list(left or ()))
    yield found
    for database in names.values():
        cluster.drop(database)
    shutil.rmtree(home)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("down", "VendorUnavailable", "The vendor cannot be reached"),
        ("html", "VendorUnreadable", "is a web page"),
    ],
)
def test_a_vendor_that_fails_is_told_while_it_is_tried_and_at_the_end(
    hopeless: dict[str, tuple[Result, list[Any]]], name: str, kind: str, words: str
) -> None:
    result, left = hopeless[name]
    assert result.code == 1, result.said
    assert words in result.out
    told = [line["trouble"] for line in progress_lines(result) if line["trouble"]]
    assert told, result.err
    assert kind in told[0]
    assert words in told[0]
    assert left == [0, 0, "failed"]


@pytest.mark.parametrize("command", [("universe", "list"), ("load", "{IBM}"), ("worker",)])
def test_a_database_that_does_not_answer_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    shell = Shell(tmp_path, {"DATABASE_URI": f"postgresql://ann:{PASSWORD}@127.0.0.1:9/stocks",
                             "TICKSTOCK_VENDOR": "replay"})  # fmt: skip
    told = shell.run(*command)
    assert told.code == 1, told.said
    assert "127.0.0.1:9/stocks" in told.err
    assert PASSWORD not in told.said


def test_an_error_in_json_is_one_line_of_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"DATABASE_URI": "postgresql://ann@127.0.0.1:9/stocks"})
    told = json.loads(shell.run("universe", "list", "--json").err)
    assert (told["schema"], told["error"]) == ("tickstock/1", "DatabaseUnavailable")
    assert "127.0.0.1:9" in told["what"]
    assert told["hint"]


# --- secrets -------------------------------------------------------------------------------------
def dump(database: Database) -> str:
    """Every row of every table, as text."""
    tables = query(database, "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE"
                   " schemaname NOT IN ('pg_catalog', 'information_schema')")  # fmt: skip
    assert ("tickstock.loads",) in tables
    rows = []
    with database.transaction() as conn:
        for (name,) in tables:
            found = sql.SQL("SELECT t::text FROM {} AS t").format(sql.SQL(name))
            rows += [text for (text,) in conn.execute(found).fetchall()]
    return "\n".join(rows)


def test_no_secret_leaves_the_process(shell: Shell, database: Database, tmp_path: Path) -> None:
    separator = "&" if "?" in database.conninfo else " "
    uri = f"{database.conninfo}{separator}password={PASSWORD}"
    own = shell.with_settings(DATABASE_URI=uri, TICKSTOCK_LOG_LEVEL="debug")
    faults = [Fault(What.SERVER_ERROR, "/ticker/MSFT/", nth=(1,)), Fault(What.NOT_FOUND, "/IBM/")]
    said = []
    with serve_in_thread(ReplayVendor(key=KEY, faults=faults)) as vendor:
        for key, code in ((KEY, 3), ("canary-0-wrong", 4)):
            result = massive(own, vendor.url, key).run(
                "load", STOCKS, "--from", "2012-07-02", "--to", "2012-07-31", "--verbose",
                "--refresh",
            )  # fmt: skip
            assert result.code == code, result.said
            said.append(result.said)
        assert all(seen.keyed and not seen.exposed for seen in vendor.requests)
    said += [
        massive(own, vendor.url).run(*c).said
        for c in (
            ("jobs", "list", "--json"),
            ("jobs", "list"),
            ("config", "show"),
            ("db", "status"),
        )
    ]
    log = (tmp_path / "logs" / "tickstock.log").read_text("utf-8")
    for text in (*said, log, dump(database)):
        assert "canary" not in text
    assert "call not answered" in log


# --- jobs ----------------------------------------------------------------------------------------
def test_a_load_in_the_background_waits_for_a_worker_and_can_be_cancelled_and_retried(
    shell: Shell, database: Database
) -> None:
    span = ("--from", "2012-07-02", "--to", "2012-07-31")
    begun = shell.run("load", STOCKS, *span, "--background", "--json")
    assert begun.code == 0
    job = begun.json()["load"][:8]
    assert bars(database) == 0
    assert shell.run("jobs", "cancel", job).code == 0
    assert shell.run("jobs", "watch", job).code == 1
    assert "cancelled" in shell.run("jobs", "show", job).out
    retried = shell.run("jobs", "retry", job, "--json")
    assert retried.code == 0, retried.said
    assert (retried.json()["state"], bars(database)) == ("completed", 5 * 21)
    nothing = shell.run("jobs", "retry", job)
    assert nothing.code == 0
    assert "nothing to ask again" in nothing.err


def test_going_on_with_a_load_of_another_vendor_is_refused(
    shell: Shell, database: Database
) -> None:
    job = shell.run("load", "{IBM}", "--for", "1d", "--background", "--json").json()["load"]
    refused = shell.run("jobs", "resume", job, TICKSTOCK_VENDOR="synthetic")
    assert refused.code == 2, refused.said
    assert "TICKSTOCK_VENDOR=replay" in refused.err
    assert bars(database) == 0


def test_the_reader_of_our_output_may_leave_early(organized: Shell) -> None:
    command = f"{Path(sys.executable).parent / 'tickstock'} universe list | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False,
        env=organized._environment(), timeout=30,
    )  # fmt: skip
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
