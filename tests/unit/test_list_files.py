"""Lists of symbols in the forms in which people, programs and issuers write them."""

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from tickstock.errors import BadFile
from tickstock.spans import ONE_DAY
from tickstock.universes.files import Form, Imported, read_file, read_history

FOLDER = Path(__file__).parents[1] / "data" / "lists"


def read(text: str, form: Form = Form.AUTO) -> Imported:
    return read_file("list", text.encode(), form)


def file(name: str, **options: bool) -> Imported:
    return read_file(name, (FOLDER / name).read_bytes(), **options)


@pytest.mark.parametrize(
    "text",
    [
        "symbol\nAAPL\nBRK.B\n",
        "Symbol,Name\nAAPL,Apple\nBRK.B,\n",
        "name,ticker\nApple,AAPL\n,BRK.B\n",
        "TICKER;weight\nAAPL;0,5\nBRK.B;0,5\n",
        "Ticker\tWeight\nAAPL\t1,000\nBRK.B\t2,000\n",
        "symbol|name\nAAPL|Apple, Inc.\nBRK.B|Berkshire, Inc.\n",
        "\ufeffsymbol,weight\r\nAAPL,0.5\r\nBRK.B,0.5\r\n",
        '"symbol","name"\n"AAPL","Apple, Inc."\n"BRK.B","Berkshire\nHathaway"\n',
        "# ours\n\nsymbol,x\n\nAAPL\n# no more\n BRK.B ,1,2,3\n",
        "AAPL\nBRK.B",
        "AAPL\rBRK.B\r",
        "AAPL,0.5\nBRK.B,0.5\n",
        "AAPL, BRK.B\n",
        "AAPL BRK.B",
        "AAPL # the phone\nBRK.B\n",
        "aapl\nbrk.b\n",
        '["AAPL", "BRK.B"]',
        '{"symbols": ["AAPL", "BRK.B"], "count": 2}',
        '{"symbols": [{"ticker": "AAPL"}, {"symbol": "BRK.B"}]}',
        '{"value": ["AAPL", "BRK.B"]}',
        '{"count": 2, "stocks": [{"ticker": "AAPL", "rank": 1}, {"ticker": "BRK.B"}]}',
        '{"name": "x", "etfs": [{"ticker": "AAPL"}, {"symbol": "BRK.B"}]}',
        '{"holdings": ["AAPL", "BRK.B"], "total_holdings": 2}',
        json.dumps('["AAPL", "BRK.B"]'),
        'symbols = ["AAPL", "BRK.B"]\n',
        '# mine\n[stock_universe.theme_x]\nname = "X"\nsymbols = ["AAPL", "BRK.B"]\n',
    ],
)
def test_the_same_list_in_every_form(text: str) -> None:
    found = read(text)
    assert found.symbols == ("AAPL", "BRK.B")
    assert found.rows["symbol"] == 2


def test_respelled_and_repeated_symbols_are_reported_with_their_lines() -> None:
    found = read("symbol,w\nBRK-B,1\nAAPL,2\nBRK/B,3\n")
    assert found.symbols == ("BRK.B", "AAPL")
    assert found.left_out == {"repeated": 1}
    told = [str(r) for r in found.remarks]
    assert told[0].startswith("list:2: BRK-B is read as BRK.B")
    assert "list:4: BRK.B stands in line 2 too; left out." in told


def test_json_and_toml_name_lines_too() -> None:
    found = read('{\n "name": "AAPL",\n "symbols": [\n  "AAPL",\n  "BRK-B"\n ]\n}')
    assert [r.line for r in found.remarks] == [5]
    found = read('symbols = [\n "AAPL",\n "BRK-B",\n]\n')
    assert [r.line for r in found.remarks] == [3]


def test_a_table_without_a_header_says_which_column_was_taken() -> None:
    found = read("AAPL,XNAS\nMSFT,XNAS\n")
    assert found.symbols == ("AAPL", "MSFT")
    assert "first column" in str(found.remarks[0])


@pytest.mark.parametrize(
    "text",
    [
        "symbol,opt-in,opt-out\nGE,1896-05-26,2018-06-26\nAAPL,2015-03-19,\nX,2030-01-01,\n",
        "symbol,starts,ends\nGE,2000-01-01,2026-11-20\nAAPL,2000-01-01,2026-11-21\n",
        "symbol,from,to\nGE,2000-01-01,2026-11-19\nAAPL,2000-01-01,2026-11-20\n",
        "symbol,first,last\nAAPL,1900-01-01,1910-01-01\nAAPL,2000-01-01,\n",
    ],
)
def test_of_a_history_only_the_members_of_today_are_taken(text: str) -> None:
    found = read_file("h.csv", text.encode(), today=date(2026, 11, 20))
    assert found.symbols == ("AAPL",)
    assert found.left_out.keys() - {"day to come"} == {"former member"}
    assert any("part of its history" in str(remark) for remark in found.remarks)
    told = read_history("h.csv", text.encode(), today=date(2026, 11, 20)).history
    assert found.history is not None
    assert (found.history.days, found.history.intervals) == (told.days, told.intervals)


def test_columns_named_like_dates_that_hold_none_are_no_history() -> None:
    found = read("symbol,first,last\nAAPL,99.5,101\nMSFT,n/a,\n")
    assert (found.symbols, found.remarks, found.left_out) == (("AAPL", "MSFT"), (), {})


@pytest.mark.parametrize(
    ("text", "symbols", "left_out"),
    [
        (
            "date,symbol\n2020-01-02,AAPL\n2020-01-02,GE\n2021-01-04,AAPL\n2021-01-04,MSFT\n",
            ("AAPL", "MSFT"),
            {"earlier list": 2},
        ),
        (
            "date,symbol\n2020-01-02,AAPL\n2020-01-02,GE\n2199-01-04,AAPL\n2199-01-04,MSFT\n",
            ("AAPL", "GE"),
            {"day to come": 2},
        ),
        (
            'date,tickers\n2020-01-02,"AAPL,GE"\n2021-01-04,"AAPL,MSFT"\n2021-02-01,"AAPL,KO"\n',
            ("AAPL", "KO"),
            {"earlier list": 2},
        ),
        (
            'date,add,remove\n2020-01-02,"PEP,GE,KO",\n2021-01-04,MSFT,"PEP,KO"\n2021-02-01,,\n',
            ("GE", "MSFT"),
            {"former member": 2, "leaving": 2, "without symbol": 1},
        ),
        (
            "date,action,symbol\n2020-01-02,add,PEP\n2020-01-02,+,GE\n2021-01-04,remove,PEP\n",
            ("GE",),
            {"former member": 1, "leaving": 1},
        ),
    ],
)
def test_lists_of_several_days_and_changes_are_histories(
    text: str, symbols: tuple[str, ...], left_out: dict[str, int]
) -> None:
    found = read_file("h.csv", text.encode(), today=date(2026, 11, 20))
    assert (found.symbols, found.left_out) == (symbols, left_out)
    told = read_history("h.csv", text.encode(), today=date(2026, 11, 20)).history
    assert found.history is not None
    assert (found.history.days, found.history.intervals) == (told.days, told.intervals)


def test_a_day_to_come_beside_symbols_that_stand_once_leaves_none_out() -> None:
    text = b"symbol,date\nPEP,2027-02-04\nKO,2026-12-01\n"
    assert read_file("earnings", text, today=date(2026, 11, 20)).symbols == ("PEP", "KO")


def test_dates_beside_symbols_that_stand_once_are_no_history() -> None:
    found = read("date,symbol\n2020-01-02,AAPL\n2021-01-04,MSFT\n")
    assert "2 dates" in str(found.remarks[0])
    assert found.history is None
    one = read("date,symbol\n2020-01-02,AAPL\n2020-01-02,MSFT\n")
    assert (one.remarks, one.history) == ((), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,action,symbol\n2020-01-02,remove,AAPL\n", "h.csv:2: AAPL leaves.*--backwards"),
        ("date,action,symbol\n2020-01-02,swap,AAPL\n", "h.csv:2: 'swap' is neither"),
        ("date,action,symbol\nsoon,add,AAPL\n2020-01-02,add,GE\n", "h.csv:2: 'soon' is not a date"),
        ("date,symbol\n2020-01-02,GE\n2021-01-02,GE\nsoon,GE\n", "h.csv:4: 'soon' is not a date"),
        *(
            (
                f"symbol,{two}\nGE,01/02/2010,01/02/2020\nPEP,01/02/2010,\n",
                "h.csv:3: '01/02/2010' is",
            )
            for two in ("starts,ends", "first,last", "start_date,end_date", "joined,left")
        ),
        ("symbol,starts,ends\nGE,,06/26/2018\nPEP,,\n", "h.csv:2: '06/26/2018' is not a date"),
        ("symbol,starts,ends\nGE,,2018-06-26\nPEP,,\n", "h.csv:2: '' is not a date"),
        ("symbol,starts,ends\nGE,40180,43831\nPEP,40180,\n", "h.csv:2: '40180' is not a date"),
        ("symbol,first,last\nGE,40180,43831\nPEP,40180,\n", "h.csv:2: '40180' is not a date"),
        ("date,symbol\n01/02/2020,GE\n02/03/2020,GE\n", "h.csv:2: '01/02/2020' is not a date"),
        ('date,tickers\n01/02/2020,"GE,KO"\n', "h.csv:2: '01/02/2020' is not a date"),
        ("symbol,starts,ends\nGE,2010-01-02,2020-01-02\n", "nobody is a member today.*record REF"),
        ("isin,starts,ends\nUS0378331005,2010-01-02,2020-01-02\n", "US0378331005.*is an ISIN"),
        ("symbol,from,to\nGE,2020-01-02,\nPEP,soon,\n", "h.csv:3: 'soon' is not a date"),
        ("symbol,from,to\nGE,2020-01-02,late\nPEP,2020-01-02,\n", "h.csv:2: 'late' is not a date"),
        (
            "symbol,from,to\nGE,2020-01-02,2019-01-02\nPEP,2020-01-02,\n",
            "h.csv:2: 'GE' leaves before",
        ),
    ],
)
def test_a_history_that_cannot_be_read_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(BadFile, match=re.compile(said, re.DOTALL)):
        read_file("h.csv", text.encode(), today=date(2026, 11, 20))


def test_a_history_by_identifiers_keeps_its_days() -> None:
    text = b"isin,starts,ends\nUS0378331005,2010-01-02,\nUS3696043013,2010-01-02,2018-06-26\n"
    names = {"US0378331005": "AAPL", "US3696043013": "GE"}

    def identify(texts: Sequence[str]) -> dict[str, str]:
        return {text: names[text] for text in texts}

    found = read_file("h.csv", text, identify=identify, today=date(2026, 11, 20))
    assert found.symbols == ("AAPL",)
    assert found.history == read_history("h.csv", text, identify=identify).history


def test_one_date_in_another_form_beside_each_symbol_is_no_history() -> None:
    found = read("date,symbol\n11/27/2026,AAPL\n11/27/2026,MSFT\n")
    assert (found.symbols, found.remarks, found.history) == (("AAPL", "MSFT"), (), None)


@pytest.mark.parametrize("text", ["symbol,name,x\nAAPL,Apple,1\n", "AAPL,Apple,1\nMSFT,Micro,2\n"])
@pytest.mark.parametrize("number", ["0", "4", "00", "9" * 5000])
def test_columns_count_from_one_to_the_last(text: str, number: str) -> None:
    with pytest.raises(BadFile, match="count from 1; it has 3"):
        read_file("list", text.encode(), column=number)


def test_the_form_can_be_named_where_the_content_misleads() -> None:
    assert read("AAPL,MSFT\nKO,PEP\n", Form.TXT).symbols == ("AAPL", "MSFT", "KO", "PEP")
    text = "Ticker,Name,Asset Class\nAAPL,Apple,Equity\nMSFT,Microsoft,Cash\n"
    assert read(text).symbols == ("AAPL",)
    assert read(text, Form.CSV).symbols == ("AAPL", "MSFT")
    with pytest.raises(BadFile, match="no header with a ticker column"):
        read("AAPL\nMSFT\n", Form.HOLDINGS)


def test_a_json_document_dates_itself() -> None:
    found = read('{"symbols": ["AAPL"], "last_updated": "2025-07-18T21:00:00Z"}')
    assert found.as_of == date(2025, 7, 18)


# --- issuers ----------------------------------------------------------------------------
def test_ishares() -> None:
    found = file("ishares.csv")
    assert found.form == "iShares holdings"
    assert found.symbols == ("NVDA", "AAPL", "BRK.B", "BF.B")
    assert found.as_of == date(2025, 7, 18)
    assert found.left_out == {
        "heading": 8,
        "without ticker": 1,
        "not listed": 1,
        "foreign": 1,
        "cash": 2,
        "derivative": 1,
        "text": 1,
    }
    assert any(str(r).startswith("ishares.csv:18: 'XTSLA'") for r in found.remarks)


def test_what_a_database_knows_of_spellings_is_asked_and_may_make_repeats() -> None:
    data = b"symbol\nNVDA\nQQQB\nZZZB\n"
    found = read_file("x.csv", data, resolve=lambda _: {"QQQB": "QQQ.B", "ZZZB": "NVDA"})
    assert found.symbols == ("NVDA", "QQQ.B")
    assert found.left_out["repeated"] == 1
    assert any(str(r).startswith("x.csv:3: QQQB is read as QQQ.B") for r in found.remarks)


def test_state_street() -> None:
    found = file("state_street.xlsx")
    assert found.form == "XLSX, State Street holdings"
    assert found.symbols == ("NVDA", "BRK.B")
    assert found.as_of == date(2025, 7, 18)
    assert found.left_out == {"heading": 3, "not listed": 1, "cash": 2, "text": 1}


def test_invesco() -> None:
    found = file("invesco.csv")
    assert (found.form, found.symbols) == ("Invesco holdings", ("NVDA", "ASML", "META"))
    assert (found.as_of, found.left_out) == (date(2025, 7, 18), {"cash": 2})


def test_vanguard() -> None:
    found = file("vanguard.csv")
    assert (found.form, found.symbols) == ("Vanguard holdings", ("NVDA", "BRK.B", "WCN"))
    assert found.as_of == date(2025, 6, 30)
    assert found.left_out == {"heading": 4, "short-term reserves": 3}


def test_nasdaq_listing() -> None:
    found = file("nasdaqlisted.txt")
    assert found.symbols == ("AAPL", "AACBR", "QQQ")
    assert (found.as_of, found.left_out) == (date(2025, 7, 21), {"test issue": 1})


def test_other_listing_gives_the_cqs_symbols_of_the_wanted_kind() -> None:
    assert file("otherlisted.txt").symbols == ("ABRpD", "ACHR.WS", "BRK.B", "SPY")
    assert file("otherlisted.txt", etfs=True).symbols == ("SPY",)
    stocks = file("otherlisted.txt", etfs=False)
    assert stocks.symbols == ("ABRpD", "ACHR.WS", "BRK.B")
    assert stocks.left_out == {"ETF": 1, "test issue": 1}


def test_the_sheet_named_holdings_of_a_workbook_by_another_writer() -> None:
    found = file("two_sheets.xlsx")
    assert found.symbols == ("AAPL", "MSFT", "BRK.B")
    assert found.remarks[0].line == 6


def test_a_legal_text_that_begins_a_row_of_holdings_is_no_holding() -> None:
    footer = "Holdings are shown as of the date and may change, and are no advice, ever, to anybody"
    found = read(f"Ticker,Name,Asset Class,Weight\nAAPL,Apple,Equity,1\n{footer}\n")
    assert (found.symbols, found.left_out) == (("AAPL",), {"text": 1})


def test_a_history_ends_today_whatever_it_says_of_days_to_come() -> None:
    text = b"symbol,from,to\nPEP,2015-01-02,2026-12-19\nKO,2015-01-02,2020-01-01\nCAT,2027-01-04,\n"
    told = read_history("h", text, today=date(2026, 11, 20))
    assert told.rows == {"day to come": 1}
    assert str(told.history.days) == "2015-01-02..2020-01-02"
    spans = {interval.symbol: str(interval.span) for interval in told.history.intervals}
    assert spans == {"KO": "2015-01-02..2020-01-01", "PEP": f"2015-01-02..{date.max - ONE_DAY}"}
