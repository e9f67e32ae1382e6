"""Packages that the core does without: each import of one is behind `extras`, which says how to
install it where it is lacking."""

from __future__ import annotations

import ast
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tickstock
from tickstock import extras
from tickstock.errors import BadInput, MissingExtra
from tickstock.extras import EXTRAS, UNLISTED, Install, command_for

PACKAGE = Path(tickstock.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
OPTIONAL = {m for modules in EXTRAS.values() for m in modules} | set(UNLISTED)
BROUGHT = {"h11", "markupsafe", "multidict", "pytest", "yarl"}
"""What uvicorn, jinja2 and aiohttp bring always; pytest loads its plugin itself."""
ASKING = {"require", "need", "optional"}


def names(requirements: list[str]) -> set[str]:
    return {r.partition(">")[0].partition("[")[0].partition("=")[0] for r in requirements}


def test_the_table_is_that_of_the_project() -> None:
    written = {extra: names(given) for extra, given in PROJECT["optional-dependencies"].items()}
    assert {extra: set(modules.values()) for extra, modules in EXTRAS.items()} == written


# --- every import ---------------------------------------------------------------------------
def imported(node: ast.AST) -> list[str]:
    """The roots that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.module or "").partition(".")[0]]
    return []


def asked(node: ast.AST) -> set[str]:
    """The roots that are asked for by `require` and the like, somewhere inside."""
    calls = (n for n in ast.walk(node) if isinstance(n, ast.Call))
    ours = (c for c in calls if isinstance(c.func, ast.Name) and c.func.id in ASKING)
    return {str(a.value).partition(".")[0] for c in ours for a in c.args
            if isinstance(a, ast.Constant)}  # fmt: skip


def unguarded(file: Path, folder: Path) -> Iterator[str]:
    """Imports of optional modules before which nobody asked whether they are there."""
    tree = ast.parse(file.read_text("utf-8"))
    gates = [p / "__init__.py" for p in file.parents if p != folder and folder in p.parents]
    known = {root for gate in gates for root in asked(ast.parse(gate.read_text("utf-8")))}
    optional = [(n, r) for n in ast.walk(tree) for r in imported(n) if r in OPTIONAL]
    for node, root in optional:
        if root not in known.union(*(asked(f) for f in functions_around(node, tree))):
            yield f"{file.relative_to(folder)}:{node.lineno} imports {root}"  # type: ignore[attr-defined]


def functions_around(node: ast.AST, tree: ast.AST) -> list[ast.AST]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [f for f in ast.walk(tree) if isinstance(f, kinds) and node in ast.walk(f)]


def test_every_import_of_an_extra_is_behind_the_one_owner() -> None:
    found = [line for file in PACKAGE.rglob("*.py") for line in unguarded(file, PACKAGE)]
    assert not found


def test_nothing_is_imported_that_is_not_declared() -> None:
    core = {n.replace("-", "_") for n in names(PROJECT["dependencies"])}
    known = core | BROUGHT | OPTIONAL | set(sys.stdlib_module_names) | {"tickstock", "__future__"}
    files = PACKAGE.rglob("*.py")
    roots = {
        r for f in files for n in ast.walk(ast.parse(f.read_text("utf-8"))) for r in imported(n)
    }
    assert roots <= known


def test_what_the_check_would_find(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "a.py").write_text("def f():\n    import redis\n    import json\n")
    (tmp_path / "b.py").write_text("def f():\n    require('redis')\n    from redis import x\n")
    (tmp_path / "c.py").write_text("def g():\n    require('redis')\n\nimport redis\n")
    (room / "__init__.py").write_text("require('redis', 'jinja2')\n")
    (room / "d.py").write_text("import jinja2.x\nfrom polars import y\n")
    lines = {f.name: list(unguarded(f, tmp_path)) for f in tmp_path.rglob("?.py")}
    assert lines == {
        "a.py": ["a.py:2 imports redis"],
        "b.py": [],
        "c.py": ["c.py:4 imports redis"],
        "d.py": ["room/d.py:2 imports polars"],
    }


# --- what is said ---------------------------------------------------------------------------
def test_what_is_there_is_given() -> None:
    assert isinstance(extras.need("polars"), ModuleType)
    assert extras.optional("isal.isal_zlib") is not None
    extras.require("redis", "starlette")


def test_what_is_lacking_is_named_with_its_whole_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argon2", None)
    monkeypatch.setattr(extras, "this_install", lambda: Install("pip", "/venv/bin/python"))
    with pytest.raises(MissingExtra) as e:
        extras.require("starlette", "argon2")
    assert e.value.what == "This needs the Python package argon2-cffi, which is not installed."
    assert e.value.hint.startswith("Install: /venv/bin/python -m pip install 'argon2-cffi>=")
    assert "'uvicorn>=" in e.value.hint
    assert e.value.exit_code == 2
    assert isinstance(e.value, BadInput)
    assert isinstance(e.value, ImportError)  # what a program that imports it expects
    assert extras.optional("argon2") is None


def test_what_is_installed_and_broken_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pytickersymbols.py").write_text("import no_such_module_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pytickersymbols", raising=False)
    with pytest.raises(MissingExtra, match="cannot be imported: No module named 'no_such_mod"):
        extras.need("pytickersymbols")


@pytest.mark.parametrize(
    ("install", "locked", "command"),
    [
        (Install("run.py", "py", checkout=Path("/a b")), True, "python3 '/a b/run.py' extras"),
        (Install("run.py", "py", checkout=Path("/a")), False,
         "python3 -m pip --python py install a 'b>=2'"),
        (Install("pip", "/v/bin/python"), True, "/v/bin/python -m pip install a 'b>=2'"),
        (Install("", "/v/py"), True, "python3 -m pip --python /v/py install a 'b>=2'"),
        (Install("pipx", "py", "stock"), True, "pipx inject stock a 'b>=2'"),
        (Install("uv", "/v/bin/python"), True, "uv pip install --python /v/bin/python a 'b>=2'"),
    ],
)  # fmt: skip
def test_the_command_fits_the_install(install: Install, locked: bool, command: str) -> None:
    assert command_for(install, ["b>=2", "a"], locked=locked) == command


def test_the_install_at_hand_is_told_from_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "py")
    monkeypatch.setattr(extras.shutil, "which", lambda _: None)
    for there, tool in ((True, "pip"), (False, "")):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda n, t=there: (t or None) if n == "pip" else find(n)
        )
        assert extras.this_install() == Install(tool, "py")
    (tmp_path / "uv-receipt.toml").touch()
    assert extras.this_install() == Install("uv", "py")
    (tmp_path / "pipx_metadata.json").touch()
    assert extras.this_install() == Install("pipx", "py", tmp_path.name)
    monkeypatch.setattr(extras, "_checkout", lambda: tmp_path)
    (tmp_path / "run.py").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert extras.this_install() == Install("run.py", "py", checkout=tmp_path)
