"""The short form of scripts/cross_installs.py: commands where no package of an extra is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tickstock.cli.app import COMMANDS, GROUPS
from tickstock.extras import EXTRAS
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments

BLOCKED = [module for modules in EXTRAS.values() for module in modules]
CODE = """
import contextlib, io, json, sys
blocked, lines = json.load(sys.stdin)
sys.modules.update(dict.fromkeys(blocked))
from tickstock.cli.app import run
for words in lines:
    out, err = io.StringIO(), io.StringIO()
    sys.stdin = io.StringIO("four words that will do")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
BARS = ("bars", "{AAPL}", "--format")
LACKING = {
    "pyarrow": [
        [*BARS, "parquet"],
        [*BARS, "arrow"],
        ["export", "{AAPL}", "set"],
        ["universe", "export", "{AAPL}", "--format", "parquet"],
        ["universe", "import", "list.parquet", "--as", "stock_universe:x", "--yes"],
    ],
    "argon2-cffi": [["user", "add", "ann"], ["user", "passwd", "ann"]],
    "redis": [["bridge"]],
    "starlette": [["serve", "--port", "0"]],
    "obstore": [["load", "{AAPL}", "--for", "1d"]],
}
"""By the package that is named first, commands that end with 2 and say what to install."""
WORKING = [
    [*BARS, "csv"],
    ["verify", "{AAPL}"],
    ["user", "list"],
    ["universe", "list"],
    ["coverage", "{AAPL}"],
    ["plan", "{AAPL}"],
]


def without_extras(
    database: Database, folder: Path, lines: list[list[str]]
) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each command, in a process that finds no extra's module."""
    own = {"DATABASE_URI": database.conninfo, "TICKSTOCK_HOME": str(folder), "HOME": str(folder)}
    s3 = {"TICKSTOCK_VENDOR": "flatfiles", "MASSIVE_S3_KEY_ID": "k", "MASSIVE_S3_SECRET": "s"}
    s3["MASSIVE_S3_ENDPOINT"] = "http://127.0.0.1:1"  # under a set clock no other is asked
    with database.transaction() as connection:
        ensure_instruments(connection, ["AAPL"])
    (folder / "list.parquet").write_bytes(b"PAR1PAR1")
    done = subprocess.run(
        [sys.executable, "-c", CODE], input=json.dumps([BLOCKED, lines]), capture_output=True,
        text=True, check=True, cwd=folder, env=os.environ | own | s3,
    )  # fmt: skip
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_command_that_lacks_a_package_says_what_to_install(
    database: Database, tmp_path: Path
) -> None:
    lines = [(package, words) for package, some in LACKING.items() for words in some]
    found = without_extras(database, tmp_path, [words for _, words in lines])
    for (package, words), (code, _, said) in zip(lines, found, strict=True):
        assert code == 2, (words, said)
        first, hint = said.splitlines()[-2:]
        assert first.startswith("error: This needs the Python package"), (words, said)
        assert package in first, (words, said)
        assert "Install: " in hint, (words, said)
        assert "tickstock[" not in hint


def test_every_other_command_does_without(database: Database, tmp_path: Path) -> None:
    helps = [[c, "--help"] for c in COMMANDS]
    helps += [[g, c, "--help"] for g, (_, commands) in GROUPS.items() for c in commands]
    lines = [*WORKING, *helps]
    for words, (code, _, said) in zip(
        lines, without_extras(database, tmp_path, lines), strict=True
    ):
        assert code == 0, (words, said)


def test_an_altered_export_is_told_without_pyarrow(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "set" / "timeframe=day" / "bars.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"altered")
    piece = {"path": "timeframe=day/bars.parquet", "bars": 1, "bytes": 3, "content": "0" * 64}
    manifest = {
        "schema": "tickstock/export/1", "made_by": "x", "environment": "DEFAULT", "revision": 1,
        "universe": "{AAPL}", "symbols": ["AAPL"], "timeframe": "day", "first": "2012-01-03",
        "last": "2012-01-04", "adjust": "raw", "unadjusted": [], "as_of": "2026-01-01T00:00:00Z",
        "bars": 1, "files": [piece | {"sha256": "0" * 64}],
    }  # fmt: skip
    (tmp_path / "set" / "manifest.json").write_text(json.dumps(manifest))
    code, out, said = without_extras(database, tmp_path, [["verify", "--folder", "set"]])[0]
    assert (code, said) == (1, "")
    assert "bars.parquet was changed. How, is seen with pyarrow. Install: " in out
