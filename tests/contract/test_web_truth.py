"""What the page and its API say is true, whoever asks and whatever goes wrong."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from tests.web_kit import Client, Running
from tickstock.service.access import Role
from tickstock.store.jobs import Job

H = "/admin/historical-data"
CORE = "etf_universe:core_etfs"
SIX = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


def submitted(page: Running, *symbols: str) -> Job:
    tick = page.tick
    request = tick.requests.resolve("six", symbols=list(symbols), duration="1mo")
    return tick.jobs.submit(tick.plans.make(request), requested_by="ann")


def execute(page: Running, query: str, *values: Any) -> None:
    with page.tick.database.transaction() as connection:
        connection.execute(query, values)


def words(text: str) -> str:
    """What a reader sees."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", text)))


# --- figures --------------------------------------------------------------------------------
def test_every_face_tells_the_same_calls_after_a_cancel(page: Running, client: Client) -> None:
    load = submitted(page, *SIX)
    path = f"/jobs/{load.id}"
    execute(page, "UPDATE tickstock.loads SET state = 'running', started_at = now(),"
                  " created_at = now() - interval '20 seconds' WHERE id = %s", load.id)  # fmt: skip
    assert re.search(r"Waits for a worker since \d\d s;", words(client.get(path).text))
    assert client.get(f"/api/loads/{load.id}").json["standstill"] == "no_worker"
    execute(page, "UPDATE tickstock.calls SET state = 'done', held = cells, done_at = now()"
                  " WHERE load_id = %s AND position < 2", load.id)  # fmt: skip
    assert client.post(f"{path}/cancel").status == 303
    said = words(client.get(path).text)
    assert "Calls made 2 / 6" in said
    assert "Not asked 4" in said
    assert "2 / 6 4 not asked" in words(client.get("/jobs?q=six").text)
    one = client.get(f"/api/loads/{load.id}").json
    assert (one["calls"], one["calls_planned"], one["calls_not_asked"]) == (2, 6, 4)
    old = client.get(f"{H}/job/{load.id}/status").json
    assert old["message"] == "Cancelled by admin. 2 of 6 calls were made, 4 not asked."


def test_nothing_expected_is_not_everything_held(client: Client) -> None:
    # The firm came later: no session of it is expected on these days.
    form = "form=1&duration=dates&from=2026-11-21&to=2026-11-22&timeframes=day&missing_only=1"
    said = words(client.get(f"{H}/plan?{form}&expression=%7BSPY%7D").text)
    assert "Everything is held" not in said
    shown = words(client.get("/coverage?universe=%7BSPY%7D&for=1d").text)
    assert "0 of 0" not in shown


def test_jobs_are_sorted_and_filtered_and_told_by_name(page: Running, client: Client) -> None:
    tick = page.tick
    request = tick.requests.resolve(CORE, duration="1w", timeframes="day,hour")
    load = tick.jobs.submit(tick.plans.make(request), requested_by="zoe")
    listed = client.get("/jobs?by=zoe").text
    row = words(listed.partition(f'id="row-{load.id}"')[2].partition("</tr>")[0])
    assert "Core ETFs" in row
    assert "day, hour" in row
    assert f"{request.span.start} – {request.span.last}" in row
    assert listed.count('id="row-') == 1
    assert client.get("/jobs?timeframe=1min").text.count('id="row-') == 0
    assert client.get("/jobs?timeframe=hour&q=core").text.count('id="row-') == 1
    submitted(page, *SIX)
    by_calls = re.findall(r'id="row-([\w-]+)"', client.get("/jobs?sort=calls").text)
    found = [tick.jobs.progress(tick.jobs.find(i)).calls_planned for i in by_calls]
    assert found == sorted(found, reverse=True)
    assert 'aria-sort="descending"' in client.get("/jobs?sort=calls").text
    assert client.get("/jobs?sort=nonsense").status == 422


def test_a_command_to_copy_can_be_run(page: Running) -> None:
    viewer = page.client(Role.VIEWER)
    form = f"form=1&universe={CORE}&missing_only=1"
    for lacking in ("duration=1w", "duration=dates&timeframes=day"):
        assert 'id="command"' not in viewer.get(f"{H}/plan?{form}&{lacking}").text
    shown = viewer.get(f"{H}/plan?{form}&duration=1w&timeframes=day").text
    assert 'id="plan-calls"' in shown  # viewers see plans, and what to ask for
    assert 'id="command"' in shown


def test_a_plan_tells_which_universes_it_leaves_out(page: Running, client: Client) -> None:
    execute(page, "INSERT INTO cache_entries (type, name, key, value) VALUES"
                  " ('etf_universe', 'Broken', 'sector_broken', '{\"x\": 1}')")  # fmt: skip
    shown = client.get(f"{H}/plan?form=1&expression=etf_universe:sector_*&timeframes=day").text
    execute(page, "DELETE FROM cache_entries WHERE key = 'sector_broken'")
    assert "sector_broken" in shown


# --- who and when ---------------------------------------------------------------------------
def test_who_did_it_stays_beside_why(client: Client) -> None:
    mine = "stock_universe:theme_who"
    path = f"/api/universes/{mine}/edit"
    body = {"do": "list", "symbols": ["IBM"], "why": "asked for by the desk"}
    plan = client.ask("POST", path, body=body).json
    assert client.ask("POST", path, body=body | {"digest": plan["digest"]}).json["applied"]
    for shown in (f"/universes/{mine}", f"/universes/{mine}?blame=1"):
        text = words(client.get(shown).text)
        assert "asked for by the desk (list from the API by admin)" in text


def test_one_clock_with_utc_on_hover(page: Running, client: Client) -> None:
    load = submitted(page, "SPY")
    execute(page, "UPDATE tickstock.loads SET created_at = '2026-07-01T02:00:00Z' WHERE id = %s",
            load.id)  # fmt: skip
    text = client.get(f"/jobs/{load.id}").text
    assert 'title="2026-07-01 02:00:00 UTC">2026-06-30 22:00:00 ET</time>' in text
    for path in ("/system", f"/universes/{CORE}", "/jobs"):
        shown = re.sub(r'title="[^"]*"', "", client.get(path).text)
        assert "UTC" not in shown, path


# --- what goes wrong ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/schedules", {"name": "a b", "universe": CORE, "at": "18:30", "for": "1mo", "form": "1",
                        "timeframes": ["day", "hour"]}),
        ("/users", {"user": "new one", "password": "long enough to be one", "role": "operator"}),
        ("/universes/import", {"ref": "stock_universe:theme_x", "title": "Mine", "column": "7"}),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_keeps_what_was_typed(
    page: Running, client: Client, path: str, fields: dict[str, Any]
) -> None:
    typed = [v for k, v in fields.items() if isinstance(v, str) and k not in ("password", "form")]
    refused = client.post(path, fields)
    assert refused.status == 422
    assert 'role="alert"' in refused.text
    # And a session that ends in between.
    asked = page.anonymous().post(path, fields)
    back = re.search(r'name="next" value="([^"]*)"', asked.text)
    assert back
    assert "long+enough" not in back[1]
    for text in (refused.text, client.get(unescape(back[1])).text):
        form = text[text.index(f'action="{path}"') :]
        for value in typed:
            assert re.search(rf'value="{re.escape(value)}"|selected>{value}|selected>1 Month', form)
        if "timeframes" in fields:
            ticked = re.findall(r'value="(\w+)" checked> (?:Day|Hour|Minute)', form)
            assert ticked == ["day", "hour"]
            assert 'name="after_close" value="1" checked' not in form


def test_an_error_page_leads_back_to_what_was_typed(page: Running) -> None:
    viewer = page.client(Role.VIEWER)
    refused = viewer.post("/schedules", {"name": "mine", "universe": CORE})
    assert refused.status == 403
    back = re.search(r'class="button" href="([^"]*)"', refused.text)
    assert back
    assert "name=mine" in back[1]


def test_users_are_added_and_removed(page: Running, client: Client) -> None:
    fields = {"user": "ann", "password": "correct horse ann", "role": "viewer"}
    assert client.post("/users", fields).status == 303
    assert client.post("/users", fields).status == 409
    ann = page.anonymous()
    signed = ann.post("/sign-in", {"name": "ann", "password": "correct horse ann"})
    assert signed.status == 303
    assert client.post("/users/ann/password", {"password": "x"}).status == 422
    assert client.post("/users/ann/password", {"password": "correct horse anna"}).status == 303
    assert ann.get("/jobs").status == 401  # her sessions have ended
    assert client.post("/users/ann/remove").status == 303
    assert client.post("/users/admin/remove").status == 422
    log = [(e["action"], e["subject"]) for e in client.get("/api/audit").json["entries"]]
    assert [entry for entry in log if "ann" in entry[1] and "role" not in entry[0]] == [
        ("user removed", "ann"),
        ("password changed", "ann"),
        ("user added", "ann (viewer)"),
    ]


def test_json_gets_json(page: Running, client: Client) -> None:
    for path, status in (("/jobs/none", 404), ("/nowhere", 404), ("/jobs?state=x", 422)):
        answer = client.get(path, Accept="application/json")
        assert (answer.status, answer.headers.get_content_type()) == (status, "application/json")
        assert answer.json["message"]
    nobody = page.anonymous()
    for asked in (
        nobody.get("/jobs", Accept="application/json"),
        nobody.ask("POST", f"{H}/load", body={"universe": CORE}),
    ):
        assert (asked.status, asked.json["error"]) == (401, "SignInNeeded")
    elsewhere = client.ask("POST", "/api/loads", body={}, Origin="https://else.example")
    assert (elsewhere.status, elsewhere.json["error"]) == (403, "Refused")
    assert client.get("/jobs/none", Accept="text/html").text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/loads", "GET, HEAD, POST"),
        ("PUT", "/api/organize", "GET, HEAD, POST"),
        ("GET", "/sign-out", "POST"),
        ("OPTIONS", "/jobs", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = client.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


# --- coverage -------------------------------------------------------------------------------
def test_the_map_begins_with_what_lacks_most(page: Running, client: Client) -> None:
    names = [f"M{n:02}" for n in range(60)]
    execute(page, "INSERT INTO tickstock.instruments (symbol) SELECT unnest(%s::text[])", names)
    execute(page, "INSERT INTO tickstock.tickers (instrument_id, symbol) SELECT id, symbol"
                  " FROM tickstock.instruments WHERE symbol = ANY (%s)", names)  # fmt: skip
    execute(page, "INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held, bars,"
                  " first_at, last_at) SELECT id, 'day', 'replay', '{[2016-01-01,2026-11-01)}', 9,"
                  " '2016-01-04', '2026-10-30' FROM tickstock.instruments"
                  " WHERE symbol = ANY (%s)", names)  # fmt: skip
    execute(page, "UPDATE tickstock.coverage SET held = '{[2016-01-01,2020-01-01),"
                  "[2020-02-01,2026-11-01)}' FROM tickstock.instruments AS i"
                  " WHERE i.id = instrument_id AND symbol = 'M57'")  # fmt: skip
    execute(page, "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause) SELECT id,"
                  " 'day', '[2020-01-01,2020-02-01)', 'failed' FROM tickstock.instruments"
                  " WHERE symbol = 'M57'")  # fmt: skip
    path = f"/coverage?universe=%7B{','.join(names)}%7D&timeframe=day"

    def shown(more: str) -> list[str]:
        return re.findall(r'<th scope="row"><a[^>]*>(\w+)</a>', client.get(path + more).text)

    first = shown("")
    assert first[:3] == ["M57", "M00", "M01"]
    assert len(first) < 60  # there are more pages than one, which keep the order
    assert set(first).isdisjoint(shown(f"&start={len(first)}"))
    assert shown("&sort=listed")[:2] == ["M00", "M01"]
    assert shown("&cause=failed") == ["M57"]
    assert shown("&q=m5")[:2] == ["M57", "M50"]
    assert client.get(path + "&sort=up").status == 422
    # What the address says is what the form shows, and each cause leads to its symbols.
    text = client.get(path + "&cause=failed&q=m5").text
    assert '<option value="failed" selected>' in text
    assert 'name="q" value="m5"' in text
    assert "timeframe=day&amp;for=&amp;cause=failed" in text
