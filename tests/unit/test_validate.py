"""Validation: every check has a row that fails it, and a clean table has no findings."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.work import calls
from tickstock.errors import UnknownUniverse
from tickstock.model import Instrument, Ticker, UniverseRef
from tickstock.spans import Span
from tickstock.universes.findings import Finding, Severity, UniverseCheck, exit_code, render
from tickstock.universes.key import check_key, parse_ref
from tickstock.universes.known import is_known
from tickstock.universes.similar import near_duplicates
from tickstock.universes.validate import Context, StoredUniverse, safe_symbols, validate

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(ref: str, value: object, **more: Any) -> StoredUniverse:
    facts: dict[str, Any] = {"environment": "DEFAULT", "name": ref, "updated_at": NOW, **more}
    return StoredUniverse(ref=parse_ref(ref), value=value, **facts)


def found(*rows: StoredUniverse, **context: Any) -> list[Finding]:
    """What is found where every symbol is known, unless the context says otherwise."""
    return validate(rows, Context(NOW, **{"is_known": lambda _: True} | context))


def only(*rows: StoredUniverse, **context: Any) -> Finding:
    findings = found(*rows, **context)
    assert len(findings) == 1, render(findings, "text")
    assert findings[0].what
    assert findings[0].why
    assert findings[0].fix
    return findings[0]


def names(count: int) -> list[str]:
    letters = "ABCDEFGHIJ"
    return ["T" + "".join(letters[int(d)] for d in f"{n:04}") for n in range(count)]


def test_a_clean_table_has_no_findings() -> None:
    assert not found(
        row("stock_universe:master_all_stocks", ["AAPL", "BRK.B", "KIMpL"]),
        row("stock_universe:sector_technology", {"symbols": ["AAPL"]}),
        row("etf_universe:theme_x", {"holdings": ["AAPL", "BRK.B"], "total_holdings": 2}),
    )


@pytest.mark.parametrize(
    ("bad", "check", "severity", "symbol", "says"),
    [
        (
            row("etf_universe:theme_x", {"overview": {}}),
            UniverseCheck.SHAPE,
            "error",
            "",
            "overview",
        ),
        (
            row("etf_universe:theme_x", ["A", 3]),
            UniverseCheck.SHAPE,
            "error",
            "",
            "element 1 is a number",
        ),
        (
            row("etf_universe:theme_x", ["A", " "]),
            UniverseCheck.SHAPE,
            "error",
            "",
            "element 1 is blank",
        ),
        (row("etf_universe:theme_x", []), UniverseCheck.EMPTY, "error", "", "no symbol"),
        (
            row("etf_universe:theme_x", ["A", "US Dollar"]),
            UniverseCheck.SYMBOL,
            "error",
            "US Dollar",
            "space",
        ),
        (row("etf_universe:Theme-X", ["A"]), UniverseCheck.KEY, "error", "", "'Theme-X'"),
        (
            row("etf_universe:theme_x", ["A", "B", "A"]),
            UniverseCheck.DUPLICATE,
            "warning",
            "A",
            "more than",
        ),
        (
            row("etf_universe:theme_x", ["BRK-B"]),
            UniverseCheck.SPELLING,
            "warning",
            "BRK-B",
            "BRK.B",
        ),
        (row("etf_universe:theme_x", ["aapl"]), UniverseCheck.SPELLING, "warning", "aapl", "AAPL"),
        (
            row("etf_universe:theme_x", ["AAPL "]),
            UniverseCheck.SPELLING,
            "warning",
            "AAPL ",
            "'AAPL '",
        ),
        (
            row("etf_universe:theme_x", '["A"]'),
            UniverseCheck.ENCODING,
            "warning",
            "",
            "text inside JSON",
        ),
        (
            row("etf_universe:core_etfs", ["A"]),
            UniverseCheck.PREFIX,
            "warning",
            "",
            "none of the prefixes",
        ),
        (row("etf_universe:theme_x", ["A"], name=" "), UniverseCheck.NAME, "warning", "", "blank"),
        (
            row("etf_universe:theme_x", ["A"], name="x "),
            UniverseCheck.NAME,
            "warning",
            "",
            "blanks around",
        ),
        (
            row("etf_universe:theme_x", ["A"], name="x\n"),
            UniverseCheck.NAME,
            "warning",
            "",
            "blanks around",
        ),
        (
            row("etf_universe:theme_x", ["A"], updated_at=None),
            UniverseCheck.UPDATED,
            "warning",
            "",
            "not set",
        ),
        (
            row("etf_universe:theme_x", ["A"], updated_at=NOW + timedelta(hours=1)),
            UniverseCheck.UPDATED,
            "warning",
            "",
            "future (2026-11-20 13:00 UTC)",
        ),
        (
            row("etf_universe:theme_x", ["A"], source_date=date(2024, 1, 2), source="iShares"),
            UniverseCheck.SOURCE_AGE,
            "warning",
            "",
            "2024-01-02",
        ),
        (
            row("stock_etf_combo:theme_x", ["A"]),
            UniverseCheck.COMBO,
            "warning",
            "",
            "no longer written",
        ),
        (
            row("etf_universe:theme_x", {"symbols": ["A"], "count": 7}),
            UniverseCheck.COUNT,
            "info",
            "",
            "7",
        ),
        (
            row("stock_universe:index_dow30", names(29)),
            UniverseCheck.SIZE,
            "error",
            "",
            "expected are 30",
        ),
        (
            row("stock_universe:index_sp500", names(57)),
            UniverseCheck.SIZE,
            "error",
            "",
            "495 to 510",
        ),
        (
            row("stock_universe:index_nasdaq100", names(111)),
            UniverseCheck.SIZE,
            "error",
            "",
            "95 to 110",
        ),
        (
            row("stock_universe:index_russell3000", names(503)),
            UniverseCheck.SIZE,
            "error",
            "",
            "2500",
        ),
    ],
)
def test_each_fault_of_a_row_is_found(
    bad: StoredUniverse, check: UniverseCheck, severity: str, symbol: str, says: str
) -> None:
    finding = only(bad)
    assert (finding.check, finding.severity, finding.symbol) == (check, severity, symbol)
    assert finding.ref == bad.ref
    assert says in finding.what


@pytest.mark.parametrize(("key", "count"), [("dow30", 30), ("sp500", 503), ("nasdaq100", 101)])
def test_indexes_of_the_right_size_pass(key: str, count: int) -> None:
    assert not found(row(f"stock_universe:index_{key}", names(count)))


def test_an_index_of_etfs_is_no_index_of_stocks() -> None:
    assert not found(row("etf_universe:index_sp500", ["SPY", "VOO"]))


def test_all_faults_of_one_row_come_together() -> None:
    findings = found(row("etf_universe:Core", ["A", "A", "brk-b", "x y z"], name=""))
    assert {f.check for f in findings} == {
        UniverseCheck.KEY,
        UniverseCheck.NAME,
        UniverseCheck.DUPLICATE,
        UniverseCheck.SPELLING,
        UniverseCheck.SYMBOL,
    }
    assert [f.severity for f in findings] == ["error", "error", "warning", "warning", "warning"]


# ---------------------------------------------------------------------- expressions
MASTER = "etf_universe:master_all_etfs"


def test_an_expression_that_no_longer_resolves() -> None:
    one = row("etf_universe:theme_x", ["A"], expression="gone & a")
    error = UnknownUniverse("There is no universe 'gone'.", "Did you mean 'gold'?")
    finding = only(one, evaluated={("DEFAULT", one.ref): error})
    assert finding.check == UniverseCheck.EXPRESSION
    assert finding.severity == Severity.ERROR
    assert "'gone & a' no longer resolves: There is no universe" in finding.what
    assert finding.fix == "Did you mean 'gold'?"
    assert not found(one, evaluated={("STAGING", one.ref): error})


def test_a_stored_list_that_its_expression_has_left_behind() -> None:
    one = row("etf_universe:theme_x", ["A", "B"], expression="a")
    finding = only(one, evaluated={("DEFAULT", one.ref): ("A", "C", "D")})
    assert finding.check == UniverseCheck.OUT_OF_DATE
    assert "lacks 2" in finding.what
    assert "holds 1" in finding.what
    assert not found(one, evaluated={("DEFAULT", one.ref): ("B", "A")})


# ---------------------------------------------------------------------- universes together
def test_a_master_holds_all_of_its_type_and_environment() -> None:
    rows = (
        row(MASTER, ["SPY"]),
        row("etf_universe:theme_x", ["SPY", "BITO"]),
        row("etf_universe:theme_y", ["BITO", "SPY", "QQQ", "A"]),
        row("stock_universe:theme_x", ["AAPL"]),
        row("etf_universe:theme_z", ["HYG"], environment="STAGING"),
    )
    findings = found(*rows)
    assert [(f.check, f.symbol) for f in findings] == [
        (UniverseCheck.MASTER, "A"),
        (UniverseCheck.MASTER, "BITO"),
        (UniverseCheck.MASTER, "QQQ"),
    ]
    assert "etf_universe:theme_x and 1 more" in findings[1].what
    assert not found(*rows, masters=())


def test_a_master_is_judged_by_what_its_expression_gives() -> None:
    master = row(MASTER, ["SPY"], expression="etf_universe:*")
    other = row("etf_universe:theme_x", ["SPY", "BITO"])
    live = {("DEFAULT", master.ref): ("BITO", "SPY")}
    assert [f.check for f in found(master, other, evaluated=live)] == [UniverseCheck.OUT_OF_DATE]


def test_sectors_of_one_scheme_share_nothing() -> None:
    finding = only(
        row("stock_universe:sector_energy", ["XOM", "CVX"]),
        row("stock_universe:sector_utilities", ["NEE", "XOM"]),
        row("stock_universe:sector_gics_energy", ["XOM", "SLB"]),
        row("etf_universe:sector_energy", ["XLE", "XOM"]),
    )
    assert finding.check == UniverseCheck.SECTORS
    assert finding.symbol == "XOM"
    assert "sector_energy and sector_utilities" in finding.what


def test_two_universes_of_one_name() -> None:
    finding = only(
        row("etf_universe:theme_a", ["A"], name="Theme"),
        row("etf_universe:theme_b", ["B"], name="Theme"),
        row("stock_universe:theme_a", ["C"], name="Theme"),
    )
    assert finding.check == UniverseCheck.NAME
    assert "etf_universe:theme_a has the same name" in finding.what


def test_symbols_that_look_alike() -> None:
    findings = found(
        row("etf_universe:theme_a", ["KIMpL", "ZZZ.B", "SPY"]),
        row("etf_universe:theme_b", ["KIMPL", "ZZZB", "QQQ"]),
    )
    assert {f.check for f in findings} == {UniverseCheck.LOOKALIKE}
    assert [f.symbol for f in findings] == ["KIMpL", "ZZZ.B", "KIMPL", "ZZZB"]


def known(symbol: str, **life: Any) -> Instrument:
    return Instrument(1, symbol, **life)


def test_symbols_that_are_no_longer_what_they_were() -> None:
    renamed = date(2022, 6, 9)
    meta = (Ticker("FB", Span(date.min, renamed)), Ticker("META", Span(renamed, date.max)))
    findings = found(
        row("stock_universe:theme_a", ["FB", "WBD", "OLD", "META"]),
        row("stock_universe:theme_b", ["FB"], expression="theme_a & {FB}"),
        instruments={
            "FB": known("FB", tickers=meta),
            "META": known("META", tickers=meta),
            "WBD": known("WBD", delisted=date(2026, 10, 6)),
            "OLD": known("OLD", delisted_before=date(2026, 10, 9)),
        },
    )
    assert [(f.check, f.symbol) for f in findings] == [
        (UniverseCheck.DELISTED, "OLD"),
        (UniverseCheck.DELISTED, "WBD"),
        (UniverseCheck.RENAMED, "FB"),
    ]
    assert "no longer listed by 2026-10-09" in findings[0].what
    assert "no longer listed since 2026-10-06" in findings[1].what
    assert "since 2022-06-09 it is META" in findings[2].what


def test_symbols_that_nobody_knows_are_told() -> None:
    given = row("stock_universe:theme_a", ["PEP", "KO", "PEPSICO", "NEWCO"])
    instruments = {"NEWCO": known("NEWCO")}
    finding = only(given, instruments=instruments, is_known=is_known)
    assert finding.check == UniverseCheck.UNKNOWN
    assert "1 of 4 symbols are known to nobody: PEPSICO" in finding.what
    assert not found(row("stock_universe:theme_a", ["PEP", "KO"]), is_known=is_known)


def test_near_duplicates_are_found_and_expressions_are_not_blamed() -> None:
    base = names(100)
    rows = (
        row("etf_universe:theme_a", base),
        row("etf_universe:theme_b", base[:96]),
        row("etf_universe:theme_c", base[:80]),
        row("etf_universe:theme_d", list(reversed(base))),
        row("etf_universe:theme_e", base, expression="theme_a"),
        row("etf_universe:theme_f", base, environment="STAGING"),
    )
    findings = found(*rows)
    assert [(f.check, f.ref.key) for f in findings] == [
        (UniverseCheck.NEAR_DUPLICATE, "theme_a"),
        (UniverseCheck.NEAR_DUPLICATE, "theme_d"),
    ]
    assert "96.0% the same as etf_universe:theme_b" in findings[0].what
    assert "the same list as etf_universe:theme_a" in findings[1].what


SETS = st.lists(st.frozensets(st.integers(0, 30).map(str), max_size=25), max_size=12)


@given(SETS, st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_near_duplicates_are_exactly_those_of_the_definition(
    sets: list[frozenset[str]], threshold: float
) -> None:
    def share(a: frozenset[str], b: frozenset[str]) -> float:
        return len(a & b) / len(a | b) if a | b else 0.0

    ranked = sorted(range(len(sets)), key=lambda i: (len(sets[i]), i))
    expected = {
        i
        for rank, i in enumerate(ranked)
        if any(sets[j] and share(sets[i], sets[j]) >= threshold for j in ranked[:rank])
    }
    twins = near_duplicates(sets, threshold)
    assert [twin.index for twin in twins] == sorted(expected)
    assert all(share(sets[t.index], sets[t.other]) == t.share >= threshold for t in twins)


# ---------------------------------------------------------------------- outcome
FINDINGS: Mapping[str, list[Finding]] = {
    "clean": [],
    "info": found(row("etf_universe:theme_x", {"symbols": ["A"], "count": 2})),
    "warning": found(row("etf_universe:core", ["A"])),
    "error": found(row("etf_universe:core", [])),
}


@pytest.mark.parametrize(
    ("which", "relaxed", "strict"),
    [("clean", 0, 0), ("info", 0, 0), ("warning", 0, 3), ("error", 1, 1)],
)
def test_exit_codes(which: str, relaxed: int, strict: int) -> None:
    assert exit_code(FINDINGS[which]) == relaxed
    assert exit_code(FINDINGS[which], strict=True) == strict


def test_text_for_people() -> None:
    assert render(FINDINGS["error"], "text").splitlines() == [
        "error: etf_universe:core (DEFAULT): The universe names no symbol.",
        "    A job of it would do nothing.",
        "    Fix: Add symbols, or delete the universe.",
        f"warning: etf_universe:core (DEFAULT): {check_key('core')}",
        "    The prefix tells lists of the market, indexes, sectors and themes apart.",
        "    Fix: Rename it, or leave it as it is.",
        "1 error, 1 warning, 0 infos.",
    ]
    assert render([], "text") == "Nothing is wrong."


def test_json_for_programs() -> None:
    document = json.loads(render(FINDINGS["warning"], "json"))
    assert document["version"] == 1
    assert document["counts"] == {"error": 0, "warning": 1, "info": 0}
    assert document["findings"][0]["check"] == "prefix"
    assert document["findings"][0]["universe"] == "etf_universe:core"


def test_markdown_for_reports() -> None:
    lines = render(FINDINGS["error"], "markdown").splitlines()
    assert lines[0].startswith("| Severity | Universe |")
    assert lines[2].startswith("| error | etf\\_universe:core | DEFAULT |   |")
    assert lines[-1] == "1 error, 1 warning, 0 infos."


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_nothing_in_a_row_can_move_a_cursor_or_break_a_table(form: Any) -> None:
    nasty = row("etf_universe:theme_x", ["A|B\\|"], name="x\x1b[2J|\n", environment="D\x1b|\nE")
    text = render(found(nasty), form)
    assert "\x1b" not in text
    if form == "markdown":
        columns = text.replace("\\\\", "").replace("\\|", "").splitlines()
        assert {line.count("|") for line in columns if line.startswith("|")} == {8}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=7), inner),
        max_leaves=8,
    ),
    st.text(min_size=1, max_size=8),
    st.text(max_size=8),
)
def test_no_row_breaks_validation(value: object, key: str, name: str) -> None:
    stored = StoredUniverse(UniverseRef("etf_universe", key), "DEFAULT", name, value, NOW)
    findings = validate([stored, stored], Context(NOW))
    for form in ("text", "json", "markdown"):
        assert render(findings, form)
    safe_symbols(stored)


# ---------------------------------------------------------------------- fixing
@pytest.mark.parametrize(
    ("value", "fixed"),
    [
        (["A", "B"], None),
        (["A", "brk-b", "A", "BRK.B"], ("A", "BRK.B")),
        ('["A", "B"]', ("A", "B")),
        ({"symbols": ["A", "A"]}, ("A",)),
        ({"stocks": [{"ticker": "brk-b", "rank": 1}]}, None),
        ({"overview": {}}, None),
        (["x y z"], None),
        (["x y z", "aapl"], ("x y z", "AAPL")),
    ],
)
def test_only_what_is_safe_is_fixed(value: object, fixed: tuple[str, ...] | None) -> None:
    assert safe_symbols(row("etf_universe:theme_x", value)) == fixed


def test_a_stored_expression_is_not_mended_as_a_list() -> None:
    assert safe_symbols(row("etf_universe:theme_x", ["A", "A"], expression="a")) is None


# ---------------------------------------------------------------------- scale
def test_the_cost_of_a_check_grows_with_the_universes_and_not_with_their_pairs() -> None:
    """Seconds, of 10,000 universes of 500 symbols, are in the benchmarks."""
    draw = random.Random(57)
    market = names(10_000)
    rows = [row(f"stock_universe:theme_{n}", draw.sample(market, 100)) for n in range(400)]
    rows.append(row("stock_universe:theme_copy", list(rows[50].value)))  # type: ignore[call-overload]
    assert only(*rows).check == UniverseCheck.NEAR_DUPLICATE
    few, many = (calls(lambda n=n: validate(rows[:n], Context(NOW))) for n in (100, 400))
    assert many < 6 * few
