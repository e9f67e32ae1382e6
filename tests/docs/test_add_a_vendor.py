"""The how-to about a vendor of one's own: its package is installed, its tests are run."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.markdown import ROOT, blocks
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

PAGE = ROOT / "docs" / "howto" / "add-a-vendor.md"
MODULE = "tickstock_tiingo.py"
COUNT = 60
"""Lines of code that the page promises to stay under."""


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """The files of the page."""
    found = blocks(PAGE.read_text("utf-8"))
    return {b.info.partition("file=")[2]: b.text for b in found if "file=" in b.info}


@pytest.fixture(scope="module")
def project(written: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiingo")
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, with what tells of its entry point."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,) = (project / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    (project / MODULE).unlink()  # what is imported is what was installed
    return folder


def environ(site: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TICKSTOCK_", "TIINGO_"))}
    return kept | {"PYTHONPATH": str(site), "COLUMNS": "200"} | more


def test_it_is_as_short_as_it_says(written: dict[str, str]) -> None:
    lines = [line for line in written[MODULE].splitlines() if line.strip()]
    assert len(lines) < COUNT


def test_it_keeps_the_promises_of_a_vendor(project: Path, site: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(
        command, cwd=project, env=environ(site), capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
    assert " passed" in found.stdout


def test_a_load_and_its_plan_go_by_the_vendors_limits(
    project: Path, site: Path, database: Database, tmp_path: Path
) -> None:
    with database.transaction() as connection:
        fill_reference(connection)
    own = {"DATABASE_URI": database.conninfo, "TICKSTOCK_HOME": str(tmp_path)}
    own |= {"TICKSTOCK_VENDOR": "tiingo", "TIINGO_API_KEY": "sesame"}
    server = stub(project, site)

    async def run(*words: str) -> tuple[int, str]:
        async with server.tiingo() as url:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "from tickstock.cli import main; main()", *words,
                env=environ(site, TIINGO_BASE_URL=url, TIINGO_CALLS_PER_MINUTE="0", **own),
                cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            said, _ = await process.communicate()
            return process.returncode or 0, said.decode()

    days = ("--from", "2012-02-01", "--to", "2012-02-29")
    code, said = asyncio.run(run("load", "{AAPL, BRK.B}", *days))
    assert code == 0, said
    code, said = asyncio.run(run("bars", "{AAPL}", *days))
    assert code == 0, said
    assert said.count("2012-02-") == 20, said
    code, said = asyncio.run(run("plan", "{AAPL}", *days, "--timeframes", "hour"))
    assert code == 2, said
    assert "This vendor has no hour bars" in said
    code, said = asyncio.run(run("config", "show"))
    assert code == 0, said
    assert "TIINGO_API_KEY" in said
    assert "sesame" not in said


def stub(project: Path, site: Path) -> ModuleType:
    """The server of the page's own tests."""
    sys.path.insert(0, str(site))
    try:
        spec = importlib.util.spec_from_file_location("test_tiingo", project / "test_tiingo.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(site))
