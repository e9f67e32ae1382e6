"""What is read piece by piece is the same whatever the pieces are."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tickstock.service.export import BLOCK, _file_hash
from tickstock.universes.files import parquet, read_file, xlsx
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.parquet import rows_of_parquet
from tickstock.universes.files.written import Listing, OutForm, write_file


@pytest.mark.parametrize("block", [1, 2, 3, BLOCK])
def test_the_hash_of_a_file(tmp_path: Path, block: int) -> None:
    data = bytes(range(256)) * (BLOCK // 256) + b"and more" if block == BLOCK else b"seven b"
    (tmp_path / "f").write_bytes(data)
    assert _file_hash(tmp_path / "f", block) == hashlib.sha256(data).hexdigest()


LISTS = Path(__file__).parents[1] / "data" / "lists"


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_workbook(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (LISTS / "state_street.xlsx").read_bytes()
    whole = read_file("x.xlsx", data)
    assert whole.symbols
    monkeypatch.setattr(xlsx, "_STEP", step)
    assert read_file("x.xlsx", data) == whole


def test_a_workbook_of_more_than_a_piece() -> None:
    symbols = tuple(f"S{n}" for n in range(3_000))
    data = _workbook(symbols)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.getinfo("xl/worksheets/sheet1.xml").file_size > 2 * xlsx._STEP
    assert read_file("x.xlsx", data).symbols == symbols


def _workbook(symbols: Sequence[str]) -> bytes:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    cell = '<row r="{}"><c r="A{}" t="inlineStr"><is><t>{}</t></is></c></row>'
    rows = "".join(cell.format(n, n, s) for n, s in enumerate(["Ticker", *symbols], 1))
    sheet = '<sheets><sheet name="x" sheetId="1" r:id="r1"/></sheets>'
    link = f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">{sheet}</workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{link}</Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


@pytest.mark.parametrize("batch", [1, 2, 3, parquet.BATCH])
def test_a_parquet_file(batch: int) -> None:
    pytest.importorskip("pyarrow")
    symbols = [f"S{n}" for n in range(parquet.BATCH + 1 if batch > 3 else 7)]
    data = write_file(Listing(tuple(symbols), "x"), OutForm.PARQUET)
    rows = list(rows_of_parquet(data, Gather("x.parquet"), batch=batch))
    assert [row for _, row in rows] == [["symbol"], *([s] for s in symbols)]
    assert [line for line, _ in rows] == list(range(1, len(symbols) + 2))
