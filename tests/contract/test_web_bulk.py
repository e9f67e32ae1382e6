"""Several jobs at once, and the audit log filtered and taken away."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.web_kit import Client, Running
from tickstock.service.access import Role
from tickstock.web import audit, jobs

CORE = "etf_universe:core_etfs"


@pytest.fixture
def client(page: Running) -> Client:
    return page.client(Role.OPERATOR)


def submitted(page: Running, *durations: str) -> list[str]:
    tick = page.tick
    made = [
        tick.jobs.submit(tick.plans.make(tick.requests.resolve(CORE, duration=d)))
        for d in durations
    ]
    return [str(load.id) for load in made]


def state(client: Client, job: str) -> str:
    found: str = client.get(f"/api/loads/{job}").json["state"]
    return found


def steer(client: Client, what: str, ids: list[str], query: str = "") -> str:
    """The list that is shown afterwards."""
    answer = client.post(f"/jobs/{what}{query}", {"id": ids})
    assert answer.status == 303, answer.text
    return unescape(client.get(answer.headers["location"]).text)


def test_ticked_jobs_are_cancelled_and_retried_together(page: Running, client: Client) -> None:
    first, second, other = submitted(page, "1w", "1mo", "3mo")
    assert f'name="id" value="{first}"' in client.get("/jobs").text
    shown = steer(client, "cancel", [first, second, first])
    assert "2 jobs cancelled." in shown
    assert [state(client, job) for job in (first, second)] == ["cancelled"] * 2
    assert state(client, other) in ("submitted", "running")
    # What had ended is told apart, and nothing is noted of it.
    shown = steer(client, "cancel", [first, other])
    assert "1 job cancelled." in shown
    assert "1 job had ended already." in shown
    shown = steer(client, "retry", [first, second], "?state=cancelled&q=core")
    assert "2 jobs asked again" in shown
    assert state(client, second) in ("submitted", "running")
    log = page.client(Role.ADMIN).get("/api/audit").json["entries"]
    mine = [(e["action"], e["subject"].split()[0]) for e in reversed(log)]
    assert [x for x in mine if x[1] in (first, second, other)] == [
        ("cancel", first), ("cancel", second), ("cancel", other), ("retry", first),
        ("retry", second),
    ]  # fmt: skip


def test_jobs_are_ticked_on_every_page_of_the_list(
    page: Running, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = submitted(page, *(f"{n}y" for n in (1, 2, 5)), "6mo", "3mo")
    monkeypatch.setattr(jobs, "PAGE_LINES", 2)
    address, seen = "/jobs", list[str]()
    while address and not set(mine) <= {*seen}:
        shown = unescape(client.get(address).text)
        ticks = re.findall(r'name="id" value="([^"]*)"', shown)
        assert len(ticks) <= 2
        (action,) = re.findall(r'formaction="([^"]*/cancel[^"]*)"', shown)
        answer = client.post(action, {"id": ticks})
        # Back on the same page of the list, which says what was done.
        assert answer.headers["location"].startswith(action.replace("/cancel", "") or "/jobs")
        assert " cancelled." in unescape(client.get(answer.headers["location"]).text)
        seen += ticks
        more = re.search(r'href="([^"]*)">(?:More|Older)', shown)
        address = more[1] if more else ""
    assert {state(client, job) for job in mine} == {"cancelled"}
    # As many at once as somebody sends, also beyond a page.
    assert "5 jobs had ended already." in steer(client, "cancel", mine)


def test_the_filter_is_kept(page: Running, client: Client) -> None:
    (job,) = submitted(page, "2y")
    shown = client.get("/jobs?q=core&sort=calls").text
    (address,) = re.findall(r'formaction="([^"]*cancel[^"]*)"', shown)
    answer = client.post(unescape(address), {"id": [job]})
    assert answer.headers["location"] == "/jobs?q=core&sort=calls&cancelled=1&ended=0"


def test_nothing_is_done_where_one_is_unknown(page: Running, client: Client) -> None:
    (job,) = submitted(page, "6mo")
    before = state(client, job)
    nobody = "00000000-0000-4000-8000-000000000000"
    for ids, status in ([job, nobody], 404), ([], 422), ([job, "\x00"], 422):
        answer = client.post("/jobs/cancel", {"id": ids})
        assert answer.status == status, answer.text
        assert "inside TickStock" not in answer.text
    assert state(client, job) == before
    assert client.get("/jobs?cancelled=-1").status == 422


def test_a_viewer_has_nothing_to_tick(page: Running) -> None:
    submitted(page, "1d")
    viewer = page.client(Role.VIEWER)
    assert 'type="checkbox"' not in viewer.get("/jobs").text
    assert viewer.post("/jobs/cancel", {"id": ["x"]}).status == 403


# --- the audit log --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def log(page: Running) -> Client:
    """An admin's client; in the log are entries of three people, on two days."""
    with page.tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.audit_log (at, who, action, subject) VALUES"
            " ('2020-01-02 04:59Z', 'ann', 'load', 'in New York the first of January'),"
            " ('2020-01-02 05:00Z', 'Ann', 'load', '=cmd()'),"
            " ('2020-01-03 04:59Z', 'bob', 'cancel', E'two\\nlines, \"quoted\"'),"
            " ('2020-01-03 05:00Z', 'ann', 'cancel', 'the third'),"
            " ('2019-06-01 12:00Z', 'eve', 'flood', '')"
        )
        connection.execute(
            "INSERT INTO tickstock.audit_log (at, who, action, subject)"
            " SELECT '2018-01-01Z', 'many', 'did', n::text FROM generate_series(1, 250) n"
        )
    return page.client(Role.ADMIN)


@pytest.mark.parametrize(
    ("asked", "subjects"),
    [
        ({"who": "ann"}, ["the third", "=cmd()", "in New York the first of January"]),
        ({"q": "CANCEL", "to": "2020-12-31"}, ["the third", 'two\nlines, "quoted"']),
        ({"from": "2020-01-02", "to": "2020-01-02"}, ['two\nlines, "quoted"', "=cmd()"]),
        ({"who": "ann", "q": "load", "from": "2020-01-02"}, ["=cmd()"]),
        ({"q": "100%_", "who": "bob"}, []),
    ],
)
def test_what_is_filtered_is_the_same_on_the_page_in_the_api_and_in_the_file(
    log: Client, asked: dict[str, str], subjects: list[str]
) -> None:
    query = urlencode(asked)
    entries = log.get(f"/api/audit?{query}").json["entries"]
    assert [e["subject"] for e in entries] == subjects
    shown = unescape(log.get(f"/audit?{query}").text)
    assert [s for s in subjects if s not in shown] == []
    assert ("No entry fits" in shown) == (not subjects)
    answer = log.get(f"/audit/export?{query}")
    assert answer.headers.get_content_type() == "text/csv"
    lines = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert lines[0] == ["at", "who", "action", "subject"]
    # What a spreadsheet would run is text there.
    assert [line[3] for line in lines[1:]] == [f"'{s}" if s[0] == "=" else s for s in subjects]


def test_a_long_log_is_read_page_by_page(log: Client) -> None:
    address, seen = "/audit?who=many", []
    while address:
        shown = unescape(log.get(address).text)
        seen += re.findall(r'data-label="To what">(\d+)<', shown)
        more = re.search(r'href="([^"]*)">More<', shown)
        address = more[1] if more else ""
    assert seen == [str(n) for n in range(250, 0, -1)]
    exported = log.get("/audit/export?who=many").text.splitlines()
    assert len(exported) == 251
    assert len(log.get("/api/audit?who=many&limit=200&skip=100").json["entries"]) == 150


@pytest.mark.parametrize("query", ["from=2020-13-01", "limit=0", "limit=x", "skip=-1", "to=never"])
def test_what_cannot_be_asked_is_refused(log: Client, query: str) -> None:
    answer = log.get(f"/api/audit?{query}")
    assert answer.status == 422
    assert "inside TickStock" not in answer.text


def test_a_file_has_so_many_entries(log: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_EXPORTED", 250)
    assert len(log.get("/audit/export?who=many").text.splitlines()) == 251
    monkeypatch.setattr(audit, "MOST_EXPORTED", 249)
    answer = log.get("/audit/export?who=many")
    assert (answer.status, "More than 249 entries" in answer.text) == (422, True)


def test_the_log_is_for_admins(page: Running) -> None:
    for path in ("/audit", "/audit/export", "/api/audit"):
        assert page.client(Role.OPERATOR).get(path).status == 403
