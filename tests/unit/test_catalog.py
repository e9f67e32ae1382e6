"""The shipped definitions, and reading a folder of one's own."""

from __future__ import annotations

import itertools
import shutil
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from tickstock.errors import BadFile
from tickstock.model import UniverseRef
from tickstock.universes.catalog import Definition, catalog, read_folder, shipped, source_day

GUIDE = {
    "etf_universe:index_broad_market": (
        "Broad Market Index ETFs",
        "Major market index ETFs",
        "SPY QQQ IWM DIA VOO VTI MDY",
    ),
    "etf_universe:sector_sector_etfs": (
        "Sector ETFs",
        "S&P Sector SPDR ETFs",
        "XLF XLK XLV XLE XLI XLP XLY XLU XLB XLC XLRE",
    ),
    "etf_universe:sector_bonds": (
        "Fixed Income ETFs",
        "Bond and fixed income ETFs",
        "AGG BND TLT IEF SHY LQD HYG MUB",
    ),
    "etf_universe:sector_international": (
        "International ETFs",
        "International and emerging market ETFs",
        "VEA VWO IEFA EEM EFA IEMG",
    ),
    "etf_universe:theme_growth_value": (
        "Growth & Value ETFs",
        "Growth and value style ETFs",
        "VUG VTV SCHG SCHV IWF IWD MTUM QUAL USMV",
    ),
    "etf_universe:theme_crypto": (
        "Cryptocurrency ETFs",
        "Bitcoin and cryptocurrency ETFs",
        "IBIT FBTC GBTC BITO",
    ),
    "stock_universe:sector_technology": (
        "Technology Sector",
        "Major technology stocks",
        "AAPL MSFT GOOGL AMZN NVDA META AVGO ORCL CRM ADBE",
    ),
    "stock_universe:sector_healthcare": (
        "Healthcare Sector",
        "Major healthcare stocks",
        "UNH JNJ LLY ABBV MRK TMO ABT DHR PFE BMY",
    ),
    "stock_universe:sector_financials": (
        "Financial Sector",
        "Major financial stocks",
        "JPM V MA BAC WFC MS GS BLK C SPGI",
    ),
}
NAMED = {
    "etf_universe:master_all_etfs": ("All ETFs", "Master list of all tracked ETFs"),
    "stock_universe:master_all_stocks": ("All Stocks", "Master list of all tracked stocks"),
    "stock_universe:index_sp500": ("S&P 500", "S&P 500 index components"),
    "stock_universe:index_nasdaq100": ("NASDAQ 100", "NASDAQ 100 index components"),
    "stock_universe:index_dow30": ("Dow Jones 30", "Dow Jones Industrial Average components"),
}
SIZES = {"sp500": 503, "nasdaq100": 102, "dow30": 30, "sp100": 101, "sp600": 603}


def by_ref() -> dict[str, Definition]:
    return {str(d.ref): d for d in shipped().definitions}


@pytest.mark.parametrize(("ref", "expected"), GUIDE.items())
def test_the_guides_lists_are_shipped_exactly(ref: str, expected: tuple[str, str, str]) -> None:
    found = by_ref()[ref]
    assert (found.name, found.description, " ".join(found.symbols)) == expected


@pytest.mark.parametrize(("ref", "expected"), NAMED.items())
def test_the_guides_other_names_are_shipped_exactly(ref: str, expected: tuple[str, str]) -> None:
    found = by_ref()[ref]
    assert (found.name, found.description) == expected


def test_core_etfs() -> None:
    core = by_ref()["etf_universe:core_etfs"]
    assert core.name == "Core ETFs"
    assert core.symbols == ("SPY", "QQQ", "IWM", "DIA", "VOO", "VTI", "VEA", "VWO", "AGG", "BND")


def test_masters_are_expressions_over_their_type() -> None:
    assert by_ref()["etf_universe:master_all_etfs"].expression == "etf_universe:*"
    assert by_ref()["stock_universe:master_all_stocks"].expression == "stock_universe:*"


@pytest.mark.parametrize(("index", "size"), SIZES.items())
def test_indexes_say_where_they_come_from(index: str, size: int) -> None:
    found = by_ref()[f"stock_universe:index_{index}"]
    assert len(found.symbols) == size
    assert found.source
    assert found.as_of is not None
    assert found.as_of >= date(2026, 2, 9)
    assert found.provenance == f"{found.source}, as of {found.as_of}"
    assert source_day(found.provenance) == found.as_of


@pytest.mark.parametrize("source", ["", "a vendor", "as of 2026-13-01", "as of 2026-01-01 or so"])
def test_a_source_without_a_day(source: str) -> None:
    assert source_day(source) is None


def test_symbols_are_in_the_vendors_spelling() -> None:
    assert {"BRK.B", "BF.B"} <= set(by_ref()["stock_universe:index_sp500"].symbols)


def test_the_eleven_sectors_are_disjoint_and_make_up_the_index() -> None:
    sectors = [d for ref, d in by_ref().items() if ":sector_gics_" in ref]
    assert len(sectors) == 11
    for a, b in itertools.combinations(sectors, 2):
        assert not set(a.symbols) & set(b.symbols), (a.ref, b.ref)
    assert sum(len(d.symbols) for d in sectors) == 503


@pytest.mark.parametrize(
    "key", ["index_russell3000", "theme_dividend", "theme_growth", "theme_value"]
)
def test_what_has_no_source_is_explained_instead_of_shipped_empty(key: str) -> None:
    assert f"stock_universe:{key}" not in by_ref()
    readme = resources.files("tickstock") / "data" / "catalog" / "README.md"
    assert key.removeprefix("stock_universe:") in readme.read_text("utf-8")


def test_nothing_shipped_needs_a_remark_or_is_empty() -> None:
    assert shipped().remarks == ()
    assert all(bool(d.symbols) != bool(d.expression) for d in shipped().definitions)


def test_a_copy_of_the_shipped_folder_reads_the_same(tmp_path: Path) -> None:
    """The shipped form is the form of a user's own folder."""
    with resources.as_file(resources.files("tickstock") / "data" / "catalog") as folder:
        shutil.copytree(folder, tmp_path / "own")
    assert read_folder(tmp_path / "own") == shipped()


# --- a folder of one's own ----------------------------------------------------------------
def write(folder: Path, text: str, name: str = "own.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_own_definitions_come_on_top_and_win(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[etf_universe.core_etfs]\nname = "Mine"\nsymbols = ["SPY"]\n'
        '[etf_universe.theme_gold]\nname = "Gold"\nsymbols = ["GLD", "IAU"]\n',
    )
    found = {str(d.ref): d for d in catalog(tmp_path).definitions}
    assert found["etf_universe:core_etfs"].symbols == ("SPY",)
    assert found["etf_universe:theme_gold"].symbols == ("GLD", "IAU")
    assert len(found) == len(shipped().definitions) + 1


def test_members_are_read_from_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("\ufeffName,Symbol\r\nBerkshire,BRK-B\r\nA,A\r\nA,A\r\n")
    write(tmp_path, '[stock_universe.theme_x]\nname = "X"\nmembers = "m.csv"\n')
    found = read_folder(tmp_path)
    assert found.definitions[0].symbols == ("BRK.B", "A")
    assert [r.line for r in found.remarks] == [1, 1]
    text = "\n".join(map(str, found.remarks))
    assert "BRK-B is read as BRK.B" in text
    assert "m.csv:4: A stands in line 3 too" in text


def test_every_mistake_of_every_file_comes_at_once_with_its_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        "# a comment\n"
        "[etf_universe.Bad]\n"
        'name = "X"\n'
        'symbols = ["SPY"]\n'
        "\n"
        "[etf_universe.theme_none]\n"
        'name = "X"\n'
        "[etf_universe.theme_both]\n"
        'name = "X"\n'
        'symbols = ["SPY"]\n'
        'expression = "etf_universe:*"\n'
        "[etf_universe.theme_wrong]\n"
        'name = "X"\n'
        'symbols = ["SPY", 7]\n'
        "[etf_universe.theme_words]\n"
        'name = "X"\n'
        'symbols = ["not a symbol"]\n'
        "[etf_universe.theme_expression]\n"
        'name = "X"\n'
        'expression = "etf_universe:a |"\n'
        "[etf_universe.theme_field]\n"
        'name = "X"\n'
        'symbol = ["SPY"]\n'
        "[etf_universe.theme_empty]\n"
        'name = "X"\n'
        "symbols = []\n"
        "[stock_etf_combo.x]\n"
        'name = "X"\n'
        'symbols = ["SPY"]\n',
        "a.toml",
    )
    write(tmp_path, "x = 1 = 2", "b.toml")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadFile) as refused:
        read_folder(tmp_path)
    said = str(refused.value)
    for place in (
        "a.toml:2: etf_universe:Bad",
        "a.toml:6: etf_universe:theme_none",
        "a.toml:8: etf_universe:theme_both",
        "a.toml:14: etf_universe:theme_wrong: symbols.1",
        "a.toml:17: etf_universe:theme_words",
        "a.toml:20: etf_universe:theme_expression",
        "a.toml:23: etf_universe:theme_field: symbol",
        "a.toml:26: etf_universe:theme_empty",
        "a.toml: 'stock_etf_combo'",
        "b.toml:1: is not TOML",
        "c.toml: is not UTF-8",
    ):
        assert place in said, place


def test_one_universe_is_defined_once(tmp_path: Path) -> None:
    text = '[etf_universe.theme_x]\nname = "X"\nsymbols = ["SPY"]\n'
    write(write(tmp_path, text, "a.toml"), text, "b.toml")
    with pytest.raises(BadFile, match=r"b.toml:1: .* before, in a.toml:1"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    "path", ["../secret.csv", "/etc/passwd", "a/../../secret.csv", "..\\s.csv", ""]
)
def test_members_stay_in_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.csv").write_text("symbol\nSPY\n")
    own = tmp_path / "own"
    own.mkdir()
    (own / "a").mkdir()
    write(own, f"[etf_universe.theme_x]\nname = 'X'\nmembers = '{path}'\n")
    with pytest.raises(BadFile, match="does not lie in the folder"):
        read_folder(own)


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("symbol\nSPY\n")
    own = tmp_path / "own"
    own.mkdir()
    (own / "link.csv").symlink_to(tmp_path / "secret.csv")
    write(own, '[etf_universe.theme_x]\nname = "X"\nmembers = "link.csv"\n')
    with pytest.raises(BadFile, match="leads out of the folder"):
        read_folder(own)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<html>\n<body>403</body>", "is a web page"),
        ("symbol\n", "holds no symbol"),
        ('symbol\n"SPY', "not CSV"),
        (None, "cannot be read"),
    ],
)
def test_a_member_list_that_is_none(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "m.csv").write_text(content)
    write(tmp_path, '[etf_universe.theme_x]\nname = "X"\nmembers = "m.csv"\n')
    with pytest.raises(BadFile, match=said) as refused:
        read_folder(tmp_path)
    assert "own.toml:3" in str(refused.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="does not exist"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(BadFile, match="holds no universe definitions"):
        read_folder(tmp_path)


def test_an_expression_is_a_definition_too(tmp_path: Path) -> None:
    write(tmp_path, '[stock_universe.theme_x]\nname = "X"\nexpression = "{SPY, QQQ}"\n')
    (found,) = read_folder(tmp_path).definitions
    assert found == Definition(
        UniverseRef("stock_universe", "theme_x"), "X", expression="{SPY, QQQ}"
    )
