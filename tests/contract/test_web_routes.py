"""What the page and its API answer: the same service as the command line, over real sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.web_kit import Client, Running, organized, running, settings_for, until
from tests.work import statements
from tickstock.cli.app import run
from tickstock.clock import NEW_YORK, machine_now
from tickstock.model import UniverseRef
from tickstock.store import universe_plans, universe_writes
from tickstock.web.context import AnswerKind
from tickstock.web.historical import PICKER_LINES
from tickstock.web.routes import RULES

H = "/admin/historical-data"
CORE = "etf_universe:core_etfs"
ONE_DAY = {
    "form": "1",
    "source": "universe",
    "universe": CORE,
    "duration": "1d",
    "timeframes": "day",
    "missing_only": "1",
}


@pytest.fixture(scope="module")
def page(cluster: Cluster, template: str, home: Path) -> Iterator[Running]:
    with organized(cluster, template, home) as database:
        folder = home / "csv"
        folder.mkdir(exist_ok=True)
        (folder / "mine.csv").write_text("symbol\nSPY\nQQQ\nIWM\n")
        with running(database, settings_for(home, csv_dir=folder)) as found:
            yield found


def wait(client: Client, load_id: str) -> dict[str, Any]:
    """The job, once it has ended."""

    def ended() -> dict[str, Any] | None:
        found = client.get(f"/api/loads/{load_id}").json
        return found if found["finished_at"] else None

    found: dict[str, Any] = until(ended)
    return found


def digest_in(text: str) -> str:
    found = re.search(r'name="digest" value="(\w+)"', text)
    assert found, text
    return found[1]


# --- plan and submit ------------------------------------------------------------------------
def test_the_plan_card_is_the_plan_of_the_command_line(
    page: Running, client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("DATABASE_URI", page.tick.database.conninfo)
    monkeypatch.setenv("TICKSTOCK_VENDOR", "replay")
    home = str(page.tick.settings.home)
    for asked, words in (
        ({"universe": CORE, "duration": "1mo"}, [CORE, "--for", "1mo"]),
        (
            {"expression": "{SPY, ARKK}", "duration": "1w", "timeframes": ["day", "1min"]},
            ["{SPY, ARKK}", "--for", "1w", "--timeframes", "day,1min"],
        ),
    ):
        fields = ONE_DAY | {"universe": ""} | asked
        from urllib.parse import urlencode

        card = client.get(f"{H}/plan?{urlencode(fields, doseq=True)}").text
        capsys.readouterr()
        assert run(["plan", *words, "--json", "--home", home]) == 0
        summary = json.loads(capsys.readouterr().out)["data"]["summary"]
        assert digest_in(card) == summary["digest"]
        shown = re.search(r'id="plan-calls">([\d,]+)<', card)
        assert shown
        assert shown[1] == f"{summary['calls']:,}"
        body = {"universe": asked.get("universe", ""), "for": asked["duration"]}
        if "expression" in asked:
            body |= {"universe": asked["expression"], "timeframes": asked["timeframes"]}
        assert client.ask("POST", "/api/plan", body=body).json["summary"] == summary


def test_what_is_submitted_is_what_was_shown_or_the_new_plan_is_shown(
    page: Running, client: Client
) -> None:
    fields = ONE_DAY | {"universe": "etf_universe:theme_crypto"}
    shown = digest_in(client.get(f"{H}?{_query(fields)}").text)
    # Somebody else changes the universe in between.
    with page.tick.database.transaction() as connection:
        ref = UniverseRef("etf_universe", "theme_crypto")
        universe_writes.apply(
            connection, universe_plans.plan_set(connection, ref, ["IBIT", "FBTC"])
        )
    before = len(page.tick.jobs.newest(100))
    refused = client.post(f"{H}/load", fields | {"digest": shown})
    assert refused.status == 409
    assert "Nothing was submitted" in refused.text
    assert len(page.tick.jobs.newest(100)) == before
    new = digest_in(refused.text)
    assert new != shown
    taken = client.post(f"{H}/load", fields | {"digest": new})
    assert taken.status == 303
    load = wait(client, taken.headers["location"].removeprefix("/jobs/"))
    assert load["state"] == "completed"
    assert load["requested_by"] == "admin"
    with page.tick.database.transaction() as connection:
        universe_writes.apply(
            connection, universe_plans.plan_organize(connection, _definitions(page))
        )


def _definitions(page: Running) -> Any:
    return page.tick.universes.definitions().definitions


def _query(fields: dict[str, Any]) -> str:
    from urllib.parse import urlencode

    return urlencode(fields, doseq=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"universe": ""}, "No universe was chosen"),
        ({"universe": "etf_universe:nope"}, "no universe"),
        ({"expression": "{SPY"}, "SPY"),
        ({"duration": "fortnight"}, "is not a duration"),
        ({"duration": "dates"}, "No first date"),
        ({"duration": "dates", "from": "2024-13-01"}, "is not a date"),
        ({"duration": "dates", "from": "2024-02-01", "to": "2024-01-01"}, "before"),
        ({"timeframes": []}, "No timeframe"),
        ({"timeframes": ["year"]}, "is not a timeframe"),
        ({"source": "csv", "csv": "../pyproject.toml"}, "is not the name of a CSV file"),
        ({"source": "csv", "csv": "/etc/passwd"}, "is not the name of a CSV file"),
    ],
)
def test_a_form_that_cannot_be_is_shown_again_with_the_reason(
    client: Client, change: dict[str, Any], says: str
) -> None:
    answer = client.post(f"{H}/load", ONE_DAY | change)
    assert answer.status == 422
    assert says in answer.text.replace("&#39;", "'")
    assert 'id="load-form"' in answer.text


def test_a_file_outside_the_folder_is_not_told_from_one_that_is_not_there(client: Client) -> None:
    said = [
        client.post(f"{H}/load", ONE_DAY | {"source": "csv", "csv": name}).text.count("CSV file")
        for name in ("../../../etc/passwd", "../../../etc/nothing-there")
    ]
    assert said[0] == said[1]


# --- the routes of existing clients ---------------------------------------------------------
def test_old_list_of_universes(client: Client) -> None:
    found = client.get(f"{H}/universes").json
    by_key = {u["key"]: u for u in found["universes"]}
    core = by_key["core_etfs"]
    assert (core["type"], core["name"], core["symbol_count"]) == ("etf_universe", "Core ETFs", 10)
    # Defect 8: stock universes are offered too.
    assert by_key["index_dow30"]["type"] == "stock_universe"
    assert found["total"] == len(found["universes"])


@pytest.mark.parametrize(
    ("how", "sent"),
    [
        ("body", {"universe_key": CORE, "years": 0.003, "timeframes": ["day"]}),
        ("fields", {"universe_key": CORE, "years": "0.003", "timeframes": "day"}),
        ("body", {"universe_key": "core_etfs", "duration": "1 Day"}),
        ("body", {"csv_file": "mine.csv", "years": 0.005}),
    ],
)
def test_old_trigger_status_and_cancel(client: Client, how: str, sent: dict[str, Any]) -> None:
    answer = client.ask("POST", f"{H}/trigger-universe-load", **{how: sent})
    assert answer.status == 200, answer.text
    job = answer.json["job_id"]
    assert answer.json["success"] is True
    wait(client, job)
    status = client.get(f"{H}/job/{job}/status").json
    count = 3 if "csv_file" in sent else 10
    assert (status["status"], status["progress"]) == ("completed", 100)
    assert status["total_symbols"] == status["symbols_loaded"] == count
    assert len(status["successful_symbols"]) == count
    assert status["failed_symbols"] == []
    assert datetime.fromisoformat(status["completed_at"]).tzinfo is None
    again = client.post(f"{H}/job/{job}/cancel").json
    assert again["success"] is False
    assert again["status"] == "completed"
    listed = client.get(f"{H}/jobs/status").json
    assert job in {j["job_id"] for j in listed["jobs"]}


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"universe_key": CORE, "csv_file": "mine.csv"},
        {"universe_key": CORE, "years": "many"},
        {"universe_key": CORE, "years": -1},
        {"universe_key": CORE, "years": 51},
        {"csv_file": "../mine.csv"},
        {"universe_key": CORE, "timeframes": "year"},
    ],
)
def test_an_old_trigger_that_cannot_be_is_refused(client: Client, sent: dict[str, Any]) -> None:
    answer = client.ask("POST", f"{H}/trigger-universe-load", body=sent)
    assert answer.status == 422
    assert answer.json["message"]


def test_rebuilding_the_cache_is_gone_and_says_where_it_went(client: Client) -> None:
    for method in ("GET", "POST"):
        answer = client.ask(method, f"{H}/rebuild-cache")
        assert answer.status == 410
        assert "scripts/cache_maintenance/organize_universes.py" in answer.text
        assert answer.json["documentation"] == "scripts/cache_maintenance/README.md"


def test_the_cache_organization_note_is_on_the_page(client: Client) -> None:
    text = client.get(H).text
    for said in (
        "Cache Organization",
        "python scripts/cache_maintenance/organize_universes.py --preserve",
        "python scripts/cache_maintenance/organize_universes.py --dry-run --verbose",
        "python scripts/cache_maintenance/validate_cache.py",
        "scripts/cache_maintenance/README.md",
    ):
        assert said in text


# --- the API --------------------------------------------------------------------------------
def test_a_load_by_the_api_is_one_load_for_one_id(client: Client) -> None:
    body = {"symbols": ["SPY", "QQQ"], "for": "2d", "job_id": "mine-1"}
    first = client.ask("POST", "/api/loads", body=body)
    second = client.ask("POST", "/api/loads", body=body)
    assert (first.status, first.json["id"]) == (201, second.json["id"])
    load = wait(client, first.json["id"])
    assert (load["state"], load["percent"], load["held"]) == ("completed", 100, 4)
    assert client.get("/api/loads/mine-1").json["id"] == load["id"]
    assert client.post(f"/api/loads/{load['id']}/retry").json["state"] == "completed"


def test_a_stale_digest_is_a_conflict(client: Client) -> None:
    body = {"universe": CORE, "for": "1w", "digest": "0" * 64}
    answer = client.ask("POST", "/api/loads", body=body)
    assert (answer.status, answer.json["error"]) == (409, "StalePlan")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"universe": CORE, "csv": "mine.csv"},
        {"symbols": "SPY"},
        {"symbols": [1]},
        {"universe": CORE, "from": "x"},
        {"universe": CORE, "for": "1d", "from": "2024-01-02"},
    ],
)
def test_a_request_that_cannot_be_is_refused(client: Client, body: dict[str, Any]) -> None:
    for path in ("/api/plan", "/api/loads"):
        assert client.ask("POST", path, body=body).status == 422


def test_universes_members_history_and_coverage(client: Client) -> None:
    found = client.get("/api/universes").json["universes"]
    assert CORE in {u["ref"] for u in found}
    one = client.get(f"/api/universes/{CORE}").json
    assert one["symbols"][0] == "SPY"
    history = client.get(f"/api/universes/{CORE}/history").json["changes"]
    assert history[-1]["action"] == "insert"
    members = client.get(f"/api/members?expression={CORE}%20-%20%7BSPY%7D").json
    assert "SPY" not in members["symbols"]
    assert members["lineage"]["QQQ"] == [CORE]
    coverage = client.get(f"/api/coverage?universe={CORE}&for=1d").json
    assert len(coverage["items"]) + len(coverage["never_heard_of"]) == 10
    assert client.get("/api/csv-files").json == {"files": ["mine.csv"]}
    assert client.get("/api/system").json["vendor"] == "replay"


def test_organize_of_very_many_shows_some_and_does_all(page: Running, client: Client) -> None:
    with page.tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO cache_entries (type, name, key, value)"
            " SELECT 'stock_universe', 'Many ' || n,"
            " 'theme_many_' || n, '[\"SPY\"]' FROM generate_series(1, 400) AS n"
        )
    shown = client.get("/universes/organize").text
    assert shown.count('<tr class="remove">') == 300
    assert shown.count('name="allow"') == 50
    assert "And 100 more" in shown
    assert "And 350 more" in shown
    fields = {"mode": "replace", "digest": digest_in(shown), "allow_foreign": "1"}
    done = client.post("/universes/organize", fields | {"allow_removals": "1"})
    assert done.status == 303, done.text
    assert "theme_many_" not in client.get("/api/universes").text


def test_organize_does_the_plan_that_was_shown(page: Running, client: Client) -> None:
    with page.tick.database.transaction() as connection:
        ref = UniverseRef("etf_universe", "theme_crypto")
        universe_writes.apply(
            connection, universe_plans.plan_set(connection, ref, ["IBIT", "ARKK"])
        )
    shown = client.get("/universes/organize")
    assert "theme_crypto" in shown.text.replace("<wbr>", "")
    assert client.post("/universes/organize", {"mode": "replace", "digest": "0"}).status == 409
    fields = {"mode": "replace", "digest": digest_in(shown.text)}
    assert client.post("/universes/organize", fields).status == 303
    assert "nothing to do" in client.get("/universes/organize").text
    plan = client.get("/api/organize?mode=preserve").json
    assert plan["counts"]["changed"] == 0
    done = client.ask("POST", "/api/organize", body={"mode": "preserve", "digest": plan["digest"]})
    assert done.json["applied"] is True
    revisions = client.get("/universes/etf_universe:theme_crypto").text
    assert "organize from the page by admin" in revisions
    today = machine_now().astimezone(NEW_YORK).date()
    then = client.get(f"/universes/etf_universe:theme_crypto?as_of={today}").text
    assert "members on " + str(today) in then
    before = client.get("/universes/etf_universe:theme_crypto?as_of=1999-01-04")
    assert "was not in this database" in before.text


def test_jobs_are_filtered_by_the_address(client: Client) -> None:
    load = client.ask("POST", "/api/loads", body={"symbols": ["VTI"], "for": "1d"}).json
    wait(client, load["id"])
    both = client.get("/api/loads?state=completed&q=symbols").json["loads"]
    assert load["id"] in {x["id"] for x in both}
    assert client.get("/api/loads?q=%25").json["loads"] == []
    assert client.get("/api/loads?state=failed").json["loads"] == []
    assert load["id"] in client.get("/jobs?q=SYMB&state=completed").text
    assert load["id"] not in client.get(f"/jobs?before={load['created_at'][:10]}").text


def test_the_openapi_document_tells_every_route_for_programs(client: Client) -> None:
    document = client.get("/api/openapi.json").json
    told = {(m.upper(), p) for p, methods in document["paths"].items() for m in methods}
    meant = {
        (r.method, r.path)
        for r in RULES
        if r.kind is AnswerKind.JSON and r.path not in ("/live", "/healthz")
    }
    assert told == meant
    ids = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(ids) == len(set(ids))
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["responses"]["401"]
    from tickstock.web.openapi import CREATED, QUERIES

    assert CREATED | QUERIES.keys() <= document["paths"].keys()
    # Whatever is written says what may be sent.
    assert {r.path for r in RULES if r.path.startswith("/api") and r.method == "POST"} == {
        r.path for r in RULES if r.path.startswith("/api") and r.body is not None
    }


# --- live -----------------------------------------------------------------------------------
def test_a_change_by_psql_reaches_an_open_page(page: Running, client: Client) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    cookie = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    connection.request("GET", "/live", headers={"Cookie": cookie})
    stream = connection.getresponse()
    assert stream.headers.get_content_type() == "text/event-stream"
    until(lambda: stream.readline() == b"event: hello\n")
    with page.tick.database.transaction() as connection_:
        connection_.execute(
            "INSERT INTO cache_entries (type, name, key, value)"
            " VALUES ('etf_universe', 'New', 'theme_new', '[\"SPY\"]')"
        )
    until(lambda: stream.readline() == b"event: universes\n")
    connection.close()
    # Defect 7: no copy from start-up is kept anywhere.
    assert "theme_new" in client.get(f"{H}/picker").text


def looks(asked: list[str]) -> int:
    """How many of the statements read the list of universes; others come and go."""
    return sum("ORDER BY c.type" in statement for statement in asked)


def test_searching_five_thousand_universes_costs_no_more_than_searching_fifty(
    cluster: Cluster, template: str, home: Path
) -> None:
    with organized(cluster, template, home) as database:
        with database.transaction() as connection:
            connection.execute(
                "INSERT INTO cache_entries (type, name, key, value)"
                " SELECT 'stock_universe', 'Theme number ' || n, 'theme_' || n, '[\"SPY\"]'"
                " FROM generate_series(1, 5000) AS n"
            )
        with running(database, settings_for(home), worker=False) as page:
            client = page.client()
            typed = ("4", "42", "424", "4242")
            client.get(f"{H}/picker")  # counts what has never been counted
            with statements() as many:
                found = [client.get(f"{H}/picker?q={n}").text for n in typed]
            assert "Theme number 4242" in found[-1]
            with database.transaction() as connection:
                connection.execute("DELETE FROM cache_entries WHERE name LIKE 'Theme number ___%'")
            client.get(f"{H}/picker")
            with statements() as few:
                small = [client.get(f"{H}/picker?q={n}").text for n in typed]
            assert looks(many) == 0  # it is kept while nothing changes
            assert looks(few) <= 1
            assert max(text.count('class="pick"') for text in found) <= PICKER_LINES
            assert "No universe matches" in small[-1]
