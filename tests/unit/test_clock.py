"""One clock: read in one place, handed on from there, and never set where it does harm."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tickstock
from tests.moment import handed_on
from tickstock import clock
from tickstock.config import variables
from tickstock.errors import BadSetting
from tickstock.testing import open_source

S3 = {"s3_key_id": "k", "s3_secret": "s"}
PACKAGE = Path(tickstock.__file__).parent
ONE_PLACE = PACKAGE / "clock.py"
NAKED = {
    *(("datetime", name) for name in ("now", "utcnow", "today")),
    ("date", "today"),
    *(("time", name) for name in ("time", "time_ns", "localtime", "gmtime", "ctime")),
}
"""What reads this machine's clock. `time.monotonic` does not tell what time it is."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    clock.set_clock(os.environ[clock.VARIABLE])


def naked(text: str) -> list[tuple[int, str]]:
    """The line and name of everything in a source that reads the clock by itself."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [(node.lineno, a.name) for a in node.names if ("time", a.name) in NAKED]
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = getattr(owner, "id", "") or getattr(owner, "attr", "")
            if (name, node.attr) in NAKED:
                found.append((node.lineno, f"{name}.{node.attr}"))
    return found


def test_nothing_in_the_package_reads_the_clock_but_the_one_place() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if file != ONE_PLACE]
    assert len(files) > 200
    found = {str(f.relative_to(PACKAGE)): naked(f.read_text("utf-8")) for f in files}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert naked(ONE_PLACE.read_text("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime\ndatetime.now(UTC)",
        "import datetime as dt\ndt.datetime.now()",
        "import datetime\ndatetime.date.today()",
        "def f(now=time.time): ...",
        "from time import time",
    ],
)
def test_a_clock_that_is_read_elsewhere_is_seen(text: str) -> None:
    assert naked(text)


def test_it_goes_on_from_where_it_was_set() -> None:
    clock.set_clock("")
    assert not clock.is_set()
    before = datetime.now(UTC)
    assert before <= clock.utc_now() <= clock.machine_now() <= datetime.now(UTC)
    clock.set_clock("2028-02-29T10:00-05:00")
    assert clock.is_set()
    first = clock.utc_now()
    assert datetime(2028, 2, 29, 15, tzinfo=UTC) <= first < clock.utc_now()
    assert first.tzinfo is UTC
    assert first.timestamp() < clock.epoch_now() < first.timestamp() + 3600
    assert before <= clock.machine_now() <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["soon", "2028-02-29", "2028-02-29T15:00", "2027-02-29T15:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match=clock.VARIABLE):
        clock.set_clock(text)


def test_processes_are_told() -> None:
    code = "from tickstock.clock import utc_now; print(utc_now().isoformat())"
    told = os.environ | handed_on() | {clock.VARIABLE: "2025-01-09T12:00-05:00"}
    out = subprocess.run(
        [sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True
    )
    assert out.stdout.startswith("2025-01-09T17:")


def test_it_is_no_setting() -> None:
    assert clock.VARIABLE not in variables()


@pytest.mark.parametrize(
    ("vendor", "where"),
    [
        ("massive", {}),
        ("massive", {"base_url": "https://vendor.example"}),
        ("massive", {"base_url": "http://127.0.0.1:9"} | S3),
        ("flatfiles", S3),
    ],
)
def test_a_real_vendor_is_not_asked_on_a_day_that_was_made_up(vendor: str, where: dict) -> None:
    with pytest.raises(BadSetting, match=clock.VARIABLE):
        open_source(vendor, api_key="k", **where)
    clock.set_clock("")
    assert open_source(vendor, api_key="k", **where).name in ("massive", "flatfiles")


def test_a_vendor_on_this_machine_is() -> None:
    assert open_source("massive", api_key="k", base_url="http://127.0.0.1:9").name == "massive"
    assert open_source("flatfiles", **S3, s3_endpoint="http://localhost:9").name


# --- the tests themselves -------------------------------------------------------------------------
TESTS = Path(__file__).resolve().parent.parent
SOURCES = {str(f.relative_to(TESTS)): f.read_text("utf-8") for f in TESTS.rglob("*.py")}
OWN = str(Path(__file__).resolve().relative_to(TESTS))
RELATIVE = re.compile(r'duration="|"--for"|years=|"years"|"for":|loading_rig import|\butc_now\(')
"""What means another span on another day."""
ELSEWHERE = {
    "contract/test_two_answers.py": "given dates",
    "contract/test_whole_market.py": "given dates",
    "contract/test_ticker_events.py": "given dates",
    "browser/test_find.py": "what is found and shown, on any day",
    "browser/test_house.py": "what the rows say of one another, on any day",
    "browser/test_job_strip.py": "how a strip fills, of any days",
    "browser/test_map.py": "marks and plans of whatever days are shown",
    "contract/test_web_schemas.py": "the names of fields",
    "contract/test_account.py": "given dates",
    "contract/test_web_truth.py": "what the page says of jobs, on any day",
    "browser/test_blind.py": "what the page says when it hears nothing",
    "acceptance/test_lists_in_and_out.py": "which symbols a file means; the plan is of any days",
    "loading_rig.py": "no tests of its own",
    "worker_kit.py": "no tests of its own",
    "browser/test_page.py": "how it looks; the same views are asked in acceptance/test_dates.py",
    "contract/test_belief.py": "dates of long ago, and the newest session by a clock of its own",
    "contract/test_faulty_vendors.py": "dates of long ago",
    "contract/test_finish.py": "given dates",
    "acceptance/test_bar_files_read.py": "given dates",
    "acceptance/test_identifiers.py": "a given moment",
    "acceptance/test_installs.py": "what an install lacks",
    "acceptance/test_orders.py": "given dates",
    "acceptance/test_rows_of_others.py": "one session, which there is on any day",
    "acceptance/test_sessions.py": "its clock is its own",
    "acceptance/test_universe_commands.py": "lists of given days, and what is said of options",
    "contract/test_web_changes.py": "the forms of universes",
    "contract/test_web_routes.py": "what is asked twice is compared with itself",
    "docs/test_json.py": "the names of fields",
    "acceptance/test_reading.py": "bars of given dates; a plan that is compared with another one",
    "acceptance/test_load_cli.py": "one session, which there is on any day",
    "store/test_roles.py": "who may, on any days",
    "unit/test_job_messages.py": "pure; what years mean in words",
    "unit/test_job_status.py": "pure; every moment is given",
    "unit/test_request.py": "pure; every moment is given",
    "unit/test_web_form.py": "pure; words of the form",
    OWN: "the clock itself",
}
"""Files that are not run on other days, and why not."""
MEASURED = {
    "dates.py": "for the table",
    "lake.py": "for the table",
    "mutations.py": "for its lines",
    "reliability/": "figures for RELIABILITY.md; pauses that have to be at least so long",
    "contract/test_bridge.py": "how often it may warn in the time that it took",
    "contract/test_drain.py": "how often it may warn in the time that it took",
    "contract/test_replay_faults.py": "an answer is delayed by at least so much",
    "unit/hostile_lists.py": "of the processor, which has a limit of its own for each file",
    "store/test_budget.py": "everybody is held back for at least so long",
}
"""Where time is measured, and why a slow machine cannot fail it."""


def test_no_test_reads_the_machines_clock_by_itself() -> None:
    """Those that need it, to compare with the database's, say so: `clock.machine_now`."""
    found = {name: naked(text) for name, text in SOURCES.items() if name != OWN}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_what_depends_on_the_day_is_run_on_many_days() -> None:
    files = {name for name, text in SOURCES.items() if RELATIVE.search(text)}
    files = {name for name in files if not name.startswith("reliability/")}
    dated = {name for name, text in SOURCES.items() if "pytest.mark.dates" in text} - {OWN}
    assert files - dated - ELSEWHERE.keys() == set(), "mark it `dates`, or say why not"
    assert ELSEWHERE.keys() <= files, "it is no longer needed"


def test_no_test_waits_with_a_stopwatch() -> None:
    """Seconds are for benchmarks: a test counts what is done (`tests/work.py`)."""
    watch = re.compile(r"(monotonic|perf_counter|process_time)\(\) - \w|- (begun|started|down)\b")
    found = {name for name, text in SOURCES.items() if watch.search(text) and name != OWN}
    assert {name for name in found if not name.startswith(tuple(MEASURED))} == set()
    for part in MEASURED:
        assert any(name.startswith(part) for name in found), part
