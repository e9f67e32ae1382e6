"""Universes edited, imported and exported from the page and its API: shown first, then done."""

from __future__ import annotations

import base64
import re
from html import unescape
from typing import Any

import pytest

from tests.web_kit import Answer, Client, Running
from tickstock.clock import NEW_YORK, machine_now
from tickstock.service.access import Role

CORE = "etf_universe:core_etfs"
MINE = "stock_universe:theme_mine"


def hidden(answer: Answer) -> dict[str, str]:
    """The fields of the form that does what was shown."""
    form = answer.text.rpartition('<form method="post"')[2]
    pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    assert "digest" in dict(pairs), answer.text
    return {name: unescape(value) for name, value in pairs}


def edit(client: Client, **fields: Any) -> Answer:
    """Shown, then done."""
    shown = client.post("/universes/edit", fields)
    assert shown.status == 200, shown.text
    return client.post("/universes/edit", hidden(shown))


def symbols(client: Client, ref: str) -> list[str]:
    found: list[str] = client.get(f"/api/universes/{ref}").json["symbols"]
    return found


# --- editing --------------------------------------------------------------------------------
def test_an_edit_is_shown_first_and_then_done_exactly_so(client: Client) -> None:
    made = {"ref": MINE, "do": "list", "symbols": "AAPL, brk/b\nMSFT;AAPL", "title": "Mine"}
    shown = client.post("/universes/edit", made)
    assert "BRK.B" in shown.text
    assert "more than once" in shown.text
    assert client.get(f"/api/universes/{MINE}").status == 404
    done = client.post("/universes/edit", hidden(shown))
    assert (done.status, done.headers["location"]) == (303, f"/universes/{MINE}")
    assert symbols(client, MINE) == ["AAPL", "BRK.B", "MSFT"]

    assert edit(client, ref=MINE, do="add", symbols="IBM", why="asked for").status == 303
    assert edit(client, ref=MINE, do="remove", symbols="AAPL").status == 303
    assert symbols(client, MINE) == ["BRK.B", "MSFT", "IBM"]
    log = client.get(f"/api/universes/{MINE}/history").json["changes"]
    assert [(c["reason"], c["joined"], c["left"]) for c in log[:2]] == [
        ("remove from the page by admin", [], ["AAPL"]),
        ("asked for (add from the page by admin)", ["IBM"], []),
    ]
    blame = client.get(f"/api/universes/{MINE}/blame").json["members"]
    assert {m["symbol"]: m["reason"] for m in blame}[
        "IBM"
    ] == "asked for (add from the page by admin)"
    assert "asked for" in client.get(f"/universes/{MINE}?blame=1").text

    number = next(c["revision"] for c in log if c["action"] == "insert")
    assert edit(client, ref=MINE, do="revert", revision=number).status == 303
    assert symbols(client, MINE) == ["AAPL", "BRK.B", "MSFT"]
    assert edit(client, ref=MINE, do="name", title="Yours", description="Not mine").status == 303
    assert client.get(f"/api/universes/{MINE}").json["name"] == "Yours"
    assert edit(client, ref=MINE, do="expression", expression="{IBM} | {GE}").status == 303
    assert symbols(client, MINE) == ["GE", "IBM"]
    other = "stock_universe:theme_yours"
    assert edit(client, ref=MINE, do="rename", new_ref=other).headers["location"].endswith(other)
    gone = edit(client, ref=other, do="delete")
    assert gone.headers["location"] == "/universes?deleted=1"
    assert client.get(f"/api/universes/{other}").status == 404
    assert "Bring back" in client.get(f"/universes/{other}").text


def test_an_edit_that_loses_much_needs_leave(client: Client) -> None:
    shown = client.post("/universes/edit", {"ref": CORE, "do": "list", "symbols": "SPY QQQ"})
    fields = hidden(shown)
    assert "The change guard refuses" in shown.text
    refused = client.post("/universes/edit", fields)
    assert refused.status == 409
    assert len(symbols(client, CORE)) == 10
    assert client.post("/universes/edit", fields | {"allow": "core_etfs"}).status == 303
    assert symbols(client, CORE) == ["SPY", "QQQ"]
    assert edit(client, ref=CORE, do="revert").status == 303
    assert len(symbols(client, CORE)) == 10


def test_an_edit_of_what_has_moved_since_is_shown_anew(client: Client) -> None:
    shown = hidden(client.post("/universes/edit", {"ref": CORE, "do": "add", "symbols": "GLD"}))
    assert edit(client, ref=CORE, do="add", symbols="SLV").status == 303
    stale = client.post("/universes/edit", shown)
    assert stale.status == 409
    assert "nothing was written" in stale.text
    assert client.post("/universes/edit", hidden(stale)).status == 303
    assert symbols(client, CORE)[-2:] == ["SLV", "GLD"]
    assert edit(client, ref=CORE, do="remove", symbols="SLV GLD").status == 303


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"ref": CORE, "do": "add"}, 422, "No symbol was given"),
        ({"ref": CORE, "do": "vanish"}, 422, "something that can be done"),
        ({"ref": "nothing", "do": "delete"}, 404, "nothing"),
        ({"ref": "etf_universe:nope", "do": "add", "symbols": "SPY"}, 404, "no universe"),
        ({"ref": CORE, "do": "remove", "symbols": "AAPL"}, 422, "'AAPL' is not in"),
        ({"ref": CORE, "do": "expression", "expression": "{SPY"}, 422, "{SPY"),
        ({"ref": CORE, "do": "revert", "revision": "x"}, 422, "number of a change"),
    ],
)
def test_an_edit_that_cannot_be_says_why_and_keeps_what_was_typed(
    client: Client, fields: dict[str, str], status: int, says: str
) -> None:
    answer = client.post("/universes/edit", fields)
    assert answer.status == status
    assert says in unescape(answer.text)
    assert f'value="{fields["ref"]}"' in answer.text


def test_a_session_that_ends_keeps_what_was_typed(page: Running) -> None:
    typed = {"ref": CORE, "do": "add", "symbols": "GLD SLV"}
    asked = page.anonymous().post("/universes/edit", typed, Accept="text/html")
    assert asked.status == 401
    back = unescape(re.findall(r'name="next" value="([^"]+)"', asked.text)[0])
    shown = page.client().get(back).text
    assert "GLD, SLV" in shown
    assert '<option value="add" selected>' in shown


def test_the_same_by_the_api(client: Client) -> None:
    address = f"/api/universes/{CORE}/edit"
    plan = client.ask("POST", address, body={"do": "add", "symbols": ["GLD"]}).json
    assert (plan["changes"][0]["joins"], plan["applied"], plan["guard"]) == (["GLD"], False, None)
    stale = client.ask("POST", address, body={"do": "add", "symbols": ["GLD"], "digest": "0"})
    assert (stale.status, stale.json["error"]) == (409, "StalePlan")
    body = {"do": "add", "symbols": ["GLD"], "digest": plan["digest"]}
    assert client.ask("POST", address, body=body).json["applied"] is True
    assert symbols(client, CORE)[-1] == "GLD"
    everything = {"do": "list", "symbols": ["SPY"]}
    plan = client.ask("POST", address, body=everything).json
    assert "core_etfs" in plan["guard"]
    assert plan["guard_refs"] == ["etf_universe:core_etfs"]
    again = everything | {"digest": plan["digest"]}
    refused = client.ask("POST", address, body=again).json
    assert (refused["error"], refused["refs"]) == ("GuardRefused", ["etf_universe:core_etfs"])
    assert client.ask("POST", address, body=again | {"allow": ["core_etfs"]}).status == 200
    assert edit(client, ref=CORE, do="revert").status == 303
    assert edit(client, ref=CORE, do="remove", symbols="GLD").status == 303


def test_two_universes_compared(client: Client) -> None:
    pair = f"first={CORE}&second=%7BSPY,%20AAPL%7D"
    found = client.get(f"/api/diff?{pair}").json
    assert (found["only_second"], found["common"]) == (["AAPL"], ["SPY"])
    assert "Only in the second" in client.get(f"/universes/diff?{pair}").text
    assert client.get(f"/universes/diff?first={CORE}&second=nope").status in (404, 422)


def test_the_past_of_a_universe_has_a_label(client: Client) -> None:
    today = machine_now().astimezone(NEW_YORK).date()  # the rows are dated by the database
    text = client.get(f"/universes/{CORE}?as_of={today}").text
    assert f"Survivorship: the members of {today}, all 10 of them." in text
    found = client.get(f"/api/members?expression={CORE}&as_of={today}").json
    assert found["survivorship"]["then"] == 10
    early = client.get(f"/universes/{CORE}?as_of=1999-01-02")
    assert early.status == 200
    assert "No longer" not in early.text
    before = client.get(f"/universes/{CORE}?known_at=1999-01-02T00:00").text
    assert 'class="note bad"' in before
    assert "0 members, as known at 1999-01-02T00:00" in before


# --- importing and exporting ----------------------------------------------------------------
def upload(client: Client, name: str, data: bytes, **fields: str) -> Answer:
    parts = [(f'name="{k}"', v.encode()) for k, v in fields.items()]
    parts.append((f'name="file"; filename="{name}"', data))
    body = b"".join(
        b"--XX\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + value + b"\r\n"
        for head, value in parts
    )
    kind = "multipart/form-data; boundary=XX"
    return client.ask("POST", "/universes/import", body=body + b"--XX--\r\n", Content_Type=kind)


def again(client: Client, fields: dict[str, str]) -> Answer:
    """Sends the form that does what was shown: without a file, as a browser does then."""
    return client.post("/universes/import", fields)


def test_an_import_is_previewed_with_its_problems_and_then_done(client: Client) -> None:
    ref = "stock_universe:theme_imported"
    shown = upload(client, "mine.csv", b"Symbol,Weight\nAAPL,1\nbrk/b,2\nAAPL,3\n", ref=ref)
    assert shown.status == 200
    assert "2 symbols" in shown.text
    assert "BRK.B" in shown.text
    assert client.get(f"/api/universes/{ref}").status == 404
    done = again(client, hidden(shown))
    assert (done.status, done.headers["location"]) == (303, f"/universes/{ref}")
    assert symbols(client, ref) == ["AAPL", "BRK.B"]
    text = client.get(f"/universes/{ref}").text
    assert "import of mine.csv from the page by admin" in text
    same = upload(client, "mine.csv", b"Symbol,Weight\nAAPL,1\nbrk/b,2\nAAPL,3\n", ref=ref)
    assert "holds exactly this already" in same.text


def test_what_is_no_list_is_refused_with_every_problem(client: Client) -> None:
    page = upload(client, "error.html", b"<!doctype html><title>403</title>", ref=MINE)
    assert page.status == 422
    assert "error.html" in page.text
    bad = upload(client, "bad.csv", b"symbol\nAAPL\nNOT A SYMBOL\n!!!\n", ref=MINE)
    assert bad.status == 422
    assert "bad.csv:3" in bad.text
    assert "bad.csv:4" in bad.text
    assert upload(client, "none.csv", b"", ref=MINE).status == 422
    assert client.post("/universes/import", {"ref": MINE}).status == 422


def test_a_file_is_no_larger_than_it_may_be(client: Client) -> None:
    assert upload(client, "big.csv", b"A\n" * 250_001, ref=MINE).status == 422
    assert upload(client, "huge.csv", b"A\n" * 2_000_000, ref=MINE).status == 413
    import zlib

    bomb = base64.b64encode(zlib.compress(b"A\n" * 20_000_000)).decode()
    packed = {"ref": MINE, "kept": bomb, "file_name": "x.csv", "digest": "0"}
    assert client.post("/universes/import", packed).status == 422
    for damaged in ("!!", base64.b64encode(b"no zlib").decode()):
        assert client.post("/universes/import", packed | {"kept": damaged}).status == 422


def test_an_import_that_loses_much_needs_leave(client: Client) -> None:
    fields = hidden(upload(client, "few.csv", b"SPY\nQQQ\n", ref=CORE))
    assert again(client, fields).status == 409
    assert len(symbols(client, CORE)) == 10
    assert again(client, fields | {"allow": "core_etfs"}).status == 303
    assert symbols(client, CORE) == ["SPY", "QQQ"]
    assert edit(client, ref=CORE, do="revert").status == 303


def test_import_and_export_by_the_api_give_the_same_universe(client: Client) -> None:
    for form in ("csv", "json", "toml", "txt", "parquet"):
        answer = client.get(f"/api/universes/{CORE}/export?form={form}")
        assert answer.headers["content-disposition"] == f'attachment; filename="core_etfs.{form}"'
        body = {"name": f"core.{form}", "content": base64.b64encode(answer.body).decode()}
        ref = f"etf_universe:theme_again_{form}"
        plan = client.ask("POST", f"/api/universes/{ref}/import", body=body).json
        assert plan["applied"] is False
        body["digest"] = plan["digest"]
        assert client.ask("POST", f"/api/universes/{ref}/import", body=body).status == 200
        assert symbols(client, ref) == symbols(client, CORE)
    assert client.get(f"/universes/{CORE}/export?form=exe").status == 422
    assert client.get("/universes/etf_universe:nope/export").status == 404


# --- roles, schedules, bodies ---------------------------------------------------------------
def test_roles_are_changed_by_admins_and_the_last_one_stays(page: Running, client: Client) -> None:
    viewer = page.client(Role.VIEWER)
    assert viewer.get("/universes/edit").status == 403
    assert client.post("/users/viewer/role", {"role": "admin"}).status == 303
    assert viewer.get("/universes/edit").status == 200
    taken = client.ask("POST", "/api/users/viewer/role", body={"role": "viewer"})
    assert {u["name"]: u["role"] for u in taken.json["users"]}["viewer"] == "viewer"
    last = client.ask("POST", "/api/users/admin/role", body={"role": "viewer"})
    assert (last.status, last.json["what"]) == (409, "admin is the last admin.")
    for name, role in (("nobody", "viewer"), ("viewer", "king")):
        assert client.post(f"/users/{name}/role", {"role": role}).status == 422
    text = client.get("/system").text
    assert "Role of viewer" in text
    assert "role changed" in text
    entries = client.get("/api/audit").json["entries"]
    assert ("admin", "role changed") in {(e["who"], e["action"]) for e in entries}


def test_schedules_are_added_run_and_removed(client: Client) -> None:
    fields = {"name": "nightly", "universe": CORE, "at": "18:30", "for": "1d", "after_close": "1"}
    assert client.post("/schedules", fields).status == 303
    assert client.post("/schedules", fields).status == 409
    assert "nightly" in client.get("/system").text
    run = client.post("/schedules/nightly/run")
    assert run.headers["location"].startswith("/jobs/")
    assert client.post("/schedules/nightly/remove").status == 303
    made = client.ask("POST", "/api/schedules", body={"name": "x", "universe": CORE, "at": "01:00"})
    assert (made.status, made.json["after_close"]) == (201, False)
    assert [s["name"] for s in client.get("/api/schedules").json["schedules"]] == ["x"]
    started = client.ask("POST", "/api/schedules/x/run", body={})
    assert started.status == 201
    assert client.ask("POST", "/api/schedules/x/remove", body={}).json == {"schedules": []}
    late = client.ask("POST", "/api/schedules", body={"name": "y", "universe": CORE, "at": "25"})
    assert late.status == 422


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/api/loads", {"universe": CORE, "duration": "1d"}, "duration"),
        ("/api/plan", {"universe": CORE, "timeframe": ["hour"]}, "timeframe"),
        (f"/api/universes/{CORE}/edit", {"do": "add", "symbol": ["GLD"]}, "symbol"),
        ("/api/organize", {"digest": "0", "force": True}, "force"),
        ("/api/loads/x/cancel", {"reason": "none"}, "reason"),
    ],
)
def test_a_field_that_means_nothing_is_refused_by_name(
    client: Client, path: str, body: dict[str, Any], named: str
) -> None:
    answer = client.ask("POST", path, body=body)
    assert answer.status == 422
    assert f"'{named}'" in answer.json["what"]


def test_a_near_name_is_suggested(client: Client) -> None:
    answer = client.ask("POST", "/api/plan", body={"universe": CORE, "timeframe": ["hour"]})
    assert answer.json["hint"] == "Did you mean 'timeframes'?"


def test_the_system_page_tells_of_redis(page: Running, client: Client) -> None:
    assert client.get("/api/system").json["redis"] == {"address": "", "trouble": ""}
    assert "No Redis is set" in client.get("/system").text
    from tickstock.service.system import look_at_redis

    settings = page.tick.settings
    closed = settings.model_validate(
        settings.model_dump() | {"redis_url": "redis://:secret@127.0.0.1:1/0"}
    )
    state = look_at_redis(closed)
    assert state.address == "127.0.0.1:1"
    assert "does not answer" in state.trouble
    assert "secret" not in str(state)


def test_a_day_that_has_not_come_is_refused(client: Client) -> None:
    assert "2199-01-02 has not come yet" in client.get(f"/universes/{CORE}?as_of=2199-01-02").text
    found = client.get(f"/api/members?expression={CORE}&as_of=2199-01-02")
    assert (found.status, found.json["error"]) == (422, "BadDates")


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"do": "add", "symbols": "IWM brk/b"}, f"universe add {CORE} IWM brk/b"),
        ({"do": "remove", "symbols": "SPY"}, f"universe remove {CORE} SPY"),
        ({"do": "list", "symbols": "A B", "why": "it's"}, f"set {CORE} A B --reason 'it'\"'\"'s'"),
        ({"do": "expression", "expression": "{A, B}"}, f"set {CORE} --expression '{{A, B}}'"),
        ({"do": "name", "title": "The core"}, f"set {CORE} --name 'The core'"),
        ({"do": "rename", "new_ref": "etf_universe:hub"}, f"rename {CORE} etf_universe:hub"),
        ({"do": "delete"}, f"universe delete {CORE}"),
    ],
)
def test_a_plan_gives_the_command_that_does_the_same(
    client: Client, fields: dict[str, str], command: str
) -> None:
    shown = client.post("/universes/edit", {"ref": CORE} | fields)
    assert shown.status == 200
    said = re.sub(
        r"<[^>]*>", "", shown.text.partition('<code id="command">')[2].partition("</code>")[0]
    )
    assert command in unescape(re.sub(r"<[^>]*>", "", said))


def test_members_leave_and_join_in_one_change(client: Client) -> None:
    edit(client, ref=MINE, do="list", symbols="AAPL MSFT IBM", why="three")
    path = f"/universes/edit/plan?ref={MINE}&do=members"
    assert client.get(path).text.strip() == ""  # nothing is named yet
    both = client.get(path + "&leave=MSFT&leave=IBM&symbols=KO").text
    assert "<span>remove</span>" in both
    assert "<span>add</span>" in both
    edit(client, ref=MINE, do="members", leave=["MSFT", "IBM"], symbols="KO aapl")
    assert client.get(f"/api/universes/{MINE}").json["symbols"] == ["AAPL", "KO"]
    body = {"do": "members", "leave": ["KO"], "symbols": ["PEP"]}
    digest = client.ask("POST", f"/api/universes/{MINE}/edit", body=body).json["digest"]
    client.ask("POST", f"/api/universes/{MINE}/edit", body=body | {"digest": digest})
    assert client.get(f"/api/universes/{MINE}").json["symbols"] == ["AAPL", "PEP"]
    edit(client, ref=MINE, do="expression", expression="{AAPL, KO}")
    assert "one after the other" in client.get(path + "&leave=KO&symbols=IBM").text
    assert "Changes" in client.get(path + "&leave=KO").text
    edit(client, ref=MINE, do="delete")
