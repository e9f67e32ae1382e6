"""The demonstration of a whole market, small: its figures are those known from its making."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tickstock.cli.demo_market import PICTURE, show_market
from tickstock.cli.output import Common
from tickstock.cli.picture import chart_svg

DAYS = (date(2022, 12, 29), date(2023, 4, 28))


def test_what_it_says_of_survivors_is_known_from_the_making(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert show_market(Common(home=tmp_path), tickers=120, days=DAYS) == 0
    out, err = capsys.readouterr()
    assert "83 of 83 calls made" in out + err
    said = re.search(
        r"of the (\d+) members of 2022-12-29, (\d+) .* missing (\d+) are no longer"
        r" listed, (\d+) left",
        out,
    )
    made = re.search(
        r"of (\d+) firms .*, (\d+) \(.* (\d+) are delisted \((\d+) .*, (\d+) renamed,"
        r" (\d+) did not .* \((\d+) delisted since",
        out,
    )
    assert said is not None
    assert made is not None
    then, stayed, delisted, under_later, renamed, idle, since = map(int, made.groups())
    known = delisted - under_later + since
    lost = delisted + renamed + idle
    assert tuple(map(int, said.groups())) == (then, stayed, known, lost - known)
    assert delisted
    assert "%" in out
    picture = ElementTree.fromstring((tmp_path / PICTURE).read_text("utf-8"))
    assert picture.tag.endswith("svg")


def test_a_picture_has_its_values_between_its_edges() -> None:
    days = [date(2024, month, 1) for month in range(1, 13)]
    text = chart_svg("A < B", "none & nothing", days, [0, 5, 2.5, 10] * 3)
    picture = ElementTree.fromstring(text)
    texts = [t.text for t in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "A < B" in texts
    assert "none & nothing" in texts
    assert "10.00" in texts
    line = next(p for p in picture.iter() if p.get("class") == "line").get("d") or ""
    heights = [float(y) for y in re.findall(r" ([\d.]+)", line)]
    assert (min(heights), max(heights)) == (50.0, 260.0)
    assert chart_svg("nothing", "", days[:1], [0.0])
