"""Receipts of coverage: seen by whoever has the link, as they were made, and by nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import Cluster
from tests.web_kit import Answer, Client, Running, quiet
from tests.work import statements
from tickstock.clock import utc_now
from tickstock.errors import Conflict, TooManyAttempts
from tickstock.service.access import Role
from tickstock.service.receipts import CHECK_HOLDS, CoverageQuestion
from tickstock.spans import ONE_DAY
from tickstock.web.look_limit import WINDOW, LookLimit

PAIR = "{SPY, QQQ}"
pytestmark = pytest.mark.dates
FORMS = ("", "/receipt.md", "/receipt.svg", "/receipt.png")


class Ahead:
    """The clock, and how far it has been put on."""

    by = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.by


AHEAD = Ahead()


@pytest.fixture(scope="module")
def page(cluster: Cluster, template: str, home: Path) -> Iterator[Running]:
    """Of SPY some days of a month are held, of QQQ none; IWM was never heard of."""
    with quiet(cluster, template, home, AHEAD) as found:
        with found.tick.database.transaction() as connection:
            connection.execute(
                "WITH made AS (INSERT INTO tickstock.instruments (symbol) VALUES ('SPY'), ('QQQ')"
                " RETURNING id, symbol) INSERT INTO tickstock.tickers (instrument_id, symbol)"
                " SELECT id, symbol FROM made"
            )
        hold(found, "SPY", *sessions(found)[:7])
        yield found


def sessions(page: Running) -> list[date]:
    """Those of the month that receipts here are of."""
    calendar, month = page.tick.dates.calendar(), page.tick.dates.span("1mo")
    return [calendar.day(n) for n in range(*calendar.between(month))]


def hold(page: Running, symbol: str, *days: date) -> None:
    with page.tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.coverage AS c (instrument_id, timeframe, origin, held, bars)"
            " SELECT id, 'day', 'massive', range_agg(daterange(day, day + 1)), 0"
            " FROM tickstock.instruments, unnest(%s::date[]) AS day WHERE symbol = %s GROUP BY id"
            " ON CONFLICT (instrument_id, timeframe) DO UPDATE SET held = c.held + excluded.held",
            (list(days), symbol),
        )


def make(client: Client, universe: str = PAIR, **other: str) -> str:
    """The path of a new receipt."""
    fields = {"universe": universe, "for": "1mo", "why": "for the auditors", "days": "7"}
    answer = client.post("/receipts", fields | other)
    assert answer.status == 200, answer.text
    (link,) = re.findall(
        r'<code id="link">http://127.0.0.1:\d+(/receipt/[\w-]+)</code>', answer.text
    )
    return str(link)


def looked_at(page: Running, path: str) -> list[Answer]:
    return [page.anonymous().get(path + form) for form in FORMS]


def test_whoever_has_the_link_sees_the_view_and_nothing_else(page: Running) -> None:
    path, month = make(page.client(Role.VIEWER), "{SPY, QQQ, IWM}"), sessions(page)
    assert len(path.rpartition("/")[2]) >= 43  # 256 bits
    shown, text, drawn, painted = looked_at(page, path)
    assert painted.headers.get_content_type() == "image/png"
    assert painted.body.startswith(b"\x89PNG")
    for answer in (shown, text, drawn, painted):
        assert answer.status == 200
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "set-cookie" not in answer.headers
    for answer in (shown, text, drawn):
        for secret in ("postgresql", "5432", "viewer", "auditors", str(page.tick.settings.home)):
            assert secret not in answer.text
        plain = unescape(answer.text).replace("\\", "")
        for fact in ("{SPY, QQQ, IWM}", f"7 of {3 * len(month)} sessions held", "survivorship",
                     "content hash", "nobody has asked for it yet", "IWM",
                     f"{month[0]} to {month[-1]}"):  # fmt: skip
            assert fact.lower() in plain.lower(), (answer.headers["content-type"], fact)
    links = re.findall(r'(?:href|src|action|hx-get)="([^"]*)"', shown.text)
    assert {x for x in links if not x.startswith(("/static/", "#"))} == {
        f"{path}{form}" for form in FORMS if form
    }
    assert "data-live" not in shown.text
    assert text.headers.get_content_type() == "text/markdown"
    assert ElementTree.fromstring(drawn.text).tag.endswith("svg")
    # Who is signed in sees the same.
    assert page.client().get(path).text == shown.text


def test_a_receipt_says_what_was_true_when_it_was_made(page: Running) -> None:
    path = make(page.client())
    before = looked_at(page, path)
    assert "Nothing of it has changed since" in before[0].text
    assert "Nothing of it had changed by" in before[1].text
    hold(page, "SPY", sessions(page)[0] - 90 * ONE_DAY)  # a day that it is not about
    assert "Nothing of it has changed since" in page.anonymous().get(path).text
    hold(page, "QQQ", *sessions(page)[:2])
    assert "Nothing of it has changed since" in page.anonymous().get(path).text  # a moment ago
    AHEAD.by += CHECK_HOLDS
    after = looked_at(page, path)
    assert "What is held has changed since" in after[0].text
    assert "What is held has changed since" in after[1].text
    assert [a.body for a in after[2:]] == [a.body for a in before[2:]]
    told = (*before[:3], *after[:3])
    figures = [re.findall(r"[\d,]+ of [\d,]+ sessions held", a.text) for a in told]
    assert figures[:3] == figures[3:]
    assert figures[0]
    assert (
        f"9 of {2 * len(sessions(page))} sessions" in page.anonymous().get(make(page.client())).text
    )


NEW_GAP = """
    INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)
    SELECT id, 'day', daterange(%(day)s, %(day)s + 1), 'failed' FROM tickstock.instruments
    WHERE symbol = 'SPY'"""
OTHER_BAR = """
    INSERT INTO tickstock.bar_revisions (instrument_id, timeframe, at, close)
    SELECT id, 'day', %(day)s::timestamp AT TIME ZONE 'UTC', 1 FROM tickstock.instruments
    WHERE symbol = 'SPY'"""
NONE_HELD = "UPDATE tickstock.coverage SET held = '{}'"
HEARD_OF = """
    INSERT INTO tickstock.tickers (instrument_id, symbol)
    SELECT id, 'VTI' FROM tickstock.instruments WHERE symbol = 'SPY'"""


@pytest.mark.parametrize("change", [NEW_GAP, OTHER_BAR, NONE_HELD, HEARD_OF])
def test_every_kind_of_change_is_told(page: Running, change: str) -> None:
    path = make(page.client(), "{SPY, QQQ, VTI}")
    with page.tick.database.transaction() as connection:
        connection.execute(change, {"day": sessions(page)[12]})
    assert "has changed since" in page.anonymous().get(path).text
    with page.tick.database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.tickers WHERE symbol = 'VTI'")


def test_what_is_over_revoked_or_guessed_is_all_the_same(page: Running) -> None:
    admin = page.client()
    revoked, over, live = (make(admin) for _ in range(3))
    newest = [r["id"] for r in admin.get("/api/receipts").json["receipts"]]
    assert admin.post(f"/receipts/{newest[2]}/revoke").status == 303
    with page.tick.database.transaction() as connection:
        connection.execute(
            "UPDATE tickstock.receipts SET expires_at = clock_timestamp() WHERE id = %s",
            (newest[1],),
        )
    guessed = "/receipt/" + "A" * 43
    for form in FORMS:
        told = [page.anonymous().get(path + form) for path in (revoked, over, guessed)]
        assert {a.status for a in told} == {404}
        assert len({a.body for a in told}) == 1
        headers = [{k: v for k, v in a.headers.items() if k != "date"} for a in told]
        assert headers[0] == headers[1] == headers[2]
        assert page.anonymous().get(live + form).status == 200
    assert [r["standing"] for r in admin.get("/api/receipts").json["receipts"][:3]] == [
        "live", "expired", "revoked",
    ]  # fmt: skip


def test_nobody_keeps_the_token(page: Running) -> None:
    admin = page.client()
    token = make(admin).rpartition("/")[2]
    with page.tick.database.transaction() as connection:
        (row,) = connection.execute(
            "SELECT r::text FROM tickstock.receipts r ORDER BY id DESC LIMIT 1"
        ).fetchone() or ("",)
        log = connection.execute("SELECT subject FROM tickstock.audit_log").fetchall()
    assert "SPY" in row
    assert token not in row + str(log) + admin.get("/receipts").text


def test_makers_see_and_revoke_their_own_and_admins_all(page: Running) -> None:
    viewer, operator, admin = (page.client(role) for role in Role)
    path = make(operator, why="the  plan\nof May")
    (mine, *_) = operator.get("/api/receipts").json["receipts"]
    assert (mine["made_by"], mine["reason"]) == ("operator", "the plan of May")
    assert mine["id"] not in [r["id"] for r in viewer.get("/api/receipts").json["receipts"]]
    assert "the plan of May" not in viewer.get("/receipts").text
    assert viewer.post(f"/receipts/{mine['id']}/revoke").status == 404
    assert page.anonymous().get(path).status == 200
    assert "the plan of May" in admin.get("/receipts").text
    assert admin.post(f"/receipts/{mine['id']}/revoke").status == 303
    assert page.anonymous().get(path).status == 404
    assert "revoked by admin" in operator.get("/receipts").text
    log = admin.get("/api/audit?q=receipt&limit=2").json["entries"]
    assert [(e["who"], e["action"], e["subject"]) for e in log] == [
        ("admin", "receipt revoked", f"{mine['id']} of {PAIR}"),
        ("operator", "receipt made", f"{PAIR} for 7 days: the plan of May"),
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"why": " "}, "not said what the receipt is for"),
        ({"why": "w" * 301}, "301 characters"),
        ({"days": "91"}, "for 91 days"),
        ({"days": "0"}, "for 0 days"),
        ({"days": "-1"}, "not a number of days"),
        ({"universe": "{", "why": "x"}, "{"),
        ({"timeframe": "year"}, "not a timeframe"),
    ],
)
def test_what_cannot_be_made_is_told_and_keeps_what_was_typed(
    page: Running, fields: dict[str, str], told: str
) -> None:
    typed = {"universe": PAIR, "for": "1mo", "why": "kept <b>", "days": "30"} | fields
    answer = page.client().post("/receipts", typed)
    assert answer.status == 422
    plain = unescape(answer.text)
    assert told in plain
    assert f'value="{typed["universe"]}"' in plain
    assert "kept <b>" not in answer.text
    assert "inside TickStock" not in plain


def test_makers_have_so_many_at_a_time(page: Running) -> None:
    receipts, asked = page.tick.receipts, CoverageQuestion(PAIR)
    for _ in range(2):
        receipts.make(asked, who="busy", reason="x", most_live=2)
    with pytest.raises(Conflict):
        receipts.make(asked, who="busy", reason="x", most_live=2)
    receipts.revoke(receipts.made("busy", 1)[0].id, who="busy", made_by="busy")
    receipts.make(asked, who="busy", reason="x", most_live=2)


def test_however_many_look_it_is_compared_once_a_minute(page: Running) -> None:
    path = make(page.client())
    comparing = "tickstock.bar_revisions"
    with statements() as sent:
        for _ in range(3):
            looked_at(page, path)
        assert sum(comparing in text for text in sent) == 1
        AHEAD.by += CHECK_HOLDS
        looked_at(page, path)
        assert sum(comparing in text for text in sent) == 2
        AHEAD.by -= timedelta(days=1)  # a clock that was put right says nothing of an older time
        looked_at(page, path)
        assert sum(comparing in text for text in sent) == 3


def test_of_many_receipts_the_last_checks_are_remembered(
    page: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tickstock.service.receipts.MOST_CHECKS", 1)
    paths = [make(page.client()) for _ in range(2)]
    with statements() as sent:
        for path in (*paths, paths[1], paths[0]):
            assert page.anonymous().get(path).status == 200
        assert sum("tickstock.bar_revisions" in text for text in sent) == 3


@pytest.mark.parametrize("role", [None, Role.ADMIN])
def test_what_has_been_over_for_long_is_forgotten(page: Running, role: Role | None) -> None:
    """By whoever makes another one, and by `jobs prune`."""
    admin, database = page.client(), page.tick.database
    live, over, revoked, lately = (make(admin) for _ in range(4))
    ids = [r["id"] for r in admin.get("/api/receipts").json["receipts"][:4]][::-1]
    ends = {over: "expires_at", revoked: "revoked_at", lately: "expires_at"}
    for number, path in zip(ids, (live, over, revoked, lately), strict=True):
        ago = 89 if path == lately else 91
        if path in ends:
            with database.transaction() as connection:
                connection.execute(
                    f"UPDATE tickstock.receipts SET {ends[path]} ="
                    f" clock_timestamp() - interval '{ago} days' WHERE id = {number}"
                )
    if role is None:
        page.tick.steering.prune()
    else:
        make(admin)
    left = [r["id"] for r in admin.get("/api/receipts").json["receipts"]]
    assert [number for number in ids if number in left] == [ids[0], ids[3]]
    assert page.anonymous().get(live).status == 200
    with database.transaction() as connection:  # whatever is said, what can be seen stays
        connection.execute("SELECT tickstock.forget_receipts('infinity')")
    assert page.anonymous().get(live).status == 200
    assert ids[3] not in [r["id"] for r in admin.get("/api/receipts").json["receipts"]]


def test_looks_are_counted_by_receipt_and_guesses_by_address(page: Running) -> None:
    """As everybody comes from one address where a proxy does not say whose a request is."""
    time = [0.0]
    limit = LookLimit(most=2, names=2, clock=lambda: time[0])
    for _ in range(2):
        limit.count("a")
    with pytest.raises(TooManyAttempts):
        limit.count("a")
    limit.count("b")
    time[0] = WINDOW
    limit.count("a")
    limit.count("b")
    limit.count("c")  # the one that asked longest ago is forgotten
    assert [*limit._asked] == ["b", "c"]
    one, other = make(page.client()), make(page.client())
    for path, while_open in (("/receipt/guess", 404), (f"{one}/receipt.md", 200)):
        assert page.anonymous().get(path).status == while_open
        statuses = []
        while 429 not in statuses:
            statuses.append(page.anonymous().get(path).status)
            assert len(statuses) < 200
        refused = page.anonymous().get(path)
        assert int(refused.headers["retry-after"]) <= WINDOW
    assert page.anonymous().get(other).status == 200


def test_every_template_is_ready_before_anybody_asks(page: Running) -> None:
    from tickstock.web.render import templates

    cache = templates().cache
    assert cache is not None
    assert {name for _, name in cache} >= set(templates().list_templates())
