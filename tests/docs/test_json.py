"""The fields that reference/json.md names are those that the commands print."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from tests.docs.conftest import Shell
from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "reference" / "json.md"
RUN_ALL = """
import contextlib, io, json, sys
from tickstock.cli.app import run
documents = []
for words in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = run(words)
    documents.append([code, out.getvalue()])
print(json.dumps(documents))
"""
FIRST = [
    ["universe", "organize", "--yes"],
    ["load", "etf_universe:core_etfs", "--for", "1w"],
]


def test_fields_are_as_documented(running: Shell) -> None:
    sections = re.split(r"^## tickstock (.+)\n", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    names, texts = sections[1::2], sections[2::2]
    assert len(names) > 5
    commands = [shlex.split(example(text))[1:] for text in texts]
    documents = running.all_in_one(RUN_ALL, FIRST + commands)[len(FIRST) :]
    for name, text, (code, output) in zip(names, texts, documents, strict=True):
        assert code == 0, name
        body = json.loads(output)
        assert body["schema"] == "tickstock/1"
        assert fields_of(body["data"]) == documented(text), name


def example(section: str) -> str:
    found = re.search(r"`(tickstock [^`]+--json)`", section)
    assert found is not None, section
    return found[1]


def documented(section: str) -> set[str]:
    cells = re.findall(r"^\| (`.+?) \|", section, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def fields_of(data: Any) -> set[str]:
    return set(data[0] if isinstance(data, list) else data)
