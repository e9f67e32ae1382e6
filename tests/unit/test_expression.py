"""The expression language: what it reads, what it means, how it fails."""

from __future__ import annotations

import contextlib
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tickstock.errors import BadDates, BadExpression, EmptyUniverse, UnknownUniverse
from tickstock.model import Ticker, UniverseRef
from tickstock.spans import Span, days_of
from tickstock.universes.expression import (
    AsOf,
    Bare,
    Both,
    Chain,
    Glob,
    Node,
    Ref,
    Symbols,
    evaluate,
    evaluate_days,
    evaluate_intervals,
    format_expression,
    narrowed,
    parse,
    parse_client_universe,
    references,
    respellings,
)
from tickstock.universes.names import Names
from tickstock.universes.whole_market import MARKETS

STOCK, ETF, COMBO = "stock_universe", "etf_universe", "stock_etf_combo"
DAY = date(2020, 1, 2)


@dataclass
class Shelf:
    """Universes in memory: lists with the days from which they hold what, and expressions."""

    lists: Mapping[UniverseRef, Mapping[date, str]] = field(default_factory=dict)
    expressions: Mapping[UniverseRef, str] = field(default_factory=dict)
    reads: int = 0
    tickers: Mapping[int, tuple[Ticker, ...]] = field(default_factory=dict)
    today: date = date(2026, 11, 18)
    identifiers: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> Names:
        return Names(self.tickers)

    def last_day(self) -> date:
        return self.today

    def identified(self, texts: Sequence[str]) -> Mapping[str, str]:
        return {text: self.identifiers[text] for text in texts if text in self.identifiers}

    def refs(self) -> Iterable[UniverseRef]:
        return [*self.lists, *self.expressions]

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
        self.reads += 1
        intervals = self.lists[ref]
        past = [day for day in intervals if as_of is None or day <= as_of]
        return tuple(intervals[max(past)].split()) if past else ()

    def expression(self, ref: UniverseRef) -> str | None:
        return self.expressions.get(ref)

    def change_days(self, ref: UniverseRef, span: Span) -> Iterable[date]:
        return [day for day in self.lists[ref] if day in span]


def ref(text: str) -> UniverseRef:
    kind, key = text.split(":")
    return UniverseRef({"s": STOCK, "e": ETF, "c": COMBO}[kind], key)


def shelf(expressions: Mapping[str, str] | None = None, **lists: str) -> Shelf:
    """Lists of today by key (stocks; ETFs with the prefix `e_`), expressions by short ref."""
    return Shelf(
        {
            ref(f"e:{key[2:]}" if key.startswith("e_") else f"s:{key}"): {date.min: symbols}
            for key, symbols in lists.items()
        },
        {ref(name): text for name, text in (expressions or {}).items()},
    )


def symbols_of(text: str, lookup: Shelf) -> str:
    return " ".join(evaluate(parse(text), lookup).symbols)


# ---------------------------------------------------------------------- reading
A, B, C = Bare("a"), Bare("b"), Bare("c")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a", A),
        ("((a))", A),
        ("etf_universe:core_etfs", Ref(UniverseRef(ETF, "core_etfs"))),
        ("etf_universe:sector_*", Glob("sector_*", ETF)),
        ("sector_?", Glob("sector_?")),
        ("*", Glob("*")),
        ("{TSLA, NVDA,TSLA}", Symbols(("NVDA", "TSLA"))),
        ("{BRK-B}", Symbols(("BRK.B",))),
        ("a|b", Chain(A, (("|", B),))),
        ("a+b-c", Chain(A, (("|", B), ("-", C)))),
        ("a - b & c", Chain(A, (("-", Both((B, C))),))),
        ("a & b & c", Both((A, B, C))),
        ("(a | b) & c", Both((Chain(A, (("|", B),)), C))),
        ("a\n  | b", Chain(A, (("|", B),))),
        ("a @ 2020-01-02", AsOf(A, DAY)),
        ("a@2020-01-02", AsOf(A, DAY)),
        ("a | b @ 2020-01-02", AsOf(Chain(A, (("|", B),)), DAY)),
        ("a & b @ 2020-01-02", AsOf(Both((A, B)), DAY)),
        ("a @ 2020-01-02 | b", Chain(AsOf(A, DAY), (("|", B),))),
        ("a @ 2020-01-02 & b", Both((AsOf(A, DAY), B))),
        ("a @ 2020-01-02 - b", Chain(AsOf(A, DAY), (("-", B),))),
        ("a | (b @ 2020-01-02)", Chain(A, (("|", AsOf(B, DAY)),))),
        ("(a | b @ 2020-01-02) & c", Both((AsOf(Chain(A, (("|", B),)), DAY), C))),
        (
            "a @ 2015-01-01 .. 2015-12-31",
            AsOf(A, Span.inclusive(date(2015, 1, 1), date(2015, 12, 31))),
        ),
    ],
)
def test_the_grammar(text: str, node: Node) -> None:
    assert parse(text) == node


def test_the_example_of_the_reference_reads_back_from_its_canonical_text() -> None:
    text = (
        "(stock_universe:index_sp500 | stock_universe:index_nasdaq100)"
        " & stock_universe:sector_technology - {TSLA, NVDA} @ 2020-01-02"
    )
    assert format_expression(parse(text)) == (
        "((stock_universe:index_sp500 | stock_universe:index_nasdaq100)"
        " & stock_universe:sector_technology - {NVDA, TSLA}) @ 2020-01-02"
    )


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("a | | b", 5, "is expected here"),
        ("a &", 4, "is expected here"),
        ("- a", 1, "is expected here"),
        ("()", 2, "is expected here"),
        ("a b", 3, "operator (|, & or -) is missing"),
        ("a (b)", 3, "operator (|, & or -) is missing"),
        ("(a | b", 1, "never closed"),
        ("a)", 2, "closes nothing"),
        ("{TSLA", 1, "brace is never closed"),
        ("{}", 1, "set is empty"),
        ("{TSLA,, NVDA}", 7, "blank"),
        ("{TSLA, x y z}", 8, "holds a space"),
        ("a @", 3, "date must follow"),
        ("a @ yesterday", 3, "date must follow"),
        ("a @ 2020-02-30", 5, "no date of the calendar"),
        ("a @ 2020-01-022", 3, "date must follow"),
        ("a @ 2020-02-02..2020-01-01", 5, "no range of dates"),
        ("a @ 2020-01-02 @ 2020-01-03", 18, "second date"),
        ("AAPL", 1, "Write symbols in braces: {AAPL}."),
        ("a & BRK.B", 5, "Write symbols in braces: {BRK.B}."),
        ("AAPL,MSFT", 5, "Write symbols in braces: {AAPL, MSFT}."),
        ("aapl msft", 6, "operator"),
        ("etf_univers:core", 1, "Did you mean 'etf_universe'"),
        ("app_settings:x", 1, "no type of universe"),
        ("etf_universe:", 1, "not the key of a universe"),
        ("a.b", 1, "not the key of a universe"),
        ("clé", 1, "not the key of a universe"),
        ("a; b", 2, "only within pick"),
        ("a\x00", 2, "'\\x00' has no meaning"),
        ("(" * 51 + "a" + ")" * 51, 51, "more than 50 deep"),
    ],
)
def test_a_fault_is_shown_with_its_place(text: str, place: int, says: str) -> None:
    with pytest.raises(BadExpression) as error:
        parse(text)
    message = str(error.value)
    assert says in message
    assert f"(character {place})" in message
    lines = message.split("\n")
    assert lines[2].strip() == "^"
    if place <= len(text) and text.isprintable():
        assert lines[1][lines[2].index("^")] == text[place - 1]


@pytest.mark.parametrize("text", ["", " \n", "a" * 10_001])
def test_blank_and_endless_texts_are_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        parse(text)


def test_a_fault_in_a_long_text_shows_its_surroundings_only() -> None:
    text = "a | " * 2000 + "%" + " | a" * 400
    with pytest.raises(BadExpression) as error:
        parse(text)
    _, shown, caret, _ = str(error.value).split("\n")
    assert shown[caret.index("^")] == "%"
    assert len(shown) < 140


def test_five_thousand_operators_are_no_recursion() -> None:
    text = "|".join(["a"] * 5000)
    assert symbols_of(text, shelf(a="X")) == "X"
    assert parse(format_expression(parse(text[:4999]))) == parse(text[:4999])


@given(st.text("ab{}()|&-+@,:* 20-1.AB\n", max_size=30))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        node = parse(text)
    except BadExpression:
        return
    assert parse(format_expression(node)) == node


def test_what_an_expression_names_and_respells() -> None:
    node = parse("a | {BRK-B} - (etf_universe:x & a) @ 2020-01-02 | sector_*")
    assert references(node) == (A, Ref(UniverseRef(ETF, "x")), Glob("sector_*"))
    assert len(respellings(node)) == 1
    assert "BRK-B is read as BRK.B" in respellings(node)[0]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("etf_universe:core_etfs", "etf_universe:core_etfs"),
        ("nasdaq100", "nasdaq100"),
        ("SPY", "{SPY}"),
        ("SPY:nasdaq100", "{SPY} | nasdaq100"),
        (" SPY : QQQ :BRK-B", "{SPY} | {QQQ} | {BRK.B}"),
        ("dow30:etf_universe:core_etfs", "dow30 | etf_universe:core_etfs"),
        ("etf_universe", "etf_universe"),
    ],
)
def test_what_clients_write(text: str, canonical: str) -> None:
    assert format_expression(parse_client_universe(text)) == canonical


def test_a_known_key_of_a_client_goes_before_a_symbol() -> None:
    node = parse_client_universe("SPY:QQQ", known={"SPY"})
    assert node == Chain(Bare("SPY"), (("|", Symbols(("QQQ",))),))


@pytest.mark.parametrize("text", ["", ":", "SPY::QQQ", "a b c", "../x", "S" * 10_001])
def test_unreadable_words_of_clients_are_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        parse_client_universe(text)


# ---------------------------------------------------------------------- meaning
def test_operators_and_lineage() -> None:
    lookup = shelf(sp="A B C", ndx="B C D", tech="A C D")
    answer = evaluate(parse("(sp | ndx) & tech - {D} | {KIMpL}"), lookup)
    assert answer.symbols == ("A", "C", "KIMpL")
    assert answer.lineage == {
        "A": ("stock_universe:sp", "stock_universe:tech"),
        "C": ("stock_universe:sp", "stock_universe:ndx", "stock_universe:tech"),
        "KIMpL": ("{KIMpL}",),
    }


def test_what_was_taken_away_gets_no_credit_when_it_comes_back() -> None:
    answer = evaluate(parse("a - {X} | b"), shelf(a="X Y", b="X"))
    assert answer.lineage == {"X": ("stock_universe:b",), "Y": ("stock_universe:a",)}


def test_a_bare_key_needs_to_be_the_only_one() -> None:
    lookup = shelf(core="A", e_core="SPY")
    with pytest.raises(BadExpression, match="etf_universe:core or stock_universe:core"):
        symbols_of("core", lookup)
    assert symbols_of("etf_universe:core", lookup) == "SPY"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stock_universe:index_sp50", "Did you mean 'stock_universe:index_sp500'"),
        ("nasdaq100", "Did you mean 'index_nasdaq100'"),
        ("etf_universe:index_*", "etf_universe:index_*"),
        ("zzz", "tickstock universe list"),
    ],
)
def test_an_unknown_part_is_named_with_a_guess(text: str, says: str) -> None:
    with pytest.raises(UnknownUniverse, match=re.escape(says)):
        symbols_of(f"index_sp500 | {text}", shelf(index_sp500="A", index_nasdaq100="B", e_x="C"))


@pytest.mark.parametrize("text", ["a & b", "a - a", "none", "a @ 0001-01-01"])
def test_nothing_left_is_an_error_of_its_own(text: str) -> None:
    lookup = shelf(b="B", none="")
    lookup.lists = {**lookup.lists, ref("s:a"): {DAY: "A"}}
    with pytest.raises(EmptyUniverse):
        symbols_of(text, lookup)


def test_all_of_no_universes_is_empty() -> None:
    with pytest.raises(EmptyUniverse):
        symbols_of("*", shelf())


def test_membership_on_a_day_reaches_through_stored_expressions() -> None:
    lookup = Shelf({ref("s:a"): {date(2019, 1, 1): "OLD X", DAY: "NEW X"}}, {ref("s:e"): "a | {L}"})
    assert symbols_of("e @ 2019-06-01", lookup) == "L OLD X"
    assert symbols_of("e", lookup) == "L NEW X"
    answer = evaluate(parse("{Z} | (e @ 2019-06-01)"), lookup)
    assert answer.lineage["OLD"] == ("stock_universe:e @ 2019-06-01",)


def test_the_inner_date_holds() -> None:
    lookup = Shelf({ref("s:a"): {date(2019, 1, 1): "OLD", DAY: "NEW"}})
    assert symbols_of("((a @ 2019-06-01) | a) @ 2020-06-01", lookup) == "NEW OLD"


def test_a_range_asks_about_every_day_not_about_the_union_of_the_parts() -> None:
    lookup = Shelf(
        {
            ref("s:a"): {date(2019, 1, 1): "X Y", date(2019, 3, 1): "Y"},
            ref("s:b"): {date(2019, 6, 1): "X Y"},
        }
    )
    assert symbols_of("a - b @ 2019-01-01..2019-12-31", lookup) == "X Y"
    assert symbols_of("a - b @ 2019-06-01..2019-12-31 | {Z}", lookup) == "Z"


def test_a_range_reads_a_list_once_a_change() -> None:
    changes = {date(2010, 1, 1) + timedelta(days=30 * n): f"S{n}" for n in range(50)}
    lookup = Shelf({ref("s:a"): changes, ref("s:b"): {date(2010, 1, 1): "B"}})
    evaluate(parse("a | b @ 2010-01-01..2019-12-31"), lookup)
    assert lookup.reads == 51


# ---------------------------------------------------------------------- stored expressions
def test_a_stored_expression_is_answered_part_by_part() -> None:
    lookup = shelf({"s:both": "a | b"}, a="A X", b="B X")
    answer = evaluate(parse("both"), lookup)
    assert answer.lineage["X"] == ("stock_universe:a", "stock_universe:b")
    assert evaluate(parse("both | {Z}"), lookup).lineage["X"] == ("stock_universe:both",)


def test_a_master_is_all_of_its_type_without_itself() -> None:
    lookup = shelf({"s:master": "stock_universe:*"}, a="A", b="B", e_x="SPY")
    assert symbols_of("stock_universe:master", lookup) == "A B"
    assert symbols_of("*", lookup) == "A B SPY"
    assert symbols_of("stock_universe:* - master | {Z}", lookup) == "Z"


def test_a_glob_leaves_out_what_is_built_on_its_own_universe() -> None:
    lookup = shelf(
        {"s:master": "stock_universe:*", "s:few": "master & {A, Q}", "s:fewer": "few - {Q}"},
        a="A",
        b="B",
    )
    assert symbols_of("master", lookup) == "A B"
    assert symbols_of("few", lookup) == "A"
    assert symbols_of("fewer", lookup) == "A"


def test_many_masters_do_not_multiply() -> None:
    masters = {f"s:m{n}": "stock_universe:*" for n in range(60)}
    lookup = shelf(masters, a="A", b="B")
    assert symbols_of("m1 & m2", lookup) == "A B"
    assert lookup.reads == 2


def test_a_circle_is_named() -> None:
    lookup = shelf({"s:a": "b | {X}", "s:b": "c", "s:c": "a"})
    with pytest.raises(BadExpression, match=r"s:?\w*:a -> .*:b -> .*:c -> .*:a\."):
        symbols_of("a", lookup)
    with pytest.raises(BadExpression, match="built on itself"):
        symbols_of("{Q} | stock_universe:self", shelf({"s:self": "self | {A}"}))


@pytest.mark.parametrize(
    ("fails", "why"),
    [
        ("s:bad", "There is no universe 'gone'"),
        ("s:twice", "is the key of 2 universes"),
        ("s:odd", "cannot be read"),
        ("s:circle", "built on itself"),
    ],
)
@pytest.mark.parametrize("day", ["", " @ 2020-01-02", " @ 2020-01-02..2020-03-02"])
def test_a_stored_expression_that_fails_stops_no_glob(fails: str, why: str, day: str) -> None:
    texts = {"s:bad": "gone", "s:twice": "t", "s:odd": "a |", "s:circle": "stock_universe:circle"}
    lookup = shelf({"s:master": "stock_universe:*", fails: texts[fails]}, a="A", t="T", e_t="E")
    for text in ("stock_universe:*", "master"):
        found = evaluate(parse(f"{text}{day}"), lookup)
        assert found.symbols == ("A", "T")
        assert why in found.left_out[ref(fails)]
    with pytest.raises((BadExpression, UnknownUniverse), match=why):
        evaluate(parse(fails.replace("s:", "stock_universe:") + day), lookup)


def test_a_rule_under_a_glob_is_left_out_of_a_span_and_named() -> None:
    lookup = shelf({"s:rule": "pick(a; price >= 5)", "s:on": "rule | b"}, a="A", b="B")
    found = evaluate(parse("stock_universe:* @ 2020-01-02..2020-03-02"), lookup)
    assert found.symbols == ("A", "B")
    assert found.left_out.keys() == {ref("s:rule"), ref("s:on")}
    intervals = evaluate_intervals(
        parse("(stock_universe:* - {B}) @ 2020-01-02..2020-03-02"), lookup
    )
    assert list(intervals or ()) == ["A"]
    for named in ("rule", "on", "a | on"):
        with pytest.raises(BadExpression, match="picks by a rule"):
            evaluate(parse(f"({named}) @ 2020-01-02..2020-03-02"), lookup)


def test_a_long_way_of_expressions_is_refused() -> None:
    steps = {f"s:e{n}": f"e{n + 1}" for n in range(60)}
    with pytest.raises(BadExpression, match="more than 50 stored expressions"):
        symbols_of("e0", shelf(steps, e60="A"))


def test_deep_expressions_within_deep_expressions_are_refused() -> None:
    steps = {f"s:e{n}": "({Z} | x & " * 45 + f"e{n + 1}" + ")" * 45 for n in range(40)}
    with pytest.raises(BadExpression, match="nested too deeply"):
        symbols_of("e0", shelf(steps, x="X", e40="A"))
    over_days = parse("e0 @ 2020-01-02..2020-02-03")
    with pytest.raises(BadExpression, match="nested too deeply"):
        evaluate_intervals(over_days, shelf(steps, x="X", e40="A"))
    with pytest.raises(BadExpression, match="nested too deeply"):
        list(evaluate_days(parse("e0"), [DAY], shelf(steps, x="X", e40="A")))


def test_a_fault_inside_a_stored_expression_names_its_universe() -> None:
    lookup = shelf({"s:bad": "a |", "s:lost": "gone"}, a="A")
    with pytest.raises(BadExpression, match="stored expression of stock_universe:bad"):
        symbols_of("a | bad", lookup)
    with pytest.raises(UnknownUniverse, match="named in the expression of stock_universe:lost"):
        symbols_of("a | lost", lookup)


def test_an_unrelated_faulty_expression_spoils_nobody() -> None:
    lookup = shelf({"e:m": "etf_universe:x*", "s:bad": "a |"}, e_x1="SPY")
    assert symbols_of("etf_universe:m", lookup) == "SPY"


# ---------------------------------------------------------------------- properties
KEYS = ("a1", "a2", "b1")
LETTERS = st.sets(st.sampled_from("ABCDEF"), max_size=5)
DAYS = st.dates(date(2020, 1, 1), date(2020, 1, 20))
SPANS = st.tuples(DAYS, DAYS).map(lambda d: Span.inclusive(min(d), max(d)))
LEAVES = st.one_of(
    st.sampled_from(KEYS).map(Bare),
    st.sampled_from(KEYS).map(lambda key: Ref(UniverseRef(STOCK, key))),
    st.sampled_from(["a*", "?1", "*"]).map(Glob),
    st.just(Glob("b*", STOCK)),
    st.sets(st.sampled_from("ABCXY"), min_size=1).map(lambda s: Symbols(tuple(sorted(s)))),
)


def _grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    steps = st.lists(st.tuples(st.sampled_from("|-"), inner), min_size=1, max_size=3)
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Both(tuple(parts))),
        st.builds(lambda first, rest: Chain(first, tuple(rest)), inner, steps),
        st.builds(AsOf, inner, DAYS | SPANS),
    )


NODES: st.SearchStrategy[Node] = st.recursive(LEAVES, _grow, max_leaves=8)
SHELVES = st.fixed_dictionaries(
    {key: st.dictionaries(DAYS, LETTERS.map(" ".join), max_size=3) for key in KEYS}
).map(lambda intervals: Shelf({UniverseRef(STOCK, key): days for key, days in intervals.items()}))


@given(NODES)
def test_canonical_text_reads_back(node: Node) -> None:
    text = format_expression(node)
    assume(len(text) <= 10_000)
    assert parse(text) == node
    assert format_expression(parse(text)) == text


def model(node: Node, lookup: Shelf, day: date | None) -> set[str]:
    """What a node means, said as plainly as possible."""
    match node:
        case Symbols(symbols):
            return set(symbols)
        case Ref(UniverseRef(_, key)) | Bare(key) | Glob(key):
            refs = [r for r in lookup.lists if fnmatch.fnmatchcase(r.key, key)]
            return {s for r in refs for s in lookup.members(r, day)}
        case Both(parts):
            return set.intersection(*(model(part, lookup, day) for part in parts))
        case Chain(first, rest):
            held = model(first, lookup, day)
            for sign, part in rest:
                other = model(part, lookup, day)
                held = held | other if sign == "|" else held - other
            return held
        case AsOf(inner, Span() as span):
            return {s for each in days_of(span) for s in model(inner, lookup, each)}
        case AsOf(inner, when):
            assert isinstance(when, date)
            return model(inner, lookup, when)


@given(NODES, SHELVES)
def test_evaluation_is_set_algebra(node: Node, lookup: Shelf) -> None:
    expected = sorted(model(node, lookup, None))
    try:
        answer = evaluate(node, lookup)
    except EmptyUniverse:
        assert expected == []
        return
    assert list(answer.symbols) == expected
    assert list(answer.lineage) == expected
    assert all(answer.lineage.values())


@given(
    st.dictionaries(
        st.sampled_from(["s:p", "s:q", "s:r"]),
        st.sampled_from(["a", "p", "q | a", "r - a", "*", "stock_universe:* & q", "{Z} | r", "p?"]),
    )
)
def test_stored_expressions_always_come_to_an_end(expressions: Mapping[str, str]) -> None:
    lookup = shelf(expressions, a="A B", b="B C")
    for name in lookup.refs():
        with contextlib.suppress(BadExpression, UnknownUniverse, EmptyUniverse):
            assert evaluate(Ref(name), lookup).symbols


# --- instruments ------------------------------------------------------------------------------
RENAMED = date(2022, 6, 9)
EVER = Span(date.min, date.max)
TICKERS = {
    1: (Ticker("FB", Span(date.min, RENAMED)), Ticker("META", Span(RENAMED, date.max))),
    2: (Ticker("FB", Span(date(2025, 7, 21), date.max)),),
    3: (
        Ticker("ANTM", Span(date.min, date(2022, 6, 28))),
        Ticker("ELV", Span(date(2022, 6, 28), date.max)),
    ),
}
THEN, LATER = date(2015, 1, 2), date(2024, 1, 2)


def named() -> Shelf:
    """`told` changes with the tickers; `late` has today's of everybody; `stale` has old ones."""
    told = {date.min: "FB KO", RENAMED: "META KO"}
    late, stale = {date.min: "META ELV KO"}, {date.min: "ANTM PEP"}
    lists = {ref("s:told"): told, ref("s:late"): late, ref("s:stale"): stale}
    return Shelf(lists, tickers=TICKERS)


@pytest.mark.parametrize(
    ("expression", "symbols"),
    [
        ("told - {FB}", "KO"),
        ("told - {META}", "KO"),
        ("told & {FB}", "META"),
        ("{FB} & told", "META"),
        ("told & {FB, KO, PEP}", "KO META"),
        ("{FB, META} - {FB}", "META"),
        ("late | stale", "ELV KO META PEP"),
        ("late & stale", "ELV"),
        ("late - stale", "KO META"),
        ("stale - late", "PEP"),
        ("stale", "ANTM PEP"),
        ("{ANTM}", "ANTM"),
        (f"told - {{META}} @ {THEN}", "KO"),
        (f"late @ {THEN}", "ANTM FB KO"),
        (f"late | stale @ {THEN}", "ANTM FB KO PEP"),
        (f"(told @ {THEN}) | late", "ELV KO META"),
        (f"told - {{FB}} @ {LATER}", "KO"),
        ("told @ 2020-01-02..2023-01-02", "KO META"),
        ("(told - {FB}) @ 2020-01-02..2023-01-02", "KO"),
    ],
)
def test_operators_compare_instruments(expression: str, symbols: str) -> None:
    found = evaluate(parse(expression), named())
    assert " ".join(found.symbols) == symbols
    assert sorted(found.lineage) == list(found.symbols)
    assert all(found.lineage.values())


def test_an_answer_says_whom_a_symbol_was_taken_for() -> None:
    found = evaluate(parse("told - {FB, KO}| {PEP}"), named())
    assert found.notes == ["FB is taken for META, which had that ticker until 2022-06-08."]
    assert evaluate(parse("told - {META}"), named()).notes == []


def test_intervals_have_the_tickers_of_their_days() -> None:
    found = evaluate_intervals(parse("(late - {KO}) @ 2022-06-01..2022-07-04"), named())
    first, last = date(2022, 6, 1), date(2022, 7, 5)
    assert found == {
        "ANTM": (Span(first, date(2022, 6, 28)),),
        "ELV": (Span(date(2022, 6, 28), last),),
        "FB": (Span(first, RENAMED),),
        "META": (Span(RENAMED, last),),
    }
    # Whom a symbol names changes on days on which no list does.
    both = evaluate_intervals(parse("(told & {FB, META}) @ 2022-06-01..2022-07-04"), named())
    assert both == {"FB": found["FB"], "META": found["META"]}


def test_a_day_that_has_not_come_is_refused() -> None:
    with pytest.raises(BadDates, match="2026-11-19 has not come yet"):
        evaluate(parse("told @ 2026-11-19"), named())
    with pytest.raises(BadDates, match="2027-01-04 has not come yet"):
        evaluate(parse("told @ 2027-01-04..2027-02-01"), named())
    with pytest.raises(BadDates, match="has not come"):
        evaluate_intervals(parse("told @ 2027-01-04..2027-02-01"), named())
    found = evaluate_intervals(parse("told @ 2026-11-02..2099-12-31"), named())
    assert found is not None
    assert found["KO"] == (Span(date(2026, 11, 2), date(2026, 11, 19)),)
    assert evaluate(parse("told @ 2026-11-18"), named()).symbols == ("KO", "META")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pick(a; price > 5)", "compares with `>=` or `<=`"),
        ("pick(a; price = 5)", "compares with `>=` or `<=`"),
        ("pick(a; held >= 90%)", "0.9 for 90 %"),
        ("pick(sector_a, price >= 5)", "semicolon stands before a rule"),
        ("PICK(a; price >= 5)", "small letters"),
        ("pick(a; price 5)", "`>=` or `<=` is missing"),
        ("pick(a; top 5)", "`by MEASURE` is missing"),
        ("pick(a; top 5 by price; age >= 2)", "`top` must come last"),
        ("{A}, {B}", "A comma stands only between braces"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_how_to_write_it(text: str, said: str) -> None:
    with pytest.raises(BadExpression, match=said):
        parse(text)


# --- narrowed -------------------------------------------------------------------------------------
JANUARY = Span(date(2020, 1, 1), date(2020, 2, 1))


@pytest.mark.parametrize(
    ("text", "symbols", "meant"),
    [
        ("sp500 @ 2019-12-01..2020-01-15", (), "sp500 @ 2020-01-01..2020-01-15"),
        (
            "(sp500 | dow30) @ 2019-01-01..2021-01-01",
            (),
            "(sp500 | dow30) @ 2020-01-01..2020-01-31",
        ),
        ("sp500 @ 2019-01-01..2021-01-01", ("X", "A"), "(sp500 & {A, X}) @ 2020-01-01..2020-01-31"),
        ("sp500 @ 2019-01-01..2019-12-31", (), None),  # no day is left
        ("sp500 @ 2020-01-02", (), None),
        ("sp500", ("X",), None),
        ("{X} | (sp500 @ 2019-01-01..2021-01-01)", (), None),  # the span is not that of the whole
    ],
)
def test_narrowed_to_days_and_symbols(
    text: str, symbols: tuple[str, ...], meant: str | None
) -> None:
    found = narrowed(parse(text), JANUARY, symbols)
    assert found == (parse(meant) if meant else None)


def test_narrowed_to_no_days_keeps_its_own() -> None:
    node = parse("sp500 @ 2019-01-01..2021-01-01")
    assert narrowed(node, None) == node


CHANGING = [
    "told | {KO}",
    "(late - {KO}) | stale",
    "told & {FB, META}",
    "on | stock_universe:*",
    "told @ 2020-01-02",
]


@pytest.mark.parametrize("expression", CHANGING)
def test_on_many_days_is_on_each_of_them(expression: str) -> None:
    """Lists are read where they change; what is said of a day is said of no other."""
    days = [date(2020, 1, 2) + timedelta(days=7 * n) for n in range(180)]
    days = [day for day in days if day < RENAMED or day > RENAMED + timedelta(days=60)]
    one, many = ({"s:on": "late | {PEP}", "s:bad": "gone"} for _ in range(2))
    one_by_one, together = ((replace(named(), expressions=e)) for e in map(by_ref, (one, many)))
    node = parse(expression)
    expected = [evaluate(AsOf(node, day), one_by_one) for day in days]
    found = list(evaluate_days(node, days, together))
    assert found == expected
    assert together.reads < one_by_one.reads / 4


class HeldMarket(Shelf):
    """A market of which the days that its list names are held, and no others."""

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
        if as_of not in self.lists[ref]:
            raise UnknownUniverse(f"The whole market of {as_of} is not held.", "Load it.")
        return super().members(ref, as_of)


def test_a_day_that_is_not_held_of_a_market_is_no_day_without_a_change() -> None:
    market = next(iter(MARKETS))
    held = {date(2020, 1, 2): "A B", date(2020, 1, 3): "A C", date(2020, 1, 8): "A D"}
    days = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 7), date(2020, 1, 8)]
    found = evaluate_days(Ref(market), days, HeldMarket({market: held}))
    assert [next(found).symbols for _ in range(2)] == [("A", "B"), ("A", "C")]
    with pytest.raises(UnknownUniverse, match="2020-01-07 is not held"):
        next(found)


def test_days_are_answered_as_they_are_asked_for() -> None:
    lookup = named()
    found = evaluate_days(parse("told | {KO}"), [date(2020, 1, 2), date(2099, 1, 2)], lookup)
    assert "KO" in next(found).symbols
    with pytest.raises(BadDates, match="2099-01-02 has not come"):
        next(found)
    assert list(evaluate_days(parse("told"), [], lookup)) == []


def by_ref(expressions: Mapping[str, str]) -> dict[UniverseRef, str]:
    return {ref(name): text for name, text in expressions.items()}
