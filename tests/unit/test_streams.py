"""Output where the encoding lacks characters, or where nobody takes it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import tickstock
from tickstock.cli.draw import BLOCKS, LEGEND, chart_lines
from tickstock.cli.streams import PLAIN, fit_streams, json_for, plain

TICKSTOCK = [sys.executable, "-m", "tickstock"]
SOURCES = Path(tickstock.__file__).parent


def written(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding, "strict"))
    fit_streams()
    print(text, end="", flush=True)
    return out.getvalue().decode(encoding)


def test_drawings_keep_width_and_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [date(2012, 1, d) for d in range(1, 29)]
    lines = [LEGEND, *chart_lines(days, [float(d.day) for d in days], 60)]
    for line in lines:
        found = written(line, "ascii", monkeypatch)
        assert len(found) == len(line)
        assert "?" not in found
    assert len({written(c, "ascii", monkeypatch) for c in (*BLOCKS, "·", " ")}) == len(BLOCKS) + 2


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("ascii", "Societe 1# . -> ?? ?"),
        ("latin-1", "Société 1# · -> ?? ?"),
        ("cp437", "Société 1█ · -> ?? ?"),
        ("utf-8", "Société ▁█ · → 東京 ?"),
    ],
)
def test_only_what_is_lacking_is_replaced(
    encoding: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written("Société ▁█ · → 東京 \udcff", encoding, monkeypatch) == found


def test_every_character_of_our_texts_has_an_ascii_form() -> None:
    texts = (f.read_text("utf-8") for folder in ("cli", "service", "loading", "universes")
             for f in (SOURCES / folder).rglob("*.py"))  # fmt: skip
    ours = {c for text in texts for c in text if not c.isascii() and not c.isalpha()}
    assert ours <= set(PLAIN)
    assert all(plain(c).isascii() and plain(c) != "?" for c in PLAIN)


def test_json_loses_nothing() -> None:
    body = {"name": "Société ▁ 東京 𝄞"}
    text = json.dumps(body, ensure_ascii=False)
    for encoding in ("ascii", "latin-1", "utf-8"):
        out = io.TextIOWrapper(io.BytesIO(), encoding, "strict")
        out.write(json_for(text, out))
        assert json.loads(json_for(text, out)) == body


# --- processes ------------------------------------------------------------------------------
def run(*words: str | bytes, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TICKSTOCK, *words], capture_output=True, text=True, errors="replace", check=False,
        env=os.environ | environ,
    )  # fmt: skip


def test_help_in_ascii_and_as_a_module() -> None:
    found = run("plan", "--help", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.isascii()
    assert "Usage: tickstock plan" in found.stdout


def test_an_argument_that_is_no_text_is_refused() -> None:
    found = run("universe", "show", b"\xff\xfe", "--json", LC_ALL="C.UTF-8")
    assert found.returncode == 2
    assert "is no text in the encoding of this system" in found.stderr


def test_a_full_disk_behind_stdout_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [*TICKSTOCK, "config", "show", "--home", str(tmp_path)], stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr == "error: The output could not be written: No space left on device.\n"


def test_a_closed_stdout_is_no_error(tmp_path: Path) -> None:
    shown = " ".join([*TICKSTOCK, "config", "show", "--json", "--home", str(tmp_path)])
    found = subprocess.run(
        ["sh", "-c", f"{shown} >&-"], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
