"""Packages that the core does without: which extra each belongs to, and how to install it here.

The only place that imports them by choice. Elsewhere an import of one stands behind `require`, in
the same function or, for a folder that is nothing without it, in the `__init__` of that folder.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from tickstock.errors import MissingExtra

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "frames": {"polars": "polars", "pyarrow": "pyarrow"},
    "serve": {
        "argon2": "argon2-cffi",
        "jinja2": "jinja2",
        "prometheus_client": "prometheus-client",
        "python_multipart": "python-multipart",
        "redis": "redis",
        "starlette": "starlette",
        "uvicorn": "uvicorn",
    },
    "s3": {"isal": "isal", "obstore": "obstore"},
    "lake": {"pyarrow": "pyarrow", "pyiceberg": "pyiceberg", "sqlalchemy": "sqlalchemy"},
}
"""For each extra, its modules and the packages that hold them."""
UNLISTED: Mapping[str, str] = {
    "index_constitution": "index-constitution",
    "pandas": "pandas",
    "pytickersymbols": "pytickersymbols",
}
"""Modules that are used where somebody has them, and belong to no extra."""


def need(module: str) -> Any:
    """The module of that name. Raises MissingExtra where it is not installed."""
    require(module)
    try:
        return importlib.import_module(module)
    except ImportError as e:
        package = _package(module)
        raise MissingExtra(
            f"The Python package {package} is installed and cannot be imported: {e}.",
            f"Install it anew: {install_command([package])}",
        ) from e


def require(*modules: str) -> None:
    """Raises MissingExtra, with what to install, where one of the modules is not installed."""
    lacking = [m for m in modules if not is_installed(m)]
    if not lacking:
        return
    extras = [extra for m in lacking if (extra := extra_of(m)) is not None]
    # Who lacks one package of an extra needs all of it for the next command.
    packages = list(EXTRAS[extras[0]].values()) if extras else [_package(m) for m in lacking]
    names = ", ".join(_package(m) for m in lacking)
    what, verb = ("package", "is") if len(lacking) == 1 else ("packages", "are")
    raise MissingExtra(
        f"This needs the Python {what} {names}, which {verb} not installed.",
        f"Install: {install_command(packages, extras[0] if extras else None)}",
    )


def optional(module: str) -> ModuleType | None:
    """The module of that name, or None where it is not installed: for what is merely faster."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def is_installed(module: str) -> bool:
    root = module.partition(".")[0]
    if root in sys.modules:
        return sys.modules[root] is not None
    return importlib.util.find_spec(root) is not None


def extra_of(module: str) -> str | None:
    """The extra that brings a module; None for one that no extra brings."""
    root = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if root in modules), None)


def _package(module: str) -> str:
    root = module.partition(".")[0]
    extra = extra_of(root)
    return EXTRAS[extra][root] if extra else UNLISTED.get(root, root)


# --- the install at hand -----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Install:
    """How this TickStock was installed. `tool` is what manages its environment: `run.py` of the
    checkout at `checkout`, `pipx`, `uv`, `pip` inside it, or `` where no pip is inside."""

    tool: str
    python: str
    name: str = "tickstock"
    checkout: Path | None = None


def install_command(packages: Iterable[str], extra: str | None = None) -> str:
    """What to type so that this TickStock finds the packages of an extra, or others."""
    wanted = _requirements(packages)
    return command_for(this_install(), wanted, locked=extra is not None)


def command_for(install: Install, requirements: Iterable[str], *, locked: bool) -> str:
    """The command that brings `requirements` into an install. Pure.

    `tickstock[extra]` is never in it: that name finds nothing where TickStock came from a file.

    Args:
        locked: whether a checkout's own lock file has them.
    """
    wanted = sorted(requirements)
    if install.checkout and install.tool == "run.py" and locked:
        return shlex.join(["python3", str(install.checkout / "run.py"), "extras"])
    before = {
        "pipx": ["pipx", "inject", install.name],
        "uv": ["uv", "pip", "install", "--python", install.python],
        "pip": [install.python, "-m", "pip", "install"],
    }.get(install.tool, ["python3", "-m", "pip", "--python", install.python, "install"])
    return shlex.join([*before, *wanted])


def this_install() -> Install:
    """The install that this process runs from, as the files of its environment say."""
    prefix, python = Path(sys.prefix), sys.executable or "python3"
    checkout = _checkout()
    if checkout and prefix == checkout / ".venv" and (checkout / "run.py").is_file():
        return Install("run.py", python, checkout=checkout)
    if (prefix / "pipx_metadata.json").is_file():
        return Install("pipx", python, prefix.name)
    if (prefix / "uv-receipt.toml").is_file():
        return Install("uv", python)
    if importlib.util.find_spec("pip") is not None:
        return Install("pip", python)
    return Install("uv" if shutil.which("uv") else "", python)


def _checkout() -> Path | None:
    """The folder of an editable install."""
    try:
        text = importlib.metadata.distribution("tickstock").read_text("direct_url.json")
        found = json.loads(text or "{}")
        if not found["dir_info"]["editable"]:
            return None
        return Path(unquote(urlsplit(found["url"]).path))
    except (importlib.metadata.PackageNotFoundError, KeyError, TypeError, ValueError):
        return None


def _requirements(packages: Iterable[str]) -> list[str]:
    """The packages with the versions that this TickStock asks for, as far as it is written."""
    try:
        lines = importlib.metadata.requires("tickstock") or []
    except importlib.metadata.PackageNotFoundError:
        lines = []
    asked = [line.partition(";")[0].strip() for line in lines]
    return [next((a for a in asked if _is_of(a, name)), name) for name in packages]


def _is_of(requirement: str, name: str) -> bool:
    rest = requirement.removeprefix(name)
    return rest != requirement and not (rest[:1].isalnum() or rest[:1] in ("-", "_", "."))
