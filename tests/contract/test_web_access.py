"""Who gets into the page, and how: over real sockets, with a real database."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Cluster
from tests.web_kit import (
    PASSWORDS,
    Client,
    Running,
    organized,
    running,
    settings_for,
)
from tickstock.errors import BadInput, BadSetting, Conflict
from tickstock.service.access import Access, Role
from tickstock.store.database import Database
from tickstock.web.routes import RULES
from tickstock.web.site import make_site

ANYBODY = None
H = "/admin/historical-data"
WHO_MAY = {
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/sign-in"): ANYBODY,
    ("POST", "/sign-in"): ANYBODY,
    ("GET", "/sign-in/link/{token}"): ANYBODY,
    ("POST", "/sign-out"): ANYBODY,
    ("GET", "/"): "viewer",
    ("GET", "/rows"): "viewer",
    ("GET", "/live"): "viewer",
    ("GET", H): "viewer",
    ("GET", f"{H}/picker"): "viewer",
    ("GET", f"{H}/plan"): "viewer",
    ("POST", f"{H}/load"): "operator",
    ("GET", "/jobs"): "viewer",
    ("GET", "/jobs/rows"): "viewer",
    ("GET", "/jobs/recent"): "viewer",
    ("GET", "/jobs/{id}"): "viewer",
    ("GET", "/jobs/{id}/progress"): "viewer",
    ("GET", "/jobs/{id}/strip"): "viewer",
    ("POST", "/jobs/cancel"): "operator",
    ("POST", "/jobs/retry"): "operator",
    ("POST", "/jobs/{id}/cancel"): "operator",
    ("POST", "/jobs/{id}/retry"): "operator",
    ("POST", "/jobs/{id}/pause"): "operator",
    ("POST", "/jobs/{id}/resume"): "operator",
    ("POST", "/jobs/{id}/clone"): "operator",
    ("GET", "/universes"): "viewer",
    ("GET", "/universes/rows"): "viewer",
    ("GET", "/universes/health"): "viewer",
    ("GET", "/universes/organize"): "admin",
    ("POST", "/universes/organize"): "admin",
    ("GET", "/universes/diff"): "viewer",
    ("GET", "/universes/edit"): "admin",
    ("GET", "/universes/edit/plan"): "admin",
    ("POST", "/universes/edit"): "admin",
    ("GET", "/universes/import"): "admin",
    ("POST", "/universes/import"): "admin",
    ("GET", "/universes/{ref}"): "viewer",
    ("GET", "/universes/{ref}/export"): "viewer",
    ("GET", "/coverage"): "viewer",
    ("GET", "/find"): "viewer",
    ("GET", "/find/rows"): "viewer",
    ("GET", "/symbols/{symbol}"): "viewer",
    ("GET", "/coverage/plan"): "viewer",
    ("GET", "/receipts"): "viewer",
    ("POST", "/receipts"): "viewer",
    ("POST", "/receipts/{id}/revoke"): "viewer",
    ("GET", "/receipt/{token}"): ANYBODY,
    ("GET", "/receipt/{token}/receipt.md"): ANYBODY,
    ("GET", "/receipt/{token}/receipt.svg"): ANYBODY,
    ("GET", "/receipt/{token}/receipt.png"): ANYBODY,
    ("GET", "/bars"): "viewer",
    ("GET", "/system"): "viewer",
    ("GET", "/audit"): "admin",
    ("GET", "/audit/export"): "admin",
    ("POST", "/schedules"): "operator",
    ("POST", "/schedules/{name}/run"): "operator",
    ("POST", "/schedules/{name}/remove"): "operator",
    ("POST", "/users"): "admin",
    ("POST", "/users/{name}/role"): "admin",
    ("POST", "/users/{name}/password"): "admin",
    ("POST", "/users/{name}/remove"): "admin",
    ("GET", "/metrics"): "viewer",
    ("GET", f"{H}/universes"): "viewer",
    ("POST", f"{H}/trigger-universe-load"): "operator",
    ("GET", f"{H}/jobs/status"): "viewer",
    ("GET", f"{H}/job/{{id}}/status"): "viewer",
    ("POST", f"{H}/job/{{id}}/cancel"): "operator",
    ("GET", f"{H}/rebuild-cache"): "viewer",
    ("POST", f"{H}/rebuild-cache"): "viewer",
    ("GET", "/api/openapi.json"): "viewer",
    ("GET", "/api/universes"): "viewer",
    ("GET", "/api/universes/{ref}"): "viewer",
    ("GET", "/api/universes/{ref}/history"): "viewer",
    ("GET", "/api/universes/{ref}/blame"): "viewer",
    ("GET", "/api/universes/{ref}/export"): "viewer",
    ("POST", "/api/universes/{ref}/edit"): "admin",
    ("POST", "/api/universes/{ref}/import"): "admin",
    ("GET", "/api/diff"): "viewer",
    ("GET", "/api/findings"): "viewer",
    ("GET", "/api/members"): "viewer",
    ("GET", "/api/organize"): "admin",
    ("POST", "/api/organize"): "admin",
    ("GET", "/api/csv-files"): "viewer",
    ("POST", "/api/plan"): "viewer",
    ("GET", "/api/loads"): "viewer",
    ("POST", "/api/loads"): "operator",
    ("GET", "/api/loads/{id}"): "viewer",
    ("POST", "/api/loads/{id}/cancel"): "operator",
    ("POST", "/api/loads/{id}/retry"): "operator",
    ("POST", "/api/loads/{id}/pause"): "operator",
    ("POST", "/api/loads/{id}/resume"): "operator",
    ("POST", "/api/loads/{id}/clone"): "operator",
    ("GET", "/api/coverage"): "viewer",
    ("GET", "/api/receipts"): "viewer",
    ("POST", "/api/receipts"): "viewer",
    ("POST", "/api/receipts/{id}/revoke"): "viewer",
    ("GET", "/api/bars"): "viewer",
    ("GET", "/api/schedules"): "viewer",
    ("POST", "/api/schedules"): "operator",
    ("POST", "/api/schedules/{name}/run"): "operator",
    ("POST", "/api/schedules/{name}/remove"): "operator",
    ("GET", "/api/users"): "admin",
    ("POST", "/api/users/{name}/role"): "admin",
    ("GET", "/api/audit"): "admin",
    ("GET", "/api/system"): "viewer",
}
"""Written by hand, against the table that the page is made from."""


def test_every_route_has_a_rule_and_nothing_else_is_served(page: Running) -> None:
    assert {(r.method, r.path): r.role for r in RULES} == WHO_MAY
    from tickstock.web.app import make_app

    served = {
        (method, route.path)
        for route in make_app(page.tick, page.access, page.site).routes
        for method in route.methods - {"HEAD"}
    }
    assert served == WHO_MAY.keys() | {("GET", "/static/{name:path}")}


def test_each_role_may_do_what_the_table_says_and_nothing_more(page: Running) -> None:
    order = [ANYBODY, "viewer", "operator", "admin"]
    clients = {role: page.client(Role(role)) if role else page.anonymous() for role in order}
    wrong = []
    for (method, path), needed in WHO_MAY.items():
        address = re.sub(r"{\w+}", "etf_universe:none", path)
        for role, client in clients.items():
            if path == "/sign-out" and role:
                continue  # has a test of its own: it would end the session
            status = client.ask(method, address, {} if method == "POST" else None).status
            allowed = order.index(role) >= order.index(needed)
            expected = status not in (401, 403) if allowed else status == (403 if role else 401)
            if needed is ANYBODY:  # bad credentials are a 401 too
                expected = status != 403
            if not expected:
                wrong.append((method, path, role, status))
    assert wrong == []


# --- where requests come from ---------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "(none)"},
        {"Origin": "https://127.0.0.1:{port}"},
    ],
)
def test_what_another_site_sends_is_refused(page: Running, headers: dict[str, str]) -> None:
    client = page.client()
    said = {name: value.format(port=page.port) for name, value in headers.items()}
    before = len(page.tick.jobs.newest())
    answer = client.post(
        f"{H}/load", {"form": "1", "universe": "etf_universe:core_etfs", "duration": "1d"}, **said
    )
    assert answer.status == 403
    assert len(page.tick.jobs.newest()) == before


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_form_of_the_page_itself_is_taken(page: Running, site: str) -> None:
    answer = page.client().post("/sign-out", Sec_Fetch_Site=site, Origin="(none)")
    assert answer.status == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]", ""])
def test_a_foreign_name_pointed_at_the_page_gets_nothing(page: Running, host: str) -> None:
    assert page.anonymous().get("/sign-in", Host=host).status == 421


def test_a_probe_may_ask_by_any_name(page: Running) -> None:
    answer = page.anonymous().get("/healthz", Host="10.0.0.7")
    assert (answer.status, answer.text) == (200, "ok\n")


@pytest.mark.parametrize("path", ["/sign-in", H, "/api/universes", "/nothing", "/static/style.css"])
def test_every_answer_carries_the_headers(page: Running, path: str) -> None:
    headers = page.client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"]
    assert "server" not in headers


# --- sizes and forms ------------------------------------------------------------------------
def test_a_body_that_is_too_large_is_refused(page: Running) -> None:
    big = b'{"universe": "' + b"x" * 300_000 + b'"}'
    assert page.client().ask("POST", "/api/plan", body=big).status == 413


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{", b'"text"', b"\xff\xfe", b'{"symbols": {"a": 1}}', b"[1]"]
)
def test_what_is_no_json_object_is_named(page: Running, body: bytes) -> None:
    answer = page.client().ask("POST", "/api/plan", body=body)
    assert answer.status == 422
    assert answer.json["message"]


def test_files_and_very_many_fields_are_refused(page: Running) -> None:
    client = page.client()
    many = client.post(f"{H}/load", {f"f{i}": "1" for i in range(500)})
    boundary = "X-BOUNDARY-X"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n'
    upload = client.ask(
        "POST", f"{H}/load", body=f"{part}--{boundary}--\r\n".encode(),
        Content_Type=f"multipart/form-data; boundary={boundary}",
    )  # fmt: skip
    assert (many.status, upload.status) == (400, 400)


@pytest.mark.parametrize(
    "name", ["../door.py", "..%2fdoor.py", "/etc/passwd", "vendor", "x.css", "%00", "style.css/"]
)
def test_only_the_pages_own_files_are_served(page: Running, name: str) -> None:
    assert page.anonymous().get(f"/static/{name}").status == 404


# --- signing in -----------------------------------------------------------------------------
def test_the_cookie_is_out_of_reach_of_scripts_and_only_its_hash_is_kept(page: Running) -> None:
    client = page.anonymous()
    answer = client.post("/sign-in", {"name": "viewer", "password": PASSWORDS[Role.VIEWER]})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert answer.status == 303
    token = client.cookies[page.site.cookie]
    with page.tick.database.transaction() as connection:
        kept = connection.execute("SELECT * FROM tickstock.web_sessions").fetchall()
        hashes = connection.execute("SELECT password_hash FROM tickstock.users").fetchall()
    assert token not in str(kept)
    assert all(row[0].startswith("$argon2id$") for row in hashes)


def test_signing_out_ends_the_session_on_the_server(page: Running) -> None:
    client = page.client()
    kept = dict(client.cookies)
    assert client.post("/sign-out").status == 303
    again = Client(page.port, kept)
    assert again.get("/jobs").status == 401


def test_a_link_signs_in_once_and_a_preview_does_not_use_it_up(page: Running) -> None:
    path = page.link().removeprefix(page.url)
    assert page.anonymous().ask("HEAD", path).status == 204
    client = page.anonymous()
    assert client.get(path).status == 303
    assert client.get("/jobs").status == 200
    second = page.anonymous()
    assert second.get(path).status == 401
    assert second.get("/jobs").status == 401


def test_of_many_that_follow_one_link_at_once_one_gets_in(page: Running) -> None:
    path = page.link().removeprefix(page.url)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(page.anonymous().get(path).status))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [303] + [401] * 7


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("sign_in_links", "expires_at = now() - interval '1 second'"),
        ("web_sessions", "created_at = now() - interval '8 days', seen_at = now()"),
        ("web_sessions", "seen_at = now() - interval '13 hours'"),
    ],
)
def test_links_and_sessions_end_with_time(page: Running, table: str, change: str) -> None:
    client = page.anonymous()
    path = page.link().removeprefix(page.url)
    if table == "web_sessions":
        assert client.get(path).status == 303
    with page.tick.database.transaction() as connection:
        connection.execute(f"UPDATE tickstock.{table} SET {change}")
    assert client.get("/jobs" if table == "web_sessions" else path).status == 401


def test_guessing_is_stopped_and_does_not_lock_out_others(page: Running) -> None:
    client = page.anonymous()
    page.access.add_user("guessed", "a long enough password", Role.VIEWER)
    wrong = {"name": "guessed", "password": "wrong"}
    statuses = [client.post("/sign-in", wrong).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    right = {"name": "guessed", "password": "a long enough password"}
    refused = client.post("/sign-in", right)
    assert refused.status == 429
    assert page.client(Role.VIEWER).get("/jobs").status == 200
    with page.tick.database.transaction() as connection:
        connection.execute("UPDATE tickstock.sign_in_failures SET at = now() - interval '16 min'")
    assert client.post("/sign-in", right).status == 303


def test_an_unknown_name_gets_the_same_answer_as_a_wrong_password(page: Running) -> None:
    client = page.anonymous()
    said = []
    for name in ("viewer", "nobody-of-that-name"):
        text = client.post("/sign-in", {"name": name, "password": "wrong"}).text
        said.append(text.replace(name, ""))
    assert said[0] == said[1]


def test_a_new_password_or_none_ends_the_sessions(page: Running) -> None:
    page.access.add_user("brief", "a long enough password", Role.VIEWER)
    fields = {"name": "BRIEF", "password": "a long enough password"}
    first, second = page.anonymous(), page.anonymous()
    assert first.post("/sign-in", fields).status == 303
    page.access.set_password("brief", "another long password")
    assert first.get("/jobs").status == 401
    assert second.post("/sign-in", fields | {"password": "another long password"}).status == 303
    page.access.remove_user("brief")
    assert second.get("/jobs").status == 401


def test_a_role_that_is_taken_away_is_gone_at_once(page: Running) -> None:
    page.access.add_user("demoted", "a long enough password", Role.ADMIN)
    client = page.anonymous()
    client.post("/sign-in", {"name": "demoted", "password": "a long enough password"})
    assert client.get("/universes/organize").status == 200
    with page.tick.database.transaction() as connection:
        connection.execute("UPDATE tickstock.users SET role = 'viewer' WHERE name = 'demoted'")
    assert client.get("/universes/organize").status == 403


def test_an_ended_session_answers_json_to_json_and_loses_no_typed_form(page: Running) -> None:
    client = page.anonymous()
    answer = client.get("/api/universes")
    assert (answer.status, answer.json["error"]) == (401, "SignInNeeded")
    part = client.get(f"{H}/picker", HX_Request="true")
    assert part.status == 401
    assert "<html" not in part.text
    typed = {"form": "1", "expression": "etf_universe:core_etfs | {ARKK}", "duration": "2d"}
    asked = client.post(f"{H}/load", typed | {"timeframes": ["day", "hour"]})
    assert asked.status == 401
    back = re.search(r'name="next" value="([^"]*)"', asked.text)
    assert back
    signed = client.post(
        "/sign-in",
        {
            "name": "operator",
            "password": PASSWORDS[Role.OPERATOR],
            "next": back[1].replace("&amp;", "&"),
        },
    )
    again = client.get(signed.headers["location"]).text
    assert 'value="etf_universe:core_etfs | {ARKK}"' in again
    assert '<option value="2d" selected>' in again
    assert re.search(r'value="hour" checked', again)


@pytest.mark.parametrize(
    "foreign",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "x"],
)
def test_signing_in_leads_nowhere_else(page: Running, foreign: str) -> None:
    fields = {"name": "viewer", "password": PASSWORDS[Role.VIEWER], "next": foreign}
    assert page.anonymous().post("/sign-in", fields).headers["location"] == "/"


def test_what_was_done_is_in_the_audit_log(page: Running) -> None:
    page.client(Role.OPERATOR)
    assert ("operator", "signed in") in {(row.who, row.action) for row in page.access.log()}
    assert "Audit log" in page.client(Role.ADMIN).get("/system").text
    assert "Audit log" not in page.client(Role.VIEWER).get("/system").text


# --- what is shown when things go wrong -----------------------------------------------------
def test_markup_from_the_database_is_text(page: Running) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    with page.tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO cache_entries (type, name, key, value) VALUES"
            " ('etf_universe', %s, 'evil', %s)",
            (evil, psycopg.types.json.Jsonb(["SPY", "<b>X</b>"])),
        )
    client = page.client()
    for path in (H, "/universes", "/universes/etf_universe:evil", f"{H}?q={'<script>'}"):
        text = client.get(path.replace("<", "%3C").replace(">", "%3E")).text
        assert "<script>alert" not in text
        assert "<img" not in text
    with page.tick.database.transaction() as connection:
        connection.execute("DELETE FROM cache_entries WHERE key = 'evil'")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/api/nothing", 404),
        ("/jobs/none", 404),
        ("/universes/etf_universe:none", 404),
        ("/universes/nonsense", 422),
        ("/jobs?state=x", 422),
        ("/jobs?before=x", 422),
        ("/coverage?universe=etf_universe:none", 404),
        ("/api/universes/etf_universe:none", 404),
        ("/api/members?expression=%7B", 422),
        ("/api/coverage?universe=etf_universe:core_etfs&timeframe=year", 422),
    ],
)
def test_errors_have_their_status_and_no_traceback(page: Running, path: str, status: int) -> None:
    answer = page.client().get(path, Accept="text/html")
    assert answer.status == status
    assert "Traceback" not in answer.text
    assert len(answer.text) > 20


def test_a_database_that_is_away_is_an_outage_not_an_empty_page(
    cluster: Cluster, template: str, home: Path
) -> None:
    with (
        organized(cluster, template, home) as database,
        running(database, settings_for(home), worker=False) as page,
    ):
        client = page.client()
        name = psycopg.conninfo.conninfo_to_dict(database.conninfo)["dbname"]
        with psycopg.connect(cluster.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )
            for path in ("/universes", "/api/universes", "/healthz"):
                answer = client.get(path)
                assert answer.status == 503, path
                assert "Traceback" not in answer.text
                assert "The database is away." in answer.text
                assert name not in answer.text
                assert "connection" not in answer.text
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert client.get("/universes").status == 200


# --- beyond this machine --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("host", "url", "users"),
    [
        ("0.0.0.0", None, True),
        ("192.168.1.5", None, True),
        ("::", None, True),
        ("ticks.example.com", None, True),
        ("0.0.0.0", "https://ticks.example.com", False),
        ("0.0.0.0", "http://ticks.example.com", True),
        ("127.0.0.1", "https://ticks.example.com/path", True),
        ("127.0.0.1", "ticks.example.com", True),
    ],
)
def test_it_refuses_to_listen_for_others_without_tls_and_a_user(
    host: str, url: str | None, users: bool
) -> None:
    with pytest.raises(BadSetting):
        make_site(host, 8177, url, tls=False, users=users)


def test_behind_a_proxy_cookies_are_secure_and_links_are_not_taken(
    cluster: Cluster, template: str, home: Path
) -> None:
    public = "https://ticks.example.com"
    with organized(cluster, template, home) as database:
        settings = settings_for(home)
        with running(database, settings, worker=False, public_url=public) as page:
            said = {"Host": "ticks.example.com", "Origin": public}
            fields = {"name": "viewer", "password": PASSWORDS[Role.VIEWER]}
            signed = page.anonymous().post("/sign-in", fields, **said)
            cookie = signed.headers["set-cookie"]
            assert cookie.startswith("__Host-")
            assert "Secure" in cookie
            assert "Path=/" in cookie
            assert "Domain" not in cookie
            assert signed.headers["strict-transport-security"]
            path = page.link().removeprefix(page.url)
            assert page.anonymous().get(path, Host="ticks.example.com").status == 401
            # Wrong passwords count by whose they are, as the proxy says, which is on this machine.
            wrong, statuses = {"name": "viewer", "password": "wrong"}, []
            for address in ("192.0.2.1",) * 6 + ("192.0.2.2",):
                told = said | {"X-Forwarded-For": address}
                statuses.append(page.anonymous().post("/sign-in", wrong, **told).status)
            assert statuses == [401] * 5 + [429, 401]


# --- users ----------------------------------------------------------------------------------
def test_users_are_checked(database: Database) -> None:
    access = Access(database)
    access.add_user("Ann", "a long enough password", Role.ADMIN)
    with pytest.raises(Conflict):
        access.add_user("ann", "a long enough password", Role.VIEWER)
    for name, password in (("x y", "a long enough password"), ("", "x" * 20), ("bob", "short")):
        with pytest.raises(BadInput):
            access.add_user(name, password, Role.VIEWER)
    for call in (lambda: access.remove_user("zoe"), lambda: access.set_password("zoe", "x" * 20)):
        with pytest.raises(BadInput):
            call()
    assert [(u.name, u.role) for u in access.users()] == [("Ann", "admin")]
