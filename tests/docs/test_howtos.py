"""The how-tos about universes do what they say: their commands are run, their output compared."""

from __future__ import annotations

import io
import os
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, blocks
from tests.docs.test_tutorial import commands, fits
from tickstock.cli.app import run
from tickstock.clock import machine_now
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

PAGES = ("change-universes", "import-lists", "ask-the-past", "whole-market")
VENDORS = {"whole-market": "replay:market=60@2024"}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_answers_as_shown(
    page: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    monkeypatch.setenv("TICKSTOCK_HOME", str(tmp_path))
    monkeypatch.setenv("TICKSTOCK_VENDOR", VENDORS.get(page, "replay"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    with database.transaction() as conn:
        fill_reference(conn)
    tell("tickstock universe organize --yes")
    for block in blocks((ROOT / "docs" / "howto" / f"{page}.md").read_text("utf-8")):
        if "file=~/" in block.info:
            (tmp_path / block.info.partition("file=~/")[2]).write_text(block.text, "utf-8")
            continue
        assert block.language == "console", f"line {block.line} is not run"
        for command, expected in commands(block.text):
            if command.startswith("export BEFORE="):
                monkeypatch.setenv("BEFORE", machine_now().replace(tzinfo=None).isoformat())
                continue
            said, code = tell(command)
            where = f"{page}.md, line {block.line}: {command}"
            assert (code != 0) == ("error: " in expected), f"{where} ended with {code}:\n{said}"
            assert fits(expected, said), f"{where}\n--- shown\n{expected}\n--- came\n{said}"


def tell(command: str) -> tuple[str, int]:
    """What a person would see of a command, and its exit code."""
    words = shlex.split(os.path.expandvars(command))
    assert words.pop(0) == "tickstock"
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = run(words)
    return out.getvalue(), code
