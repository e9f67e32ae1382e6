"""The reference pages are what the code says today."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.docs.markdown import ROOT

SCRIPT = ROOT / "scripts" / "build_reference.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCRIPT_MODULE = load_script()


@pytest.mark.parametrize("name", SCRIPT_MODULE.PAGES)
def test_page_is_up_to_date(name: str) -> None:
    file = SCRIPT_MODULE.FOLDER / name
    made = SCRIPT_MODULE.PAGES[name]()
    stale = not file.exists() or file.read_text("utf-8") != made
    assert not stale, f"{name} is out of date: run scripts/build_reference.py"


def test_no_page_is_left_over() -> None:
    found = {f.name for f in SCRIPT_MODULE.FOLDER.glob("*.md")}
    assert found <= {*SCRIPT_MODULE.PAGES, "README.md", "json.md"}


def test_every_table_of_the_schema_is_described() -> None:
    text = SCRIPT_MODULE.SCHEMA.read_text("utf-8")
    page = SCRIPT_MODULE.schema()
    made = [line.split()[2] for line in text.splitlines() if line.startswith("CREATE TABLE")]
    assert len(made) > 10
    for name in made:
        assert f"### `{name}`" in page
