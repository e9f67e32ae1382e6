"""Names of universes."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tickstock.errors import BadKey
from tickstock.model import READ_TYPES, UniverseRef
from tickstock.universes.expression import (
    AsOf,
    Bare,
    Both,
    Chain,
    Ref,
    format_expression,
    parse,
)
from tickstock.universes.key import check_key, check_name, parse_ref


def test_a_ref_is_type_and_key() -> None:
    assert parse_ref(" etf_universe:core_etfs\n") == UniverseRef("etf_universe", "core_etfs")


def test_a_removed_type_and_an_odd_key_can_still_be_named() -> None:
    assert parse_ref("stock_etf_combo:SP500-old").key == "SP500-old"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("core_etfs", "type before the colon is missing"),
        ("", "type before the colon is missing"),
        ("etf_univers:core_etfs", "Did you mean 'etf_universe'"),
        ("app_settings:theme", "'app_settings' in 'app_settings:theme' is no type"),
        ("etf_universe:", "cannot be a key"),
        ('etf_universe:"a\\u0000b"', "cannot be a key"),
        ('etf_universe:"\\ud800"', "cannot be a key"),
        (r'etf_universe:"\x"', "not well quoted"),
        ("etf_universe:a\x00", "cannot be a key"),
    ],
)
def test_what_names_no_universe_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadKey, match=says):
        parse_ref(text)


ANY_KEY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.sampled_from(READ_TYPES), ANY_KEY | st.from_regex(r"\A[a-z][a-z0-9_]{0,99}\Z"))
@example("stock_universe", 'say "hi"')
@example("stock_universe", "a/b\\")
@example("stock_universe", "\x07\u202e\U000e0001")
def test_a_printed_ref_reads_back(kind: str, key: str) -> None:
    """Whatever key another program has given it: alone, in expressions, in addresses."""
    ref = UniverseRef(kind, key)
    assert parse_ref(str(ref)) == ref
    assert str(ref).isprintable()
    assert "/" not in str(ref)
    assert parse(str(ref)) == Ref(ref)
    both = Chain(Bare(key), (("-", Both((Ref(ref), AsOf(Ref(ref), date(2020, 1, 2))))),))
    assert parse(format_expression(both)) == both


@given(st.sampled_from(READ_TYPES), ANY_KEY.map(str.strip).filter(lambda k: k and k[0] != '"'))
def test_a_key_may_be_named_as_it_is_where_nothing_else_can_stand(kind: str, key: str) -> None:
    assert parse_ref(f"{kind}:{key}") == UniverseRef(kind, key)


def test_a_key_with_blanks_may_stand_alone_without_quotes() -> None:
    assert parse("stock_universe:my list") == Ref(UniverseRef("stock_universe", "my list"))


@pytest.mark.parametrize("key", ["master_all", "index_sp500", "sector_x", "theme_1"])
def test_a_key_with_a_prefix_is_clean(key: str) -> None:
    assert check_key(key) is None


def test_a_key_without_a_prefix_is_allowed_with_a_warning() -> None:
    assert "master_, index_, sector_, theme_" in (check_key("core_etfs") or "")


@pytest.mark.parametrize(
    ("key", "guess"),
    [("SP500", "sp500"), ("core-etfs", "core_etfs"), (" a", "a"), ("9lives", ""), ("", "")],
)
def test_a_key_against_the_convention_is_refused_with_a_better_one(key: str, guess: str) -> None:
    with pytest.raises(BadKey, match=f"such as {guess}" if guess else "cannot be the key"):
        check_key(key)


def test_a_name_is_trimmed() -> None:
    assert check_name("  S&P 500 ") == "S&P 500"


@pytest.mark.parametrize("name", ["", " \t", "two\nlines", "x" * 201])
def test_a_name_must_fit_on_one_line(name: str) -> None:
    with pytest.raises(BadKey, match="name of a universe"):
        check_name(name)
